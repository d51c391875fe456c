"""Verifiers whose signature check is right and that get one claim wrong, as they were found in the wild."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from pytest_devsecops.core.findings import Status
from pytest_devsecops.core.verdict import Verdict

Claims = Mapping[str, Any]
ISSUER = "https://issuer.example"

#: What is flawed, the claim, and what the verifier takes.
FLAWS: tuple[tuple[str, str, Callable[[Any], object]], ...] = (
    ("any issuer", "iss", lambda _: True),
    ("a part of the issuer", "iss", lambda iss: iss in ISSUER),
    ("an issuer that begins right", "iss", lambda iss: str(iss).startswith(ISSUER)),
    ("an issuer that ends right", "iss", lambda iss: str(iss).endswith("issuer.example")),
    ("an issuer in any case", "iss", lambda iss: str(iss).lower() == ISSUER),
    ("an issuer in a list", "iss", lambda iss: ISSUER in (iss, *iss)),
    ("an issuer if there", "iss", lambda iss: iss in (None, ISSUER)),
    ("any audience", "aud", lambda _: True),
    ("an audience that holds the name", "aud", lambda aud: "orders" in aud),
    ("an audience that is a beginning", "aud", lambda aud: "orders".startswith(str(aud))),
    ("an audience if there", "aud", lambda aud: not aud or aud == "orders"),
    ("no end", "exp", lambda _: True),
    ("a week after the end", "exp", lambda exp: exp > time.time() - 604_800),
    ("an hour after the end", "exp", lambda exp: exp > time.time() - 3600),
    ("an end if it is an int", "exp", lambda exp: not isinstance(exp, int) or exp > time.time()),
    ("an end compared as text", "exp", lambda exp: str(exp) > str(int(time.time()))),
    ("an end if it counts as true", "exp", lambda exp: not exp or exp > time.time()),
    ("no beginning", "nbf", lambda _: True),
    ("an hour before the beginning", "nbf", lambda nbf: float(nbf or 0) < time.time() + 3600),
    ("a beginning if it is an int", "nbf", lambda nbf: not isinstance(nbf, int) or nbf < time.time()),
)
CLASSES = {"iss": "issuer", "aud": "audience", "exp": "time", "nbf": "time"}


@pytest.mark.parametrize(("claim", "takes"), [flaw[1:] for flaw in FLAWS], ids=[flaw[0] for flaw in FLAWS])
def test_each_flaw_is_found_by_the_class_of_its_claim(
    claim: str,
    takes: Callable[[Any], object],
    examined: Callable[..., Verdict],
    make_issuer: Callable[..., Any],
) -> None:
    def flawed(issuer: Any, token: str) -> Claims:
        claims = dict(issuer.verified(token, **{claim: None}))
        if not takes(claims.get(claim)):
            raise ValueError(claims)
        return claims

    verdict = examined(make_issuer(), flawed, attacks=[CLASSES[claim]])
    assert verdict.status is Status.VIOLATED, verdict.explain()
    assert all(one.refs and one.detail["request"] for one in verdict.findings)
    assert {claim in one.fix for one in verdict.findings} == {True}
