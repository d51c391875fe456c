"""One drill from the prepared store to the examined target."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from pytest_devsecops.core.findings import Finding
from pytest_devsecops.recovery.agreeing import judge_agreement
from pytest_devsecops.recovery.artefact import ArtefactReport, inspect_artefact, on_the_lost_disk
from pytest_devsecops.recovery.compare import Comparison
from pytest_devsecops.recovery.ground import Ground, make_ground
from pytest_devsecops.recovery.judging import judge_content
from pytest_devsecops.recovery.ledger import LedgerResult, judge_ledger
from pytest_devsecops.recovery.likeness import Twin
from pytest_devsecops.recovery.loss import Loss, back_up_and_lose
from pytest_devsecops.recovery.model import Environment, Instance, Snapshot
from pytest_devsecops.recovery.objectives import Timing
from pytest_devsecops.recovery.procedures import Procedure
from pytest_devsecops.recovery.restoring import Restored, restore
from pytest_devsecops.recovery.sabotage import NO_SABOTAGE, Sabotage
from pytest_devsecops.recovery.templates import Template, store_environment
from pytest_devsecops.recovery.workspace import temporary_room

#: How much of what is lost is named before the steps that failed are.
_NAMED_FIRST = 10


@dataclass(frozen=True, slots=True)
class Drill:
    """Everything that one drill found.

    Attributes:
        loss: the first half.
        restored: the first restore.
        comparison: how the two differ.
        ledger: what became of acknowledged writes; None without a ledger.
        artefact: what the backup left below ``BACKUP_DIR``.
        timings: all restores that were timed.
        findings: what is wrong.
        spoiled: whether the artefact was damaged on purpose.
    """

    loss: Loss
    restored: Restored
    comparison: Comparison
    ledger: LedgerResult | None
    artefact: ArtefactReport
    timings: tuple[Timing, ...]
    findings: tuple[Finding, ...]
    spoiled: bool = False


def run_drill(
    template: Template,
    by: Procedure,
    root: Path,
    *,
    repeat: int = 1,
    sabotage: Sabotage = NO_SABOTAGE,
    place: Path | None = None,
) -> Drill:
    """Run one drill from the prepared store to the examined target; nothing of it remains.

    Args:
        template: the prepared store.
        by: the procedure under test.
        root: the project's root.
        repeat: how often to restore.
        sabotage: what goes wrong on purpose.
        place: where source and target lie; by default in the folder for temporary files.

    Raises:
        RecoveryError: if the drill itself cannot be run.
    """
    with temporary_room(place=place) as room:
        ground = make_ground(root, room, template)
        loss = back_up_and_lose(template, by, ground, sabotage)
        try:
            spoiled = sabotage.spoil is not None and sabotage.spoil(ground.backup_dir)
            artefact = inspect_artefact(ground.backup_dir)
            loss.findings.extend(_linked(ground))
            twin = Twin(loss.source, loss.baseline)
            judged = _Judged(template, loss)
            restored = restore(template.store, by, ground, "target", sabotage, twin=twin, examine=judged.examine)
            try:
                drill = _examined(judged, by, ground, restored, artefact, repeat=repeat)
                return replace(drill, spoiled=spoiled)
            finally:
                restored.target.close()
        finally:
            loss.source.close()


@dataclass(slots=True)
class _Judged:
    """What a restored target holds in the light of what was lost, looked at before the probe writes into it."""

    template: Template
    loss: Loss
    findings: list[Finding] = field(default_factory=list)
    comparison: Comparison = field(default_factory=lambda: Comparison((), ()))

    def examine(self, target: Instance, snapshot: Snapshot) -> None:
        """Compare the target with its source, and ask ``agrees=`` about it."""
        self.findings, self.comparison = judge_content(self.template, self.loss, target, snapshot)
        environment = store_environment(self.template.store.options.env, target.access(role=False))
        self.findings.extend(judge_agreement(self.template.store, environment, self._source))

    def _source(self) -> Environment:
        self.loss.source.revive()
        return store_environment(self.template.store.options.env, self.loss.source.access(role=False))


def _examined(
    judged: _Judged,
    by: Procedure,
    ground: Ground,
    restored: Restored,
    artefact: ArtefactReport,
    *,
    repeat: int,
) -> Drill:
    template, loss = judged.template, judged.loss
    ledger = None
    if template.store.options.ledger:
        ledger = judge_ledger(loss.writes, loss.nonce, restored.ledger, loss.lost_at)
    # A store that answers although its restore failed was not restored, in whatever time.
    seconds = restored.seconds if restored.steps[-1].ok else None
    timings = [] if seconds is None else [Timing(loss.baseline.size, seconds)]
    repeated, failed = timed(template, by, ground, loss.baseline.size, range(1, repeat if timings else 0))
    timings.extend(repeated)
    lost = [*judged.findings, *(ledger.findings if ledger else ())]
    # What is lost comes first: it is what the message has to name. Why it is lost must not come so late that a message
    # with much to name leaves it out; the backup's failure comes before what the restore then misses.
    findings = [*lost[:_NAMED_FIRST], *loss.findings, *restored.findings, *failed, *lost[_NAMED_FIRST:]]
    if loss.backup.missing and not artefact.files:
        # No backup was made at all, so that nothing was examined but that.
        findings = list(loss.findings)
    elif restored.steps[-1].missing:
        # Why nothing came back explains all that did not.
        findings.sort(key=lambda one: one.rule != "restore-failed")
    findings.extend(template.findings)
    return Drill(loss, restored, judged.comparison, ledger, artefact, tuple(timings), tuple(findings))


def _linked(ground: Ground) -> list[Finding]:
    """Tell of an artefact that is on the disk that was lost, although it can still be read here."""
    linked = on_the_lost_disk(ground.backup_dir, ground.lost) if ground.lost else []
    if not linked:
        return []
    message = f"{linked[0]} of the artefact is a hard link to the source's own file, so it is lost with its disk"
    return [Finding("artefact-on-lost-disk", linked[0], message, fix="copy the file, as cp does without -l")]


def timed(
    template: Template, by: Procedure, ground: Ground, size: int, numbers: range
) -> tuple[list[Timing], list[Finding]]:
    """Restore once per number into a target of its own; return the times, and why a restore gave none."""
    timings, failed = [], []
    for number in numbers:
        again = restore(template.store, by, ground, f"target-{number}", NO_SABOTAGE)
        again.target.close()
        if again.seconds is not None and again.steps[-1].ok:
            timings.append(Timing(size, again.seconds))
        failed.extend(again.findings)
    return timings, failed
