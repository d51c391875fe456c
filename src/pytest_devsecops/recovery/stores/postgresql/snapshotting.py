"""The snapshot of a cluster: all databases, catalogs, next values and the rows' fingerprints."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_devsecops.recovery.model import Rows, Snapshot
from pytest_devsecops.recovery.stores.postgresql import rows
from pytest_devsecops.recovery.stores.postgresql.reading import CatalogReader
from pytest_devsecops.recovery.stores.postgresql.server import Server, driver
from pytest_devsecops.recovery.stores.postgresql.unchanged import TableFiles, same_tables, table_files

if TYPE_CHECKING:
    import psycopg

_SEQUENCES = """
select s.seqrelid::regclass::text, s.seqincrement, s.seqcache from pg_catalog.pg_sequence s
join pg_catalog.pg_class c on c.oid = s.seqrelid join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where n.nspname !~ '^pg_temp' order by 1
"""
_CLOSED = (
    "select datname::text from pg_catalog.pg_database where not datallowconn and datname <> 'template0' order by 1"
)
#: Columns that were added without rewriting the files: the same files mean other rows then.
Shapes = Mapping[str, rows.Table]


@dataclass(slots=True)
class Layout:
    """Where a cluster keeps its rows, by the prefix of the database: files, and what a row of them is."""

    data: Path
    files: dict[str, TableFiles] = field(default_factory=dict)
    shapes: dict[str, Shapes] = field(default_factory=dict)


class Snapshooter:
    """Takes one snapshot.

    Args:
        server: the running server.
        database: the store's own database.
        layout: filled with where the rows are.
        twin: the layout and snapshot of another copy, whose fingerprints hold where the files are the same.
    """

    def __init__(
        self, server: Server, database: str, layout: Layout, twin: tuple[Layout, Snapshot] | None = None
    ) -> None:
        self._server = server
        self._database = database
        self._layout = layout
        self._twin = twin
        self._things: dict[str, Mapping[str, Mapping[str, str | None]]] = {}
        self._rows: dict[str, Rows] = {}
        self._unread: list[str] = []
        self._size = 0

    def take(self) -> Snapshot:
        """Return what the cluster holds.

        Raises:
            RecoveryError: if the server refuses the connection.
        """
        module = driver()
        version = ""
        for database in databases(self._server, self._database):
            try:
                with self._reading(database) as connection:
                    version = str(connection.info.parameter_status("server_version"))
                    self._read(connection, "" if database == self._database else f"{database}:")
            except module.Error as error:
                self._unread.append(f"database {database} cannot be read: {_line(error)}")
        with self._server.connect("postgres") as connection:
            for (closed,) in connection.execute(_CLOSED).fetchall():
                self._unread.append(f"database {closed} takes no connections, so nobody looked into it")
        return Snapshot(self._things, self._rows, (), {"postgresql": version}, self._size, tuple(self._unread))

    def _read(self, connection: psycopg.Connection[Any], prefix: str) -> None:
        reader = CatalogReader(connection, prefix)
        own = reader.database()
        if not self._things:
            self._things.update(reader.cluster())
        _add_next_values(connection, own, prefix)
        for kind, names in own.items():
            self._things[kind] = {**self._things.get(kind, {}), **names}
        self._read_tables(connection, prefix)
        lobs = rows.large_objects(connection)
        if lobs.count or not prefix:
            self._rows[prefix + rows.LARGE_OBJECTS] = lobs
        self._size += (connection.execute("select pg_database_size(current_database())").fetchone() or (0,))[0]

    def _read_tables(self, connection: psycopg.Connection[Any], prefix: str) -> None:
        tables = rows.tables(connection)
        files = table_files(connection, list(tables))
        known = self._known(prefix, tables, files)
        self._layout.files[prefix], self._layout.shapes[prefix] = files, tables
        module = driver()
        for name, table in tables.items():
            try:
                with connection.transaction():
                    self._rows[prefix + name] = known.get(name) or rows.fingerprint(connection, name, table)
            except module.Error as error:
                self._unread.append(f"table {prefix}{name} cannot be read: {_line(error)}")

    def _known(self, prefix: str, tables: Shapes, files: TableFiles) -> Mapping[str, Rows]:
        if self._twin is None or not files:
            return {}
        layout, snapshot = self._twin
        with self._server.connect(self._database) as other:
            # The snapshot is taken: what it sees and is not yet on disk goes there now.
            other.execute("checkpoint")
        same = same_tables(self._layout.data, files, layout.data, layout.files.get(prefix, {}))
        theirs = layout.shapes.get(prefix, {})
        return {
            name: snapshot.rows[prefix + name]
            for name in same
            if prefix + name in snapshot.rows and theirs.get(name) == tables[name]
        }

    @contextlib.contextmanager
    def _reading(self, database: str) -> Iterator[psycopg.Connection[Any]]:
        with self._server.connect(database) as connection:
            connection.execute("begin isolation level repeatable read read only")
            yield connection
            connection.execute("rollback")


def databases(server: Server, first: str) -> list[str]:
    """Return the databases that take connections, ``first`` first."""
    with server.connect("postgres") as connection:
        found = connection.execute("select datname::text from pg_catalog.pg_database where datallowconn order by 1")
        names = [str(name) for (name,) in found.fetchall()]
    return sorted(names, key=lambda name: name != first)


def _line(error: Exception) -> str:
    return " ".join(str(error).strip().splitlines()[:1])


def _add_next_values(
    connection: psycopg.Connection[Any], things: dict[str, dict[str, dict[str, str | None]]], prefix: str
) -> None:
    for name, step, cache in connection.execute(_SEQUENCES).fetchall():
        last, called = connection.execute(f"select last_value, is_called from {name}").fetchone() or (0, False)
        value = last + step if called else last
        own = things.setdefault("sequence", {}).setdefault(prefix + name, {})
        told = [*([f"by {step}"] if step != 1 else []), *([f"{cache} at a time"] if cache != 1 else [])]
        own["next value"] = f"{value} ({', '.join(told)})" if told else str(value)
