"""What a developer reads whose client is configured wrongly: what is wrong, where, and what to do."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_devsecops.core.errors import UsageError
from pytest_devsecops.identity.provider.model import Client
from pytest_devsecops.identity.provider.provider import Provider


def refusal(provider: Provider) -> str:
    return provider.seen[-1].refusal


def test_a_redirect_uri_that_is_not_registered_is_shown_beside_those_that_are(wire: Any, provider: Provider) -> None:
    page = wire.ask(redirect_uri="https://shop.example/call<b>back").text

    assert "https://shop.example/call%3Cb%3Eback is not registered for the client shop" in page
    assert "(registered: https://shop.example/callback)" in page
    assert "character by character" in refusal(provider)


def test_a_client_that_nobody_registered_is_told_which_are(wire: Any) -> None:
    page = wire.ask(client_id="shopp").text

    assert "The client shopp is not registered" in page
    assert "(known: shop, spa)" in page
    assert "idp.register(issuer, Client(...))" in page
    wire.client_id = "shopp"
    assert "no client 'shopp' is registered" in wire.redeem("x").json()["error_description"]


def test_a_request_without_its_parameters_is_told_which(provider: Provider, wire: Any) -> None:
    wire.issuer = provider.issuer("/open")

    assert wire.ask(client_id="", redirect_uri="").text == "The request has no client_id and no redirect_uri."
    assert "it needs a scheme and a host" in wire.ask(redirect_uri="/callback").text


@pytest.mark.parametrize(
    ("client_id", "secret", "why"),
    [
        ("shop", "wrong", "the secret of the client 'shop' is wrong"),
        ("shop", "", "the client 'shop' sent no secret"),
        ("spa", "any", "the client 'spa' is public and has no secret to send"),
    ],
)
def test_a_client_that_does_not_authenticate_is_told_why(
    client_id: str, secret: str, why: str, wire: Any, provider: Provider
) -> None:
    wire.client_id, wire.secret = client_id, secret

    assert wire.redeem("x").json()["error_description"] == why
    assert refusal(provider) == f"invalid_client: {why}"


def test_two_applications_that_share_an_adopted_client_are_told_apart_by_secret_not_by_method(
    wire: Any, provider: Provider
) -> None:
    wire.issuer = provider.issuer("/open")
    wire.tokens()
    wire.secret = "another"  # noqa: S105 - the second application's
    answer = wire.redeem(wire.code())

    assert "showed another secret before: give every application its own issuer" in answer.json()["error_description"]


def test_a_login_without_a_user_says_how_there_is_one(wire: Any, provider: Provider) -> None:
    fields = {"response_type": "code", "client_id": "shop", "redirect_uri": "https://shop.example/callback"}
    wire.send("authorization", fields)

    assert refusal(provider) == "access_denied: no user of the provider is there to log in; use idp.user(…)"


def test_a_way_back_from_logout_that_is_not_registered_is_told(wire: Any) -> None:
    hint = wire.tokens()["id_token"]
    nobody = wire.send("end_session", {"post_logout_redirect_uri": "https://shop.example/"})
    wrong = wire.send("end_session", {"id_token_hint": hint, "post_logout_redirect_uri": "https://shop.example/"})

    assert "send id_token_hint or client_id" in nobody.text
    assert "(registered: https://shop.example/bye)" in wrong.text


def test_an_issuer_that_cannot_be_meant_is_refused(provider: Provider) -> None:
    plain = provider.issuer("/realms/shop")

    assert provider.issuer("/realms/shop") == plain
    with pytest.raises(UsageError, match="exists already with another keycloak"):
        provider.issuer("/realms/shop", keycloak=True)
    with pytest.raises(UsageError, match="no path of an issuer"):
        provider.issuer("realms/shop")
    with pytest.raises(UsageError, match="no algorithm of the provider"):
        provider.issuer("/hs", algorithm="HS256")
    with pytest.raises(UsageError, match="is no issuer of this provider"):
        provider.register("https://elsewhere.example", Client("shop"))
    with pytest.raises(UsageError, match="no such laxity: lazy"), provider.broken(None, "lazy"):
        pass
