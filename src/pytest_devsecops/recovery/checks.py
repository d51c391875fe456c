"""The checks beside the round trip: artefacts are private, sources are left alone."""

from __future__ import annotations

from pathlib import Path

from pytest_devsecops.core.findings import Finding, Status
from pytest_devsecops.core.verdict import Verdict
from pytest_devsecops.recovery.artefact import ArtefactReport, inspect_artefact
from pytest_devsecops.recovery.ground import make_ground
from pytest_devsecops.recovery.loss import Loss, back_up_and_lose
from pytest_devsecops.recovery.procedures import Procedure
from pytest_devsecops.recovery.sabotage import NO_SABOTAGE
from pytest_devsecops.recovery.templates import Template
from pytest_devsecops.recovery.workspace import temporary_room

PRIVATE = "recovery.artefact_is_private"
ALONE = "recovery.leaves_source_alone"


def artefact_is_private(template: Template, by: Procedure, root: Path) -> Verdict:
    """Tell whether only the owner can read the artefact, and whether all of it is below ``BACKUP_DIR``.

    Raises:
        RecoveryError: if the drill itself cannot be run.
    """
    loss, artefact = _backed_up(template, by, root)
    exposed = [
        Finding(
            "readable-by-others",
            one,
            f"others can read {one}",
            fix="write it with umask 077, or into a folder of mode 0700",
        )
        for one in artefact.exposed
    ]
    outside = [
        Finding("outside", one, f"{one} leads out of BACKUP_DIR", fix="write into BACKUP_DIR itself")
        for one in artefact.outside
    ]
    return Verdict(
        PRIVATE,
        [*exposed, *outside, *_failed(loss)],
        examined={"files": artefact.files},
        summary=f"only the owner can read the {artefact.files} files of the artefact",
        evidence=artefact.as_dict(),
    )


def leaves_source_alone(template: Template, by: Procedure, root: Path) -> Verdict:
    """Tell whether the backup changed anything in the source.

    Raises:
        RecoveryError: if the drill itself cannot be run.
    """
    loss, artefact = _backed_up(template, by, root)
    findings = [
        Finding(
            "source-changed",
            one.subject,
            f"the backup changed the source: {one.message}",
            fix="a backup must only read",
        )
        for one in loss.changed
    ]
    baseline = loss.baseline
    return Verdict(
        ALONE,
        [*findings, *_failed(loss), *_idle(loss, artefact)],
        examined={"rows": baseline.row_count, "definitions": baseline.thing_count},
        summary="the backup changed nothing in the source",
    )


def _backed_up(template: Template, by: Procedure, root: Path) -> tuple[Loss, ArtefactReport]:
    """Run the first half of a drill; what a backup leaves behind and touches needs no restore."""
    with temporary_room() as room:
        ground = make_ground(root, room, template)
        loss = back_up_and_lose(template, by, ground, NO_SABOTAGE)
        try:
            return loss, inspect_artefact(ground.backup_dir)
        finally:
            loss.source.close()


def _failed(loss: Loss) -> list[Finding]:
    """Tell of a backup that ended early: what it would have done in the rest of its time, nobody knows."""
    if loss.backup.ok:
        return []
    message = f"the backup failed, so what it does when it works is not known: {loss.backup.said}"
    fix = "run it by hand with the variables that the documentation of procedure() lists"
    return [Finding("backup-failed", "backup", message, fix=fix, status=Status.UNVERIFIED)]


def _idle(loss: Loss, artefact: ArtefactReport) -> list[Finding]:
    """Tell of a backup that ended well without an artefact: one that does nothing changes nothing."""
    if not loss.backup.ok or artefact.files or artefact.outside:
        return []
    message = "the backup wrote no file below BACKUP_DIR, so what it does when it works is not known"
    fix = "let it write what a restore needs below BACKUP_DIR"
    return [Finding("backup-idle", "backup", message, fix=fix, status=Status.UNVERIFIED)]
