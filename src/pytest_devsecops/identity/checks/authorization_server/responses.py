"""Attacks on the authorization response: mix-up, other response types and modes, and what browsers repeat."""

from __future__ import annotations

from pytest_devsecops.identity.checks.authorization_server.answers import Fault
from pytest_devsecops.identity.checks.authorization_server.flow import Asking, Landing, asking
from pytest_devsecops.identity.checks.authorization_server.probe import Server
from pytest_devsecops.identity.tokens.model import NotApplicableError

_STATE = "a b&c=d/é\"'<x>+%41"
_REPEATS = (307, 308)
_ISS = "authorization_response_iss_parameter_supported"
#: OAuth 2.0 Multiple Response Types and Form Post; and what is supported if discovery does not say (RFC 8414).
_MODES = ("query", "fragment", "form_post")
_DEFAULT_MODES = ("query", "fragment")


def state_changed(server: Server) -> Fault | None:
    """See that the state comes back letter by letter (RFC 6749, section 4.1.2)."""
    landing = server.grant(state=_STATE)
    if landing.values.get("state") != _STATE:
        return Fault("it does not return the state as it was sent", landing.exchange)
    return None


def state_lost_on_error(server: Server) -> Fault | None:
    """See that the state comes back with an error as well (RFC 6749, section 4.1.2.1)."""
    landing = _error(server)
    if landing.values.get("state") != landing.asked.value("state"):
        return Fault("its error response has lost the state", landing.exchange)
    return None


def _error(server: Server) -> Landing:
    """Return an honest error response at a registered redirect URI."""
    landing = server.ask(asking(server.client, response_type="nonsense"))
    if not landing.target:
        raise NotApplicableError("the server sends no errors to redirect URIs")
    return landing


def no_issuer(server: Server) -> Fault | None:
    """Look for the issuer in the response, which stops mix-up attacks (RFC 9207; RFC 9700, section 4.4)."""
    return _issuer_fault(server, server.grant(), "authorization response")


def no_issuer_on_error(server: Server) -> Fault | None:
    """Look for the issuer in an error response (RFC 9207, section 2)."""
    return _issuer_fault(server, _error(server), "error response")


def _issuer_fault(server: Server, landing: Landing, what: str) -> Fault | None:
    told = landing.values.get("iss")
    if told is None:
        promised = server.metadata.get(_ISS) is True
        reason = ", though its discovery document promises it" if promised else ""
        return Fault(f"its {what} does not say who sends it (iss){reason}", landing.exchange, advice=not promised)
    expected = server.metadata.get("issuer", server.issuer)
    return None if told == expected else Fault(f"its {what} names another issuer: {told}", landing.exchange)


def implicit_grant(server: Server) -> Fault | None:
    """Ask for access tokens in the authorization response (RFC 9700, section 2.1.2)."""
    for wanted in ("token", "id_token token", "code token", "code id_token token"):
        landing = server.ask(asking(server.client, response_type=wanted))
        if landing.values.get("access_token"):
            return Fault(f"response_type={wanted} brings an access token through the browser", landing.exchange)
    return None


def unknown_response_type(server: Server) -> Fault | None:
    """Ask with a response type that does not exist, and with none (RFC 6749, section 3.1.1)."""
    requests: tuple[Asking, ...] = (
        asking(server.client, response_type="nonsense"),
        asking(server.client, response_type="code nonsense"),
        asking(server.client, drop=("response_type",)),
    )
    for asked in requests:
        landing = server.ask(asked)
        if landing.code:
            said = asked.value("response_type") or "none"
            return Fault(f"it gives a code for the response_type {said!r}", landing.exchange)
    return None


def unannounced_mode(server: Server) -> Fault | None:
    """Ask for response modes that discovery does not announce (RFC 8414, section 2)."""
    if server.discovery is None:
        raise NotApplicableError("there is no discovery document that says which response modes there are")
    known = server.metadata.get("response_modes_supported", _DEFAULT_MODES)
    others = [mode for mode in _MODES if mode not in known]
    if not others:
        raise NotApplicableError("the discovery document announces all of query, fragment and form_post")
    for mode in others:
        landing = server.ask(asking(server.client, response_mode=mode))
        if landing.code and landing.via == mode:
            return Fault(f"it answers with response_mode={mode}, which it does not announce", landing.exchange)
    return None


def repeated_form(server: Server) -> Fault | None:
    """See that a browser does not repeat the login form at the client (RFC 9700, section 4.12: never 307)."""
    server.browser = server.visitor()
    landing = server.grant()
    status = landing.exchange.response.status
    if status in _REPEATS:
        return Fault(f"it redirects with {status}, so browsers may post the login form to the client", landing.exchange)
    return None
