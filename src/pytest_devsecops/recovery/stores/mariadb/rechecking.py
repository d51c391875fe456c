"""Damage that the server itself finds: tables and indexes that are broken, references that dangle."""

from __future__ import annotations

from pytest_devsecops.recovery.stores.mariadb.rows import Table, not_system
from pytest_devsecops.recovery.stores.mariadb.session import Session, quoted

_FINE = frozenset({"ok", "Table is already up to date"})
#: What CHECK TABLE says of an engine that has nothing to check.
_NO_CHECK = "The storage engine for the table doesn't support check"


def problems(session: Session, tables: list[Table]) -> list[str]:
    """Return what ``CHECK TABLE`` and the foreign keys tell, one sentence each."""
    found = []
    for table in tables:
        for row in session.named(f"check table {table.quoted}"):
            text = str(row["Msg_text"])
            if row["Msg_type"] in ("status", "error", "warning") and text.lower() not in _FINE and text != _NO_CHECK:
                found.append(f"{row['Table']}: {text}")
    return [*found, *_dangling(session)]


def references(session: Session) -> dict[tuple[str, str, str], list[tuple[str, str, str, str]]]:
    """Return foreign keys: (database, table, name) -> (column, parent's database, table and column) in order."""
    found: dict[tuple[str, str, str], list[tuple[str, str, str, str]]] = {}
    for database, table, name, *pair in session.rows(
        "select table_schema, table_name, constraint_name, column_name, referenced_table_schema,"
        " referenced_table_name, referenced_column_name from information_schema.key_column_usage"
        f" where referenced_table_name is not null and {not_system('table_schema')} order by 1, 2, 3, ordinal_position"
    ):
        column, *parent = map(str, pair)
        found.setdefault((str(database), str(table), str(name)), []).append((column, *parent))  # type: ignore[arg-type] # three names
    return found


def _dangling(session: Session) -> list[str]:
    """Return the references to rows that are not there: a load with its checks turned off leaves them."""
    found = []
    for (database, table, name), pairs in references(session).items():
        matches = " and ".join(f"p.{quoted(other)} = c.{quoted(own)}" for own, _, _, other in pairs)
        whole = " and ".join(f"c.{quoted(own)} is not null" for own, *_ in pairs)
        parent = f"{quoted(pairs[0][1])}.{quoted(pairs[0][2])}"
        statement = (
            f"select 1 from {quoted(database)}.{quoted(table)} c where {whole}"
            f" and not exists (select 1 from {parent} p where {matches}) limit 1"
        )
        if session.rows(statement):
            found.append(f"{database}.{table}: a row refers to a row of {parent} that is not there ({name})")
    return found
