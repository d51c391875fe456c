"""Attempts to log in, people who do not exist, and the time that answers take."""

from __future__ import annotations

import itertools
import secrets
import string
import time
from collections.abc import Coroutine, Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, TypeVar

from pytest_devsecops.identity.browser import Browser, Exchange
from pytest_devsecops.identity.errors import FlowError
from pytest_devsecops.identity.http import Request, Response, Transport
from pytest_devsecops.identity.live import Live
from pytest_devsecops.identity.personas import Persona

T = TypeVar("T")
_READS = ("GET", "HEAD", "OPTIONS")


@dataclass(slots=True)
class TimedTransport:
    """A transport that remembers how long each answer took.

    Attributes:
        inner: the way to the application.
        taken: the method and the seconds of each request, in order.
    """

    inner: Transport
    taken: list[tuple[str, float]] = field(default_factory=list)

    def send(self, request: Request) -> Response:
        """Send one request."""
        start = time.perf_counter()
        try:
            return self.inner.send(request)
        finally:
            self.taken.append((request.method, time.perf_counter() - start))

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Wait for something asynchronous."""
        return self.inner.run(work)

    def close(self) -> None:
        """Close the way to the application."""
        self.inner.close()

    @property
    def seconds(self) -> float:
        """How long the answers took from the first request that was meant to change something."""
        rest = list(itertools.dropwhile(lambda one: one[0] in _READS, self.taken))
        return sum(seconds for _, seconds in rest or self.taken)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt to log in.

    Attributes:
        browser: the browser it was made in; its history shows what happened.
        response: the last response of the login.
        logged_in: whether ``whoami`` shows the persona afterwards.
        seconds: how long the application took to answer the login.
    """

    browser: Browser
    response: Response
    logged_in: bool
    seconds: float


def timed_browser(live: Live, client: str = "") -> tuple[Browser, TimedTransport]:
    """Return a new browser and the transport that measures it."""
    browser = live.browser(client)
    transport = TimedTransport(browser.transport)
    browser.transport = transport
    return browser, transport


def attempt(
    live: Live,
    persona: Persona,
    *,
    password: str | None = None,
    client: str = "",
    headers: Mapping[str, str] = MappingProxyType({}),
) -> Attempt:
    """Try to log in, with the persona's own password or another, in a new browser.

    Args:
        live: the open target.
        persona: who.
        password: another one than the persona's.
        client: the address to send from.
        headers: more headers of every request.

    Raises:
        FlowError: if the target has no login.
    """
    if live.target.login is None:
        raise FlowError("the target has no login", remedy="pass login=form('/login/') or another one")
    browser, transport = timed_browser(live, client)
    browser.headers.update(headers)
    who = persona if password is None else replace(persona, password=password)
    response = live.target.login(browser, who)
    seconds = transport.seconds
    browser.transport = transport.inner
    return Attempt(browser, response, live.is_logged_in(browser, persona), seconds)


def decisive(browser: Browser) -> Exchange:
    """Return the exchange that shows what happened: the last that was meant to change something, or the last."""
    writes = [one for one in browser.history if one.request.method not in _READS]
    return (writes or browser.history)[-1]


def must_log_in(live: Live, persona: Persona, *, client: str = "") -> Attempt:
    """Log in with the right password.

    Raises:
        FlowError: if that does not work.
    """
    done = attempt(live, persona, client=client)
    if not done.logged_in:
        raise FlowError(
            f"the login of {persona.kind} {persona.username!r} with the right password did not work: it answered "
            f"{done.response.status}, and {live.target.whoami} does not show {persona.marker!r}",
            remedy="check login=, whoami= and the persona's factory; pass reset=… if something throttles",
        )
    return done


def must_refuse(live: Live, persona: Persona, *, client: str = "") -> None:
    """See that nobody gets in as this persona with a wrong password, or without logging in at all.

    Raises:
        FlowError: if somebody does; then no answer to a wrong password tells anything.
    """
    if live.is_logged_in(live.browser(client), persona):
        raise FlowError(
            f"{live.target.whoami} shows {persona.marker!r} to an anonymous caller",
            remedy="let whoami= be a page that only its user gets to see",
        )
    if attempt(live, persona, password=strong_password(), client=client).logged_in:
        raise FlowError(
            f"the login of {persona.kind} {persona.username!r} works with a wrong password: its answers tell nothing",
            remedy="examine it as in production, with passwords checked",
        )


def clear_throttles(live: Live) -> None:
    """Call the hook that clears throttles, if there is one."""
    if live.target.hooks.reset is not None:
        live.target.hooks.reset()


def addresses() -> Iterator[str]:
    """Return ever new loopback addresses to send from (RFC 1122, section 3.2.1.3)."""
    start = secrets.randbelow(200)
    return (f"127.{1 + start}.{number // 250}.{1 + number % 250}" for number in itertools.count())


def stranger(persona: Persona, password: str = "") -> Persona:
    """Return somebody who does not exist and whose names look like the persona's, of the same length."""
    names = {persona.username: alike(persona.username)}
    data = {}
    for key, value in persona.data.items():
        if isinstance(value, str) and (value == persona.username or "@" in value):
            data[key] = names.setdefault(value, alike(value))
        elif key not in ("id", "user"):
            data[key] = value
    return Persona(persona.kind, names[persona.username], password or persona.password, data=MappingProxyType(data))


def alike(name: str) -> str:
    """Return a random name of the same length and alphabet; the host of an e-mail address stays."""
    local, at, host = name.partition("@")
    return "".join(_alike(letter) for letter in local) + at + host


def strong_password() -> str:
    """Return a password that no sensible rule refuses: 22 characters of every kind."""
    return f"{secrets.token_urlsafe(12).replace('_', 'x')}-Rk7!vQ"


def _alike(letter: str) -> str:
    for alphabet in (string.digits, string.ascii_lowercase, string.ascii_uppercase):
        if letter in alphabet:
            return secrets.choice(alphabet)
    return letter
