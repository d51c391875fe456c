"""The ledger's table, and the probe's: the only tables of ours in a database that is not ours."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Any

from pytest_devsecops.recovery.model import LedgerState, RecoveryError
from pytest_devsecops.recovery.stores.postgresql.reading import LEDGER, PROBE
from pytest_devsecops.recovery.stores.postgresql.server import Server, driver

if TYPE_CHECKING:
    import psycopg

#: The owner of most tables beside it, whom the procedure has to know anyway; our table must bring no new name.
_PLACE = """
select quote_ident(n.nspname), coalesce((
    select quote_ident(r.rolname) from pg_catalog.pg_class c join pg_catalog.pg_roles r on r.oid = c.relowner
    where c.relnamespace = n.oid and c.relkind in ('r', 'p') group by r.rolname order by count(*) desc, 1 limit 1), current_user)
from pg_catalog.pg_namespace n where n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
order by n.nspname <> 'public', n.nspname limit 1
"""
_GROWING, _HALF_PAGE, _CHECKPOINT = 500, 3800, 8
_FIND = "select c.oid::regclass::text from pg_catalog.pg_class c where c.relname = %s and c.relkind = 'r'"


class LedgerTable:
    """The ledger of one database.

    Args:
        server: the server, which need not run yet.
        database: the database's name.
    """

    def __init__(self, server: Server, database: str) -> None:
        self._server = server
        self._database = database
        self._connection: psycopg.Connection[Any] | None = None
        self._table = ""

    def open(self, nonce: str) -> None:
        """Make the table where a procedure that is bound to one schema would find it."""
        connection = self._server.connect(self._database)
        # Replica: event triggers of the user are not for us.
        connection.execute("set session_replication_role = replica")
        try:
            schema, owner = place(connection)
            self._table = f"{schema}.{LEDGER}"
            connection.execute(f"create table {self._table}(number bigint primary key, nonce text)")
            connection.execute(f"alter table {self._table} alter nonce set storage plain")
            connection.execute(f"alter table {self._table} owner to {owner}")
            connection.execute(f"grant select on {self._table} to public")
            connection.execute(f"insert into {self._table} values (-1, %s)", (nonce,))
        except driver().Error as error:
            connection.close()
            # An event trigger that is always enabled, say.
            raise RecoveryError(
                f"the ledger of acknowledged writes cannot be made: {str(error).strip().splitlines()[0]}",
                remedy="ledger=False of the store does without, and probe= without a table of the drill's",
            ) from error
        self._connection = connection

    def write(self, number: int) -> None:
        """Insert one entry; with autocommit it is acknowledged when this returns.

        The first entries fill half a page each, and pages go to the files now and then as they do in
        production: a copy of files that change then is of no one moment, and shows it.
        """
        if self._connection is None:
            raise RecoveryError("the ledger is not open")
        fill = "x" * _HALF_PAGE if number < _GROWING else ""
        self._connection.execute(f"insert into {self._table} values (%s, %s)", (number, fill))
        if number % _CHECKPOINT == _CHECKPOINT - 1:
            self._connection.execute("checkpoint")

    def read(self) -> LedgerState:
        """Return the entries; none if the procedure did not bring the table."""
        module = driver()
        try:
            with self._server.connect(self._database) as connection:
                found = connection.execute(_FIND, (LEDGER,)).fetchone()
                entries = (
                    connection.execute(f"select number, left(nonce, 32) from {found[0]}").fetchall() if found else []
                )
        except (module.Error, RecoveryError):
            # The database is not there or does not answer, which the snapshot tells.
            return LedgerState(None, frozenset())
        nonce = next((text for number, text in entries if number == -1), None)
        return LedgerState(nonce, frozenset(number for number, _ in entries if number >= 0), prefix=True)

    def close(self) -> None:
        """Close the connection; safe to call twice."""
        if self._connection is not None:
            with contextlib.suppress(driver().Error, os.error):
                self._connection.close()
            self._connection = None


def write_and_read(server: Server, database: str) -> None:
    """Write a row into a table of our own, durably, and read it back.

    Raises:
        RecoveryError: if either fails.
    """
    module = driver()
    try:
        with server.connect(database) as connection:
            connection.execute("set session_replication_role = replica")
            connection.execute("set synchronous_commit = on")
            schema, _ = place(connection)
            connection.execute(f"create table if not exists {schema}.{PROBE}(n int)")
            connection.execute(f"insert into {schema}.{PROBE} values (1)")
            connection.execute(f"select n from {schema}.{PROBE}").fetchone()
    except module.Error as error:
        raise RecoveryError(f"cannot be read and written: {str(error).strip()}") from error


def place(connection: psycopg.Connection[Any]) -> tuple[str, str]:
    """Return the schema for a table of ours and its owner.

    Raises:
        RecoveryError: if there is no schema.
    """
    found = connection.execute(_PLACE).fetchone()
    if found is None:
        raise RecoveryError("the database has no schema at all", remedy="let prepare= make one")
    return str(found[0]), str(found[1])
