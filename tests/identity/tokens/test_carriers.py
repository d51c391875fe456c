"""Where a token travels, and what is said where there is none or no answer comes."""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Callable, Iterable
from http.cookies import CookieError, SimpleCookie
from typing import Any

import pytest

from pytest_devsecops.core.findings import Status
from pytest_devsecops.core.verdict import Verdict
from pytest_devsecops.identity import Target, bearer, form, wsgi_target
from pytest_devsecops.identity.family import Identity
from pytest_devsecops.identity.section import IdentityPolicy

MakeIssuer = Callable[..., Any]
StartResponse = Callable[[str, list[tuple[str, str]]], object]
FORM = b'<form method="post"><input name="username"><input name="password" type="password"></form>'


def personas() -> Any:
    return {"customer": lambda: (f"customer-{secrets.token_hex(4)}", "secret")}


def verdict_of(target: Target, issuer: Any, **options: Any) -> Verdict:
    identity = Identity(target, IdentityPolicy(), record=lambda verdict: verdict)
    try:
        return identity.refuses_forged_tokens(at="/me", jwks=issuer.jwks, issuer_key=issuer.private, **options)
    finally:
        identity.close()


class CookieShop:
    """Keeps the session in a cookie that is a JWT.

    Args:
        issuer: signs it.
        trusting: whether it believes any token, if only the second cookie is there.
    """

    def __init__(self, issuer: Any, *, trusting: bool) -> None:
        self.issuer = issuer
        self.trusting = trusting
        self.device = secrets.token_hex(16)

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/login":
            if environ["REQUEST_METHOD"] == "GET":
                start_response("200 ok", [("Content-Type", "text/html")])
                return [FORM]
            sent = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])).decode()
            person: Any = type("Person", (), {"username": sent.partition("username=")[2].partition("&")[0]})
            cookie = f"session={self.issuer.mint(person)}; Path=/; HttpOnly; Secure; SameSite=Lax"
            cookies = [("Set-Cookie", cookie), ("Set-Cookie", f"device={self.device}; Path=/; HttpOnly; Secure")]
            start_response("303 in", [("Location", "/me"), *cookies])
            return [b""]
        try:
            kept = SimpleCookie(environ.get("HTTP_COOKIE", ""))
            name = self.subject(kept["session"].value)
            if self.trusting and kept["device"].value != self.device:
                raise ValueError(kept)  # noqa: TRY301 - one answer to whatever is wrong
        except (CookieError, Exception):  # noqa: BLE001 - a refusal, whatever was wrong
            start_response("303 out", [("Location", "/login")])
            return [b""]
        start_response("200 ok", [("Content-Type", "text/plain")])
        return [name.encode()]

    def subject(self, token: str) -> str:
        if not self.trusting:
            return str(self.issuer.verified(token)["sub"])
        import base64

        payload = token.split(".")[1]
        return str(json.loads(base64.urlsafe_b64decode(payload + "=="))["sub"])


@pytest.mark.parametrize(("trusting", "status"), [(False, Status.MET), (True, Status.VIOLATED)])
def test_a_token_may_travel_in_a_cookie(trusting: bool, status: Status, make_issuer: MakeIssuer) -> None:  # noqa: FBT001 - a parameter of the test
    issuer = make_issuer()
    shop = CookieShop(issuer, trusting=trusting)
    verdict = verdict_of(wsgi_target(shop, personas=personas(), login=form("/login"), whoami="/me"), issuer)
    assert verdict.status is status, verdict.explain()
    assert verdict.evidence["sample"]["sent_in"] == "the cookie session"
    assert shop.device not in str([one.detail for one in verdict.findings])
    assert all("Cookie: " in one.detail["request"] for one in verdict.findings)
    assert int(verdict.examined["attacks"]) > 500  # type: ignore[arg-type] # a number


class OpaqueTokens:
    """Knows its users by random texts."""

    def __init__(self) -> None:
        self.users: dict[str, str] = {}

    def mint(self, persona: Any) -> str:
        token = secrets.token_urlsafe(32)
        self.users[token] = persona.username
        return token

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        name = self.users.get(environ.get("HTTP_AUTHORIZATION", "").removeprefix("Bearer "))
        start_response("200 ok" if name else "401 no", [("Content-Type", "text/plain")])
        return [(name or "").encode()]


def test_where_no_token_is_a_jwt_nothing_is_examined(make_issuer: MakeIssuer) -> None:
    shop = OpaqueTokens()
    target = wsgi_target(shop, personas=personas(), login=bearer(shop.mint), whoami="/me")
    verdict = verdict_of(target, make_issuer())
    assert verdict.status is Status.UNVERIFIED, verdict.explain()
    assert "no signed JWT" in verdict.explain()


def test_an_attack_without_an_answer_is_a_finding_of_its_own(make_issuer: MakeIssuer) -> None:
    issuer = make_issuer()
    over = threading.Event()

    def application(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        token = environ.get("HTTP_AUTHORIZATION", "").removeprefix("Bearer ")
        if token.count(".") == 4:
            over.wait(5)
        try:
            name = issuer.verified(token)["sub"]
        except Exception:  # noqa: BLE001 - a refusal, whatever was wrong
            start_response("401 no", [("Content-Type", "text/plain")])
            return [b""]
        start_response("200 ok", [("Content-Type", "text/plain")])
        return [name.encode()]

    target = wsgi_target(application, personas=personas(), login=bearer(issuer.mint), whoami="/me", timeout=0.5)
    try:
        verdict = verdict_of(target, issuer, attacks=["jwe/five parts", "alg-none/none"])
    finally:
        over.set()
    assert verdict.status is Status.VIOLATED, verdict.explain()
    (hang,) = (one for one in verdict.findings if one.rule == "hangs-on-forged-token")
    assert hang.subject == "jwe/five parts"
    assert ".x.x" in hang.detail["request"]
