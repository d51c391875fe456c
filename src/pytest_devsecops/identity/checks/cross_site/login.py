"""Whether a page of another site can log its visitor in as the attacker (login CSRF; ASVS 5.0 V3.5.1).

The visitor then types what is private into the attacker's account.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from urllib.parse import parse_qsl, urlencode, urlsplit

from pytest_devsecops.identity.antiforgery import is_token
from pytest_devsecops.identity.browser import Browser, Exchange
from pytest_devsecops.identity.checks.cross_site.ways import Sent, Site, headers
from pytest_devsecops.identity.checks.session.replay import open_session, session_cookies
from pytest_devsecops.identity.http import Request
from pytest_devsecops.identity.live import Live
from pytest_devsecops.identity.personas import Persona

_FORM = "application/x-www-form-urlencoded"


def log_in_across_sites(live: Live, kind: str, site: Site) -> tuple[str, Exchange | None]:
    """Try to log a visitor in as the attacker, with requests that the attacker's own login consisted of.

    Args:
        live: the open target.
        kind: the kind of persona that the attacker is.
        site: the attacker's.

    Returns:
        Why there is nothing to try, or an empty text; and the exchange that logged the visitor in.
    """
    attacker = live.persona(kind, fresh=True)
    session = open_session(live, attacker)
    if not session_cookies(live, session):
        return "the login is in no cookie", None
    sample = _with_password(session.browser, attacker)
    if sample is None:
        return "no single request of the login has the password", None
    for sent in _ways(sample):
        visitor = live.browser()
        visitor.get(sample.url, follow=True)
        lured = live.browser()
        lured.request(sent.method, sent.path, headers=headers(sent, site, visitor), body=sent.body)
        for cookie in visitor.cookies.all():
            if cookie.name not in {one.name for one in lured.cookies.all()}:
                lured.cookies.plant(cookie)
        shown = lured.history[-1]
        if live.is_logged_in(lured, attacker):
            return "", shown
    return "", None


def _with_password(browser: Browser, persona: Persona) -> Request | None:
    """Return the request of a login that had the password in it, if it went to the application."""
    for exchange in reversed(browser.history):
        request = exchange.request
        if urlsplit(request.url).netloc != urlsplit(browser.base_url).netloc or request.method == "GET":
            continue
        text = request.body.decode(errors="replace")
        if persona.password in text or persona.password in dict(parse_qsl(text)).values():
            return request
    return None


def _ways(sample: Request) -> Iterator[Sent]:
    parts = urlsplit(sample.url)
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    kind = next((value for name, value in sample.headers if name.lower() == "content-type"), "")
    if "json" in kind:
        value = json.loads(sample.body)
        yield Sent("POST", path, sample.body, "text/plain", navigates=False)
        yield Sent("POST", path, sample.body, "", navigates=False)
        if isinstance(value, dict):
            yield Sent("POST", path, urlencode(value).encode(), _FORM)
        return
    fields = dict(parse_qsl(sample.body.decode(errors="replace"), keep_blank_values=True))
    for origin in ("", "null", f"https://{parts.netloc}.attacker.example", f"https://attacker{parts.netloc}"):
        yield Sent("POST", path, sample.body, kind, origin=origin)
    without = {name: value for name, value in fields.items() if not is_token(name)}
    if without != fields:
        yield Sent("POST", path, urlencode(without).encode(), _FORM)
