"""The provider as an application: one function from request to response, and its ASGI face."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from pytest_devsecops.identity.http import Request, Response
from pytest_devsecops.identity.provider import resources
from pytest_devsecops.identity.provider.authorization import authorize
from pytest_devsecops.identity.provider.client_auth import METHODS
from pytest_devsecops.identity.provider.messages import (
    OAuthError,
    error_answer,
    header_of,
    json_answer,
    page,
    parameters,
    refusal_in,
)
from pytest_devsecops.identity.provider.model import SCOPES, Seen, Session, User
from pytest_devsecops.identity.provider.realm import Realm
from pytest_devsecops.identity.provider.token_endpoint import exchange

DISCOVERY = "/.well-known/openid-configuration"
#: The header in which a test browser says whom the provider is to log in: base64url of JSON claims.
USER_HEADER = "devsecops-user"

_PLAIN = {
    "authorization": "/authorize",
    "token": "/token",
    "userinfo": "/userinfo",
    "jwks": "/jwks",
    "revocation": "/revoke",
    "introspection": "/introspect",
    "end_session": "/logout",
}
_KEYCLOAK = {
    "authorization": "/protocol/openid-connect/auth",
    "token": "/protocol/openid-connect/token",
    "userinfo": "/protocol/openid-connect/userinfo",
    "jwks": "/protocol/openid-connect/certs",
    "revocation": "/protocol/openid-connect/revoke",
    "introspection": "/protocol/openid-connect/token/introspect",
    "end_session": "/protocol/openid-connect/logout",
}


def endpoints(realm: Realm) -> dict[str, str]:
    """Return the addresses of an issuer's endpoints by name."""
    paths = _KEYCLOAK if realm.keycloak else _PLAIN
    return {name: realm.url.rstrip("/") + path for name, path in paths.items()}


def discovery(realm: Realm) -> dict[str, Any]:
    """Return the discovery document (Discovery 1.0, section 3; RFC 8414)."""
    at = endpoints(realm)
    other = realm.url + "/other" if realm.lax("discovery-issuer-other") else realm.url
    return {
        "issuer": other,
        "authorization_endpoint": at["authorization"],
        "token_endpoint": at["token"],
        "userinfo_endpoint": at["userinfo"],
        "jwks_uri": at["jwks"],
        "revocation_endpoint": at["revocation"],
        "introspection_endpoint": at["introspection"],
        "end_session_endpoint": at["end_session"],
        "scopes_supported": list(SCOPES),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": [realm.algorithm],
        "token_endpoint_auth_methods_supported": list(METHODS),
        "token_endpoint_auth_signing_alg_values_supported": ["ES256", "RS256"],
        "code_challenge_methods_supported": ["S256"],
        "claims_supported": ["sub", "iss", "aud", "exp", "iat", "auth_time", "nonce", "email", "name"],
        "authorization_response_iss_parameter_supported": not realm.lax("iss-not-returned"),
        "backchannel_logout_supported": True,
        "backchannel_logout_session_supported": True,
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
    }


class ProviderApp:
    """The provider's requests and responses.

    Args:
        realms: the issuers by address.
        current_user: whom the provider logs in if the browser does not say it.
        logged_out: told when a session ended.
    """

    def __init__(
        self,
        realms: dict[str, Realm],
        current_user: Callable[[Realm, str], User | None],
        logged_out: Callable[[Realm, Session], None],
    ) -> None:
        self._realms, self._current_user, self._logged_out = realms, current_user, logged_out
        self._lock = threading.RLock()
        self.seen: list[Seen] = []

    def handle(self, request: Request) -> Response:
        """Answer one request, whichever way it came."""
        with self._lock:
            found = self._find(request.url)
            if found is None:
                return page("No issuer of this provider has this address.", status=404)
            realm, endpoint = found
            answer = self._answer(realm, endpoint, request)
            asked = parameters(request)[0]
            self.seen.append(Seen(endpoint, realm.url, asked, answer.status, refusal_in(answer)))
            return replace(answer, url=request.url)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401 - ASGI's own types
        """Serve one request (ASGI 3.0)."""
        if scope["type"] != "http":
            raise NotImplementedError(f"the provider serves HTTP, not {scope['type']}")
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body", False):
                break
        headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"])
        host = dict(headers).get("host", "localhost")
        query = f"?{scope['query_string'].decode('latin-1')}" if scope["query_string"] else ""
        url = f"{scope['scheme']}://{host}{scope['path']}{query}"
        answer = self.handle(Request(scope["method"], url, headers, body))
        raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers]
        raw.append((b"content-length", str(len(answer.body)).encode()))
        await send({"type": "http.response.start", "status": answer.status, "headers": raw})
        await send({"type": "http.response.body", "body": answer.body})

    def _find(self, url: str) -> tuple[Realm, str] | None:
        """Return the issuer and the endpoint's name; a lying issuer may be asked under another host."""
        asked = urlsplit(url)
        for realm in sorted(self._realms.values(), key=lambda one: -len(one.path)):
            known = urlsplit(realm.url)
            base = known.path.rstrip("/")
            if asked.port == known.port and asked.path.startswith(base):
                rest = asked.path.removeprefix(base)
                names = {path: name for name, path in (_KEYCLOAK if realm.keycloak else _PLAIN).items()}
                if name := {**names, DISCOVERY: "discovery"}.get(rest):
                    return realm, name
        return None

    def _answer(self, realm: Realm, endpoint: str, request: Request) -> Response:
        at = endpoints(realm).get(endpoint, "")
        serve: dict[str, Callable[[], Response]] = {
            "authorization": lambda: _open_to_scripts(realm, authorize(realm, request, self._user(realm, request))),
            "end_session": lambda: self._log_out(realm, request),
            "discovery": lambda: self._published(realm, endpoint),
            "jwks": lambda: self._published(realm, endpoint),
            "userinfo": lambda: resources.userinfo(realm, request),
            "token": lambda: _with_cors(realm, exchange(realm, request, at)),
            "revocation": lambda: resources.revoke(realm, request, at),
            "introspection": lambda: resources.introspect(realm, request, at),
        }
        if request.method == "OPTIONS":
            return page("", status=405)
        try:
            return serve[endpoint]()
        except OAuthError as error:
            if endpoint == "token" and realm.lax("token-error-shows-insides"):
                return page("Traceback (most recent call last)", status=400)
            if endpoint == "token" and realm.lax("token-error-as-page"):
                return page("Sorry.", status=200)
            basic = error.status == 401 and header_of(request, "authorization") != ""  # noqa: PLR2004 - unauthorized
            return error_answer(error, basic=basic)

    def _log_out(self, realm: Realm, request: Request) -> Response:
        answer, session = resources.end_session(realm, request)
        if session is not None:
            self._logged_out(realm, session)
        return answer

    def _published(self, realm: Realm, endpoint: str) -> Response:
        honest = discovery(realm) if endpoint == "discovery" else realm.jwks()
        return json_answer(realm.faults.apply(endpoint, realm, None, honest))

    def _user(self, realm: Realm, request: Request) -> User | None:
        sent = header_of(request, USER_HEADER)
        if sent:
            claims = json.loads(base64.urlsafe_b64decode(sent))
            return User(str(claims.pop("sub")), claims)
        return self._current_user(realm, parameters(request)[0].get("login_hint", ""))


def _with_cors(realm: Realm, answer: Response) -> Response:
    if not realm.lax("cors-any-origin"):
        return answer
    headers = (
        ("Access-Control-Allow-Origin", "https://attacker.example"),
        ("Access-Control-Allow-Credentials", "true"),
    )
    return replace(answer, headers=(*answer.headers, *headers))


def _open_to_scripts(realm: Realm, answer: Response) -> Response:
    if not realm.lax("cors-authorization"):
        return answer
    return replace(answer, headers=(*answer.headers, ("Access-Control-Allow-Origin", "*")))
