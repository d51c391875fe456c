"""Which generated values the tables of a SQLite file take."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Mapping, Sequence

from pytest_devsecops.recovery.populating import Column, Reference, Table
from pytest_devsecops.recovery.stores.sqlite.reading import quoted, tables

_LENGTH = re.compile(r"\((\d+)")
#: Declared types by what they contain, in the order of SQLite's rules (datatype3, section 3.1); those that
#: applications use for something narrower come first.
_DOMAINS = (
    ("BOOL", "boolean"),
    ("JSON", "json"),
    ("UUID", "uuid"),
    ("TIMESTAMP", "timestamp"),
    ("DATETIME", "timestamp"),
    ("DATE", "date"),
    ("INT", "integer"),
    ("CHAR", "text"),
    ("CLOB", "text"),
    ("TEXT", "text"),
    ("BLOB", "bytes"),
    ("REAL", "real"),
    ("FLOA", "real"),
    ("DOUB", "real"),
    ("ANY", "any"),
    ("TIME", "time"),
)


class SQLiteTables:
    """The tables of an open file.

    Args:
        connection: an open connection.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        connection.execute("pragma foreign_keys = on")

    def tables(self) -> Sequence[Table]:
        """Return the tables that take rows."""
        return [self._table(name) for name in tables(self._connection)]

    def keys(self, reference: Reference, limit: int) -> Sequence[tuple[object, ...]]:
        """Return values that ``reference`` may have."""
        names = ", ".join(quoted(name) for name in reference.targets)
        try:
            found = self._connection.execute(f"select {names} from {quoted(reference.table)} limit ?", (limit,))
        except sqlite3.OperationalError:
            # The table that it refers to does not exist; the insert will say so.
            return []
        return [row for row in found.fetchall() if None not in row]

    def sample(self, table: Table) -> Mapping[str, object] | None:
        """Return a row that is there."""
        names = [column.name for column in table.columns]
        if not names:
            return None
        wanted = ", ".join(quoted(name) for name in names)
        found = self._connection.execute(f"select {wanted} from {quoted(table.name)} limit 1").fetchone()
        return dict(zip(names, found, strict=True)) if found else None

    def insert(self, table: Table, row: Mapping[str, object]) -> str | None:
        """Insert a row and commit it."""
        names = ", ".join(quoted(name) for name in row)
        body = f"({names}) values ({', '.join('?' for _ in row)})" if row else "default values"
        try:
            with self._connection:
                self._connection.execute(f"insert into {quoted(table.name)} {body}", list(row.values()))
        except (sqlite3.Error, OverflowError) as error:
            return str(error)
        return None

    def _table(self, name: str) -> Table:
        unique = self._unique(name)
        rows = self._connection.execute("select * from pragma_table_xinfo(?)", (name,)).fetchall()
        keys = [row[5] for row in rows if row[5]]
        references = tuple(self._references(name, {str(row[1]): bool(row[3]) for row in rows}))
        referring = {column for reference in references for column in reference.columns}
        columns = tuple(
            _column(str(row[1]), str(row[2]), required=bool(row[3]), unique=str(row[1]) in unique or bool(row[5]))
            for row in rows
            # Hidden and generated columns take no values; an only INTEGER PRIMARY KEY gives its own.
            if not row[6]
            and row[1] not in referring
            and not (row[5] and len(keys) == 1 and row[2].upper() == "INTEGER")
        )
        return Table(name, columns, references)

    def _references(self, name: str, required: Mapping[str, bool]) -> list[Reference]:
        found: dict[int, list[tuple[str, str, str | None]]] = {}
        statement = 'select id, "table", "from", "to" from pragma_foreign_key_list(?) order by id, seq'
        for number, parent, own, other in self._connection.execute(statement, (name,)):
            found.setdefault(number, []).append((str(parent), str(own), other))
        return [
            Reference(
                tuple(own for _, own, _ in parts),
                parts[0][0],
                tuple(other or "rowid" for _, _, other in parts),
                nullable=not any(required.get(own, False) for _, own, _ in parts),
            )
            for parts in found.values()
        ]

    def _unique(self, name: str) -> set[str]:
        statement = 'select i.name from pragma_index_list(?) l, pragma_index_info(l.name) i where l."unique" and i.name is not null'
        return {str(column) for (column,) in self._connection.execute(statement, (name,))}


def _column(name: str, kind: str, *, required: bool, unique: bool) -> Column:
    upper = kind.upper()
    domain = next((domain for part, domain in _DOMAINS if part in upper), "decimal" if upper else "any")
    length = _LENGTH.search(upper)
    return Column(name, domain, not required, unique, length=int(length[1]) if length and domain == "text" else 0)
