"""Rows: the fingerprint, computed in the server, and the ordered stream for a row-by-row comparison."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_devsecops.recovery.model import RecoveryError, Row, Rows
from pytest_devsecops.recovery.stores.postgresql.reading import LEDGER, PROBE

if TYPE_CHECKING:
    import psycopg

LARGE_OBJECTS = "large objects"
_BATCH = 2000
#: Ordinary tables (leaves of partitioned ones) of the user, and an extension's tables that it says hold user data.
#: The columns come in the order of their names: heirs of a table come back with another one.
_TABLES = """
select c.oid::regclass::text, c.relpersistence = 'u', coalesce((
    select string_agg('t.' || quote_ident(a.attname), ', ' order by a.attname::text collate "C")
    from pg_catalog.pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped), '')
from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'r' and n.nspname !~ '^pg_(catalog|toast|temp|toast_temp)' and n.nspname <> 'information_schema'
  and c.relname not in (%s, %s)
  and (not exists (select from pg_catalog.pg_depend d where d.classid = 'pg_catalog.pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
       or exists (select from pg_catalog.pg_extension e where c.oid = any (e.extconfig)))
order by 1
"""
_COLUMNS = """
select quote_ident(a.attname), exists (
    select from pg_catalog.pg_index i where i.indrelid = a.attrelid and i.indisprimary and a.attnum = any (i.indkey))
from pg_catalog.pg_attribute a where a.attrelid = %s::regclass and a.attnum > 0 and not a.attisdropped order by a.attnum
"""

#: A database without an encoding may hold bytes that are no text in any; what is no ASCII is written in octal.
_AS_BYTES = "encode(convert_to(({})::text, 'SQL_ASCII'), 'escape')"


@dataclass(frozen=True, slots=True)
class Table:
    """A table that holds rows: whether a crash empties it, and SQL for a row ``t`` of it."""

    unlogged: bool
    row: str


def tables(connection: psycopg.Connection[Any]) -> dict[str, Table]:
    """Return the tables that hold rows, by quoted name."""
    found = connection.execute(_TABLES, (LEDGER, PROBE)).fetchall()
    return {name: Table(unlogged, f"row({columns})") for name, unlogged, columns in found}


def fingerprint(connection: psycopg.Connection[Any], name: str, table: Table) -> Rows:
    """Return the sum of the rows' 64-bit hashes: independent of order, and duplicates count."""
    statement = f"select count(*), coalesce(sum(hashtextextended({table.row}::text, 0)), 0) from only {name} t"
    count, total = connection.execute(statement).fetchone() or (0, 0)
    return Rows(int(count), str(total))


def large_objects(connection: psycopg.Connection[Any]) -> Rows:
    """Return the fingerprint of all large objects; pages of zeros that are not stored do not count."""
    statement = (
        "select count(distinct loid), coalesce(sum(hashtextextended(loid::text || '/' || pageno || '/' || encode(data, 'hex'), 0)), 0)"
        " from pg_catalog.pg_largeobject"
    )
    count, total = connection.execute(statement).fetchone() or (0, 0)
    return Rows(int(count), str(total))


def read_large_objects(connection: psycopg.Connection[Any]) -> Iterator[Row]:
    """Return each large object with the digest of its content."""
    statement = (
        'select oid::text, md5(lo_get(oid)) from pg_catalog.pg_largeobject_metadata order by oid::text collate "C"'
    )
    for number, digest in _stream(connection, statement):
        yield Row((number,), {"oid": number, "content": f"md5 {digest}"}, ("oid",))


def read_rows(connection: psycopg.Connection[Any], table: str, wanted: tuple[str, ...] = ()) -> Iterator[Row]:
    """Return a table's rows in the order of their keys' code points; the key is ``wanted`` if those columns are there."""
    known = tables(connection).get(table)
    if known is None:
        raise RecoveryError(f"there is no table {table}")
    columns = connection.execute(_COLUMNS, (table,)).fetchall()
    names = [str(name) for name, _ in columns]
    own = tuple(str(name) for name, key in columns if key)
    identity = wanted if wanted and set(wanted) <= set(names) else own
    text = _AS_BYTES if connection.info.parameter_status("server_encoding") == "SQL_ASCII" else "({})::text"
    keys = [f'{text.format(f"t.{name}")} collate "C"' for name in identity] or [f'{text.format(known.row)} collate "C"']
    cells = [text.format(f"t.{name}") for name in names]
    order = ", ".join(keys)
    statement = f"select array[{order}], array[{', '.join(cells)}]::text[] from only {table} t order by {order}"
    for key, values in _stream(connection, statement):
        shown = dict(zip(names, (_literal(value) for value in values), strict=True))
        yield Row(tuple(key), shown, identity)


def _stream(connection: psycopg.Connection[Any], statement: str) -> Iterator[tuple[Any, ...]]:
    with connection.transaction(), connection.cursor(name="devsecops_rows") as cursor:
        cursor.itersize = _BATCH
        cursor.execute(statement)
        yield from cursor


def _literal(value: str | None) -> str | None:
    if value is None:
        return None
    plain = value.lstrip("-").replace(".", "", 1)
    return value if plain.isdigit() and plain.isascii() else f"'{value}'"
