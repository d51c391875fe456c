"""One SQLite file that a drill owns."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from pytest_devsecops.core.findings import Finding
from pytest_devsecops.recovery.likeness import Twin
from pytest_devsecops.recovery.model import Access, Behaviours, LedgerState, RecoveryError, Row, Snapshot
from pytest_devsecops.recovery.stores.evolving import migration
from pytest_devsecops.recovery.stores.sqlite import filling, reading
from pytest_devsecops.recovery.stores.sqlite.populating import SQLiteTables
from pytest_devsecops.recovery.workspace import move_away

OnConnect = Callable[[sqlite3.Connection], object]

_BUSY_SECONDS = 10.0
#: What SQLite says of a schema that needs what an application brings: collations, functions, modules.
_UNKNOWN = ("no such collation sequence", "unknown function", "no such function", "no query solution")
_GROWING, _PAGE = 500, 4096


class SQLiteInstance:
    """A folder with one SQLite file.

    Args:
        folder: a folder of its own.
        filename: the file's name in it.
        variable: the environment variable that tells the file's path.
        on_connect: what the application does with every connection before it uses it.
    """

    def __init__(self, folder: Path, filename: str, variable: str, on_connect: OnConnect | None = None) -> None:
        self.folder = folder
        self._filename = filename
        self._variable = variable
        self._on_connect = on_connect
        self._writer: sqlite3.Connection | None = None
        self._growth = 0

    @property
    def path(self) -> Path:
        """Where the file is now."""
        return self.folder / self._filename

    @property
    def version(self) -> str:
        """The library's version."""
        return sqlite3.sqlite_version

    def access(self, *, role: bool) -> Access:  # noqa: ARG002 - a file knows no roles
        """Return the path, as a variable and as the field ``{path}``."""
        return Access(variables={self._variable: str(self.path)}, fields={"path": str(self.path)})

    def finish(self, until: Mapping[str, str]) -> None:
        """Check that there is a file now."""
        if until:
            raise RecoveryError("SQLite has no point-in-time recovery", remedy="remove until= from the procedure")
        if not self.path.is_file():
            raise RecoveryError(f"there is no file at {self._variable}", remedy="let the restore write the file there")

    def snapshot(self) -> Snapshot:
        """Return tables with their rows, definitions, next values, and the pragmas kept in the file."""
        with self._reading() as connection:
            return reading.snapshot(connection, self.path)

    def snapshot_beside(self, twin: Twin) -> Snapshot:
        """Return the same; rows that are proven to be those of the twin are not hashed again."""
        if not isinstance(twin.instance, SQLiteInstance):
            return self.snapshot()
        with self._reading() as connection:
            return reading.snapshot(connection, self.path, (twin.instance.path, twin.snapshot))

    def read_rows(self, container: str) -> Iterator[Row]:
        """Return a table's rows in the order of their keys."""
        with self._reading() as connection:
            yield from reading.rows(connection, container)

    def probe(self) -> None:
        """Write a row into a table of our own, durably, and read it back."""
        try:
            with contextlib.closing(self._connect()) as connection:
                connection.execute("create table if not exists devsecops_probe(n integer)")
                connection.execute("insert into devsecops_probe values (1)")
                connection.commit()
                connection.execute("select n from devsecops_probe").fetchone()
        except sqlite3.Error as error:
            raise RecoveryError(f"cannot be read and written: {error}") from error

    def behaviours(self) -> Behaviours:
        """Try whether the next automatic ids are free and the references hold."""
        with self._reading() as connection:
            findings: list[Finding] = []
            tried = 0
            for table, free in reading.next_ids(connection):
                tried += 1
                if not free:
                    message = f"the next insert into {table} would get an id that exists already"
                    findings.append(
                        Finding("next-id-taken", f"sequence:{table}", message, fix="restore sqlite_sequence")
                    )
            # Whether references hold is part of the snapshot, where those that were broken before can be told.
            return Behaviours(tried + len(reading.tables(connection)), tuple(findings))

    def grow(self) -> None:
        """Copy every table once more under another name."""
        self._growth += 1
        with contextlib.closing(self._connect()) as connection:
            for table in reading.tables(connection):
                copy = reading.quoted(f"{table}_devsecops_copy_{self._growth}")
                connection.execute(f"create table {copy} as select * from {reading.quoted(table)}")
            connection.commit()

    def open_ledger(self, nonce: str) -> None:
        """Make the ledger's table, with the nonce in the file itself rather than in its log."""
        with contextlib.closing(self._connect()) as connection:
            connection.execute(f"drop table if exists {reading.LEDGER}")
            connection.execute(f"create table {reading.LEDGER}(number integer primary key, nonce text, page blob)")
            connection.execute(f"insert into {reading.LEDGER} values (-1, ?, null)", (nonce,))
            connection.commit()

    def write_ledger(self, number: int) -> None:
        """Insert one entry and commit; the connection stays open, as an application's would.

        The first entries take a page each, so that the file grows: a copy whose parts come from different
        moments then holds pages that its header does not know, or the other way round.
        """
        if self._writer is None:
            # Used by one thread at a time: the ledger's, or the drill's while that one is not running.
            self._writer = self._connect(check_same_thread=False)
        with self._writer:
            statement = (
                f"insert into {reading.LEDGER} values (:number, '', iif(:number < {_GROWING}, zeroblob({_PAGE}), null))"
            )
            self._writer.execute(statement, {"number": number})

    def read_ledger(self) -> LedgerState:
        """Return the entries; none if the procedure did not bring the table."""
        try:
            with self._reading() as connection:
                found = connection.execute(f"select number, nonce from {reading.LEDGER}").fetchall()
        except (sqlite3.Error, RecoveryError):
            # The procedure may leave our table out; damage to the rest is told by the snapshot.
            return LedgerState(None, frozenset())
        nonce = next((text for number, text in found if number == -1), None)
        return LedgerState(nonce, frozenset(number for number, _ in found if number >= 0), prefix=True)

    def lose(self) -> None:
        """Move the files away under a live connection, as a host that dies does not check-point."""
        self.folder = move_away(self.folder)
        self.rest()

    def revive(self) -> None:
        """Nothing to do: the moved files can be read."""

    def rest(self) -> None:
        """Close our own connection."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def close(self) -> None:
        """Remove the files."""
        self.rest()
        shutil.rmtree(self.folder, ignore_errors=True)

    def refuse_open_transactions(self) -> None:
        """Refuse to copy a file that somebody still writes to.

        Raises:
            RecoveryError: if a transaction is open, with the remedy.
        """
        try:
            with contextlib.closing(sqlite3.connect(self.path, timeout=0)) as connection:
                connection.execute("begin exclusive" if _is_rollback(connection) else "begin immediate")
                connection.rollback()
        except sqlite3.Error as error:
            raise RecoveryError(
                f"a connection of the preparation is still inside a transaction: {error}",
                remedy="commit and close it in prepare=; a test framework's rollback isolation cannot be backed up",
            ) from error

    def files_beside(self) -> list[str]:
        """Return the files in the database's folder that are no part of it, such as attached databases."""
        own = {self._filename + suffix for suffix in ("", "-wal", "-shm", "-journal")}
        return sorted(path.name for path in self.folder.iterdir() if path.name not in own)

    @contextlib.contextmanager
    def open_tables(self) -> Iterator[SQLiteTables]:
        """Open the file for generated rows."""
        with contextlib.closing(self._connect()) as connection:
            yield SQLiteTables(connection)

    def evolve(self, number: int) -> str:
        """Change the schema as a migration might."""
        with contextlib.closing(self._connect()) as connection:
            first = next((one for one in SQLiteTables(connection).tables() if one.columns), None)
            column = reading.quoted(first.columns[0].name) if first else ""
            statement = migration(number, reading.quoted(first.name) if first else "", column)
            connection.execute(statement)
            connection.commit()
        return statement

    def checkpoint(self) -> None:
        """Copy the write-ahead log into the file; nothing to do without one."""
        with contextlib.closing(self._connect()) as connection:
            connection.execute("pragma wal_checkpoint(truncate)").fetchall()

    def fill_empty_tables(self, meant: Callable[[str], bool]) -> list[tuple[str, str]]:
        """Put generated rows into tables that are not ``meant`` to be empty; return those that stayed so, with the reason."""
        with self._reading() as connection:
            return filling.fill_empty_tables(connection, meant)

    def _connect(self, *, check_same_thread: bool = True) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=_BUSY_SECONDS, check_same_thread=check_same_thread)
        if self._on_connect is not None:
            try:
                self._on_connect(connection)
            except Exception as error:
                connection.close()
                raise RecoveryError(
                    f"on_connect= failed: {type(error).__name__}: {error}",
                    remedy="let it register collations and functions on the connection that it gets",
                ) from error
        return connection

    @contextlib.contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        if not self.path.is_file():
            raise RecoveryError("there is no database file", remedy="let the restore write it where it is told to")
        try:
            with contextlib.closing(self._connect()) as connection:
                reading.prepare(connection)
                yield connection
        except sqlite3.Error as error:
            raise RecoveryError(f"SQLite refuses the file: {error}", remedy=_remedy(error)) from error


def _remedy(error: sqlite3.Error) -> str:
    if any(words in str(error) for words in _UNKNOWN):
        return "the schema needs what only the application knows: sqlite(on_connect=…) registers it on every connection"
    return "restore from an intact artefact"


def _is_rollback(connection: sqlite3.Connection) -> bool:
    return str(connection.execute("pragma journal_mode").fetchone()[0]) != "wal"
