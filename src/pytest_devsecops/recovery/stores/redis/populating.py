"""Generated keys of every type: Redis has no schema, so that every name and every value is valid."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pytest_devsecops.recovery.populating import Column, Reference, Table
from pytest_devsecops.recovery.stores.redis.reading import OWN_PREFIX
from pytest_devsecops.recovery.stores.redis.server import driver

if TYPE_CHECKING:
    from redis import Redis

_KEY, _VALUE = Column("key", "any", nullable=False, unique=True), Column("value", "any", nullable=False)
_FIELD = Column("field", "any", nullable=False)
_SCORE = Column("score", "real", nullable=False)
_EXPIRES = Column("expires", "integer", low=10_000_000_000, high=1 << 46)
#: One table per type of value.
_TABLES = (
    Table("string", (_KEY, _VALUE, _EXPIRES)),
    Table("list", (_KEY, _FIELD, _VALUE)),
    Table("set", (_KEY, _FIELD, _VALUE)),
    Table("hash", (_KEY, _FIELD, _VALUE)),
    Table("zset", (_KEY, _SCORE, _VALUE)),
    Table("stream", (_KEY, _FIELD, _VALUE)),
)


class RedisTables:
    """The keys of an open server, one table per type of value.

    Args:
        client: a connection to a database.
    """

    def __init__(self, client: Redis) -> None:
        self._client = client

    def tables(self) -> Sequence[Table]:
        """Return the types of values."""
        return _TABLES

    def keys(self, reference: Reference, limit: int) -> Sequence[tuple[object, ...]]:  # noqa: ARG002 - nothing refers
        """Return nothing: no key refers to another."""
        return []

    def sample(self, table: Table) -> Mapping[str, object] | None:  # noqa: ARG002 - nothing is refused
        """Return nothing: no schema refuses a value because of another one."""
        return None

    def insert(self, table: Table, row: Mapping[str, object]) -> str | None:
        """Write one key, whose name tells its type, so that no two types meet under one name."""
        key = table.name.encode() + b":" + _bytes(row["key"])
        if key.startswith(OWN_PREFIX):
            return "the prefix is the drill's own"
        try:
            for command in _commands(table.name, key, row):
                self._client.execute_command(*command)  # type: ignore[no-untyped-call] # redis-py leaves this one method untyped
        except driver().ResponseError as error:
            return str(error)
        return None


def _commands(kind: str, key: bytes, row: Mapping[str, object]) -> list[tuple[Any, ...]]:
    value = _bytes(row["value"])
    if kind == "string":
        expires = row["expires"]
        return [("SET", key, value), *([("PEXPIREAT", key, expires)] if expires is not None else [])]
    if kind == "zset":
        return [("ZADD", key, _number(row["score"]), value)]
    field = _bytes(row["field"])
    command = {"list": ("RPUSH", key), "set": ("SADD", key), "hash": ("HSET", key), "stream": ("XADD", key, "*")}[kind]
    return [(*command, field, value)]


def _number(value: object) -> str:
    number = float(str(value))
    return repr(number) if math.isfinite(number) else str(number)


def _bytes(value: object) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()
