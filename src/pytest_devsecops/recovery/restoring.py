"""The second half of a drill: restore into a fresh target, look at everything, and try it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from pytest_devsecops.core.findings import Finding
from pytest_devsecops.recovery.ground import Ground
from pytest_devsecops.recovery.likeness import Twin, snapshot_beside
from pytest_devsecops.recovery.loss import procedure_environment, step_findings
from pytest_devsecops.recovery.model import (
    Behaviours,
    Environment,
    Instance,
    LedgerState,
    RecoveryError,
    Snapshot,
    Store,
)
from pytest_devsecops.recovery.procedures import Procedure
from pytest_devsecops.recovery.running import Step, StepResult, run_step
from pytest_devsecops.recovery.sabotage import Sabotage
from pytest_devsecops.recovery.templates import store_environment
from pytest_devsecops.recovery.workspace import made


@dataclass(frozen=True, slots=True)
class Restored:
    """A restore and what it brought.

    Attributes:
        target: the target, still there; the caller closes it.
        steps: how the restore ended, once per attempt.
        snapshot: what it holds; None if it cannot be read.
        ledger: the writes that it holds.
        tried: how many behaviours were tried.
        seconds: from the loss until it read and wrote, without our own looking; None if it never did.
        findings: what went wrong.
    """

    target: Instance
    steps: tuple[StepResult, ...]
    snapshot: Snapshot | None
    ledger: LedgerState
    tried: int
    seconds: float | None
    findings: list[Finding] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Looked:
    """What was seen of a target: its snapshot, its ledger, and what is wrong with them."""

    snapshot: Snapshot | None
    ledger: LedgerState
    findings: tuple[Finding, ...] = ()


NO_LEDGER = LedgerState(None, frozenset())
#: Looks at what was restored, before the probe writes into it.
Examine = Callable[[Instance, Snapshot], None]


def restore(
    store: Store,
    by: Procedure,
    ground: Ground,
    name: str,
    sabotage: Sabotage,
    *,
    twin: Twin | None = None,
    examine: Examine | None = None,
) -> Restored:
    """Restore into a fresh target called ``name`` and examine it, beside its dead source if ``twin`` has it.

    The clock runs from here, where the source is dead already, until the probe has read and
    written; it is paused while this looks at the target for its own purposes.

    Raises:
        RecoveryError: if no empty target can be made.
    """
    clock = time.monotonic()
    room = made(ground.room / name)
    target = store.target(made(room / "store"), by.kind)
    try:
        steps = [_step(store, by, target, ground, room / "step", sabotage.kill_restore_after)]
        if sabotage.kill_restore_after is not None:
            steps.append(_step(store, by, target, ground, room / "again", None))
        findings = step_findings("restore", steps[-1], ground.root)
        environment = procedure_environment(store, target.access(role=False), ground.backup_dir, by.restore_env)
        started = _finish(target, by, environment, findings)
        seconds = time.monotonic() - clock
        looked = _look(target, twin) if started else Looked(None, NO_LEDGER)
        if examine is not None and looked.snapshot is not None:
            examine(target, looked.snapshot)
        clock = time.monotonic()
        works = started and _probe(store, target, findings)
        total = seconds + time.monotonic() - clock
        behaviours = _behaviours(target) if works and looked.snapshot else Behaviours(0)
    except BaseException:
        target.close()
        raise
    findings.extend(looked.findings)
    findings.extend(behaviours.findings)
    return Restored(
        target, tuple(steps), looked.snapshot, looked.ledger, behaviours.tried, total if works else None, findings
    )


def _step(
    store: Store, by: Procedure, target: Instance, ground: Ground, room: Path, kill_after: float | None
) -> StepResult:
    access = target.access(role=False)
    with ground.source_out_of_reach() as hidden:
        step = Step(
            action=by.restore,
            environment=procedure_environment(store, access, ground.backup_dir, by.restore_env),
            access=access,
            root=ground.root,
            room=made(room),
            timeout=by.timeout,
            isolate=True,
            kill_after=kill_after,
            hide=hidden,
        )
        return run_step(step)


def _finish(target: Instance, by: Procedure, environment: Environment, findings: list[Finding]) -> bool:
    try:
        target.finish(_moment(by, environment))
    except RecoveryError as error:
        findings.append(
            Finding(
                "target-does-not-start",
                "target",
                f"what was restored does not start: {error.message}",
                fix=error.remedy or "read the server's log in the message",
            )
        )
        return False
    return True


def _moment(by: Procedure, environment: Environment) -> dict[str, str]:
    """Return the recovery target; a callable of the user that tells it may raise anything."""
    told = {}
    for name, value in by.until.items():
        try:
            told[name] = value if isinstance(value, str) else str(value(environment)).strip()
        except Exception as error:
            message = f"until= could not tell the {name}: {type(error).__name__}: {error}"
            raise RecoveryError(message, remedy="let the backup write the moment below BACKUP_DIR") from error
    return told


def _look(target: Instance, twin: Twin | None) -> Looked:
    try:
        snapshot = snapshot_beside(target, twin)
        ledger = target.read_ledger()
    except RecoveryError as error:
        message = f"what was restored cannot be read: {error.message}"
        found = Finding("target-unreadable", "target", message, fix=error.remedy)
        return Looked(None, NO_LEDGER, (found,))
    return Looked(snapshot, ledger)


def _behaviours(target: Instance) -> Behaviours:
    try:
        return target.behaviours()
    except RecoveryError as error:
        message = f"what was restored does not behave: {error.message}"
        return Behaviours(1, (Finding("misbehaves", "target", message, fix=error.remedy),))


def _probe(store: Store, target: Instance, findings: list[Finding]) -> bool:
    own = store.options.probe
    answer: object = True
    try:
        if own is None:
            target.probe()
        else:
            answer = own(store_environment(store.options.env, target.access(role=False)))
    except Exception as error:  # noqa: BLE001 - the user's probe may raise anything; that is its answer
        findings.append(_probe_failed(f"{type(error).__name__}: {error}"))
        return False
    works = answer is None or bool(answer)
    if not works:
        findings.append(_probe_failed(f"the probe answered {answer!r}"))
    return works


def _probe_failed(why: str) -> Finding:
    message = f"what was restored does not work: {why}"
    return Finding("probe-failed", "target", message, fix="a restore must leave a store that reads and writes")
