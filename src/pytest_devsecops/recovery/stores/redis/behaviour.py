"""What only works if a restored server behaves: next ids of streams, expiry, refused clients."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from pytest_devsecops.core.findings import Finding
from pytest_devsecops.recovery.model import Behaviours
from pytest_devsecops.recovery.stores.redis.reading import OWN_PREFIX, PROBE, pages
from pytest_devsecops.recovery.stores.redis.server import Server, driver

if TYPE_CHECKING:
    from redis import Redis

_STREAMS, _ENTRIES = 20, 10_000
_EXPIRY_SECONDS = 2.0


def try_behaviours(client: Redis, server: Server) -> Behaviours:
    """Try a restored server; whatever is written for that is removed again."""
    findings = [*_master(client), *_expiry(client), *_strangers(client, server)]
    tried = 3
    for key in _streams(client):
        tried += 1
        findings.extend(_next_entry(client, key))
    return Behaviours(tried, tuple(findings))


def _master(client: Redis) -> list[Finding]:
    role = _ask(client, "ROLE")[0].decode()
    if role == "master":
        return []
    return [Finding("not-a-master", "server", f"what was restored is a {role}: it takes no writes", fix="promote it")]


def _expiry(client: Redis) -> list[Finding]:
    _ask(client, "SET", PROBE, "1", "PX", 1)
    limit = time.monotonic() + _EXPIRY_SECONDS
    while time.monotonic() < limit:
        if _ask(client, "GET", PROBE) is None:
            return []
        time.sleep(0.002)
    _ask(client, "DEL", PROBE)
    return [Finding("no-expiry", "server", "a key with a time to live of 1 ms is still there", fix="look at its role")]


def _strangers(client: Redis, server: Server) -> list[Finding]:
    """Try a client without a password: it may only come in where the default user has none."""
    flat = _ask(client, "ACL", "GETUSER", "default")
    flags = flat[flat.index(b"flags") + 1]
    open_to_all = b"nopass" in flags and b"on" in flags
    module = driver()
    stranger = module.Redis(host="127.0.0.1", port=server.port, protocol=2)
    try:
        stranger.execute_command("CLIENT", "ID")
    except (module.ResponseError, module.AuthenticationError):
        refused = True
    else:
        refused = False
    finally:
        stranger.close()
    if refused or open_to_all:
        return []
    message = "a client without a password is let in, although the default user is closed"
    return [Finding("not-refused", "user:default", message, fix="restore the users before the server is reachable")]


def _streams(client: Redis) -> list[bytes]:
    found: dict[bytes, None] = {}
    for page in pages(client, "TYPE", "stream"):
        if len(found) >= _STREAMS:
            break
        found.update(
            {key: None for key in page if not key.startswith(OWN_PREFIX) and _ask(client, "XLEN", key) <= _ENTRIES}
        )
    return list(found)[:_STREAMS]


def _next_entry(client: Redis, key: bytes) -> list[Finding]:
    """Add an entry to a copy of a stream: its id must come after all that were given out before."""
    copy = PROBE.encode()
    module = driver()
    try:
        _ask(client, "COPY", key, copy, "REPLACE")
        _ask(client, "XADD", copy, "*", "devsecops", "1")
    except module.ResponseError as error:
        message = f"stream {key.decode('utf-8', 'backslashreplace')} takes no new entry: {error}"
        return [
            Finding(
                "no-next-id",
                f"rows:{key.decode('utf-8', 'backslashreplace')}",
                message,
                fix="restore its last id (XSETID)",
            )
        ]
    finally:
        _ask(client, "DEL", copy)
    return []


def _ask(client: Redis, *command: object) -> Any:  # noqa: ANN401 - each command has its own shape
    return client.execute_command(*command)  # type: ignore[no-untyped-call] # redis-py leaves this one method untyped
