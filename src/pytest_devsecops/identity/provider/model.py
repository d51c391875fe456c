"""What the provider knows: users, clients, grants, tokens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

#: OpenID Connect Core 1.0, section 5.4; every other claim of a user is given whatever the scope.
SCOPE_CLAIMS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "profile": (
            "name", "family_name", "given_name", "middle_name", "nickname", "preferred_username", "profile",
            "picture", "website", "gender", "birthdate", "zoneinfo", "locale", "updated_at",
        ),
        "email": ("email", "email_verified"),
        "address": ("address",),
        "phone": ("phone_number", "phone_number_verified"),
    },
)  # fmt: skip
SCOPES = ("openid", *SCOPE_CLAIMS, "offline_access", "roles")


@dataclass(frozen=True, slots=True)
class User:
    """Someone with an account at the provider.

    Attributes:
        sub: the subject; with the issuer it is the identity (Core, section 2).
        claims: everything else that the provider says of the user.
    """

    sub: str
    claims: Mapping[str, Any] = field(default_factory=dict)

    def released(self, scope: tuple[str, ...]) -> dict[str, Any]:
        """Return the claims that ``scope`` asks for, with the subject."""
        held_back = {
            claim for name, claims in SCOPE_CLAIMS.items() if name not in scope for claim in claims
        }  # fmt: skip
        return {"sub": self.sub, **{key: value for key, value in self.claims.items() if key not in held_back}}


@dataclass(slots=True)
class Client:
    """A client of one issuer.

    A client that nobody registered is adopted at its first request: its redirect URIs are learned,
    and its secret is the first that it shows. A registered one is held to what was registered.

    Attributes:
        client_id: its name.
        secret: its secret; empty for a public client.
        redirect_uris: compared character by character (RFC 9700, section 2.1).
        auth_method: the one that it must use at the token endpoint; any that fits if empty.
        jwks: its public keys, for ``private_key_jwt``.
        native: whether the port of a loopback redirect URI is left open (RFC 8252, section 7.3).
        scopes: the scopes that it may ask for.
        post_logout_redirect_uris: where RP-initiated logout may lead.
        backchannel_logout_uri: where logout tokens are sent.
        adopted: whether nobody registered it.
    """

    client_id: str
    secret: str = field(default="", repr=False)
    redirect_uris: tuple[str, ...] = ()
    auth_method: str = ""
    jwks: tuple[Mapping[str, Any], ...] = ()
    native: bool = False
    scopes: tuple[str, ...] = SCOPES
    post_logout_redirect_uris: tuple[str, ...] = ()
    backchannel_logout_uri: str = ""
    adopted: bool = False

    @property
    def public(self) -> bool:
        """Whether it has nothing to authenticate with."""
        return not self.secret and not self.jwks


@dataclass(slots=True)
class Session:
    """A user's session at the provider."""

    sid: str
    user: User
    auth_time: int


@dataclass(slots=True)
class Grant:
    """What a user allowed a client, and the code for it."""

    code: str
    client_id: str
    redirect_uri: str
    session: Session
    scope: tuple[str, ...]
    nonce: str
    challenge: str
    expires: float
    method: str = "S256"
    used: bool = False
    revoked: bool = False


@dataclass(slots=True)
class IssuedToken:
    """An access or refresh token."""

    value: str
    kind: str
    grant: Grant
    scope: tuple[str, ...]
    expires: float
    used: bool = False
    revoked: bool = False


@dataclass(frozen=True, slots=True)
class Seen:
    """One request that the provider answered; checks read them to know what the client did.

    Attributes:
        endpoint: such as ``token``.
        issuer: the issuer that was asked.
        parameters: the request's parameters, secrets included.
        status: the answer's status.
        refusal: what the provider said against it, for whoever configured the client; empty if nothing.
    """

    endpoint: str
    issuer: str
    parameters: Mapping[str, str]
    status: int
    refusal: str = ""
