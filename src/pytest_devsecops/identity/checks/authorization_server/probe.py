"""The authorization server under test, as a client and its users see it; and what a check on it may say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

from pytest_devsecops.identity.browser import Browser, Exchange
from pytest_devsecops.identity.checks.authorization_server.answers import (
    FORM,
    Tokens,
    answer_of,
    issued,
    proof_of,
)
from pytest_devsecops.identity.checks.authorization_server.flow import (
    Asking,
    Interact,
    Journey,
    Landing,
    asking,
    asks_who,
)
from pytest_devsecops.identity.errors import FlowError
from pytest_devsecops.identity.http import Headers, Request
from pytest_devsecops.identity.live import Live
from pytest_devsecops.identity.personas import Persona
from pytest_devsecops.identity.registration import ClientRegistration
from pytest_devsecops.identity.tokens.model import NotApplicableError

_OK = 200
_WELL_KNOWN = ("/.well-known/openid-configuration", "/.well-known/oauth-authorization-server")
_KEYS = {
    "authorization": "authorization_endpoint",
    "token": "token_endpoint",
    "userinfo": "userinfo_endpoint",
    "jwks": "jwks_uri",
    "revocation": "revocation_endpoint",
    "introspection": "introspection_endpoint",
    "end_session": "end_session_endpoint",
}


@dataclass(frozen=True, slots=True)
class ServerSetup:
    """What a test suite says about its authorization server; see ``authorization_server_is_safe``."""

    client: ClientRegistration
    other_client: ClientRegistration | None = None
    issuer: str = ""
    endpoints: Mapping[str, str] = field(default_factory=dict)
    persona: str = ""
    interact: Interact | None = None


class Server:
    """The server under test.

    Args:
        live: the open target.
        setup: what the suite says about it.

    Raises:
        FlowError: if it cannot be found out where its endpoints are.
    """

    def __init__(self, live: Live, setup: ServerSetup) -> None:
        self.live, self.setup, self.client = live, setup, setup.client
        self.issuer = urljoin(live.target.base_url.rstrip("/") + "/", setup.issuer.lstrip("/")).rstrip("/")
        if setup.issuer.startswith(("http://", "https://")):
            self.issuer = setup.issuer
        self.history: list[Exchange] = []
        self.codes: list[str] = []
        self.asks_consent = False
        self._transport = live.browser().transport
        self.discovery: Exchange | None = None
        self.metadata: Mapping[str, Any] = {}
        self._discover()
        self._endpoints = {name: self.metadata.get(key) for name, key in _KEYS.items()} | {
            name: urljoin(self.issuer + "/", path.lstrip("/")) for name, path in setup.endpoints.items()
        }
        self._persona: Persona | None = None
        self.browser = self.visitor()

    # Where things are.

    def has(self, name: str) -> bool:
        """Tell whether the server has an endpoint."""
        return bool(self._endpoints.get(name))

    def endpoint(self, name: str) -> str:
        """Return an endpoint's address.

        Raises:
            NotApplicableError: if the server has none.
            FlowError: if it is elsewhere.
        """
        address = str(self._endpoints.get(name) or "")
        if not address:
            raise NotApplicableError(
                f"the server names no {name} endpoint (pass endpoints={{{name!r}: …}} if it has one)"
            )
        if urlsplit(address).netloc != self._home:
            raise FlowError(
                f"its {name} endpoint {address} is not at the target's address {self.live.target.base_url}",
                remedy="give the target the base_url, or the URL, that the server believes to have",
            )
        return address

    @property
    def _home(self) -> str:
        return urlsplit(self.live.target.base_url).netloc

    def _discover(self) -> None:
        origin = "{0.scheme}://{0.netloc}".format(urlsplit(self.issuer))
        path = urlsplit(self.issuer).path.rstrip("/")
        for address in (
            *(self.issuer.rstrip("/") + known for known in _WELL_KNOWN),
            *(origin + known + path for known in _WELL_KNOWN if path),
        ):
            exchange = self.send("GET", address)
            found = exchange.response.json()
            if exchange.response.status == _OK and isinstance(found, dict) and "issuer" in found:
                self.discovery, self.metadata = exchange, found
                return
        if not {"authorization", "token"} <= set(self.setup.endpoints):
            raise FlowError(
                f"{self.issuer} has no discovery document (RFC 8414; OpenID Connect Discovery 1.0)",
                remedy="pass issuer=…, or endpoints={'authorization': '/authorize', 'token': '/token', …}",
            )

    # People.

    def visitor(self) -> Browser:
        """Return a fresh browser."""
        return self.live.browser()

    def persona(self) -> Persona | None:
        """Return who logs in; None if the target has no personas."""
        if self._persona is None and self.live.target.personas:
            self._persona = self.live.persona(self.setup.persona)
        return self._persona

    def ask(self, asked: Asking, browser: Browser | None = None) -> Landing:
        """Take an authorization request to its end, in the browser that is logged in unless another is given."""
        used = browser or self.browser
        start = len(used.history)
        login = self.live.target.login
        journey = Journey(used, self.persona(), self.is_away, self.setup.interact, login)
        landing = journey.take(self.endpoint("authorization"), asked)
        self.history.extend(used.history[start:])
        if landing.code:
            self.codes.append(landing.code)
            self.asks_consent = self.asks_consent or any(not asks_who(page) for page in landing.pages)
        return landing

    def anonymous(self, asked: Asking) -> Landing:
        """Take a request to its end in a browser in which nobody is and nobody logs in."""
        browser = self.visitor()
        landing = Journey(browser, None, self.is_away).take(self.endpoint("authorization"), asked)
        self.history.extend(browser.history)
        return landing

    def is_away(self, address: str, asked: Asking) -> bool:
        """Tell whether an address is a client's rather than the server's."""
        known = [uri for client in self.clients for uri in (*client.redirect_uris, *client.post_logout_redirect_uris)]
        wanted = [value for name, value in asked.parameters if name == "redirect_uri" and value]
        if address.startswith((*known, *wanted)):
            return True
        try:
            parts = urlsplit(address)
        except ValueError:
            return True
        return parts.netloc != self._home or parts.scheme != urlsplit(self.live.target.base_url).scheme

    @property
    def clients(self) -> tuple[ClientRegistration, ...]:
        """The clients that the suite told of."""
        return tuple(one for one in (self.setup.client, self.setup.other_client) if one is not None)

    def other(self) -> ClientRegistration:
        """Return the client that is not under attack.

        Raises:
            NotApplicableError: if there is none.
        """
        found = next((one for one in self.clients if one is not self.client), None)
        if found is None:
            raise NotApplicableError("there is no second client (pass other_client=…)")
        return found

    def confidential(self) -> ClientRegistration:
        """Return a client with a secret.

        Raises:
            NotApplicableError: if there is none.
        """
        found = next((one for one in self.clients if not one.public), None)
        if found is None:
            raise NotApplicableError("no client has a secret")
        return found

    def public(self) -> ClientRegistration | None:
        """Return a client without a secret, if there is one."""
        return next((one for one in self.clients if one.public), None)

    # Requests of clients.

    def send(self, method: str, address: str, *, headers: Headers = (), body: bytes = b"") -> Exchange:
        """Send one request as a client's back end does: without cookies, without an origin."""
        request = Request(method, address, (("Accept", "application/json"), *headers), body)
        exchange = Exchange(request, self._transport.send(request))
        self.history.append(exchange)
        return exchange

    def post(
        self,
        name: str,
        fields: Mapping[str, str] | Sequence[tuple[str, str]],
        client: ClientRegistration | None = None,
        *,
        headers: Headers = (),
    ) -> Exchange:
        """Post a form to an endpoint, with the client's proof if a client is given."""
        pairs = list(fields.items()) if isinstance(fields, Mapping) else list(fields)
        proof, more = proof_of(client, client.method, client.secret) if client is not None else ((), {})
        body = urlencode([*pairs, *more.items()]).encode()
        return self.send("POST", self.endpoint(name), headers=(FORM, *proof, *headers), body=body)

    def grant(self, client: ClientRegistration | None = None, **changes: str) -> Landing:
        """Return a good authorization response.

        Raises:
            FlowError: if there came no code.
        """
        asked = asking(client or self.client, changes)
        landing = self.ask(asked)
        if not landing.code:
            # A login that was revoked by an attack, or that ran out: log in once more.
            self.browser = self.visitor()
            landing = self.ask(asking(client or self.client, changes))
        if not landing.code:
            raise FlowError(
                f"a good authorization request got no code: {landing.text}",
                remedy="check client=, its redirect_uris and scope, the target's personas and login",
            )
        return landing

    def code_fields(self, landing: Landing, *, drop: tuple[str, ...] = (), **changes: str) -> dict[str, str]:
        """Return the good fields that exchange a code, with some changed or left out."""
        fields = {
            "grant_type": "authorization_code",
            "code": landing.code,
            "redirect_uri": landing.asked.value("redirect_uri"),
            "code_verifier": landing.asked.verifier,
            **changes,
        }
        return {name: value for name, value in fields.items() if name not in drop}

    def redeem(self, landing: Landing, *, drop: tuple[str, ...] = (), **changes: str) -> Exchange:
        """Exchange a code as the client that asked for it."""
        return self.post("token", self.code_fields(landing, drop=drop, **changes), landing.asked.client)

    def lasting_tokens(self, client: ClientRegistration | None = None, **changes: str) -> Tokens:
        """Return the tokens of a good flow that asks for all that the client may ask for: a refresh token, too."""
        return self.tokens(client, **{"scope": (client or self.client).scope, **changes})

    def tokens(self, client: ClientRegistration | None = None, **changes: str) -> Tokens:
        """Return the tokens of a good flow.

        Raises:
            FlowError: if any step did not work.
        """
        landing = self.grant(client, **changes)
        exchange = self.redeem(landing)
        if issued(exchange) is None:
            raise FlowError(
                f"a good token request was refused: {answer_of(exchange)}",
                remedy="check the client's secret and auth_method",
            )
        return Tokens(landing, exchange, issued(exchange) or {})

    def renew(self, client: ClientRegistration, refresh_token: str, **more: str) -> Exchange:
        """Use a refresh token."""
        return self.post("token", {"grant_type": "refresh_token", "refresh_token": refresh_token, **more}, client)

    def userinfo(self, access_token: str) -> Exchange:
        """Show an access token at userinfo."""
        return self.send("GET", self.endpoint("userinfo"), headers=(("Authorization", f"Bearer {access_token}"),))

    def works(self, tokens: Tokens) -> bool:
        """Tell whether an access token is still worth something at the server itself.

        Raises:
            NotApplicableError: if nothing there tells.
        """
        if self.has("userinfo") and "openid" in tokens.landing.asked.value("scope").split():
            return self.userinfo(tokens.access).response.status == _OK
        if self.has("introspection") and not tokens.landing.asked.client.public:
            told = self.post("introspection", {"token": tokens.access}, tokens.landing.asked.client).response.json()
            return isinstance(told, dict) and told.get("active") is True
        raise NotApplicableError("neither userinfo nor introspection tells whether an access token works")

    def control(self) -> str:
        """Return what is wrong with a complete good flow, or an empty text."""
        tokens = self.tokens()
        try:
            if not self.works(tokens):
                return f"a fresh access token does not work: {answer_of(self.history[-1])}"
        except NotApplicableError:
            return ""
        return ""
