"""One PostgreSQL cluster that a drill owns."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from pytest_devsecops.recovery.likeness import Twin
from pytest_devsecops.recovery.model import Access, Behaviours, LedgerState, RecoveryError, Row, Snapshot
from pytest_devsecops.recovery.stores.evolving import migration
from pytest_devsecops.recovery.stores.moment import KIND, told
from pytest_devsecops.recovery.stores.postgresql import moment, rows, tablespaces
from pytest_devsecops.recovery.stores.postgresql.binaries import Binaries
from pytest_devsecops.recovery.stores.postgresql.ledgering import LedgerTable, write_and_read
from pytest_devsecops.recovery.stores.postgresql.populating import PostgreSQLTables
from pytest_devsecops.recovery.stores.postgresql.rechecking import misbehaving, try_everything
from pytest_devsecops.recovery.stores.postgresql.server import SUPERUSER, Server, driver
from pytest_devsecops.recovery.stores.postgresql.snapshotting import Layout, Snapshooter
from pytest_devsecops.recovery.stores.serving import give, held_in
from pytest_devsecops.recovery.workspace import move_away, remove

_RECOVERY_SECONDS = 600.0
_OPEN_TRANSACTIONS = """
select coalesce(application_name, '') || ' ' || coalesce(left(query, 80), '') from pg_catalog.pg_stat_activity
where backend_type = 'client backend' and pid <> pg_backend_pid() and xact_start is not null
"""


class PostgreSQLInstance:
    """A cluster in a folder of its own: ``data`` and ``s`` for its socket.

    Args:
        folder: the folder.
        binaries: the server's programs.
        database: the store's database.
        role: the role that procedures run as; empty for the superuser.
        password: the superuser's password.
        archive: whether configured archiving stays on.
        known: subjects of what already misbehaves in the prepared store, which no procedure can mend.
    """

    def __init__(
        self,
        folder: Path,
        binaries: Binaries,
        database: str,
        *,
        role: str,
        password: str,
        archive: bool,
        known: frozenset[str] = frozenset(),
    ) -> None:
        self.folder = folder
        self._database = database
        self._role = role
        self._known = known
        self._physical = self._torn = False
        #: Whether its files may be those of another copy; a logical restore writes them anew.
        self._copied = True
        self.server = Server(binaries, folder / "data", folder / "s", password, archive=archive, role=role)
        #: Tablespaces outside of the data directory, which all copies of the cluster have at the same paths.
        self.places: tablespaces.Places = {}
        self.stowed: tablespaces.Places = {}
        #: Whether ``prepare`` made everything in it, so that what lies outside of it is ours as well.
        self.prepared = False
        self._ledger = LedgerTable(self.server, database)
        self._lost = False
        self._growth = 0
        #: Where the rows of each database were kept when they were last read.
        self.layout = Layout(folder / "data")

    def access(self, *, role: bool) -> Access:
        """Return the usual variables of libpq; TCP is offered through the fields of ``env=``."""
        server = self.server
        user = self._role if role and self._role else SUPERUSER
        return Access(
            variables={
                "PGHOST": str(server.sockets),
                "PGPORT": str(server.port),
                "PGUSER": user,
                "PGDATABASE": self._database,
                "PGDATA": str(server.data),
            },
            fields={
                "host": "127.0.0.1",
                "port": str(server.port),
                "user": user,
                "password": server.password,
                "dbname": self._database,
                "path": str(server.data),
                "socket": str(server.sockets),
            },
            home_files={".pgpass": f"*:{server.port}:*:{user}:{server.password}\n"},
            path=(str(server.binaries.folder),),
            ports=(server.port,),
        )

    def finish(self, until: Mapping[str, str]) -> None:
        """Start the server over what a physical restore has put into the data directory."""
        if self.server.running:
            if until:
                raise RecoveryError("a logical restore has no recovery target", remedy='say kind="physical"')
            self._copied = False
            return
        self._physical = True
        data = self.server.data
        if not (data / "PG_VERSION").is_file():
            held = "has no PG_VERSION" if held_in(data) else "is empty"
            raise RecoveryError(
                f"the data directory {held}", remedy="let the restore fill $PGDATA itself, not a folder in it"
            )
        if (data / "standby.signal").exists():
            raise RecoveryError(
                "it is a standby (standby.signal), which never accepts writes",
                remedy="let the restore remove standby.signal, or name recovery.signal if it has to read an archive",
            )
        self._torn = moment.copied_while_running(data)
        if until:
            (data / "recovery.signal").touch()
        give(data)
        # Where the restore put parts of the cluster outside of it, as root perhaps; nowhere else.
        ours = {*self.places.values(), *tablespaces.outside_places(data).values()}
        for place in ours:
            if place in self.places.values() or place.resolve().is_relative_to(self.folder.parents[1]):
                tablespaces.give_parts(place)
        extra = {f"recovery_target_{name}": value for name, value in until.items() if name != "immediate"}
        if "immediate" in until:
            extra["recovery_target"] = "immediate"
        # A server that waits at its target for somebody to promote it would wait for ever.
        self.server.start({**extra, "recovery_target_action": "promote"}, patience=_RECOVERY_SECONDS)

    def snapshot(self) -> Snapshot:
        """Return the catalogs of the cluster and of every database, next values, and all rows' fingerprints."""
        return self._with_moment(Snapshooter(self.server, self._database, self.layout).take())

    def snapshot_beside(self, twin: Twin) -> Snapshot:
        """Return the same; a table whose files are those of the twin has the twin's fingerprint."""
        other = None
        if self._copied and isinstance(twin.instance, PostgreSQLInstance):
            other = (twin.instance.layout, twin.snapshot)
        return self._with_moment(Snapshooter(self.server, self._database, self.layout, other).take())

    def _with_moment(self, taken: Snapshot) -> Snapshot:
        torn = "a running server's files were copied, without backup_label" if self._torn else ""
        return replace(taken, things={**taken.things, KIND: told("of the cluster", torn)})

    def read_rows(self, container: str) -> Iterator[Row]:
        """Return the rows of a table in the order of their keys.

        Raises:
            RecoveryError: if it cannot be read, or is unlogged and the server died: its rows died with it.
        """
        return self.read_rows_by(container, ())

    def read_rows_by(self, container: str, identity: tuple[str, ...]) -> Iterator[Row]:
        """Return the same, told apart by the columns ``identity`` where the table has them."""
        database, _, table = container.rpartition(":") if ":" in container else (self._database, "", container)
        try:
            with self.server.connect(database or self._database) as connection:
                if table == rows.LARGE_OBJECTS:
                    yield from rows.read_large_objects(connection)
                    return
                known = rows.tables(connection).get(table)
                if self._lost and known and known.unlogged:
                    raise RecoveryError("the table is unlogged, so its rows died with the source")
                yield from rows.read_rows(connection, table, identity)
        except driver().Error as error:
            raise RecoveryError(str(error).strip()) from error

    def probe(self) -> None:
        """Write a row into a table of our own, durably, and read it back."""
        write_and_read(self.server, self._database)

    def behaviours(self) -> Behaviours:
        """Try next ids, refused roles and references; check constraints, collations and indexes again."""
        found = try_everything(self.server, self._database, physical=self._physical, proven=self.layout.proven)
        return Behaviours(found.tried, tuple(one for one in found.findings if one.subject not in self._known))

    def misbehaves(self) -> frozenset[str]:
        """Return the subjects of what does not behave; unlike ``behaviours`` it changes nothing."""
        return misbehaving(self.server, self._database)

    def grow(self) -> None:
        """Copy every table once more under another name."""
        self._growth += 1
        with self.server.connect(self._database) as connection:
            for number, table in enumerate(rows.tables(connection)):
                schema = connection.execute(
                    "select relnamespace::regnamespace::text from pg_catalog.pg_class where oid = %s::regclass",
                    (table,),
                ).fetchone() or ("public",)
                connection.execute(f"create table {schema[0]}.devsecops_copy_{self._growth}_{number} as table {table}")

    @contextlib.contextmanager
    def open_tables(self) -> Iterator[PostgreSQLTables]:
        """Open the database for generated rows, with its own settings."""
        with contextlib.closing(self.server.connect(self._database, pinned=False)) as connection:
            yield PostgreSQLTables(connection)

    def evolve(self, number: int) -> str:
        """Change the schema as a migration might."""
        with contextlib.closing(self.server.connect(self._database, pinned=False)) as connection:
            usual = ("integer", "text", "uuid", "date")
            found = [
                (one.name, next((column.name for column in one.columns if column.domain in usual), ""))
                for one in PostgreSQLTables(connection).tables()
            ]
            statement = migration(number, *(found[0] if found else ("", "")))
            connection.execute(statement.encode())
        return statement

    def checkpoint(self) -> None:
        """Write what is in the log to the files."""
        with contextlib.closing(self.server.connect(self._database)) as connection:
            connection.execute("checkpoint")

    def open_ledger(self, nonce: str) -> None:
        """Make the ledger's table where a procedure that is bound to one schema would find it."""
        self._ledger.open(nonce)

    def write_ledger(self, number: int) -> None:
        """Insert one entry; with autocommit it is acknowledged when this returns."""
        self._ledger.write(number)

    def read_ledger(self) -> LedgerState:
        """Return the entries; none if the procedure did not bring the table."""
        return self._ledger.read()

    def lose(self) -> None:
        """Kill every process without warning and move the files out of reach."""
        self.server.kill()
        self._ledger.close()
        self.folder = move_away(self.folder)
        self.server.data = self.layout.data = self.folder / "data"
        self.server.sockets = self.folder / "s"
        tablespaces.stow(self.server.data, self.folder / "tablespaces", self.places)
        self.places = {}
        self._lost = True

    def revive(self) -> None:
        """Start it over what it left, recovered from its log, for reading."""
        if not self.server.running:
            # The server's own user has to come in.
            self.folder.parent.chmod(0o711)
            (self.server.data / "postmaster.pid").unlink(missing_ok=True)
            shutil.rmtree(self.server.sockets, ignore_errors=True)
            self.server.start({"archive_mode": "off"})

    def rest(self) -> None:
        """Stop it cleanly, and leave the paths of its tablespaces to its copies."""
        self._ledger.close()
        self.server.stop()
        if not self.stowed:
            self.stowed = tablespaces.outside_places(self.server.data)
            tablespaces.stow(self.server.data, self.folder / "tablespaces", self.stowed)

    def take_place_of(self, template: PostgreSQLInstance) -> None:
        """Put copies of a resting template's tablespaces to their paths, for this copy of it."""
        tablespaces.put_copies(self.server.data, template.folder / "tablespaces", template.stowed)
        # Only now: what was there before us is not ours to clear.
        self.places = template.stowed

    def close(self) -> None:
        """Kill it and remove its files."""
        self._ledger.close()
        self.server.kill()
        if self.prepared and not self.stowed:
            self.places = tablespaces.outside_places(self.server.data)
        tablespaces.clear(self.places)
        remove(self.folder)

    def refuse_open_transactions(self) -> None:
        """Refuse to copy a database that somebody still writes to.

        Raises:
            RecoveryError: with the remedy.
        """
        with self.server.connect(self._database) as connection:
            found = connection.execute(_OPEN_TRANSACTIONS).fetchone()
        if found:
            raise RecoveryError(
                f"a connection of the preparation is still inside a transaction: {found[0].strip()}",
                remedy="commit and close it in prepare=; a test framework's rollback isolation cannot be backed up",
            )
