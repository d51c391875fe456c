"""What a run tells about itself: which test claims what, and how each test ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from pytest_devsecops.core.requirement import Requirement, as_dict, from_dict

#: How a test can end, as far as requirements are concerned. Only ``passed`` can make one met.
OUTCOMES = (
    "passed",
    "failed",
    "skipped",
    "xfailed",
    "xpassed",
    "error",
    "deselected",
    "not run",
)


@dataclass(frozen=True, slots=True)
class Claim:
    """One test claims one requirement, as its marker defines it.

    Attributes:
        nodeid: pytest's id of the test.
        requirement: the definition in the marker; its title may be empty.
        default_title: what the requirement is called if no definition has a title.
    """

    nodeid: str
    requirement: Requirement
    default_title: str = ""


@dataclass(frozen=True, slots=True)
class Inventory:
    """What was collected: every claim, and the claiming tests that the selection dropped.

    Attributes:
        claims: in collection order.
        dropped: node ids of claiming tests that were collected and then deselected.
    """

    claims: tuple[Claim, ...] = ()
    dropped: frozenset[str] = frozenset()

    def as_dict(self) -> dict[str, Any]:
        """Return the inventory as a JSON object, to cross a process border."""
        return {
            "claims": [
                {
                    "nodeid": claim.nodeid,
                    "requirement": as_dict(claim.requirement),
                    "default_title": claim.default_title,
                }
                for claim in self.claims
            ],
            "dropped": sorted(self.dropped),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Inventory:
        """Return the inventory that ``as_dict`` wrote."""
        claims = tuple(
            Claim(item["nodeid"], from_dict(item["requirement"]), item["default_title"]) for item in data["claims"]
        )
        return cls(claims, frozenset(data["dropped"]))


@dataclass(frozen=True, slots=True)
class TestRecord:
    """How one test ended, in its last attempt.

    Attributes:
        nodeid: pytest's id of the test.
        outcome: one of ``OUTCOMES``.
        reason: why it is not ``passed``: a skip reason, the first line of an error.
        duration: seconds of set-up, call and teardown together.
        asserted: for ``failed``: whether it failed by an assertion, so that it was examined and is
            wrong, rather than by another exception, so that nobody knows.
        unexamined: parts of a passing test that were not examined, such as a skipped subtest.
        verdicts: the verdicts of the test, as ``Verdict.as_dict`` gives them, in order.
    """

    __test__ = False  # pytest would collect a class of this name

    nodeid: str
    outcome: str
    reason: str = ""
    duration: float = 0.0
    asserted: bool = False
    unexamined: tuple[str, ...] = ()
    verdicts: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Selection:
    """Whether the whole suite was meant to run and did.

    Attributes:
        args: the command line's arguments.
        narrowed_by: every reason why a declared requirement may be missing only because this run
            did not mean to, or could not, run its tests; empty for a whole run.
        deselected: how many claiming tests were dropped.
    """

    args: tuple[str, ...] = ()
    narrowed_by: tuple[str, ...] = ()
    deselected: int = 0

    @property
    def complete(self) -> bool:
        """Whether nothing narrowed the run."""
        return not self.narrowed_by


@dataclass(frozen=True, slots=True)
class RunInfo:
    """The circumstances of a run, as the report states them. Times are ISO 8601 in UTC."""

    started: str
    finished: str
    versions: Mapping[str, str]
    selection: Selection = field(default_factory=Selection)
    commit: str | None = None
    dirty: bool | None = None
    ci: Mapping[str, str] | None = None
    policy: Mapping[str, Any] | None = None
    advisories: Mapping[str, Any] | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the report's ``run`` object."""
        selection = asdict(self.selection)
        return {
            "started": self.started,
            "finished": self.finished,
            "commit": self.commit,
            "dirty": self.dirty,
            "versions": dict(self.versions),
            "ci": dict(self.ci) if self.ci is not None else None,
            "selection": {
                "complete": self.selection.complete,
                "narrowed_by": list(selection["narrowed_by"]),
                "args": list(selection["args"]),
                "deselected": selection["deselected"],
            },
            "policy": dict(self.policy) if self.policy is not None else None,
            "advisories": dict(self.advisories) if self.advisories is not None else None,
        }
