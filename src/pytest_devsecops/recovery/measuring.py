"""What a round trip measures: restores at several sizes for the RTO, and the limits that it is held to."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path

from pytest_devsecops.core.findings import Finding, Status
from pytest_devsecops.recovery.drilling import Drill, timed
from pytest_devsecops.recovery.ground import make_ground
from pytest_devsecops.recovery.loss import back_up_and_lose, step_findings
from pytest_devsecops.recovery.objectives import (
    Projection,
    RecoveryPoint,
    Timing,
    decided,
    measured_least,
    project,
    recovery_point,
    spoken,
)
from pytest_devsecops.recovery.procedures import Procedure
from pytest_devsecops.recovery.sabotage import NO_SABOTAGE
from pytest_devsecops.recovery.templates import Template
from pytest_devsecops.recovery.workspace import temporary_room

#: How often the data is doubled for the second size, and how much further for the next ones.
_FIRST_GROWTH, _MORE_GROWTH, _MOST_GROWTH = 2, 3, 11
#: Seconds that further sizes may take.
_BUDGET = 30.0


@dataclass(frozen=True, slots=True)
class Limits:
    """What a round trip is held to, in seconds; None where nobody demands anything."""

    rto: float | None = None
    rpo: float | None = None


@dataclass(frozen=True, slots=True)
class Objectives:
    """What was measured.

    Attributes:
        timings: every restore that was timed.
        projection: what a restore of production's size takes; None if that is not known.
        unknown: why the RTO is not known; empty if it is.
        point: the recovery point.
        findings: what went wrong while measuring, and which limits do not hold or are not known to.
    """

    timings: tuple[Timing, ...]
    projection: Projection | None
    unknown: str
    point: RecoveryPoint
    findings: tuple[Finding, ...] = field(default=())

    @property
    def measured(self) -> dict[str, float]:
        """The objectives in seconds, without those that are not known."""
        found = {}
        if self.projection is not None and not self.unknown:
            found["rto"] = self.projection.upper
        if self.point.seconds is not None:
            found["rpo"] = self.point.seconds
        return found


def measure(
    template: Template,
    by: Procedure,
    root: Path,
    drill: Drill,
    limits: Limits,
    *,
    repeat: int,
    place: Path | None,
) -> Objectives:
    """Measure the objectives of a drill that has been run; the restore is timed at further sizes if it needs to be.

    Args:
        template: the prepared store.
        by: the procedure under test.
        root: the project's root.
        drill: the drill.
        limits: what it is held to.
        repeat: how often to restore at each size.
        place: the folder on a disk in which it ran; None if it was another one.

    Raises:
        RecoveryError: if a further drill cannot be run.
    """
    size = production_bytes(template)
    timings, failed = list(drill.timings), list[Finding]()
    if timings and size > 0:
        larger, failed = _larger(template, by, root, timings, limits.rto, repeat, place)
        timings.extend(larger)
    projection = project(timings, size) if timings and size else None
    unknown = _why_unknown(timings, projection, size, limits.rto, on_disk=place is not None)
    point = recovery_point(drill.ledger, by.every, drill.loss.backup.seconds)
    measured = Objectives(tuple(timings), projection, unknown, point)
    time_reason = f"{unknown or _basis(timings, size)}{told_assumption(template)}"
    held = limit_findings(limits, measured.measured, {"rto": time_reason, "rpo": point.reason})
    return Objectives(tuple(timings), projection, unknown, point, (*failed, *held))


def production_bytes(template: Template) -> int:
    """Return how large the whole is in production; 0 if unknown, -1 if the test's data has that size.

    A member of a composite that says nothing of its size must not be forgotten, or a limit would hold because of it:
    it is taken to be as large beside the others as it is in the test.
    """
    options, held = template.store.options, template.snapshot
    if options.production_size <= 0 or not options.unsized or held.size <= held.unsized:
        return options.production_size
    return options.production_size * held.size // (held.size - held.unsized)


def told_assumption(template: Template) -> str:
    """Return what ``production_bytes`` takes for granted, to go on a sentence; empty if it is nothing."""
    silent = template.store.options.unsized
    size = template.store.options.production_size
    if size <= 0 or not silent:
        return ""
    return f", with {', '.join(silent)} as large beside the rest as in the test, as nobody said its size"


def limit_findings(limits: Limits, measured: dict[str, float], reasons: dict[str, str]) -> list[Finding]:
    """Compare limits with what was measured; a limit whose objective is not known is unverified.

    Args:
        limits: what is demanded.
        measured: seconds by objective, without those that are not known.
        reasons: for each objective, how it was measured or why it is not known.
    """
    findings = []
    for objective, limit in (("rto", limits.rto), ("rpo", limits.rpo)):
        if limit is None:
            continue
        value = measured.get(objective)
        if value is None:
            message = f"{objective} may be at most {spoken(limit)} and is not known: {reasons[objective]}"
            fix = _FIXES[objective]
            findings.append(Finding(f"{objective}-unknown", objective, message, fix=fix, status=Status.UNVERIFIED))
        elif value > limit:
            message = f"{objective} is {spoken(value)}, above the limit of {spoken(limit)}: {reasons[objective]}"
            fix = "restore faster, or agree on another limit" if objective == "rto" else "back up more often"
            findings.append(Finding(f"{objective}-exceeded", objective, message, fix=fix))
    return findings


_FIXES = {
    "rto": "say production_size= of the store ('40GB', or 'same' if the test's data has production's size), "
    "and let prepare= make enough data to measure",
    "rpo": "say every= in procedure(): how often production runs the backup",
}


def _basis(timings: list[Timing], size: int) -> str:
    """Say at what sizes a restore was measured and what was made of it."""
    if not timings:
        return ""
    first, last = min(timings, key=lambda one: one.size), max(timings, key=lambda one: one.size)
    if size <= 0 or first.size == last.size:
        return f"the worst of {len(timings)}, measured at {first.size:,} bytes"
    return (
        f"measured from {first.size:,} bytes in {spoken(first.seconds)} to {last.size:,} bytes in "
        f"{spoken(last.seconds)}, projected to {size:,} bytes with its uncertainty added"
    )


def _why_unknown(
    timings: list[Timing], projection: Projection | None, size: int, limit: float | None, *, on_disk: bool
) -> str:
    if not timings:
        return "no restore ended with a store that reads and writes"
    sizes = sorted({one.size for one in timings})
    if not size:
        return f"it was measured at {sizes[0]:,} bytes, and the store does not say production_size="
    if projection is None:
        return f"it was measured at {sizes[0]:,} bytes only, which tells nothing of {size:,}"
    if limit is not None and not decided(projection, limit):
        return (
            f"measured from {sizes[0]:,} to {sizes[-1]:,} bytes, it projects to {spoken(projection.seconds)} "
            f"at {size:,} bytes, give or take {spoken(projection.uncertainty)}, which is too far off to tell"
        )
    if limit is not None and not on_disk and projection.upper <= limit:
        return "it was measured in memory, where nothing is written to a disk; let TMPDIR name a folder on one"
    return ""


def _larger(
    template: Template,
    by: Procedure,
    root: Path,
    timings: list[Timing],
    limit: float | None,
    repeat: int,
    place: Path | None,
) -> tuple[list[Timing], list[Finding]]:
    """Time restores of the store grown by copies of its data, until they tell what is asked or time is up."""
    size = production_bytes(template)
    found: list[Timing] = []
    started = time.monotonic()
    for growth in range(_FIRST_GROWTH, _MOST_GROWTH + 1, _MORE_GROWTH):
        begun = time.monotonic()
        more, failed = _grown(template, by, root, growth, repeat, place)
        if failed or not more:
            return found, failed
        found.extend(more)
        if limit is None or _told([*timings, *found], size, limit):
            break
        if _extrapolated([*timings, *found], size, limit):
            # The machine may have been busier at one size than at the other: once more, the other way round.
            for number, one in ((growth, more[0].size), (0, timings[0].size)):
                again, failed = _grown(template, by, root, number, 1, place, size=one)
                if failed:
                    return found, failed
                found.extend(again)
            if _extrapolated([*timings, *found], size, limit):
                break
        now = time.monotonic()
        if now - started + (now - begun) * _heavier([*timings, *found]) > _BUDGET:
            break
    return found, []


def _heavier(timings: list[Timing]) -> float:
    """Return how many times as long a restore will take when the copies of the data are grown once more."""
    small, large = min(timings, key=lambda one: one.size), max(timings, key=lambda one: one.size)
    projection = project(timings, small.size + (large.size - small.size) * 2**_MORE_GROWTH)
    return 2.0**_MORE_GROWTH if projection is None else max(1.0, projection.seconds / large.seconds)


def _told(timings: list[Timing], size: int, limit: float) -> bool:
    """Tell whether the limit holds by the whole of the projection, or was exceeded by a restore that was measured."""
    projection = project(timings, size)
    return projection is not None and (projection.upper <= limit or measured_least(timings, size) > limit)


def _extrapolated(timings: list[Timing], size: int, limit: float) -> bool:
    """Tell whether nothing but the projection says that the limit is exceeded."""
    projection = project(timings, size)
    return projection is not None and projection.least > limit >= measured_least(timings, size)


def _grown(
    template: Template,
    by: Procedure,
    root: Path,
    growth: int,
    repeat: int,
    place: Path | None,
    *,
    size: int | None = None,
) -> tuple[list[Timing], list[Finding]]:
    """Time restores of a store whose data was doubled ``growth`` times; they count for ``size``, or for what it has."""
    with temporary_room(place=place) as room:
        ground = make_ground(root, room, template)
        loss = back_up_and_lose(template, by, ground, NO_SABOTAGE, growth=growth, writes=False)
        try:
            timings, failed = timed(template, by, ground, size or loss.baseline.size, range(repeat))
        finally:
            loss.source.close()
    return timings, [*step_findings("backup", loss.backup, root), *failed]
