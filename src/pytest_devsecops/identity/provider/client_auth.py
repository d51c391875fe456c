"""Client authentication (RFC 6749, section 2.3; Core 1.0, section 9)."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Mapping
from urllib.parse import unquote_plus

from pytest_devsecops.identity.http import Request
from pytest_devsecops.identity.provider.keys import verified_claims
from pytest_devsecops.identity.provider.messages import OAuthError, header_of
from pytest_devsecops.identity.provider.model import Client
from pytest_devsecops.identity.provider.realm import Realm

METHODS = ("client_secret_basic", "client_secret_post", "none", "private_key_jwt")
_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def authenticate(realm: Realm, request: Request, given: Mapping[str, str], endpoint: str) -> Client:
    """Return the client that proved who it is.

    Raises:
        OAuthError: ``invalid_client``, or ``invalid_request`` if it proved it in two ways.
    """
    basic = _basic(request)
    assertion = given.get("client_assertion", "")
    twice = sum((basic is not None, "client_secret" in given, bool(assertion))) > 1
    if twice and not realm.lax("client-auth-twice"):
        raise OAuthError("invalid_request", "more than one way of client authentication")
    if assertion:
        return _by_key(realm, given, assertion, endpoint)
    method = "client_secret_basic" if basic else "client_secret_post" if "client_secret" in given else "none"
    client_id, secret = basic or (given.get("client_id", ""), given.get("client_secret", ""))
    if basic and given.get("client_id", client_id) != client_id:
        raise OAuthError("invalid_request", "two client_ids")
    client = realm.client(client_id)
    if client is None and realm.lax("client-unknown-redeems") and given.get("code") in realm.grants:
        return realm.clients[realm.grants[given["code"]].client_id]
    if client is None:
        raise OAuthError("invalid_client", _unknown(realm, client_id), 401)
    if client.adopted and secret and not client.secret:
        client.secret = secret
    if _excused(realm, client, given, method, secret):
        return client
    if client.jwks or not _secret_fits(client, secret):
        status = 400 if realm.lax("client-failure-400") else 401
        raise OAuthError("invalid_client", _why_refused(client, secret), status)
    if client.auth_method and client.auth_method != method and not realm.lax("client-auth-any-method"):
        raise OAuthError("invalid_client", f"the client is registered for {client.auth_method}", 401)
    return client


def _excused(realm: Realm, client: Client, given: Mapping[str, str], method: str, secret: str) -> bool:
    """Tell whether a careless provider does without the right secret."""
    return (
        realm.lax("client-secret-unchecked")
        or (realm.lax("client-secret-any") and bool(secret))
        or (realm.lax("client-secret-empty") and method != "none" and not secret)
        or (realm.lax("client-secret-absent") and method == "none")
        or (realm.lax("refresh-unauthenticated") and given.get("grant_type") == "refresh_token" and not secret)
        or (
            realm.lax("client-secret-of-any-client")
            and any(secret == one.secret for one in realm.clients.values() if one.secret and one is not client)
        )
    )


def _unknown(realm: Realm, client_id: str) -> str:
    known = ", ".join(sorted(realm.clients)) or "none so far"
    return f"no client {client_id!r} is registered at {realm.url} (known: {known})"


def _why_refused(client: Client, secret: str) -> str:
    if client.jwks:
        return f"the client {client.client_id!r} must authenticate with its key (private_key_jwt)"
    if not client.secret:
        return f"the client {client.client_id!r} is public and has no secret to send"
    if not secret:
        return f"the client {client.client_id!r} sent no secret"
    if client.adopted:
        return (
            f"the client {client.client_id!r} showed another secret before: give every application its own issuer, "
            "idp.issuer(path=...), or register its client"
        )
    return f"the secret of the client {client.client_id!r} is wrong"


def _secret_fits(client: Client, secret: str) -> bool:
    """A public client has none, and whoever sends one for it is mistaken."""
    return hmac.compare_digest(client.secret.encode(), secret.encode())


def _basic(request: Request) -> tuple[str, str] | None:
    """Both parts are form-encoded before they are joined (RFC 6749, section 2.3.1)."""
    scheme, _, encoded = header_of(request, "authorization").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        client_id, separator, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise OAuthError("invalid_client", "the Authorization header is no Basic credential", 401) from None
    if not separator:
        raise OAuthError("invalid_client", "the Authorization header has no secret", 401)
    return unquote_plus(client_id), unquote_plus(secret)


def _by_key(realm: Realm, given: Mapping[str, str], assertion: str, endpoint: str) -> Client:
    """RFC 7523, section 3."""
    if given.get("client_assertion_type") != _ASSERTION:
        raise OAuthError("invalid_client", "the assertion's type is not supported", 401)
    for client in realm.clients.values():
        claims = verified_claims(assertion, client.jwks) if client.jwks else None
        if claims is None:
            continue
        audience = claims.get("aud")
        audiences = audience if isinstance(audience, list) else [audience]
        fits = claims.get("iss") == claims.get("sub") == client.client_id
        expires = claims.get("exp")
        alive = isinstance(expires, int | float) and expires > realm.now()
        if fits and alive and {realm.url, endpoint} & set(audiences) and _fresh(realm, claims.get("jti")):
            return client
    raise OAuthError("invalid_client", "the assertion is not valid", 401)


def _fresh(realm: Realm, jti: object) -> bool:
    """An assertion works once (Core, section 9)."""
    if not isinstance(jti, str) or jti in realm.assertions:
        return False
    realm.assertions.add(jti)
    return True
