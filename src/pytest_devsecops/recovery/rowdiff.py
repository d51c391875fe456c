"""The row-by-row difference of two containers: both streams in key order, merged, flat in memory."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from pytest_devsecops.recovery.compare import shortened
from pytest_devsecops.recovery.model import Row

REDACTED = "(redacted)"


@dataclass(frozen=True, slots=True)
class RowDifference:
    """One row that differs.

    Attributes:
        change: ``lost``, ``added`` or ``altered``.
        before: the row in the source; None if it was added.
        after: the row in the target; None if it is lost.
    """

    change: Literal["lost", "added", "altered"]
    before: Row | None
    after: Row | None

    @property
    def key(self) -> tuple[str, ...]:
        """What identifies the row."""
        row = self.before or self.after
        return row.key if row else ()


def difference(before: Iterator[Row], after: Iterator[Row]) -> Iterator[RowDifference]:
    """Merge two streams that are ordered by key and return what differs, duplicates included."""
    old, new = next(before, None), next(after, None)
    while old is not None or new is not None:
        if new is None or (old is not None and old.key < new.key):
            yield RowDifference("lost", old, None)
            old = next(before, None)
        elif old is None or new.key < old.key:
            yield RowDifference("added", None, new)
            new = next(after, None)
        else:
            if old.values != new.values:
                yield RowDifference("altered", old, new)
            old, new = next(before, None), next(after, None)


def describe(container: str, one: RowDifference, redact: tuple[str, ...]) -> str:
    """Return the sentence for one row: table, key and column, old and new."""
    place = f"{container} {_key(one, container, redact)}"
    if one.change == "lost":
        return f"{place} is lost"
    if one.change == "added":
        return f"{place} came back although the source did not have it"
    before, after = (one.before.values, one.after.values) if one.before and one.after else ({}, {})
    columns = [name for name in dict.fromkeys([*before, *after]) if before.get(name) != after.get(name)]
    parts = [
        f"{name} was {_value(container, name, before.get(name), redact)}"
        f" and came back as {_value(container, name, after.get(name), redact)}"
        for name in columns
    ]
    return f"{place}: {'; '.join(parts)}"


def _key(one: RowDifference, container: str, redact: tuple[str, ...]) -> str:
    row = one.before or one.after
    if row is None:
        return "row"
    names = row.identity or tuple(row.values)
    return "row " + ", ".join(f"{name}={_value(container, name, row.values.get(name), redact)}" for name in names)


def _value(container: str, column: str, value: str | None, redact: tuple[str, ...]) -> str:
    if value is None:
        return "NULL"
    hidden = any(fnmatch.fnmatchcase(f"{container}.{column}", pattern) for pattern in redact)
    return REDACTED if hidden else shortened(value)
