"""Attacks with authorization codes (RFC 6749, sections 4.1.2, 4.1.3 and 10.5; RFC 9700, section 4.5)."""

from __future__ import annotations

import math
import re
from datetime import timedelta

from pytest_devsecops.identity.checks.authorization_server.answers import Fault, Tokens, issued, refused
from pytest_devsecops.identity.checks.authorization_server.probe import Server
from pytest_devsecops.identity.errors import FlowError
from pytest_devsecops.identity.tokens.model import NotApplicableError

#: RFC 6749, section 4.1.2.
_LIFETIME = timedelta(minutes=10)
#: RFC 6749, section 10.10.
_BITS = 128
_ALPHABETS = ((r"[0-9]+", 10), (r"[0-9a-f]+|[0-9A-F]+", 16), (r"[0-9a-z]+|[0-9A-Z]+", 36), (r"[0-9A-Za-z_-]+", 64))


def reused(server: Server) -> Fault | None:
    """Redeem a code twice."""
    tokens = server.tokens()
    return refused(server.redeem(tokens.landing), "a code is redeemed a second time")


def reuse_keeps_tokens(server: Server) -> Fault | None:
    """Redeem a code twice, and see whether what the first one got still works: a thief may have been first."""
    tokens = server.lasting_tokens()
    if not server.works(tokens):
        raise FlowError("a fresh access token does not work")
    second = server.redeem(tokens.landing)
    if issued(second) is not None:
        raise NotApplicableError("a code is redeemed twice, which code-single-use tells")
    what = [name for name, lives in _alive(server, tokens).items() if lives]
    if what:
        return Fault(f"after a code was used twice, the {' and the '.join(what)} that it gave still work", second)
    return None


def _alive(server: Server, tokens: Tokens) -> dict[str, bool]:
    alive = {"access token": server.works(tokens)}
    if tokens.values.get("refresh_token"):
        renewed = server.renew(tokens.landing.asked.client, tokens.refresh)
        alive["refresh token"] = issued(renewed) is not None
    return alive


def of_other_client(server: Server) -> Fault | None:
    """Let another client redeem a code, with all that belongs to it."""
    other, landing = server.other(), server.grant()
    answer = server.post("token", server.code_fields(landing), other)
    return refused(answer, f"{other.client_id!r} redeems a code that was issued to {server.client.client_id!r}")


def other_redirect_uri(server: Server) -> Fault | None:
    """Redeem with another redirect URI than the request had."""
    landing = server.grant()
    others = [uri for uri in server.client.redirect_uris if uri != server.client.redirect_uri]
    uri = others[0] if others else f"{server.client.redirect_uri}/other"
    answer = server.redeem(landing, redirect_uri=uri)
    return refused(answer, "a code is redeemed with another redirect_uri than that of its authorization request")


def no_redirect_uri(server: Server) -> Fault | None:
    """Redeem without the redirect URI that the request had; OAuth 2.1 no longer asks for it where PKCE is used."""
    answer = server.redeem(server.grant(), drop=("redirect_uri",))
    fault = refused(answer, "a code is redeemed without the redirect_uri that its authorization request had")
    return Fault(fault.message, fault.exchange, advice=True) if fault else None


def unknown(server: Server) -> Fault | None:
    """Redeem a code that does not exist: one letter of a good one is changed."""
    landing = server.grant()
    middle = len(landing.code) // 2
    letter = "A" if landing.code[middle] != "A" else "B"
    answer = server.redeem(landing, code=landing.code[:middle] + letter + landing.code[middle + 1 :])
    return refused(answer, "a changed code is redeemed")


def guessable(server: Server) -> Fault | None:
    """Look at the codes of all flows so far."""
    for _ in range(4):
        server.grant()
    codes = server.codes
    last = server.history[-1]
    if len(set(codes)) < len(codes):
        return Fault("the same code was issued twice", last)
    # What all codes have in common (a prefix, a version) is no secret.
    shared = sum(len(set(letters)) == 1 for letters in zip(*codes, strict=False))
    shortest = min(codes, key=len)
    size = next((size for pattern, size in _ALPHABETS if all(re.fullmatch(pattern, one) for one in codes)), 85)
    bits = (len(shortest) - shared) * math.log2(size)
    if bits < _BITS:
        return Fault(f"its codes have room for {bits:.0f} bits at most, so they can be guessed", last)
    return None


def never_expires(server: Server) -> Fault | None:
    """Redeem a code that is older than ten minutes, by the server's faked clock."""
    clock = server.live.target.hooks.clock
    if clock is None:
        raise NotApplicableError("the target has no clock (pass clock=… to see codes expire)")
    landing = server.grant()
    before = clock.now()
    clock.advance(_LIFETIME + timedelta(seconds=1))
    if clock.now() - before < _LIFETIME:
        raise FlowError("the server does not see its clock move", remedy="check clock=")
    return refused(server.redeem(landing), "a code is redeemed after more than ten minutes")
