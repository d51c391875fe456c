"""Attacks with tokens: revocation (RFC 7009), introspection (RFC 7662), userinfo (RFC 6750), caches and scripts."""

from __future__ import annotations

from urllib.parse import urlencode

from pytest_devsecops.identity.browser import Exchange
from pytest_devsecops.identity.checks.authorization_server.answers import Fault, Tokens, issued
from pytest_devsecops.identity.checks.authorization_server.probe import Server
from pytest_devsecops.identity.errors import FlowError
from pytest_devsecops.identity.registration import ClientRegistration
from pytest_devsecops.identity.tokens.model import NotApplicableError

_OK = 200
_ORIGIN = "https://attacker.example"


def _revoked(server: Server, token: str, kind: str, client: ClientRegistration | None, **more: str) -> Exchange:
    fields = {"token": token, "token_type_hint": kind, **more}
    answer = server.post("revocation", fields, client)
    told = answer.response.json()
    if isinstance(told, dict) and told.get("error") == "unsupported_token_type":
        raise NotApplicableError(f"the server does not revoke such tokens ({kind}; RFC 7009, section 2.2.1)")
    return answer


def _fresh(server: Server) -> Tokens:
    tokens = server.lasting_tokens()
    if not server.works(tokens):
        raise FlowError("a fresh access token does not work")
    return tokens


def revoked_refresh_token_works(server: Server) -> Fault | None:
    """Revoke a refresh token and use it."""
    tokens = server.lasting_tokens()
    answer = _revoked(server, tokens.refresh, "refresh_token", server.client)
    if issued(server.renew(server.client, tokens.refresh)) is not None:
        return Fault("a refresh token works after it was revoked", answer)
    return None


def revoked_access_token_works(server: Server) -> Fault | None:
    """Revoke an access token and use it at the server itself."""
    server.endpoint("revocation")
    tokens = _fresh(server)
    answer = _revoked(server, tokens.access, "access_token", server.client)
    return Fault("an access token works after it was revoked", answer) if server.works(tokens) else None


def revocation_spares_access_token(server: Server) -> Fault | None:
    """Revoke a refresh token and use the access token of the same grant (section 2.1: it should go as well)."""
    server.endpoint("revocation")
    tokens = _fresh(server)
    answer = _revoked(server, tokens.refresh, "refresh_token", server.client)
    if not server.works(tokens):
        return None
    return Fault("the access token works after the refresh token of its grant was revoked", answer, advice=True)


def revoked_by_other_client(server: Server) -> Fault | None:
    """Let another client revoke a token; it must still work then."""
    server.endpoint("revocation")
    other, tokens = server.other(), server.lasting_tokens()
    kind = "refresh_token" if tokens.values.get("refresh_token") else "access_token"
    answer = _revoked(server, str(tokens.values[kind]), kind, other)
    return None if _lives(server, tokens) else Fault(f"{other.client_id!r} revokes another client's token", answer)


def revoked_by_anybody(server: Server) -> Fault | None:
    """Revoke a confidential client's token without its secret; it must still work then."""
    server.endpoint("revocation")
    client = server.confidential()
    tokens = server.lasting_tokens(client)
    kind = "refresh_token" if tokens.values.get("refresh_token") else "access_token"
    answer = _revoked(server, str(tokens.values[kind]), kind, None, client_id=client.client_id)
    return None if _lives(server, tokens) else Fault("a token is revoked without the client's secret", answer)


def _lives(server: Server, tokens: Tokens) -> bool:
    if tokens.values.get("refresh_token"):
        return issued(server.renew(tokens.landing.asked.client, tokens.refresh)) is not None
    return server.works(tokens)


def introspected_by_anybody(server: Server) -> Fault | None:
    """Ask about a token without proving who asks (RFC 7662, section 2.1)."""
    tokens = server.tokens()
    answer = server.post("introspection", {"token": tokens.access})
    if not _active(answer):
        answer = server.post("introspection", {"token": tokens.access, "client_id": server.confidential().client_id})
    return Fault("it tells about tokens without asking who wants to know", answer) if _active(answer) else None


def introspected_with_wrong_secret(server: Server) -> Fault | None:
    """Ask about a token with a wrong secret."""
    client = server.confidential()
    tokens = server.tokens(client)
    answer = server.post("introspection", {"token": tokens.access}, _impostor(client))
    return Fault("it tells about tokens to whoever has a wrong secret", answer) if _active(answer) else None


def _impostor(client: ClientRegistration) -> ClientRegistration:
    return ClientRegistration(
        client.client_id, "not-the-secret-of-this-client", client.redirect_uris, auth_method=client.auth_method
    )


def introspection_lies(server: Server) -> Fault | None:
    """Ask about a token that was never issued, and about one that was revoked (section 2.2)."""
    client = server.confidential()
    tokens = server.lasting_tokens(client)
    middle = len(tokens.access) // 2
    letter = "A" if tokens.access[middle] != "A" else "B"
    made_up = tokens.access[:middle] + letter + tokens.access[middle + 1 :]
    answer = server.post("introspection", {"token": made_up}, client)
    if _active(answer):
        return Fault("it says that a changed token is active", answer)
    if server.has("revocation") and tokens.values.get("refresh_token"):
        _revoked(server, tokens.refresh, "refresh_token", client)
        answer = server.post("introspection", {"token": tokens.refresh}, client)
        if _active(answer):
            return Fault("it says that a revoked refresh token is active", answer)
    return None


def introspected_by_other_client(server: Server) -> Fault | None:
    """Ask as another client about a token that is not meant for it (section 4 leaves it to the server's policy)."""
    other = server.other()
    if other.public:
        raise NotApplicableError("the other client has no secret")
    tokens = server.tokens()
    answer = server.post("introspection", {"token": tokens.access}, other)
    message = f"it tells {other.client_id!r} about tokens of {server.client.client_id!r}"
    return Fault(message, answer, advice=True) if _active(answer) else None


def _active(exchange: Exchange) -> bool:
    told = exchange.response.json()
    return isinstance(told, dict) and told.get("active") is True


# Userinfo.


def userinfo_without_token(server: Server) -> Fault | None:
    """Ask for a user's claims without a token (RFC 6750, section 3)."""
    answer = server.send("GET", server.endpoint("userinfo"))
    if answer.response.status == _OK:
        return Fault("userinfo answers without a token", answer)
    if "bearer" not in answer.response.header("www-authenticate").lower():
        message = f"userinfo refuses with {answer.response.status} and no WWW-Authenticate: Bearer"
        return Fault(message, answer, advice=True)
    return None


def userinfo_with_wrong_token(server: Server) -> Fault | None:
    """Ask for a user's claims with tokens that are none: changed, a refresh token, an ID token, a code."""
    server.endpoint("userinfo")
    tokens = server.lasting_tokens()
    middle = len(tokens.access) // 2
    letter = "A" if tokens.access[middle] != "A" else "B"
    wrong = {
        "a changed access token": tokens.access[:middle] + letter + tokens.access[middle + 1 :],
        "a refresh token": str(tokens.values.get("refresh_token") or ""),
        "an ID token": str(tokens.values.get("id_token") or ""),
        "a code": tokens.landing.code,
    }
    for what, token in wrong.items():
        if token and (answer := server.userinfo(token)).response.status == _OK:
            return Fault(f"userinfo takes {what}", answer)
    return None


def userinfo_token_in_query(server: Server) -> Fault | None:
    """Send a good access token in the URL, where logs and Referer keep it (RFC 9700, section 4.3.2)."""
    tokens = server.tokens()
    if not server.client.openid:
        raise NotApplicableError("the client's scope has no openid")
    if server.send("GET", server.endpoint("userinfo")).response.status == _OK:
        raise NotApplicableError("userinfo answers without a token, which userinfo-no-token tells")
    answer = server.send("GET", f"{server.endpoint('userinfo')}?{urlencode({'access_token': tokens.access})}")
    return Fault("userinfo takes an access token from the URL", answer) if answer.response.status == _OK else None


# What the answers of the token endpoint say to caches and to scripts of other sites.


def tokens_cacheable(server: Server) -> Fault | None:
    """Look for no-store on answers with tokens (RFC 6749, section 5.1)."""
    tokens = server.lasting_tokens()
    answers = [tokens.exchange]
    if tokens.values.get("refresh_token"):
        answers.append(server.renew(server.client, tokens.refresh))
    for answer in answers:
        directives = answer.response.header("cache-control").lower()
        if issued(answer) is not None and "no-store" not in directives:
            return Fault("answers with tokens are without Cache-Control: no-store", answer)
    return None


def tokens_readable_by_scripts(server: Server) -> Fault | None:
    """Ask as a script of another origin, and see whether it may read the answer with the user's credentials."""
    landing = server.grant()
    answer = server.post("token", server.code_fields(landing), landing.asked.client, headers=(("Origin", _ORIGIN),))
    headers = answer.response
    if headers.header("access-control-allow-credentials").lower() == "true" and headers.header(
        "access-control-allow-origin"
    ) in (_ORIGIN, "*"):
        return Fault("scripts of every origin may read the token endpoint's answers with credentials", answer)
    return None


def authorization_readable_by_scripts(server: Server) -> Fault | None:
    """Ask the authorization endpoint as a script of another origin (RFC 9700, section 2.6: no CORS there)."""
    answer = server.send(
        "GET", f"{server.endpoint('authorization')}?{urlencode({'client_id': server.client.client_id})}",
        headers=(("Origin", _ORIGIN),),
    )  # fmt: skip
    if answer.response.header("access-control-allow-origin"):
        return Fault("scripts of other origins may read the authorization endpoint", answer)
    return None
