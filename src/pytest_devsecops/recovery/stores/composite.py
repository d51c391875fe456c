"""Stores that belong together: a database and its media files are backed up and lost as one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from pytest_devsecops.core.errors import UsageError
from pytest_devsecops.core.findings import Finding
from pytest_devsecops.recovery.model import (
    Access,
    Action,
    Behaviours,
    Environment,
    Instance,
    Kind,
    LedgerState,
    RecoveryError,
    Row,
    Snapshot,
    Store,
    StoreOptions,
    Versioned,
)
from pytest_devsecops.recovery.stores.options import CommonOptions, read_options

V = TypeVar("V")
_SEPARATOR = "/"


class CompositeInstance:
    """One instance of every member; names of things and containers carry the member's name.

    Args:
        members: the instances by member.
        options: the members' options by member, for their own ``env=``.
    """

    def __init__(self, members: Mapping[str, Instance], options: Mapping[str, StoreOptions]) -> None:
        self.members = members
        self._options = options

    def access(self, *, role: bool) -> Access:
        """Return the members' variables together.

        Raises:
            UsageError: if two members use one variable.
        """
        from pytest_devsecops.recovery.templates import store_environment

        accesses = {name: one.access(role=role) for name, one in self.members.items()}
        environments = {name: store_environment(self._options[name].env, one) for name, one in accesses.items()}
        return Access(
            variables=_joined("variable", environments),
            fields={f"{name}_{key}": value for name, one in accesses.items() for key, value in one.fields.items()},
            home_files=_joined("file in HOME", {name: one.home_files for name, one in accesses.items()}),
            path=tuple(dict.fromkeys(folder for one in accesses.values() for folder in one.path)),
            ports=tuple(port for one in accesses.values() for port in one.ports),
            own_home=any(one.own_home for one in accesses.values()),
        )

    def finish(self, until: Mapping[str, str]) -> None:
        """Finish every member."""
        for name, one in self.members.items():
            with _of(name):
                one.finish(until)

    def snapshot(self) -> Snapshot:
        """Return what all members hold; kinds and containers carry the member's name."""
        parts: dict[str, Snapshot] = {}
        for name, one in self.members.items():
            with _of(name):
                parts[name] = one.snapshot()
        return Snapshot(
            things={f"{name} {kind}": names for name, part in parts.items() for kind, names in part.things.items()},
            rows={f"{name}{_SEPARATOR}{key}": rows for name, part in parts.items() for key, rows in part.rows.items()},
            problems=tuple(f"{name}: {line}" for name, part in parts.items() for line in part.problems),
            facts={f"{name}.{key}": value for name, part in parts.items() for key, value in part.facts.items()},
            size=sum(part.size for part in parts.values()),
            unsized=sum(part.size for name, part in parts.items() if not self._options[name].production_size),
            unread=tuple(f"{name}: {line}" for name, part in parts.items() for line in part.unread),
        )

    def read_rows(self, container: str) -> Iterator[Row]:
        """Return the rows of a member's container."""
        member, _, name = container.partition(_SEPARATOR)
        return self.members[member].read_rows(name)

    def probe(self) -> None:
        """Probe every member, with its own ``probe=`` where it has one."""
        from pytest_devsecops.recovery.templates import store_environment

        for name, one in self.members.items():
            options = self._options[name]
            if options.probe is None:
                with _of(name):
                    one.probe()
                continue
            answer = options.probe(store_environment(options.env, one.access(role=False)))
            if answer is not None and not answer:
                raise RecoveryError(f"the probe of {name} answered {answer!r}")

    def behaviours(self) -> Behaviours:
        """Try the behaviours of every member."""
        parts = [one.behaviours() for one in self.members.values()]
        return Behaviours(sum(part.tried for part in parts), tuple(found for part in parts for found in part.findings))

    def grow(self) -> None:
        """Grow every member."""
        for one in self.members.values():
            one.grow()

    def open_ledger(self, nonce: str) -> None:
        """Open the ledger of every member that keeps one."""
        for one in self._with_ledger():
            one.open_ledger(nonce)

    def write_ledger(self, number: int) -> None:
        """Write the entry into every member, in their order; it is acknowledged when all have it."""
        for one in self._with_ledger():
            one.write_ledger(number)

    def read_ledger(self) -> LedgerState:
        """Return the entries that every member has; a member that brings no ledger does not count."""
        states = [state for state in (one.read_ledger() for one in self._with_ledger()) if state.nonce is not None]
        if not states:
            return LedgerState(None, frozenset())
        nonces = {state.nonce for state in states}
        nonce = nonces.pop() if len(nonces) == 1 else "different runs"
        return LedgerState(nonce, frozenset.intersection(*(state.numbers for state in states)))

    def lose(self) -> None:
        """Lose every member."""
        for one in self.members.values():
            one.lose()

    def revive(self) -> None:
        """Make the remains of every member readable."""
        for one in self.members.values():
            one.revive()

    def close(self) -> None:
        """Close every member, also if one of them fails."""
        with ExitStack() as stack:
            for one in self.members.values():
                stack.callback(one.close)

    def _with_ledger(self) -> list[Instance]:
        return [one for name, one in self.members.items() if self._options[name].ledger]


class CompositeStore:
    """Several stores that are lost together.

    Args:
        members: the stores by name.
        options: the common options of the whole.
    """

    def __init__(self, members: Mapping[str, Store], options: StoreOptions) -> None:
        self._members = members
        ignored = {f"{name} {key}": why for name, one in members.items() for key, why in one.options.ignore.items()}
        rows = {
            f"rows:{name}{_SEPARATOR}{key.removeprefix('rows:')}": why
            for name, one in members.items()
            for key, why in one.options.ignore.items()
            if key.startswith("rows:")
        }
        redact = tuple(f"{name}{_SEPARATOR}{one}" for name, store in members.items() for one in store.options.redact)
        self._options = replace(
            options,
            # The members' own preparations run one after the other, each with the variables of all.
            prepare=tuple(action for one in members.values() for action in one.options.prepare),
            ignore={**ignored, **rows, **options.ignore},
            writes=options.writes or _all_writes(members),
            production_size=options.production_size or _whole_size(members),
            unsized=() if options.production_size else _unsized(members),
            ledger=any(one.options.ledger for one in members.values()),
            redact=(*redact, *options.redact),
        )

    @property
    def label(self) -> str:
        """The members' names and labels."""
        return " + ".join(f"{name} ({one.label})" for name, one in self._members.items())

    @property
    def options(self) -> StoreOptions:
        """What every store can be told."""
        return self._options

    def template(self, room: Path) -> CompositeInstance:
        """Make a template of every member."""
        return self._instance(lambda name, one: one.template(_folder(room, name)))

    def source(self, template: Instance, room: Path) -> CompositeInstance:
        """Copy every member."""
        members = _members(template)
        return self._instance(lambda name, one: one.source(members[name], _folder(room, name)))

    def target(self, room: Path, kind: Kind) -> CompositeInstance:
        """Make a fresh target of every member."""
        return self._instance(lambda name, one: one.target(_folder(room, name), kind))

    def builtin(self, name: str) -> tuple[Action, Action, Kind]:
        """Refuse: a composite is backed up by the project's own procedure."""
        raise UsageError(
            f"a composite has no built-in procedure {name!r}", remedy="give procedure(backup, restore) for all members"
        )

    def tolerates(self, kind: str, key: str, before: str | None, after: str | None) -> bool:
        """Ask the member that the kind names."""
        member, _, own = kind.partition(" ")
        return member in self._members and self._members[member].tolerates(own, key, before, after)

    def other_version(self, instance: Instance) -> Iterable[Finding]:
        """Ask every member that can tell."""
        for name, one in _members(instance).items():
            store = self._members[name]
            if isinstance(store, Versioned):
                yield from store.other_version(one)

    def completeness(self, template: Instance) -> Iterable[Finding]:
        """Ask every member."""
        for name, one in _members(template).items():
            yield from self._members[name].completeness(one)

    def _instance(self, make: Callable[[str, Store], Instance]) -> CompositeInstance:
        made: dict[str, Instance] = {}
        with ExitStack() as stack:
            for name, one in self._members.items():
                made[name] = make(name, one)
                stack.callback(made[name].close)
            instance = CompositeInstance(made, {name: one.options for name, one in self._members.items()})
            instance.access(role=False)
            stack.pop_all()
        return instance


def composite(
    *,
    agrees: Callable[[Mapping[str, str]], object] | None = None,
    writes: Callable[[Mapping[str, str]], object] | None = None,
    probe: Callable[[Mapping[str, str]], object] | None = None,
    production_size: str = "",
    **members: Store,
) -> CompositeStore:
    """Describe stores that belong together; every keyword that is not named below is a member.

    Args:
        agrees: checks the restored whole; returns True, False, or a list of torn pairs.
        writes: the application's own write, which goes to several members; by default the members' own, one after
            the other.
        probe: the application's own probe of the whole; by default the members' own.
        production_size: of all members together; see ``CommonOptions``. By default the sum of
            what the members say of theirs; a member that says nothing is taken to be as large beside them as in
            the test, and is named.
        **members: the stores by name.

    Raises:
        UsageError: if there are no members, or two of them use one variable, or one has an ``agrees=`` of its own.
    """
    if not members:
        raise UsageError("composite() has no members", remedy="name them: composite(db=…, media=…)")
    for name, one in members.items():
        if not hasattr(one, "completeness"):
            raise UsageError(f"composite({name}=…) must be a store, not {type(one).__name__}")
        if one.options.agrees is not None:
            raise UsageError(
                f"agrees= of the member {name} would not be asked", remedy="give it to composite(), which asks it"
            )
    given: CommonOptions = {}
    if agrees is not None:
        given["agrees"] = agrees
    if writes is not None:
        given["writes"] = writes
    if probe is not None:
        given["probe"] = probe
    if production_size:
        given["production_size"] = production_size
    return CompositeStore(members, read_options("composite", **given))


@contextmanager
def _of(name: str) -> Iterator[None]:
    """Put a member's name before what it says: one of several files or servers is meant."""
    try:
        yield
    except RecoveryError as error:
        raise RecoveryError(f"{name}: {error.message}", remedy=error.remedy) from error


def _all_writes(members: Mapping[str, Store]) -> Callable[[Environment], object] | None:
    """Return the members' own writes as one, which gets the variables of all; None without any."""
    own = [one.options.writes for one in members.values() if one.options.writes is not None]
    return (lambda environment: [write(environment) for write in own]) if own else None


def _whole_size(members: Mapping[str, Store]) -> int:
    """Return the members' sizes in production together, as far as they are known; -1 if all are the test's."""
    sizes = [one.options.production_size for one in members.values()]
    if set(sizes) == {-1}:
        return -1
    # What is as large as in the test adds little to what is not, unless it is all there is.
    return sum(size for size in sizes if size > 0)


def _unsized(members: Mapping[str, Store]) -> tuple[str, ...]:
    return tuple(name for name, one in members.items() if not one.options.production_size)


def _folder(room: Path, name: str) -> Path:
    from pytest_devsecops.recovery.workspace import made

    return made(room / name)


def _members(template: Instance) -> Mapping[str, Instance]:
    if not isinstance(template, CompositeInstance):
        raise UsageError(f"a composite is copied from a composite, not from {type(template).__name__}")
    return template.members


def _joined(what: str, parts: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    joined: dict[str, str] = {}
    owner: dict[str, str] = {}
    for member, values in parts.items():
        for key, value in values.items():
            if key in joined:
                raise UsageError(
                    f"the members {owner[key]} and {member} both use the {what} {key}",
                    remedy="name another with variable= of the store, or another name in env=",
                )
            joined[key], owner[key] = value, member
    return joined
