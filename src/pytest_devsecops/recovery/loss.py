"""The first half of a drill: run a copy of the prepared store, back it up under writes, and lose it."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

from pytest_devsecops.core.findings import Finding, Status
from pytest_devsecops.core.text import counted
from pytest_devsecops.recovery.compare import compare, only_removed_or_altered
from pytest_devsecops.recovery.ground import Ground
from pytest_devsecops.recovery.ledger import Acknowledged, LedgerWriter
from pytest_devsecops.recovery.likeness import Twin, row_differences, snapshot_beside
from pytest_devsecops.recovery.model import Access, Difference, Environment, Instance, RecoveryError, Snapshot, Store
from pytest_devsecops.recovery.procedures import Procedure
from pytest_devsecops.recovery.rowdiff import describe
from pytest_devsecops.recovery.running import Step, StepResult, run_step
from pytest_devsecops.recovery.sabotage import NO_SABOTAGE, Sabotage, age_files, with_wrong_password
from pytest_devsecops.recovery.templates import Template, bound, store_environment
from pytest_devsecops.recovery.workspace import made

#: What a shell says of a program that died by SIGILL, SIGTRAP, SIGABRT, SIGBUS or SIGSEGV.
_CRASHES = (132, 133, 134, 135, 139)
#: Containers whose rows are told one by one, and how many of each.
_CONTAINERS, _ROWS = 20, 5
#: What the stores call the ledger: a folder, a table, a key.
_LEDGER = re.compile(r"devsecops[-_:]ledger")


@dataclass(frozen=True, slots=True)
class Loss:
    """A source that was backed up and then lost.

    Attributes:
        source: the dead source; ``revive`` makes its remains readable.
        baseline: what it held at the moment of loss.
        backup: how the backup ended.
        changed: what the backup changed in the source.
        writes: the acknowledged writes, and ``nonce`` of their ledger; empty without a ledger.
        lost_at: when it died (monotonic seconds).
        findings: what already went wrong.
    """

    source: Instance
    baseline: Snapshot
    backup: StepResult
    changed: tuple[Difference, ...]
    writes: tuple[Acknowledged, ...]
    nonce: str
    lost_at: float
    findings: list[Finding] = field(default_factory=list)


def back_up_and_lose(
    template: Template, by: Procedure, ground: Ground, sabotage: Sabotage, *, growth: int = 0, writes: bool = True
) -> Loss:
    """Run a source, back it up while writes go on, and kill it.

    Args:
        template: the prepared store.
        by: the procedure under test.
        ground: the drill's folders.
        sabotage: what goes wrong on purpose.
        growth: how often the data is doubled before the backup.
        writes: whether to write at all; a restore that is only timed needs none.

    Raises:
        RecoveryError: if the source does not start or cannot be read.
    """
    store = template.store
    source = store.source(template.instance, made((ground.lost or ground.room) / "source"))
    try:
        return _backed_up(store, source, template, by, ground, sabotage, growth=growth, writes=writes)
    except BaseException:
        source.close()
        raise


def _backed_up(
    store: Store,
    source: Instance,
    template: Template,
    by: Procedure,
    ground: Ground,
    sabotage: Sabotage,
    *,
    growth: int,
    writes: bool,
) -> Loss:
    for _ in range(growth):
        source.grow()
    writer = _writer(store, source) if writes else None
    if sabotage.yesterday:
        run_step(backup_step(store, source, by, ground, NO_SABOTAGE, "yesterday"))
        age_files(ground.backup_dir)
    if writer:
        writer.begin()
    try:
        backup = run_step(backup_step(store, source, by, ground, sabotage, "backup-step"))
    finally:
        if writer:
            writer.halt()
    if writer:
        writer.end()
    # Nothing is written from here on, so that our own looking does not count as lost time.
    lost_at = time.monotonic()
    baseline = snapshot_beside(source, None if growth else Twin(template.instance, template.snapshot))
    changed = () if growth else tuple(_changed(template, source, baseline))
    source.lose()
    loss = Loss(
        source=source,
        baseline=baseline,
        backup=backup,
        changed=changed,
        writes=writer.acknowledged if writer else (),
        nonce=writer.nonce if writer else "",
        lost_at=lost_at,
    )
    user_writes = store.options.writes is not None
    loss.findings.extend(_backup_findings(loss, writer, ground.root if sabotage == NO_SABOTAGE else None, user_writes))
    return loss


def _changed(template: Template, source: Instance, now: Snapshot) -> Iterator[Difference]:
    """Return what changed in a running source, with its rows; rows in another order, or close enough, did not."""
    store = template.store
    # Which rows the application's own writes changed, nobody asks.
    told = _CONTAINERS if store.options.writes is None else 0
    for number, one in enumerate(compare(template.snapshot, now, store.tolerates, {}).differences):
        if one.kind != "rows" or one.change != "altered" or number >= told:
            yield one
            continue
        try:
            template.instance.revive()
            found = list(islice(row_differences(one.name, template.instance, source), _ROWS))
        except RecoveryError as error:
            yield replace(one, message=f"{one.message}: the rows cannot be compared one by one: {error.message}")
            continue
        if found:
            rows = "; ".join(describe(one.name, row, store.options.redact) for row in found)
            yield replace(one, message=f"{one.message}: {rows}")
        elif one.detail["was"] != one.detail["is"]:
            yield one


def _writer(store: Store, source: Instance) -> LedgerWriter | None:
    operation = store.options.writes
    if not store.options.ledger and operation is None:
        return None
    environment = store_environment(store.options.env, source.access(role=False))
    return LedgerWriter(source if store.options.ledger else None, bound(operation, environment))


def backup_step(store: Store, source: Instance, by: Procedure, ground: Ground, sabotage: Sabotage, room: str) -> Step:
    """Return the backup of ``source`` as a step with a folder called ``room`` for its HOME."""
    access = source.access(role=True)
    if sabotage.wrong_password:
        access = with_wrong_password(access)
    return Step(
        action=by.backup,
        environment=procedure_environment(store, access, ground.backup_dir, by.backup_env),
        access=access,
        root=ground.root,
        room=made(ground.room / room),
        timeout=by.timeout,
        isolate=True,
        kill_after=sabotage.kill_backup_after,
        file_limit=sabotage.file_limit,
        disk=(str(ground.backup_dir), sabotage.disk) if sabotage.disk is not None else None,
        hide=tuple(str(one) for one in ground.hidden),
    )


def procedure_environment(store: Store, access: Access, backup_dir: Path, own: Environment) -> dict[str, str]:
    """Return the variables that a procedure gets: the store's, ``env=``, ``BACKUP_DIR`` and its own."""
    return {**store_environment(store.options.env, access), "BACKUP_DIR": str(backup_dir), **own}


def _backup_findings(
    loss: Loss,
    writer: LedgerWriter | None,
    root: Path | None,
    user_writes: bool,  # noqa: FBT001 - of this module alone
) -> list[Finding]:
    """Tell what went wrong; ``root`` is None in a drill whose backup was made to fail."""
    findings = []
    if root is not None:
        findings.extend(step_findings("backup", loss.backup, root))
    if not user_writes:
        findings.extend(
            Finding(
                "backup-altered-source",
                one.subject,
                f"the backup changed what was there: {one.message}",
                fix="a backup must only read; look for clean-up or truncation in it",
            )
            for one in only_removed_or_altered(loss.changed)
            if one.kind == "rows" or one.change == "lost"
        )
    if writer and writer.problem is not None:
        findings.append(
            Finding(
                "writes-failed",
                "ledger",
                f"after {counted(len(writer.acknowledged), 'write')} the next one failed: "
                f"{type(writer.problem).__name__}: {writer.problem}",
                fix="try writes= by hand; if it works, the backup locks the store for longer than it can wait",
                status=Status.UNVERIFIED,
            )
        )
    return findings


def step_findings(what: str, result: StepResult, root: Path) -> list[Finding]:
    """Return what the end of a step itself says: a failure, a crash, processes left behind."""
    if result.ok:
        return []
    # A program that is missing or that crashes says nothing about the data.
    unknown = result.missing or result.exit_code in _CRASHES
    fix = "run it by hand with the variables that the documentation of procedure() lists"
    if result.missing:
        fix = (
            f"paths are relative to the project's root, {root}; a script has to be executable (chmod +x), and the "
            "interpreter in its first line and the programs in it have to be installed"
        )
    elif _LEDGER.search(result.output):
        fix = (
            "the drill keeps its ledger of acknowledged writes there, which the procedure has to be able to take along "
            "as it would a new folder or table; ledger=False of the store does without, and RPO is then every= at best"
        )
    return [
        Finding(
            f"{what}-failed",
            what,
            f"the {what} failed: {result.said}",
            fix=fix,
            status=Status.UNVERIFIED if unknown else Status.VIOLATED,
            detail={"output": result.output},
        )
    ]
