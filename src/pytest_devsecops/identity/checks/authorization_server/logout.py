"""Attacks on logout by the client (OpenID Connect RP-Initiated Logout 1.0, sections 2, 3 and 6)."""

from __future__ import annotations

from urllib.parse import urlencode, urlsplit

from pytest_devsecops.identity.browser import Browser
from pytest_devsecops.identity.checks.authorization_server.answers import Fault
from pytest_devsecops.identity.checks.authorization_server.flow import asking
from pytest_devsecops.identity.checks.authorization_server.probe import Server
from pytest_devsecops.identity.checks.authorization_server.redirects import Attack, Change
from pytest_devsecops.identity.tokens.model import NotApplicableError, Token, b64, compact

#: The header of a token that nobody signed.
_UNSIGNED = b64(compact({"alg": "none"}))
_FOREIGN = "https://attacker.example/after"
_STEPS = 5


def _leads_to(server: Server, browser: Browser, **fields: str) -> str:
    """Return where the logout endpoint sends a browser, away from the server; empty if it stays."""
    query = urlencode({name: value for name, value in fields.items() if value})
    answer = browser.get(f"{server.endpoint('end_session')}?{query}")
    asked = asking(server.client, redirect_uri=fields["post_logout_redirect_uri"])
    for _ in range(_STEPS):
        server.history.append(browser.history[-1])
        if not answer.location:
            return ""
        if server.is_away(answer.location, asked):
            return answer.location
        answer = browser.get(answer.location)
    return ""


def _hint(server: Server) -> str:
    return server.tokens().id_token if server.client.openid else ""


def to_anywhere(server: Server) -> Fault | None:
    """Log out with an address that is not registered: with a good hint, with the client's name, with neither."""
    server.endpoint("end_session")
    hint = _hint(server)
    for named in ({"id_token_hint": hint}, {"client_id": server.client.client_id}, {}):
        browser = server.visitor()
        target = _leads_to(server, browser, post_logout_redirect_uri=_FOREIGN, **named)
        if target.startswith(_FOREIGN):
            who = " and ".join(named) or "nothing"
            return Fault(f"logout with {who} leads to an address that is not registered", browser.history[-1])
    return None


def nearly_registered(change: Change) -> Attack:
    """Return the attack with a changed post-logout redirect URI."""

    def attack(server: Server) -> Fault | None:
        server.endpoint("end_session")
        if not server.client.post_logout_redirect_uris:
            raise NotApplicableError("the registration has no post_logout_redirect_uris")
        uri = change(server.client.post_logout_redirect_uris[0])
        browser = server.visitor()
        target = _leads_to(server, browser, post_logout_redirect_uri=uri, id_token_hint=_hint(server))
        if target.startswith(uri):
            return Fault(f"logout leads to {uri}, which is not registered", browser.history[-1])
        return None

    return attack


def with_forged_hint(server: Server) -> Fault | None:
    """Log out with a hint that nobody signed (Core, section 3.1.2.1: the server must have issued it)."""
    server.endpoint("end_session")
    if not server.client.post_logout_redirect_uris:
        raise NotApplicableError("the registration has no post_logout_redirect_uris")
    hint = _hint(server)
    if not hint:
        raise NotApplicableError("the client's scope has no openid, so there is no ID token to forge")
    uri = server.client.post_logout_redirect_uris[0]
    claims = dict(Token.parse(hint).claims)
    unsigned = f"{_UNSIGNED}.{b64(compact(claims))}."
    changed = b64(compact({**claims, "sub": f"not-{claims.get('sub')}"}))
    forged = (unsigned, f"{hint.partition('.')[0]}.{changed}.{hint.rpartition('.')[2]}")
    for one in forged:
        browser = server.visitor()
        target = _leads_to(server, browser, post_logout_redirect_uri=uri, id_token_hint=one)
        if target and urlsplit(target).netloc == urlsplit(uri).netloc and target.startswith(uri):
            return Fault("logout believes an id_token_hint that it did not sign", browser.history[-1])
    return None
