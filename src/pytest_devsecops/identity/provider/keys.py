"""Signing keys of the provider: ES256 by default, RS256 for libraries that know nothing else.

RFC 7515 (JWS), 7517 (JWK) and 7518 (algorithms). Signed by hand on ``cryptography``, because the
provider must also be able to say what no library would sign.
"""

from __future__ import annotations

import functools
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pytest_devsecops.core.errors import MissingExtraError, UsageError
from pytest_devsecops.identity.tokens.model import b64, compact, unb64

_COORDINATE = 32
ALGORITHMS = ("ES256", "RS256")


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key with its name.

    Attributes:
        kid: the key's id.
        algorithm: ``ES256`` or ``RS256``.
        private: the key of ``cryptography``.
    """

    kid: str
    algorithm: str
    private: Any

    def jwk(self) -> dict[str, str]:
        """Return the public key (RFC 7517)."""
        common = {"kid": self.kid, "use": "sig", "alg": self.algorithm}
        numbers = self.private.public_key().public_numbers()
        if self.algorithm == "ES256":
            x, y = (b64(value.to_bytes(_COORDINATE)) for value in (numbers.x, numbers.y))
            return {**common, "kty": "EC", "crv": "P-256", "x": x, "y": y}
        modulus, exponent = (b64(value.to_bytes((value.bit_length() + 7) // 8)) for value in (numbers.n, numbers.e))
        return {**common, "kty": "RSA", "n": modulus, "e": exponent}

    def signature(self, data: bytes) -> bytes:
        """Sign ``data`` (RFC 7518, sections 3.3 and 3.4)."""
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import ec, padding, utils

        if self.algorithm == "RS256":
            return bytes(self.private.sign(data, padding.PKCS1v15(), hashes.SHA256()))
        r, s = utils.decode_dss_signature(self.private.sign(data, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(_COORDINATE) + s.to_bytes(_COORDINATE)

    def public_pem(self) -> bytes:
        """Return the public key as most libraries store it (SubjectPublicKeyInfo)."""
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        return bytes(self.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))

    def sign(self, claims: Mapping[str, Any], header: Mapping[str, Any] | None = None) -> str:
        """Return a JWT; ``header`` adds to and overrides ``alg``, ``kid`` and ``typ``."""
        head = {"alg": self.algorithm, "kid": self.kid, "typ": "JWT", **(header or {})}
        text = f"{b64(compact(head))}.{b64(compact(dict(claims)))}"
        return f"{text}.{b64(self.signature(text.encode()))}"


def new_key(algorithm: str) -> SigningKey:
    """Return a new key; one for RSA takes about 120 ms of processor time.

    Raises:
        UsageError: if the algorithm is not one of ``ALGORITHMS``.
        MissingExtraError: without ``cryptography``.
    """
    if algorithm not in ALGORITHMS:
        raise UsageError(f"{algorithm!r} is no algorithm of the provider", remedy=f"use {' or '.join(ALGORITHMS)}")
    try:
        from cryptography.hazmat.primitives.asymmetric import ec
    except ImportError:
        raise MissingExtraError("the embedded OpenID provider", "identity") from None
    private = ec.generate_private_key(ec.SECP256R1()) if algorithm == "ES256" else _rsa_key()
    return SigningKey(secrets.token_urlsafe(8), algorithm, private)


def foreign_key(algorithm: str, kid: str, *, whose: str = "the attacker's") -> SigningKey:
    """Return a key that no issuer has, under any name.

    Args:
        algorithm: one of ``ALGORITHMS``.
        kid: what it calls itself, such as the name of a key that the issuer has.
        whose: tells foreign keys apart; the same one is the same key in all of the process.
    """
    return SigningKey(kid, algorithm, _foreign(algorithm, whose))


@functools.cache
def _foreign(algorithm: str, _whose: str) -> Any:  # noqa: ANN401 - a type of an optional package
    return new_key(algorithm).private


def _rsa_key() -> Any:  # noqa: ANN401 - a type of an optional package
    from cryptography.hazmat.primitives.asymmetric import rsa

    return rsa.generate_private_key(65537, 2048)


def verified_claims(token: str, jwks: tuple[Mapping[str, Any], ...]) -> Mapping[str, Any] | None:
    """Return the claims of a JWT that one of ``jwks`` signed (ES256 or RS256), or None."""
    import json

    head, _, rest = token.partition(".")
    body, _, signature = rest.partition(".")
    try:
        header, raw = json.loads(unb64(head)), unb64(signature)
        if any(_verifies(jwk, header.get("alg"), f"{head}.{body}".encode(), raw) for jwk in jwks):
            claims = json.loads(unb64(body))
            return claims if isinstance(claims, dict) else None
    except (ValueError, AttributeError):
        return None
    return None


def _verifies(jwk: Mapping[str, Any], algorithm: object, data: bytes, signature: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils

    def number(name: str) -> int:
        return int.from_bytes(unb64(jwk[name]))

    try:
        if jwk.get("kty") == "EC" and algorithm == "ES256" and len(signature) == 2 * _COORDINATE:
            parts = int.from_bytes(signature[:_COORDINATE]), int.from_bytes(signature[_COORDINATE:])
            public = ec.EllipticCurvePublicNumbers(number("x"), number("y"), ec.SECP256R1()).public_key()
            public.verify(utils.encode_dss_signature(*parts), data, ec.ECDSA(hashes.SHA256()))
        elif jwk.get("kty") == "RSA" and algorithm == "RS256":
            key = rsa.RSAPublicNumbers(number("e"), number("n")).public_key()
            key.verify(signature, data, padding.PKCS1v15(), hashes.SHA256())
        else:
            return False
    except InvalidSignature:
        return False
    return True
