"""What a SQLite file holds, read where the data is.

The fingerprint of a table hashes its rows in the order in which the table keeps them, a chunk per
Python call: SQLite itself writes each chunk as text that tells type and exact value of every cell
(``quote()`` alone would stop at an embedded NUL, ``hex()`` alone would round a REAL).
"""

from __future__ import annotations

import hashlib
import math
import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path

from pytest_devsecops.recovery.model import Row, Rows, Snapshot
from pytest_devsecops.recovery.stores.sqlite.unchanged import same_pages, same_rows
from pytest_devsecops.recovery.stores.sqlite.virtual import index_damage, is_shadow_of, virtual_tables

LEDGER = "devsecops_ledger"
_OWN = (LEDGER, "devsecops_probe")
_SIGNED_ZERO, _UTF8_HEX = "devsecops_signed_zero", "devsecops_utf8_hex"
#: Pragmas that are kept in the file (https://sqlite.org/fileformat2.html, section 1.3).
_KEPT = (
    "user_version",
    "application_id",
    "encoding",
    "page_size",
    "auto_vacuum",
    "journal_mode",
    "default_cache_size",
)
_CHUNK_BYTES, _CHUNK_ROWS = 1 << 20, 4096


def quoted(name: str) -> str:
    """Return an identifier, quoted."""
    return '"' + name.replace('"', '""') + '"'


def prepare(connection: sqlite3.Connection) -> None:
    """Give a connection what the expressions of this module need."""
    # No SQL expression tells 0.0 from -0.0; the function is called for zeros alone.
    connection.create_function(_SIGNED_ZERO, 1, _signed_zero, deterministic=True)
    connection.create_function(_UTF8_HEX, 1, _utf8_hex, deterministic=True)


def tables(connection: sqlite3.Connection) -> list[str]:
    """Return the tables that hold rows of the user: ordinary ones and readable virtual ones, without ours."""
    virtual = virtual_tables(connection)
    found = [name for name in _ordinary(connection) if not any(is_shadow_of(name, one) for one in virtual)]
    return sorted([*found, *(one.name for one in virtual if one.readable)])


def containers(connection: sqlite3.Connection) -> list[str]:
    """Return what is fingerprinted: ``tables``, and what virtual tables keep where they cannot be read."""
    virtual = virtual_tables(connection)
    read = [one for one in virtual if one.readable]
    found = [name for name in _ordinary(connection) if not any(is_shadow_of(name, one) for one in read)]
    return sorted([*found, *(one.name for one in read)])


def snapshot(connection: sqlite3.Connection, path: Path, twin: tuple[Path, Snapshot] | None = None) -> Snapshot:
    """Return everything in the file.

    Args:
        connection: an idle connection to the file.
        path: the file.
        twin: another file, and what it holds; rows that are proven to be the same are taken from there.
    """
    known, problems = _proven(connection, path, *twin) if twin else ({}, None)
    connection.execute("begin")
    things: dict[str, dict[str, dict[str, str | None]]] = {"pragma": _pragmas(connection)}
    schema = "select type, name, tbl_name, sql from sqlite_schema where name not like 'sqlite\\_%' escape '\\'"
    for kind, name, table, sql in connection.execute(f"{schema} order by rowid"):
        if table not in _OWN:
            things.setdefault(str(kind), {})[str(name)] = {"table": str(table), "definition": sql}
    size = connection.execute("pragma page_count").fetchone()[0] * connection.execute("pragma page_size").fetchone()[0]
    rows = {name: known.get(name) or _fingerprint(connection, name, size) for name in containers(connection)}
    things["sequence"] = _sequences(connection)
    connection.rollback()
    facts = {"sqlite": sqlite3.sqlite_version, "file": path.name}
    if problems is None:
        problems = (*_damage(connection), *index_damage(connection), *_broken_references(connection))
    return Snapshot(things, rows, problems, facts, size)


def rows(connection: sqlite3.Connection, table: str) -> Iterator[Row]:
    """Return a table's rows as text, in the order of their keys' code points."""
    names = _columns(connection, table)
    if not names:
        return
    identity = tuple(_key(connection, table))
    keys = identity or names
    text = _text_hex(connection)
    cells = ", ".join(_exact(name, text) for name in names)
    # The prefix of NULL sorts as text does; the merge compares the same text.
    order = ", ".join(f"coalesce({_exact(name, text)}, '')" for name in keys)
    for found in connection.execute(f"select {cells}, {order} from {quoted(table)} order by {order}"):
        values = [None if cell is None else _literal(cell) for cell in found[: len(names)]]
        yield Row(tuple(str(part) for part in found[len(names) :]), dict(zip(names, values, strict=True)), identity)


def next_ids(connection: sqlite3.Connection) -> Iterator[tuple[str, bool]]:
    """Return each table with automatic ids, and whether its next one is free."""
    for table, last in _last_values(connection).items():
        key = _row_id(connection, table)
        if key is None or not isinstance(last, int):
            continue
        top = connection.execute(f"select max({key}) from {quoted(table)}").fetchone()[0]
        yield table, top is None or last >= top


def _proven(
    connection: sqlite3.Connection, path: Path, other: Path, held: Snapshot
) -> tuple[Mapping[str, Rows], tuple[str, ...] | None]:
    """Return the rows that are the same in another file, and its problems if all pages are."""
    try:
        connection.execute("attach ? as twin", (str(other),))
    except sqlite3.Error:
        # Another encoding, say: nothing is proven, and everything is read.
        return {}, None
    try:
        if same_pages(path, other, connection, _OWN):
            return held.rows, held.problems
        known = {}
        for name in _ordinary(connection):
            key, columns = _row_id(connection, name), [quoted(one) for one in _columns(connection, name)]
            if key and name in held.rows and same_rows(connection, quoted(name), columns, key, _SIGNED_ZERO):
                known[name] = held.rows[name]
        return known, None
    finally:
        connection.execute("detach twin")


def _ordinary(connection: sqlite3.Connection) -> list[str]:
    found = connection.execute(
        "select name from sqlite_schema where type = 'table' and name not like 'sqlite\\_%' escape '\\' and rootpage > 0"
    )
    return [str(name) for (name,) in found if name not in _OWN]


def _signed_zero(value: float) -> str:
    return "-0.0" if math.copysign(1.0, value) < 0 else "0.0"


def _utf8_hex(value: str) -> str:
    return value.encode().hex().upper()


def _text_hex(connection: sqlite3.Connection) -> str:
    """Return the function for the bytes of a text in UTF-8: ``hex`` gives those of the file's own encoding."""
    return "hex" if connection.execute("pragma encoding").fetchone()[0] == "UTF-8" else _UTF8_HEX


def _pragmas(connection: sqlite3.Connection) -> dict[str, dict[str, str | None]]:
    return {name: {"value": str(connection.execute(f"pragma {name}").fetchone()[0])} for name in _KEPT}


def _last_values(connection: sqlite3.Connection) -> dict[str, object]:
    if not connection.execute("select 1 from sqlite_schema where name = 'sqlite_sequence'").fetchone():
        return {}
    found = connection.execute("select name, max(seq) from sqlite_sequence group by name order by name")
    return {str(name): value for name, value in found if name not in _OWN}


def _sequences(connection: sqlite3.Connection) -> dict[str, dict[str, str | None]]:
    return {name: {"last value": str(value)} for name, value in _last_values(connection).items()}


def _fingerprint(connection: sqlite3.Connection, table: str, file_size: int) -> Rows:
    count = connection.execute(f"select count(*) from {quoted(table)}").fetchone()[0]
    columns = _columns(connection, table)
    if not columns:
        return Rows(count, "")
    text = _text_hex(connection)
    cells = " || ',' || ".join(f"coalesce({_exact(name, text)}, 'n')" for name in columns)
    digest = hashlib.blake2b(digest_size=16)
    for chunk in _chunks(connection, table, cells, max(1, _CHUNK_BYTES // (1 + file_size // max(1, count)))):
        digest.update(chunk.encode())
        digest.update(b"\n")
    return Rows(count, digest.hexdigest())


def _chunks(connection: sqlite3.Connection, table: str, cells: str, length: int) -> Iterator[str]:
    """Return the rows as text, joined by line feeds within a chunk as the caller joins the chunks."""
    key = _row_id(connection, table)
    if key is None:
        # Without a row id the primary key is the order; a covering index could tempt the planner to another.
        order = ", ".join(quoted(name) for name in _key(connection, table))
        statement = f"select {cells} from {quoted(table)}" + (f" order by {order}" if order else "")
        yield from (text for (text,) in connection.execute(statement))
        return
    rows = f"select {cells} as line, {key} as id from {quoted(table)}"
    last = None
    while True:
        # The first chunk has no lower bound, because the smallest row id has nothing below it.
        after = f"where {key} > {last}" if last is not None else ""
        chunk = f"{rows} {after} order by {key} limit {min(length, _CHUNK_ROWS)}"
        text, newest = connection.execute(f"select group_concat(line, char(10)), max(id) from ({chunk})").fetchone()
        if newest is None:
            return
        yield text
        last = newest


def _row_id(connection: sqlite3.Connection, table: str) -> str | None:
    names = {name.lower() for name in _columns(connection, table)}
    alias = next((one for one in ("rowid", "_rowid_", "oid") if one not in names), None)
    without = connection.execute(
        "select wr from pragma_table_list where name = ? and schema = 'main'", (table,)
    ).fetchone()
    return None if without is None or without[0] else alias


def _columns(connection: sqlite3.Connection, table: str) -> list[str]:
    # Hidden columns of virtual tables (1) are no data; generated ones (2, 3) are what a query sees.
    found = connection.execute("select name from pragma_table_xinfo(?) where hidden <> 1 order by cid", (table,))
    return [str(name) for (name,) in found]


def _key(connection: sqlite3.Connection, table: str) -> list[str]:
    found = connection.execute("select name from pragma_table_info(?) where pk > 0 order by pk", (table,))
    return [str(name) for (name,) in found]


def _exact(column: str, text_hex: str) -> str:
    """Return the expression for one cell: its type and exact value as text, NULL for NULL."""
    name = quoted(column)
    return (
        f"case typeof({name}) when 'null' then null when 'text' then 't' || {text_hex}({name})"
        f" when 'blob' then 'b' || hex({name})"
        f" when 'real' then case {name} when 0.0 then {_SIGNED_ZERO}({name}) else quote({name}) end"
        f" else quote({name}) end"
    )


def _literal(cell: str) -> str:
    """Return what ``_exact`` wrote as the SQL literal that a message shows."""
    if cell.startswith("t"):
        return f"'{bytes.fromhex(cell[1:]).decode('utf-8', 'backslashreplace')}'"
    if cell.startswith("b"):
        return f"x'{cell[1:]}'"
    return cell if cell.lstrip("-").isdigit() else repr(float(cell))


def _damage(connection: sqlite3.Connection) -> tuple[str, ...]:
    found = [str(row[0]) for row in connection.execute("pragma integrity_check(10)")]
    return tuple(line for line in found if line != "ok")


def _broken_references(connection: sqlite3.Connection) -> list[str]:
    try:
        found = connection.execute("pragma foreign_key_check").fetchmany(5)
    except sqlite3.OperationalError as error:
        # A reference to a table without the key that it needs cannot be checked.
        return [str(error)]
    return [f"row {row[1]} of {row[0]} refers to a row of {row[2]} that is not there" for row in found]
