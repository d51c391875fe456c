"""The provider that tests hold in their hands: ``idp``."""

from __future__ import annotations

import secrets
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from pytest_devsecops.core.errors import UsageError
from pytest_devsecops.identity.http import Request, Response, Transport, form_body
from pytest_devsecops.identity.provider.app import ProviderApp
from pytest_devsecops.identity.provider.faults import Faults, Lie
from pytest_devsecops.identity.provider.keys import verified_claims
from pytest_devsecops.identity.provider.laxities import LAXITIES
from pytest_devsecops.identity.provider.model import Client, Seen, Session, User
from pytest_devsecops.identity.provider.realm import Realm
from pytest_devsecops.identity.provider.resources import logout_claims
from pytest_devsecops.identity.provider.server import LoopbackServer
from pytest_devsecops.identity.provider.tls import make_authority

#: What an issuer is if nothing is said.
_PLAIN: Mapping[str, object] = {"algorithm": "ES256", "keycloak": False, "jwt_access_tokens": False}


class Provider:
    """An OpenID provider on a loopback thread. Use it as a context manager, or close it.

    Strict unless a breakage is switched on. A client that nobody registered is adopted at its first
    request, because an application under test brings its own client id and secret.
    """

    def __init__(self) -> None:
        self.faults = Faults()
        self._folder = tempfile.TemporaryDirectory(prefix="devsecops-idp-")
        self._offset = 0.0
        self._realms: dict[str, Realm] = {}
        self._users: list[User] = []
        self.app = ProviderApp(self._realms, self._current, self._session_ended)
        self._server = LoopbackServer(self.app)
        ca_file, context = make_authority(Path(self._folder.name))
        self._ca_file, self._tls = ca_file, context
        self._ports: dict[bool, int] = {}
        self._logouts: list[threading.Thread] = []
        self._ways: dict[str, Transport] = {}
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Stop serving and remove the CA; once is enough, twice does no harm."""
        if self._closed:
            return
        self._closed = True
        self.wait_for_logouts()
        self._server.close()
        self._folder.cleanup()

    @property
    def ca_file(self) -> str:
        """The certificate that clients must trust, as a file: for ``REQUESTS_CA_BUNDLE`` and the like."""
        return str(self._ca_file)

    @property
    def environment(self) -> dict[str, str]:
        """What makes requests, the standard library, curl and Node.js trust the provider."""
        return dict.fromkeys(
            ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"), self.ca_file
        )

    @property
    def seen(self) -> list[Seen]:
        """Every request so far, in order."""
        return self.app.seen

    def issuer(
        self,
        path: str = "/",
        *,
        tls: bool = True,
        algorithm: str = "ES256",
        keycloak: bool = False,
        jwt_access_tokens: bool = False,
        clients: tuple[Client, ...] = (),
        passwords: Mapping[str, str] | None = None,
    ) -> str:
        """Return an issuer's address; the same arguments give the same issuer.

        Args:
            path: where it lives, such as ``/realms/shop``.
            tls: whether over HTTPS with the provider's own CA, or plain HTTP.
            algorithm: that ID tokens are signed with, ``ES256`` or ``RS256``.
            keycloak: whether paths and claims look like Keycloak's.
            jwt_access_tokens: whether access tokens are JWTs (RFC 9068).
            clients: the only clients that it serves; without any, it adopts those that come.
            passwords: of people by name, who then log in and consent on pages; without any, nobody has
                to click anything.

        Raises:
            UsageError: if the path is none, or the issuer exists already and is another kind.
        """
        if not path.startswith("/"):
            raise UsageError(f"{path!r} is no path of an issuer", remedy="begin it with a slash")
        if tls not in self._ports:
            self._ports[tls] = self._server.listen(self._tls if tls else None)
        url = f"{'https' if tls else 'http'}://localhost:{self._ports[tls]}{path.rstrip('/')}"
        kind = {"algorithm": algorithm, "keycloak": keycloak, "jwt_access_tokens": jwt_access_tokens or keycloak}
        self._made(url, kind)
        self._realms[url].passwords.update(passwords or {})
        self.register(url, *clients)
        return url

    def _made(self, url: str, kind: Mapping[str, Any]) -> None:
        """Make an issuer, or see that the one that there is can be meant; what is left out asks for nothing."""
        known = self._realms.get(url)
        if known is None:
            self._realms[url] = Realm(url, **kind, faults=self.faults, now=self.now, sibling=self._sibling)
            return
        differs = [name for name, value in kind.items() if value not in (getattr(known, name), _PLAIN[name])]
        if differs:
            raise UsageError(
                f"{url} exists already with another {' and '.join(differs)}",
                remedy="give this issuer a path of its own, or make it once and pass its address on",
            )

    def register(self, issuer: str, *clients: Client) -> None:
        """Register clients; the issuer then refuses every other."""
        realm = self.realm(issuer)
        realm.clients.update({client.client_id: client for client in clients})
        realm.closed = realm.closed or bool(clients)

    def realm(self, issuer: str) -> Realm:
        """Return an issuer's state.

        Raises:
            UsageError: if there is no such issuer.
        """
        if issuer not in self._realms:
            raise UsageError(f"{issuer} is no issuer of this provider", remedy="take what idp.issuer(…) returns")
        return self._realms[issuer]

    @contextmanager
    def user(self, sub: str = "", **claims: Any) -> Iterator[User]:  # noqa: ANN401 - JSON values
        """Let the provider log this user in, without any page, for as long as the context lasts."""
        user = User(sub or secrets.token_urlsafe(8), claims)
        self._users.append(user)
        try:
            yield user
        finally:
            self._users.remove(user)

    @contextmanager
    def broken(self, lie: Lie | str | None = None, *lax: str, victim: User | None = None) -> Iterator[Faults]:
        """Let the provider misbehave for as long as the context lasts.

        Args:
            lie: what it tells clients: the id of a breakage, such as ``nonce-wrong``, or a lie of your own.
            lax: names of rules that it does not enforce, from ``LAXITIES``.
            victim: whom the lies speak of.

        Raises:
            UsageError: if there is no such breakage or laxity.
        """
        if isinstance(lie, str):
            from pytest_devsecops.identity.provider.breakages import lie_or_laxity

            lie, lax = lie_or_laxity(lie, lax)
        if unknown := sorted(set(lax) - set(LAXITIES)):
            raise UsageError(f"no such laxity: {', '.join(unknown)}", remedy=f"choose from {', '.join(LAXITIES)}")
        faults, before = self.faults, (self.faults.lie, self.faults.lax, self.faults.victim, self.faults.told)
        faults.lie, faults.lax, faults.told = lie, frozenset(lax), []
        faults.victim = victim or User("victim", {"email": "victim@users.example", "email_verified": True})
        try:
            yield faults
        finally:
            faults.lie, faults.lax, faults.victim, faults.told = before

    @contextmanager
    def capture(self) -> Iterator[list[str]]:
        """Hold authorization responses back: the list gets the addresses that they would lead to."""
        captured: list[str] = []
        self.faults.capture, self.faults.captured = True, captured
        try:
            yield captured
        finally:
            self.faults.capture, self.faults.captured = False, None

    def now(self) -> float:
        """Return the provider's time, seconds since the epoch."""
        return time.time() + self._offset

    def advance(self, seconds: float) -> None:
        """Move the provider's clock forward."""
        self._offset += seconds

    def rotate_keys(self, issuer: str, *, keep: bool = True) -> None:
        """Sign with a new key from now on; ``keep`` the old ones in the key set."""
        self.realm(issuer).rotate(keep=keep)

    def mint(self, issuer: str, claims: Mapping[str, Any], header: Mapping[str, Any] | None = None) -> str:
        """Sign any claims with the issuer's key; a hook for the checks on forged tokens."""
        return self.realm(issuer).key.sign({"iss": issuer, **claims}, header)

    def verify(self, issuer: str, token: str) -> Mapping[str, Any] | None:
        """Return the claims of a token that the issuer signed, or None."""
        return verified_claims(token, tuple(self.realm(issuer).jwks()["keys"]))

    def send_logout(
        self, issuer: str, client_id: str, user: User, *, to: str, through: Transport, token: str = ""
    ) -> Response:
        """Send a back-channel logout token (Back-Channel Logout 1.0, section 2.5).

        Args:
            issuer: who sends it.
            client_id: for whom.
            user: whose sessions end.
            to: the client's back-channel logout URI.
            through: the way to the client; an in-process application is reached as well.
            token: another token than the honest one.
        """
        realm = self.realm(issuer)
        session = self.session_of(issuer, user)
        token = token or realm.key.sign(logout_claims(realm, client_id, session), {"typ": "logout+jwt"})
        body, header = form_body({"logout_token": token})
        return through.send(Request("POST", to, (header,), body))

    def session_of(self, issuer: str, user: User) -> Session:
        """Return the user's latest session at the issuer.

        Raises:
            UsageError: if the user never logged in there.
        """
        for session in reversed(self.realm(issuer).sessions.values()):
            if session.user == user:
                return session
        raise UsageError(f"{user.sub} has no session at {issuer}", remedy="log the user in first")

    def seen_client(self, issuer: str) -> str:
        """Return the client of the latest authorization request at an issuer; empty if there was none."""
        asked = [one for one in self.seen if one.endpoint == "authorization" and one.issuer == issuer]
        return asked[-1].parameters.get("client_id", "") if asked else ""

    def reach(self, base_url: str, way: Transport) -> None:
        """Send what is for the application at ``base_url`` this way: one in this process has no port.

        Logins by ``idp_login`` tell the provider themselves.
        """
        self._ways[urlsplit(base_url).netloc] = way

    def wait_for_logouts(self) -> None:
        """Wait until every client that registered for it was told of the logouts so far."""
        while self._logouts:
            self._logouts.pop().join()

    def _session_ended(self, realm: Realm, session: Session) -> None:
        """Tell clients; in a thread, because they will ask for our keys while we wait for them."""
        for client in realm.clients.values():
            if client.backchannel_logout_uri:
                token = realm.key.sign(logout_claims(realm, client.client_id, session), {"typ": "logout+jwt"})
                uri = client.backchannel_logout_uri
                way = self._ways.get(urlsplit(uri).netloc)
                thread = threading.Thread(target=_post_logout, args=(uri, token, way), daemon=True)
                self._logouts.append(thread)
                thread.start()

    def _current(self, _realm: Realm, hint: str) -> User | None:
        for user in reversed(self._users):
            if hint and hint in (user.sub, user.claims.get("email"), user.claims.get("preferred_username")):
                return user
        return self._users[-1] if self._users else None

    def _sibling(self, realm: Realm) -> Realm:
        path = f"/attacker/{realm.algorithm.lower()}"
        path = path if realm.path != path else f"/elsewhere/{realm.algorithm.lower()}"
        return self.realm(self.issuer(path, tls=realm.url.startswith("https"), algorithm=realm.algorithm))


def _post_logout(uri: str, token: str, way: Transport | None) -> None:
    from pytest_devsecops.identity.errors import UnreachableError
    from pytest_devsecops.identity.transports.url import UrlTransport

    transport = way or UrlTransport(verify=False)
    body, header = form_body({"logout_token": token})
    try:
        transport.send(Request("POST", uri, (header,), body))
    except UnreachableError:
        # Section 2.5: delivery is best effort; the client's session is then what a test sees.
        return
    finally:
        if way is None:
            transport.close()


def keycloak_claims(
    username: str, *, roles: tuple[str, ...] = (), client_roles: Mapping[str, tuple[str, ...]] | None = None
) -> dict[str, Any]:
    """Return claims in the shape in which Keycloak puts names and roles into tokens."""
    return {
        "preferred_username": username,
        "realm_access": {"roles": list(roles)},
        "resource_access": {client: {"roles": list(names)} for client, names in (client_roles or {}).items()},
    }
