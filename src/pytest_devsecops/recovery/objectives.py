"""RTO and RPO from what was measured. Pure.

A restore is fitted as ``fixed + per_byte * size`` from at least two sizes, and what is compared with
a limit is the projection to the production's size plus its uncertainty.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from pytest_devsecops.core.errors import UsageError
from pytest_devsecops.recovery.ledger import LedgerResult

SAME_SIZE = -1
_UNITS = {
    "B": 1,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
    "KIB": 2**10,
    "MIB": 2**20,
    "GIB": 2**30,
    "TIB": 2**40,
}
#: Between runs of one restore on a quiet machine; what is assumed where one run is all there is.
_NOISE = 0.1


@dataclass(frozen=True, slots=True)
class Timing:
    """One restore: bytes of data and seconds until it read and wrote."""

    size: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Projection:
    """What a restore of the production's size would take.

    Attributes:
        seconds: the estimate.
        uncertainty: how far off it may be, in seconds; the limit is compared with the sum.
        fixed: seconds that do not depend on the size.
        per_byte: seconds a byte.
        least: seconds that it takes in any case.
    """

    seconds: float
    uncertainty: float
    fixed: float
    per_byte: float
    least: float

    @property
    def upper(self) -> float:
        """What is compared with a limit."""
        return self.seconds + self.uncertainty


def decided(projection: Projection, limit: float) -> bool:
    """Tell whether a limit lies outside of what the projection leaves open."""
    return projection.upper <= limit or projection.least > limit


def parse_size(text: str) -> int:
    """Return the bytes of ``"40GB"`` or ``"512 MiB"``; ``"same"`` says that the test has production's size.

    Raises:
        UsageError: if it is neither.
    """
    if text.strip().lower() == "same":
        return SAME_SIZE
    number = text.strip().rstrip("BbKkMmGgTtIi ")
    unit = text.strip()[len(number) :].strip().upper()
    try:
        return int(float(number) * _UNITS[unit])
    except (KeyError, ValueError):
        raise UsageError(f"{text!r} is not a size; write for example '40GB', '512MiB' or 'same'") from None


def project(timings: Sequence[Timing], production_size: int) -> Projection | None:
    """Fit the restores and project them to ``production_size`` bytes; None if one size is all there is.

    With ``SAME_SIZE`` the worst measurement is the answer. The uncertainty is the spread between runs
    (at least 10 %) carried along the fitted line; it grows with the distance from what was measured.

    Args:
        timings: at least one.
        production_size: bytes, or ``SAME_SIZE``.
    """
    if production_size == SAME_SIZE:
        worst = max(one.seconds for one in timings)
        return Projection(worst, 0.0, worst, 0.0, worst)
    sizes = sorted({one.size for one in timings})
    small, large = sizes[0], sizes[-1]
    if small == large:
        return None
    low, high = (_runs(timings, size) for size in (small, large))
    per_byte = max(0.0, (statistics.median(high) - statistics.median(low)) / (large - small))
    fixed = max(0.0, statistics.median(low) - per_byte * small)
    seconds = fixed + per_byte * production_size
    noise = max(_NOISE * statistics.median(high), *(max(runs) - min(runs) for runs in (low, high)))
    uncertainty = noise * max(1.0, abs(production_size - small) / (large - small))
    return Projection(seconds, uncertainty, fixed, per_byte, _least(timings, production_size))


def _least(timings: Sequence[Timing], production_size: int) -> float:
    """Return the seconds that a restore takes in any case, by the reading that is kindest to the procedure.

    The line is at its flattest with the small size at its slowest and the large one at its fastest. And more data
    never restores faster than less, however uncertain the line is.
    """
    sizes = sorted({one.size for one in timings})
    low, high = _runs(timings, sizes[0]), _runs(timings, sizes[-1])
    slope = (min(high) * (1 - _NOISE) - max(low) * (1 + _NOISE)) / (sizes[-1] - sizes[0])
    line = min(low) * (1 - _NOISE) + max(0.0, slope) * (production_size - sizes[0])
    return max(line if production_size >= sizes[-1] else 0.0, measured_least(timings, production_size))


def measured_least(timings: Sequence[Timing], production_size: int) -> float:
    """Return the seconds that were measured at up to ``production_size``, which more data will not undercut."""
    sizes = {one.size for one in timings if one.size <= production_size}
    return max((min(_runs(timings, size)) for size in sizes), default=0.0) * (1 - _NOISE)


def _runs(timings: Sequence[Timing], size: int) -> list[float]:
    return [one.seconds for one in timings if one.size == size]


def spoken(seconds: float) -> str:
    """Return a duration as people say it: ``0.42s``, ``12m 5s``, ``24h 3m``, ``40d 2h``."""
    if seconds < 60:  # noqa: PLR2004 - a minute
        return f"{seconds:.3g}s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes_left = divmod(minutes, 60)
    days, hours_left = divmod(hours, 24)
    if days > 2:  # noqa: PLR2004 - up to there people count in hours
        parts = ((days, "d"), (hours_left, "h"))
    else:
        parts = ((hours, "h"), (minutes_left, "m")) if hours else ((minutes, "m"), (rest, "s"))
    return " ".join(f"{count}{unit}" for count, unit in parts if count)


@dataclass(frozen=True, slots=True)
class RecoveryPoint:
    """The recovery point: seconds of writes that a loss costs; None if it cannot be known, with the reason."""

    seconds: float | None
    reason: str


def recovery_point(ledger: LedgerResult | None, every: float | None, backup_seconds: float) -> RecoveryPoint:
    """Return the RPO: measured if the procedure is continuous, otherwise its interval plus the backup's duration."""
    if ledger is not None and ledger.continuous:
        return RecoveryPoint(
            ledger.lost_seconds,
            f"measured: {ledger.missing} of {ledger.acknowledged} acknowledged writes did not come back",
        )
    if every is None:
        return RecoveryPoint(
            None, "no write after the backup came back, and the procedure does not say every=, how often it runs"
        )
    reason = f"the backup runs every {spoken(every)} and took {backup_seconds:.1f}s"
    return RecoveryPoint(every + backup_seconds, reason)
