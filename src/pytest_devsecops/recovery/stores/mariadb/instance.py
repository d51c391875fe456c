"""One MariaDB or MySQL server that a drill owns, with its data directory."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pytest_devsecops.recovery.model import Access, Behaviours, LedgerState, RecoveryError, Row, Rows, Snapshot
from pytest_devsecops.recovery.stores.evolving import migration
from pytest_devsecops.recovery.stores.mariadb import rows
from pytest_devsecops.recovery.stores.mariadb.accounts import account_name, accounts, read_accounts
from pytest_devsecops.recovery.stores.mariadb.behaviour import try_behaviours
from pytest_devsecops.recovery.stores.mariadb.definitions import Definitions
from pytest_devsecops.recovery.stores.mariadb.filling import fill_empty_tables
from pytest_devsecops.recovery.stores.mariadb.populating import MariaDBTables
from pytest_devsecops.recovery.stores.mariadb.rechecking import problems
from pytest_devsecops.recovery.stores.mariadb.server import DENIED, Server
from pytest_devsecops.recovery.stores.mariadb.session import Session, is_gone, literal, number_of, quoted
from pytest_devsecops.recovery.stores.moment import KIND, told
from pytest_devsecops.recovery.stores.serving import Program, give, held_in
from pytest_devsecops.recovery.workspace import move_away, remove

_OPEN_TRANSACTIONS = """
select coalesce(p.user, ''), coalesce(left(t.trx_query, 80), '') from information_schema.innodb_trx t
join information_schema.processlist p on p.id = t.trx_mysql_thread_id where p.id <> connection_id()
"""


@dataclass(frozen=True, slots=True)
class Recipe:
    """What all instances of a store have in common.

    Attributes:
        product: ``mariadb`` or ``mysql``.
        program: the server's program.
        database: the store's database.
        settings: production's configuration.
        own: the password of the drill's own account.
        password: the password of ``root@localhost``.
        role: the account that backups run as; empty for root.
        role_password: its password.
    """

    product: str
    program: Program
    database: str
    settings: Mapping[str, str]
    own: str
    password: str
    role: str
    role_password: str


class MariaDBInstance:
    """A server in a folder of its own: ``data``, and ``s`` for its socket.

    Args:
        folder: the folder.
        recipe: what all instances of the store have in common.
    """

    def __init__(self, folder: Path, recipe: Recipe) -> None:
        self.folder = folder
        self._recipe = recipe
        self.server = Server(recipe.program, recipe.product, folder / "data", folder / "s", recipe.own, recipe.settings)
        self._ledger: contextlib.ExitStack | None = None
        self._writer: Session | None = None
        self._growth = 0
        #: How it is known that a physical restore brought files of no one moment.
        self._torn = ""

    def access(self, *, role: bool) -> Access:
        """Return the usual variables, and a ``.my.cnf``, because the clients ignore half of them."""
        server, recipe = self.server, self._recipe
        user, password = (recipe.role, recipe.role_password) if role and recipe.role else ("root", recipe.password)
        fields = {
            "host": "127.0.0.1",
            "port": str(server.port),
            "user": user,
            "password": password,
            "dbname": recipe.database,
            "path": str(server.data),
            "socket": str(server.socket),
        }
        variables = {
            "MYSQL_HOST": fields["host"],
            "MYSQL_TCP_PORT": fields["port"],
            "MYSQL_PORT": fields["port"],
            "MYSQL_UNIX_PORT": fields["socket"],
            "MYSQL_USER": user,
            "MYSQL_PASSWORD": password,
            "MYSQL_PWD": password,
            "MYSQL_DATABASE": recipe.database,
            "MYSQL_DATA": fields["path"],
        }
        lines = [f"{name}={fields[name]}" for name in ("user", "host", "port", "socket")]
        lines.append(f'password="{password}"')
        home = "\n".join(["[client]", *lines, ""])
        folders = (str(server.program.folder),)
        return Access(variables, fields, {".my.cnf": home}, folders, (server.port,), own_home=True)

    def finish(self, until: Mapping[str, str]) -> None:
        """Start the server over what a physical restore has put into the data directory."""
        if until:
            raise RecoveryError(
                "the server has no recovery target of its own",
                remedy="let the restore replay the binary log up to it (mariadb-binlog --stop-datetime), without until=",
            )
        if self.server.running:
            self._let_us_in()
            return
        if not held_in(self.server.data):
            raise RecoveryError("the data directory is empty", remedy="let the restore fill $MYSQL_DATA")
        give(self.server.data)
        self.server.start(self.server.own_account())
        # A prepared backup and a server that was shut down have nothing to recover. Without that, files that
        # were copied one after the other start all the same, and what is missing is luck.
        if self.server.has_recovered:
            self._torn = "files of a running server were copied, or mariadb-backup was not told to --prepare them"

    def snapshot(self) -> Snapshot:
        """Return definitions, accounts, next values, and the fingerprint of every table."""
        with self.server.connect() as session:
            known = {account_name(user, host) for user, host, role in accounts(session) if not role}
            definitions = Definitions(session, self._recipe.database, known)
            things = {**definitions.read(), **read_accounts(session), KIND: told("of the server", self._torn)}
            containers: dict[str, Rows] = {}
            damage: list[str] = []
            unread: list[str] = []
            tables = rows.tables(session)
            for table in tables:
                name = definitions.name(table.database, table.name)
                if table.engine == rows.MEMORY:
                    continue
                if table.engine in rows.ELSEWHERE:
                    unread.append(f"{name} is of the engine {table.engine}: its rows are not in this server")
                    continue
                try:
                    containers[name] = rows.fingerprint(session, table)
                except RecoveryError as error:
                    if is_gone(error):
                        raise
                    damage.append(f"{name} cannot be read: {error.message}")
            damage.extend(problems(session, [one for one in tables if one.engine not in rows.ELSEWHERE]))
            size = session.value("select sum(data_length + index_length) from information_schema.tables")
            facts = {self._recipe.product: str(session.value("select version()"))}
        return Snapshot(things, containers, tuple(damage), facts, int(size or 0), tuple(unread))

    def read_rows(self, container: str) -> Iterator[Row]:
        """Return the rows of a table in the order of their keys."""
        with self.server.connect() as session:
            definitions = Definitions(session, self._recipe.database, set())
            named = {definitions.name(one.database, one.name): one for one in rows.tables(session)}
            table = named.get(container)
            if table is None:
                raise RecoveryError(f"there is no table {container}")
            yield from rows.read_rows(session, table)

    def probe(self) -> None:
        """Write a row into a table of our own, durably, and read it back."""
        with self.server.connect(self._recipe.database) as session:
            session.rows(f"create table if not exists {rows.PROBE}(n int) engine = InnoDB")
            session.rows(f"insert into {rows.PROBE} values (1)")
            if session.value(f"select n from {rows.PROBE} limit 1") != "1":
                raise RecoveryError("what was written cannot be read")

    def behaviours(self) -> Behaviours:
        """Try next ids, refused accounts and references."""
        with self.server.connect(self._recipe.database) as session:
            return try_behaviours(session)

    def grow(self) -> None:
        """Copy every table once more under another name."""
        self._growth += 1
        with self.server.connect() as session:
            for number, table in enumerate(rows.tables(session)):
                copy = f"`{table.database.replace('`', '``')}`.devsecops_copy_{self._growth}_{number}"
                session.rows(f"create table {copy} as select * from {table.quoted}")

    def open_ledger(self, nonce: str) -> None:
        """Make the ledger's table in the store's database."""
        self._ledger = contextlib.ExitStack()
        self._writer = self._ledger.enter_context(self.server.connect(self._recipe.database))
        self._writer.rows(
            f"create table {rows.LEDGER}(number bigint primary key, nonce varchar(40) not null) engine = InnoDB"
        )
        self._writer.rows(f"insert into {rows.LEDGER} values (-1, {literal(nonce)})")

    def write_ledger(self, number: int) -> None:
        """Insert one entry; with autocommit it is acknowledged when this returns."""
        if self._writer is None:
            raise RecoveryError("the ledger is not open")
        self._writer.rows(f"insert into {rows.LEDGER} values ({number}, '')")

    def read_ledger(self) -> LedgerState:
        """Return the entries; none if the procedure did not bring the table."""
        try:
            with self.server.connect(self._recipe.database) as session:
                found = session.rows(f"select number, nonce from {rows.LEDGER}")
        except RecoveryError:
            # The procedure may leave our table out; damage to the rest is told by the snapshot.
            return LedgerState(None, frozenset())
        numbers = {int(number): str(nonce) for number, nonce in found}
        return LedgerState(numbers.pop(-1, None), frozenset(numbers))

    def lose(self) -> None:
        """Kill it without warning and move the files out of reach."""
        self.server.kill()
        self._close_ledger()
        self.folder = move_away(self.folder)
        self.server.data, self.server.run = self.folder / "data", self.folder / "s"

    def revive(self) -> None:
        """Start it over what it left, recovered from its log, for reading."""
        if not self.server.running:
            # The server's own user has to come in.
            self.folder.parent.chmod(0o711)
            shutil.rmtree(self.server.run, ignore_errors=True)
            self.server.start()

    def rest(self) -> None:
        """Stop it cleanly."""
        self._close_ledger()
        self.server.stop()

    def close(self) -> None:
        """Kill it and remove its files."""
        self.server.kill()
        self._close_ledger()
        remove(self.folder)

    def refuse_open_transactions(self) -> None:
        """Refuse to copy a database that somebody still writes to.

        Raises:
            RecoveryError: with the remedy.
        """
        with self.server.connect() as session:
            found = session.rows(_OPEN_TRANSACTIONS)
        if found:
            raise RecoveryError(
                f"a connection of the preparation is still inside a transaction: {' '.join(map(str, found[0])).strip()}",
                remedy="commit and close it in prepare=; a test framework's rollback isolation cannot be backed up",
            )

    def fill_empty_tables(self, meant: Callable[[str], bool]) -> list[tuple[str, str]]:
        """Put generated rows into tables that are not ``meant`` to be empty; return those that stayed so, with the reason."""
        with self.server.connect(self._recipe.database) as session:
            names = Definitions(session, self._recipe.database, set())
            found = fill_empty_tables(session, lambda one: meant(names.name(one.database, one.name)))
            return [(names.name(one.database, one.name), why) for one, why in found]

    @contextlib.contextmanager
    def open_tables(self) -> Iterator[MariaDBTables]:
        """Open the server for generated rows."""
        with self.server.connect(self._recipe.database) as session:
            yield MariaDBTables(session, self._recipe.database)

    def evolve(self, number: int) -> str:
        """Change the schema as a migration might."""
        with self.server.connect(self._recipe.database) as session:
            statement = migration(number, *MariaDBTables(session, self._recipe.database).indexable())
            session.rows(statement)
        return statement

    def checkpoint(self) -> None:
        """Write what is in the logs to the files, and begin new ones."""
        with self.server.connect() as session:
            for what in ("tables", "engine logs", "binary logs"):
                session.rows(f"flush {what}")

    def in_memory(self) -> list[str]:
        """Return the tables whose rows no restart keeps."""
        with self.server.connect() as session:
            names = Definitions(session, self._recipe.database, set())
            return [names.name(one.database, one.name) for one in rows.tables(session) if one.engine == rows.MEMORY]

    def _let_us_in(self) -> None:
        """Make our own account again if a restore replaced the accounts without it."""
        try:
            with self.server.connect() as session:
                session.rows("select count(*) from mysql.user")
                session.rows(f"create table if not exists {quoted(self._recipe.database)}.{rows.PROBE}(n int)")
        except RecoveryError as error:
            if number_of(error) not in DENIED:
                # The database may be missing, which the snapshot tells.
                return
            self.server.stop()
            self.server.start(self.server.own_account())

    def _close_ledger(self) -> None:
        if self._ledger is not None:
            self._ledger.close()
            self._ledger = self._writer = None
