"""The procedure under test: the user's own backup and restore, and how they were meant to be run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import get_args

from pytest_devsecops.core.errors import UsageError
from pytest_devsecops.core.text import did_you_mean, parse_duration
from pytest_devsecops.recovery.model import Action, Environment, Kind

_EMPTY: Mapping[str, str] = MappingProxyType({})
_SHOWN = 80
#: A fixed value, or what tells it once the source is lost, from the restore's environment.
Target = str | Callable[[Environment], str]
_TARGETS = ("time", "name", "lsn", "xid", "immediate")


@dataclass(frozen=True, slots=True)
class Procedure:
    """A backup and its restore.

    Attributes:
        backup: writes everything that a restore needs below ``BACKUP_DIR``.
        restore: brings it back into a fresh target, with ``BACKUP_DIR`` and nothing of the source.
        every: seconds between two backups in production; None if nobody said.
        timeout: seconds that either may take.
        kind: ``logical`` restores into a running store, ``physical`` into an empty data directory.
        backup_env: further variables (secrets) for the backup alone.
        restore_env: further variables for the restore alone.
        until: the recovery target of a physical restore, such as ``{"name": "before-release"}``; a value may be
            a callable that takes the restore's environment.
        name: what it is called in messages.
    """

    backup: Action
    restore: Action
    every: float | None = None
    timeout: float = 600.0
    kind: Kind = "logical"
    # pytest shows a fixture's value when a test fails; these are secrets.
    backup_env: Environment = field(default_factory=lambda: _EMPTY, repr=False)
    restore_env: Environment = field(default_factory=lambda: _EMPTY, repr=False)
    until: Mapping[str, Target] = field(default_factory=lambda: _EMPTY)
    name: str = "the procedure"


def procedure(
    backup: Action,
    restore: Action,
    *,
    every: str | None = None,
    timeout: str = "10m",
    kind: str = "logical",
    backup_env: Environment | None = None,
    restore_env: Environment | None = None,
    until: Mapping[str, Target] | None = None,
) -> Procedure:
    """Describe the backup and restore that production really runs.

    Both get, and may rely on: the connection given the usual way for the store (``PGHOST``, …),
    ``BACKUP_DIR``, a clean ``HOME`` with the clients' files in it, the project's root as working
    directory, an empty standard input, umask 022, and a ``PATH`` that starts with the server's own
    clients, followed by the programs beside this interpreter (before them, where the clients lie in a folder of the
    whole system that has a ``python3`` too). Nothing else of the caller's environment reaches them.

    Args:
        backup: a shell command, an argument vector, or a callable that takes the environment.
        restore: the same.
        every: how often production runs the backup, such as ``"24h"``.
        timeout: how long either may take.
        kind: ``"logical"``, or ``"physical"`` for a restore that fills an empty data directory.
        backup_env: what exists only where backups are made (a key, a password).
        restore_env: what a restore has at hand when the source's host is gone.
        until: the recovery target of a physical restore: ``{"time": …}``, ``{"name": …}`` or ``{"lsn": …}``. A moment
            of the drill itself is told by a callable, which takes the restore's environment: the backup may have
            written it below ``BACKUP_DIR``.

    Raises:
        UsageError: if an argument cannot mean anything.
    """
    if kind not in get_args(Kind):
        raise UsageError(f"unknown kind {kind!r} of a procedure: {did_you_mean(kind, get_args(Kind))}")
    for wanted in until or ():
        if wanted not in _TARGETS:
            raise UsageError(f"unknown recovery target {wanted!r}: {did_you_mean(wanted, _TARGETS)}")
    check_action("backup", backup)
    check_action("restore", restore)
    return Procedure(
        backup=backup,
        restore=restore,
        every=None if every is None else _seconds("every", every),
        timeout=_seconds("timeout", timeout),
        kind="physical" if kind == "physical" else "logical",
        backup_env=dict(backup_env or {}),
        restore_env=dict(restore_env or {}),
        until=dict(until or {}),
        name=f"{action_name(backup)} and {action_name(restore)}",
    )


def action_name(action: Action) -> str:
    """Return how messages call an action."""
    if isinstance(action, Callable):  # type: ignore[arg-type] # mypy cannot narrow the union by Callable
        return str(getattr(action, "__qualname__", repr(action)))
    words = action if isinstance(action, str) else " ".join(action)  # type: ignore[arg-type] # see above
    line = " ".join(words.split())
    return line if len(line) <= _SHOWN else f"{line[:_SHOWN]}…"


def check_action(what: str, action: object) -> None:
    """Refuse what is neither a command nor a callable.

    Raises:
        UsageError: if it is not, or is empty.
    """
    if isinstance(action, str) and not action.strip():
        raise UsageError(f"{what} is empty", remedy="name the command that production runs")
    if not isinstance(action, str | list | tuple) and not callable(action):
        raise UsageError(f"{what} must be a command, a list of arguments or a callable, not {type(action).__name__}")
    if isinstance(action, list | tuple) and not (action and all(isinstance(part, str) for part in action)):
        raise UsageError(f"{what} must be a list of strings with at least the program")


def _seconds(what: str, text: str) -> float:
    try:
        return parse_duration(text)
    except ValueError as error:
        raise UsageError(f"{what}: {error}") from None
