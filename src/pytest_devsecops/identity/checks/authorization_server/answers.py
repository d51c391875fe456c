"""Single answers of an authorization server: tokens, refusals, and what a check may say of them."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_plus

from pytest_devsecops.identity.browser import Exchange
from pytest_devsecops.identity.checks.authorization_server.flow import Landing
from pytest_devsecops.identity.http import Headers
from pytest_devsecops.identity.registration import ClientRegistration
from pytest_devsecops.identity.tokens.model import NotApplicableError

#: The header of a posted form.
FORM = ("Content-Type", "application/x-www-form-urlencoded")


@dataclass(frozen=True, slots=True)
class Fault:
    """What a check saw that must not be.

    Attributes:
        message: what the server does, complete in itself.
        exchange: the request that shows it.
        advice: whether the clause only recommends otherwise; it is then noted, and a finding with ``strict=True``.
    """

    message: str
    exchange: Exchange | None = None
    advice: bool = False


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a good exchange gave.

    Attributes:
        landing: the authorization response that it came from.
        exchange: the token request and its answer.
        values: the decoded answer.
    """

    landing: Landing
    exchange: Exchange
    values: Mapping[str, Any]

    @property
    def access(self) -> str:
        """The access token."""
        return str(self.values["access_token"])

    @property
    def refresh(self) -> str:
        """The refresh token.

        Raises:
            NotApplicableError: if there is none.
        """
        if not self.values.get("refresh_token"):
            raise NotApplicableError("the server gives this client no refresh token (ask for offline_access?)")
        return str(self.values["refresh_token"])

    @property
    def id_token(self) -> str:
        """The ID token.

        Raises:
            NotApplicableError: if there is none.
        """
        if not self.values.get("id_token"):
            raise NotApplicableError("the client's scope has no openid, so there is no ID token")
        return str(self.values["id_token"])


def proof_of(client: ClientRegistration, method: str, secret: str) -> tuple[Headers, dict[str, str]]:
    """Return the headers and fields with which a client proves who it is (RFC 6749, section 2.3.1)."""
    if method == "client_secret_basic":
        pair = f"{quote_plus(client.client_id)}:{quote_plus(secret)}"
        return (("Authorization", f"Basic {base64.b64encode(pair.encode()).decode()}"),), {}
    named = {"client_id": client.client_id}
    return (), named if method == "none" else {**named, "client_secret": secret}


def issued(exchange: Exchange) -> dict[str, Any] | None:
    """Return the decoded answer if it has a token, whatever its status says."""
    told = exchange.response.json()
    return told if isinstance(told, dict) and told.get("access_token") else None


def answer_of(exchange: Exchange) -> str:
    """Return an answer in a few words."""
    told = exchange.response.json()
    error = told.get("error_description") or told.get("error") if isinstance(told, dict) else ""
    return f"{exchange.response.status} {error or exchange.response.text[:120].strip()!r}"


def refused(exchange: Exchange, message: str) -> Fault | None:
    """Return a fault if a token request that must be refused got tokens."""
    return Fault(message, exchange) if issued(exchange) is not None else None
