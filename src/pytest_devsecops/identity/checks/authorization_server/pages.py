"""The pages that people see, and what requests may ask of them (Core, section 3.1.2; RFC 9700, 4.2.4 and 4.16)."""

from __future__ import annotations

import re
import time
from datetime import timedelta
from urllib.parse import urlsplit

from pytest_devsecops.identity.browser import Exchange
from pytest_devsecops.identity.checks.authorization_server.answers import Fault
from pytest_devsecops.identity.checks.authorization_server.flow import Landing, asking, asks_who
from pytest_devsecops.identity.checks.authorization_server.probe import Server
from pytest_devsecops.identity.errors import FlowError
from pytest_devsecops.identity.http import Response
from pytest_devsecops.identity.pages import read_page
from pytest_devsecops.identity.tokens.model import NotApplicableError

_FRAMEABLE = re.compile(r"frame-ancestors\s+([^;]*)", re.IGNORECASE)
_LEAKING = ("unsafe-url", "no-referrer-when-downgrade")
_SECOND = 1.2


def _first_visit(server: Server) -> Landing:
    """Return a login in a fresh browser, with all the pages that a person sees.

    Raises:
        NotApplicableError: if there are none.
    """
    server.browser = server.visitor()
    # So that a consent page comes although the user consented before.
    landing = server.ask(asking(server.client, {"prompt": "consent"} if server.client.openid else None))
    if not landing.code:
        raise FlowError(f"a login in a fresh browser got no code: {landing.text}")
    if not landing.pages:
        raise NotApplicableError("the server shows no page of its own, so nothing can be framed or leak")
    return landing


def _exchange(server: Server, page: Response) -> Exchange:
    return next(one for one in reversed(server.history) if one.response is page)


def framable(server: Server) -> Fault | None:
    """See whether another site can put the login or consent page into a frame (RFC 6749, section 10.13)."""
    for page in _first_visit(server).pages:
        ancestors = [
            found[1] for value in page.every("content-security-policy") for found in _FRAMEABLE.finditer(value)
        ]
        closed = any("*" not in one.split() and "https:" not in one.split() for one in ancestors)
        options = page.header("x-frame-options").strip().upper()
        if not closed and (ancestors or options not in ("DENY", "SAMEORIGIN")):
            return Fault(f"other sites can frame the page {urlsplit(page.url).path}", _exchange(server, page))
    return None


def leaking_referrer(server: Server) -> Fault | None:
    """See whether a page hands its address, with the request in it, on to other sites (RFC 9700, section 4.2.4)."""
    for page in _first_visit(server).pages:
        read = read_page(page.text)
        policy = (read.referrer or page.header("referrer-policy")).lower()
        last = policy.split(",")[-1].strip()
        if last in _LEAKING:
            return Fault(f"the page {urlsplit(page.url).path} has the referrer policy {last}", _exchange(server, page))
    return None


def none_with_nobody(server: Server) -> Fault | None:
    """Ask with prompt=none in a browser in which nobody is logged in (Core, section 3.1.2.6)."""
    _openid(server)
    landing = server.anonymous(asking(server.client, prompt="none"))
    if landing.code:
        return Fault("prompt=none gets a code though nobody is logged in", landing.exchange)
    if landing.pages and not landing.values.get("error"):
        return Fault("prompt=none is answered by a page instead of an error", landing.exchange)
    return None


def none_with_login(server: Server) -> Fault | None:
    """Ask with prompt=none and another value at once (Core, section 3.1.2.1: an error)."""
    _openid(server)
    server.grant()
    landing = server.ask(asking(server.client, prompt="none login"))
    return Fault("prompt='none login' is served", landing.exchange) if landing.code else None


def login_skipped(server: Server) -> Fault | None:
    """Ask with prompt=login in a browser in which somebody is logged in (Core, section 3.1.2.1)."""
    _openid(server)
    _knows_login(server)
    landing = server.ask(asking(server.client, prompt="login"))
    return _without_login(landing, "prompt=login")


def age_ignored(server: Server) -> Fault | None:
    """Ask with max_age=0 a while after the login (Core, section 3.1.2.1)."""
    _openid(server)
    _knows_login(server)
    clock = server.live.target.hooks.clock
    if clock is not None:
        clock.advance(timedelta(seconds=_SECOND))
    else:
        time.sleep(_SECOND)
    landing = server.ask(asking(server.client, max_age="0"))
    return _without_login(landing, "max_age=0")


def _without_login(landing: Landing, what: str) -> Fault | None:
    if landing.code and not landing.login:
        return Fault(f"{what} gets a code without a new login", landing.exchange)
    return None


def _knows_login(server: Server) -> None:
    if not _first_visit(server).login:
        raise NotApplicableError("the server asks for no password that could be asked for again")


def consent_skipped(server: Server) -> Fault | None:
    """Ask with prompt=consent in a browser that consented before (Core, section 3.1.2.1)."""
    _openid(server)
    if not server.asks_consent:
        raise NotApplicableError("the server shows no consent page")
    landing = server.ask(asking(server.client, prompt="consent"))
    if landing.code and all(asks_who(page) for page in landing.pages):
        return Fault("prompt=consent gets a code without asking the user", landing.exchange)
    return None


def _openid(server: Server) -> None:
    if not server.client.openid:
        raise NotApplicableError("the client's scope has no openid")
