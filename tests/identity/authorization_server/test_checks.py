"""Every check on authorization servers: green on a strict server, red on one with the one mistake."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pytest_devsecops.core.errors import UsageError
from pytest_devsecops.core.verdict import Verdict
from pytest_devsecops.identity.asvs import WITHIN_REACH
from pytest_devsecops.identity.checks.authorization_server.table import FIXES, SERVER_CHECKS
from pytest_devsecops.identity.provider.faults import Lie
from pytest_devsecops.identity.provider.laxities import LAXITIES
from pytest_devsecops.identity.provider.lies import add, by_foreign_key, drop, say
from pytest_devsecops.identity.provider.provider import Provider
from pytest_devsecops.identity.registration import ClientRegistration
from pytest_devsecops.identity.target import Target

#: What the provider does not enforce -> the checks that then find something, and no other does.
MISTAKES: dict[str, set[str]] = {
    "redirect-suffix": {"redirect-suffix"},
    "redirect-subpath": {"redirect-subpath"},
    "redirect-traversal": {"redirect-traversal"},
    "redirect-traversal-encoded": {"redirect-traversal-encoded"},
    "redirect-encoded": {"redirect-encoded"},
    "redirect-case": {"redirect-case"},
    "redirect-trailing-slash": {"redirect-trailing-slash"},
    "redirect-query": {"redirect-query"},
    "redirect-fragment": {"redirect-fragment"},
    "redirect-subdomain": {"redirect-subdomain"},
    "redirect-host-suffix": {"redirect-host-suffix"},
    "redirect-host-prefix": {"redirect-host-prefix"},
    "redirect-userinfo": {"redirect-userinfo"},
    "redirect-backslash": {"redirect-backslash"},
    "redirect-port": {"redirect-port"},
    "redirect-scheme": {"redirect-scheme"},
    "redirect-script": {"redirect-script"},
    "redirect-foreign-host": {"redirect-foreign-host", "redirect-on-error"},
    "redirect-of-any-client": {"redirect-of-other-client"},
    "redirect-missing-accepted": {"redirect-missing"},
    "redirect-uri-repeated": {"redirect-repeated"},
    "error-before-redirect-check": {"redirect-on-error"},
    "client-unknown-accepted": {"redirect-unknown-client"},
    "parameters-repeated": {"parameter-repeated"},
    "pkce-not-required": {"pkce-required"},
    "pkce-plain-accepted": {"pkce-plain"},
    "pkce-plain-by-default": {"pkce-plain-by-default"},
    "pkce-unknown-method-ignored": {"pkce-unknown-method"},
    "pkce-downgrade": {"pkce-downgrade"},
    "verifier-unchecked": {"pkce-wrong-verifier", "pkce-challenge-as-verifier"},
    "verifier-compared-plainly": {"pkce-challenge-as-verifier"},
    "verifier-not-required": {"pkce-no-verifier", "pkce-empty-verifier"},
    "verifier-empty-accepted": {"pkce-empty-verifier"},
    "code-reusable": {"code-single-use"},
    "code-reuse-keeps-tokens": {"code-reuse-revokes"},
    "code-not-bound-to-client": {"code-of-other-client"},
    "code-not-bound-to-redirect-uri": {"code-redirect-uri", "code-no-redirect-uri"},
    "code-redirect-uri-optional": {"code-no-redirect-uri"},
    "code-unknown-accepted": {"code-unknown"},
    "code-short": {"code-guessable"},
    "code-never-expires": {"code-expires"},
    "refresh-not-rotated": {"refresh-rotated"},
    "refresh-reusable": {"refresh-single-use"},
    "refresh-reuse-keeps-family": {"refresh-reuse-revokes"},
    "refresh-not-bound-to-client": {"refresh-of-other-client"},
    "refresh-unauthenticated": {"refresh-no-secret"},
    "refresh-takes-access-token": {"refresh-access-token"},
    "refresh-widens-scope": {"refresh-more-scope"},
    "refresh-invents-scope": {"refresh-unknown-scope"},
    "scope-unknown-granted": {"scope-unknown"},
    "scope-of-others-granted": {"scope-forbidden"},
    "client-secret-any": {"client-wrong-secret", "client-other-method", "introspection-wrong-secret"},
    "client-secret-absent": {
        "client-no-secret", "refresh-no-secret", "revocation-by-anybody", "introspection-by-anybody",
    },
    "client-secret-empty": {"client-empty-secret"},
    "client-auth-any-method": {"client-other-method"},
    "client-auth-twice": {"client-two-methods"},
    "client-unknown-redeems": {"client-unknown"},
    "client-failure-400": {"client-status"},
    "credentials-in-query": {"client-in-url"},
    "token-by-get": {"client-by-get"},
    "password-grant": {"grant-password"},
    "client-credentials-open": {"grant-client-credentials"},
    "grant-type-ignored": {"grant-unknown"},
    "revocation-keeps-refresh-token": {"revocation-refresh-token", "revocation-cascade", "introspection-truth"},
    "revocation-keeps-access-token": {"revocation-access-token"},
    "revocation-keeps-family": {"revocation-cascade"},
    "revocation-of-others": {"revocation-by-other-client"},
    "revocation-open": {"revocation-by-other-client", "revocation-by-anybody"},
    "introspection-open": {"introspection-by-anybody", "introspection-wrong-secret"},
    "introspection-lies": {"introspection-truth"},
    "userinfo-open": {"userinfo-no-token"},
    "userinfo-any-token": {"userinfo-wrong-token"},
    "userinfo-token-in-query": {"userinfo-token-in-url"},
    "tokens-cacheable": {"token-cacheable"},
    "cors-any-origin": {"cors-token"},
    "cors-authorization": {"cors-authorization"},
    "state-shortened": {"response-state"},
    "state-lost-on-error": {"response-state-on-error"},
    "state-not-returned": {"response-state", "response-state-on-error"},
    "iss-not-returned": {"response-issuer", "response-issuer-on-error"},
    "iss-lost-on-error": {"response-issuer-on-error"},
    "response-type-token": {"response-implicit"},
    "response-type-ignored": {"response-type"},
    "response-mode-fragment": {"response-mode"},
    "redirect-repeats-form": {"response-redirect-status"},
    "discovery-issuer-other": {"discovery-issuer", "idtoken-issuer", "response-issuer", "response-issuer-on-error"},
    "pages-framable": {"page-framable"},
    "pages-leak-referrer": {"page-referrer"},
    "prompt-none-ignored": {"prompt-none-nobody"},
    "prompt-none-mixed": {"prompt-none-login"},
    "prompt-login-ignored": {"prompt-login"},
    "prompt-consent-ignored": {"prompt-consent"},
    "max-age-ignored": {"prompt-max-age"},
    "error-shows-insides": {"error-authorization"},
    "token-error-shows-insides": {"error-token", "error-form", "client-status"},
    "userinfo-error-shows-insides": {"error-others", "userinfo-no-token"},
    "error-reflects-input": {"error-reflection"},
    "token-error-as-page": {"error-form", "client-status"},
    "logout-redirect-any": {
        "logout-redirect", "logout-redirect-suffix", "logout-redirect-query", "logout-redirect-host",
        "logout-forged-hint",
    },
    "logout-redirect-prefix": {"logout-redirect-suffix", "logout-redirect-query"},
    "logout-redirect-host": {"logout-redirect-host"},
    "logout-hint-unverified": {"logout-forged-hint"},
    "request-object-redirect": {"request-redirect"},
    "request-object-unsigned": {"request-unsigned"},
    "request-uri-fetched": {"request-fetched"},
}  # fmt: skip

#: The same where the second client has a secret: what else is then examined.
MISTAKES_WITH_SECRETS: dict[str, set[str]] = {
    "client-secret-of-any-client": {"client-secret-of-other"},
    "introspection-of-others": {"introspection-by-other-client"},
}


def _only_at_refresh(_scene: Any, claims: dict[str, Any]) -> dict[str, Any]:
    return claims if "nonce" in claims else {**claims, "sub": "somebody-else"}


def _weak_rsa(_scene: Any, jwks: dict[str, Any]) -> dict[str, Any]:
    weak = {"kty": "RSA", "kid": "weak", "n": "v" * 170, "e": "AQAB"}
    return {"keys": [*jwks["keys"], weak]}


LIES: dict[str, tuple[Lie, set[str]]] = {
    "issuer of responses": (
        Lie(response=say("iss", lambda _s, _v: "https://other.example")),
        {"response-issuer", "response-issuer-on-error"},
    ),
    "endpoints in clear": (
        Lie(discovery=add("registration_endpoint", lambda _s, _h: "http://idp.example/register")),
        {"discovery-tls"},
    ),
    "dead endpoint": (Lie(discovery=say("end_session_endpoint", lambda _s, v: f"{v}/gone")), {"discovery-endpoints"}),
    "silent about PKCE": (Lie(discovery=drop("code_challenge_methods_supported")), {"discovery-pkce"}),
    "announces plain": (
        Lie(discovery=say("code_challenge_methods_supported", lambda _s, v: ["plain", *v])), {"discovery-pkce"},
    ),
    "announces none": (
        Lie(discovery=say("id_token_signing_alg_values_supported", lambda _s, v: ["none", *v])), {"discovery-none"},
    ),
    "announces implicit": (
        Lie(discovery=say("grant_types_supported", lambda _s, v: [*v, "implicit"])), {"discovery-grants"},
    ),
    "private key": (
        Lie(jwks=lambda _s, h: {"keys": [{**h["keys"][0], "d": "c2VjcmV0"}]}), {"jwks-private"},
    ),
    "shared secret": (
        Lie(jwks=lambda _s, h: {"keys": [*h["keys"], {"kty": "oct", "k": "c2VjcmV0"}]}), {"jwks-private"},
    ),
    "weak key": (Lie(jwks=_weak_rsa), {"jwks-weak"}),
    "foreign signature": (Lie(token=by_foreign_key(known_kid=True)), {"idtoken-signature"}),
    "unknown key": (Lie(token=by_foreign_key(known_kid=False)), {"idtoken-signature"}),
    "issuer": (Lie(claims=say("iss", lambda _s, v: f"{v}/")), {"idtoken-issuer"}),
    "audience": (Lie(claims=say("aud", lambda _s, _v: "another")), {"idtoken-audience"}),
    "authorized party": (Lie(claims=add("azp", lambda _s, _h: "another")), {"idtoken-audience"}),
    "nonce": (Lie(claims=say("nonce", lambda _s, v: v[:-1])), {"idtoken-nonce"}),
    "expired": (Lie(claims=say("exp", lambda _s, v: v - 86_400)), {"idtoken-times"}),
    "lives for years": (Lie(claims=say("exp", lambda _s, v: v + 10**9)), {"idtoken-times"}),
    "issued tomorrow": (Lie(claims=say("iat", lambda _s, v: v + 86_400)), {"idtoken-times"}),
    "expiry as a text": (Lie(claims=say("exp", lambda _s, v: str(v))), {"idtoken-times"}),
    "at_hash": (Lie(claims=say("at_hash", lambda _s, v: v[::-1])), {"idtoken-at-hash"}),
    "subject": (Lie(userinfo=say("sub", lambda _s, _v: "victim")), {"idtoken-subject"}),
    "auth_time": (Lie(claims=drop("auth_time")), {"idtoken-auth-time"}),
    "subject at refresh": (Lie(claims=_only_at_refresh), {"idtoken-at-refresh"}),
}  # fmt: skip


def red(verdict: Verdict) -> set[str]:
    """Return the checks that found something."""
    return {finding.subject for finding in verdict.findings}


def test_a_strict_server_withstands_everything(target: Target, examined: Callable[..., Verdict]) -> None:
    verdict = examined(target)

    assert verdict, verdict.explain()
    tried, left = verdict.evidence["tried"], verdict.evidence["not_applicable"]
    assert set(tried) | set(left) == {one.id for one in SERVER_CHECKS}
    assert set(left) == {"client-secret-of-other", "introspection-by-other-client"}
    assert verdict.examined["attacks"] == len(tried) >= 120
    assert not verdict.evidence["noted"]


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_found_by_each_of_its_checks(
    mistake: str, target: Target, provider: Provider, examined: Callable[..., Verdict]
) -> None:
    with provider.broken(None, mistake):
        verdict = examined(target, only=tuple(MISTAKES[mistake]))

    assert red(verdict) == MISTAKES[mistake], verdict.explain()


@pytest.mark.slow
@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_found_by_its_checks_and_by_no_other(
    mistake: str, target: Target, provider: Provider, examined: Callable[..., Verdict]
) -> None:
    with provider.broken(None, mistake):
        verdict = examined(target)

    assert red(verdict) == MISTAKES[mistake], verdict.explain()


@pytest.mark.parametrize("mistake", MISTAKES_WITH_SECRETS)
def test_a_mistake_between_clients_with_secrets_is_found(
    mistake: str, target: Target, provider: Provider, examined: Callable[..., Verdict], blog: ClientRegistration
) -> None:
    with provider.broken(None, mistake):
        verdict = examined(target, other_client=blog, strict=False, only=("client", "introspection"))
        strict = examined(target, other_client=blog, only=("client", "introspection"))

    assert red(strict) == MISTAKES_WITH_SECRETS[mistake], strict.explain()
    advice = mistake == "introspection-of-others"
    assert red(verdict) == (set() if advice else red(strict))
    assert set(verdict.evidence["noted"]) == (red(strict) if advice else set())


@pytest.mark.parametrize("lie", LIES)
def test_a_lie_is_found_by_each_of_its_checks(
    lie: str, target: Target, provider: Provider, examined: Callable[..., Verdict]
) -> None:
    said, expected = LIES[lie]
    with provider.broken(said):
        verdict = examined(target, only=tuple(expected))

    assert red(verdict) == expected, verdict.explain()


@pytest.mark.slow
@pytest.mark.parametrize("lie", LIES)
def test_a_lie_is_found_by_its_check_and_by_no_other(
    lie: str, target: Target, provider: Provider, examined: Callable[..., Verdict]
) -> None:
    said, expected = LIES[lie]
    with provider.broken(said):
        verdict = examined(target)

    assert red(verdict) == expected, verdict.explain()


def test_every_check_has_its_mistake_and_every_laxity_of_the_provider_is_known() -> None:
    shown = set().union(*MISTAKES.values(), *MISTAKES_WITH_SECRETS.values(), *(checks for _, checks in LIES.values()))
    broad = {
        "redirect-prefix", "redirect-any", "error-redirects-anywhere", "error-500", "client-secret-unchecked",
        "revocation-ignored",
    }  # fmt: skip

    assert shown == {one.id for one in SERVER_CHECKS}
    assert set(LAXITIES) == set(MISTAKES) | set(MISTAKES_WITH_SECRETS) | broad
    assert len({one.id for one in SERVER_CHECKS}) == len(SERVER_CHECKS)
    assert {one.theme for one in SERVER_CHECKS} == set(FIXES)


def test_the_reference_lists_every_check_and_the_requirements_of_asvs_are_those_within_reach() -> None:
    page = Path(__file__).parents[3] / "docs" / "reference" / "authorization-server.md"
    listed = re.findall(r"^\| `([a-z-]+)` \|", page.read_text(encoding="utf-8"), re.MULTILINE)
    named = {requirement for one in SERVER_CHECKS for requirement in one.asvs} | {"16.5.1", "16.5.3"}

    assert sorted(listed) == sorted(one.id for one in SERVER_CHECKS)
    assert named == set(WITHIN_REACH["authorization_server_is_safe"])


@pytest.mark.parametrize(
    ("mistake", "some"),
    [
        ("redirect-any", {"redirect-suffix", "redirect-foreign-host", "redirect-userinfo", "redirect-traversal"}),
        ("redirect-prefix", {"redirect-suffix", "redirect-subpath", "redirect-traversal", "redirect-query"}),
        ("error-redirects-anywhere", {"redirect-on-error", "redirect-foreign-host"}),
        ("client-secret-unchecked", {"client-wrong-secret", "client-no-secret", "client-empty-secret"}),
        ("revocation-ignored", {"revocation-refresh-token", "revocation-access-token"}),
    ],
)
def test_broad_mistakes_are_found_by_many_checks(
    mistake: str, some: set[str], target: Target, provider: Provider, examined: Callable[..., Verdict]
) -> None:
    with provider.broken(None, mistake):
        assert red(examined(target)) >= some


def test_a_server_that_crashes_on_garbage_violates_a_rule_of_its_own(
    target: Target, provider: Provider, examined: Callable[..., Verdict]
) -> None:
    with provider.broken(None, "error-500"):
        verdict = examined(target)

    (finding,) = verdict.findings
    assert finding.rule == "crashes-authorization-server"
    assert "500" in str(finding.detail["status"])
    assert finding.detail["request"].startswith("curl ")


def test_a_finding_shows_the_request_without_secrets(
    target: Target, provider: Provider, examined: Callable[..., Verdict]
) -> None:
    with provider.broken(None, "verifier-unchecked"):
        verdict = examined(target, only=("pkce-wrong-verifier",))

    (finding,) = verdict.findings
    assert (finding.rule, finding.subject) == ("unsafe-authorization-server", "pkce-wrong-verifier")
    assert "RFC 7636 4.6" in finding.refs
    assert "code_verifier=" in finding.detail["request"]
    assert "secret-of-shop" not in str(finding.detail)
    assert "c2VjcmV0LW9mLXNob3" not in str(finding.detail)


def test_a_credential_that_the_check_made_up_is_shown_and_no_other(
    target: Target, provider: Provider, examined: Callable[..., Verdict], blog: ClientRegistration
) -> None:
    with provider.broken(None, "client-secret-any"):
        verdict = examined(target, other_client=blog, only=("client-wrong-secret", "client-secret-of-other"))

    shown = {finding.subject: str(finding.detail["request"]) for finding in verdict.findings}
    made_up = base64.b64encode(b"shop:not-the-secret-of-this-client").decode()
    assert f"Basic {made_up}" in shown["client-wrong-secret"]
    assert "Authorization: <authorization of the session>" in shown["client-secret-of-other"]


def test_no_token_that_still_works_is_in_a_finding(
    target: Target, provider: Provider, examined: Callable[..., Verdict]
) -> None:
    with provider.broken(None, "userinfo-token-in-query", "tokens-cacheable"):
        verdict = examined(target, only=("userinfo-token-in-url", "token-cacheable"))

    assert red(verdict) == {"userinfo-token-in-url", "token-cacheable"}
    shown = str([dict(finding.detail) for finding in verdict.findings])
    assert "<access token>" in shown
    realm = next(iter(provider.app._realms.values()))  # noqa: SLF001 - every token that there is
    assert realm.tokens
    assert not [token for token in realm.tokens if token in shown]


def test_advice_is_noted_and_becomes_a_finding_when_strict(
    target: Target, provider: Provider, examined: Callable[..., Verdict]
) -> None:
    with provider.broken(None, "iss-not-returned"):
        lenient = examined(target, strict=False)

    assert lenient, lenient.explain()
    assert set(lenient.evidence["noted"]) == {"response-issuer", "response-issuer-on-error"}


def test_a_theme_or_a_check_can_be_chosen_or_ignored_with_a_reason(
    target: Target, examined: Callable[..., Verdict]
) -> None:
    verdict = examined(target, only=("code", "scope-unknown"), ignore={"code-expires": "checked by hand"})

    assert verdict
    assert "code-single-use" in verdict.evidence["tried"]
    assert "code-expires" not in verdict.evidence["tried"]
    assert {name.partition("-")[0] for name in verdict.evidence["tried"]} == {"code", "scope"}


@pytest.mark.parametrize(
    "options", [{"only": ("nonsense",)}, {"ignore": {"x": "y"}}, {"ignore": {"code-unknown": " "}}]
)
def test_what_cannot_be_meant_is_a_usage_error(
    options: dict[str, Any], target: Target, examined: Callable[..., Verdict]
) -> None:
    with pytest.raises(UsageError):
        examined(target, **options)
