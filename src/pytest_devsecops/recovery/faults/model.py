"""What a fault is, and what has to be known of a procedure to let one strike."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pytest_devsecops.recovery.sabotage import Sabotage


@dataclass(frozen=True, slots=True)
class Control:
    """What an undisturbed drill of the same procedure showed.

    Attributes:
        failed: what was wrong even so; empty if everything came back.
        backup_seconds: how long the backup took.
        restore_seconds: how long the restore took.
        files: the files of the artefact.
        size: their bytes.
        largest: the bytes of the largest.
        in_process: which of ``backup`` and ``restore`` are callables, which nothing can be done to.
        has_password: whether the store gives the procedure a password.
        has_ledger: whether the procedure brings back the ledger of acknowledged writes.
        namespaces: whether the machine lets us make a disk of our own.
    """

    failed: str
    backup_seconds: float
    restore_seconds: float
    files: int
    size: int
    largest: int
    in_process: frozenset[str]
    has_password: bool
    has_ledger: bool
    namespaces: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """How a fault is made to strike.

    Attributes:
        attempts: made one after the other until enough of them have struck; empty if none can.
        impossible: why there is none.
    """

    attempts: tuple[Sabotage, ...] = ()
    impossible: str = ""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong in the middle of a backup or restore.

    Attributes:
        name: its name, such as ``truncated``.
        what: what happens, as a sentence.
        plan: how it is done to a procedure that has shown what the ``Control`` says.
    """

    name: str
    what: str
    plan: Callable[[Control], Plan]
