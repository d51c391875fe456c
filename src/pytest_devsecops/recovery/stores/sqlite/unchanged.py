"""Proof that two SQLite files hold the same rows, without a fingerprint of either.

Most restores of a file bring back its pages. Where only pages of our own tables differ, everything
else is the same, bit for bit. Where pages were written anew, two tables with the same row ids are
joined, which is exact too and still cheaper than two fingerprints.
"""

from __future__ import annotations

import sqlite3
import struct
from collections.abc import Sequence
from pathlib import Path

from pytest_devsecops.recovery.stores.sqlite.pages import PageError, PageFile, different_pages

#: Tables whose pages may differ: what they hold is compared by other means, or is ours.
_SCHEMA = "select type, name, tbl_name, rootpage, sql from {schema}.sqlite_schema"


def same_pages(first: Path, second: Path, connection: sqlite3.Connection, ours: Sequence[str]) -> bool:
    """Tell whether two files differ in nothing but ``ours``.

    Args:
        first: a file.
        second: another one, attached to ``connection`` as ``twin``.
        connection: a connection to the first file.
        ours: tables that do not count, such as the ledger.
    """
    try:
        one, other = PageFile(first), PageFile(second)
        if one.format != other.format or not _same_schema(connection, ours):
            return False
        differing = different_pages(one, other, first, second)
        mine, theirs = (
            _own_pages(pages, _roots(connection, schema, ours)) for pages, schema in ((one, "main"), (other, "twin"))
        )
    except (PageError, IndexError, struct.error, OSError, sqlite3.Error):
        # Not what we know how to read; the tables are compared by their rows then.
        return False
    return all(
        (number in mine or number > one.count) and (number in theirs or number > other.count) for number in differing
    )


def same_rows(connection: sqlite3.Connection, table: str, columns: Sequence[str], key: str, signed_zero: str) -> bool:
    """Tell whether a table with row ids holds the same rows under the same ids as in the attached ``twin``.

    Args:
        connection: a connection with the other file attached as ``twin``.
        table: the quoted name.
        columns: the quoted names of all columns.
        key: the name of the row id.
        signed_zero: the SQL function that tells 0.0 from -0.0.
    """
    differs = " or ".join(_differs(name, signed_zero) for name in columns)
    counts = f"select (select count(*) from main.{table}) = (select count(*) from twin.{table})"
    odd = (
        f"select 1 from main.{table} a left join twin.{table} b on a.{key} = b.{key}"
        f" where b.{key} is null or {differs} limit 1"
    )
    try:
        return bool(connection.execute(counts).fetchone()[0]) and connection.execute(odd).fetchone() is None
    except sqlite3.Error:
        # Other columns, or damage on the way: the fingerprint tells.
        return False


def _differs(column: str, signed_zero: str) -> str:
    mine, theirs = f"a.{column}", f"b.{column}"
    return (
        f"{mine} collate binary is not {theirs} or typeof({mine}) <> typeof({theirs})"
        f" or ({mine} = 0.0 and typeof({mine}) = 'real' and {signed_zero}({mine}) is not {signed_zero}({theirs}))"
    )


def _same_schema(connection: sqlite3.Connection, ours: Sequence[str]) -> bool:
    found = [
        [row for row in connection.execute(_SCHEMA.format(schema=schema)) if row[2] not in ours]
        for schema in ("main", "twin")
    ]
    return found[0] == found[1]


def _roots(connection: sqlite3.Connection, schema: str, ours: Sequence[str]) -> list[int]:
    # The schema's own tree and the counters of AUTOINCREMENT are compared as definitions.
    names = (*ours, "sqlite_sequence")
    found = connection.execute(_SCHEMA.format(schema=schema)).fetchall()
    return [1, *(int(root) for kind, name, _, root, _ in found if kind == "table" and name in names)]


def _own_pages(pages: PageFile, roots: Sequence[int]) -> set[int]:
    return set().union(pages.free(), *(pages.tree(root) for root in roots))
