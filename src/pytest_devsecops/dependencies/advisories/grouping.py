"""Several advisories on one problem, shown as one: only where that cannot fuse two problems."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pytest_devsecops.dependencies.advisories.lookup import Hit
from pytest_devsecops.dependencies.advisories.model import Severity
from pytest_devsecops.dependencies.advisories.severity import highest
from pytest_devsecops.dependencies.ranges import Answer


@dataclass(frozen=True, slots=True)
class Problem:
    """One vulnerability of one dependency, as one or more advisories tell it.

    Attributes:
        hits: what the advisories say; never empty.
    """

    hits: tuple[Hit, ...]

    @property
    def severity(self) -> Severity:
        """The highest that one of the advisories states: all of them are about the same CVE ids."""
        return highest([hit.advisory.severity for hit in self.hits])

    @property
    def affecting(self) -> Problem | None:
        """The same with those advisories only that affect the dependency beyond doubt; None if none does."""
        certain = tuple(hit for hit in self.hits if hit.answer is Answer.YES)
        return Problem(certain) if certain else None

    @property
    def summary(self) -> str:
        """The first advisory's summary that there is."""
        return next((hit.advisory.summary for hit in self.hits if hit.advisory.summary), "")

    @property
    def ranges(self) -> str:
        """The affected versions, for people."""
        return " or ".join(dict.fromkeys(hit.affected.ranges for hit in self.hits))

    @property
    def ids(self) -> tuple[str, ...]:
        """The advisories' own ids."""
        return tuple(dict.fromkeys(hit.advisory.id for hit in self.hits))

    @property
    def refs(self) -> tuple[str, ...]:
        """The advisories' own ids, then all aliases that they name."""
        return tuple(dict.fromkeys([*self.ids, *(alias for hit in self.hits for alias in hit.advisory.aliases)]))

    def __str__(self) -> str:
        cves = [name for name in self.refs if _is_cve(name) and name not in self.ids]
        return ", ".join(self.ids) + (f" ({', '.join(cves)})" if cves else "")

    def as_detail(self) -> dict[str, Any]:
        """Return the advisories as JSON values."""
        dates = [hit.advisory.modified for hit in self.hits if hit.advisory.modified]
        return {
            "ids": list(self.ids),
            "aliases": [name for name in self.refs if name not in self.ids],
            "summary": self.summary,
            "severity": {
                "level": self.severity.level,
                "score": self.severity.score,
                "basis": self.severity.basis,
            },
            "affected": list(dict.fromkeys(hit.affected.ranges for hit in self.hits)),
            "sources": sorted({hit.advisory.source for hit in self.hits}),
            "modified": max(dates).isoformat() if dates else None,
        }


def problems_of(hits: Iterable[Hit]) -> list[Problem]:
    """Return the hits on one dependency, together where they stand for exactly the same CVE ids.

    "Shares an alias" would carry from record to record and fuse different CVEs: hundreds of ids
    are shared by records that mean different problems. Equality of whole sets cannot do that. An
    advisory without a CVE id stands for itself.
    """
    groups: dict[frozenset[str], list[Hit]] = {}
    for hit in hits:
        cves = frozenset(name for name in hit.advisory.ids if _is_cve(name))
        groups.setdefault(cves or frozenset((hit.advisory.id,)), []).append(hit)
    return [Problem(tuple(group)) for group in groups.values()]


def _is_cve(name: str) -> bool:
    return name.upper().startswith("CVE-")
