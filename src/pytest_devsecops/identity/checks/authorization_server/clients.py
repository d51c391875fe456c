"""Attacks on the token endpoint by those who are not the client (RFC 6749, sections 2.3, 3.2 and 4.4; RFC 9700)."""

from __future__ import annotations

from urllib.parse import urlencode

from pytest_devsecops.identity.browser import Exchange
from pytest_devsecops.identity.checks.authorization_server.answers import FORM, Fault, issued, proof_of, refused
from pytest_devsecops.identity.checks.authorization_server.probe import Server
from pytest_devsecops.identity.registration import ClientRegistration
from pytest_devsecops.identity.tokens.model import NotApplicableError

_UNAUTHORIZED = 401
_WRONG = "not-the-secret-of-this-client"


def _redeemed_by(server: Server, client: ClientRegistration, method: str, secret: str) -> Exchange:
    headers, fields = proof_of(client, method, secret)
    landing = server.grant(client)
    return server.post("token", [*server.code_fields(landing).items(), *fields.items()], headers=headers)


def wrong_secret(server: Server) -> Fault | None:
    """Redeem a code with a wrong secret."""
    client = server.confidential()
    answer = _redeemed_by(server, client, client.method, _WRONG)
    return refused(answer, "a client authenticates with a wrong secret")


def no_secret(server: Server) -> Fault | None:
    """Redeem a confidential client's code with its name only."""
    answer = _redeemed_by(server, server.confidential(), "none", "")
    return refused(answer, "a confidential client's code is redeemed without its secret")


def empty_secret(server: Server) -> Fault | None:
    """Redeem a confidential client's code with an empty secret."""
    client = server.confidential()
    return refused(_redeemed_by(server, client, client.method, ""), "a client authenticates with an empty secret")


def secret_of_other_client(server: Server) -> Fault | None:
    """Redeem a code with another client's secret under the client's name."""
    client, other = server.confidential(), server.other()
    theirs = other.secret if other is not client else server.client.secret
    if not theirs or theirs == client.secret:
        raise NotApplicableError("the other client has no secret of its own")
    return refused(_redeemed_by(server, client, client.method, theirs), "a client authenticates with another's secret")


def other_method(server: Server) -> Fault | None:
    """Authenticate in another way than the registered one."""
    client = server.confidential()
    if not client.auth_method:
        raise NotApplicableError("the registration does not say which auth_method the client is held to")
    other = "client_secret_post" if client.auth_method == "client_secret_basic" else "client_secret_basic"
    answer = _redeemed_by(server, client, other, client.secret)
    # No clause says that the server must refuse it; what is registered is what the client means to use.
    fault = refused(answer, f"a client that is registered for {client.auth_method} authenticates with {other}")
    return Fault(fault.message, fault.exchange, advice=True) if fault else None


def two_methods(server: Server) -> Fault | None:
    """Authenticate in two ways at once, of which one is wrong (RFC 6749, section 2.3)."""
    client = server.confidential()
    landing = server.grant(client)
    header, _ = proof_of(client, "client_secret_basic", client.secret)
    _, fields = proof_of(client, "client_secret_post", "another-secret")
    answer = server.post("token", [*server.code_fields(landing).items(), *fields.items()], headers=header)
    # The clause forbids it to clients; that servers refuse it is advice.
    fault = refused(answer, "a client authenticates in two ways at once, and one of them is wrong")
    return Fault(fault.message, fault.exchange, advice=True) if fault else None


def unknown_client(server: Server) -> Fault | None:
    """Redeem a code as a client that does not exist."""
    landing = server.grant()
    nobody = {**server.code_fields(landing), "client_id": "nobody-registered-this"}
    return refused(server.post("token", nobody), "a client that does not exist redeems a code")


def secret_in_query(server: Server) -> Fault | None:
    """Send everything in the URL, where logs keep it: the code, the verifier, the secret (RFC 6749, section 2.3.1)."""
    client = server.client
    for method in (client.method, "client_secret_post" if client.secret else "none"):
        landing = server.grant()
        headers, proof = proof_of(client, method, client.secret)
        address = f"{server.endpoint('token')}?{urlencode({**server.code_fields(landing), **proof})}"
        answer = server.send("POST", address, headers=(FORM, *headers))
        if fault := refused(answer, "the token endpoint takes codes, verifiers and secrets from the URL"):
            return fault
    return None


def token_by_get(server: Server) -> Fault | None:
    """Ask for tokens with GET (RFC 6749, section 3.2)."""
    client = server.client
    landing = server.grant()
    headers, proof = proof_of(client, client.method, client.secret)
    address = f"{server.endpoint('token')}?{urlencode({**server.code_fields(landing), **proof})}"
    return refused(server.send("GET", address, headers=headers), "the token endpoint gives tokens to a GET request")


def password_grant(server: Server) -> Fault | None:
    """Show a user's password at the token endpoint (RFC 9700, section 2.4: never)."""
    persona = server.persona()
    username, password = (persona.username, persona.password) if persona else ("somebody", "password")
    fields = {"grant_type": "password", "username": username, "password": password, "scope": server.client.scope}
    return refused(server.post("token", fields, server.client), "it gives tokens for a user's password")


def credentials_grant_of_public_client(server: Server) -> Fault | None:
    """Ask for a client's own tokens as a client that proves nothing (RFC 6749, section 4.4)."""
    client = server.public() or server.client
    fields = {"grant_type": "client_credentials", "client_id": client.client_id}
    return refused(server.post("token", fields), "a client gets tokens of its own without proving who it is")


def unknown_grant(server: Server) -> Fault | None:
    """Ask with a grant type that does not exist, and a good code."""
    landing = server.grant()
    answer = server.redeem(landing, grant_type="devsecops-no-such-grant")
    return refused(answer, "it gives tokens for a grant type that does not exist")


def failed_without_401(server: Server) -> Fault | None:
    """See that a failed Basic authentication is answered by 401 (RFC 6749, section 5.2)."""
    client = server.confidential()
    answer = _redeemed_by(server, client, "client_secret_basic", _WRONG)
    if issued(answer) is None and answer.response.status != _UNAUTHORIZED:
        message = f"a wrong secret in the Authorization header is answered by {answer.response.status}, not 401"
        return Fault(message, answer, advice=True)
    return None
