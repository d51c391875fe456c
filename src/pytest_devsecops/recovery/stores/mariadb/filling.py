"""Rows for tables that are empty after ``prepare``: a procedure that leaves them out has to show."""

from __future__ import annotations

from collections.abc import Callable

from pytest_devsecops.recovery.model import RecoveryError
from pytest_devsecops.recovery.stores.mariadb.rechecking import references
from pytest_devsecops.recovery.stores.mariadb.rows import ELSEWHERE, MEMORY, Table, tables
from pytest_devsecops.recovery.stores.mariadb.server import literal_name
from pytest_devsecops.recovery.stores.mariadb.session import Session, quoted

_BY_KIND = {
    "json": "'{}'",
    "date": "'2026-01-02'",
    "datetime": "'2026-01-02 03:04:05'",
    "timestamp": "'2026-01-02 03:04:05'",
    "time": "'03:04:05'",
    "year": "2026",
    "uuid": "'00000000-0000-4000-8000-000000000001'",
    "inet4": "'192.0.2.1'",
    "inet6": "'2001:db8::1'",
    "bit": "b'1'",
    "enum": "1",
    "set": "1",
    "geometry": "point(1, 1)",
    "point": "point(1, 1)",
    "linestring": "linestring(point(1, 1), point(2, 2))",
    "polygon": "st_geomfromtext('POLYGON((0 0,1 0,1 1,0 0))')",
}
_NUMERIC = frozenset({"tinyint", "smallint", "mediumint", "int", "bigint", "decimal", "float", "double"})


def fill_empty_tables(session: Session, meant: Callable[[Table], bool]) -> list[tuple[Table, str]]:
    """Put one generated row into each empty table.

    Args:
        session: the connection.
        meant: tells whether a table is empty on purpose; it stays so.

    Returns:
        The tables that stayed empty, with the server's own reason.
    """
    kept = {*ELSEWHERE, MEMORY}
    left = [one for one in tables(session) if one.engine not in kept and not meant(one) and not _has_rows(session, one)]
    reasons: dict[Table, str] = {}
    # A table may need a row of another one that is filled in the same turn.
    for _ in range(len(left)):
        before = len(left)
        for table in list(left):
            reason = _fill(session, table)
            if reason is None:
                left.remove(table)
            else:
                reasons[table] = reason
        if len(left) == before:
            break
    return [(table, reasons[table]) for table in left]


def _has_rows(session: Session, table: Table) -> bool:
    return bool(session.rows(f"select 1 from {table.quoted} limit 1"))


def _fill(session: Session, table: Table) -> str | None:
    """Insert one row, with a value in every column or, if a check refuses that, in those that need one."""
    parents = {
        own: f"(select {quoted(other)} from {quoted(database)}.{quoted(parent)} limit 1)"
        for (schema, name, _), pairs in references(session).items()
        if (schema, name) == (table.database, table.name)
        for own, database, parent, other in pairs
    }
    columns = session.rows(
        "select column_name, lower(data_type), is_nullable = 'NO', character_maximum_length"
        " from information_schema.columns where extra not like '%auto_increment%' and column_default is null"
        " and coalesce(generation_expression, '') = '' and upper(extra) not like '%GENERATED%'"
        f" and table_schema = {literal_name(table.database)} and table_name = {literal_name(table.name)}"
        " order by ordinal_position"
    )
    reason = None
    for everything in (True, False):
        chosen = {
            str(name): parents.get(str(name)) or _value(str(kind), int(length or 1))
            for name, kind, required, length in columns
            if everything or required in ("1", 1)
        }
        names, values = ", ".join(map(quoted, chosen)), ", ".join(chosen.values())
        try:
            session.rows(f"insert into {table.quoted} ({names}) values ({values})")
        except RecoveryError as error:
            reason = error.message
        else:
            # An engine such as BLACKHOLE takes rows and keeps none.
            return None if _has_rows(session, table) else f"the engine {table.engine} keeps no rows"
    return reason


def _value(kind: str, length: int) -> str:
    if kind in _NUMERIC:
        return "1"
    return _BY_KIND.get(kind) or ("'g'" if length else "''")
