"""Reading untrusted tables into typed values, with a key path on every complaint.

A ``TableReader`` wraps one table of a TOML or JSON document. It collects every problem in one list
that all readers of the document share, so that a user sees them all at once, and it knows which
keys were asked for, so that the rest can be refused with the nearest name.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from typing import Any, TypeVar

from pytest_devsecops.core.text import did_you_mean, parse_duration

T = TypeVar("T")

_TOML_NAMES = {
    str: "a string",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    list: "a list",
    dict: "a table",
    date: "a date",
    datetime: "a date and time",
}


class TableReader:
    """One table of a document.

    Args:
        table: the decoded table.
        path: its key path, such as ``tool.devsecops.dependencies``; empty at the root.
        problems: the document's list of problems; shared by all its readers.
    """

    def __init__(self, table: Mapping[str, Any], path: str, problems: list[str]) -> None:
        self._table = table
        self._path = path
        self._problems = problems
        self._known: set[str] = set()

    @property
    def path(self) -> str:
        """The table's key path."""
        return self._path

    @property
    def keys(self) -> list[str]:
        """The keys that the table has, in order."""
        return list(self._table)

    def key_path(self, key: str) -> str:
        """Return the key path of ``key`` in this table, quoted where TOML needs it."""
        plain = key.replace("-", "").replace("_", "").isalnum() and key.isascii()
        shown = key if plain else json.dumps(key, ensure_ascii=False)
        return f"{self._path}.{shown}" if self._path else shown

    def problem(self, key: str, message: str) -> None:
        """Note that the value of ``key`` is wrong; an empty key means the table itself."""
        place = self.key_path(key) if key else self._path
        self._problems.append(f"{place}: {message}" if place else message)

    def has(self, key: str) -> bool:
        """Tell whether the table has ``key``."""
        return key in self._table

    def raw(self, key: str) -> Any:  # noqa: ANN401 - a value that nobody has checked yet
        """Return the unchecked value of ``key``, or None; the caller checks it."""
        self._known.add(key)
        return self._table.get(key)

    def string(self, key: str, default: str = "", *, choices: Iterable[str] = (), required: bool = False) -> str:
        """Return a string; with ``choices``, one of them."""
        value = self._value(key, str, required=required)
        if value is None:
            return default
        allowed = list(choices)
        if allowed and value not in allowed:
            self.problem(key, f"{value!r} is not one of {', '.join(allowed)}; {did_you_mean(value, allowed)}")
            return default
        if required and not value.strip():
            self.problem(key, "must not be empty")
        return value

    def optional_string(self, key: str, *, choices: Iterable[str] = ()) -> str | None:
        """Return a string, or None if the key is absent."""
        return self.string(key, choices=choices) or None

    def boolean(self, key: str, *, default: bool) -> bool:
        """Return true or false."""
        value = self._value(key, bool)
        return default if value is None else value

    def integer(self, key: str, default: int | None = None, *, minimum: int = 0) -> int | None:
        """Return a whole number of at least ``minimum``, or ``default`` if the key is absent."""
        value = self._value(key, int)
        if value is None:
            return default
        if value < minimum:
            self.problem(key, f"must be at least {minimum}, not {value}")
            return default
        return value

    def duration(self, key: str, default: float | None = None) -> float | None:
        """Return seconds from a duration such as ``"7d"``, or ``default`` if the key is absent."""
        value = self._value(key, str)
        return default if value is None else self._try(key, lambda: parse_duration(value), default)

    def day(self, key: str) -> date | None:
        """Return a date written as a TOML date or as ``"YYYY-MM-DD"``, or None."""
        value = self.raw(key)
        if isinstance(value, date) and not isinstance(value, datetime):
            return value
        if isinstance(value, str):
            return self._try(key, lambda: date.fromisoformat(value), None)
        if value is not None:
            self.problem(key, f"must be a date such as 2026-12-31, not {_kind(value)}")
        return None

    def strings(self, key: str, default: tuple[str, ...] = ()) -> tuple[str, ...]:
        """Return a list of strings; one string alone is not a list and is refused."""
        value = self._value(key, list)
        if value is None:
            return default
        wrong = [str(index) for index, item in enumerate(value) if not isinstance(item, str)]
        if wrong:
            self.problem(key, f"must be a list of strings; item {', '.join(wrong)} is not")
            return default
        return tuple(value)

    def table(self, key: str) -> TableReader:
        """Return a reader for the table at ``key``; an absent table reads as an empty one."""
        value = self._value(key, dict)
        return TableReader(value or {}, self.key_path(key), self._problems)

    def tables(self, key: str) -> dict[str, TableReader]:
        """Return readers for a table whose values are all tables, by key."""
        outer = self.table(key)
        return {name: outer.table(name) for name in outer.keys}

    def entries(self, key: str, shorthand: str) -> list[TableReader]:
        """Return readers for a list of tables; a string in it is read as ``{shorthand = string}``."""
        readers = []
        for index, item in enumerate(self._value(key, list) or []):
            table = {shorthand: item} if isinstance(item, str) else item
            if not isinstance(table, dict):
                self.problem(key, f"item {index} must be a string or a table, not {_kind(item)}")
                continue
            readers.append(TableReader(table, f"{self.key_path(key)}[{index}]", self._problems))
        return readers

    def parsed(self, key: str, parse: Callable[[str], T], default: T) -> T:
        """Return ``parse(string)``; a ValueError that it raises becomes a problem."""
        value = self._value(key, str)
        return default if value is None else self._try(key, lambda: parse(value), default)

    def finish(self) -> None:
        """Refuse every key that nobody asked for, with the nearest one that exists."""
        for key in self._table:
            if key not in self._known:
                # Not through `problem`, to which an empty key means the table itself.
                self._problems.append(f"{self.key_path(key)}: unknown key; {did_you_mean(key, self._known)}")

    def _value(self, key: str, kind: type[T], *, required: bool = False) -> T | None:
        self._known.add(key)
        if key not in self._table:
            if required:
                self.problem(key, "is missing")
            return None
        value = self._table[key]
        # bool is an int to Python, but not to TOML.
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            self.problem(key, f"must be {_TOML_NAMES[kind]}, not {_kind(value)}")
            return None
        return value

    def _try(self, key: str, action: Callable[[], T], default: T) -> T:
        try:
            return action()
        except ValueError as error:
            self.problem(key, str(error))
            return default


def _kind(value: object) -> str:
    return _TOML_NAMES.get(type(value), type(value).__name__)
