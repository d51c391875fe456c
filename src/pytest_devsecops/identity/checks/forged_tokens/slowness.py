"""Whether a hostile token made the application work for long, on a machine that may itself be busy."""

from __future__ import annotations

import time
from collections.abc import Callable

from pytest_devsecops.identity.errors import UnreachableError

#: What no verifier needs for a token of some KiB, and by how much it must exceed the valid token's.
_SLOW_SECONDS = 1.0
_SLOW_RATIO = 20
#: A token must take so much longer than its twin, each time of several; the twin may meet a busy machine once. By
#: chance that happens once in 16,796 times.
_MORE_SECONDS = 0.01
_MORE_RATIO = 2
_ROUNDS = 10


def slowness(seconds: float, hostile: Callable[[], object], valid: Callable[[], object]) -> str:
    """Return how long a hostile token took, in words, if that is too long; ask again to be sure.

    Args:
        seconds: what it took.
        hostile: sends it again.
        valid: sends the valid token, for which a busy machine is as slow.
    """
    if seconds <= _SLOW_SECONDS:
        return ""
    try:
        again, usual = _timed(hostile), _timed(valid)
    except UnreachableError:
        return f"takes {seconds:.1f} s over a token"
    return f"takes {seconds:.1f} s over a token" if again > _SLOW_SECONDS and again > _SLOW_RATIO * usual else ""


def costliness(seconds: float, hostile: Callable[[], object], twin: Callable[[], object]) -> str:
    """Return how much longer than its twin a token takes, in words, if it does; arguments as ``slowness``.

    Both are refused. What differs is only the work that the token asks for.
    """
    if seconds <= _MORE_SECONDS:
        return ""
    try:
        pairs = [(_timed(hostile), _timed(twin)) for _ in range(_ROUNDS)]
    except UnreachableError:
        return ""
    longer, shorter = min(one for one, _ in pairs), sorted(one for _, one in pairs)[-2]
    if longer < shorter + _MORE_SECONDS or longer < _MORE_RATIO * shorter:
        return ""
    return f"takes {longer * 1e3:.0f} ms, {shorter * 1e3:.0f} ms of which are its length's, over a token"


def _timed(send: Callable[[], object]) -> float:
    started = time.perf_counter()
    send()
    return time.perf_counter() - started
