"""What a server holds beside its keys: users, settings that were changed, functions."""

from __future__ import annotations

import hashlib
from itertools import groupby
from typing import TYPE_CHECKING, Any

from pytest_devsecops.recovery.model import Things
from pytest_devsecops.recovery.stores.redis.server import OURS, OWN_USER

if TYPE_CHECKING:
    from redis import Redis

_SECRETS = ("requirepass", "primaryauth", "tls-key-file-pass", "tls-client-key-file-pass")
#: Older names of other settings, which would tell every difference twice.
_ALIASES = ("slave", "ziplist")


def things(client: Redis) -> Things:
    """Return users, settings and function libraries by kind and name."""
    return {"user": _users(client), "setting": _settings(client), "function library": _libraries(client)}


def _users(client: Redis) -> dict[str, dict[str, str | None]]:
    found = {}
    for name in _ask(client, "ACL", "USERS"):
        if name != OWN_USER.encode():
            about = _ask(client, "ACL", "GETUSER", name)
            found[name.decode()] = {
                about[at].decode(): _rule(about[at], about[at + 1]) for at in range(0, len(about), 2)
            }
    return found


def _rule(name: bytes, value: Any) -> str | None:  # noqa: ANN401 - as the server sends it
    if name == b"passwords":
        # They are digests already; one more keeps them out of reports.
        return " ".join(sorted(f"(secret {hashlib.sha256(one).hexdigest()[:12]})" for one in value)) or None
    if name == b"flags":
        # How the rules were written; what they allow is told by the other parts.
        return " ".join(sorted(one.decode() for one in value if one in (b"on", b"off", b"nopass")))
    if name == b"commands":
        return _in_order(value.decode())
    if name == b"selectors":
        return _text(
            [[about if at % 2 == 0 else _rule(one[at - 1], about) for at, about in enumerate(one)] for one in value]
        )
    return _text(value)


def _in_order(rules: str) -> str:
    """Return rules about commands with those about single ones by name.

    A server that reads its own rules again writes them down in another order. Between two rules about categories the
    order of those about different commands means nothing.
    """
    ordered: list[str] = []
    for of_categories, run in groupby(rules.split(), lambda rule: "@" in rule):
        some = list(run)
        ordered.extend(some if of_categories else sorted(some, key=lambda rule: rule[1:].partition("|")[0]))
    return " ".join(ordered)


def _settings(client: Redis) -> dict[str, dict[str, str | None]]:
    flat = _ask(client, "CONFIG", "GET", "*")
    found = {flat[at].decode(): flat[at + 1].decode("utf-8", "backslashreplace") for at in range(0, len(flat), 2)}
    return {
        name: {"value": _secret(value) if name in _SECRETS else value}
        for name, value in sorted(found.items())
        if name not in OURS and not any(part in name for part in _ALIASES)
    }


def _libraries(client: Redis) -> dict[str, dict[str, str | None]]:
    found = {}
    for flat in _ask(client, "FUNCTION", "LIST", "WITHCODE"):
        about = {flat[at].decode(): flat[at + 1] for at in range(0, len(flat), 2)}
        name = about["library_name"].decode()
        found[name] = {"engine": _text(about.get("engine")), "code": _text(about.get("library_code"))}
    return found


def _secret(value: str) -> str | None:
    return f"(secret {hashlib.sha256(value.encode()).hexdigest()[:12]})" if value else None


def _text(value: Any) -> str | None:  # noqa: ANN401 - as the server sends it
    if isinstance(value, list):
        return " ".join(f"({_text(one)})" if isinstance(one, list) else _text(one) or "" for one in value)
    return (
        value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else None if value is None else str(value)
    )


def _ask(client: Redis, *command: object) -> Any:  # noqa: ANN401 - each command has its own shape
    return client.execute_command(*command)  # type: ignore[no-untyped-call] # redis-py leaves this one method untyped
