"""What the check on forged tokens says: when it is met, violated or unverified, and with which evidence."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from pytest_devsecops.core.findings import Finding, Status
from pytest_devsecops.core.verdict import Verdict
from pytest_devsecops.identity import bearer, wsgi_target
from pytest_devsecops.identity.family import Identity
from pytest_devsecops.identity.section import IdentityPolicy
from pytest_devsecops.identity.tokens.battery import ATTACK_CLASSES, select

Claims = Mapping[str, Any]
Examined = Callable[..., Verdict]
MakeIssuer = Callable[..., Any]


def strict(issuer: Any, token: str) -> Claims:
    return dict(issuer.verified(token))


def claims_of(token: str) -> Claims:
    payload = token.split(".")[1]
    return dict(json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))))


def test_there_are_more_attacks_than_the_facts_list_and_each_has_its_own_name() -> None:
    attacks = select()
    names = [one.name for one in attacks]
    assert len(names) > 220
    assert len(set(names)) == len(names)


def test_every_attack_cites_the_clause_or_weakness_that_it_is_about() -> None:
    for one in select():
        assert any(ref.startswith(("RFC ", "CVE-")) for ref in one.refs), one.name
        assert all(ref.startswith(("RFC ", "CVE-", "asvs:v5.0.0-", "WSTG-")) for ref in one.refs), one.name
    assert all(one.attacks and one.title for one in ATTACK_CLASSES)


def test_the_reference_lists_every_class() -> None:
    page = (Path(__file__).parents[3] / "docs" / "reference" / "identity.md").read_text(encoding="utf-8")
    for one in ATTACK_CLASSES:
        assert f"| `{one.name}` | {one.title} | {len(one.attacks)} |" in page
    table = page.partition("| class | attacks are |")[2].partition("\n\n")[0]
    assert table.count("| `") == len(ATTACK_CLASSES)


@pytest.mark.parametrize(("algorithm", "least"), [("ES256", 400), ("RS256", 400), ("HS256", 300)])
def test_without_the_issuers_key_a_strict_verifier_is_met(
    algorithm: str, least: int, examined: Examined, make_issuer: MakeIssuer
) -> None:
    verdict = examined(make_issuer(algorithm), strict, with_key=False)
    assert verdict.status is Status.MET, verdict.explain()
    assert int(verdict.examined["attacks"]) > least  # type: ignore[arg-type] # a number


@pytest.mark.parametrize(
    "secret", [b"your-256-bit-secret", b"change-me-in-production", b"MY_SUPER_SECRET_KEY", b"YourSecretKeyHere"]
)
def test_a_secret_that_anyone_guesses_is_found_without_sending_guesses(
    secret: bytes, examined: Examined, make_issuer: MakeIssuer
) -> None:
    verdict = examined(make_issuer("HS256", secret=secret), strict, with_key=False)
    assert {one.subject for one in verdict.findings} == {"hmac-known-secret/guessable"}, verdict.explain()


def crashes(issuer: Any, token: str) -> Claims:
    if token.count(".") > 2:
        raise SystemError(token)
    return strict(issuer, token)


def test_a_crash_on_a_hostile_token_is_a_finding_of_its_own(examined: Examined, make_issuer: MakeIssuer) -> None:
    verdict = examined(make_issuer(), crashes, with_key=False)
    assert verdict.status is Status.VIOLATED, verdict.explain()
    assert {one.rule for one in verdict.findings} == {"crashes-on-forged-token"}, verdict.explain()


def test_a_place_that_refuses_everybody_is_unverified(examined: Examined, make_issuer: MakeIssuer) -> None:
    def closed(_: Any, token: str) -> Claims:
        raise ValueError(token)

    assert examined(make_issuer(), closed).status is Status.UNVERIFIED


def test_a_place_that_admits_everybody_is_unverified(make_issuer: MakeIssuer) -> None:
    def admits(_: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
        start_response("200 ok", [("Content-Type", "text/plain")])
        return [b"customer"]

    personas: Any = {"customer": lambda: ("customer", "unused")}
    target = wsgi_target(admits, personas=personas, login=bearer(make_issuer().mint), whoami="/me")
    identity = Identity(target, IdentityPolicy(), record=lambda verdict: verdict)
    assert identity.refuses_forged_tokens(at="/me").status is Status.UNVERIFIED


def unchecked(issuer: Any, token: str) -> Claims:
    return dict(issuer.checked(claims_of(token)))


def of(verdict: Verdict, subject: str) -> Finding:
    return next(one for one in verdict.findings if one.subject == subject)


def test_a_finding_has_the_request_that_shows_it_and_no_valid_token(
    examined: Examined, make_issuer: MakeIssuer
) -> None:
    issuer = make_issuer()
    verdict = examined(issuer, unchecked, attacks=["alg-none", "encoding", "signature"])
    detail = of(verdict, "alg-none/none").detail
    words = str(detail["request"]).split()
    forged = words[words.index("Bearer") + 1].rstrip("'")
    assert words[0] == "curl"
    assert claims_of(forged)["sub"].startswith("customer-")
    assert detail["status"] == 200
    # What a finding shows must not open the door once it is shut: nothing in it verifies.
    for one in verdict.findings:
        for word in str(one.detail).replace("'", " ").replace('"', " ").replace("\\", " ").split():
            with pytest.raises(Exception):  # noqa: B017, PT011 - whatever joserfc says of it
                issuer.verified(word)


def test_one_attack_that_cannot_be_made_here_does_not_apply(examined: Examined, make_issuer: MakeIssuer) -> None:
    verdict = examined(make_issuer("ES256"), strict, attacks=["rsa/s=0"])
    assert verdict.status is Status.MET, verdict.explain()
    assert "does not apply" in verdict.summary
    assert "attacks" not in verdict.examined


@pytest.mark.parametrize(("algorithm", "status"), [("RS256", Status.UNVERIFIED), ("HS256", Status.MET)])
def test_a_battery_without_the_public_key_is_not_whole(
    examined: Examined, make_issuer: MakeIssuer, algorithm: str, status: Status
) -> None:
    verdict = examined(make_issuer(algorithm), strict, jwks=None, issuer_key=None)
    assert verdict.status is status, verdict.explain()
    unknown = [one for one in verdict.findings if one.rule == "key-unknown"]
    assert [one.fix for one in unknown] == (["pass jwks=…"] if status is Status.UNVERIFIED else [])
    assert int(str(verdict.examined["attacks"])) > 100


def test_attacks_that_were_asked_for_and_need_the_issuers_key_are_not_passed_over(
    examined: Examined, make_issuer: MakeIssuer
) -> None:
    verdict = examined(make_issuer("ES256"), strict, issuer_key=None, attacks=["alg-none", "issuer"])
    assert verdict.status is Status.UNVERIFIED, verdict.explain()
    assert [(one.rule, one.fix) for one in verdict.findings] == [
        ("key-unknown", "pass issuer_key=…, or mint=… to the target")
    ]
    assert examined(make_issuer("ES256"), strict, issuer_key=None).status is Status.MET


class LastDigit:
    """A verifier that looks a user up by the beginning of the name."""

    def __init__(self) -> None:
        self.users: set[str] = set()

    def __call__(self, issuer: Any, token: str) -> Claims:
        claims = dict(issuer.verified(token))
        if len(claims["sub"]) == len("customer-") + 8:
            self.users.add(claims["sub"])
        found = [user for user in self.users if user.startswith(claims["sub"])]
        return {**claims, "sub": found[0]}


def test_a_user_found_by_the_beginning_of_a_name_is_mistaken(examined: Examined, make_issuer: MakeIssuer) -> None:
    verdict = examined(make_issuer(), LastDigit(), attacks=["subject"])
    assert "takes-nobody-for-a-user" in {one.rule for one in verdict.findings}, verdict.explain()


@pytest.mark.parametrize(
    ("issuer", "ignored", "attacks"),
    [
        ({"claims": {"token_use": "access"}}, "token_use", "type"),
        ({"claims": {"type": "access"}}, "type", "type"),
        ({"claims": {"typ": "Bearer", "azp": "web", "aud": ["orders", "account"]}}, "aud", "type"),
        ({"claims": {"tid": "tenant-one"}}, "tid", "tenant"),
        ({"header": {"typ": "at+jwt"}}, "typ", "type"),
    ],
)
def test_kinds_and_tenants_that_nobody_checks_are_found(
    issuer: dict[str, Any], ignored: str, attacks: str, examined: Examined, make_issuer: MakeIssuer
) -> None:
    def careless(maker: Any, token: str) -> Claims:
        return dict(maker.verified(token, aud=None))

    found = examined(make_issuer(**issuer), careless, attacks=[attacks])
    assert found.status is Status.VIOLATED, found.explain()

    def careful(maker: Any, token: str) -> Claims:
        claims = careless(maker, token)
        header = json.loads(base64.urlsafe_b64decode(token.split(".", maxsplit=1)[0] + "=="))
        both = {**header, **claims}
        if both[ignored] != {**issuer.get("claims", {}), **issuer.get("header", {})}[ignored]:
            raise ValueError(ignored)
        return claims

    sound = examined(make_issuer(**issuer), careful, attacks=[attacks])
    assert sound.status is Status.MET, sound.explain()


def test_a_library_that_refuses_what_it_issues_for_renewal_is_met(examined: Examined, make_issuer: MakeIssuer) -> None:
    """It issues two kinds and refuses the one, as Flask-JWT-Extended does; other kinds do not exist."""

    def two_kinds(issuer: Any, token: str) -> Claims:
        claims = dict(issuer.verified(token))
        if claims.get("type") == "refresh":
            raise ValueError(claims)
        return claims

    verdict = examined(make_issuer(claims={"type": "access"}), two_kinds, attacks=["type"])
    assert verdict.status is Status.MET, verdict.explain()


def test_an_id_token_in_place_of_an_access_token_is_found(make_issuer: MakeIssuer) -> None:
    from pytest_devsecops.identity import TokenLogin

    issuer = make_issuer()
    issued: list[str] = []

    def application(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/token":
            length = int(environ["CONTENT_LENGTH"])
            name = environ["wsgi.input"].read(length).decode().partition("username=")[2].partition("&")[0]
            persona: Any = type("Person", (), {"username": name})
            both = {"access_token": issuer.mint(persona), "id_token": issuer.mint(persona) if id_tokens else ""}
            issued.append(both["id_token"])
            body = json.dumps({**both, "token_type": "bearer"})
            start_response("200 ok", [("Content-Type", "application/json")])
            return [body.encode()]
        try:
            name = strict(issuer, environ["HTTP_AUTHORIZATION"].removeprefix("Bearer "))["sub"]
        except Exception:  # noqa: BLE001 - a refusal, whatever was wrong
            start_response("401 no", [("Content-Type", "text/plain")])
            return [b""]
        start_response("200 ok", [("Content-Type", "text/plain")])
        return [str(name).encode()]

    personas: Any = {"customer": lambda: (f"customer-{secrets.token_hex(4)}", "secret")}
    target = wsgi_target(application, personas=personas, login=TokenLogin("/token"), whoami="/me")
    for id_tokens in (True, False):
        identity = Identity(target, IdentityPolicy(), record=lambda verdict: verdict)
        issuer.claims = {"jti": secrets.token_hex(4)} if id_tokens else {}
        verdict = identity.refuses_forged_tokens(at="/me", jwks=issuer.jwks, attacks="issued")
        identity.close()
        assert verdict.status is (Status.VIOLATED if id_tokens else Status.MET), verdict.explain()
        assert not any(token and token in str(one.detail) for token in issued for one in verdict.findings)
