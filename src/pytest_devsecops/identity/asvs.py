"""Which requirements of OWASP ASVS 5.0 the checks of this family can put to the test (ids only).

A run tells those that it exercised and, by this table, those within reach that it did not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

VERSION = "5.0.0"
_PREFIX = f"asvs:v{VERSION}-"

#: Requirements by check.
WITHIN_REACH: Mapping[str, tuple[str, ...]] = {
    "access_matches": ("8.1.1", "8.2.1", "8.2.2", "8.2.3", "8.3.2", "8.4.1", "15.3.3", "16.5.2"),
    "refuses_forged_tokens": (
        *("8.4.1", "9.1.1", "9.1.2", "9.1.3", "9.2.1", "9.2.2", "9.2.3"),
        "10.3.1",
    ),
    "refuses_broken_providers": (
        *("9.1.1", "9.1.2", "9.1.3", "9.2.1", "9.2.2", "10.2.1", "10.2.2"),
        *("10.5.1", "10.5.2", "10.5.3", "10.5.4", "10.5.5", "12.3.1", "16.5.1", "16.5.3"),
    ),
    "authorization_server_is_safe": (
        *("1.2.1", "3.4.2", "3.4.5", "3.4.6", "9.1.1", "9.1.2", "9.2.4"),
        *("10.4.1", "10.4.2", "10.4.3", "10.4.4", "10.4.5", "10.4.6", "10.4.10", "10.4.11", "10.4.12"),
        *("10.6.1", "10.6.2", "10.7.1", "12.2.1", "14.2.1", "16.5.1", "16.5.3"),
    ),
    "starts_new_session_at_login": ("7.2.4",),
    "ends_sessions": ("7.4.1", "7.4.2", "7.4.3", "7.4.5", "7.5.2"),
    "expires_sessions": ("7.3.1", "7.3.2"),
    "limits_sessions": ("7.1.2",),
    "sessions_follow_model": ("7.2.1", "7.4.1", "7.4.3"),
    "cookies_are_safe": ("3.3.1", "3.3.2", "3.3.3", "3.3.4", "3.3.5", "7.2.1", "7.2.2", "7.2.3", "14.2.1"),
    "refuses_cross_site_writes": ("3.4.2", "3.5.1", "3.5.2", "3.5.3"),
    "throttles_login": ("6.3.1",),
    "reveals_no_accounts": ("6.3.8",),
    "reset_is_safe": ("6.4.3", "6.5.1", "6.5.5", "7.4.3", "11.5.1"),
    "passwords_follow_policy": ("6.2.1", "6.2.4", "6.2.5", "6.2.8", "6.2.9", "6.2.11"),
}


def coverage(check: str, told: Iterable[str], *, examined: bool) -> dict[str, Any]:
    """Return what a verdict's evidence says about ASVS.

    Args:
        check: the check's name.
        told: the requirements that the check says it exercised, with or without ``asvs:v5.0.0-``.
        examined: whether the check examined all that it was asked for; one that tells nothing
            exercised its whole row of the table then, and none of it otherwise.

    Returns:
        ``version``, ``exercised`` and ``within_reach`` of the whole family, sorted by number.
    """
    exercised = {one.removeprefix(_PREFIX) for one in told}
    if not exercised and examined:
        exercised = set(WITHIN_REACH.get(check, ()))
    reach = {one for row in WITHIN_REACH.values() for one in row} | exercised
    return {"version": VERSION, "exercised": _sorted(exercised), "within_reach": _sorted(reach)}


def _sorted(ids: Iterable[str]) -> list[str]:
    return sorted(ids, key=lambda one: [int(part) for part in one.split(".")])
