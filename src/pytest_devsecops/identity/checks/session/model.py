"""``sessions_follow_model``: whatever a user does in whatever order, what has ended stays ended.

The model is small and exact: a session has ended after its logout, and after a new password set in
another session; a password has ended when it was changed. Sequences are drawn, and one that breaks the
model is cut down to the shortest that still does. ASVS 5.0 V7.4.1, V7.4.3.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from pytest_devsecops.core.errors import MissingExtraError
from pytest_devsecops.core.findings import Finding
from pytest_devsecops.identity.browser import Browser, Credential, Exchange
from pytest_devsecops.identity.checks.credentials.attempts import strong_password
from pytest_devsecops.identity.checks.session.replay import credential_of, open_session, replay, self_contained, twin
from pytest_devsecops.identity.errors import FlowError, IdentityError
from pytest_devsecops.identity.evidence import as_detail
from pytest_devsecops.identity.examination import Examination
from pytest_devsecops.identity.live import Live, unverified
from pytest_devsecops.identity.personas import Persona

NAME = "identity.sessions_follow_model"
_REFS = ("asvs:v5.0.0-7.4.1", "asvs:v5.0.0-7.4.3", "WSTG-SESS-06")
_FIX = "judge every request by what the server keeps of the session, and delete that when the session ends"
LOG_IN, LOG_OUT, CHANGE, REFRESH = "log in", "log out", "change the password", "refresh"
_HOOKS = {LOG_OUT: "logout", CHANGE: "change_password", REFRESH: "refresh"}

#: What is done, and in which of the user's two browsers.
Step = tuple[str, int]
BROWSERS = ("first browser", "second browser")


class Explore(Protocol):
    """Draws sequences of steps."""

    def __call__(
        self, actions: Sequence[str], breaks: Callable[[Sequence[Step]], bool], *, examples: int, steps: int
    ) -> Sequence[Step] | None:
        """Return the shortest sequence that breaks something, or None if none was found.

        Args:
            actions: what can be done.
            breaks: runs a sequence and tells whether it breaks something.
            examples: how many sequences to draw.
            steps: how long they may be.
        """


def sessions_follow_model(
    live: Live, seen: Examination, *, explore: Explore | None, persona: str, examples: int, steps: int
) -> None:
    """Let users do things in many orders, and replay what has ended after each.

    Args:
        live: the open target.
        seen: filled in.
        explore: draws the sequences.
        persona: the kind of the users; a fresh one for each sequence.
        examples: how many sequences to draw.
        steps: how long they may be.
    """
    hooks = live.target.hooks
    actions = [LOG_IN, *(action for action, hook in _HOOKS.items() if getattr(hooks, hook) is not None)]
    seen.evidence["actions"] = actions
    if not {LOG_OUT, CHANGE} & set(actions):
        fix = "pass logout=…, change_password=…, or both"
        seen.findings.append(unverified(NAME, "missing-hook", "nothing that a user can do ends a session", fix))
        return
    if explore is None:
        seen.findings.append(unverified(NAME, "no-explorer", "nothing draws sequences", "use the fixture identity"))
        return
    walks: list[_Walk] = []

    def breaks(sequence: Sequence[Step]) -> bool:
        walks.append(_Walk(live, live.persona(persona, fresh=True)))
        return walks[-1].run(sequence) is not None

    try:
        found = explore(actions, breaks, examples=examples, steps=steps)
    except MissingExtraError as error:
        seen.findings.append(unverified(NAME, "missing-extra", str(error), error.remedy))
        return
    seen.examined["sequences"] = len(walks)
    seen.examined["ended_sessions"] = sum(walk.ended for walk in walks)
    if found is not None:
        _report(live, seen, found, persona)
    seen.summary = f"in {len(walks)} sequences of what users do, what had ended stayed ended"


def _report(live: Live, seen: Examination, sequence: Sequence[Step], kind: str) -> None:
    """Run the shortest sequence once more, for the finding."""
    breach = _Walk(live, live.persona(kind, fresh=True)).run(sequence)
    told = [f"{action} in the {BROWSERS[where]}" for action, where in [(LOG_IN, 0), *sequence]]
    if breach is None:
        message = f"{'; '.join(told)}: this broke the model once, and not again"
        seen.findings.append(unverified(NAME, "undecided", message))
        return
    detail = as_detail(breach.exchange)
    detail["sequence"] = told
    message = f"{'; '.join(told)}: {breach.message}"
    seen.findings.append(Finding(breach.rule, kind or "user", message, _FIX, _REFS, detail=detail))


@dataclass(frozen=True, slots=True)
class Breach:
    """How the application left the model."""

    rule: str
    message: str
    exchange: Exchange


@dataclass(slots=True)
class _Session:
    """One session of the model.

    Attributes:
        where: the browser it began in.
        browser: that browser.
        credentials: everything that ever proved it.
        thief: a copy of the browser, as it was when the session was last good.
        ended: whether nothing of it may be accepted any more.
    """

    where: int
    browser: Browser
    credentials: list[Credential]
    thief: Browser
    ended: bool = False


@dataclass(slots=True)
class _Walk:
    """One user and what they did."""

    live: Live
    persona: Persona
    sessions: list[_Session] = field(default_factory=list)
    current: dict[int, _Session] = field(default_factory=dict)
    old: list[Persona] = field(default_factory=list)

    @property
    def ended(self) -> int:
        """How many sessions have ended."""
        return sum(one.ended for one in self.sessions)

    def run(self, sequence: Sequence[Step]) -> Breach | None:
        """Take the steps, after a login in the first browser, until one breaks the model."""
        acts = {LOG_IN: self._log_in, LOG_OUT: self._log_out, CHANGE: self._change, REFRESH: self._refresh}
        for action, where in [(LOG_IN, 0), *sequence]:
            if acts[action](where):
                breach = self._breach()
                if breach is not None:
                    return breach
        return None

    def _log_in(self, where: int) -> bool:
        session = open_session(self.live, self.persona)
        if not replay(self.live, self.persona, session.credential).accepted:
            raise FlowError("a new session is refused when it is replayed")
        begun = _Session(where, session.browser, [session.credential], twin(session.browser))
        self.sessions.append(begun)
        self.current[where] = begun
        return True

    def _log_out(self, where: int) -> bool:
        session, hook = self.current.pop(where, None), self.live.target.hooks.logout
        if session is None or hook is None or not self._is_good(session):
            return False
        status = self.live.status_of(hook, session.browser, self.persona)
        if status >= 400:  # noqa: PLR2004 - an error
            raise FlowError(f"logout answers {status}", remedy="check logout=")
        session.ended = True
        return True

    def _change(self, where: int) -> bool:
        session, hook = self.current.get(where), self.live.target.hooks.change_password
        if session is None or hook is None or not self._is_good(session):
            return False
        before = self.persona
        new = strong_password()
        hook(session.browser, before, new)
        self.persona = Persona(before.kind, before.username, new, before.shown_as, before.data)
        self.live.log_in(self.persona)  # the control: the password was changed
        self.old.append(before)
        for other in self.sessions:
            other.ended = other.ended or other is not session
        self._keep(session)
        return True

    def _refresh(self, where: int) -> bool:
        session, hook = self.current.get(where), self.live.target.hooks.refresh
        if session is None or hook is None or not self._is_good(session):
            return False
        hook(session.browser)
        self._keep(session)
        return True

    def _keep(self, session: _Session) -> None:
        """Remember what proves the session now, if it is still good."""
        if self._is_good(session):
            session.credentials.append(credential_of(self.live, session.browser))
            session.thief = twin(session.browser)

    def _is_good(self, session: _Session) -> bool:
        return not session.ended and self.live.is_logged_in(session.browser, self.persona)

    def _breach(self) -> Breach | None:
        """Replay everything that has ended."""
        for session in (one for one in self.sessions if one.ended):
            for credential in session.credentials:
                tried = replay(self.live, self.persona, credential)
                if tried.accepted:
                    kind = self_contained(credential)
                    carried = f"; it is {kind}, which the server cannot take back" if kind else ""
                    message = f"the ended session of the {BROWSERS[session.where]} gets in{carried}"
                    return Breach("stateless-session" if kind else "ended-session-accepted", message, tried.exchange)
            refreshed = self._refreshed(session)
            if refreshed is not None:
                message = f"the refresh token of the ended session of the {BROWSERS[session.where]} gives a new one"
                return Breach("ended-session-refreshed", message, refreshed)
        return self._old_password()

    def _refreshed(self, session: _Session) -> Exchange | None:
        hook = self.live.target.hooks.refresh
        if hook is None:
            return None
        thief = twin(session.thief)
        try:
            hook(thief)
        except (IdentityError, KeyError, AssertionError):
            return None
        return thief.history[-1] if self.live.is_logged_in(thief, self.persona) else None

    def _old_password(self) -> Breach | None:
        for before in self.old:
            browser = self.live.browser()
            try:
                self.live.log_in(before, browser)
            except FlowError:
                continue
            return Breach("old-password-accepted", "the password from before the change logs in", browser.history[-1])
        return None
