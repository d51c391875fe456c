"""Attacks on PKCE: leaving it out, weakening it, redeeming without it (RFC 7636; RFC 9700, section 2.1.1)."""

from __future__ import annotations

import secrets

from pytest_devsecops.identity.checks.authorization_server.answers import Fault, issued, refused
from pytest_devsecops.identity.checks.authorization_server.flow import Landing, asking
from pytest_devsecops.identity.checks.authorization_server.probe import Server
from pytest_devsecops.identity.tokens.model import NotApplicableError

_NO_CHALLENGE = ("code_challenge", "code_challenge_method")


def not_required(server: Server) -> Fault | None:
    """Ask without a challenge, and redeem without a verifier."""
    client = server.public() or server.client
    landing = server.ask(asking(client, drop=_NO_CHALLENGE))
    if not landing.code:
        return None
    answer = server.redeem(landing, drop=("code_verifier",))
    if issued(answer) is None:
        return None
    kind = "public" if client.public else "confidential"
    return Fault(
        f"the {kind} client {client.client_id!r} gets tokens without PKCE", landing.exchange, advice=not client.public
    )


def plain(server: Server) -> Fault | None:
    """Ask with the method plain, which shows the verifier to whoever sees the request."""
    verifier = secrets.token_urlsafe(48)
    landing = server.ask(asking(server.client, code_challenge=verifier, code_challenge_method="plain"))
    return _redeemed(server, landing, verifier, "it takes the challenge method plain")


def plain_by_default(server: Server) -> Fault | None:
    """Leave the method out, which means plain (RFC 7636, section 4.3)."""
    verifier = secrets.token_urlsafe(32)
    landing = server.ask(asking(server.client, drop=("code_challenge_method",), code_challenge=verifier))
    return _redeemed(server, landing, verifier, "a challenge without a method is taken as plain")


def unknown_method(server: Server) -> Fault | None:
    """Ask with a method that does not exist, and redeem with anything."""
    message = "an unknown challenge method switches PKCE off"
    for verifier in (secrets.token_urlsafe(48), ""):
        landing = server.ask(asking(server.client, code_challenge_method="S000"))
        if not landing.code:
            return None
        drop = () if verifier else ("code_verifier",)
        if fault := refused(server.redeem(landing, drop=drop, code_verifier=verifier), message):
            return fault
    return None


def _redeemed(server: Server, landing: Landing, verifier: str, message: str) -> Fault | None:
    return refused(server.redeem(landing, code_verifier=verifier), message) if landing.code else None


def wrong_verifier(server: Server) -> Fault | None:
    """Redeem with another verifier."""
    answer = server.redeem(server.grant(), code_verifier=secrets.token_urlsafe(48))
    return refused(answer, "a code is redeemed with a wrong code_verifier")


def challenge_as_verifier(server: Server) -> Fault | None:
    """Redeem with the challenge itself, which everybody saw who saw the request."""
    landing = server.grant()
    answer = server.redeem(landing, code_verifier=landing.asked.value("code_challenge"))
    return refused(answer, "a code is redeemed with the challenge in place of the code_verifier")


def no_verifier(server: Server) -> Fault | None:
    """Redeem without the verifier although there was a challenge."""
    answer = server.redeem(server.grant(), drop=("code_verifier",))
    return refused(answer, "a code that has a challenge is redeemed without a code_verifier")


def empty_verifier(server: Server) -> Fault | None:
    """Redeem with an empty verifier."""
    answer = server.redeem(server.grant(), code_verifier="")
    return refused(answer, "a code that has a challenge is redeemed with an empty code_verifier")


def verifier_without_challenge(server: Server) -> Fault | None:
    """Redeem with a verifier a code that was asked for without a challenge: somebody took it out on the way."""
    landing = server.ask(asking(server.client, drop=_NO_CHALLENGE))
    if not landing.code:
        raise NotApplicableError("the server gives no code without a challenge, so nobody can take it out")
    answer = server.redeem(landing)
    return refused(answer, "a code_verifier is ignored if the request had no challenge, so PKCE can be taken out")
