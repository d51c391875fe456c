"""Proof that a table is bit for bit the same in two copies of a cluster, from its files.

Files of equal content hold the same rows if every transaction in them had ended, because what a
transaction number means never changes after that. Files that differ prove nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import psycopg

#: Where a table and its out-of-line values are kept, below the data directory.
_FILES = """
select c.oid::regclass::text, pg_relation_filepath(c.oid), pg_relation_filepath(nullif(c.reltoastrelid, 0))
from pg_catalog.pg_class c where c.oid = any (%s::regclass[])
"""
_PREPARED = "select exists (select from pg_catalog.pg_prepared_xacts)"
_CHUNK = 1 << 20

#: For each table, the files of its rows.
TableFiles = Mapping[str, tuple[str, ...]]


def table_files(connection: psycopg.Connection[Any], tables: list[str]) -> dict[str, tuple[str, ...]]:
    """Return where the rows of ``tables`` are kept; nothing while a prepared transaction is undecided."""
    if (connection.execute(_PREPARED).fetchone() or (True,))[0]:
        return {}
    found = connection.execute(_FILES, (tables,)).fetchall()
    return {str(table): tuple(str(path) for path in paths if path) for table, *paths in found}


def same_tables(data: Path, files: TableFiles, other_data: Path, other_files: TableFiles) -> frozenset[str]:
    """Return the tables whose files are the same in both data directories.

    What is compared must be on disk: after a checkpoint that followed the last write.
    """
    return frozenset(
        table
        for table, paths in files.items()
        if other_files.get(table) == paths and all(_same_segments(data / path, other_data / path) for path in paths)
    )


def _same_segments(first: Path, second: Path) -> bool:
    """Tell whether a relation is the same in all its segments (``1234``, ``1234.1``, … of 1 GiB)."""
    number = 0
    while True:
        suffix = f".{number}" if number else ""
        one, other = first.with_name(first.name + suffix), second.with_name(second.name + suffix)
        if not one.is_file() or not other.is_file():
            # The first segment is there, however empty the table is.
            return number > 0 and not one.is_file() and not other.is_file()
        if not _same_content(one, other):
            return False
        number += 1


def _same_content(first: Path, second: Path) -> bool:
    if first.stat().st_size != second.stat().st_size:
        return False
    with first.open("rb", buffering=0) as one, second.open("rb", buffering=0) as other:
        while chunk := one.read(_CHUNK):
            if chunk != other.read(_CHUNK):
                return False
    return True
