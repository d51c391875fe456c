"""The recipe for a PostgreSQL database."""

from __future__ import annotations

import re
import secrets
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from pytest_devsecops.core.errors import UsageError
from pytest_devsecops.core.findings import Finding, Status
from pytest_devsecops.recovery.model import Action, Instance, Kind, StoreOptions
from pytest_devsecops.recovery.stores.options import (
    CommonOptions,
    empty_finding,
    meant_empty,
    read_options,
    version_finding,
)
from pytest_devsecops.recovery.stores.postgresql.binaries import Binaries, find_binaries
from pytest_devsecops.recovery.stores.postgresql.builtin import find_builtin
from pytest_devsecops.recovery.stores.postgresql.definitions import WRITTEN, same_definition
from pytest_devsecops.recovery.stores.postgresql.filling import fill_empty_tables
from pytest_devsecops.recovery.stores.postgresql.instance import PostgreSQLInstance
from pytest_devsecops.recovery.stores.postgresql.server import Server, initdb
from pytest_devsecops.recovery.stores.postgresql.tablespaces import Places
from pytest_devsecops.recovery.workspace import copy_data

if TYPE_CHECKING:
    import psycopg

_NEXT = re.compile(r"(-?\d+)(?: \((?:by (-?\d+))?(?:, )?(?:(\d+) at a time)?\))?")
#: PostgreSQL logs sequences 32 values ahead (SEQ_LOG_VALS), which a crash recovery jumps to.
_AHEAD = 32


class PostgreSQLStore:
    """A PostgreSQL database with its cluster: roles, settings and other databases count too.

    Args:
        options: the common options.
        version: production's version; empty if nobody said.
        database: the database's name.
        role: the role that procedures run as; empty for the superuser.
        locale: the cluster's locale.
        settings: lines for ``postgresql.conf`` of source and target.
        extensions: extensions that have to be available, with a version or an empty string.
    """

    label = "postgresql"

    def __init__(
        self,
        options: StoreOptions,
        *,
        version: str,
        database: str,
        role: str,
        locale: str,
        settings: Mapping[str, str],
        extensions: Mapping[str, str],
    ) -> None:
        self._options = options
        self._version = version
        self._database = database
        self._role = role
        self._locale = locale
        self._settings = dict(settings)
        self._extensions = dict(extensions)
        self._password = secrets.token_urlsafe(12)
        self._blank: Path | None = None
        self._known: frozenset[str] = frozenset()
        self._places: Places = {}

    @property
    def options(self) -> StoreOptions:
        """What every store can be told."""
        return self._options

    def template(self, room: Path) -> PostgreSQLInstance:
        """Start an empty cluster with an empty database."""
        self._blank = room.with_name(f"{room.name}-blank")
        self._blank.mkdir(mode=0o711)
        self._make_blank(self._blank)
        copy_data(self._blank / "data", room / "data")
        instance = self._instance(room, archive=False)
        instance.prepared = True
        instance.server.start(durable=False)
        return instance

    def source(self, template: Instance, room: Path) -> PostgreSQLInstance:
        """Start a copy of the prepared cluster, with durable settings."""
        if not isinstance(template, PostgreSQLInstance):
            raise UsageError(f"a PostgreSQL source is copied from a PostgreSQL template, not {type(template).__name__}")
        template.rest()
        copy_data(template.server.data, room / "data")
        instance = self._instance(room, archive=True)
        try:
            instance.take_place_of(template)
            instance.server.start()
        except BaseException:
            instance.close()
            raise
        self._places = template.stowed
        return instance

    def target(self, room: Path, kind: Kind) -> PostgreSQLInstance:
        """Start an empty cluster, or make an empty data directory for a physical restore."""
        instance = self._instance(room, archive=False)
        instance.places = self._places
        if kind == "physical":
            instance.server.data.mkdir(mode=0o700)
            instance.server.sockets.mkdir()
            return instance
        if self._blank is not None and (self._blank / "data").is_dir():
            copy_data(self._blank / "data", room / "data")
        else:
            self._make_blank(room)
        try:
            instance.server.start()
        except BaseException:
            instance.close()
            raise
        return instance

    def builtin(self, name: str) -> tuple[Action, Action, Kind]:
        """Return ``pg_dump`` or ``basebackup``."""
        return find_builtin(name)

    def tolerates(self, kind: str, key: str, before: str | None, after: str | None) -> bool:
        """Tolerate what no backup can keep, sequences that a recovery moved on, and two spellings of a definition."""
        # A slot belongs to a host and to who reads from it; no backup brings slots, pg_basebackup leaves them out. The
        # owner of an extension is whoever restores it: no dump says it, and there is no statement that changes it.
        if kind == "replication slot" or (kind, key) == ("extension", "owner"):
            return True
        if key in WRITTEN and before and after:
            return same_definition(before, after)
        if (kind, key) == ("column", "position"):
            # An heir has none of its own; that it became one or is none any more is told of the table.
            return before is None or after is None
        if kind != "sequence" or key != "next value" or before is None or after is None:
            return False
        was, now = _NEXT.fullmatch(before), _NEXT.fullmatch(after)
        if was is None or now is None or was[2] != now[2]:
            return False
        steps = (int(now[1]) - int(was[1])) / int(was[2] or 1)
        return 0 <= steps <= _AHEAD + int(was[3] or 1)

    def other_version(self, instance: Instance) -> Iterable[Finding]:
        """Tell if the server or an extension that this machine can create is not of production's version."""
        if not isinstance(instance, PostgreSQLInstance):
            return
        yield from version_finding("postgresql", self._version, instance.server.binaries.version)
        if not self._extensions:
            return
        with instance.server.connect(self._database) as connection:
            available = dict(
                connection.execute(
                    "select name::text, default_version from pg_catalog.pg_available_extensions"
                ).fetchall()
            )
        for name, version in self._extensions.items():
            yield from version_finding(f"extension {name}", version, available.get(name, "none of it"))
            if not version and name not in available:
                message = f"production runs the extension {name}, which this machine does not have"
                fix = f"install {name} where the drill runs"
                yield Finding("extension-missing", f"extension {name}", message, fix=fix, status=Status.UNVERIFIED)

    def completeness(self, template: Instance) -> Iterable[Finding]:
        """Fill empty tables; tell those that cannot be filled, and versions that differ."""
        if not isinstance(template, PostgreSQLInstance):
            raise UsageError(f"a PostgreSQL template is a PostgreSQL instance, not {type(template).__name__}")
        template.refuse_open_transactions()
        yield from self.other_version(template)
        with template.server.connect(self._database) as connection:
            yield from self._role_finding(connection)
            for table, why in fill_empty_tables(
                connection, lambda name: meant_empty(self._options, name, name.rpartition(".")[2])
            ):
                yield empty_finding(table, why)
        self._known = template.misbehaves()

    def _role_finding(self, connection: psycopg.Connection[Any]) -> Iterable[Finding]:
        found = connection.execute("select from pg_catalog.pg_roles where rolname = %s", (self._role,)).fetchone()
        if self._role and found is None:
            message = f"there is no role {self._role} after prepare, so the backup cannot run as it"
            fix = f"let prepare= make it, such as with psql -f infra/roles.sql, or correct role={self._role!r}"
            yield Finding("role-missing", self._role, message, fix=fix, status=Status.UNVERIFIED)

    def _binaries(self) -> Binaries:
        return find_binaries(self._version)

    def _instance(self, room: Path, *, archive: bool) -> PostgreSQLInstance:
        return PostgreSQLInstance(
            room,
            self._binaries(),
            self._database,
            role=self._role,
            password=self._password,
            archive=archive,
            known=self._known,
        )

    def _make_blank(self, folder: Path) -> None:
        binaries = self._binaries()
        initdb(binaries, folder / "data", self._password, self._locale)
        with (folder / "data" / "postgresql.conf").open("a", encoding="utf-8") as handle:
            handle.writelines(
                f"{name} = '{value.replace(chr(39), chr(39) * 2)}'\n" for name, value in self._settings.items()
            )
        server = Server(binaries, folder / "data", folder / "s", self._password, archive=False)
        try:
            server.start(durable=False)
            with server.connect("postgres") as connection:
                connection.execute(f'create database "{self._database}"'.encode())
        finally:
            server.stop()
            shutil.rmtree(folder / "s", ignore_errors=True)


def postgresql(
    *,
    version: str = "",
    database: str = "app",
    role: str = "",
    locale: str = "C.UTF-8",
    settings: Mapping[str, str] | None = None,
    extensions: Mapping[str, str] | None = None,
    **common: Unpack[CommonOptions],
) -> PostgreSQLStore:
    """Describe a PostgreSQL database that must survive its loss.

    The server is one of this machine, started by the drill and never shared; it is found where
    distributions put it. Needs the extra ``postgresql``. Procedures get ``PGHOST`` (a socket),
    ``PGPORT``, ``PGUSER``, ``PGDATABASE`` and ``PGDATA``; ``env=`` can use ``{host}``, ``{port}``,
    ``{user}``, ``{password}``, ``{dbname}``, ``{socket}`` and ``{path}``.

    Args:
        version: production's version, such as ``"16"``; another one makes the verdict unverified.
        database: the database's name.
        role: the backup role of production; ``prepare=`` makes it. By default the superuser.
        locale: the cluster's locale.
        settings: settings of production's configuration, which is not part of the backup.
        extensions: extensions that production has: ``{"postgis": "3.4"}``.
        **common: see ``CommonOptions``.

    Raises:
        UsageError: if an argument cannot mean anything.
    """
    return PostgreSQLStore(
        read_options("postgresql", ("version", "database", "role", "locale", "settings", "extensions"), **common),
        version=version,
        database=database,
        role=role,
        locale=locale,
        settings=settings or {},
        extensions=extensions or {},
    )
