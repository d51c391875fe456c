"""The policy table ``recovery``: the procedure that drills use if a test names none, and its limits."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_devsecops.core.decode import TableReader
from pytest_devsecops.core.text import parse_duration
from pytest_devsecops.recovery.procedures import Procedure, procedure


@dataclass(frozen=True, slots=True)
class RecoveryPolicy:
    """What the policy says about recovery.

    Attributes:
        procedure: the backup and restore of production; None if the policy names none.
        rto: seconds that a restore may take in every round trip; None if the policy says nothing.
        rpo: seconds of writes that a loss may cost in every round trip.
        repeat: how often a restore is measured.
    """

    procedure: Procedure | None = None
    rto: float | None = None
    rpo: float | None = None
    repeat: int = 1


def read_section(reader: TableReader) -> RecoveryPolicy:
    """Decode ``[tool.devsecops.recovery]``."""
    policy = RecoveryPolicy(
        procedure=_read_procedure(reader),
        rto=reader.duration("rto"),
        rpo=reader.duration("rpo"),
        repeat=reader.integer("repeat", 1, minimum=1) or 1,
    )
    reader.finish()
    return policy


def _read_procedure(reader: TableReader) -> Procedure | None:
    present = reader.has("procedure")
    table = reader.table("procedure")
    backup = table.string("backup", required=present)
    restore = table.string("restore", required=present)
    every = table.parsed("every", _duration, "") or None
    timeout = table.parsed("timeout", _duration, "10m")
    kind = table.string("kind", "logical", choices=("logical", "physical"))
    table.finish()
    if not (backup.strip() and restore.strip()):
        return None
    return procedure(backup, restore, every=every, timeout=timeout, kind=kind)


def _duration(text: str) -> str:
    parse_duration(text)
    return text
