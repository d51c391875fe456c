"""Generated rows for the tables of a PostgreSQL database."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pytest_devsecops.recovery.populating import Column, Reference, Table
from pytest_devsecops.recovery.stores.postgresql.reading import LEDGER, PROBE
from pytest_devsecops.recovery.stores.postgresql.server import driver
from pytest_devsecops.recovery.stores.postgresql.types import Types

if TYPE_CHECKING:
    import psycopg

#: Tables of the user; partitions get their rows through the table that they are part of.
_TABLES = """
select c.oid, c.oid::regclass::text from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p') and not c.relispartition and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
  and c.relname not in (%s, %s)
  and not exists (select from pg_catalog.pg_depend d where d.classid = 'pg_catalog.pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
order by c.oid
"""
#: Generated and identity columns and those that a sequence numbers have values of their own.
_COLUMNS = """
select quote_ident(a.attname), a.atttypid, a.atttypmod, a.attnotnull or (t.typtype = 'd' and t.typnotnull), exists (
    select from pg_catalog.pg_index i where i.indrelid = a.attrelid and i.indisunique and a.attnum = any (i.indkey))
from pg_catalog.pg_attribute a join pg_catalog.pg_type t on t.oid = a.atttypid
left join pg_catalog.pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
where a.attrelid = %s and a.attnum > 0 and not a.attisdropped and a.attidentity = '' and a.attgenerated = ''
  and coalesce(pg_get_expr(d.adbin, d.adrelid), '') not like 'nextval(%%'
order by a.attnum
"""
_REFERENCES = """
select (select array_agg(quote_ident(a.attname) order by u.n) from unnest(k.conkey) with ordinality u(at, n)
        join pg_catalog.pg_attribute a on a.attrelid = k.conrelid and a.attnum = u.at),
       k.confrelid::regclass::text,
       (select array_agg(quote_ident(a.attname) order by u.n) from unnest(k.confkey) with ordinality u(at, n)
        join pg_catalog.pg_attribute a on a.attrelid = k.confrelid and a.attnum = u.at),
       not (select bool_and(a.attnotnull) from pg_catalog.pg_attribute a where a.attrelid = k.conrelid and a.attnum = any (k.conkey))
from pg_catalog.pg_constraint k where k.contype = 'f' and k.conrelid = %s and k.conparentid = 0 order by k.oid
"""


class PostgreSQLTables:
    """The tables of an open database.

    Args:
        connection: a connection that commits by itself, with the database's own settings: triggers of the
            user rely on its search path.
    """

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection
        self._types = Types(connection)

    def tables(self) -> Sequence[Table]:
        """Return the tables that take rows."""
        with self._connection.transaction():
            # Names come with their schema.
            self._connection.execute("set local search_path = ''")
            found = self._connection.execute(_TABLES, (LEDGER, PROBE)).fetchall()
            return [self._table(oid, name) for oid, name in found]

    def keys(self, reference: Reference, limit: int) -> Sequence[tuple[object, ...]]:
        """Return values that ``reference`` may have."""
        wanted = ", ".join(f"({name})::text" for name in reference.targets)
        found = self._connection.execute(f"select {wanted} from {reference.table} limit %s".encode(), (limit,))
        return [row for row in found.fetchall() if None not in row]

    def sample(self, table: Table) -> Mapping[str, object] | None:
        """Return a row that is there."""
        names = [column.name for column in table.columns]
        if not names:
            return None
        wanted = ", ".join(f"({name})::text" for name in names)
        found = self._connection.execute(f"select {wanted} from {table.name} limit 1".encode()).fetchone()
        return dict(zip(names, found, strict=True)) if found else None

    def insert(self, table: Table, row: Mapping[str, object]) -> str | None:
        """Insert a row and commit it."""
        module = driver()
        names = ", ".join(row)
        body = f"({names}) values ({', '.join('%s' for _ in row)})" if row else "default values"
        values = [None if value is None else literal(value) for value in row.values()]
        try:
            self._connection.execute(f"insert into {table.name} {body}".encode(), values)
        except module.Error as error:
            return str(error).strip().splitlines()[0]
        return None

    def _table(self, oid: int, name: str) -> Table:
        references = tuple(
            Reference(tuple(own), parent, tuple(targets), nullable)
            for own, parent, targets, nullable in self._connection.execute(_REFERENCES, (oid,)).fetchall()
        )
        referring = {column for reference in references for column in reference.columns}
        columns: list[Column] = [
            self._types.column(column, kind, modifier, nullable=not required, unique=unique)
            for column, kind, modifier, required, unique in self._connection.execute(_COLUMNS, (oid,)).fetchall()
            if column not in referring
        ]
        return Table(name, tuple(columns), references)


def literal(value: object) -> str:
    """Return a generated value as the text that PostgreSQL reads it from."""
    if isinstance(value, bool):
        return "t" if value else "f"
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, bytes):
        return f"\\x{value.hex()}"
    if isinstance(value, list):
        return "{" + ",".join("NULL" if one is None else _quoted(one, '\\"') for one in value) + "}"
    if isinstance(value, tuple):
        return "(" + ",".join("" if one is None else _quoted(one, '""') for one in value) + ")"
    return str(value)


def _number(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return repr(value) if math.isfinite(value) else f"{'-' if value < 0 else ''}Infinity"


def _quoted(value: object, quote: str) -> str:
    if isinstance(value, list):
        # An array of arrays is one array; only a row holds an array as a value.
        return _quoted(literal(value), quote) if quote == '""' else literal(value)
    text = literal(value).replace("\\", "\\\\").replace('"', quote)
    return f'"{text}"'
