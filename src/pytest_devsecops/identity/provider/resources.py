"""Userinfo, revocation, introspection and logout."""

from __future__ import annotations

import base64
import json
import secrets
from typing import Any
from urllib.parse import urlsplit

from pytest_devsecops.identity.http import Request, Response
from pytest_devsecops.identity.provider.client_auth import authenticate
from pytest_devsecops.identity.provider.messages import (
    NO_STORE,
    OAuthError,
    cookie_of,
    header_of,
    json_answer,
    page,
    parameters,
    printable,
    redirect,
)
from pytest_devsecops.identity.provider.model import Client, Session
from pytest_devsecops.identity.provider.realm import TOKEN_SECONDS, Realm

LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"


def userinfo(realm: Realm, request: Request) -> Response:
    """Answer the userinfo request (Core, section 5.3; RFC 6750)."""
    scheme, _, value = header_of(request, "authorization").partition(" ")
    if not value and request.method == "POST":
        scheme, value = "bearer", parameters(request)[0].get("access_token", "")
    if not value and realm.lax("userinfo-token-in-query"):
        scheme, value = "bearer", parameters(request)[0].get("access_token", "")
    if not value and realm.lax("userinfo-open"):
        return json_answer({"sub": "somebody"})
    token = realm.valid(value, "access") if scheme.lower() == "bearer" else None
    if token is None and realm.lax("userinfo-any-token"):
        token = realm.valid(value, "refresh")
    if token is None and realm.lax("userinfo-error-shows-insides"):
        return page("Traceback (most recent call last)", status=401)
    if token is None or "openid" not in token.scope:
        headers = (*NO_STORE, ("WWW-Authenticate", 'Bearer error="invalid_token"'))
        return json_answer({"error": "invalid_token"}, status=401, headers=headers)
    honest = token.grant.session.user.released(token.scope)
    return json_answer(realm.faults.apply("userinfo", realm, token.grant, honest))


def revoke(realm: Realm, request: Request, endpoint: str) -> Response:
    """Revoke a token (RFC 7009, section 2.1); a refresh token takes its whole family along."""
    given = parameters(request)[0]
    token = realm.tokens.get(given.get("token", ""))
    if token is not None and realm.lax("revocation-open"):
        client = realm.clients[token.grant.client_id]
    else:
        client = authenticate(realm, request, given, endpoint)
    if token is None:
        return json_answer({})  # section 2.2: an unknown token is no error
    if token.grant.client_id != client.client_id and not realm.lax("revocation-of-others"):
        raise OAuthError("invalid_request", "the token was issued to another client")
    if realm.lax("revocation-ignored") or realm.lax(f"revocation-keeps-{token.kind}-token"):
        return json_answer({})
    token.revoked = True
    if token.kind == "refresh" and not realm.lax("revocation-keeps-family"):
        realm.revoke_family(token.grant)
    return json_answer({})


def introspect(realm: Realm, request: Request, endpoint: str) -> Response:
    """Tell about a token (RFC 7662); only to its own client, and only to one with a secret."""
    given = parameters(request)[0]
    if not realm.lax("introspection-open"):
        client = authenticate(realm, request, given, endpoint)
        if client.public:
            raise OAuthError("invalid_client", "introspection needs a client with a secret", 401)
    else:
        client = Client("")
    value = given.get("token", "")
    token = realm.valid(value, "access") or realm.valid(value, "refresh")
    foreign = token is not None and token.grant.client_id != client.client_id
    told = realm.lax("introspection-open") or realm.lax("introspection-of-others")
    if realm.lax("introspection-lies"):
        return json_answer({"active": True})
    if token is None or (foreign and not told):
        return json_answer({"active": False})
    answer = {
        "active": True,
        "client_id": token.grant.client_id,
        "exp": int(token.expires),
        "iss": realm.url,
        "scope": " ".join(token.scope),
        "sub": token.grant.session.user.sub,
        "token_type": "Bearer",
    }
    return json_answer(answer)


def end_session(realm: Realm, request: Request) -> tuple[Response, Session | None]:
    """End the browser's session here (RP-Initiated Logout 1.0).

    Returns:
        the answer, and the session that ended, whose clients are to be told.
    """
    given = parameters(request)[0]
    hint = realm.own(given.get("id_token_hint", ""))
    if not hint and given.get("id_token_hint", "").count(".") > 1 and realm.lax("logout-hint-unverified"):
        hint = _unverified(given["id_token_hint"])
    client = realm.client(str(given.get("client_id") or hint.get("aud", "")))
    session = realm.sessions.pop(str(hint.get("sid", "")), None)
    session = realm.sessions.pop(cookie_of(request, "devsecops_idp"), None) or session
    target = given.get("post_logout_redirect_uri", "")
    if not target:
        return page("Logged out.", status=200), session
    # Section 3: never to an address that is not registered.
    known = client is not None and (target in client.post_logout_redirect_uris or (client.adopted and bool(hint)))
    if not known and not _lax_logout(realm, client, target):
        return page(_no_way_back(client, target), status=400), session
    return redirect(target, {"state": given["state"]} if "state" in given else {}), session


def _unverified(hint: str) -> dict[str, Any]:
    try:
        claims = json.loads(base64.urlsafe_b64decode(hint.split(".")[1] + "==="))
    except ValueError:
        return {}
    return claims if isinstance(claims, dict) else {}


def _lax_logout(realm: Realm, client: Client | None, target: str) -> bool:
    if realm.lax("logout-redirect-any"):
        return True
    registered = client.post_logout_redirect_uris if client is not None else ()
    if realm.lax("logout-redirect-host"):
        return any(urlsplit(target).netloc.startswith(urlsplit(known).netloc + ".") for known in registered)
    return realm.lax("logout-redirect-prefix") and any(target.startswith(known) for known in registered)


def _no_way_back(client: Client | None, target: str) -> str:
    if client is None:
        return (
            "Logged out. Nobody says for which client: send id_token_hint or client_id with post_logout_redirect_uri."
        )
    if client.adopted:
        return "Logged out. To return to an address that nobody registered, send the id_token_hint of a login here."
    known = ", ".join(client.post_logout_redirect_uris) or "none"
    return (
        f"Logged out. {printable(target)} is no post_logout_redirect_uri of the client {printable(client.client_id)} "
        f"(registered: {known})."
    )


def logout_token(realm: Realm, client_id: str, session: Session) -> str:
    """Return an honest logout token (Back-Channel Logout 1.0, section 2.4)."""
    return realm.key.sign(logout_claims(realm, client_id, session), {"typ": "logout+jwt"})


def logout_claims(realm: Realm, client_id: str, session: Session) -> dict[str, object]:
    """Return the claims of an honest logout token."""
    now = int(realm.now())
    return {
        "iss": realm.url,
        "aud": client_id,
        "iat": now,
        "exp": now + TOKEN_SECONDS,
        "jti": secrets.token_urlsafe(12),
        "sub": session.user.sub,
        "sid": session.sid,
        "events": {LOGOUT_EVENT: {}},
    }
