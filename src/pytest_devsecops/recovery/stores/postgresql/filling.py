"""Rows for tables that are empty after ``prepare``: a procedure that leaves them out has to show."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pytest_devsecops.recovery.stores.postgresql.reading import LEDGER, PROBE
from pytest_devsecops.recovery.stores.postgresql.server import driver

if TYPE_CHECKING:
    import psycopg

#: Tables by themselves and the roots of trees; whether one is empty includes its partitions and heirs.
_ROOTS = """
select c.oid::regclass::text from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p') and not c.relispartition and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
  and c.relname not in (%s, %s)
  and not exists (select from pg_catalog.pg_inherits i where i.inhrelid = c.oid)
  and not exists (select from pg_catalog.pg_depend d where d.classid = 'pg_catalog.pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
order by c.oid
"""
#: A value for each column that needs one: a parent's key, an enum's first label, or one of the type's kind.
_COLUMNS = """
select quote_ident(a.attname), a.attnotnull, format_type(coalesce(nullif(t.typbasetype, 0), a.atttypid), a.atttypmod),
       coalesce(b.typcategory, t.typcategory), coalesce(b.typname, t.typname)::text,
       (select quote_literal(e.enumlabel) from pg_catalog.pg_enum e where e.enumtypid = a.atttypid order by e.enumsortorder limit 1),
       (select format('(select %%s from %%s limit 1)', quote_ident(p.attname), k.confrelid::regclass)
        from pg_catalog.pg_constraint k join pg_catalog.pg_attribute p on p.attrelid = k.confrelid
         and p.attnum = k.confkey[array_position(k.conkey, a.attnum)]
        where k.contype = 'f' and k.conrelid = a.attrelid and a.attnum = any (k.conkey) limit 1)
from pg_catalog.pg_attribute a join pg_catalog.pg_type t on t.oid = a.atttypid
left join pg_catalog.pg_type b on b.oid = t.typbasetype
where a.attrelid = %s::regclass and a.attnum > 0 and not a.attisdropped
  and not a.atthasdef and a.attidentity = '' and a.attgenerated = '' order by a.attnum
"""
_BY_NAME = {
    "bytea": "'\\x00ff'",
    "json": "'{}'",
    "jsonb": "'{}'",
    "uuid": "'00000000-0000-4000-8000-000000000001'",
    "xml": "'<a/>'",
}
_BY_CATEGORY = {
    "N": "1",
    "S": "'g'",
    "B": "true",
    "D": "'2026-01-02 03:04:05'",
    "T": "'1 day'",
    "I": "'192.0.2.1'",
    "A": "'{}'",
    "R": "'empty'",
    "G": "'(1,1)'",
    "V": "B'1'",
}


def fill_empty_tables(connection: psycopg.Connection[Any], meant: Callable[[str], bool]) -> list[tuple[str, str]]:
    """Put one generated row into each empty table.

    Args:
        connection: a superuser's connection.
        meant: tells whether a table is empty on purpose; it stays so.

    Returns:
        The tables that stayed empty, with PostgreSQL's own reason.
    """
    roots = [str(name) for (name,) in connection.execute(_ROOTS, (LEDGER, PROBE)).fetchall()]
    left = [name for name in roots if not meant(name) and _is_empty(connection, name)]
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


def _is_empty(connection: psycopg.Connection[Any], table: str) -> bool:
    return connection.execute(f"select exists (select from {table})").fetchone() == (False,)


def _fill(connection: psycopg.Connection[Any], table: str) -> str | None:
    module = driver()
    columns = connection.execute(_COLUMNS, (table,)).fetchall()
    reason = None
    for everything in (True, False):
        chosen = {name: _value(*rest) for name, required, *rest in columns if everything or required}
        body = f"({', '.join(chosen)}) values ({', '.join(chosen.values())})" if chosen else "default values"
        try:
            with connection.transaction():
                # Triggers of the user may do anything; the row alone is wanted.
                connection.execute("set local session_replication_role = replica")
                connection.execute(f"insert into {table} {body}".encode())
        except module.Error as error:
            reason = str(error).strip().splitlines()[0]
        else:
            return None
    return reason


def _value(kind: str, category: str, name: str, label: str | None, parent: str | None) -> str:
    if parent is not None:
        return parent
    if label is not None:
        return label
    value = _BY_NAME.get(name) or _BY_CATEGORY.get(category, "null")
    return value if value == "null" else f"{value}::{kind}"
