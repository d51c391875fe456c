"""The vocabulary of the recovery family: stores, what they hold, and how two states differ.

A **store** is a recipe without a connection. It makes **instances**: a source that a round trip
loses, and a fresh target that a restore fills. What an instance holds is told by a **snapshot**:
named things with properties, and containers of rows with an exact fingerprint. Everything that the
round trip does works on these four, so a new kind of store is one new file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Literal, Protocol, runtime_checkable

from pytest_devsecops.core.errors import DevSecOpsError
from pytest_devsecops.core.findings import Finding

#: Environment variables, as a process or a callable of the user gets them.
Environment = Mapping[str, str]

#: What a user can give where something has to be done: a shell command, an argument vector, or a
#: callable that takes the environment as a mapping.
Action = str | Sequence[str] | Callable[[Environment], object]

#: How a procedure delivers: into a running empty store, or as files of a store that is down.
Kind = Literal["logical", "physical"]

#: kind of thing -> name -> property -> value; None is SQL's NULL or "has none".
Things = Mapping[str, Mapping[str, Mapping[str, str | None]]]

_NOTHING: Mapping[str, str] = MappingProxyType({})


class RecoveryError(DevSecOpsError):
    """A drill cannot go on: a store does not start, a preparation fails, a tool is missing."""


@dataclass(frozen=True, slots=True)
class Rows:
    """What one container of rows (a table, a tree of files) holds.

    Attributes:
        count: the number of rows.
        digest: an exact fingerprint of all rows, independent of their order.
    """

    count: int
    digest: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything that an instance holds at one moment.

    Attributes:
        things: definitions, grants, settings, next values, … by kind and name.
        rows: the containers of rows by name.
        problems: damage that the store itself reports (integrity checks, broken references).
        facts: versions and sizes for the evidence; never compared.
        size: bytes that the data takes.
        unread: what could not be read, one line each; each makes the verdict unverified.
        unsized: how many of the bytes belong to members whose size in production nobody said.
    """

    things: Things
    rows: Mapping[str, Rows]
    problems: tuple[str, ...] = ()
    facts: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    size: int = 0
    unread: tuple[str, ...] = ()
    unsized: int = 0

    @property
    def row_count(self) -> int:
        """The number of rows in all containers."""
        return sum(one.count for one in self.rows.values())

    @property
    def thing_count(self) -> int:
        """The number of named things."""
        return sum(len(names) for names in self.things.values())


@dataclass(frozen=True, slots=True)
class Difference:
    """One way in which two states differ.

    Attributes:
        change: ``lost``, ``added`` or ``altered``.
        kind: the kind of thing, such as ``table`` or ``rows``.
        name: its name; with the kind it is what ``ignore=`` matches as ``kind:name``.
        message: the whole sentence.
        detail: values for programs.
    """

    change: Literal["lost", "added", "altered"]
    kind: str
    name: str
    message: str
    detail: Mapping[str, str] = field(default_factory=lambda: _NOTHING)

    @property
    def subject(self) -> str:
        """``kind:name``, what ``ignore=`` patterns are matched with."""
        return f"{self.kind}:{self.name}"


@dataclass(frozen=True, slots=True)
class Row:
    """One row for a row-by-row comparison.

    Attributes:
        key: what identifies the row, as text; rows come in the order of their keys' code points.
        values: the columns as a message shows them (SQL literals, say), None for NULL; equal if
            and only if the cells are.
        identity: the columns that identify it; empty if only the whole row does.
    """

    key: tuple[str, ...]
    values: Mapping[str, str | None]
    identity: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Access:
    """How a procedure reaches an instance.

    Attributes:
        variables: what goes into its environment (``PGHOST``, …).
        fields: what ``env=`` formats: host, port, user, password, dbname, path, socket.
        home_files: files that the clients want in a clean HOME, by name, with their text.
        path: folders that come first in PATH, so that the server's own clients are found.
        ports: loopback ports of the instance, which stay reachable in a network namespace.
        own_home: whether its clients follow files of the caller's HOME to another server, so that not even
            ``prepare=`` may have it.
    """

    variables: Environment = field(default_factory=lambda: _NOTHING)
    fields: Environment = field(default_factory=lambda: _NOTHING)
    home_files: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    path: tuple[str, ...] = ()
    ports: tuple[int, ...] = ()
    own_home: bool = False


@dataclass(frozen=True, slots=True)
class LedgerState:
    """What the built-in ledger of an instance holds.

    Attributes:
        nonce: which run's ledger it is; None if the procedure did not bring the ledger at all.
        numbers: the writes that are there.
        prefix: whether a copy as of one moment holds the first writes without a gap, as that of a database does;
            files are copied one by one.
    """

    nonce: str | None
    numbers: frozenset[int]
    prefix: bool = False


class Instance(Protocol):
    """One copy of a store that this process owns and may destroy.

    An instance is never an address that a user gave: it is made by ``Store.source`` or
    ``Store.target`` in a folder of their own.
    """

    def access(self, *, role: bool) -> Access:
        """Return how to reach it, as the store's backup role if ``role``, otherwise as its owner."""

    def finish(self, until: Mapping[str, str]) -> None:
        """Make what a restore delivered usable: start the server of a physical restore.

        Args:
            until: the recovery target, such as ``{"name": "before-release"}``; empty for the end.

        Raises:
            RecoveryError: if it does not start.
        """

    def snapshot(self) -> Snapshot:
        """Return what it holds now.

        Raises:
            RecoveryError: if it cannot be read.
        """

    def read_rows(self, container: str) -> Iterator[Row]:
        """Return the rows of a container in the order of their keys, flat in memory."""

    def probe(self) -> None:
        """Read and write once, durably.

        Raises:
            RecoveryError: if either fails.
        """

    def behaviours(self) -> Behaviours:
        """Try what only works if the restored store behaves (next ids, refused roles, references)."""

    def grow(self) -> None:
        """Double the data with a copy of itself, so that a second size can be measured."""

    def open_ledger(self, nonce: str) -> None:
        """Make the place for acknowledged writes; outside of what snapshots tell."""

    def write_ledger(self, number: int) -> None:
        """Write one entry; it is acknowledged when this returns."""

    def read_ledger(self) -> LedgerState:
        """Return the entries that are there."""

    def lose(self) -> None:
        """Kill it without warning and put what remains out of reach."""

    def revive(self) -> None:
        """Make what remained after ``lose`` readable again, for ``read_rows`` only."""

    def close(self) -> None:
        """End its processes and remove its files; safe to call twice and after ``lose``."""


@dataclass(frozen=True, slots=True)
class Behaviours:
    """What was tried on a restored store.

    Attributes:
        tried: how many things were tried.
        findings: what did not behave.
    """

    tried: int
    findings: tuple[Finding, ...] = ()


class Store(Protocol):
    """A recipe for a kind of data that must survive; usable at any fixture scope.

    ``tests`` for an own store: ``pytest_devsecops.testing.recovery``.
    """

    @property
    def label(self) -> str:
        """What it is, for messages: ``sqlite``, ``postgresql``."""

    @property
    def options(self) -> StoreOptions:
        """What every store can be told."""

    def template(self, room: Path) -> Instance:
        """Make an empty instance that is to be prepared; ``room`` is an empty folder of its own."""

    def source(self, template: Instance, room: Path) -> Instance:
        """Return a running copy of the prepared ``template`` in the empty folder ``room``."""

    def target(self, room: Path, kind: Kind) -> Instance:
        """Return a fresh, empty instance that knows nothing of any source."""

    def builtin(self, name: str) -> tuple[Action, Action, Kind]:
        """Return the built-in procedure called ``name``: backup, restore and kind.

        Raises:
            UsageError: if there is none, with the known names.
        """

    def tolerates(self, kind: str, key: str, before: str | None, after: str | None) -> bool:
        """Tell whether this difference of one property is a known harmless one."""

    def completeness(self, template: Instance) -> Iterable[Finding]:
        """Tell what of the prepared template a round trip could not examine (empty tables, versions)."""


@runtime_checkable
class Versioned(Protocol):
    """What a store may be able to do besides; optional."""

    def other_version(self, instance: Instance) -> Iterable[Finding]:
        """Tell of each program or extension in ``instance`` that has another version than production's."""


@dataclass(frozen=True, slots=True)
class StoreOptions:
    """What every store can be told.

    Attributes:
        prepare: what builds the template: migrations, roles, seed.
        env: the application's variables, formatted from the fields of ``Access``.
        empty: containers that may be empty, with the reason.
        ignore: patterns ``kind:name`` of differences to ignore, with the reason.
        redact: patterns ``table.column`` whose values are never shown.
        production_size: bytes in production; 0 if unknown, -1 if the test's data has that size.
        unsized: members whose size in production nobody said, and ``production_size`` leaves out; they are taken to be
            as large beside the others as in the test.
        writes: the user's own write, done again and again while the drill runs.
        probe: the user's own probe; it raises or returns a false value if the store does not work.
        agrees: a check over a restored composite; it returns what is torn.
        ledger: whether the built-in ledger of acknowledged writes is kept.
    """

    prepare: tuple[Action, ...] = ()
    env: Environment = field(default_factory=lambda: _NOTHING)
    empty: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    ignore: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    redact: tuple[str, ...] = ()
    production_size: int = 0
    unsized: tuple[str, ...] = ()
    writes: Callable[[Environment], object] | None = None
    probe: Callable[[Environment], object] | None = None
    agrees: Callable[[Environment], object] | None = None
    ledger: bool = True
