"""Proof that a table or an index is bit for bit the same in two copies of a cluster, from its files.

Files of equal content hold the same rows if every transaction in them had ended, because what a
transaction number means never changes after that. Files that differ prove nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import psycopg

#: Where a table (with its out-of-line values) or an index is kept, below the data directory.
_FILES = """
select c.oid::regclass::text, pg_relation_filepath(c.oid), pg_relation_filepath(nullif(c.reltoastrelid, 0))
from pg_catalog.pg_class c where c.oid = any (%s::regclass[])
"""
#: Valid B-trees, each with the table whose files hold what it points to: its own, or the one whose out-of-line values it finds.
_INDEXES = """
select i.indexrelid::regclass::text, coalesce(o.oid, i.indrelid)::regclass::text
from pg_catalog.pg_index i join pg_catalog.pg_class c on c.oid = i.indexrelid join pg_catalog.pg_am m on m.oid = c.relam
left join pg_catalog.pg_class o on o.reltoastrelid = i.indrelid
where m.amname = 'btree' and c.relkind = 'i' and i.indisvalid and c.relpersistence <> 't' and i.indexrelid >= 16384 order by 1
"""
_PREPARED = "select exists (select from pg_catalog.pg_prepared_xacts)"
_CHUNK = 1 << 20

#: For each table and index, its files.
Files = Mapping[str, tuple[str, ...]]


def indexes(connection: psycopg.Connection[Any]) -> dict[str, str]:
    """Return the valid B-tree indexes that a user's tables have, each with its table, by quoted names."""
    return {str(index): str(table) for index, table in connection.execute(_INDEXES).fetchall()}


def files_of(connection: psycopg.Connection[Any], relations: list[str]) -> dict[str, tuple[str, ...]]:
    """Return where tables and indexes are kept; nothing while a prepared transaction is undecided."""
    if (connection.execute(_PREPARED).fetchone() or (True,))[0]:
        return {}
    found = connection.execute(_FILES, (relations,)).fetchall()
    return {str(name): tuple(str(path) for path in paths if path) for name, *paths in found}


def same_files(data: Path, files: Files, other_data: Path, other_files: Files) -> frozenset[str]:
    """Return the tables and indexes whose files are the same in both data directories.

    What is compared must be on disk: after a checkpoint that followed the last write.
    """
    return frozenset(
        name
        for name, paths in files.items()
        if other_files.get(name) == paths and all(_same_segments(data / path, other_data / path) for path in paths)
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
