"""The round trip: prepare, copy, back up under writes, lose, restore, compare, try."""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import Any

from pytest_devsecops.core.findings import Finding, Status
from pytest_devsecops.core.text import counted
from pytest_devsecops.core.verdict import NOTHING_EXAMINED, Verdict
from pytest_devsecops.recovery.compare import without_ignored
from pytest_devsecops.recovery.drilling import Drill, run_drill
from pytest_devsecops.recovery.ledger import LedgerResult
from pytest_devsecops.recovery.measuring import Limits, Objectives, measure, production_bytes, told_assumption
from pytest_devsecops.recovery.model import RecoveryError, Snapshot
from pytest_devsecops.recovery.objectives import Projection, Timing, spoken
from pytest_devsecops.recovery.procedures import Procedure
from pytest_devsecops.recovery.templates import Template
from pytest_devsecops.recovery.workspace import place_on_disk

__all__ = ["NAME", "Limits", "round_trip", "run_drill", "unverified"]

NAME = "recovery.round_trip"


def round_trip(template: Template, by: Procedure, root: Path, limits: Limits, *, repeat: int = 1) -> Verdict:
    """Tell whether everything in the store survives its loss.

    Raises:
        RecoveryError: if the drill itself cannot be run.
    """
    place = place_on_disk() if limits.rto is not None else None
    drill = run_drill(template, by, root, repeat=repeat, place=place)
    found = measure(template, by, root, drill, limits, repeat=repeat, place=place)
    return Verdict(
        NAME,
        [*drill.findings, *found.findings, *_all_ignored(drill, template)],
        examined=_examined_counts(drill, template),
        summary=_summary(drill, template, found),
        evidence=_evidence(drill, by, found),
        measured=found.measured,
    )


def _examined(drill: Drill, template: Template) -> Snapshot:
    return without_ignored(drill.loss.baseline, template.store.options.ignore)


def _all_ignored(drill: Drill, template: Template) -> list[Finding]:
    """Tell of a store all of whose rows are ignored: what is ignored is not examined."""
    if not drill.loss.baseline.row_count or _examined(drill, template).row_count:
        return []
    message = f"every row of {template.store.label} is ignored, so whether any comes back is not known"
    fix = "ignore less: single tables as rows:TABLE, single files as file:NAME"
    return [Finding(NOTHING_EXAMINED, "ignore", message, fix=fix, status=Status.UNVERIFIED)]


def _examined_counts(drill: Drill, template: Template) -> dict[str, int | str | list[str]]:
    baseline = _examined(drill, template)
    return {
        "rows": baseline.row_count,
        "containers": len(baseline.rows),
        "definitions": baseline.thing_count,
        "behaviours": drill.restored.tried,
        "store": template.store.label,
    }


def _summary(drill: Drill, template: Template, found: Objectives) -> str:
    baseline = _examined(drill, template)
    return (
        f"{counted(baseline.row_count, 'row')} in {counted(len(baseline.rows), 'container')} and "
        f"{counted(baseline.thing_count, 'definition')} of {template.store.label} came back, "
        f"restored in {_took(found.timings, baseline.size)}{_projected(found.projection, template)}"
    )


def _took(timings: tuple[Timing, ...], size: int) -> str:
    own = [one.seconds for one in timings if one.size == size]
    return f"{statistics.median(own):.2f}s at {size:,} bytes" if own else "no time that counts"


def _projected(projection: Projection | None, template: Template) -> str:
    size = production_bytes(template)
    if projection is None or size <= 0:
        return ""
    told = f"{spoken(projection.seconds)} ± {spoken(projection.uncertainty)} at {size:,} bytes"
    return f", which projects to {told}{told_assumption(template)}"


def _evidence(drill: Drill, by: Procedure, found: Objectives) -> dict[str, Any]:
    seconds = [one.seconds for one in found.timings if one.size == drill.loss.baseline.size]
    loss = drill.loss
    steps = (loss.backup, *drill.restored.steps)
    return {
        "procedure": by.name,
        "versions": dict(loss.baseline.facts),
        "backup_seconds": round(loss.backup.seconds, 3),
        "network": "isolated" if all(step.isolated for step in steps) else "not isolated",
        "orphans": sum(step.orphans for step in steps),
        "artefact": drill.artefact.as_dict(),
        "backup_changed_source": [one.message for one in loss.changed],
        "ignored": [{"difference": one.message, "reason": why} for one, why in drill.comparison.ignored],
        "restores": [{"bytes": one.size, "seconds": round(one.seconds, 3)} for one in found.timings],
        "restore_median_seconds": round(statistics.median(seconds), 3) if seconds else None,
        "restore_worst_seconds": round(max(seconds), 3) if seconds else None,
        "rto": found.unknown or "projected to production's size, with its uncertainty added",
        "rto_projection": None if found.projection is None else _projection_dict(found.projection),
        "rpo": found.point.reason,
        "writes": None if drill.ledger is None else _ledger_dict(drill.ledger),
    }


def _projection_dict(projection: Projection) -> dict[str, float]:
    return {
        "seconds": round(projection.seconds, 3),
        "uncertainty": round(projection.uncertainty, 3),
        "fixed": round(projection.fixed, 3),
        "per_gigabyte": round(projection.per_byte * 1e9, 3),
    }


def _ledger_dict(ledger: LedgerResult) -> dict[str, int | float | bool]:
    return {
        "acknowledged": ledger.acknowledged,
        "missing": ledger.missing,
        "lost_seconds": round(ledger.lost_seconds, 3),
        "brought_back": ledger.brought,
        "continuous": ledger.continuous,
        "contiguous": ledger.contiguous,
        "stray": ledger.stray,
    }


def unverified(check: str, store: str, error: RecoveryError) -> Verdict:
    """Return the verdict of a drill that could not be run."""
    found = Finding("drill-failed", store, error.message, fix=error.remedy, status=Status.UNVERIFIED)
    return Verdict(check, [found], examined={"store": store})
