"""Generated files: names and contents at which procedures fail, as far as the file system takes them."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from pytest_devsecops.recovery.populating import Column, Reference, Table

_TABLES = (
    Table(
        "file",
        (
            Column("name", "any", nullable=False, unique=True),
            Column("folder", "enum", nullable=False, labels=(".", ".hidden", "with space", "-dash", "caf\u00e9", "new\nline")),
            Column("content", "bytes", nullable=False),
            # Whoever backs up has to be able to read it.
            Column("mode", "enum", nullable=False, labels=("600", "644", "664", "400", "755", "4755")),
        ),
    ),
    Table("link", (Column("name", "text", nullable=False, unique=True), Column("leads", "text", nullable=False))),
    Table("folder", (Column("name", "text", nullable=False, unique=True),)),
)  # fmt: skip


class TreeTables:
    """The entries of a tree, one table per kind.

    Args:
        top: its top folder.
    """

    def __init__(self, top: Path) -> None:
        self._top = top

    def tables(self) -> Sequence[Table]:
        """Return the kinds of entries."""
        return _TABLES

    def keys(self, reference: Reference, limit: int) -> Sequence[tuple[object, ...]]:  # noqa: ARG002 - nothing refers
        """Return nothing: no entry has to refer to another."""
        return []

    def sample(self, table: Table) -> Mapping[str, object] | None:  # noqa: ARG002 - see below
        """Return nothing: a name is refused for its own sake alone."""
        return None

    def insert(self, table: Table, row: Mapping[str, object]) -> str | None:
        """Make one entry; return the file system's reason if it refuses the name."""
        name = _text(row["name"])
        folder = self._top / _text(row.get("folder", f"{table.name}s"))
        if not name or "/" in name or name in (".", ".."):
            return "no entry can have that name"
        try:
            folder.mkdir(exist_ok=True)
            _make(table.name, folder / name, row)
        except (OSError, ValueError) as error:
            return str(error)
        return None


def _make(kind: str, place: Path, row: Mapping[str, object]) -> None:
    if kind == "folder":
        place.mkdir()
    elif kind == "link":
        place.symlink_to(_text(row["leads"]))
    else:
        with place.open("xb") as handle:
            handle.write(os.fsencode(_text(row["content"])))
        place.chmod(int(str(row["mode"]), 8))


def _text(value: object) -> str:
    """Return a value as a name: bytes that are no UTF-8 as Python's own names of files have them."""
    whole = value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogateescape")
    return os.fsdecode(whole)
