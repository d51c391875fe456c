"""Faults of the artefact: between the backup and the restore its files are damaged."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pytest_devsecops.recovery.faults.model import Control, Fault, Plan
from pytest_devsecops.recovery.sabotage import Sabotage

_NOTHING_THERE = "the backup writes no bytes below BACKUP_DIR that could be damaged"


def truncated() -> Fault:
    """The largest file lost its second half."""
    return Fault("truncated", "the largest file of the artefact lost its second half", _spoiling(_truncate))


def bit_flipped() -> Fault:
    """One bit in the middle of the largest file is flipped."""
    return Fault("bit-flipped", "one bit in the middle of the artefact's largest file is flipped", _spoiling(_flip))


def emptied() -> Fault:
    """All files are there and empty."""
    return Fault("emptied", "all files of the artefact are empty", _spoiling(_empty))


def removed() -> Fault:
    """All files are gone."""
    return Fault("removed", "the files of the artefact are gone", _spoiling(_remove))


def yesterdays_artefact() -> Fault:
    """An artefact of yesterday lies in ``BACKUP_DIR`` already."""

    def plan(control: Control) -> Plan:
        if not control.has_ledger:
            return Plan(impossible="the procedure brings no ledger back, which would tell yesterday from today")
        return Plan((Sabotage(yesterday=True),))

    return Fault("yesterdays-artefact", "an artefact of yesterday lies in BACKUP_DIR already", plan)


def _spoiling(spoil: Callable[[Path], bool]) -> Callable[[Control], Plan]:
    def plan(control: Control) -> Plan:
        return Plan((Sabotage(spoil=spoil),)) if control.size else Plan(impossible=_NOTHING_THERE)

    return plan


def _files(folder: Path) -> list[Path]:
    found = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    return sorted(found, key=lambda path: (path.stat().st_size, str(path)))


def _truncate(folder: Path) -> bool:
    path = _files(folder)[-1]
    with path.open("r+b") as handle:
        handle.truncate(path.stat().st_size // 2)
    return True


def _flip(folder: Path) -> bool:
    path = _files(folder)[-1]
    with path.open("r+b") as handle:
        handle.seek(path.stat().st_size // 2)
        byte = handle.read(1)
        handle.seek(-1, 1)
        handle.write(bytes([byte[0] ^ 0x10]))
    return True


def _empty(folder: Path) -> bool:
    for path in _files(folder):
        path.write_bytes(b"")
    return True


def _remove(folder: Path) -> bool:
    for path in _files(folder):
        path.unlink()
    return True
