"""Attacks with request objects (OpenID Connect Core 1.0, section 6; RFC 9101)."""

from __future__ import annotations

import json

from pytest_devsecops.identity.checks.authorization_server.answers import Fault
from pytest_devsecops.identity.checks.authorization_server.flow import asking
from pytest_devsecops.identity.checks.authorization_server.probe import Server
from pytest_devsecops.identity.checks.authorization_server.redirects import foreign_host_or_suffix
from pytest_devsecops.identity.tokens.keys import attacker_key, signer
from pytest_devsecops.identity.tokens.model import b64, compact, jws
from pytest_devsecops.identity.tokens.trap import FetchTrap


def _unsigned(server: Server, **claims: str) -> str:
    honest = {"iss": server.client.client_id, "aud": server.issuer, "client_id": server.client.client_id}
    return f"{b64(compact({'alg': 'none'}))}.{b64(json.dumps({**honest, **claims}).encode())}."


def redirect_in_object(server: Server) -> Fault | None:
    """Put a hostile redirect URI into a request object: unsigned, and signed with a foreign key."""
    bad = foreign_host_or_suffix(server.client.redirect_uri)
    said = {
        "iss": server.client.client_id,
        "client_id": server.client.client_id,
        "redirect_uri": bad,
        "response_type": "code",
    }
    foreign = jws({"alg": "ES256", "kid": "attacker"}, said, signer(attacker_key("ES256"), "ES256"))
    for text in (_unsigned(server, redirect_uri=bad, response_type="code"), foreign):
        landing = server.ask(asking(server.client, request=text))
        if landing.target.startswith(bad):
            return Fault(f"a request object leads to {bad}, which is not registered", landing.exchange)
    return None


def unsigned_object(server: Server) -> Fault | None:
    """Send an unsigned request object with another state (RFC 9101, section 4: it must be signed)."""
    landing = server.ask(
        asking(server.client, request=_unsigned(server, state="from-the-object", response_type="code"))
    )
    if landing.code and landing.values.get("state") == "from-the-object":
        return Fault("it believes a request object that nobody signed", landing.exchange, advice=True)
    return None


def fetched_address(server: Server) -> Fault | None:
    """Name an address that the request is to be fetched from (RFC 9101, section 10.4; Core, section 15.5.1)."""
    with FetchTrap() as trap:
        trap.serve("/request.jwt", _unsigned(server, state="fetched").encode(), "application/oauth-authz-req+jwt")
        landing = server.ask(asking(server.client, request_uri=f"{trap.url()}/request.jwt"))
        visits = trap.visits()
    if visits:
        return Fault(f"it fetches an unregistered request_uri ({visits[0]}): a way into its network", landing.exchange)
    return None
