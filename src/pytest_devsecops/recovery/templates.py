"""Templates: a store prepared once per session; every round trip loses a copy of it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from pytest_devsecops.core.errors import UsageError
from pytest_devsecops.core.findings import Finding
from pytest_devsecops.recovery.model import Access, Action, Environment, Instance, RecoveryError, Snapshot, Store
from pytest_devsecops.recovery.procedures import action_name
from pytest_devsecops.recovery.running import Step, run_step, search_path
from pytest_devsecops.recovery.workspace import temporary_room

_PREPARE_TIMEOUT = 1800.0
#: Variables by which clients find their server; one that the drill does not set itself (``PGSERVICE``,
#: ``PGHOSTADDR``, ``MYSQL_HOME``) would win over those that it does.
_LEADING = ("PG", "MYSQL_", "MARIADB_", "REDISCLI_")
_BELOW_HOME = {
    "PYTHONUSERBASE": ".local",
    "XDG_CACHE_HOME": ".cache",
    "XDG_CONFIG_HOME": ".config",
    "XDG_DATA_HOME": ".local/share",
}


@dataclass(frozen=True, slots=True)
class Template:
    """A prepared store.

    Attributes:
        store: the recipe.
        instance: what was prepared; ``Store.source`` copies it.
        snapshot: what it holds.
        findings: what of it cannot be examined by a round trip.
        room: the folder that holds all of it, which no procedure may see.
    """

    store: Store
    instance: Instance
    snapshot: Snapshot
    findings: tuple[Finding, ...]
    room: Path


class Templates:
    """Prepared stores, each built when it is first needed.

    Args:
        root: the project's root, where ``prepare`` commands run.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._known: dict[int, Template] = {}
        self._rooms = ExitStack()

    def of(self, store: Store) -> Template:
        """Return the prepared ``store``.

        Raises:
            RecoveryError: if it cannot be prepared.
        """
        if id(store) not in self._known:
            self._known[id(store)] = self._prepare(store)
        return self._known[id(store)]

    def close(self) -> None:
        """Remove all templates."""
        for template in self._known.values():
            template.instance.close()
        self._known.clear()
        self._rooms.close()

    def _prepare(self, store: Store) -> Template:
        room = self._rooms.enter_context(temporary_room("template-"))
        (room / "store").mkdir()
        instance = store.template(room / "store")
        try:
            prepare(store, instance, self._root, room / "steps")
            findings = tuple(store.completeness(instance))
            snapshot = instance.snapshot()
        except BaseException:
            instance.close()
            raise
        return Template(store, instance, snapshot, findings, room)


def prepare(store: Store, instance: Instance, root: Path, room: Path) -> None:
    """Run the ``prepare`` actions of a store against an instance.

    They are the project's own set-up (migrations, seed), so they get the caller's environment
    with the store's variables in it, unlike the procedure; but nothing that leads to another server.

    Raises:
        RecoveryError: if one of them fails, with what it said.
    """
    for number, action in enumerate(store.options.prepare):
        step = preparing_step(store, instance, action, root, room / str(number))
        result = run_step(step)
        if not result.ok:
            message = f"preparing {store.label} failed: {result.said}"
            raise RecoveryError(message, remedy=f"run {action_name(action)!r} by hand against an empty {store.label}")


def preparing_step(store: Store, instance: Instance, action: Action, root: Path, room: Path) -> Step:
    """Return a step of the project's own set-up, such as a migration; it gets the caller's environment."""
    access = instance.access(role=False)
    environment = {**_callers(access), **store_environment(store.options.env, access)}
    environment["PATH"] = search_path(access)
    return Step(action, environment, access, root, room, _PREPARE_TIMEOUT)


def _callers(access: Access) -> dict[str, str]:
    """Return the caller's environment without what would lead a client to a server of the caller's."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(_LEADING)}
    if access.own_home:
        # The step gets a HOME of its own; what programs look for in the caller's is named instead.
        home = environment.pop("HOME", None) or str(Path.home())
        for name, place in _BELOW_HOME.items():
            environment.setdefault(name, str(Path(home, place)))
    return environment


def store_environment(env: Environment, access: Access) -> dict[str, str]:
    """Return the store's variables with the application's own (``env=``) formatted.

    Raises:
        UsageError: if a format names a field that the store does not have.
    """
    return {**access.variables, **{name: _formatted(name, text, access.fields) for name, text in env.items()}}


def _formatted(name: str, text: str, fields: Mapping[str, str]) -> str:
    try:
        return text.format_map(fields)
    except (KeyError, IndexError, ValueError) as error:
        known = ", ".join("{" + field + "}" for field in fields)
        raise UsageError(f"env {name}={text!r} names an unknown field: {error}", remedy=f"known: {known}") from None


def bound(operation: Callable[[Environment], object] | None, environment: Environment) -> Callable[[], object] | None:
    """Return a user's operation bound to the environment of an instance, or None without one."""
    if operation is None:
        return None
    return lambda: operation(environment)
