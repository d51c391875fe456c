"""The token endpoint (RFC 6749, sections 4.1.3 and 6; RFC 7636, section 4.6; RFC 9700)."""

from __future__ import annotations

import re
from collections.abc import Mapping

from pytest_devsecops.identity.http import Request, Response
from pytest_devsecops.identity.provider.client_auth import authenticate
from pytest_devsecops.identity.provider.messages import NO_STORE, OAuthError, json_answer, parameters
from pytest_devsecops.identity.provider.model import SCOPES, Client, Grant, IssuedToken
from pytest_devsecops.identity.provider.realm import TOKEN_SECONDS, Realm, challenge_of

_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")


def exchange(realm: Realm, request: Request, endpoint: str) -> Response:
    """Exchange a code or a refresh token for tokens.

    Raises:
        OAuthError: as RFC 6749, section 5.2, names it.
    """
    by_get = request.method == "GET" and realm.lax("token-by-get")
    if request.method != "POST" and not by_get:
        raise OAuthError("invalid_request", "use POST", 405)
    if "?" in request.url and not by_get and not realm.lax("credentials-in-query"):
        raise OAuthError("invalid_request", "parameters belong in the body")
    given, repeated = parameters(request)
    if repeated and not realm.lax("parameters-repeated"):
        raise OAuthError("invalid_request", f"repeated: {', '.join(sorted(repeated))}")
    kind = given.get("grant_type", "")
    if kind == "client_credentials" and realm.lax("client-credentials-open"):
        return json_answer({"access_token": "given-to-anybody", "token_type": "Bearer"})
    client = authenticate(realm, request, given, endpoint)
    if kind == "authorization_code" or (kind and realm.lax("grant-type-ignored") and "code" in given):
        answer = _by_code(realm, client, given)
    elif kind == "refresh_token":
        answer = _by_refresh_token(realm, client, given)
    elif kind == "password" and realm.lax("password-grant"):
        answer = {"access_token": "given-for-a-password", "token_type": "Bearer"}
    else:
        raise OAuthError("unsupported_grant_type" if kind else "invalid_request", "unknown grant_type")
    headers = () if realm.lax("tokens-cacheable") else NO_STORE
    return json_answer(answer, headers=headers)


def _by_code(realm: Realm, client: Client, given: Mapping[str, str]) -> dict[str, object]:
    grant = realm.grants.get(given.get("code", ""))
    if grant is None and realm.lax("code-unknown-accepted"):
        grant = next((one for one in reversed(realm.grants.values()) if one.client_id == client.client_id), None)
    if grant is None:
        raise OAuthError("invalid_grant", "this code does not exist")
    if grant.client_id != client.client_id and not realm.lax("code-not-bound-to-client"):
        raise OAuthError("invalid_grant", "the code was issued to another client")
    if grant.used and not realm.lax("code-reusable"):
        # RFC 6749, section 4.1.2: what was issued for the code is revoked as well.
        if not realm.lax("code-reuse-keeps-tokens"):
            realm.revoke_family(grant)
        raise OAuthError("invalid_grant", "the code was used before")
    if grant.expires <= realm.now() and not realm.lax("code-never-expires"):
        raise OAuthError("invalid_grant", "the code has expired")
    optional = realm.lax("code-redirect-uri-optional") and "redirect_uri" not in given
    bound = not realm.lax("code-not-bound-to-redirect-uri") and not optional
    if bound and given.get("redirect_uri", "") != grant.redirect_uri:
        raise OAuthError("invalid_grant", "redirect_uri is not the one of the authorization request")
    _check_verifier(realm, client, grant, given)
    grant.used = True
    return _tokens(realm, grant, grant.scope, nonce=grant.nonce)


def _check_verifier(realm: Realm, client: Client, grant: Grant, given: Mapping[str, str]) -> None:
    verifier = given.get("code_verifier", "")
    if not grant.challenge:
        if verifier and not realm.lax("pkce-downgrade"):
            # RFC 9700, section 2.1.1: somebody took the challenge out of the request.
            raise OAuthError("invalid_grant", "code_verifier, but the request had no code_challenge")
        if client.public and not realm.lax("pkce-not-required"):
            raise OAuthError("invalid_grant", "a public client must use PKCE")
        return
    if "code_verifier" in given and not verifier and realm.lax("verifier-empty-accepted"):
        return
    if not verifier and not realm.lax("verifier-not-required"):
        raise OAuthError("invalid_grant", "code_verifier is missing")
    right = grant.challenge == (challenge_of(verifier) if grant.method == "S256" else verifier)
    right = right or (realm.lax("verifier-compared-plainly") and grant.challenge == verifier)
    if verifier and not (right and _VERIFIER.fullmatch(verifier)) and not realm.lax("verifier-unchecked"):
        form = "" if _VERIFIER.fullmatch(verifier) else ": not 43 to 128 unreserved characters (RFC 7636 4.1)"
        raise OAuthError("invalid_grant", f"code_verifier is wrong{form}")


def _by_refresh_token(realm: Realm, client: Client, given: Mapping[str, str]) -> dict[str, object]:
    token = realm.tokens.get(given.get("refresh_token", ""))
    of_kind = token is not None and (token.kind == "refresh" or realm.lax("refresh-takes-access-token"))
    if token is None or not of_kind or token.revoked or token.expires <= realm.now():
        raise OAuthError("invalid_grant", "this refresh token is not valid")
    if token.grant.client_id != client.client_id and not realm.lax("refresh-not-bound-to-client"):
        raise OAuthError("invalid_grant", "the refresh token was issued to another client")
    if token.used and not realm.lax("refresh-reusable"):
        # RFC 9700, section 4.14.2: one of the two who have it is a thief.
        if not realm.lax("refresh-reuse-keeps-family"):
            realm.revoke_family(token.grant)
        raise OAuthError("invalid_grant", "the refresh token was used before")
    scope = _narrowed(realm, token, given)
    token.used = not realm.lax("refresh-not-rotated")
    return _tokens(realm, token.grant, scope, nonce="", keep=token if realm.lax("refresh-not-rotated") else None)


def _narrowed(realm: Realm, token: IssuedToken, given: Mapping[str, str]) -> tuple[str, ...]:
    """RFC 6749, section 6: the scope may shrink, never grow."""
    asked = tuple(given.get("scope", "").split()) or token.scope
    more = set(asked) - set(token.grant.scope)
    if realm.lax("refresh-widens-scope"):
        more -= set(SCOPES)
    if realm.lax("refresh-invents-scope"):
        more &= set(SCOPES)
    if more:
        raise OAuthError("invalid_scope", "more than what was granted")
    return asked


def _tokens(
    realm: Realm, grant: Grant, scope: tuple[str, ...], *, nonce: str, keep: IssuedToken | None = None
) -> dict[str, object]:
    access = realm.issue("access", grant, scope)
    refresh = keep or realm.issue("refresh", grant, grant.scope)
    answer: dict[str, object] = {
        "access_token": access.value,
        "token_type": "Bearer",
        "expires_in": TOKEN_SECONDS,
        "refresh_token": refresh.value,
        "scope": " ".join(scope),
    }
    if "openid" in scope:
        answer["id_token"] = realm.id_token(grant, access.value, nonce=nonce)
    return realm.faults.apply("answer", realm, grant, answer)
