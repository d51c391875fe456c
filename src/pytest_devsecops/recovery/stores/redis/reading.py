"""The keys of a server: fingerprints, read in a streaming scan, and rows for a key-by-key comparison."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

from pytest_devsecops.recovery.model import Row, Rows
from pytest_devsecops.recovery.stores.redis.expiring import Expiring
from pytest_devsecops.recovery.stores.redis.values import digest_of, framed, parts

if TYPE_CHECKING:
    from redis import Redis

OWN_PREFIX = b"devsecops:"
LEDGER, PROBE = "devsecops:ledger", "devsecops:probe"
_PAGE = 500
#: Up to this many elements a value is fetched whole, together with those of other keys.
_SMALL = 100
_SHOWN_PARTS = 200
_MASK = (1 << 64) - 1
_SIZES = {"string": "STRLEN", "list": "LLEN", "set": "SCARD", "hash": "HLEN", "zset": "ZCARD"}
_SMALL_STRING = 4096
_WHOLE: dict[str, tuple[tuple[object, ...], tuple[object, ...]]] = {
    "string": (("GET",), ()),
    "list": (("LRANGE",), (0, 999)),
    "set": (("SMEMBERS",), ()),
    "hash": (("HGETALL",), ()),
    "zset": (("ZRANGE",), (0, 999, "WITHSCORES")),
}


class Cached:
    """A connection that has asked some questions already, all of a page in one turn.

    Args:
        client: the connection.
    """

    def __init__(self, client: Redis) -> None:
        self._client = client
        self._known: dict[tuple[object, ...], Any] = {}
        self._lasting: dict[tuple[object, ...], Any] = {}

    def execute_command(self, *command: object) -> Any:  # noqa: ANN401 - each command has its own shape
        """Return the answer, from memory if it is there."""
        if command in self._known:
            return self._known[command]
        if command[0] != "COMMAND":
            return self._client.execute_command(*command)  # type: ignore[no-untyped-call] # redis-py leaves this one method untyped
        if command not in self._lasting:
            self._lasting[command] = self._client.execute_command(*command)  # type: ignore[no-untyped-call] # see above
        return self._lasting[command]

    def ask(self, commands: list[tuple[object, ...]]) -> list[Any]:
        """Ask many questions in one turn and remember the answers until the next ``forget``."""
        pipeline = self._client.pipeline(transaction=False)
        pipeline.response_callbacks.clear()
        for command in commands:
            pipeline.execute_command(*command)  # type: ignore[no-untyped-call] # see above
        answers = pipeline.execute()
        self._known.update(zip(commands, answers, strict=True))
        return answers

    def forget(self) -> None:
        """Forget the answers of a page."""
        self._known.clear()


def databases(client: Redis) -> list[int]:
    """Return the numbers of the databases that hold keys."""
    text = client.execute_command("INFO", "keyspace").decode()  # type: ignore[no-untyped-call] # see above
    return sorted(int(line[2:].partition(":")[0]) for line in text.splitlines() if line.startswith("db"))


def fingerprint(client: Redis, database: int, now: int) -> tuple[Rows, Expiring]:
    """Return count and fingerprint of all keys of one database, and those of them that expire soon.

    A scan tells a key twice only while the server shrinks its table, so that keys are remembered, as
    digests, only if a first pass did not tell as many as there are.

    Args:
        client: a connection to that database.
        database: its number.
        now: milliseconds since the epoch.
    """
    seen = Expiring(now)
    rows, told = _summed(client, database, seen, None)
    if told != client.execute_command("DBSIZE"):  # type: ignore[no-untyped-call] # see above
        seen = Expiring(now)
        rows, _ = _summed(client, database, seen, set())
    return rows, seen


def _summed(client: Redis, database: int, seen: Expiring, once: set[bytes] | None) -> tuple[Rows, int]:
    count = total = own = 0
    for key, kind, expires, found in _values(client, once):
        if key.startswith(OWN_PREFIX):
            own += 1
            continue
        text = framed([key, kind.encode(), b"%d" % expires, b"%x" % found])
        mark = int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big")
        count, total = count + 1, (total + mark) & _MASK
        if expires >= 0:
            seen.add(database, expires, mark)
    return Rows(count, f"{total:016x}"), count + own


def read_rows(client: Redis, tolerance: float) -> Iterator[Row]:
    """Return the keys in the order of their bytes, each with its value in named parts.

    Args:
        client: a connection to one database.
        tolerance: seconds by which two expiries may differ and are still the same.
    """
    with closing(sqlite3.connect("")) as order:
        # A private file of SQLite's sorts any number of keys in little memory.
        order.execute("create table k(name blob primary key) without rowid")
        for page in pages(client):
            order.executemany(
                "insert or ignore into k values (?)", [(key,) for key in page if not key.startswith(OWN_PREFIX)]
            )
        for (key,) in order.execute("select name from k order by name"):
            row = _row(client, key, tolerance)
            if row is not None:
                yield row


def _row(client: Redis, key: bytes, tolerance: float) -> Row | None:
    cached = Cached(client)
    kind, expires = cached.execute_command("TYPE", key).decode(), cached.execute_command("PEXPIRETIME", key)
    if kind == "none":
        return None
    values: dict[str, str | None] = {"key": literal(key), "type": kind}
    found = list(parts(cached, key, kind))  # type: ignore[arg-type] # it answers like a connection
    if len(found) <= _SHOWN_PARTS:
        names = [
            f"element {literal(name)}" if kind == "set" else name.decode("utf-8", "backslashreplace")
            for name, _ in found
        ]
        values.update({name: literal(value) for name, (_, value) in zip(names, found, strict=True)})
    else:
        values.update({"parts": str(len(found)), "value": f"digest {digest_of(kind, found):x}"})
    values["expires"] = Expiry(expires, tolerance) if expires >= 0 else None
    return Row((key.decode("latin-1"),), values, ("key",))


class Expiry(str):
    """When a key expires, as text; two are the same if they are close enough.

    A procedure that keeps a time to live in milliseconds or seconds from now moves the moment by what
    the drill itself took, which nobody would call a loss.

    Args:
        moment: milliseconds since the epoch.
        tolerance: seconds.
    """

    __slots__ = ("moment", "tolerance")
    moment: int
    tolerance: float

    def __new__(cls, moment: int, tolerance: float) -> Self:
        """Make the text."""
        own = super().__new__(cls, datetime.fromtimestamp(moment / 1000, UTC).isoformat(timespec="milliseconds"))
        own.moment, own.tolerance = moment, tolerance
        return own

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Expiry):
            return False
        return abs(self.moment - other.moment) / 1000 <= max(self.tolerance, other.tolerance)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash("expiry")


def literal(value: bytes) -> str:
    """Return bytes as a message shows them: text where they are text, hexadecimal otherwise."""
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return f"x'{value.hex()}'"
    # Bits and counters that happen to be control characters could not be told apart.
    return f"'{text}'" if all(one.isprintable() or one in "\r\n\t" for one in text) else f"x'{value.hex()}'"


def _values(client: Redis, once: set[bytes] | None) -> Iterator[tuple[bytes, str, int, int]]:
    """Return key, type, expiry in milliseconds (-1 for none) and value's fingerprint of all keys."""
    cached = Cached(client)
    for told in pages(client):
        page = told if once is None else _new(told, once)
        answers = cached.ask([(name, key) for key in page for name in ("TYPE", "PEXPIRETIME")])
        kinds = {key: answers[2 * at].decode() for at, key in enumerate(page)}
        _fetch_small(cached, kinds)
        for at, key in enumerate(page):
            kind = kinds[key]
            # It expired since the scan told it.
            if kind != "none":
                yield key, kind, answers[2 * at + 1], digest_of(kind, parts(cached, key, kind))  # type: ignore[arg-type] # it answers like a connection
        cached.forget()


def _fetch_small(cached: Cached, kinds: dict[bytes, str]) -> None:
    sized = [(key, kind) for key, kind in kinds.items() if kind in _SIZES]
    sizes = cached.ask([(_SIZES[kind], key) for key, kind in sized])
    small = [
        (key, kind)
        for (key, kind), size in zip(sized, sizes, strict=True)
        if size <= (_SMALL_STRING if kind == "string" else _SMALL)
    ]
    cached.ask([(*_WHOLE[kind][0], key, *_WHOLE[kind][1]) for key, kind in small])


def _new(page: list[bytes], once: set[bytes]) -> list[bytes]:
    """Return the keys of a page that were not told before, and remember them."""
    marks = {hashlib.blake2b(key, digest_size=8).digest(): key for key in page}
    keys = [key for mark, key in marks.items() if mark not in once]
    once.update(marks)
    return keys


def pages(client: Redis, *options: str) -> Iterator[list[bytes]]:
    """Return all keys of a database, ours too, a page at a time; one may come twice."""
    cursor: bytes = b"0"
    while True:
        cursor, keys = client.execute_command("SCAN", cursor, "COUNT", _PAGE, *options)  # type: ignore[no-untyped-call] # see above
        yield keys
        if int(cursor) == 0:
            return
