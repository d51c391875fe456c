"""One key, read exactly: its type, its value in parts that have names, and when it expires.

``DUMP`` would be one command, but its bytes depend on the version and on the encoding that a server
chose. Parts are read a page at a time, so that a key of any size takes little memory.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from pytest_devsecops.recovery.model import RecoveryError

if TYPE_CHECKING:
    from redis import Redis

#: A part of a value: its name (a field, an index, a member) and its content.
Part = tuple[bytes, bytes]

_PAGE = 1000
_SLICE = 1 << 20
#: What DUMP puts behind a payload: two bytes of its version, eight of a checksum.
_FOOTER = 10
#: Types whose parts come in an order that means something; all others are sums.
ORDERED = frozenset({"string", "list", "stream"})


def parts(client: Redis, key: bytes, kind: str) -> Iterator[Part]:
    """Return the parts of a value of type ``kind``.

    Raises:
        RecoveryError: if the value cannot be read exactly.
    """
    reader = _READERS.get(kind)
    yield from reader(client, key) if reader else _dumped(client, key, kind)


def digest_of(kind: str, found: Iterable[Part]) -> int:
    """Return the fingerprint of a value: in order, or a sum where order means nothing."""
    if kind not in ORDERED:
        return sum(_hashed(framed(part)) for part in found) & ((1 << 128) - 1)
    whole = hashlib.blake2b(digest_size=16)
    for part in found:
        whole.update(framed(part))
    return int.from_bytes(whole.digest(), "big")


def framed(values: Sequence[bytes]) -> bytes:
    """Return byte strings as one, so that no other ones give the same."""
    return b"".join(b"%d:%b," % (len(value), value) for value in values)


def _hashed(text: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(text, digest_size=16).digest(), "big")


def _string(client: Redis, key: bytes) -> Iterator[Part]:
    length = _ask(client, "STRLEN", key)
    if length <= _SLICE:
        yield b"value", _ask(client, "GET", key) or b""
        return
    for start in range(0, length, _SLICE):
        yield b"value", _ask(client, "GETRANGE", key, start, start + _SLICE - 1)


def _list(client: Redis, key: bytes) -> Iterator[Part]:
    for start in range(0, _ask(client, "LLEN", key), _PAGE):
        for offset, value in enumerate(_ask(client, "LRANGE", key, start, start + _PAGE - 1)):
            yield b"[%d]" % (start + offset), value


def _set(client: Redis, key: bytes) -> Iterator[Part]:
    if _ask(client, "SCARD", key) <= _PAGE:
        yield from ((member, b"present") for member in _ask(client, "SMEMBERS", key))
        return
    for page in _scanned(client, "SSCAN", key, step=1):
        yield page[0], b"present"


def _hash(client: Redis, key: bytes) -> Iterator[Part]:
    if _ask(client, "HLEN", key) <= _PAGE:
        flat = _ask(client, "HGETALL", key)
        pairs: Iterable[Sequence[bytes]] = [flat[at : at + 2] for at in range(0, len(flat), 2)]
    else:
        pairs = _scanned(client, "HSCAN", key, step=2)
    page: list[Sequence[bytes]] = []
    for pair in pairs:
        page.append(pair)
        if len(page) == _PAGE:
            yield from _fields(client, key, page)
            page = []
    yield from _fields(client, key, page)


def _fields(client: Redis, key: bytes, page: list[Sequence[bytes]]) -> Iterator[Part]:
    """Return fields with their values, and with the time when each expires, where a server has that."""
    yield from ((name, value) for name, value in page)
    if page and _knows(client, b"HPEXPIRETIME"):
        names = [name for name, _ in page]
        times = _ask(client, "HPEXPIRETIME", key, "FIELDS", len(names), *names)
        # In seconds: a procedure may restore a time that it had read as a number of seconds from now.
        yield from (
            (b"expiry of " + name, b"%d" % (at // 1000)) for name, at in zip(names, times, strict=True) if at > 0
        )


def _zset(client: Redis, key: bytes) -> Iterator[Part]:
    for start in range(0, _ask(client, "ZCARD", key), _PAGE):
        flat = _ask(client, "ZRANGE", key, start, start + _PAGE - 1, "WITHSCORES")
        # The server writes scores with 17 digits, from which the same number is read again.
        yield from ((flat[at], flat[at + 1]) for at in range(0, len(flat), 2))


def _stream(client: Redis, key: bytes) -> Iterator[Part]:
    first = b"-"
    while page := _ask(client, "XRANGE", key, first, "+", "COUNT", _PAGE):
        for entry, fields in page:
            # An entry can be without fields only after a bad restore; it is still an entry.
            yield b"entry " + entry, framed(fields or [])
        first = b"(" + page[-1][0]
    about = _mapping(_ask(client, "XINFO", "STREAM", key))
    for name in (b"last-generated-id", b"max-deleted-entry-id", b"entries-added"):
        if name in about:
            yield name, _bytes(about[name])
    for group in sorted(map(_mapping, _ask(client, "XINFO", "GROUPS", key)), key=lambda one: one[b"name"]):
        yield from _group(client, key, group)


def _group(client: Redis, key: bytes, group: dict[bytes, Any]) -> Iterator[Part]:
    name = group[b"name"]
    yield b"group %b last-delivered-id" % name, group[b"last-delivered-id"]
    if b"entries-read" in group:
        yield b"group %b entries-read" % name, _bytes(group[b"entries-read"])
    for consumer in sorted(one[b"name"] for one in map(_mapping, _ask(client, "XINFO", "CONSUMERS", key, name))):
        yield b"group %b consumer" % name, consumer
    first = b"-"
    while page := _ask(client, "XPENDING", key, name, first, "+", _PAGE):
        # How long ago it was delivered goes on by itself; to whom and how often is what must stay.
        for entry, consumer, _, times in page:
            yield b"group %b pending %b" % (name, entry), framed([consumer, _bytes(times)])
        first = b"(" + page[-1][0]


def _dumped(client: Redis, key: bytes, kind: str) -> Iterator[Part]:
    payload = _ask(client, "DUMP", key)
    if payload is None:
        raise RecoveryError(f"a value of type {kind} cannot be read")
    yield b"payload", payload[:-_FOOTER]


def _scanned(client: Redis, command: str, key: bytes, *, step: int) -> Iterator[Sequence[bytes]]:
    """Return each element of a large collection once.

    A scan may tell an element twice while the table shrinks. Only the members' digests are kept.
    """
    seen: set[bytes] = set()
    cursor = b"0"
    while True:
        cursor, flat = _ask(client, command, key, cursor, "COUNT", _PAGE)
        for at in range(0, len(flat), step):
            mark = hashlib.blake2b(flat[at], digest_size=8).digest()
            if mark not in seen:
                seen.add(mark)
                yield flat[at : at + step]
        if int(cursor) == 0:
            return


def _knows(client: Redis, command: bytes) -> bool:
    found = _ask(client, "COMMAND", "INFO", command)
    return bool(found and found[0])


def _mapping(flat: Sequence[Any]) -> dict[bytes, Any]:
    return {flat[at]: flat[at + 1] for at in range(0, len(flat), 2)}


def _bytes(value: object) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()


def _ask(client: Redis, *command: object) -> Any:  # noqa: ANN401 - each command has its own shape
    return client.execute_command(*command)  # type: ignore[no-untyped-call] # redis-py leaves this one method untyped


_READERS = {"string": _string, "list": _list, "set": _set, "hash": _hash, "zset": _zset, "stream": _stream}
