"""``ends_sessions``: after logout, a new password, a lock or a deletion, what was stolen is worthless.

ASVS 5.0 V7.4.1 to V7.4.3, WSTG-SESS-06.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pytest_devsecops.core.errors import UsageError
from pytest_devsecops.core.findings import Finding
from pytest_devsecops.identity.browser import Browser
from pytest_devsecops.identity.checks.session.replay import (
    Replay,
    Session,
    cookies_of,
    open_session,
    replay,
    self_contained,
    session_cookies,
    twin,
    with_cookies,
)
from pytest_devsecops.identity.errors import FlowError, IdentityError
from pytest_devsecops.identity.evidence import as_detail
from pytest_devsecops.identity.examination import Examination
from pytest_devsecops.identity.live import Live, unverified
from pytest_devsecops.identity.personas import Persona

NAME = "identity.ends_sessions"
#: How many sessions the persona has at the same time.
_SESSIONS = 3
_ITSELF = "the session itself"
_NEW_PASSWORD = "Kx7-violet-harbour-92"  # noqa: S105 - of a persona that the check made


@dataclass(frozen=True, slots=True)
class Event:
    """Something that ends sessions.

    Attributes:
        name: as ``on=`` says it.
        hook: the hook that it needs.
        ends_others: whether the persona's other sessions must end too.
        ends_own: whether the session must end in which it happens.
        refs: what demands it.
    """

    name: str
    hook: str
    ends_others: bool
    ends_own: bool
    refs: tuple[str, ...]


EVENTS = {
    one.name: one
    for one in (
        Event("logout", "logout", ends_others=False, ends_own=True, refs=("asvs:v5.0.0-7.4.1", "WSTG-SESS-06")),
        Event(
            "password change",
            "change_password",
            ends_others=True,
            ends_own=False,
            refs=("asvs:v5.0.0-7.4.3", "WSTG-SESS-06"),
        ),
        Event("disable", "disable", ends_others=True, ends_own=True, refs=("asvs:v5.0.0-7.4.2",)),
        Event("delete", "delete", ends_others=True, ends_own=True, refs=("asvs:v5.0.0-7.4.2",)),
        Event(
            "end other sessions", "end_other_sessions", ends_others=True, ends_own=False, refs=("asvs:v5.0.0-7.5.2",)
        ),
        Event("terminate", "terminate", ends_others=True, ends_own=True, refs=("asvs:v5.0.0-7.4.5",)),
    )
}


def events_of(on: str | tuple[str, ...]) -> list[Event]:
    """Return what ``on=`` names.

    Raises:
        UsageError: if it names nothing that is known.
    """
    names = [part for text in ([on] if isinstance(on, str) else on) for part in text.split("|")]
    plain = {"change password": "password change", "change_password": "password change"}
    wanted = [plain.get(name.strip(), name.strip().replace("_", " ")) for name in names]
    unknown = [name for name in wanted if name not in EVENTS]
    if unknown or not wanted:
        raise UsageError(f"on={on!r} names no event", remedy=f"choose from {', '.join(EVENTS)}")
    return [EVENTS[name] for name in wanted]


def ends_sessions(live: Live, seen: Examination, events: list[Event], persona: str, *, others: bool | None) -> None:
    """Open several sessions for each event, let it happen, and replay them.

    Args:
        live: the open target.
        seen: filled in.
        events: what happens.
        persona: the kind whose sessions end.
        others: whether the persona's other sessions must end (true), must go on (false), or what
            ASVS says of the event (None).
    """
    seen.examined["sessions"] = 0
    for event in events:
        _Ending(live, seen, event, persona, others=others).examine()
    seen.summary = (
        f"no session went on after {', '.join(event.name for event in events)}; replayed as raw headers, with a "
        "bystander's session working before and after"
    )


class _Ending:
    def __init__(self, live: Live, seen: Examination, event: Event, kind: str, *, others: bool | None) -> None:
        self._live = live
        self._seen = seen
        self._event = event
        self._others = others
        self._persona = live.persona(kind, fresh=True)
        self._bystander = open_session(live, live.persona(kind, fresh=True))
        self._sessions = [open_session(live, self._persona) for _ in range(_SESSIONS)]
        self._stolen = twin(self._sessions[0].browser)

    def examine(self) -> None:
        """Let the event happen, and judge every session."""
        live, seen = self._live, self._seen
        before = [replay(live, one.persona, one.credential).accepted for one in (*self._sessions, self._bystander)]
        if not all(before):
            self._unknown(f"{before.count(False)} of {len(before)} new sessions are refused when they are replayed")
            return
        if live.is_logged_in(live.browser(), self._persona):
            self._unknown("an anonymous caller is shown the persona", "let whoami= be a page that only its user sees")
            return
        refreshes = self._refresh_works()
        happened = self._happen()
        after = [replay(live, one.persona, one.credential) for one in self._sessions]
        bystander = replay(live, self._bystander.persona, self._bystander.credential)
        if not bystander.accepted:
            self._unknown("a bystander's session ended as well, so nothing can be told apart")
            return
        if happened:
            self._unknown(happened, f"check {self._event.hook}=; where it fills in a form, name its fields")
            return
        seen.examined["sessions"] = int(str(seen.examined["sessions"])) + len(after)
        seen.exercised.update(ref for ref in self._event.refs if ref.startswith("asvs"))
        self._judge(after)
        if refreshes and self._event.ends_own:
            self._judge_refresh()

    def _happen(self) -> str:
        """Let the event happen; returns why it cannot be seen to have happened, or an empty text."""
        steps: dict[str, Callable[[], str]] = {
            "logout": lambda: self._step("logout"),
            "end other sessions": lambda: self._step("end_other_sessions"),
            "terminate": self._terminate,
            "password change": self._change_password,
            "disable": lambda: self._remove("disable"),
            "delete": lambda: self._remove("delete"),
        }
        return steps[self._event.name]()

    def _step(self, name: str) -> str:
        """Let the user do it in the first of the sessions."""
        hook = getattr(self._live.target.hooks, name)
        status = self._live.status_of(hook, self._sessions[0].browser, self._persona)
        return f"{self._event.name} answers {status}" if status >= 400 else ""  # noqa: PLR2004 - an error

    def _terminate(self) -> str:
        """Let an administrator do it; unlike a lock, it must not keep the user from logging in again."""
        hook = self._live.target.hooks.terminate
        assert hook is not None  # noqa: S101 - the family asked for it
        hook(self._persona)
        return "" if self._can_log_in(self._persona) else "the persona cannot log in any more"

    def _change_password(self) -> str:
        hook = self._live.target.hooks.change_password
        assert hook is not None  # noqa: S101 - the family asked for it
        response = hook(self._sessions[0].browser, self._persona, _NEW_PASSWORD)
        persona = self._persona
        changed = Persona(persona.kind, persona.username, _NEW_PASSWORD, persona.shown_as, persona.data)
        if not self._can_log_in(changed):
            status = getattr(response, "status", "nothing")
            return f"the new password does not log in (change_password answered {status})"
        return "the old password still logs in" if self._can_log_in(persona) else ""

    def _remove(self, name: str) -> str:
        getattr(self._live.target.hooks, name)(self._persona)
        return f"after {name}, the persona can still log in" if self._can_log_in(self._persona) else ""

    def _can_log_in(self, persona: Persona) -> bool:
        try:
            self._live.log_in(persona)
        except FlowError:
            return False
        return True

    def _judge(self, after: list[Replay]) -> None:
        own, *others = zip(self._sessions, after, strict=True)
        if self._event.ends_own and own[1].accepted:
            self._survived(*own, _ITSELF)
        must_end = self._event.ends_others if self._others is None else self._others
        alive = [pair for pair in others if pair[1].accepted]
        if must_end and alive:
            self._survived(*alive[0], f"{len(alive)} of {len(others)} other sessions")
        elif self._others is False and len(alive) < len(others):
            message = f"after {self._event.name}, {len(others) - len(alive)} other sessions ended, and were to go on"
            self._seen.findings.append(Finding("other-sessions-ended", self._event.name, message))
        self._seen.evidence[self._event.name] = {
            "own_session_ended": not own[1].accepted,
            "other_sessions_ended": len(others) - len(alive),
            "other_sessions": len(others),
        }

    def _survived(self, session: Session, seen: Replay, which: str) -> None:
        event = self._event
        kind, go_on = self._kind_of(session), "goes on" if which == _ITSELF else "go on"
        if kind:
            rule = "stateless-session"
            message = (
                f"after {event.name}, {which} {go_on}: the credential is {kind}, which itself says who is logged in, "
                "so the server cannot take it back before it expires"
            )
            fix = "keep sessions on the server, or a list of revoked ones that is asked at every request"
        else:
            rule = "session-survives"
            message = f"after {event.name}, {which} {go_on}"
            fix = "delete the sessions on the server, not only the cookie in the browser"
        detail = as_detail(seen.exchange)
        self._seen.findings.append(Finding(rule, f"{event.name}: {which}", message, fix, event.refs, detail=detail))

    def _kind_of(self, session: Session) -> str:
        """Return what the credential of a session that went on is; other cookies may be signed as well."""
        needed = session_cookies(self._live, session)
        if not needed:
            return self_contained(session.credential)
        cookies = {name: value for name, value in cookies_of(session.credential).items() if name in needed}
        return self_contained(with_cookies(session.credential, cookies))

    def _refresh_works(self) -> bool:
        """Tell whether a stolen refresh token can be used at all, on a session that nothing happens to."""
        if self._live.target.hooks.refresh is None:
            return False
        return self._refreshed(twin(open_session(self._live, self._persona).browser))

    def _refreshed(self, browser: Browser) -> bool:
        refresh = self._live.target.hooks.refresh
        assert refresh is not None  # noqa: S101 - _refresh_works asked
        try:
            refresh(browser)
        except (IdentityError, KeyError, AssertionError):
            return False
        return self._live.is_logged_in(browser, self._persona)

    def _judge_refresh(self) -> None:
        self._seen.examined["refresh_tokens"] = 1
        if self._refreshed(self._stolen):
            message = f"after {self._event.name}, the refresh token of the session gives a new one"
            fix = "revoke the refresh tokens of a session with it (RFC 7009, section 2)"
            detail = as_detail(self._stolen.history[-1])
            self._seen.findings.append(
                Finding("refresh-token-survives", self._event.name, message, fix, self._event.refs, detail=detail)
            )

    def _unknown(
        self, message: str, fix: str = "check login= and whoami=: each login is to give a session of its own"
    ) -> None:
        self._seen.findings.append(unverified(NAME, "control-failed", f"{self._event.name}: {message}", fix))
