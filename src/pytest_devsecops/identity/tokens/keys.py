"""Keys: the issuer's public one as it is published, the attacker's own, and signatures by hand.

RFC 7517 (JWK), RFC 7518 (algorithms), RFC 8037 and RFC 9864 (Ed25519, Ed448). ``cryptography`` is imported
when a key is first needed.
"""

from __future__ import annotations

import functools
import hashlib
import hmac
import importlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pytest_devsecops.core.errors import MissingExtraError, UsageError
from pytest_devsecops.identity.tokens.model import b64, unb64

HASHES = {"256": "sha256", "384": "sha384", "512": "sha512"}

#: Curve, and bytes of a coordinate, by JWS algorithm (RFC 7518, section 3.4; RFC 8812, section 3.2).
CURVES = {
    "ES256": ("SECP256R1", "P-256", 32),
    "ES384": ("SECP384R1", "P-384", 48),
    "ES512": ("SECP521R1", "P-521", 66),
    "ES256K": ("SECP256K1", "secp256k1", 32),
}
#: RFC 8037 and RFC 9864: the algorithms that sign with a curve of this kind, and the curves.
EDWARDS = ("EdDSA", "Ed25519", "Ed448")
_EDWARDS_CURVES = {"Ed25519": 32, "Ed448": 57}
_CURVE_BY_NAME = {named: (python, size) for python, named, size in CURVES.values()}
_PUBLIC_MEMBERS = ("kty", "n", "e", "crv", "x", "y", "kid", "use", "alg", "key_ops", "x5c", "x5t", "x5u", "x5t#S256")
_PEM = "-----BEGIN "


@dataclass(frozen=True, slots=True)
class PublicKey:
    """The issuer's public key.

    Attributes:
        crypto: the key of ``cryptography``.
        jwk: the same as a JWK; as it was published, if it was.
        texts: texts that it was published in, byte for byte.
    """

    crypto: Any
    jwk: Mapping[str, Any]
    texts: tuple[str, ...] = field(default=())


def modules() -> tuple[Any, Any, Any, Any]:
    """Return ``hashes``, ``ec``, ``rsa`` and ``serialization`` of ``cryptography``.

    Raises:
        MissingExtraError: if it is not installed.
    """
    try:
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ec, rsa
    except ImportError:
        raise MissingExtraError("forging tokens", "identity") from None
    return hashes, ec, rsa, serialization


def from_jwk(jwk: Mapping[str, Any]) -> PublicKey | None:
    """Return a public key; None for shared secrets, encryption keys of other kinds and unknown curves.

    Raises:
        UsageError: if a member is missing or malformed.
    """
    ec, rsa = modules()[1:3]
    public = {name: value for name, value in jwk.items() if name in _PUBLIC_MEMBERS}
    try:
        if jwk.get("kty") == "RSA":
            return PublicKey(rsa.RSAPublicNumbers(_number(jwk, "e"), _number(jwk, "n")).public_key(), public)
        if jwk.get("kty") == "EC" and jwk.get("crv") in _CURVE_BY_NAME:
            curve = getattr(ec, _CURVE_BY_NAME[jwk["crv"]][0])()
            return PublicKey(
                ec.EllipticCurvePublicNumbers(_number(jwk, "x"), _number(jwk, "y"), curve).public_key(), public
            )
        if jwk.get("kty") == "OKP" and jwk.get("crv") in _EDWARDS_CURVES:
            return PublicKey(_edwards(jwk["crv"], "PublicKey").from_public_bytes(unb64(jwk["x"])), public)
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        name = jwk.get("kid", "without a kid")
        raise UsageError(f"the public key {name} is malformed: {error!r}", remedy="pass the issuer's JWKS") from None
    return None


def from_pem(text: str) -> PublicKey:
    """Return the public key in a PEM text: a public key, a certificate, or a private key's public half.

    Raises:
        UsageError: if it is none of them.
    """
    _, _, _, serialization = modules()
    raw = text.encode()
    try:
        if "CERTIFICATE" in text:
            from cryptography.x509 import load_pem_x509_certificate

            loaded: Any = load_pem_x509_certificate(raw).public_key()
        elif "PRIVATE KEY" in text:
            loaded = serialization.load_pem_private_key(raw, None).public_key()
        else:
            loaded = serialization.load_pem_public_key(raw)
    except (ValueError, TypeError) as error:
        raise UsageError(
            f"the issuer's key is no PEM that can be read: {error}", remedy="pass a JWKS or a PEM"
        ) from None
    texts = () if "PRIVATE KEY" in text else (text,)
    return PublicKey(loaded, public_jwk(loaded), texts)


def read_keys(given: object) -> tuple[PublicKey, ...]:
    """Return the public keys in a JWKS, a list of JWKs, one JWK, their JSON text, or PEM text.

    Raises:
        UsageError: if it is none of these.
    """
    if isinstance(given, bytes):
        given = given.decode("utf-8", errors="replace")
    if isinstance(given, str):
        if _PEM in given:
            return (from_pem(given),)
        try:
            return read_keys(json.loads(given))
        except ValueError:
            pass
    if isinstance(given, Mapping):
        given = given["keys"] if isinstance(given.get("keys"), Sequence) else [given]
    if isinstance(given, Sequence) and not isinstance(given, str) and all(isinstance(one, Mapping) for one in given):
        return tuple(key for key in map(from_jwk, given) if key is not None)
    raise UsageError(
        f"the issuer's public keys cannot be read from {type(given).__name__}",
        remedy="pass a JWKS, a list of JWKs, a PEM text, or the path where the application publishes them",
    )


def public_jwk(key: Any) -> dict[str, str]:  # noqa: ANN401 - a type of an optional package
    """Return a public key of ``cryptography`` as a JWK."""
    _, ec, rsa, serialization = modules()
    if isinstance(key, rsa.RSAPublicKey):
        numbers = key.public_numbers()
        return {"kty": "RSA", "n": b64(_octets(numbers.n)), "e": b64(_octets(numbers.e))}
    if isinstance(key, ec.EllipticCurvePublicKey):
        size = (key.curve.key_size + 7) // 8
        named = next(
            (name for name, (python, _) in _CURVE_BY_NAME.items() if python.lower() == key.curve.name), "P-256"
        )
        point = key.public_numbers()
        return {"kty": "EC", "crv": named, "x": b64(point.x.to_bytes(size)), "y": b64(point.y.to_bytes(size))}
    raw = key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    curve = next((name for name, size in _EDWARDS_CURVES.items() if size == len(raw)), "Ed25519")
    return {"kty": "OKP", "crv": curve, "x": b64(raw)}


def _edwards(curve: str, half: str) -> Any:  # noqa: ANN401 - a type of an optional package
    """Return ``cryptography``'s class of one half of a key on an Edwards curve."""
    module = importlib.import_module(f"cryptography.hazmat.primitives.asymmetric.{curve.lower()}")
    return getattr(module, f"{curve}{half}")


def hmac_sign(secret: bytes, algorithm: str = "HS256") -> Callable[[bytes], bytes]:
    """Return a function that signs with a shared secret (RFC 7518, section 3.2)."""
    name = HASHES.get(algorithm[2:], "sha256")
    return lambda data: hmac.digest(secret, data, name)


def signer(private: Any, algorithm: str) -> Callable[[bytes], bytes]:  # noqa: ANN401 - a type of an optional package
    """Return a function that signs with a private key (RFC 7518, sections 3.3 to 3.5; RFC 8037; RFC 9864)."""
    hashes, ec, _, _ = modules()
    from cryptography.hazmat.primitives.asymmetric import padding, utils

    if algorithm in EDWARDS:
        return lambda data: bytes(private.sign(data))
    digest = getattr(hashes, f"SHA{algorithm[2:5]}")()
    if algorithm.startswith("RS"):
        return lambda data: bytes(private.sign(data, padding.PKCS1v15(), digest))
    if algorithm.startswith("PS"):
        pss = padding.PSS(padding.MGF1(digest), digest.digest_size)
        return lambda data: bytes(private.sign(data, pss, digest))
    size = CURVES[algorithm][2]

    def sign(data: bytes) -> bytes:
        r, s = utils.decode_dss_signature(private.sign(data, ec.ECDSA(digest)))
        return bytes(r.to_bytes(size) + s.to_bytes(size))

    return sign


def verifies(key: PublicKey, algorithm: str, data: bytes, signature: bytes) -> bool:
    """Tell whether ``key`` made a signature; used to find the issuer's key among several."""
    hashes, ec, _, _ = modules()
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import padding, utils

    try:
        if algorithm in EDWARDS:
            key.crypto.verify(signature, data)
            return True
        digest = getattr(hashes, f"SHA{algorithm[2:5]}")()
        if algorithm.startswith("ES"):
            half = len(signature) // 2
            der = utils.encode_dss_signature(int.from_bytes(signature[:half]), int.from_bytes(signature[half:]))
            key.crypto.verify(der, data, ec.ECDSA(digest))
        elif algorithm.startswith("PS"):
            key.crypto.verify(signature, data, padding.PSS(padding.MGF1(digest), padding.PSS.AUTO), digest)
        else:
            key.crypto.verify(signature, data, padding.PKCS1v15(), digest)
    except (InvalidSignature, UnsupportedAlgorithm, AttributeError, TypeError, ValueError):
        return False
    return True


@functools.cache
def attacker_key(algorithm: str) -> Any:  # noqa: ANN401 - a type of an optional package
    """Return a private key of the attacker's own for a JWS algorithm; made once, RSA takes a while."""
    ec = modules()[1]
    if algorithm in EDWARDS:
        return _edwards(algorithm if algorithm in _EDWARDS_CURVES else "Ed25519", "PrivateKey").generate()
    if algorithm in CURVES:
        return ec.generate_private_key(getattr(ec, CURVES[algorithm][0])())
    return _attacker_rsa()


@functools.cache
def _attacker_rsa() -> Any:  # noqa: ANN401 - a type of an optional package
    return modules()[2].generate_private_key(65537, 2048)


@functools.cache
def attacker_certificate(algorithm: str) -> bytes:
    """Return a self-signed certificate (DER) of the attacker's key."""
    from datetime import UTC, datetime, timedelta

    from cryptography import x509

    hashes, _, _, serialization = modules()
    private, name = attacker_key(algorithm), x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "issuer")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, private.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(1)).not_valid_after(now + timedelta(1))
    made = builder.sign(private, None if algorithm in EDWARDS else hashes.SHA256())
    return made.public_bytes(serialization.Encoding.DER)


def fingerprint(data: bytes, name: str = "sha256") -> str:
    """Return a hash in base64url, as ``x5t`` and ``x5t#S256`` have it (RFC 7515, section 4.1.7)."""
    return b64(hashlib.new(name, data, usedforsecurity=False).digest())


def _number(jwk: Mapping[str, Any], member: str) -> int:
    return int.from_bytes(unb64(jwk[member]))


def _octets(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8)


def private_from_jwk(jwk: Mapping[str, Any]) -> Any:  # noqa: ANN401 - a type of an optional package
    """Return a private key, or the bytes of a shared secret (RFC 7518, section 6; RFC 8037).

    Raises:
        UsageError: if the JWK has no private member.
    """
    _, ec, rsa, _ = modules()
    try:
        if jwk.get("kty") == "oct":
            return unb64(jwk["k"])
        public = from_jwk(jwk)
        if public is not None and jwk["kty"] == "RSA":
            p, q, d = (_number(jwk, name) for name in ("p", "q", "d"))
            numbers = public.crypto.public_numbers()
            more = rsa.rsa_crt_dmp1(d, p), rsa.rsa_crt_dmq1(d, q), rsa.rsa_crt_iqmp(p, q)
            return rsa.RSAPrivateNumbers(p, q, d, *more, numbers).private_key()
        if public is not None and jwk["kty"] == "EC":
            return ec.EllipticCurvePrivateNumbers(_number(jwk, "d"), public.crypto.public_numbers()).private_key()
        if public is not None:
            return _edwards(jwk["crv"], "PrivateKey").from_private_bytes(unb64(jwk["d"]))
    except (KeyError, ValueError, TypeError) as error:
        raise UsageError(
            f"issuer_key is no private JWK: {error!r}", remedy="pass it with its private members"
        ) from None
    raise UsageError("issuer_key is a JWK of an unknown kind", remedy="pass an RSA, EC, OKP or oct key")
