"""``notices()``: a fault strikes in the middle, and the procedure says so, or everything comes back all the same."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from pytest_devsecops.core.findings import Finding, Status
from pytest_devsecops.core.verdict import Verdict
from pytest_devsecops.recovery import isolation
from pytest_devsecops.recovery.drilling import Drill, run_drill
from pytest_devsecops.recovery.faults import Control, Fault, find_fault
from pytest_devsecops.recovery.procedures import Procedure
from pytest_devsecops.recovery.running import StepResult
from pytest_devsecops.recovery.sabotage import Sabotage, passwords
from pytest_devsecops.recovery.templates import Template

NAME = "recovery.notices"
#: A fault that can strike at several moments strikes at this many, and one silent loss is enough.
_STRIKES = 2


def control_of(template: Template, by: Procedure, root: Path) -> Control:
    """Run the procedure undisturbed and return what the faults have to know of it.

    Raises:
        RecoveryError: if the drill itself cannot be run.
    """
    drill = run_drill(template, by, root)
    return Control(
        failed=drill.findings[0].message if drill.findings else "",
        backup_seconds=drill.loss.backup.seconds,
        restore_seconds=drill.restored.steps[-1].seconds,
        files=drill.artefact.files,
        size=drill.artefact.size,
        largest=drill.artefact.largest,
        in_process=frozenset(
            name for name, action in (("backup", by.backup), ("restore", by.restore)) if callable(action)
        ),
        has_password=bool(passwords(template.instance.access(role=True))),
        has_ledger=drill.ledger is not None and drill.ledger.brought,
        namespaces=isolation.available(),
    )


def notices(template: Template, by: Procedure, root: Path, fault_name: str, control: Control) -> Verdict:
    """Tell whether the procedure survives a fault, or fails aloud; losing data in silence is a violation.

    Args:
        template: the prepared store.
        by: the procedure under test.
        root: the project's root.
        fault_name: the fault.
        control: what the procedure does undisturbed.

    Raises:
        RecoveryError: if the drill itself cannot be run.
        UsageError: if there is no such fault.
    """
    fault = find_fault(fault_name)
    plan = fault.plan(control)
    if plan.impossible:
        return _not_struck(fault, f"it cannot strike: {plan.impossible}")
    judged: Verdict | None = None
    strikes = 0
    for attempt in plan.attempts:
        drill = run_drill(template, by, root, sabotage=attempt)
        if not _has_struck(attempt, drill, control):
            continue
        judged = _judged(fault, attempt, drill, control)
        strikes += 1
        if judged.status is not Status.MET or strikes == _STRIKES:
            break
    if judged is not None:
        return judged
    if control.failed:
        return _not_struck(fault, f"the procedure fails without any fault as well: {control.failed}")
    return _not_struck(fault, "it never struck: the step ended before it, or did not need what it takes away")


def _has_struck(sabotage: Sabotage, drill: Drill, control: Control) -> bool:
    if sabotage.kill_backup_after is not None:
        return drill.loss.backup.ended == "killed"
    if sabotage.kill_restore_after is not None:
        return drill.restored.steps[0].ended == "killed"
    if sabotage.spoil is not None:
        return drill.spoiled
    if sabotage.wrong_password:
        # A backup that works all the same was not asked for its password. What a procedure loses at every
        # time tells nothing of it.
        return not drill.loss.backup.ok or (bool(drill.findings) and not control.failed)
    return True


def _judged(fault: Fault, sabotage: Sabotage, drill: Drill, control: Control) -> Verdict:
    steps = _steps(drill)
    # A step that we killed said nothing by itself; then the other one has to.
    spoke = [step for step in steps if not step.ok and step.ended != "killed"]
    told = "; ".join(step.said for step in spoke)
    unseen = [_unnoticed(fault, found) for found in drill.findings] if not spoke else []
    if not unseen and control.failed:
        unseen.append(_control_failed(control))
    return Verdict(
        NAME,
        unseen,
        examined={"rows": drill.loss.baseline.row_count, "steps": len(steps), "fault": fault.name},
        summary=f"{fault.what}: {'the procedure said so: ' + told if spoke else 'everything came back'}",
        evidence={
            "fault": fault.what,
            "how": _how(sabotage),
            "noticed": bool(spoke),
            "steps": [step.said for step in (drill.loss.backup, *drill.restored.steps)],
            "artefact": drill.artefact.as_dict(),
            "undisturbed": {"backup_seconds": control.backup_seconds, "restore_seconds": control.restore_seconds},
        },
    )


def _steps(drill: Drill) -> tuple[StepResult, ...]:
    return (drill.loss.backup, *drill.restored.steps[-1:])


def _unnoticed(fault: Fault, found: Finding) -> Finding:
    if found.status is Status.UNVERIFIED:
        return found
    return replace(
        found,
        rule=f"unnoticed-{fault.name}",
        message=f"{fault.what}, the procedure ends as if all were well, and {found.message}",
        fix="check exit codes (set -e, pipefail), verify the artefact before use, restore in one transaction",
    )


def _control_failed(control: Control) -> Finding:
    return Finding(
        "control-failed",
        "procedure",
        f"the procedure fails without any fault as well, so nothing is known of how it takes one: {control.failed}",
        fix="make round_trip() met first",
        status=Status.UNVERIFIED,
    )


def _not_struck(fault: Fault, why: str) -> Verdict:
    found = Finding(
        "fault-not-struck",
        fault.name,
        f"nothing is known of what the procedure does when {fault.what}: {why}",
        fix="run it on a machine, or with a procedure, that the fault can strike",
        status=Status.UNVERIFIED,
    )
    return Verdict(NAME, [found], examined={"undisturbed drills": 1, "fault": fault.name})


def _how(sabotage: Sabotage) -> str:
    if sabotage.disk is not None:
        return f"a disk of {sabotage.disk:,} bytes at BACKUP_DIR"
    if sabotage.file_limit is not None:
        return f"no file larger than {sabotage.file_limit:,} bytes (no disk can be made on this machine)"
    after = sabotage.kill_backup_after or sabotage.kill_restore_after
    return f"killed after {after:.3f}s" if after else ""
