"""One table of a lock file, read with the wrong types told instead of raised or skipped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from packaging.utils import InvalidName, canonicalize_name

from pytest_devsecops.core.findings import Finding, Location
from pytest_devsecops.dependencies.model import unreadable

_REPAIR = "let the tool that wrote the file write it again, or correct the entry"


@dataclass(frozen=True, slots=True)
class Entry:
    """A table of a lock file, and where to tell what is wrong with it.

    Attributes:
        table: the decoded table.
        location: the place of the package that it belongs to.
        subject: what findings call that package.
        problems: the reader's list of problems, shared by all its entries.
    """

    table: Mapping[str, Any]
    location: Location
    subject: str
    problems: list[Finding]

    def trouble(self, message: str, *, fix: str = _REPAIR) -> None:
        """Note that something about this entry cannot be understood."""
        self.problems.append(unreadable(self.subject, f"{self.subject}: {message}", fix=fix, location=self.location))

    def text(self, key: str) -> str:
        """Return the string at ``key``; empty if there is none, which is a problem only for another type."""
        value = self.table.get(key)
        if isinstance(value, str):
            return value
        if value is not None:
            self.trouble(f"{key} is {kind_of(value)} where a string is expected")
        return ""

    def flag(self, key: str) -> bool:
        """Return the boolean at ``key``; False if there is none."""
        value = self.table.get(key)
        if value is not None and not isinstance(value, bool):
            self.trouble(f"{key} is {kind_of(value)} where true or false is expected")
        return value is True

    def texts(self, key: str) -> list[str]:
        """Return the strings of the list at ``key``."""
        return [item for item in self._list(key) if self._fits(key, item, str)]

    def table_at(self, key: str) -> Entry | None:
        """Return the table at ``key``, or None if there is none."""
        value = self.table.get(key)
        if value is None or not self._fits(key, value, dict):
            return None
        return replace(self, table=value)

    def tables(self, key: str) -> list[Entry]:
        """Return the tables of the list at ``key``."""
        return [replace(self, table=item) for item in self._list(key) if self._fits(key, item, dict)]

    def lists(self, key: str) -> dict[str, Entry]:
        """Return the table at ``key`` taken apart: one entry for each of its keys, holding only that key."""
        inner = self.table_at(key)
        return {name: replace(self, table={name: value}) for name, value in inner.table.items()} if inner else {}

    def _list(self, key: str) -> list[Any]:
        value = self.table.get(key)
        if value is None or not self._fits(key, value, list):
            return []
        return list(value)

    def _fits(self, key: str, value: object, expected: type) -> bool:
        if isinstance(value, expected):
            return True
        self.trouble(f"{key} holds {kind_of(value)} where {_NAMES[expected]} is expected")
        return False


_NAMES = {str: "a string", list: "a list", dict: "a table", bool: "a boolean", int: "a number", float: "a number"}


def kind_of(value: object) -> str:
    """Name the type of a decoded value, never the value: it may be a secret."""
    return _NAMES.get(type(value), "a date or time")


def entry_of(table: object, number: int, location: Location, problems: list[Finding]) -> Entry | None:
    """Return the entry of the ``number``-th package; None, and a problem, if it has no usable name."""
    subject = f"package {number}"
    if not isinstance(table, dict):
        Entry({}, location, subject, problems).trouble(f"is {kind_of(table)} where a table is expected")
        return None
    entry = Entry(table, location, subject, problems)
    name = entry.text("name")
    known = normalised(name)
    if known is None:
        entry.trouble(f"has the name {name!r}, which no package can have" if name else "has no name")
        return None
    version = table.get("version")
    return replace(entry, subject=f"{known} {version}" if isinstance(version, str) and version else known)


def normalised(name: str) -> str | None:
    """Return the normalised name (PEP 503), or None if it is no name that a package can have."""
    try:
        return canonicalize_name(name, validate=True)
    except InvalidName:
        return None
