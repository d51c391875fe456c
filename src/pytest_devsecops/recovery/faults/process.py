"""Faults of the processes: killed in the middle, no room left for what they write, a password that is wrong."""

from __future__ import annotations

from pytest_devsecops.recovery.faults.model import Control, Fault, Plan
from pytest_devsecops.recovery.sabotage import Sabotage

#: When a step is killed, as parts of the time that it takes undisturbed.
_PARTS = (0.5, 0.2, 0.05)
_PAGE = 4096


def backup_killed() -> Fault:
    """The backup is killed half-way."""

    def plan(control: Control) -> Plan:
        if "backup" in control.in_process:
            return _in_process("backup", "killed")
        return Plan(tuple(Sabotage(kill_backup_after=part * control.backup_seconds) for part in _PARTS))

    return Fault("backup-killed", "the backup is killed in the middle", plan)


def restore_killed() -> Fault:
    """The restore is killed half-way and run once more on the same target."""

    def plan(control: Control) -> Plan:
        if "restore" in control.in_process:
            return _in_process("restore", "killed")
        return Plan(tuple(Sabotage(kill_restore_after=part * control.restore_seconds) for part in _PARTS))

    return Fault("restore-killed", "the restore is killed half-way and run again", plan)


def disk_full() -> Fault:
    """Half of the artefact fits on the disk; where no disk can be made, half of its largest file."""

    def plan(control: Control) -> Plan:
        if "backup" in control.in_process:
            return _in_process("backup", "given a full disk")
        if not control.size:
            return Plan(impossible="the backup writes nothing below BACKUP_DIR, so that no disk there can be full")
        room = control.size // 2 // _PAGE * _PAGE
        if control.namespaces and room:
            return Plan((Sabotage(disk=room),))
        return Plan((Sabotage(file_limit=control.largest // 2),))

    return Fault("disk-full", "the disk is full while the backup writes", plan)


def wrong_password() -> Fault:
    """The backup gets a password that the server refuses."""

    def plan(control: Control) -> Plan:
        if not control.has_password:
            return Plan(impossible="the store gives the procedure no password")
        return Plan((Sabotage(wrong_password=True),))

    return Fault("wrong-password", "the password that the backup is given is wrong", plan)


def _in_process(what: str, done: str) -> Plan:
    return Plan(impossible=f"the {what} is a callable, which cannot be {done} without this test run; give a command")
