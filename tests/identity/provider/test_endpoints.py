"""What each endpoint of the embedded provider gives, and what it refuses, clause by clause."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pytest_devsecops.identity.http import Headers, Request, Response
from pytest_devsecops.identity.provider.provider import Provider, keycloak_claims
from pytest_devsecops.identity.provider.realm import half_hash

Read = Callable[[Response], dict[str, str]]


def test_a_login_gives_tokens_that_say_who_and_for_whom(wire: Any, provider: Provider) -> None:
    tokens = wire.tokens()
    claims = provider.verify(wire.issuer, tokens["id_token"])
    assert claims is not None
    now = provider.now()

    # OpenID Connect Core 1.0, sections 2 and 3.1.3.6.
    assert (claims["iss"], claims["aud"], claims["sub"], claims["nonce"]) == (wire.issuer, "shop", "u-1", "a-nonce")
    assert claims["iat"] <= now < claims["exp"]
    assert claims["at_hash"] == half_hash(tokens["access_token"])
    assert tokens["token_type"] == "Bearer"  # noqa: S105 - a type's name
    # Section 5.4: a claim whose scope was not asked for is held back.
    assert wire.userinfo(tokens["access_token"]).json() == {"sub": "u-1", "name": "Ann", "email": "ann@users.example"}
    assert "phone_number" not in claims


def test_the_response_has_state_and_issuer_and_leaves_no_trace(wire: Any, read: Read) -> None:
    answer = wire.ask()

    assert answer.status == 303  # RFC 9700, section 4.12
    assert (read(answer)["state"], read(answer)["iss"]) == ("a-state", wire.issuer)  # RFC 9207, section 2
    assert answer.header("referrer-policy") == "no-referrer"
    assert answer.header("cache-control") == "no-store"


@pytest.mark.parametrize(
    ("asked", "status", "error"),
    [
        ({"redirect_uri": "https://shop.example/callback/"}, 400, ""),  # RFC 9700, section 2.1
        ({"redirect_uri": "https://evil.example/callback"}, 400, ""),  # RFC 6749, section 4.1.2.1
        ({"client_id": "nobody"}, 400, ""),
        ({"response_type": "token"}, 303, "unsupported_response_type"),  # RFC 9700, section 2.1.2
        ({"response_type": ""}, 303, "invalid_request"),
        ({"response_mode": "fragment"}, 303, "invalid_request"),
        ({"code_challenge_method": "plain"}, 303, "invalid_request"),  # RFC 9700, section 2.1.1
        ({"code_challenge": "short"}, 303, "invalid_request"),  # RFC 7636, section 4.2
        ({"client_id": "spa", "code_challenge": "", "code_challenge_method": ""}, 303, "invalid_request"),
        ({"scope": "unheard-of"}, 303, "invalid_scope"),  # RFC 6749, section 3.3
        ({"prompt": "none"}, 303, "login_required"),  # Core, section 3.1.2.6
        ({"prompt": "none login"}, 303, "invalid_request"),  # Core, section 3.1.2.1
        ({"request_uri": "https://shop.example/r"}, 303, "request_uri_not_supported"),
    ],
)
def test_a_bad_authorization_request_gives_no_code(
    asked: dict[str, str], status: int, error: str, wire: Any, read: Read
) -> None:
    answer = wire.ask(**asked)

    assert answer.status == status
    assert "code" not in read(answer)
    assert read(answer).get("error", "") == error
    assert bool(answer.header("location")) is bool(error)


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"code": "unknown"}, "invalid_grant"),
        ({"redirect_uri": "https://shop.example/other"}, "invalid_grant"),  # RFC 6749, section 4.1.3
        ({"redirect_uri": ""}, "invalid_grant"),
        ({"code_verifier": "x" * 43}, "invalid_grant"),  # RFC 7636, section 4.6
        ({"code_verifier": ""}, "invalid_grant"),
        ({"grant_type": "password"}, "unsupported_grant_type"),  # RFC 9700, section 2.4
        ({"grant_type": ""}, "invalid_request"),
    ],
)
def test_a_bad_token_request_gives_no_token(changed: dict[str, str], error: str, wire: Any) -> None:
    answer = wire.redeem(wire.code(), **changed)

    assert (answer.status, answer.json()["error"]) == (400, error)
    assert "access_token" not in answer.json()
    assert wire.redeem(wire.code()).status == 200


def test_a_code_works_once_for_its_client_and_not_for_long(wire: Any, provider: Provider) -> None:
    code = wire.code()
    first = wire.redeem(code)
    # RFC 6749, section 4.1.2: what was issued for it ends with the second use.
    assert wire.redeem(code).json()["error"] == "invalid_grant"
    assert wire.userinfo(first.json()["access_token"]).status == 401

    of_the_other = wire.code()
    wire.client_id, wire.secret = "spa", ""
    assert wire.redeem(of_the_other).json()["error"] == "invalid_grant"
    wire.client_id, wire.secret = "shop", "secret-of-shop"
    late = wire.code()
    provider.advance(61)
    assert wire.redeem(late).json()["error"] == "invalid_grant"


def test_a_refresh_token_works_once_and_its_second_use_ends_the_family(wire: Any) -> None:
    old = wire.tokens()["refresh_token"]
    new = wire.refresh(old).json()

    assert new["refresh_token"] != old
    assert wire.userinfo(new["access_token"]).status == 200
    assert wire.refresh(new["refresh_token"], scope="openid profile email roles").json()["error"] == "invalid_scope"
    # RFC 9700, section 4.14.2.
    assert wire.refresh(old).json()["error"] == "invalid_grant"
    assert wire.refresh(new["refresh_token"]).json()["error"] == "invalid_grant"
    assert wire.userinfo(new["access_token"]).status == 401


@pytest.mark.parametrize(("secret", "also"), [("wrong", ""), ("", ""), ("secret-of-shop", "secret-of-shop")])
def test_a_client_proves_who_it_is_in_one_way(
    secret: str, also: str, wire: Any, credentials: Callable[[str, str], Headers]
) -> None:
    wire.secret, code = secret, wire.code()
    fields = {"grant_type": "authorization_code", "code": code, "client_id": "shop", "client_secret": secret}
    answer = wire.send("token", fields, credentials("shop", also)) if also else wire.redeem(code)

    # RFC 6749, section 2.3: never two at once; section 5.2 for the rest.
    expected = (400, "invalid_request") if also else (401, "invalid_client")
    assert (answer.status, answer.json()["error"]) == expected


def test_parameters_stand_once_and_in_the_body(wire: Any, provider: Provider) -> None:
    address = f"{wire.issuer}/token"
    form = (("Content-Type", "application/x-www-form-urlencoded"),)
    twice = provider.app.handle(Request("POST", address, form, b"grant_type=a&grant_type=b"))
    in_url = provider.app.handle(Request("POST", f"{address}?grant_type=authorization_code", form, b""))
    got = provider.app.handle(Request("GET", address))

    assert "repeated" in twice.json()["error_description"]  # RFC 6749, section 3.2
    assert "body" in in_url.json()["error_description"]
    assert got.status == 405


def test_userinfo_revocation_and_introspection_know_whose_a_token_is(wire: Any, provider: Provider) -> None:
    tokens = wire.tokens()
    held = {"client_id": "shop", "client_secret": "secret-of-shop"}

    assert wire.userinfo(tokens["refresh_token"]).status == 401
    assert 'error="invalid_token"' in wire.userinfo("nonsense").header("www-authenticate")  # RFC 6750, section 3
    told = wire.send("introspection", {"token": tokens["access_token"], **held}).json()
    assert (told["active"], told["sub"]) == (True, "u-1")  # RFC 7662, section 2.2
    assert wire.send("introspection", {"token": tokens["access_token"], "client_id": "spa"}).status == 401
    # RFC 7009, section 2.1.
    assert wire.send("revocation", {"token": tokens["access_token"], "client_id": "spa"}).status == 400
    assert wire.send("revocation", {"token": tokens["refresh_token"], **held}).status == 200
    assert wire.userinfo(tokens["access_token"]).status == 401
    fresh = wire.tokens()["access_token"]
    provider.advance(301)
    assert wire.userinfo(fresh).status == 401


def test_logout_leads_to_registered_addresses_only_and_ends_the_session(wire: Any, read: Read) -> None:
    hint = wire.tokens()["id_token"]
    to = {"id_token_hint": hint, "post_logout_redirect_uri": "https://shop.example/bye", "state": "s"}

    elsewhere = wire.send("end_session", {**to, "post_logout_redirect_uri": "https://evil.example/"})
    assert (elsewhere.status, elsewhere.header("location")) == (400, "")  # RP-Initiated Logout 1.0, section 3
    right = wire.send("end_session", to)
    assert right.header("location") == "https://shop.example/bye?state=s"
    assert read(wire.ask(prompt="none"))["error"] == "login_required"


def test_an_old_key_still_tells_whose_logout_it_is_but_signs_nothing(wire: Any, provider: Provider) -> None:
    hint = wire.tokens()["id_token"]
    provider.rotate_keys(wire.issuer, keep=False)
    answer = wire.send("end_session", {"id_token_hint": hint, "post_logout_redirect_uri": "https://shop.example/bye"})

    assert answer.status == 303
    assert provider.verify(wire.issuer, hint) is None
    assert provider.verify(wire.issuer, wire.tokens()["id_token"])


def test_discovery_tells_where_everything_is_and_only_what_is_there(wire: Any, provider: Provider) -> None:
    told = wire.send("discovery").json()

    assert told["issuer"] == wire.issuer  # Discovery 1.0, section 4.3
    assert told["code_challenge_methods_supported"] == ["S256"]
    assert told["authorization_response_iss_parameter_supported"] is True
    for name in ("token_endpoint", "userinfo_endpoint", "jwks_uri", "revocation_endpoint", "end_session_endpoint"):
        assert provider.app.handle(Request("GET", told[name])).status != 404, name
    assert all("d" not in key for key in wire.send("jwks").json()["keys"])
    assert provider.app.handle(Request("GET", wire.issuer + "/nowhere")).status == 404


def test_an_issuer_like_keycloak_has_its_paths_its_claims_and_its_tokens(provider: Provider, wire: Any) -> None:
    wire.issuer = provider.issuer("/realms/staff", keycloak=True, algorithm="RS256")
    with provider.user("k-1", **keycloak_claims("ann", roles=("clerk",), client_roles={"shop": ("buyer",)})):
        tokens = wire.tokens()
    claims = provider.verify(wire.issuer, tokens["id_token"])
    access = provider.verify(wire.issuer, tokens["access_token"])

    assert wire.send("discovery").json()["jwks_uri"].endswith("/protocol/openid-connect/certs")
    assert claims is not None
    assert (claims["azp"], claims["typ"]) == ("shop", "ID")
    assert access is not None
    assert (access["typ"], access["scope"]) == ("Bearer", "openid profile email")


def test_issuers_share_nothing(provider: Provider, wire: Any) -> None:
    other = provider.issuer("/realms/other")
    tokens = wire.tokens()

    assert provider.verify(other, tokens["id_token"]) is None
    wire.issuer = other
    assert wire.userinfo(tokens["access_token"]).status == 401
    assert wire.refresh(tokens["refresh_token"]).status >= 400
