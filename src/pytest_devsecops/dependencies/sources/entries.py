"""One table of a lock file, read with the wrong types told instead of raised or skipped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from packaging.utils import InvalidName, canonicalize_name

from pytest_devsecops.core.findings import Finding, Location
from pytest_devsecops.core.redaction import without_credentials
from pytest_devsecops.dependencies.model import unreadable
from pytest_devsecops.dependencies.sources.documents import Document

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
        """Note that something about this entry cannot be understood. Addresses lose their credentials."""
        told = without_credentials(f"{self.subject}: {message}")
        self.problems.append(unreadable(without_credentials(self.subject), told, fix=fix, location=self.location))

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
        return self._at(value)

    def tables(self, key: str) -> list[Entry]:
        """Return the tables of the list at ``key``."""
        return [self._at(item) for item in self._list(key) if self._fits(key, item, dict)]

    def lists(self, key: str) -> dict[str, Entry]:
        """Return the table at ``key`` taken apart: one entry for each of its keys, holding only that key."""
        inner = self.table_at(key)
        return {name: self._at({name: value}) for name, value in inner.table.items()} if inner else {}

    def _at(self, table: Mapping[str, Any]) -> Entry:
        # Not dataclasses.replace: lock files have a table per file and per edge, and it takes ten times as long.
        return Entry(table, self.location, self.subject, self.problems)

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


def package_entries(document: Document, array: str, tables: list[Any], problems: list[Finding]) -> list[Entry]:
    """Return the packages of ``[[array]]`` that have a usable name; each other one is a problem."""
    lines = document.array_lines(array, len(tables))
    found = (
        entry_of(table, f"package {number}", document.at(line), problems)
        for number, (table, line) in enumerate(zip(tables, lines, strict=True), 1)
    )
    return [entry for entry in found if entry is not None]


def entry_of(table: object, subject: str, location: Location, problems: list[Finding]) -> Entry | None:
    """Return the entry of a package; None, and a problem about ``subject``, if it has no usable name."""
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


def numbers_by_name(entries: list[Entry]) -> dict[str, list[int]]:
    """Return the places in ``entries`` of each normalised name; one name can occur with several versions."""
    numbers: dict[str, list[int]] = {}
    for number, entry in enumerate(entries):
        numbers.setdefault(canonicalize_name(entry.text("name")), []).append(number)
    return numbers


@lru_cache(maxsize=16384)  # every edge names its target again
def normalised(name: str) -> str | None:
    """Return the normalised name (PEP 503), or None if it is no name that a package can have."""
    try:
        return canonicalize_name(name, validate=True)
    except InvalidName:
        return None
