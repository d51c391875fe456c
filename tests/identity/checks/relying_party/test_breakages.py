"""``refuses_broken_providers`` against a relying party that checks everything, or leaves out one thing."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from pytest_devsecops.core.verdict import Verdict
from pytest_devsecops.identity.provider.breakages import BREAKAGES, DELIVERIES, LOGOUT_FAULTS
from pytest_devsecops.identity.provider.login import idp_login
from pytest_devsecops.identity.provider.provider import Provider
from pytest_devsecops.identity.target import Target

pytestmark = pytest.mark.slow


def subjects(verdict: Verdict, rule: str = "logs-in-on-broken-provider") -> set[str]:
    return {finding.subject for finding in verdict.findings if finding.rule == rule}


def test_a_careful_portal_logs_nobody_in_whatever_the_provider_says(
    portal: Callable[..., Target], examined: Callable[..., Verdict], idp: Provider
) -> None:
    verdict = examined(
        portal(other=True), idp, other_login=idp_login("/login/other"), backchannel_logout="/backchannel"
    )

    assert verdict, verdict.explain()
    every = {one.id for one in (*BREAKAGES, *DELIVERIES)} | set(LOGOUT_FAULTS)
    assert set(verdict.evidence["tried"]) | set(verdict.evidence["not_applicable"]) == every
    assert len(verdict.evidence["tried"]) >= 70
    assert verdict.examined["breakages"] == len(verdict.evidence["tried"])


#: What the portal leaves out -> the breakages that then log somebody in.
HOLES = {
    "state": {"state-missing", "state-wrong", "state-empty"},
    "no-state no-pkce no-nonce": {"login-csrf", "response-of-other-browser", "code-of-other-session"},
    "nonce": {"nonce-missing", "nonce-wrong", "nonce-replayed"},
    "error": {"error-with-code"},
    "no-pkce nonce": {"code-of-other-session"},
    "csrf-global no-pkce nonce": {"login-csrf", "response-of-other-browser"},
    "response-iss": {"response-iss-wrong", "response-iss-missing"},
    "response-iss mix-up": {"mix-up"},
    "id-token code": {"id-token-absent"},
    "iss": {"iss-other", "iss-missing", "iss-trailing-slash", "iss-longer", "iss-prefix", "iss-case"},
    "iss-prefix": {"iss-trailing-slash", "iss-longer", "iss-prefix", "iss-case"},
    "aud": {"aud-other", "aud-list-without-us", "aud-missing", "aud-empty", "aud-longer"},
    "aud-prefix": {"aud-longer"},
    "exp": {"exp-past", "exp-missing", "exp-string"},
    "nbf": {"nbf-future"},
    "signature no-userinfo": {
        "signature-stripped", "signature-of-other-claims", "signature-foreign-key", "signature-foreign-kid",
        "signature-other-issuer", "signature-embedded-key", "alg-none", "alg-none-capital", "alg-hs256-public-key",
        "jwks-lacks-key", "jwks-oct-key", "jwks-duplicate-kid", "discovery-alg-none",
    },
    "alg": {"alg-none", "alg-none-capital", "discovery-alg-none"},
    "announced-alg": {"discovery-alg-none"},
    "embedded": {"signature-embedded-key"},
    "hmac": {"alg-hs256-public-key", "alg-hs256-client-secret", "jwks-oct-key"},
    "sub no-userinfo": {"sub-missing"},
    "azp": {"aud-extra-azp-other", "azp-other"},
    "hashes": {"at-hash-wrong", "c-hash-wrong"},
    "bare-claims": {"id-token-object"},
    "userinfo": {"userinfo-other-sub", "userinfo-without-sub"},
    "by-email": {"same-email", "same-email-unverified", "no-email"},
    "by-preferred_username": {"same-username"},
    "by-lower-sub": {"sub-other-case"},
    "by-sub": {"same-sub-other-issuer"},
    "discovery": {"discovery-issuer-missing", "discovery-issuer-slash", "discovery-issuer-other"},
    "discovery iss": {"discovery-impersonates"},
}  # fmt: skip


@pytest.mark.parametrize("bugs", HOLES)
def test_a_portal_that_leaves_a_check_out_is_found_by_the_breakages_of_that_check(
    bugs: str, portal: Callable[..., Target], examined: Callable[..., Verdict], idp: Provider
) -> None:
    target = portal(bugs, other=True)

    verdict = examined(target, idp, other_login=idp_login("/login/other"), only=tuple(HOLES[bugs]))

    assert subjects(verdict) == HOLES[bugs], verdict.explain()
    assert all(finding.refs and finding.detail for finding in verdict.findings)
    tells_of_tls = {finding.subject for finding in verdict.findings if "rely on TLS" in finding.fix}
    assert tells_of_tls == {name for name in HOLES[bugs] if re.match("signature-|alg-|jwks-|discovery-alg", name)}
    with_leeway = {finding.subject for finding in verdict.findings if f"ignore={{'{finding.subject}'" in finding.fix}
    assert with_leeway == {name for name in HOLES[bugs] if re.match("azp-|.*-hash-|response-iss-", name)}


@pytest.mark.parametrize(
    ("bugs", "noted"),
    [
        ("iat", {"iat-future", "iat-old", "iat-missing"}),
        ("token-type", {"token-type-wrong"}),
        ("sub no-userinfo", {"sub-empty"}),
        ("", {"type-access-token", "type-logout-token"}),
        ("any-alg", {"alg-unannounced"}),
    ],
)
def test_what_a_clause_leaves_to_the_client_is_noted_and_a_finding_only_if_asked_for(
    bugs: str, noted: set[str], portal: Callable[..., Target], examined: Callable[..., Verdict], idp: Provider
) -> None:
    verdict = examined(portal(bugs), idp, only=tuple(noted))
    strict = examined(portal(bugs), idp, only=tuple(noted), strict=True)

    assert verdict, verdict.explain()
    assert noted <= set(verdict.evidence["noted"])
    assert subjects(strict) == noted, strict.explain()


@pytest.mark.parametrize(
    ("bugs", "found"),
    [
        ("signature", {"logout-alg-none", "logout-foreign-key"}),
        ("logout-nonce", {"logout-nonce"}),
        ("logout-events", {"logout-no-events", "logout-other-event"}),
        ("logout-events logout-nonce", {"logout-id-token"}),
        ("logout-aud", {"logout-aud-other"}),
        ("logout-iss", {"logout-iss-other"}),
        ("logout-exp", {"logout-exp-past"}),
    ],
)
def test_a_session_that_a_broken_logout_token_ends_is_found(
    bugs: str, found: set[str], portal: Callable[..., Target], examined: Callable[..., Verdict], idp: Provider
) -> None:
    verdict = examined(portal(bugs), idp, backchannel_logout="/backchannel", only=tuple(found))

    assert subjects(verdict, "ends-session-on-broken-logout-token") == found, verdict.explain()


@pytest.mark.parametrize(
    ("bugs", "problem"),
    [("no-state no-pkce no-nonce", "no state, no PKCE, no nonce"), ("no-pkce no-nonce", "neither PKCE nor nonce")],
)
def test_a_request_that_nothing_protects_is_a_finding_of_its_own(
    bugs: str, problem: str, portal: Callable[..., Target], examined: Callable[..., Verdict], idp: Provider
) -> None:
    verdict = examined(portal(bugs), idp, only=("iss-other",))

    assert [finding.rule for finding in verdict.findings] == ["unprotected-authorization-request"]
    assert problem in verdict.findings[0].message


def test_either_pkce_or_the_nonce_is_enough(
    portal: Callable[..., Target], examined: Callable[..., Verdict], idp: Provider
) -> None:
    only = ("iss-other", "code-of-other-session", "login-csrf")

    verdicts = {bugs: examined(portal(bugs), idp, only=only) for bugs in ("no-nonce", "no-pkce", "no-state")}

    assert all(verdicts.values()), [verdict.explain() for verdict in verdicts.values()]
    assert "no state" in verdicts["no-state"].evidence["noted"]["authorization request"]


def test_a_crash_is_a_finding_of_its_own_and_can_be_ignored_with_a_reason(
    portal: Callable[..., Target], examined: Callable[..., Verdict], idp: Provider
) -> None:
    broken = ("signature-stripped", "alg-none")

    verdict = examined(portal("crashes"), idp, only=broken)
    ignored = examined(
        portal("crashes"), idp, only=broken, ignore={"crashes-on-broken-provider": "the proxy shows its own page"}
    )

    assert [finding.rule for finding in verdict.findings] == ["crashes-on-broken-provider"]
    assert verdict.findings[0].detail["status"] == 500
    assert ignored, ignored.explain()
    assert set(ignored.evidence["answered_5xx"]) == set(broken)


def test_the_request_that_shows_a_finding_has_no_secret(
    portal: Callable[..., Target], examined: Callable[..., Verdict], idp: Provider
) -> None:
    verdict = examined(portal("iss"), idp, only=("iss-other",))

    detail = verdict.findings[0].detail
    assert "/callback?code=<code>" in detail["request"]
    assert "<cookie of the session>" in detail["request"]
