"""A provider of the test's own, and a client that speaks to its endpoints by hand."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from pytest_devsecops.identity.http import Headers, Request, Response, form_body
from pytest_devsecops.identity.provider.app import DISCOVERY, endpoints
from pytest_devsecops.identity.provider.model import Client
from pytest_devsecops.identity.provider.provider import Provider
from pytest_devsecops.identity.provider.realm import challenge_of

VERIFIER = secrets.token_urlsafe(48)
CALLBACK = "https://shop.example/callback"


@dataclass
class Wire:
    """Requests of one client, one by one.

    Attributes:
        idp: the provider.
        issuer: the issuer that is asked.
        client_id: the client's name.
        secret: its secret; none if empty.
    """

    idp: Provider
    issuer: str
    client_id: str = "shop"
    secret: str = "secret-of-shop"  # noqa: S105 - made for this test
    cookies: dict[str, str] = field(default_factory=dict)

    def send(self, endpoint: str, fields: dict[str, str] | None = None, headers: Headers = ()) -> Response:
        address = endpoints(self.idp.realm(self.issuer)).get(endpoint, self.issuer + DISCOVERY)
        sent = tuple(("Cookie", f"{name}={value}") for name, value in self.cookies.items())
        if fields is None or endpoint in ("authorization", "end_session"):
            query = f"?{urlencode(fields)}" if fields else ""
            return self.idp.app.handle(Request("GET", address + query, (*headers, *sent)))
        body, header = form_body(fields)
        return self.idp.app.handle(Request("POST", address, (header, *headers, *sent), body))

    def ask(self, **more: str) -> Response:
        """Send an authorization request; a parameter that is empty is left out."""
        fields = {
            "response_type": "code", "client_id": self.client_id, "redirect_uri": CALLBACK, "state": "a-state",
            "scope": "openid profile email", "nonce": "a-nonce", "code_challenge": challenge_of(VERIFIER),
            "code_challenge_method": "S256", **more,
        }  # fmt: skip
        with self.idp.user("u-1", name="Ann", email="ann@users.example", phone_number="1"):
            answer = self.send("authorization", {name: value for name, value in fields.items() if value})
        for cookie in answer.every("set-cookie"):
            name, _, rest = cookie.partition("=")
            self.cookies[name] = rest.split(";")[0]
        return answer

    def code(self, **more: str) -> str:
        return said(self.ask(**more))["code"]

    def redeem(self, code: str, /, **more: str) -> Response:
        fields = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, "code_verifier": VERIFIER}
        return self.token({**fields, **more})

    def token(self, fields: dict[str, str]) -> Response:
        given = {**fields, "client_id": self.client_id} | ({"client_secret": self.secret} if self.secret else {})
        return self.send("token", {name: value for name, value in given.items() if value})

    def tokens(self) -> dict[str, Any]:
        answer = self.redeem(self.code()).json()
        assert isinstance(answer, dict)
        return answer

    def refresh(self, token: str, **more: str) -> Response:
        return self.token({"grant_type": "refresh_token", "refresh_token": token, **more})

    def userinfo(self, token: str) -> Response:
        return self.send("userinfo", None, (("Authorization", f"Bearer {token}"),))


def said(answer: Response) -> dict[str, str]:
    """Return the parameters of an authorization response."""
    return {name: values[0] for name, values in parse_qs(urlsplit(answer.header("location")).query).items()}


def basic(name: str, secret: str) -> Headers:
    return (("Authorization", f"Basic {base64.b64encode(f'{name}:{secret}'.encode()).decode()}"),)


@pytest.fixture
def provider() -> Iterator[Provider]:
    with Provider() as opened:
        yield opened


@pytest.fixture
def wire(provider: Provider) -> Wire:
    """A registered confidential client at an issuer that serves nobody else but a public one."""
    shop = Client("shop", "secret-of-shop", (CALLBACK,), post_logout_redirect_uris=("https://shop.example/bye",))
    public = Client("spa", redirect_uris=(CALLBACK,))
    return Wire(provider, provider.issuer("/realms/shop", clients=(shop, public)))


@pytest.fixture
def read() -> Callable[[Response], dict[str, str]]:
    return said


@pytest.fixture
def credentials() -> Callable[[str, str], Headers]:
    return basic
