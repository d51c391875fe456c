"""What a check on an authorization server must know of a client that is registered there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from pytest_devsecops.core.errors import UsageError

#: How a client may prove who it is (OpenID Connect Core 1.0, section 9), as far as checks can.
AUTH_METHODS = ("client_secret_basic", "client_secret_post", "none")


@dataclass(frozen=True, slots=True)
class ClientRegistration:
    """A client as it is registered at the authorization server under test.

    Attributes:
        client_id: its name.
        secret: its secret; empty for a public client.
        redirect_uris: every redirect URI that is registered for it; nothing needs to listen there.
        scope: what it asks for; with ``offline_access`` the request has ``prompt=consent`` as well
            (Core, section 11), and with ``openid`` the checks on ID tokens apply.
        auth_method: ``client_secret_basic``, ``client_secret_post`` or ``none``, if the server holds the
            client to one of them; by default Basic with a secret and none without.
        post_logout_redirect_uris: where RP-initiated logout may lead.
        forbidden_scope: a scope that the server knows and that this client may not have.
        parameters: what every authorization request of it has besides.

    Raises:
        UsageError: if a check could do nothing with it.
    """

    client_id: str
    secret: str = field(default="", repr=False)
    redirect_uris: tuple[str, ...] = ()
    scope: str = "openid"
    auth_method: str = ""
    post_logout_redirect_uris: tuple[str, ...] = ()
    forbidden_scope: str = ""
    parameters: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def __post_init__(self) -> None:
        name = f"the registration of {self.client_id!r}"
        if not self.redirect_uris or isinstance(self.redirect_uris, str):
            raise UsageError(f"{name} has no tuple of redirect URIs", remedy="pass redirect_uris=('https://…',)")
        if self.auth_method and self.auth_method not in AUTH_METHODS:
            raise UsageError(
                f"{name} has the unknown auth_method {self.auth_method!r}", remedy=f"use {', '.join(AUTH_METHODS)}"
            )
        if bool(self.secret) == (self.method == "none"):
            raise UsageError(f"{name} does not fit: {self.method} and a secret exclude each other, or it lacks one")

    @property
    def method(self) -> str:
        """How it proves who it is."""
        return self.auth_method or ("client_secret_basic" if self.secret else "none")

    @property
    def public(self) -> bool:
        """Whether it has nothing to prove itself with (RFC 6749, section 2.1)."""
        return self.method == "none"

    @property
    def redirect_uri(self) -> str:
        """The one that honest requests use."""
        return self.redirect_uris[0]

    @property
    def online_scope(self) -> str:
        """Its scope without offline access."""
        return " ".join(one for one in self.scope.split() if one != "offline_access")

    @property
    def openid(self) -> bool:
        """Whether its requests are OpenID Connect's."""
        return "openid" in self.scope.split()
