"""Generated rows for the user's own schema: what may be stored, and a store that has more of it.

Where values come from is somebody else's business (a ``Generator``); here rows are put together so that
references hold, and a row that the store refuses is dropped and counted.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable

from pytest_devsecops.core.errors import UsageError
from pytest_devsecops.core.findings import Finding
from pytest_devsecops.core.text import counted
from pytest_devsecops.recovery.model import Action, Instance, Kind, Store, StoreOptions

_KEYS = 50


@dataclass(frozen=True, slots=True)
class Column:
    """A column that takes generated values.

    Attributes:
        name: its name, as the store's ``insert`` takes it.
        domain: what it holds: ``integer``, ``real``, ``decimal``, ``text``, ``bytes``, ``boolean``, ``date``,
            ``timestamp``, ``time``, ``interval``, ``uuid``, ``json``, ``network``, ``bits``, ``enum``, ``array``,
            ``range``, ``composite``, ``any`` or ``unknown``.
        nullable: whether NULL is allowed.
        unique: whether it is part of a key.
        low: the smallest integer.
        high: the largest integer.
        length: characters, digits or bits at most; 0 for no limit.
        scale: digits after the point.
        labels: the values of an enumeration; of any other domain those that only this store has.
        element: what an array or a range is made of.
        parts: what a composite value is made of.
    """

    name: str
    domain: str
    nullable: bool = True
    unique: bool = False
    low: int = -(1 << 63)
    high: int = (1 << 63) - 1
    length: int = 0
    scale: int = 0
    labels: tuple[str, ...] = ()
    element: Column | None = None
    parts: tuple[Column, ...] = ()


@dataclass(frozen=True, slots=True)
class Reference:
    """A foreign key.

    Attributes:
        columns: the columns that refer.
        table: the table that they refer to.
        targets: its columns, in the same order.
        nullable: whether it may refer to nothing.
    """

    columns: tuple[str, ...]
    table: str
    targets: tuple[str, ...]
    nullable: bool


@dataclass(frozen=True, slots=True)
class Table:
    """A table that takes generated rows.

    Attributes:
        name: its name.
        columns: the columns to give a value; those with values of their own (identities) are left out.
        references: its foreign keys.
    """

    name: str
    columns: tuple[Column, ...]
    references: tuple[Reference, ...] = ()


class Tables(Protocol):
    """The tables of an open instance."""

    def tables(self) -> Sequence[Table]:
        """Return the tables that take rows."""

    def keys(self, reference: Reference, limit: int) -> Sequence[tuple[object, ...]]:
        """Return values that ``reference`` may have, ``limit`` at most."""

    def sample(self, table: Table) -> Mapping[str, object] | None:
        """Return a row that is there, as ``insert`` takes it; None if there is none."""

    def insert(self, table: Table, row: Mapping[str, object]) -> str | None:
        """Insert a row and commit it; return why it was refused, or None."""


@runtime_checkable
class Fillable(Protocol):
    """What an instance of a store is that can be populated."""

    def open_tables(self) -> AbstractContextManager[Tables]:
        """Open the instance for generated rows."""


#: Makes at least ``rows`` values for each column, the hostile ones first: (columns, rows, seed) -> rows.
Generator = Callable[[Sequence[Column], int, int], Iterable[Mapping[str, object]]]


@dataclass(slots=True)
class Population:
    """What generated data became.

    Attributes:
        inserted: rows by table.
        refused: rows that the store refused, by table.
        reasons: the first reason by table.
    """

    inserted: dict[str, int] = field(default_factory=dict)
    refused: dict[str, int] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        rows = counted(sum(self.inserted.values()), "generated row")
        refused = sum(self.refused.values())
        return f"{rows}, {refused:,} more refused by the schema" if refused else rows

    def note(self, table: str, reason: str | None) -> bool:
        """Count one row; return whether it was taken."""
        if reason is None:
            self.inserted[table] = self.inserted.get(table, 0) + 1
        else:
            self.refused[table] = self.refused.get(table, 0) + 1
            self.reasons.setdefault(table, reason)
        return reason is None


class PopulatedStore:
    """A store whose template also holds generated rows; otherwise the same.

    Args:
        store: the store.
        generate: where values come from.
        rows: how many rows to draw for each table, beside those with extreme values.
        seed: the same seed gives the same rows.
    """

    def __init__(self, store: Store, generate: Generator, *, rows: int, seed: int) -> None:
        self._store = store
        self._generate = generate
        self._rows = rows
        self._seed = seed
        self.population = Population()

    @property
    def label(self) -> str:
        """The store's, with what was generated."""
        return f"{self._store.label} with {self.population}"

    @property
    def options(self) -> StoreOptions:
        """The store's."""
        return self._store.options

    def template(self, room: Path) -> Instance:
        """Make a template."""
        return self._store.template(room)

    def source(self, template: Instance, room: Path) -> Instance:
        """Copy the template."""
        return self._store.source(template, room)

    def target(self, room: Path, kind: Kind) -> Instance:
        """Make a target."""
        return self._store.target(room, kind)

    def builtin(self, name: str) -> tuple[Action, Action, Kind]:
        """Return the store's built-in procedure."""
        return self._store.builtin(name)

    def tolerates(self, kind: str, key: str, before: str | None, after: str | None) -> bool:
        """Tolerate what the store does."""
        return self._store.tolerates(kind, key, before, after)

    def completeness(self, template: Instance) -> Iterable[Finding]:
        """Put generated rows into the prepared template; then tell what the store tells."""
        # Asked twice: it refuses what cannot be examined at all before anything is written, and afterwards
        # it knows what is still empty.
        list(self._store.completeness(template))
        if not isinstance(template, Fillable):
            raise UsageError(
                f"{self._store.label} cannot be populated",
                remedy="populate() the members of a composite; instances of a store of your own need open_tables(), "
                "see pytest_devsecops.recovery.populating",
            )
        with template.open_tables() as tables:
            fill(tables, self._generate, self.population, rows=self._rows, seed=self._seed)
        return self._store.completeness(template)


def fill(tables: Tables, generate: Generator, population: Population, *, rows: int, seed: int) -> None:
    """Put generated rows into every table, parents before children.

    Args:
        tables: where to put them.
        generate: where values come from.
        population: where rows are counted.
        rows: how many rows to draw for each table, beside those with extreme values.
        seed: the same seed gives the same rows.
    """
    for table in parents_first(tables.tables()):
        for number, row in enumerate(generate(table.columns, rows, seed ^ zlib.crc32(table.name.encode()))):
            whole = {**row, **referring(tables, table, number)}
            if not population.note(table.name, tables.insert(table, whole)):
                _insert_one_by_one(tables, table, whole, number, population)


def _insert_one_by_one(
    tables: Tables, table: Table, row: Mapping[str, object], number: int, population: Population
) -> None:
    """Let each value be refused by itself: the other columns get values that a row has already.

    A check on one column would otherwise keep the extremes of all others out.
    """
    sample = tables.sample(table)
    if sample is None:
        return
    tame = {
        column.name: _distinct(column, number) if column.unique else sample.get(column.name) for column in table.columns
    }
    for place, column in enumerate(table.columns):
        value = row[column.name]
        if value != tame[column.name]:
            others = {
                one.name: _distinct(one, number * len(table.columns) + place) for one in table.columns if one.unique
            }
            population.note(table.name, tables.insert(table, {**row, **tame, **others, column.name: value}))


def _distinct(column: Column, number: int) -> object:
    """Return a plain value that hardly any other row has."""
    if column.domain == "integer":
        return max(column.low, min(column.high, 1_000_003 + number))
    if column.domain == "uuid":
        return f"00000000-0000-4000-8000-{number:012x}"
    if column.domain in ("text", "any", "bytes"):
        text = f"g{number}"
        return text if not column.length else text[-column.length :]
    return None


def referring(tables: Tables, table: Table, number: int) -> dict[str, object]:
    """Return values for the foreign keys of row ``number``: keys that are there, or nothing where that is allowed."""
    found: dict[str, object] = {}
    for reference in table.references:
        keys = tables.keys(reference, _KEYS)
        nothing = (None,) * len(reference.columns)
        chosen = nothing if not keys or (reference.nullable and number % 5 == 0) else keys[number % len(keys)]
        found.update(zip(reference.columns, chosen, strict=True))
    return found


def parents_first(tables: Sequence[Table]) -> Iterator[Table]:
    """Return tables after those that they refer to; in a circle the one that is named first comes first."""
    left = {table.name: table for table in tables}
    while left:
        ready = [
            table
            for table in left.values()
            if not any(one.table in left and one.table != table.name for one in table.references)
        ]
        for table in ready or [next(iter(left.values()))]:
            del left[table.name]
            yield table
