"""The recipe for a MariaDB or MySQL database."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Literal, Unpack

from pytest_devsecops.core.errors import UsageError
from pytest_devsecops.core.findings import Finding, Status
from pytest_devsecops.recovery.compare import reason_to_ignore
from pytest_devsecops.recovery.model import Action, Instance, Kind, StoreOptions
from pytest_devsecops.recovery.stores.mariadb.builtin import find_builtin
from pytest_devsecops.recovery.stores.mariadb.instance import MariaDBInstance, Recipe
from pytest_devsecops.recovery.stores.mariadb.server import OURS, WANTED
from pytest_devsecops.recovery.stores.options import (
    CommonOptions,
    empty_finding,
    meant_empty,
    read_options,
    version_finding,
)
from pytest_devsecops.recovery.stores.serving import find_program
from pytest_devsecops.recovery.workspace import copy_data

Product = Literal["mariadb", "mysql"]

_NEXT = re.compile(r"(-?\d+) \(by (-?\d+), (\d+) cached\)")


class MariaDBStore:
    """A MariaDB or MySQL database with its server: accounts and other databases count too.

    Args:
        options: the common options.
        product: ``mariadb`` or ``mysql``.
        version: production's version; empty if nobody said.
        database: the database's name.
        settings: production's configuration.
        role: the account that procedures run as, and its password.
    """

    def __init__(
        self,
        options: StoreOptions,
        *,
        product: Product,
        version: str,
        database: str,
        settings: Mapping[str, str],
        role: tuple[str, str],
    ) -> None:
        self.label = product
        self._options = options
        self._product: Product = product
        self._version = version
        self._database = database
        self._settings = dict(settings)
        self._role = role
        self._own, self._password = secrets.token_hex(12), secrets.token_hex(12)
        self._blank: Path | None = None

    @property
    def options(self) -> StoreOptions:
        """What every store can be told."""
        return self._options

    def template(self, room: Path) -> MariaDBInstance:
        """Start an empty server with an empty database."""
        self._blank = room.with_name(f"{room.name}-blank")
        self._blank.mkdir(mode=0o711)
        self._make_blank(self._blank)
        instance = self._instance(room)
        copy_data(self._blank / "data", room / "data", "--sparse=always")
        instance.server.start(durable=False)
        return instance

    def source(self, template: Instance, room: Path) -> MariaDBInstance:
        """Start a copy of the prepared server, with durable settings."""
        if not isinstance(template, MariaDBInstance):
            raise UsageError(f"a MariaDB source is copied from a MariaDB template, not {type(template).__name__}")
        template.rest()
        copy_data(template.server.data, room / "data", "--sparse=always")
        return _started(self._instance(room))

    def target(self, room: Path, kind: Kind) -> MariaDBInstance:
        """Start an empty server, or make an empty data directory for a physical restore."""
        instance = self._instance(room)
        if kind == "physical":
            instance.server.data.mkdir(mode=0o700)
            return instance
        if self._blank is not None and (self._blank / "data").is_dir():
            copy_data(self._blank / "data", room / "data", "--sparse=always")
        else:
            self._make_blank(room)
        return _started(instance)

    def builtin(self, name: str) -> tuple[Action, Action, Kind]:
        """Return ``mariadb-dump`` or ``mariadb-backup``; for MySQL ``mysqldump``."""
        return find_builtin(self._product, name)

    def tolerates(self, kind: str, key: str, before: str | None, after: str | None) -> bool:
        """Tolerate sequences that moved on by what the server had taken ahead into its memory."""
        if kind != "sequence" or key != "next value" or before is None or after is None:
            return False
        was, now = _NEXT.fullmatch(before), _NEXT.fullmatch(after)
        if was is None or now is None or was.groups()[1:] != now.groups()[1:]:
            return False
        steps = (int(now[1]) - int(was[1])) / int(was[2] or 1)
        return 0 <= steps <= max(1, int(was[3]))

    def other_version(self, instance: Instance) -> Iterable[Finding]:
        """Tell if the version is not production's."""
        return (
            version_finding(self._product, self._version, instance.server.program.version)
            if isinstance(instance, MariaDBInstance)
            else ()
        )

    def completeness(self, template: Instance) -> Iterable[Finding]:
        """Fill empty tables; tell those that cannot be filled, and a version that differs."""
        if not isinstance(template, MariaDBInstance):
            raise UsageError(f"a MariaDB template is a MariaDB instance, not {type(template).__name__}")
        template.refuse_open_transactions()
        yield from self.other_version(template)
        for table, why in template.fill_empty_tables(partial(meant_empty, self._options)):
            yield empty_finding(table, why)
        for table in template.in_memory():
            if reason_to_ignore(table, self._options.empty) is None:
                yield _in_memory(table)

    def _instance(self, room: Path) -> MariaDBInstance:
        program = find_program(WANTED[self._product], self._version)
        recipe = Recipe(self._product, program, self._database, self._settings, self._own, self._password, *self._role)
        return MariaDBInstance(room, recipe)

    def _make_blank(self, folder: Path) -> None:
        server = self._instance(folder).server
        try:
            server.initialise(self._password, self._database)
        finally:
            server.stop()


def _in_memory(table: str) -> Finding:
    message = f"{table} is in memory only: its rows end with every restart, so that a drill has none to lose"
    fix = f"give it another engine, or name it: empty={{{table!r}: 'why'}}"
    return Finding("in-memory", f"rows:{table}", message, fix=fix, status=Status.UNVERIFIED)


def _started(instance: MariaDBInstance) -> MariaDBInstance:
    try:
        instance.server.start()
    except BaseException:
        instance.close()
        raise
    return instance


def mariadb(
    *,
    version: str = "",
    database: str = "app",
    role: str = "",
    role_password: str = "",
    settings: Mapping[str, str] | None = None,
    **common: Unpack[CommonOptions],
) -> MariaDBStore:
    """Describe a MariaDB database that must survive its loss.

    The server is one of this machine, started by the drill and never shared; it is found where
    distributions put it. Needs the extra ``mariadb``. Procedures get a ``.my.cnf`` in their HOME and
    ``MYSQL_HOST``, ``MYSQL_TCP_PORT``, ``MYSQL_UNIX_PORT``, ``MYSQL_USER``, ``MYSQL_PWD``,
    ``MYSQL_DATABASE`` and ``MYSQL_DATA`` (the data directory); ``env=`` can use ``{host}``, ``{port}``,
    ``{user}``, ``{password}``, ``{dbname}``, ``{socket}`` and ``{path}``.

    Args:
        version: production's version, such as ``"10.11"``; another one makes the verdict unverified.
        database: the database's name.
        role: the account that backups run as in production; ``prepare=`` makes it. By default root.
        role_password: its password.
        settings: settings of production's ``my.cnf``, which is not part of the backup.
        **common: see ``CommonOptions``.

    Raises:
        UsageError: if an argument cannot mean anything.
    """
    return _store("mariadb", version, database, settings, (role, role_password), common)


def mysql(
    *,
    version: str = "",
    database: str = "app",
    role: str = "",
    role_password: str = "",
    settings: Mapping[str, str] | None = None,
    **common: Unpack[CommonOptions],
) -> MariaDBStore:
    """Describe a MySQL database that must survive its loss; everything else is as for ``mariadb()``.

    Args:
        version: production's version, such as ``"8.4"``; another one makes the verdict unverified.
        database: the database's name.
        role: the account that backups run as in production; ``prepare=`` makes it. By default root.
        role_password: its password.
        settings: settings of production's ``my.cnf``, which is not part of the backup.
        **common: see ``CommonOptions``.

    Raises:
        UsageError: if an argument cannot mean anything.
    """
    return _store("mysql", version, database, settings, (role, role_password), common)


def _store(
    product: Product,
    version: str,
    database: str,
    settings: Mapping[str, str] | None,
    role: tuple[str, str],
    common: CommonOptions,
) -> MariaDBStore:
    ours = sorted(name for name in settings or () if name.replace("-", "_") in OURS)
    if ours:
        raise UsageError(
            f"{product}(settings={{{ours[0]!r}: …}}) belongs to the drill's own server",
            remedy="leave it out: it is not part of what is compared",
        )
    return MariaDBStore(
        read_options(product, ("version", "database", "role", "role_password", "settings"), **common),
        product=product,
        version=version,
        database=database,
        settings=settings or {},
        role=role,
    )
