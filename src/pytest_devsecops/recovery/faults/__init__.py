"""Faults that strike a procedure in the middle. One file per kind; ``FAULTS`` names them all."""

from __future__ import annotations

from pytest_devsecops.core.errors import UsageError
from pytest_devsecops.core.text import did_you_mean
from pytest_devsecops.recovery.faults.artefact import bit_flipped, emptied, removed, truncated, yesterdays_artefact
from pytest_devsecops.recovery.faults.model import Control, Fault
from pytest_devsecops.recovery.faults.process import backup_killed, disk_full, restore_killed, wrong_password

_ALL = (
    truncated(),
    bit_flipped(),
    emptied(),
    removed(),
    yesterdays_artefact(),
    backup_killed(),
    disk_full(),
    restore_killed(),
    wrong_password(),
)
#: The built-in faults by name.
FAULTS: dict[str, Fault] = {fault.name: fault for fault in _ALL}


def find_fault(name: str) -> Fault:
    """Return the fault called ``name``.

    Raises:
        UsageError: if there is none, with the nearest name.
    """
    if name not in FAULTS:
        raise UsageError(f"unknown fault {name!r}: {did_you_mean(name, FAULTS)}")
    return FAULTS[name]


__all__ = ["FAULTS", "Control", "Fault", "find_fault"]
