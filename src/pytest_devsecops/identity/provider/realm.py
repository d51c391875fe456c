"""One issuer: its keys, clients, sessions, grants and tokens."""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Callable, Mapping
from typing import Any, Protocol
from urllib.parse import urlsplit

from pytest_devsecops.identity.provider.keys import SigningKey, new_key, verified_claims
from pytest_devsecops.identity.provider.model import Client, Grant, IssuedToken, Session, User
from pytest_devsecops.identity.tokens.model import b64

CODE_SECONDS = 60
TOKEN_SECONDS = 300
REFRESH_SECONDS = 86_400


class Misbehaviour(Protocol):
    """What an issuer asks before it says anything: whether it is to say something else (``faults.Faults``)."""

    lax: frozenset[str]
    capture: bool
    captured: list[str] | None

    def apply(self, hook: str, realm: Realm, grant: Grant | None, honest: dict[str, Any]) -> dict[str, Any]:
        """Return what is said instead of an honest object."""

    def apply_to_token(self, realm: Realm, grant: Grant, honest: str) -> str:
        """Return what is said instead of an honest ID token."""


class Realm:
    """The state of one issuer.

    Args:
        url: the issuer's identifier.
        algorithm: ``ES256`` or ``RS256``.
        keycloak: whether paths and claims look like Keycloak's.
        jwt_access_tokens: whether access tokens are JWTs (RFC 9068) rather than opaque.
        faults: the provider's misbehaviour.
        now: the provider's clock, seconds since the epoch.
        sibling: another issuer of the same provider.
    """

    def __init__(
        self,
        url: str,
        *,
        algorithm: str,
        keycloak: bool,
        jwt_access_tokens: bool,
        faults: Misbehaviour,
        now: Callable[[], float],
        sibling: Callable[[Realm], Realm],
    ) -> None:
        self.url, self.algorithm, self.keycloak, self.jwt_access_tokens = url, algorithm, keycloak, jwt_access_tokens
        self.faults, self.now = faults, now
        self.keys: list[SigningKey] = [new_key(algorithm)]
        self.retired: list[SigningKey] = []
        self.closed = False
        self.clients: dict[str, Client] = {}
        self.sessions: dict[str, Session] = {}
        self.grants: dict[str, Grant] = {}
        self.tokens: dict[str, IssuedToken] = {}
        self.assertions: set[str] = set()
        self.passwords: dict[str, str] = {}
        self.consents: dict[tuple[str, str], set[str]] = {}
        self.tickets: dict[str, str] = {}
        self._sibling = sibling

    @property
    def path(self) -> str:
        """The path of the issuer's address."""
        return urlsplit(self.url).path

    @property
    def key(self) -> SigningKey:
        """The key that signs now."""
        return self.keys[-1]

    def sibling(self) -> Realm:
        """Return another issuer of the same provider."""
        return self._sibling(self)

    def lax(self, rule: str) -> bool:
        """Tell whether the provider was told not to enforce a rule."""
        return rule in self.faults.lax

    def rotate(self, *, keep: bool = True) -> None:
        """Sign with a new key from now on.

        Args:
            keep: whether the key set still has the old keys.
        """
        if not keep:
            self.retired.extend(self.keys)
        self.keys = [*(self.keys if keep else ()), new_key(self.algorithm)]

    def own(self, token: str) -> Mapping[str, Any]:
        """Return the claims of a token that this issuer signed, however long ago; none of any other."""
        return verified_claims(token, tuple(key.jwk() for key in (*self.keys, *self.retired))) or {}

    def jwks(self) -> dict[str, Any]:
        """Return the public keys (RFC 7517, section 5)."""
        return {"keys": [key.jwk() for key in self.keys]}

    def client(self, client_id: str, redirect_uri: str = "") -> Client | None:
        """Return a client; one that nobody registered is adopted unless the issuer is closed."""
        known = self.clients.get(client_id)
        if known is None and client_id and redirect_uri and not self.closed:
            known = self.clients[client_id] = Client(client_id, adopted=True)
        if known is not None and known.adopted and redirect_uri and redirect_uri not in known.redirect_uris:
            known.redirect_uris = (*known.redirect_uris, redirect_uri)
        return known

    def open_session(self, user: User) -> Session:
        """Log a user in at the provider."""
        session = Session(secrets.token_urlsafe(16), user, int(self.now()))
        self.sessions[session.sid] = session
        return session

    def grant(self, request: Mapping[str, str], session: Session, scope: tuple[str, ...]) -> Grant:
        """Note what the user allowed, and make the code for it."""
        code = f"{secrets.randbelow(10**8):08d}" if self.lax("code-short") else secrets.token_urlsafe(32)
        grant = Grant(
            code,
            request["client_id"],
            request["redirect_uri"],
            session,
            scope,
            request.get("nonce", ""),
            request.get("code_challenge", ""),
            self.now() + CODE_SECONDS,
            request.get("code_challenge_method", "plain") if request.get("code_challenge") else "",
        )
        self.grants[grant.code] = grant
        return grant

    def issue(self, kind: str, grant: Grant, scope: tuple[str, ...]) -> IssuedToken:
        """Issue an access or refresh token."""
        seconds = REFRESH_SECONDS if kind == "refresh" else TOKEN_SECONDS
        expires = self.now() + seconds
        value = secrets.token_urlsafe(32)
        if kind == "access" and self.jwt_access_tokens:
            value = self.key.sign(self._access_claims(grant, scope, expires), {"typ": "at+jwt"})
        token = IssuedToken(value, kind, grant, scope, expires)
        self.tokens[value] = token
        return token

    def revoke_family(self, grant: Grant) -> None:
        """Revoke everything that came from a grant (RFC 9700, section 4.14.2)."""
        grant.revoked = True
        for token in self.tokens.values():
            if token.grant is grant:
                token.revoked = True

    def valid(self, value: str, kind: str) -> IssuedToken | None:
        """Return a token of this kind that is neither expired, used nor revoked."""
        token = self.tokens.get(value)
        good = token is not None and token.kind == kind and not token.revoked and not token.used
        return token if good and token is not None and token.expires > self.now() else None

    def id_token(self, grant: Grant, access_token: str, *, nonce: str) -> str:
        """Return the ID token for a grant (Core, section 2), or what the current lie makes of it."""
        claims = self.id_claims(grant, access_token, nonce)
        said = self.faults.apply("claims", self, grant, claims)
        header = self.faults.apply("header", self, grant, {"alg": self.algorithm, "kid": self.key.kid, "typ": "JWT"})
        return self.faults.apply_to_token(self, grant, self.key.sign(said, header))

    def id_claims(self, grant: Grant, access_token: str, nonce: str) -> dict[str, Any]:
        """Return the honest claims of an ID token."""
        now = int(self.now())
        claims = {
            "iss": self.url,
            **grant.session.user.released(grant.scope),
            "aud": grant.client_id,
            "iat": now,
            "exp": now + TOKEN_SECONDS,
            "auth_time": grant.session.auth_time,
            "sid": grant.session.sid,
            "at_hash": half_hash(access_token),
        }
        if nonce:
            claims["nonce"] = nonce
        if self.keycloak:
            claims |= {"typ": "ID", "azp": grant.client_id, "session_state": grant.session.sid, "acr": "1"}
        return claims

    def _access_claims(self, grant: Grant, scope: tuple[str, ...], expires: float) -> dict[str, Any]:
        """Return the claims of a JWT access token (RFC 9068, section 2.2)."""
        claims = {
            "iss": self.url,
            **grant.session.user.released(scope),
            "aud": grant.client_id,
            "client_id": grant.client_id,
            "iat": int(self.now()),
            "exp": int(expires),
            "jti": secrets.token_urlsafe(8),
            "scope": " ".join(scope),
        }
        return {**claims, "typ": "Bearer", "azp": grant.client_id} if self.keycloak else claims


def half_hash(value: str) -> str:
    """Return ``at_hash`` or ``c_hash`` for the SHA-256 family (Core, section 3.1.3.6)."""
    return b64(hashlib.sha256(value.encode()).digest()[:16])


def challenge_of(verifier: str) -> str:
    """Return the S256 challenge of a verifier (RFC 7636, section 4.2)."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
