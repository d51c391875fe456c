"""``expires_sessions``: a session that nobody uses ends, and so does one that is used for too long.

ASVS 5.0 V7.3.1 (idle) and V7.3.2 (absolute), WSTG-SESS-07. What counts is when the server stops
accepting it: credentials are replayed as raw headers, because a faked clock also ends the cookie in a
jar, which proves nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from pytest_devsecops.core.errors import UsageError
from pytest_devsecops.core.findings import Finding
from pytest_devsecops.identity.browser import Browser, Credential, Exchange
from pytest_devsecops.identity.checks.session.replay import (
    Session,
    credential_of,
    open_session,
    replay,
    self_contained,
    twin,
)
from pytest_devsecops.identity.errors import FlowError, IdentityError
from pytest_devsecops.identity.evidence import as_detail
from pytest_devsecops.identity.examination import Examination
from pytest_devsecops.identity.live import Live, unverified
from pytest_devsecops.identity.personas import Persona

NAME = "identity.expires_sessions"
_REFS = {"idle": ("asvs:v5.0.0-7.3.1", "WSTG-SESS-07"), "absolute": ("asvs:v5.0.0-7.3.2", "WSTG-SESS-07")}
_FIXES = {
    "idle": "keep the time of the last use with the session on the server, and refuse it when that is too long ago",
    "absolute": "keep the time of the login with the session, and refuse it when that is too long ago, however used",
}
#: Beyond the limit by this share of it: expiry may be rounded, and verifiers of tokens allow some leeway.
_MARGIN = 20
_LEAST_MARGIN = timedelta(minutes=2)
#: Clocks may tell whole seconds.
_ROUNDING = timedelta(seconds=1)
#: Uses of a session in the course of its longest life; more would take too long.
_MOST_USES = 2_000
_FIRST_USES = 12
_FINER = 6


def limit_of(name: str, value: timedelta | float | None) -> timedelta | None:
    """Return a limit as a duration.

    Args:
        name: the argument, for the message.
        value: a duration, or seconds.

    Raises:
        UsageError: if it is not positive.
    """
    limit = value if value is None or isinstance(value, timedelta) else timedelta(seconds=value)
    if limit is not None and limit <= timedelta(0):
        raise UsageError(f"{name}={value!r} is no time that can pass", remedy=f"say {name}=timedelta(minutes=30)")
    return limit


def expires_sessions(
    live: Live, seen: Examination, persona: str, *, idle: timedelta | None, absolute: timedelta | None
) -> None:
    """Let time pass by the application's clock, and replay sessions that are too old.

    Args:
        live: the open target.
        seen: filled in.
        persona: the kind that logs in.
        idle: how long a session may be left unused.
        absolute: how long it may last, however much it is used.
    """
    seen.examined["sessions"] = 0
    expiry = _Expiry(live, seen, persona)
    try:
        if idle is not None:
            expiry.examine_idle(idle)
        if absolute is not None:
            expiry.examine_absolute(absolute, idle)
    except _StoppedClockError as error:
        fix = "let now read the time as the application does, and advance move that clock"
        seen.findings.append(unverified(NAME, "clock-does-not-move", str(error), fix))
    limits = [f"{what} after {limit}" for what, limit in (("idle", idle), ("at the latest", absolute)) if limit]
    seen.summary = f"sessions end on the server, {' and '.join(limits)}; a new one works afterwards"


class _StoppedClockError(IdentityError):
    """The clock did not move as far as it was advanced."""


@dataclass(slots=True)
class _Held:
    """What somebody kept of a session: its credential, and a browser that can still refresh."""

    session: Session
    thief: Browser


class _Expiry:
    def __init__(self, live: Live, seen: Examination, kind: str) -> None:
        self._live = live
        self._seen = seen
        self._kind = kind

    def examine_idle(self, limit: timedelta) -> None:
        """Leave a session alone for longer than it may live."""
        held = self._open()
        if held is None:
            return
        self._advance(limit + _margin(limit))
        self._judge("idle", limit, held, held.session.credential)

    def examine_absolute(self, limit: timedelta, idle: timedelta | None) -> None:
        """Use a session all the time until it is older than it may be.

        A session that ends at the first pause tells nothing: it may have been idle for too long. So
        the pauses get shorter until one is survived.
        """
        until = limit + _margin(limit)
        pause = min(until / _FIRST_USES, idle / 3 if idle is not None else until)
        while until / pause <= _MOST_USES:
            held = self._open()
            if held is None:
                return
            survived, age = self._use(held, pause, until)
            if age >= until and survived:
                self._judge("absolute", limit, held, credential_of(self._live, held.session.browser))
                return
            if age > pause:
                self._seen.evidence["ended_in_use_after_seconds"] = round(age.total_seconds())
                self._judge("absolute", limit, held, held.session.credential, ended=True)
                return
            pause /= _FINER
        message = (
            f"a session that is used again after {pause * _FINER} has ended already, so nobody can use one long "
            f"enough to see whether it ends after {limit}"
        )
        self._seen.findings.append(unverified(NAME, "control-failed", message, "pass refresh=…, or a shorter limit"))

    def _use(self, held: _Held, pause: timedelta, until: timedelta) -> tuple[bool, timedelta]:
        """Use the session after every pause; returns whether it lives, and at which age that was seen."""
        age = timedelta(0)
        while age < until:
            self._advance(pause)
            age += pause
            browser = held.session.browser
            alive = self._live.is_logged_in(browser, held.session.persona) or self._refreshed(browser, held)
            if not alive:
                return False, age
            held.thief = twin(browser)
        return True, age

    def _open(self) -> _Held | None:
        """Log somebody in, with the control that the session is accepted and nobody else is."""
        live = self._live
        persona = live.persona(self._kind, fresh=True)
        session = open_session(live, persona)
        if not replay(live, persona, session.credential).accepted:
            self._unknown("a new session is refused when it is replayed")
            return None
        if replay(live, persona, Credential(())).accepted:
            self._unknown("an anonymous caller is shown the persona")
            return None
        return _Held(session, twin(session.browser))

    def _judge(self, what: str, limit: timedelta, held: _Held, credential: Credential, *, ended: bool = False) -> None:
        """Judge a session that is older than ``limit``, then show that a new one works at that time."""
        live, seen, persona = self._live, self._seen, held.session.persona
        after = replay(live, persona, credential)
        first = replay(live, persona, held.session.credential)
        refreshes = live.target.hooks.refresh is not None and not ended and self._refreshed(held.thief, held)
        trouble = self._trouble_now(persona)
        if trouble:
            self._unknown(f"{what}: {trouble}")
            return
        seen.examined["sessions"] = int(str(seen.examined["sessions"])) + 1
        seen.exercised.add(_REFS[what][0])
        seen.evidence[what] = {"limit_seconds": limit.total_seconds(), "accepted_after": after.accepted}
        if after.accepted or first.accepted:
            exchange = after.exchange if after.accepted else first.exchange
            self._survived(what, limit, credential if after.accepted else held.session.credential, exchange)
        elif refreshes:
            message = f"{limit} after {_since(what)}, the refresh token still gives a new session"
            fix = f"refuse the refresh token too: {_FIXES[what]}"
            detail = as_detail(held.thief.history[-1])
            seen.findings.append(Finding("refresh-token-outlives", what, message, fix, _REFS[what], detail=detail))

    def _survived(self, what: str, limit: timedelta, credential: Credential, exchange: Exchange) -> None:
        kind = self_contained(credential)
        carried = f"; the credential is {kind}, which itself must say until when it holds" if kind else ""
        message = f"a session is accepted more than {limit} after {_since(what)}{carried}"
        found = Finding(f"outlives-{what}-limit", what, message, _FIXES[what], _REFS[what], detail=as_detail(exchange))
        self._seen.findings.append(found)

    def _trouble_now(self, persona: Persona) -> str:
        """Return what keeps a new session from working at this time, or an empty text."""
        try:
            fresh = open_session(self._live, persona)
        except FlowError as error:
            return f"after the time has passed, a new login does not work: {error}"
        return "" if replay(self._live, persona, fresh.credential).accepted else "a new session is refused as well"

    def _refreshed(self, browser: Browser, held: _Held) -> bool:
        refresh: Callable[[Browser], object] | None = self._live.target.hooks.refresh
        if refresh is None:
            return False
        try:
            refresh(browser)
        except (IdentityError, KeyError, AssertionError):
            return False
        return self._live.is_logged_in(browser, held.session.persona)

    def _advance(self, by: timedelta) -> None:
        clock = self._live.target.hooks.clock
        assert clock is not None  # noqa: S101 - the family asked for it
        before = clock.now()
        clock.advance(by)
        moved = clock.now() - before
        if moved < by - _ROUNDING:
            raise _StoppedClockError(f"the application's clock moved by {moved} when it was advanced by {by}")

    def _unknown(self, message: str) -> None:
        self._seen.findings.append(unverified(NAME, "control-failed", message))


def _margin(limit: timedelta) -> timedelta:
    return max(_LEAST_MARGIN, limit / _MARGIN)


def _since(what: str) -> str:
    return "its last use" if what == "idle" else "the login, in use all the time"
