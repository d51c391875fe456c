"""An issuer of tokens, and an application that believes what a verifier of a test makes of them."""

from __future__ import annotations

import json
import secrets
import time
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, Key, KeyParameters, OctKey, OKPKey, RSAKey

from pytest_devsecops.core.verdict import Verdict
from pytest_devsecops.identity import Persona, bearer, wsgi_target
from pytest_devsecops.identity.family import Identity
from pytest_devsecops.identity.section import IdentityPolicy

ISSUER, AUDIENCE = "https://issuer.example", "orders"
Claims = Mapping[str, Any]
StartResponse = Callable[[str, list[tuple[str, str]]], object]
Examined = Callable[..., Verdict]
MakeIssuer = Callable[..., "Issuer"]

_CURVES = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}
_PARAMETERS: KeyParameters = {"kid": "current"}


@cache
def _key(algorithm: str, secret: bytes) -> Key:
    if algorithm.startswith("HS"):
        return OctKey.import_key(secret or secrets.token_bytes(64), _PARAMETERS)
    if algorithm[:2] in ("RS", "PS"):
        return RSAKey.generate_key(2048, _PARAMETERS)
    if algorithm in _CURVES:
        return ECKey.generate_key(_CURVES[algorithm], _PARAMETERS)
    return OKPKey.generate_key("Ed448" if algorithm == "Ed448" else "Ed25519", _PARAMETERS)


@dataclass
class Issuer:
    """Signs tokens of people.

    Attributes:
        algorithm: that it signs with; Ed25519 and Ed448 are the two curves of EdDSA.
        claims: that its tokens have besides the usual ones.
        header: the same of the header.
        secret: a shared secret, for an HMAC; by default one that nobody guesses.
    """

    algorithm: str = "ES256"
    claims: dict[str, Any] = field(default_factory=dict)
    header: dict[str, Any] = field(default_factory=dict)
    secret: bytes = b""

    @property
    def name(self) -> str:
        """What a header calls the algorithm."""
        return "EdDSA" if self.algorithm.startswith("Ed") else self.algorithm

    @property
    def key(self) -> Any:
        """The key, as joserfc has it."""
        return _key(self.algorithm, self.secret)

    @property
    def jwks(self) -> dict[str, Any]:
        return {"keys": [self.key.as_dict(private=False)]}

    @property
    def private(self) -> Any:
        """What signs: PEM, or the secret."""
        return self.key.raw_value if isinstance(self.key, OctKey) else self.key.as_pem(private=True).decode()

    def mint(self, persona: Persona) -> str:
        now = int(time.time())
        usual = {"sub": persona.username, "iss": ISSUER, "aud": AUDIENCE, "iat": now, "exp": now + 600}
        header = {"alg": self.name, "kid": "current", "typ": "JWT", **self.header}
        with warnings.catch_warnings():
            # RFC 9864 gives EdDSA two new names; what is out there has the old one.
            warnings.simplefilter("ignore")
            return jwt.encode(header, {**usual, **self.claims}, self.key, algorithms=[self.name])

    def verified(self, token: str, **wanted: Any) -> Claims:
        """Do what a verifier must: signature, issuer, audience, end and subject."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            claims = jwt.decode(token, self.key, algorithms=[self.name]).claims
        return self.checked(claims, **wanted)

    def checked(self, claims: Claims, **wanted: Any) -> Claims:
        """Check claims; ``aud=None`` leaves one out."""
        rules: dict[str, Any] = {
            "iss": {"essential": True, "value": ISSUER},
            "aud": {"essential": True, "value": AUDIENCE},
            "exp": {"essential": True},
            **wanted,
        }
        unchecked = {name for name, rule in rules.items() if rule is None}
        rest = {name: value for name, value in claims.items() if name not in unchecked}
        jwt.JWTClaimsRegistry(**{name: rule for name, rule in rules.items() if rule is not None}).validate(rest)
        return claims


Verifier = Callable[[Issuer, str], Claims]


def _application(issuer: Issuer, verifier: Verifier, status: str) -> Callable[..., Iterable[bytes]]:
    def application(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        token = environ.get("HTTP_AUTHORIZATION", "").removeprefix("Bearer").strip()
        try:
            subject = verifier(issuer, token)["sub"]
            if not isinstance(subject, str) or not subject:
                raise ValueError(subject)  # noqa: TRY301 - whatever is wrong ends in one answer
        except SystemError:
            start_response("500 no", [("Content-Type", "text/plain")])
            return [b"sorry"]
        except Exception:  # noqa: BLE001 - a refusal, whatever was wrong
            start_response(status, [("Content-Type", "text/plain")])
            return [b"sign in"]
        start_response("200 ok", [("Content-Type", "application/json")])
        return [json.dumps({"name": subject}).encode()]

    return application


def _examined(
    issuer: Issuer, verifier: Verifier, *, status: str = "401 no", with_key: bool = True, **options: Any
) -> Verdict:
    target = wsgi_target(
        _application(issuer, verifier, status),
        personas={"customer": lambda: (f"customer-{secrets.token_hex(4)}", "unused")},
        login=bearer(issuer.mint),
        whoami="/me",
    )
    if not issuer.algorithm.startswith("HS"):
        options.setdefault("jwks", issuer.jwks)
    if with_key:
        options.setdefault("issuer_key", issuer.private)
    identity = Identity(target, IdentityPolicy(), record=lambda verdict: verdict)
    try:
        return identity.refuses_forged_tokens(at="/me", **options)
    finally:
        identity.close()


@pytest.fixture(scope="session")
def examined() -> Examined:
    """Fire at a verifier: ``examined(issuer, verifier, attacks=…)``."""
    return _examined


@pytest.fixture(scope="session")
def make_issuer() -> MakeIssuer:
    return Issuer
