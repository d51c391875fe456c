"""Verifiers that are sound and differ in what they may choose: the whole battery reports nothing."""

from __future__ import annotations

import json
import time
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from joserfc import jwt

from pytest_devsecops.core.findings import Status
from pytest_devsecops.core.verdict import Verdict

Claims = Mapping[str, Any]
Examined = Callable[..., Verdict]
MakeIssuer = Callable[..., Any]


def strict(issuer: Any, token: str) -> Claims:
    return dict(issuer.verified(token))


def own_checks(issuer: Any, token: str, **left_out: None) -> tuple[Claims, Claims]:
    """Return header and claims of a token whose signature, issuer, audience and end are right."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = jwt.decode(token, issuer.key, algorithms=[issuer.name])
    return found.header, issuer.checked(found.claims, **left_out)


def any_case_of_typ(issuer: Any, token: str) -> Claims:
    header, claims = own_checks(issuer, token)
    if str(header.get("typ", "jwt")).lower() not in ("jwt", "logout+jwt", "dpop+jwt", "secevent+jwt"):
        raise ValueError(header)
    return claims


def padding_is_cut_off(issuer: Any, token: str) -> Claims:
    return dict(issuer.verified(".".join(part.rstrip("=") for part in token.split("."))))


def end_is_optional(issuer: Any, token: str) -> Claims:
    header, claims = own_checks(issuer, token, exp=None)
    del header
    return dict(issuer.checked(claims, exp=None)) if "exp" not in claims else dict(issuer.verified(token))


def slash_does_not_count(issuer: Any, token: str) -> Claims:
    _, claims = own_checks(issuer, token, iss=None)
    if not isinstance(claims["iss"], str) or claims["iss"].removesuffix("/") != "https://issuer.example":
        raise ValueError(claims)
    return claims


def surroundings_are_stripped(issuer: Any, token: str) -> Claims:
    return dict(issuer.verified(token.strip().strip('"')))


def ten_minutes_of_tolerance(issuer: Any, token: str) -> Claims:
    claims = issuer.verified(token, exp=None, nbf=None)
    if not claims["exp"] - time.time() > -600 or claims.get("nbf", 0) > time.time() + 600:
        raise ValueError(claims)
    return dict(claims)


def breaks_over_what_no_issuer_signs(issuer: Any, token: str) -> Claims:
    """Only the issuer could make a token whose end is a text, and it might as well be accepted."""
    claims = issuer.verified(token, exp=None)
    if isinstance(claims["exp"], str) and claims["exp"].isdigit() and int(claims["exp"]) > time.time():
        raise SystemError(token)
    return dict(issuer.checked(claims))


def test_a_crash_over_what_only_the_issuer_could_sign_and_may_is_told_and_no_finding(
    examined: Examined, make_issuer: MakeIssuer
) -> None:
    verdict = examined(make_issuer(), breaks_over_what_no_issuer_signs, attacks=["time"])
    assert verdict.status is Status.MET, verdict.explain()
    assert verdict.evidence["crashes_and_harmless"] == ["time/exp text"]


@pytest.mark.parametrize(
    "verifier",
    [
        ten_minutes_of_tolerance,
        any_case_of_typ,
        padding_is_cut_off,
        end_is_optional,
        slash_does_not_count,
        surroundings_are_stripped,
    ],
)
def test_what_a_verifier_may_choose_is_no_finding(
    verifier: Callable[..., Claims], examined: Examined, make_issuer: MakeIssuer
) -> None:
    verdict = examined(make_issuer(), verifier)
    assert verdict.status is Status.MET, verdict.explain()


@pytest.mark.parametrize(
    "algorithm", ["ES256", "ES384", "ES512", "RS256", "PS256", "Ed25519", "Ed448", "HS256", "HS512"]
)
def test_a_strict_verifier_of_each_algorithm_is_met(
    algorithm: str, examined: Examined, make_issuer: MakeIssuer
) -> None:
    verdict = examined(make_issuer(algorithm), strict)
    assert verdict.status is Status.MET, verdict.explain()
    assert int(verdict.examined["attacks"]) > 480  # type: ignore[arg-type] # a number


@pytest.mark.parametrize("form", ["PEM", "JWK", "JWKS with others", "text of a JWKS"])
def test_the_public_key_may_come_in_any_form(form: str, examined: Examined, make_issuer: MakeIssuer) -> None:
    issuer = make_issuer("RS256")
    others = [*make_issuer("ES256").jwks["keys"], *issuer.jwks["keys"]]
    given: Any = {
        "PEM": issuer.key.as_pem(private=False).decode(),
        "JWK": issuer.jwks["keys"][0],
        "JWKS with others": {"keys": others},
        "text of a JWKS": json.dumps({"keys": others}),
    }[form]
    verdict = examined(issuer, strict, jwks=given, attacks=["hmac-public-key", "rsa"])
    assert verdict.status is Status.MET, verdict.explain()
    assert int(verdict.examined["attacks"]) > 80  # type: ignore[arg-type] # a number


@pytest.mark.parametrize("status", ["400 no", "403 no", "404 no", "302 elsewhere", "200 sign in"])
def test_a_refusal_may_be_any_answer(status: str, examined: Examined, make_issuer: MakeIssuer) -> None:
    verdict = examined(make_issuer(), strict, status=status, attacks=["alg-none", "signature", "issuer"])
    assert verdict.status is Status.MET, verdict.explain()


def test_a_name_that_is_repeated_is_no_user(examined: Examined, make_issuer: MakeIssuer) -> None:
    """The application shows whatever subject it is given; one without the last digit of a user's is nobody's."""
    for _ in range(12):
        verdict = examined(make_issuer(), strict, attacks=["subject"])
        assert verdict.status is Status.MET, verdict.explain()


def test_a_key_that_does_not_belong_to_the_token_is_unverified(examined: Examined, make_issuer: MakeIssuer) -> None:
    verdict = examined(make_issuer("ES256"), strict, jwks=make_issuer("RS256").jwks, attacks=["alg-none"])
    assert verdict.status is Status.UNVERIFIED, verdict.explain()
