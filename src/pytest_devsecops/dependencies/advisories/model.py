"""Advisories as the matcher sees them: untrusted records, decoded once, with ranges as intervals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from pytest_devsecops.core.errors import DevSecOpsError

#: From harmless to worst.
LEVELS = ("low", "medium", "high", "critical")
UNKNOWN = "unknown"


class AdvisoryError(DevSecOpsError):
    """Advisories that cannot be read, written or trusted; ``place`` is the file, line or member."""


class UnreadableRecordError(AdvisoryError):
    """One record that cannot be read, so that nobody knows which packages it concerns."""


class Interval(NamedTuple):
    """A stretch of affected versions. A tuple, because matching makes many thousands of them.

    Attributes:
        lower: where it begins; None for before everything (OSV ``introduced: "0"``).
        upper: where it ends; None for never.
        above: whether ``lower`` itself is outside.
        through: whether ``upper`` itself is inside (OSV ``last_affected``; otherwise ``fixed``).
    """

    lower: str | None
    upper: str | None
    above: bool = False
    through: bool = False

    def __str__(self) -> str:
        lower = f"{'>' if self.above else '>='}{self.lower}" if self.lower is not None else ""
        upper = f"{'<=' if self.through else '<'}{self.upper}" if self.upper is not None else ""
        if self.lower is not None and self.lower == self.upper:
            return f"=={self.lower}"
        return ",".join(part for part in (lower, upper) if part) or "every version"


@dataclass(frozen=True, slots=True)
class Severity:
    """How bad it is.

    Attributes:
        level: one of ``LEVELS``, or ``unknown``.
        score: the CVSS base score, if one was computed.
        basis: what the level comes from: a CVSS vector, or the database's own word; empty if unknown.
    """

    level: str = UNKNOWN
    score: float | None = None
    basis: str = ""


@dataclass(frozen=True, slots=True)
class Affected:
    """What one advisory says about one package.

    Attributes:
        name: the package's normalised name (PEP 503).
        intervals: the affected stretches of versions.
        versions: affected versions that lie in no interval, in canonical spelling, sorted.
        doubt: why a version that is not found above may be affected all the same (a bound that
            PEP 440 cannot order, a part that cannot be read); empty if there is no doubt.
    """

    name: str
    intervals: tuple[Interval, ...] = ()
    versions: tuple[str, ...] = ()
    doubt: str = ""

    @property
    def ranges(self) -> str:
        """The affected versions, for people."""
        stretches = [str(interval) for interval in self.intervals]
        return " or ".join([*stretches, *(f"=={version}" for version in self.versions)]) or "no known version"


@dataclass(frozen=True, slots=True)
class Advisory:
    """One advisory.

    Attributes:
        id: its id in its own database.
        aliases: ids of the same problem elsewhere, as the record names them; never followed further.
        summary: one line.
        severity: the highest that the record states for any of its packages.
        modified: when the record was last changed, in UTC, if it says so.
        withdrawn: whether its database took it back.
        source: the kind of source, such as ``osv``.
        affected: the packages of the PyPI ecosystem that it concerns.
    """

    id: str
    aliases: tuple[str, ...] = ()
    summary: str = ""
    severity: Severity = field(default_factory=Severity)
    modified: datetime | None = None
    withdrawn: bool = False
    source: str = ""
    affected: tuple[Affected, ...] = ()

    @property
    def ids(self) -> tuple[str, ...]:
        """Its own id, then its aliases."""
        return (self.id, *self.aliases)

    def as_dict(self) -> Mapping[str, Any]:
        """Return everything but ``affected`` as a JSON object; the index stores it."""
        return {
            "id": self.id,
            "aliases": list(self.aliases),
            "summary": self.summary,
            "severity": [self.severity.level, self.severity.score, self.severity.basis],
            "modified": self.modified.isoformat() if self.modified else None,
            "source": self.source,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Advisory:
        """Return the advisory that ``as_dict`` wrote."""
        level, score, basis = data["severity"]
        return cls(
            id=data["id"],
            aliases=tuple(data["aliases"]),
            summary=data["summary"],
            severity=Severity(level, score, basis),
            modified=datetime.fromisoformat(data["modified"]) if data["modified"] else None,
            source=data["source"],
        )
