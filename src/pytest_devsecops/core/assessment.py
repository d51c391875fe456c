"""The pure fold from what was collected and what happened to the state of every requirement."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from math import isnan
from typing import Any

from pytest_devsecops.core.findings import Status, worst
from pytest_devsecops.core.records import Claim, Inventory, RunInfo, TestRecord
from pytest_devsecops.core.requirement import Requirement, merge
from pytest_devsecops.core.text import counted, format_duration

SCHEMA = "pytest-devsecops/report/1"


@dataclass(frozen=True, slots=True)
class Judgement:
    """A status and the sentence that says why."""

    status: Status
    raw_status: Status
    reason: str


@dataclass(frozen=True, slots=True)
class Assessed:
    """One requirement with everything that was found out about it."""

    requirement: Requirement
    judgement: Judgement
    basis: str | None
    tests: tuple[TestRecord, ...]

    @property
    def status(self) -> Status:
        """The effective status, after waivers."""
        return self.judgement.status

    def as_dict(self) -> dict[str, Any]:
        """Return the entry of the report's ``requirements``."""
        wanted = self.requirement
        return {
            "id": wanted.id,
            "title": wanted.title,
            "family": wanted.family,
            "owner": wanted.owner,
            "severity": wanted.severity,
            "refs": list(wanted.refs),
            "declared_at": wanted.declared_at,
            "declared": wanted.declared,
            "limits": dict(wanted.limits),
            "status": str(self.judgement.status),
            "raw_status": str(self.judgement.raw_status),
            "basis": self.basis,
            "reason": self.judgement.reason,
            "tests": [_test_dict(test) for test in self.tests],
            "waiver": None,
            "drill": None,
        }


@dataclass(frozen=True, slots=True)
class Assessment:
    """The state of every requirement after a run."""

    run: RunInfo
    requirements: tuple[Assessed, ...]

    @property
    def summary(self) -> dict[str, int]:
        """How many requirements have each status."""
        statuses = [one.status for one in self.requirements]
        order = (Status.MET, Status.VIOLATED, Status.WAIVED, Status.UNVERIFIED)
        return {str(status): statuses.count(status) for status in order}

    def as_dict(self) -> dict[str, Any]:
        """Return the report, version 1."""
        return {
            "schema": SCHEMA,
            "run": self.run.as_dict(),
            "summary": self.summary,
            "requirements": [one.as_dict() for one in self.requirements],
        }


def assess(
    declared: Iterable[Requirement],
    inventory: Inventory,
    records: Mapping[str, TestRecord],
    run: RunInfo,
    *,
    require_verdicts: bool = False,
) -> Assessment:
    """Judge every requirement that is declared or claimed.

    Args:
        declared: requirements of the policy and of hooks.
        inventory: what the run collected.
        records: how each test ended, by node id.
        run: the circumstances, for the report.
        require_verdicts: whether a requirement judged by its tests' assertions alone is unverified.

    Raises:
        UsageError: if two definitions of one requirement disagree.
    """
    definitions: dict[str, list[Requirement]] = {}
    for requirement in [*declared, *(claim.requirement for claim in inventory.claims)]:
        definitions.setdefault(requirement.id, []).append(requirement)
    claiming: dict[str, list[Claim]] = {}
    for claim in inventory.claims:
        claiming.setdefault(claim.requirement.id, []).append(claim)
    assessed = []
    for identity, found in definitions.items():
        claims = claiming.get(identity, [])
        requirement = _titled(merge(found), claims)
        nodeids = dict.fromkeys(claim.nodeid for claim in claims)
        tests = tuple(_record(nodeid, inventory, records) for nodeid in nodeids)
        basis = _basis(tests)
        judgement = _judge(requirement, tests, run, demand_verdicts=require_verdicts and basis == "assertions")
        assessed.append(Assessed(requirement, judgement, basis, tests))
    return Assessment(run, tuple(assessed))


def _titled(requirement: Requirement, claims: list[Claim]) -> Requirement:
    if requirement.title or not claims:
        return requirement
    return replace(requirement, title=claims[0].default_title)


def _record(nodeid: str, inventory: Inventory, records: Mapping[str, TestRecord]) -> TestRecord:
    if nodeid in records:
        return records[nodeid]
    if nodeid in inventory.dropped:
        return TestRecord(nodeid, "deselected", reason="it was deselected in this run")
    return TestRecord(nodeid, "not run", reason="it was collected but never ran")


def _basis(tests: tuple[TestRecord, ...]) -> str | None:
    if not tests:
        return None
    return "verdict" if all(test.verdicts for test in tests) else "assertions"


def _judge(
    requirement: Requirement,
    tests: tuple[TestRecord, ...],
    run: RunInfo,
    *,
    demand_verdicts: bool,
) -> Judgement:
    if not tests:
        narrowed = "" if run.selection.complete else " among those that this run collected"
        return _unverified(f"no test{narrowed} claims it")
    judgements = [_judge_test(test) for test in tests]
    judgements.extend(_judge_limits(requirement, tests))
    if demand_verdicts:
        judgements.append(_unverified("a test that claims it made no verdict, and the policy demands verdicts"))
    status = worst([one.status for one in judgements])
    raw = worst([one.raw_status for one in judgements])
    reasons = list(dict.fromkeys(one.reason for one in judgements if one.status is status and one.reason))
    # What a verdict has said of a limit already, with more words, is not said again.
    told = [one for one in reasons if not any(one in other for other in reasons if other != one)]
    return Judgement(status, raw, "; ".join(told))


def _judge_test(test: TestRecord) -> Judgement:
    """Judge one test: its outcome first, then every verdict in it, looked at or swallowed."""
    statuses = [Status(verdict["status"]) for verdict in test.verdicts]
    raw = [Status(verdict["raw_status"]) for verdict in test.verdicts]
    known_bad = test.outcome == "error" and Status.VIOLATED in statuses
    if test.outcome not in ("passed", "failed") and not known_bad:
        return _unverified(f"{test.nodeid}: {_outcome_text(test)}")
    reasons = [
        f"{verdict['check']}: {verdict['summary']}"
        for verdict in test.verdicts
        if verdict["status"] in (Status.VIOLATED, Status.UNVERIFIED)
    ]
    if test.outcome == "failed" and not reasons:
        # The author's own assertion says that something was examined and is wrong; any other
        # exception says only that the test did not get to its end.
        failure = Status.VIOLATED if test.asserted else Status.UNVERIFIED
        return Judgement(failure, failure, f"{test.nodeid}: {test.reason or 'failed'}")
    if test.unexamined:
        statuses.append(Status.UNVERIFIED)
        raw.append(Status.UNVERIFIED)
        reasons.extend(f"{test.nodeid}: {part}" for part in test.unexamined)
    if not statuses:
        return Judgement(Status.MET, Status.MET, "")
    return Judgement(worst(statuses), worst(raw), "; ".join(reasons))


def _judge_limits(requirement: Requirement, tests: tuple[TestRecord, ...]) -> list[Judgement]:
    """Compare every limit of the marker with the worst measurement of the tests' verdicts."""
    judgements: list[Judgement] = []
    if not any(test.outcome in ("passed", "failed") for test in tests):
        return judgements
    for objective, limit in requirement.limits.items():
        values = [
            float(verdict["measured"][objective])
            for test in tests
            for verdict in test.verdicts
            if objective in verdict["measured"]
        ]
        if not values:
            limit_text = format_duration(limit)
            judgements.append(_unverified(f"nothing measured {objective}, which may be at most {limit_text}"))
        elif any(isnan(value) for value in values):
            # It compares as neither above nor below the limit, and so would pass.
            judgements.append(_unverified(f"{objective} was measured as something that is not a number"))
        elif max(values) > limit:
            reason = f"{objective} is {format_duration(max(values))}, above the limit of {format_duration(limit)}"
            judgements.append(Judgement(Status.VIOLATED, Status.VIOLATED, reason))
    return judgements


def _outcome_text(test: TestRecord) -> str:
    said = {
        "skipped": "it was skipped",
        "xfailed": "it is expected to fail and did",
        "xpassed": "it passed although it is marked as expected to fail",
        "error": "it did not run to its end",
    }.get(test.outcome, "")
    return ": ".join(part for part in (said, test.reason) if part) or test.outcome


def _unverified(reason: str) -> Judgement:
    return Judgement(Status.UNVERIFIED, Status.UNVERIFIED, reason)


def _test_dict(test: TestRecord) -> dict[str, Any]:
    return {
        "nodeid": test.nodeid,
        "outcome": test.outcome,
        "reason": test.reason,
        "duration": round(test.duration, 6),
        "unexamined": list(test.unexamined),
        "verdicts": [dict(verdict) for verdict in test.verdicts],
    }


def headline(summary: Mapping[str, int]) -> str:
    """Return the counts as one line: ``3 requirements: 1 met, 2 violated``."""
    total = sum(summary.values())
    parts = [f"{number} {status}" for status, number in summary.items() if number]
    return f"{counted(total, 'requirement')}: {', '.join(parts)}" if total else "no requirement"
