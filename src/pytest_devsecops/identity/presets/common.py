"""What the presets share."""

from __future__ import annotations

import sys
from typing import Any

from pytest_devsecops.identity.target import Flows, Weakness

#: In process an application is asked as if over TLS, because cookies may be ``Secure``.
IN_PROCESS = "https://testserver"

_ISOLATION = (
    "the test runs in a database transaction that is rolled back (pytest-django's db), which {kind} does not see: "
    "use transactional_db instead of db"
)


def isolated(kind: str) -> str:
    """Return why a target is cut off from the test's data, if it is.

    Args:
        kind: what would not see the data of Django's open transaction.
    """
    if "django.db" not in sys.modules:
        return ""
    from django.conf import settings
    from django.db import connections

    if not settings.configured:
        return ""
    inside = any(one.in_atomic_block for one in connections.all(initialized_only=True))
    return _ISOLATION.format(kind=kind) if inside else ""


def weakness(setting: str, why: str, *affects: str) -> Weakness:
    """Return a weakness that affects the checks with these names."""
    return Weakness(setting, affects, why)


def insecure_cookie(setting: str, cookie: str) -> Weakness:
    """Return the weakness of a setting that takes the flag ``Secure`` from a cookie."""
    why = "the cookie has no Secure flag here"
    return Weakness(setting, ("cookies_are_safe",), why, rule="not-secure", subject=cookie)


def with_defaults(flows: Flows, defaults: dict[str, Any]) -> Flows:
    """Return the flows with what a preset knows, where the suite says nothing itself."""
    merged: dict[str, Any] = {**defaults, **{name: value for name, value in flows.items() if value is not None}}
    return merged  # type: ignore[return-value] # `describe` checks the names
