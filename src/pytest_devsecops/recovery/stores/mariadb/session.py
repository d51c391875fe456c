"""One connection for reading: every value as text or bytes, everything pinned that changes how values are written."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from pytest_devsecops.core.errors import MissingExtraError
from pytest_devsecops.recovery.model import RecoveryError

if TYPE_CHECKING:
    import pymysql.connections

#: A result's row: text, bytes for binary columns, or None.
Cells = tuple[Any, ...]

_PINNED = {
    "time_zone": "'+00:00'",
    "sql_mode": "''",
    "sql_quote_show_create": "1",
    "group_concat_max_len": "1048576",
    "max_sort_length": "131072",
    "sort_buffer_size": "16777216",
    "transaction_isolation": "'REPEATABLE-READ'",
    "lock_wait_timeout": "30",
    "innodb_lock_wait_timeout": "30",
    "sql_select_limit": "default",
}
#: Errors after which a whole snapshot makes no sense: the server has gone.
_NO_SOCKET = 2002
_CONNECT_SECONDS = 10.0
_GONE = frozenset({2000, 2002, 2003, 2006, 2013, 2055})


class Session:
    """A connection to one server.

    Args:
        connection: the open connection.
    """

    def __init__(self, connection: pymysql.connections.Connection[Any]) -> None:
        self._connection = connection

    def rows(self, statement: str) -> list[Cells]:
        """Run a statement and return its rows.

        Raises:
            RecoveryError: if the server refuses, with its number first.
        """
        return self._run(statement)[1]

    def named(self, statement: str) -> list[dict[str, str | None]]:
        """Return rows with the names of their columns; bytes are shown as text."""
        names, found = self._run(statement)
        return [{name: shown(value) for name, value in zip(names, row, strict=True)} for row in found]

    def value(self, statement: str) -> str | None:
        """Return the first value of the first row; None if there is none."""
        found = self.rows(statement)
        return shown(found[0][0]) if found else None

    def stream(self, statement: str) -> Iterator[Cells]:
        """Run a statement and return its rows as they come, flat in memory."""
        module = driver()
        cursor = self._connection.cursor(module.cursors.SSCursor)
        try:
            cursor.execute(statement)
            while (row := cursor.fetchone()) is not None:
                yield row
        except module.Error as error:
            raise refused(error) from error
        finally:
            cursor.close()

    def refusal(self, *statements: str) -> int:
        """Run statements inside a transaction that is undone; return the number of the error, 0 if they worked."""
        self.rows("start transaction")
        try:
            for one in statements:
                self.rows(one)
        except RecoveryError as error:
            return number_of(error)
        finally:
            self.rows("rollback")
        return 0

    def _run(self, statement: str) -> tuple[list[str], list[Cells]]:
        module = driver()
        try:
            with self._connection.cursor() as cursor:
                cursor.execute(statement)
                return [column[0] for column in cursor.description or ()], list(cursor.fetchall())
        except module.Error as error:
            raise refused(error) from error


def driver() -> ModuleType:
    """Return the module pymysql.

    Raises:
        MissingExtraError: if it is not installed.
    """
    try:
        import pymysql
        import pymysql.cursors
    except ImportError:
        raise MissingExtraError("the MariaDB store", "mariadb") from None
    return pymysql


def open_connection(place: Path, user: str, password: str, database: str | None) -> pymysql.connections.Connection[Any]:
    """Connect over the Unix socket at ``place``, with everything pinned.

    Raises:
        RecoveryError: if the server does not let us in.
    """
    module = driver()
    # The driver itself leaves a socket open that did not connect.
    wire = socket.socket(socket.AF_UNIX)
    try:
        wire.settimeout(_CONNECT_SECONDS)
        wire.connect(str(place))
    except OSError as error:
        wire.close()
        raise RecoveryError(f"the server refuses: {_NO_SOCKET}: {error}") from error
    try:
        # Without the converters from text, what the server wrote is what is compared.
        encoders = {kind: one for kind, one in module.converters.conversions.items() if not isinstance(kind, int)}
        connection: pymysql.connections.Connection[Any] = module.Connection(
            user=user,
            password=password,
            database=database,
            unix_socket=str(place),
            charset="utf8mb4",
            autocommit=True,
            conv=encoders,
            defer_connect=True,
        )
        connection.connect(wire)
        with connection.cursor() as cursor:
            for name, value in _PINNED.items():
                pin(cursor, name, value)
    except module.Error as error:
        raise refused(error) from error
    return connection


def pin(cursor: Any, name: str, value: str) -> None:  # noqa: ANN401 - a cursor of the driver
    """Set a variable of the session; one that this server does not know changes nothing in it."""
    module = driver()
    try:
        cursor.execute(f"set session {name} = {value}")
    except module.Error as error:
        if error.args[0] != _UNKNOWN_VARIABLE:
            raise


_UNKNOWN_VARIABLE = 1193


def refused(error: Exception) -> RecoveryError:
    """Return the driver's error as ours."""
    text = f"{error.args[0]}: {error.args[1]}" if len(error.args) > 1 else str(error)
    return RecoveryError(f"the server refuses: {text}")


def number_of(error: RecoveryError) -> int:
    """Return the server's number of an error; 0 if it has none."""
    found = re.search(r"the server refuses: (\d+):", error.message)
    return int(found[1]) if found else 0


def is_gone(error: RecoveryError) -> bool:
    """Tell whether the server itself is gone, rather than one thing on it."""
    return number_of(error) in _GONE or number_of(error) == 0


def quoted(name: str) -> str:
    """Return an identifier, quoted."""
    return "`" + name.replace("`", "``") + "`"


def literal(text: str) -> str:
    """Return a text as a literal that means the same under every ``sql_mode``."""
    return f"x'{text.encode().hex()}'" if text else "''"


def shown(value: object) -> str | None:
    """Return a value as text."""
    return (
        value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else None if value is None else str(value)
    )
