"""``starts_new_session_at_login``: what was known before the login does not get in after it.

ASVS 5.0 V7.2.4, WSTG-SESS-03 (session fixation).
"""

from __future__ import annotations

import secrets
import string

from pytest_devsecops.core.findings import Finding
from pytest_devsecops.identity.browser import Browser, Credential
from pytest_devsecops.identity.checks.session.replay import (
    Session,
    cookies_of,
    credential_of,
    open_session,
    replay,
    session_cookies,
    whoami,
    with_cookies,
)
from pytest_devsecops.identity.errors import FlowError
from pytest_devsecops.identity.evidence import as_detail
from pytest_devsecops.identity.examination import Examination
from pytest_devsecops.identity.live import Live, unverified

NAME = "identity.starts_new_session_at_login"
_REFS = ("asvs:v5.0.0-7.2.4", "WSTG-SESS-03")
_FIX = "make a new session id at login, and drop the old session"


def starts_new_session_at_login(live: Live, seen: Examination, persona: str, *, reauthentication: bool) -> None:
    """Replay what was known before the login, and plant what an attacker knows.

    Args:
        live: the open target.
        seen: filled in.
        persona: the kind that logs in.
        reauthentication: whether a session must also end when its user logs in once more.
    """
    login = _Login(live, seen, persona)
    if not login.cookies:
        fix = "drop this check for an API whose tokens go in a header: nobody can plant one"
        message = "the login is in no cookie, so no session can be fixed in advance"
        seen.findings.append(unverified(NAME, "not-applicable", message, fix))
        return
    login.earlier_session()
    login.planted(_made_up(login.sample, login.cookies), "a value that the attacker made up")
    login.planted(login.anonymous_session(), "the attacker's own session, not logged in")
    login.planted(login.attackers_session(), "the attacker's own session, logged in")
    if reauthentication:
        login.again()
    seen.evidence["session_cookies"] = login.cookies
    seen.evidence["not_applicable"] = login.absent
    seen.evidence["not_exercised"] = [] if reauthentication else ["login within a session (reauthentication=True)"]
    seen.exercised.add("asvs:v5.0.0-7.2.4")
    seen.summary = f"{seen.examined['attacks']} sessions known before the login do not get in after it"


class _Login:
    def __init__(self, live: Live, seen: Examination, persona: str) -> None:
        self._live = live
        self._seen = seen
        self._persona = live.persona(persona, fresh=True)
        self._other = live.persona(persona, fresh=True)
        trial = open_session(live, self._persona)
        self.cookies = session_cookies(live, trial)
        self.sample = cookies_of(trial.credential)
        self.absent: list[str] = []
        seen.examined["attacks"] = 0

    def earlier_session(self) -> None:
        """Log in where there was a session already, and replay the one from before."""
        browser = self._visited()
        before = credential_of(self._live, browser)
        if before.is_empty:
            self.absent.append("a session before the login: the application sets no cookie for a visitor")
            return
        self._judge(before, browser, "what the browser sent before the login", "session-kept-at-login")

    def anonymous_session(self) -> dict[str, str]:
        """Return the cookies that a visitor gets who does not log in."""
        return cookies_of(credential_of(self._live, self._visited()))

    def attackers_session(self) -> dict[str, str]:
        """Return the cookies of somebody else's login."""
        return cookies_of(open_session(self._live, self._other).credential)

    def planted(self, cookies: dict[str, str], what: str) -> None:
        """Let the victim log in with cookies that the attacker chose, and replay them."""
        known = {name: value for name, value in cookies.items() if name in self.cookies}
        if not known:
            self.absent.append(f"{what}: there is none")
            return
        victim = self._live.browser()
        for name, value in known.items():
            victim.plant(name, value)
        self._judge(with_cookies(Credential(()), known), victim, what, "session-fixation")

    def again(self) -> None:
        """Log in twice in one browser, and replay the first session."""
        first: Session = open_session(self._live, self._persona)
        self._judge(
            first.credential, first.browser, "the session of the login before this one", "session-kept-at-login"
        )

    def _visited(self) -> Browser:
        """Return a browser that has looked around and did not log in."""
        browser = self._live.browser()
        login = getattr(self._live.target.login, "__wrapped__", self._live.target.login)
        for path in ("/", whoami(self._live).path, getattr(login, "path", "/")):
            browser.get(str(path), follow=True)
        return browser

    def _judge(self, known: Credential, browser: Browser, what: str, rule: str) -> None:
        """Log the victim in with ``browser``; then ``known`` must not show the victim."""
        live, seen = self._live, self._seen
        if replay(live, self._persona, known).accepted and rule == "session-fixation":
            seen.findings.append(unverified(NAME, "control-failed", f"{what} shows the victim before any login"))
            return
        try:
            live.log_in(self._persona, browser)
        except FlowError as error:
            if not live.is_logged_in(browser, self._other):
                raise
            # Whoever is logged in is shown no login, so the victim notices whose session it is.
            self.absent.append(f"{what}: nobody can log in over it ({error.message})")
            return
        after = replay(live, self._persona, known)
        trouble = live.controls(self._persona, browser)
        seen.examined["attacks"] = int(str(seen.examined["attacks"])) + 1
        if trouble:
            seen.findings.append(unverified(NAME, "control-failed", f"after {what}: {trouble}"))
        elif after.accepted:
            message = f"{what} gets in as the one who logged in"
            seen.findings.append(Finding(rule, what, message, _FIX, _REFS, detail=as_detail(after.exchange)))


def _made_up(sample: dict[str, str], names: list[str]) -> dict[str, str]:
    """Return cookies as long as real ones, of the same letters."""
    letters = string.ascii_lowercase + string.digits
    return {name: "".join(secrets.choice(letters) for _ in sample.get(name, "x" * 32)) for name in names}
