"""What the checks say when nothing could be examined: unverified, with what the control saw."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from pytest_devsecops.core.errors import UsageError
from pytest_devsecops.core.findings import Status
from pytest_devsecops.core.verdict import Verdict
from pytest_devsecops.identity import ClientRegistration, Persona, url_target
from pytest_devsecops.identity.errors import UnreachableError
from pytest_devsecops.identity.http import Request, Response, Transport
from pytest_devsecops.identity.provider.provider import Provider
from pytest_devsecops.identity.target import Target


def through(target: Target, change: Callable[[Request, Callable[[Request], Response]], Response]) -> Target:
    """Return a target of which some requests are answered differently."""

    def opened() -> Transport:
        way = target.open()
        honest = way.send
        way.send = lambda request: change(request, honest)  # type: ignore[method-assign]
        return way

    return replace(target, open=opened)


def test_a_server_that_is_down_leaves_everything_unverified(examined: Callable[..., Verdict]) -> None:
    verdict = examined(url_target("http://127.0.0.1:9"))

    assert verdict.status is Status.UNVERIFIED
    assert "no response" in verdict.explain()


def test_a_server_that_goes_down_in_between_leaves_the_rest_unverified(
    target: Target, examined: Callable[..., Verdict]
) -> None:
    count = 0

    def dying(request: Request, honest: Callable[[Request], Response]) -> Response:
        nonlocal count
        count += 1
        if count > 40:
            raise UnreachableError("connection refused")
        return honest(request)

    verdict = examined(through(target, dying))

    assert verdict.status is Status.UNVERIFIED
    assert "connection refused" in verdict.explain()
    assert {finding.rule for finding in verdict.findings} == {"control-failed"}


def test_a_request_that_hangs_is_a_finding_if_the_server_goes_on(
    target: Target, examined: Callable[..., Verdict]
) -> None:
    def hanging(request: Request, honest: Callable[[Request], Response]) -> Response:
        if "javascript" in request.url:
            raise UnreachableError("no response within 10 seconds")
        return honest(request)

    verdict = examined(through(target, hanging), only=("redirect",))

    assert [(one.rule, one.subject) for one in verdict.findings] == [("hangs-authorization-server", "redirect-script")]


@pytest.mark.parametrize(
    ("client", "says"),
    [
        (ClientRegistration("shop", "wrong", ("https://shop.example/cb",)), "the secret of the client 'shop' is wrong"),
        (ClientRegistration("shop", "secret-of-shop", ("https://elsewhere.example/cb",)), "got no code"),
        (ClientRegistration("unknown", "secret", ("https://shop.example/cb",)), "not registered"),
        (ClientRegistration("shop", "secret-of-shop", ("https://shop.example/cb",), scope="nonsense"), "invalid_scope"),
    ],
)
def test_a_client_that_is_not_as_it_is_registered_fails_the_control(
    client: ClientRegistration, says: str, target: Target, examined: Callable[..., Verdict]
) -> None:
    verdict = examined(target, client=client)

    assert verdict.status is Status.UNVERIFIED
    assert says in verdict.explain()
    assert verdict.examined == {"flows": 0}


def test_a_login_that_fails_fails_the_control(target: Target, examined: Callable[..., Verdict]) -> None:
    stranger = replace(target, personas={"user": lambda: Persona("user", "ada", "wrong-password")})

    verdict = examined(stranger)

    assert verdict.status is Status.UNVERIFIED
    assert "This is not the password" in verdict.explain()


def test_nobody_logs_in_without_a_persona(target: Target, examined: Callable[..., Verdict]) -> None:
    assert examined(replace(target, personas={})).status is Status.UNVERIFIED


def test_without_a_target_nothing_is_examined(examined: Callable[..., Verdict]) -> None:
    assert examined(None).status is Status.UNVERIFIED


@pytest.mark.parametrize("lax_with", ["shop", "spa"])
def test_a_server_that_is_lax_with_one_kind_of_clients_only_is_found(
    lax_with: str, target: Target, provider: Provider, examined: Callable[..., Verdict]
) -> None:
    def partly(request: Request, honest: Callable[[Request], Response]) -> Response:
        basic = any(name == "Authorization" and value.startswith("Basic") for name, value in request.headers)
        whose = "shop" if basic else "spa"
        if request.url.endswith("/token") and whose == lax_with:
            with provider.broken(None, "verifier-unchecked", "code-reusable"):
                return honest(request)
        return honest(request)

    verdict = examined(through(target, partly), only=("pkce-wrong-verifier", "code-single-use"))

    assert {finding.subject for finding in verdict.findings} == {"pkce-wrong-verifier", "code-single-use"}


def test_a_theme_of_which_nothing_applies_is_unverified(target: Target, examined: Callable[..., Verdict]) -> None:
    verdict = examined(target, only=("client-secret-of-other",))

    assert verdict.status is Status.UNVERIFIED
    assert verdict.evidence["not_applicable"] == {"client-secret-of-other": "the other client has no secret of its own"}


def _no_discovery(request: Request, honest: Callable[[Request], Response]) -> Response:
    return Response(404, (), b"", request.url) if "/.well-known/" in request.url else honest(request)


def test_a_server_without_discovery_needs_its_endpoints(target: Target, examined: Callable[..., Verdict]) -> None:
    hidden = through(target, _no_discovery)
    paths = {"authorization": "/authorize", "token": "/token", "userinfo": "/userinfo"}

    unknown, told = examined(hidden), examined(hidden, endpoints=paths, strict=False)

    assert unknown.status is Status.UNVERIFIED
    assert "endpoints=" in unknown.explain()
    assert told, told.explain()
    assert "revocation-refresh-token" in told.evidence["not_applicable"]
    assert "discovery-issuer" in told.evidence["not_applicable"]


def test_endpoints_elsewhere_are_not_asked(
    target: Target, provider: Provider, examined: Callable[..., Verdict]
) -> None:
    asked = len(provider.seen)

    verdict = examined(target, endpoints={"token": "https://elsewhere.example/token"})

    assert verdict.status is Status.UNVERIFIED
    assert "is not at the target's address" in verdict.explain()
    assert not [one for one in provider.seen[asked:] if one.endpoint == "token"]


def test_a_clock_that_the_server_does_not_see_leaves_expiry_unverified(
    target: Target, examined: Callable[..., Verdict]
) -> None:
    clock = target.hooks.clock
    assert clock is not None
    stopped = replace(target, hooks=replace(target.hooks, clock=replace(clock, advance=lambda _step: None)))

    verdict = examined(stopped, only=("code-expires",))

    assert verdict.status is Status.UNVERIFIED
    assert "does not see its clock move" in verdict.explain()


def test_pages_can_be_answered_by_a_function(target: Target, examined: Callable[..., Verdict]) -> None:
    seen: list[str] = []

    def interact(browser: Any, page: Response, persona: Persona) -> Response:
        if "password" in page.text:
            seen.append("login")
            return browser.post_form(page.url, {"username": persona.username, "password": persona.password})  # type: ignore[no-any-return]
        seen.append("consent")
        ticket = page.text.partition('name=ticket value="')[2].partition('"')[0]
        return browser.post_form(page.url, {"ticket": ticket, "answer": "allow"})  # type: ignore[no-any-return]

    verdict = examined(target, only=("code",), interact=interact)

    assert verdict, verdict.explain()
    assert seen[:2] == ["login", "consent"]


def test_a_login_that_asks_for_the_name_first_is_filled_in_as_well(
    target: Target, examined: Callable[..., Verdict]
) -> None:
    asked: list[str] = []

    def in_two_steps(request: Request, honest: Callable[[Request], Response]) -> Response:
        if request.method == "POST" and request.body == b"username=ada":
            asked.append("name")
            return honest(replace(request, method="GET", body=b""))
        page = honest(request)
        if not asked and b'type="password"' in page.body:
            form = b'<form method=post><input name="username"><button>Next</button></form>'
            return replace(page, body=form)
        return page

    verdict = examined(through(target, in_two_steps), only=("code-single-use",))

    assert verdict, verdict.explain()
    assert asked == ["name"]


@pytest.mark.parametrize(
    "given",
    [
        {"redirect_uris": ()},
        {"redirect_uris": "https://shop.example/cb"},
        {"redirect_uris": ("https://shop.example/cb",), "auth_method": "private_key_jwt"},
        {"redirect_uris": ("https://shop.example/cb",), "auth_method": "client_secret_post"},
        {"redirect_uris": ("https://shop.example/cb",), "secret": "s", "auth_method": "none"},
    ],
)
def test_a_registration_that_cannot_be_is_a_usage_error(given: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        ClientRegistration("shop", **given)
