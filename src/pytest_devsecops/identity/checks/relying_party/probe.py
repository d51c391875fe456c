"""The relying party under test: people with browsers, and the oracle that tells who is logged in."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from pytest_devsecops.identity.browser import Browser, Exchange
from pytest_devsecops.identity.errors import FlowError
from pytest_devsecops.identity.http import Response
from pytest_devsecops.identity.live import Live
from pytest_devsecops.identity.personas import Persona
from pytest_devsecops.identity.provider.login import TwoSites
from pytest_devsecops.identity.provider.model import User
from pytest_devsecops.identity.provider.provider import Provider
from pytest_devsecops.identity.provider.realm import Realm
from pytest_devsecops.identity.target import Login

_HOPS = 5
_SUCCESS = range(200, 300)
_SERVER_ERROR = 500
#: RFC 9110, sections 15.6.3 to 15.6.5: how an application says on purpose that somebody else is at fault.
_BLAMES_OTHERS = (502, 503, 504)
_REDIRECTS = range(300, 400)
SOMEBODY = "somebody"


@dataclass(frozen=True, slots=True)
class Person:
    """A user of the provider whom every claim gives away.

    Attributes:
        canary: a word that is in every claim and nowhere else.
        user: the user.
    """

    canary: str
    user: User


def person(**claims: Any) -> Person:  # noqa: ANN401 - JSON values
    """Return somebody new; a claim of None is left out."""
    canary = f"u{secrets.token_hex(5)}"
    said = {
        "sub": f"sub-{canary}",
        "preferred_username": canary,
        "nickname": canary,
        "name": canary,
        "given_name": canary,
        "family_name": canary,
        "email": f"{canary}@users.example",
        "email_verified": True,
        **claims,
    }
    sub = str(said.pop("sub"))
    return Person(canary, User(sub, {key: value for key, value in said.items() if value is not None}))


@dataclass(slots=True)
class Visit:
    """What came of one attempt to log in.

    Attributes:
        browser: the browser of the attempt.
        shown: the canaries of those whom ``whoami`` shows, or ``somebody``; empty if nobody is logged in.
        page: what ``whoami`` answered.
        trouble: why the attempt ended early, such as redirects in a circle.
    """

    browser: Browser
    shown: set[str]
    page: Response
    trouble: str = ""

    def crash(self, home: str) -> Exchange | None:
        """Return the exchange in which the application answered 5xx, if there is one."""
        return next((one for one in self.browser.history if _is_crash(one, home)), None)

    def callback(self, home: str) -> Exchange | None:
        """Return the exchange that brought the provider's response to the application."""
        found = [
            one
            for one in self.browser.history
            if urlsplit(one.request.url).netloc == home and re.search(r"[?&](code|error|state)=", one.request.url)
        ]
        return found[-1] if found else None


def _is_crash(exchange: Exchange, home: str) -> bool:
    status = exchange.response.status
    return status >= _SERVER_ERROR and status not in _BLAMES_OTHERS and urlsplit(exchange.request.url).netloc == home


@dataclass(slots=True)
class Party:
    """The relying party.

    Attributes:
        live: the open target.
        provider: the provider that it leaves logins to.
        people: everybody whom ``whoami`` may show.
    """

    live: Live
    provider: Provider
    people: list[Person] = field(default_factory=list)
    _anonymous: Response | None = None

    @property
    def home(self) -> str:
        """Host and port of the application."""
        return urlsplit(self.live.target.base_url).netloc

    def somebody(self, **claims: Any) -> Person:  # noqa: ANN401 - JSON values
        """Return a new person whom the oracle knows."""
        self.people.append(made := person(**claims))
        return made

    def browser(self) -> Browser:
        """Return a fresh browser that reaches the application and the provider."""
        browser = self.live.browser()
        browser.transport = TwoSites(browser.transport, browser.base_url, provider=self.provider)
        return browser

    def start(self, browser: Browser, login: Login | None = None) -> Response:
        """Start a login and follow it to its end.

        Raises:
            FlowError: if the target has no login, or redirects run in a circle.
            UnreachableError: if the application gives no answer.
        """
        way = login or self.live.target.login
        if way is None:
            raise FlowError("the target has no login", remedy="pass login=idp_login('/login')")
        return way(browser, Persona("user", "user", ""))

    def visit(self, who: Person, *, browser: Browser | None = None, login: Login | None = None) -> Visit:
        """Let somebody log in, and see who is logged in afterwards."""
        browser = browser or self.browser()
        trouble = ""
        with self.provider.user(who.user.sub, **who.user.claims):
            try:
                self.start(browser, login)
            except FlowError as error:
                trouble = str(error)
            page = self.whoami(browser)
        return Visit(browser, self.shown(page), page, trouble)

    def deliver(self, browser: Browser, address: str) -> Visit:
        """Open a held-back authorization response in a browser."""
        trouble = ""
        try:
            browser.get(address, follow=True)
        except FlowError as error:
            trouble = str(error)
        page = self.whoami(browser)
        return Visit(browser, self.shown(page), page, trouble)

    def held_back(self, who: Person, browser: Browser) -> str:
        """Start a login and return the address of the authorization response, undelivered.

        Raises:
            FlowError: if the application never asked the provider.
        """
        with self.provider.user(who.user.sub, **who.user.claims), self.provider.capture() as captured:
            self.start(browser)
        if not captured:
            raise FlowError("the login never came to the provider", remedy="check login=idp_login(…)")
        return captured[-1]

    def whoami(self, browser: Browser) -> Response:
        """Ask who is logged in, without leaving the application: the provider would log somebody in."""
        operation = self.live.target.whoami
        if operation is None:
            raise FlowError("the target has no whoami", remedy="pass whoami='/me': a page that shows who is logged in")
        response = browser.request(operation.method, operation.path)
        for _ in range(_HOPS):
            if not response.location or urlsplit(response.location).netloc != self.home:
                break
            response = browser.get(response.location)
        return response

    def shown(self, page: Response) -> set[str]:
        """Return whom a page shows; a page that an anonymous caller does not get shows somebody."""
        found = {one.canary for one in self.people if one.canary.lower() in page.text.lower()}
        if found or page.status not in _SUCCESS:
            return found
        nobody = self.anonymous()
        other_page = (nobody.status, urlsplit(nobody.url).path) != (page.status, urlsplit(page.url).path)
        if nobody.status not in _SUCCESS or other_page:
            return {SOMEBODY}
        was, now = nobody.json(), page.json()
        return {SOMEBODY} if was is not None and now is not None and was != now else set()

    def anonymous(self) -> Response:
        """Return what an anonymous caller gets at ``whoami``."""
        if self._anonymous is None:
            self._anonymous = self.whoami(self.browser())
        return self._anonymous

    def realm(self) -> Realm:
        """Return the issuer of the latest login."""
        return self.provider.realm([one.issuer for one in self.provider.seen if one.endpoint == "authorization"][-1])

    def _complaint(self, before: int) -> str:
        """Return what the provider saw of a login that failed."""
        seen = self.provider.seen[before:]
        refused = [f"the {one.endpoint} endpoint refused: {one.refusal}" for one in seen if one.refusal]
        if refused:
            return "; ".join(refused)
        if not seen:
            return "the provider was not asked anything: configure the application with an issuer of the fixture idp"
        return f"the provider was asked for {', '.join(one.endpoint for one in seen)} and refused nothing"

    def control(self, who: Person) -> str:
        """Return what is wrong with an honest login, or an empty text."""
        before = len(self.provider.seen)
        visit = self.visit(who)
        if not visit.shown & {who.canary, SOMEBODY}:
            last = visit.browser.history[-2 if len(visit.browser.history) > 1 else -1].response
            what = visit.trouble or f"the login ended with {last.status} {last.text[:200].strip()!r}"
            trouble = f"an honest login does not work: {what}, and whoami answers {visit.page.status} without the user"
            return f"{trouble}; {self._complaint(before)}"
        asked = {one.endpoint for one in self.provider.seen[before:]}
        if missing := sorted({"authorization", "token"} - asked):
            return (
                f"somebody is logged in although the application never came to this provider's {' and '.join(missing)} "
                "endpoint: configure it with an issuer of the fixture idp"
            )
        if self.shown(self.whoami(self.browser())):
            return "whoami shows somebody to an anonymous caller"
        return ""
