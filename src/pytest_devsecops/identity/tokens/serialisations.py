"""A public key in every form in which a verifier may hold it, byte for byte.

Each is a shared secret to a verifier that lets the token choose between a signature and an HMAC.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

from pytest_devsecops.identity.tokens.keys import modules
from pytest_devsecops.identity.tokens.model import Knowledge, NotApplicableError, unb64


def _encoded(encoding: str, form: str) -> Callable[[Knowledge], bytes]:
    def make(known: Knowledge) -> bytes:
        serialization = modules()[3]
        public = known.public_key.crypto
        try:
            return bytes(
                public.public_bytes(
                    getattr(serialization.Encoding, encoding), getattr(serialization.PublicFormat, form)
                )
            )
        except (TypeError, ValueError):
            raise NotApplicableError(f"this kind of key has no form {form} in {encoding}") from None

    return make


_spki, _pkcs1 = _encoded("PEM", "SubjectPublicKeyInfo"), _encoded("PEM", "PKCS1")
_spki_der, _pkcs1_der = _encoded("DER", "SubjectPublicKeyInfo"), _encoded("DER", "PKCS1")
_ssh = _encoded("OpenSSH", "OpenSSH")


def _certificate(known: Knowledge) -> bytes:
    chain = known.public_key.jwk.get("x5c")
    if isinstance(chain, list) and chain and isinstance(chain[0], str):
        return base64.b64decode(chain[0])
    for text in known.texts:
        if "BEGIN CERTIFICATE" in text:
            return base64.b64decode("".join(line for line in text.splitlines() if "-----" not in line))
    raise NotApplicableError("the issuer publishes no certificate")


def _pem_certificate(known: Knowledge) -> bytes:
    return _wrapped(_certificate(known), "CERTIFICATE")


def _wrapped(der: bytes, label: str) -> bytes:
    text = base64.b64encode(der).decode()
    lines = [text[start : start + 64] for start in range(0, len(text), 64)]
    return "\n".join([f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""]).encode()


def _as_given(known: Knowledge) -> bytes:
    if not known.texts:
        raise NotApplicableError("the public key was not given as a text")
    return known.texts[0].encode()


def _jwk(**how: Any) -> Callable[[Knowledge], bytes]:  # noqa: ANN401 - arguments of json.dumps
    return lambda known: json.dumps(dict(known.public_key.jwk), **how).encode()


def _jwk_essential(known: Knowledge) -> bytes:
    """The required members only, in the order of RFC 7638, section 3."""
    jwk = known.public_key.jwk
    members = {name: jwk[name] for name in sorted(jwk) if name in ("kty", "n", "e", "crv", "x", "y")}
    return json.dumps(members, separators=(",", ":")).encode()


def _jwks(known: Knowledge) -> bytes:
    return json.dumps({"keys": [dict(known.public_key.jwk)]}).encode()


def _raw(known: Knowledge) -> bytes:
    jwk = known.public_key.jwk
    if "n" in jwk:
        return unb64(jwk["n"])
    return unb64(jwk["x"]) + unb64(jwk.get("y", ""))


def _member(known: Knowledge) -> bytes:
    jwk = known.public_key.jwk
    return str(jwk.get("n") or jwk.get("x")).encode()


def _one_line(known: Knowledge) -> bytes:
    return base64.b64encode(_spki_der(known))


def _escaped_newlines(known: Knowledge) -> bytes:
    """As environment variables and .env files hold it."""
    return _spki(known).strip().replace(b"\n", b"\\n")


def _thumbprint(known: Knowledge) -> bytes:
    """RFC 7638: published as a key's id."""
    from hashlib import sha256

    return sha256(_jwk_essential(known)).digest()


#: By name; each returns the bytes that an HMAC is keyed with.
SERIALISATIONS: dict[str, Callable[[Knowledge], bytes]] = {
    "as given": _as_given,
    "SPKI PEM": _spki,
    "SPKI PEM without newline": lambda known: _spki(known).rstrip(b"\n"),
    "SPKI PEM with CRLF": lambda known: _spki(known).replace(b"\n", b"\r\n"),
    "SPKI PEM with CRLF, none at the end": lambda known: _spki(known).strip().replace(b"\n", b"\r\n"),
    "SPKI PEM with leading newline": lambda known: b"\n" + _spki(known),
    "SPKI PEM between newlines": lambda known: b"\n" + _spki(known) + b"\n",
    "SPKI PEM with two newlines": lambda known: _spki(known) + b"\n",
    "SPKI PEM with escaped newlines": _escaped_newlines,
    "SPKI DER": _spki_der,
    "SPKI in one line": _one_line,
    "PKCS1 PEM": _pkcs1,
    "PKCS1 PEM without newline": lambda known: _pkcs1(known).rstrip(b"\n"),
    "PKCS1 DER": _pkcs1_der,
    "X.509 PEM": _pem_certificate,
    "X.509 PEM without newline": lambda known: _pem_certificate(known).rstrip(b"\n"),
    "X.509 DER": _certificate,
    "SSH": _ssh,
    "SSH with newline": lambda known: _ssh(known) + b"\n",
    "SSH with comment": lambda known: _ssh(known) + b" issuer",
    "SSH blob": lambda known: base64.b64decode(_ssh(known).split()[1]),
    "JWK": _jwk(),
    "JWK compact": _jwk(separators=(",", ":")),
    "JWK sorted": _jwk(sort_keys=True, separators=(",", ":")),
    "JWK required members": _jwk_essential,
    "JWKS": _jwks,
    "JWK thumbprint": _thumbprint,
    "raw": _raw,
    "uncompressed point": _encoded("X962", "UncompressedPoint"),
    "compressed point": _encoded("X962", "CompressedPoint"),
    "base64url member": _member,
}
