"""Rows for tables that are empty after ``prepare``: a procedure that leaves them out has to show."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from pytest_devsecops.recovery.stores.sqlite.reading import quoted, tables


def fill_empty_tables(connection: sqlite3.Connection, meant: Callable[[str], bool]) -> list[tuple[str, str]]:
    """Put one generated row into each empty table.

    Args:
        connection: the file.
        meant: tells whether a table is empty on purpose; it stays so.

    Returns:
        The tables that stayed empty, with SQLite's own reason.
    """
    left = [table for table in _empty(connection) if not meant(table)]
    reasons: dict[str, str] = {}
    # A table may need a row of another one that is filled in the same turn.
    for _ in range(len(left)):
        before = len(left)
        for table in list(left):
            reason = _fill(connection, table)
            if reason is None:
                left.remove(table)
            else:
                reasons[table] = reason
        if len(left) == before:
            break
    return [(table, reasons[table]) for table in left]


def _empty(connection: sqlite3.Connection) -> list[str]:
    return [
        name
        for name in tables(connection)
        if not connection.execute(f"select 1 from {quoted(name)} limit 1").fetchone()
    ]


def _fill(connection: sqlite3.Connection, table: str) -> str | None:
    """Insert one row, with a value in every column or, if a check refuses that, in those that need one."""
    reason = None
    for everything in (True, False):
        values = _row(connection, table, everything=everything)
        names = ", ".join(quoted(name) for name in values)
        body = f"({names}) values ({', '.join('?' for _ in values)})" if values else "default values"
        try:
            with connection:
                connection.execute("pragma foreign_keys = on")
                connection.execute(f"insert into {quoted(table)} {body}", list(values.values()))
        except sqlite3.Error as error:
            reason = str(error)
        else:
            return None
    return reason


def _row(connection: sqlite3.Connection, table: str, *, everything: bool) -> dict[str, object]:
    parents = {
        str(own): (str(parent), str(other) if other else None)
        for _, _, parent, own, other, *_ in connection.execute("select * from pragma_foreign_key_list(?)", (table,))
    }
    values: dict[str, object] = {}
    columns = connection.execute("select * from pragma_table_info(?)", (table,)).fetchall()
    # Only an INTEGER that is the whole key is an alias of the row id, which SQLite chooses.
    alone = sum(1 for column in columns if column[5]) == 1
    for _, name, kind, required, default, key in columns:
        automatic = default is not None or (key and alone and str(kind).upper() == "INTEGER")
        if automatic or not (everything or required):
            continue
        values[name] = _parent_value(connection, *parents[name]) if name in parents else _value(str(kind))
    return values


def _parent_value(connection: sqlite3.Connection, table: str, column: str | None) -> object:
    name = quoted(column) if column else "rowid"
    try:
        found = connection.execute(f"select {name} from {quoted(table)} limit 1").fetchone()
    except sqlite3.Error:
        # The reference names a table that does not exist; the insert will say so.
        return None
    return found[0] if found else None


def _value(kind: str) -> object:
    """Return a value for a declared type, by SQLite's own rules of affinity (datatype3, section 3.1)."""
    upper = kind.upper()
    if "INT" in upper:
        return 1
    if any(part in upper for part in ("CHAR", "CLOB", "TEXT")):
        return "generated"
    if "BLOB" in upper or not upper:
        return b"\x00generated"
    return 1.5 if any(part in upper for part in ("REAL", "FLOA", "DOUB")) else 1
