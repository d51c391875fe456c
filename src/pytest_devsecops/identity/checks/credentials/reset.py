"""``reset_is_safe``: a link works once, for its account, for a while, and ends what was before.

ASVS 5.0 V6.4.3, V6.5.1, V6.5.5, V7.4.3; WSTG-ATHN-09; RFC 9110 section 7.2 (Host).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from pytest_devsecops.core.findings import Finding
from pytest_devsecops.identity.browser import Browser, Credential
from pytest_devsecops.identity.checks.credentials.attempts import (
    addresses,
    attempt,
    clear_throttles,
    decisive,
    strong_password,
)
from pytest_devsecops.identity.checks.credentials.links import (
    altered,
    bits_of,
    form_names_account,
    guessable,
    link_in,
    new_messages,
    swapped,
    takes_account,
    use_link,
)
from pytest_devsecops.identity.errors import FlowError
from pytest_devsecops.identity.evidence import as_detail
from pytest_devsecops.identity.examination import Examination
from pytest_devsecops.identity.flows import secret_of
from pytest_devsecops.identity.live import Live, unverified
from pytest_devsecops.identity.pages import read_page
from pytest_devsecops.identity.personas import Persona
from pytest_devsecops.identity.target import Operation

NAME = "identity.reset_is_safe"
REFS = ("asvs:v5.0.0-6.4.3", "WSTG-ATHN-09")
_SERVER_ERROR = 500
_EVIL = "attacker.example"
#: Referrer policies that send the whole address, with the link's secret, to other hosts.
_LEAKY = ("unsafe-url", "no-referrer-when-downgrade")


def reset_is_safe(live: Live, seen: Examination, *, expires: timedelta | None, persona: str = "") -> None:
    """Ask for links, use them well and badly, and look who gets in with which password."""
    reset = _Reset(live, seen, persona)
    reset.examine_links()
    reset.examine_binding()
    reset.examine_use()
    reset.examine_host()
    if live.target.hooks.clock is not None:
        reset.examine_expiry(expires or timedelta(days=7))
    else:
        seen.evidence["not_examined"] = ["expiry: the target has no clock"]
    reset.control_after()
    seen.summary = "a reset link works once, for its own account, and ends the sessions from before"


class _Reset:
    """One persona's resets, with the password that is right at each moment."""

    def __init__(self, live: Live, seen: Examination, kind: str) -> None:
        self._live = live
        self._seen = seen
        self._where: Iterator[str] = addresses()
        clear_throttles(live)
        self._secrets: set[str] = set()
        self._owner = live.persona(kind, fresh=True)
        self._other = live.persona(kind, fresh=True)
        self._password = self._owner.password
        self._sessions = [self._log_in() for _ in range(2)]
        self._links: list[str] = []
        seen.examined["links"] = 0
        seen.examined["attempts"] = 0

    def examine_links(self) -> None:
        """Look at three links before any is used: two of the owner, one of somebody else."""
        first, second, foreign = self._ask(self._owner), self._ask(self._owner), self._ask(self._other)
        self._links = [first, second]
        self._foreign = foreign
        why = guessable(secret_of(second), self._owner, [secret_of(one) for one in (first, second, foreign)])
        if secret_of(foreign) in (secret_of(first), secret_of(second)):
            why = "two accounts got the same"
        self._seen.evidence["secret_bits_at_most"] = round(bits_of(secret_of(second)))
        if why:
            text = f"the secret of a reset link can be guessed: {why}"
            fix = "take it from a cryptographic random source, 128 bits or more"
            self._violated("reset-link-guessable", text, fix, refs=("asvs:v5.0.0-11.5.1", "WSTG-ATHN-09"))
        for number, link in enumerate(altered(second)):
            fix = "compare the whole secret, in constant time"
            self._must_not_set(
                "reset-link-altered", link, ("with a changed secret", "with a shortened secret")[number], fix
            )

    def examine_binding(self) -> None:
        """Use the owner's secret for somebody else's account."""
        crossed = swapped(self._links[1], self._foreign)
        names_account = takes_account(self._live.target.hooks.confirm_reset) or self._form_names_account()
        if not crossed and not names_account:
            self._seen.evidence["binding"] = "links name no account beside their secret"
            return
        new = strong_password()
        browser = self._use(crossed or self._links[1], new, self._other)
        if self._logs_in(self._other, new):
            text = "the secret of one account's reset link sets another account's password"
            fix = "look the account up by the secret, never by what else is in the request"
            self._violated("reset-not-bound", text, fix, browser, refs=("asvs:v5.0.0-6.5.1", *REFS))
        if names_account:  # the code may have been used up, for either account
            self._password = new if self._logs_in(self._owner, new) else self._password
            self._links = [self._ask(self._owner), self._ask(self._owner)]

    def _form_names_account(self) -> bool:
        """Tell whether the form behind a link says whose it is; a hook fills in what it likes.

        Somebody else's link is opened for it: some applications take the first look for the only one.
        """
        if self._live.target.hooks.confirm_reset is not None:
            return False
        return form_names_account(self._live.browser(next(self._where)), self._foreign, self._other)

    def examine_use(self) -> None:
        """Use the newest link, then look at everything that must have ended with it."""
        older, newest = self._links
        before, new = self._password, strong_password()
        browser = self._use(newest, new)
        if not self._logs_in(self._owner, new):
            raise FlowError(
                f"the reset link does not set the password: it answered {browser.history[-1].response.status}, and the "
                "new password does not log in",
                remedy="check confirm_reset=, or pass one: (browser, link, new_password[, persona]) -> response",
            )
        self._password = new
        self._examine_pages(browser, newest)
        if self._logs_in(self._owner, before):
            self._violated("old-password-works", "the old password still works after a reset", "replace it")
        for number, session in enumerate(self._sessions):
            if self._is_open(session):
                text = "a session from before the reset is still logged in after it"
                fix = "end every session of the account when its password changes"
                self._violated("session-survives-reset", text, fix, refs=("asvs:v5.0.0-7.4.3", *REFS))
                self._seen.evidence["surviving_sessions"] = number + 1
                break
        self._must_not_set(
            "reset-link-works-twice", newest, "that was used before", "delete its secret when it is used"
        )
        if secret_of(older) != secret_of(newest):
            fix = "delete every secret of the account when its password changes"
            self._must_not_set("older-reset-link-works", older, "from before the last reset", fix)

    def examine_host(self) -> None:
        """Ask for a link under somebody else's host name, as an attacker can for any account."""
        for name in ("Host", "X-Forwarded-Host"):
            browser = self._live.browser(next(self._where))
            browser.headers.update({name: _EVIL, "Origin": f"https://{_EVIL}", "Referer": f"https://{_EVIL}/"})
            messages = self._messages(self._other, browser, wait=False)
            self._count("attempts")
            if any(_EVIL in message for message in messages):
                text = f"the header {name} of whoever asks decides where the reset link leads"
                fix = "build links from a configured host name"
                self._violated("reset-link-from-host-header", text, fix, browser, refs=("WSTG-INPV-17", *REFS))
                return

    def examine_expiry(self, within: timedelta) -> None:
        """Let time pass by the target's clock, and use a link that is older than it may be."""
        clock = self._live.target.hooks.clock
        assert clock is not None  # noqa: S101 - the caller looked
        link = self._ask(self._owner)
        before = clock.now()
        clock.advance(within + timedelta(minutes=1))
        moved = clock.now() - before
        if moved < within:
            text = f"the application's clock moved by {moved} when it was advanced by {within}"
            self._seen.findings.append(unverified(NAME, "clock-does-not-move", text, "check clock=Clock(advance, now)"))
            return
        fix = "keep the time with the secret, and refuse it after an hour or so"
        self._must_not_set("reset-link-does-not-expire", link, f"that is older than {within}", fix, "asvs:v5.0.0-6.5.5")

    def control_after(self) -> None:
        """Show that a good link still works: what was refused before was refused for a reason."""
        new = strong_password()
        self._use(self._ask(self._owner), new)
        if not self._logs_in(self._owner, new):
            text = "after the attacks a fresh reset link does not work any more"
            self._seen.findings.append(unverified(NAME, "control-failed", text, "pass reset=… if something throttles"))

    def _must_not_set(self, rule: str, link: str, what: str, fix: str, *refs: str) -> None:
        new = strong_password()
        browser = self._use(link, new)
        if self._logs_in(self._owner, new):
            self._password = new
            self._violated(rule, f"a reset link {what} still sets the password", fix, browser, refs=(*refs, *REFS))

    def _use(self, link: str, new: str, account: Persona | None = None) -> Browser:
        """Use a link in a new browser; a page without a form is a refusal."""
        clear_throttles(self._live)
        browser = self._live.browser(next(self._where))
        self._secrets.add(secret_of(link))
        self._count("attempts")
        try:
            confirm, whose = self._live.target.hooks.confirm_reset, account or self._owner
            if confirm is None:
                use_link(browser, link, new, self._owner, whose)
            else:
                confirm(browser, link, new, *((whose,) if takes_account(confirm) else ()))
        except FlowError:
            if not browser.history:
                raise
        last = browser.history[-1]
        if last.response.status >= _SERVER_ERROR:
            text = f"using a reset link answers {last.response.status}"
            self._violated("reset-crashes", text, "refuse bad links on purpose", browser)
        return browser

    def _ask(self, persona: Persona) -> str:
        browser = self._live.browser(next(self._where))
        messages = self._messages(persona, browser)
        link = link_in(messages)
        self._count("links")
        secret = secret_of(link)
        self._secrets.add(secret)
        if any(secret in one.response.text or secret in str(one.response.headers) for one in browser.history):
            text = "the answer to the request for a reset link has the secret in it"
            self._violated("reset-secret-in-answer", text, "send it to the owner's address only", browser)
        if any(persona.password in message for message in messages):
            self._violated("password-in-message", "the message has the password in clear", "send a link")
        return link

    def _messages(self, persona: Persona, browser: Browser, *, wait: bool = True) -> list[str]:
        hooks = self._live.target.hooks
        assert hooks.request_reset is not None  # noqa: S101 - the family asked for the hook
        assert hooks.mailbox is not None  # noqa: S101 - the family asked for the hook
        step = hooks.request_reset
        clear_throttles(self._live)

        def ask() -> None:
            try:
                self._live.step(step, browser, persona)
            except FlowError:
                if wait:
                    raise  # under a foreign host name a page without its form is a refusal

        return new_messages(hooks.mailbox, ask, patience=None if wait else 0.5)

    def _examine_pages(self, browser: Browser, link: str) -> None:
        """Look whether a page with the secret in its address tells that address to other hosts."""
        for exchange in browser.history:
            page = read_page(exchange.response.text)
            policy = (exchange.response.header("referrer-policy") or page.referrer).lower()
            leaks = any(part.strip() in _LEAKY for part in policy.split(","))
            if secret_of(link) in exchange.request.url and page.elsewhere and leaks:
                text = f"the page behind the link tells its address, with the secret, to {page.elsewhere[0]}"
                self._violated("reset-link-in-referer", text, "send Referrer-Policy: no-referrer", browser)

    def _log_in(self) -> Credential:
        browser = self._live.log_in(self._owner, self._live.browser(next(self._where)))
        return browser.credential(self._whoami().path)

    def _is_open(self, session: Credential) -> bool:
        operation = self._whoami()
        response = self._live.browser().replay(operation.method, operation.path, session)
        return self._live.shows(response, self._owner)

    def _logs_in(self, persona: Persona, password: str) -> bool:
        clear_throttles(self._live)
        return attempt(self._live, persona, password=password, client=next(self._where)).logged_in

    def _whoami(self) -> Operation:
        assert self._live.target.whoami is not None  # noqa: S101 - a login showed it
        return self._live.target.whoami

    def _count(self, name: str) -> None:
        self._seen.examined[name] = int(str(self._seen.examined[name])) + 1

    def _violated(
        self, rule: str, text: str, fix: str, browser: Browser | None = None, refs: tuple[str, ...] = REFS
    ) -> None:
        if any(found.rule == rule for found in self._seen.findings):
            return
        hidden = dict.fromkeys(sorted(self._secrets, key=len, reverse=True), "secret of a link")
        detail = as_detail(decisive(browser), secrets=hidden) if browser is not None else {}
        self._seen.findings.append(Finding(rule, "password reset", text, fix, refs, detail=detail))
