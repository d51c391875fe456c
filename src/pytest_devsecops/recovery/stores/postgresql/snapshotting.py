"""The snapshot of a cluster: all databases, catalogs, next values and the rows' fingerprints."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_devsecops.recovery.model import Rows, Snapshot
from pytest_devsecops.recovery.stores.postgresql import rows
from pytest_devsecops.recovery.stores.postgresql.reading import CatalogReader
from pytest_devsecops.recovery.stores.postgresql.server import Server, driver
from pytest_devsecops.recovery.stores.postgresql.unchanged import Files, files_of, indexes, same_files

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
#: Databases that are looked at at the same time: a server that just started has few connections to give.
AT_ONCE = 4
#: Columns that were added without rewriting the files: the same files mean other rows then.
Shapes = Mapping[str, rows.Table]


@dataclass(slots=True)
class Layout:
    """Where a cluster keeps its rows, by the prefix of the database: files, and what a row of them is.

    ``proven`` has the indexes that match their tables as they do in the twin: the files of both are its.
    """

    data: Path
    files: dict[str, Files] = field(default_factory=dict)
    shapes: dict[str, Shapes] = field(default_factory=dict)
    proven: dict[str, frozenset[str]] = field(default_factory=dict)


@dataclass(slots=True)
class _Part:
    """What one database holds, and what is not of it alone: ``cluster``, only read with the store's own."""

    prefix: str
    version: str = ""
    things: dict[str, dict[str, dict[str, str | None]]] = field(default_factory=dict)
    cluster: Mapping[str, Mapping[str, Mapping[str, str | None]]] = field(default_factory=dict)
    rows: dict[str, Rows] = field(default_factory=dict)
    unread: list[str] = field(default_factory=list)
    size: int = 0


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

    def take(self) -> Snapshot:
        """Return what the cluster holds; its databases are read at the same time.

        Raises:
            RecoveryError: if the server refuses the connection.
        """
        with self._server.connect("postgres") as connection:
            names = _databases(connection, self._database)
            closed = [str(name) for (name,) in connection.execute(_CLOSED).fetchall()]
        with ThreadPoolExecutor(min(len(names), AT_ONCE)) as pool:
            parts = list(pool.map(self._part, names))
        things: dict[str, Mapping[str, Mapping[str, str | None]]] = {}
        for part in parts:
            for kind, named in (*part.cluster.items(), *part.things.items()):
                things[kind] = {**things.get(kind, {}), **named}
        unread = [one for part in parts for one in part.unread]
        unread += [f"database {name} takes no connections, so nobody looked into it" for name in closed]
        version = next((part.version for part in parts if part.version), "")
        found = {name: one for part in parts for name, one in part.rows.items()}
        return Snapshot(things, found, (), {"postgresql": version}, sum(part.size for part in parts), tuple(unread))

    def _part(self, database: str) -> _Part:
        part = _Part("" if database == self._database else f"{database}:")
        try:
            with self._server.connect(database) as connection:
                connection.execute("begin isolation level repeatable read read only")
                part.version = str(connection.info.parameter_status("server_version"))
                self._read(connection, part)
                connection.execute("rollback")
        except driver().Error as error:
            part.unread.append(f"database {database} cannot be read: {_line(error)}")
        return part

    def _read(self, connection: psycopg.Connection[Any], part: _Part) -> None:
        reader = CatalogReader(connection, part.prefix)
        part.things = reader.database()
        if not part.prefix:
            part.cluster = reader.cluster()
        _add_next_values(connection, part.things, part.prefix)
        self._read_tables(connection, part)
        lobs = rows.large_objects(connection)
        if lobs.count or not part.prefix:
            part.rows[part.prefix + rows.LARGE_OBJECTS] = lobs
        part.size = (connection.execute("select pg_database_size(current_database())").fetchone() or (0,))[0]

    def _read_tables(self, connection: psycopg.Connection[Any], part: _Part) -> None:
        prefix = part.prefix
        tables = rows.tables(connection)
        own = indexes(connection)
        files = files_of(connection, [*tables, *own])
        self._layout.files[prefix], self._layout.shapes[prefix] = files, tables
        same = self._same(connection, prefix)
        self._layout.proven[prefix] = frozenset(index for index, table in own.items() if {index, table} <= same)
        known = self._known(prefix, tables, same)
        module = driver()
        for name, table in tables.items():
            try:
                with connection.transaction():
                    part.rows[prefix + name] = known.get(name) or rows.fingerprint(connection, name, table)
            except module.Error as error:
                part.unread.append(f"table {prefix}{name} cannot be read: {_line(error)}")

    def _same(self, connection: psycopg.Connection[Any], prefix: str) -> frozenset[str]:
        """Return the tables and indexes of a database that have the twin's files."""
        files = self._layout.files[prefix]
        if self._twin is None or not files:
            return frozenset()
        layout, _ = self._twin
        # The snapshot is taken: what it sees and is not yet on disk goes there now.
        connection.execute("checkpoint")
        return same_files(self._layout.data, files, layout.data, layout.files.get(prefix, {}))

    def _known(self, prefix: str, tables: Shapes, same: frozenset[str]) -> Mapping[str, Rows]:
        if self._twin is None:
            return {}
        layout, snapshot = self._twin
        theirs = layout.shapes.get(prefix, {})
        return {
            name: snapshot.rows[prefix + name]
            for name in same & tables.keys()
            if prefix + name in snapshot.rows and theirs.get(name) == tables[name]
        }


def databases(server: Server, first: str) -> list[str]:
    """Return the databases that take connections, ``first`` first."""
    with server.connect("postgres") as connection:
        return _databases(connection, first)


def _databases(connection: psycopg.Connection[Any], first: str) -> list[str]:
    found = connection.execute("select datname::text from pg_catalog.pg_database where datallowconn order by 1")
    return sorted((str(name) for (name,) in found.fetchall()), key=lambda name: name != first)


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
