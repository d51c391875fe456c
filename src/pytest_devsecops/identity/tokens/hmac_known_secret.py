"""An HMAC keyed with nothing, with something that the token itself says, or with a secret that anyone guesses.

RFC 8725, sections 2.2 and 3.5 (keys with enough entropy); RFC 7518, section 3.2. CVE-2019-20933 (empty).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable, Iterator
from functools import partial

from pytest_devsecops.identity.tokens.keys import hmac_sign
from pytest_devsecops.identity.tokens.model import Attack, AttackClass, Knowledge, NotApplicableError, jws
from pytest_devsecops.identity.tokens.wordlist import GUESSABLE, combined

_REFS = ("RFC 8725 3.5", "RFC 7518 3.2", "asvs:v5.0.0-9.1.1")

_FIXED: dict[str, bytes] = {
    "empty": b"",
    "NUL": b"\x00",
    "zeros": bytes(32),
    "word null": b"null",
    "word None": b"None",
    "word undefined": b"undefined",
    "word false": b"false",
    "number 0": b"0",
    "JSON object": b"{}",
    "JavaScript object": b"[object Object]",
    "space": b" ",
    "0xff": b"\xff" * 32,
}


def _from_header(name: str) -> Callable[[Knowledge], bytes]:
    def make(known: Knowledge) -> bytes:
        if not isinstance(known.sample.header.get(name), str):
            raise NotApplicableError(f"the sample's header has no {name}")
        return str(known.sample.header[name]).encode()

    return make


def _from_claim(name: str) -> Callable[[Knowledge], bytes]:
    def make(known: Knowledge) -> bytes:
        if not isinstance(known.sample.claims.get(name), str):
            raise NotApplicableError(f"the sample has no {name} that is a text")
        return str(known.sample.claims[name]).encode()

    return make


_SAID_BY_TOKEN: dict[str, Callable[[Knowledge], bytes]] = {
    "kid": _from_header("kid"),
    "alg": _from_header("alg"),
    "typ": _from_header("typ"),
    "iss": _from_claim("iss"),
    "aud": _from_claim("aud"),
    "sub": _from_claim("sub"),
}


def _keyed(secret: bytes, known: Knowledge) -> str:
    return jws(known.header(alg="HS256"), known.forged_claims, hmac_sign(secret))


def _said(secret: Callable[[Knowledge], bytes], known: Knowledge) -> str:
    return _keyed(secret(known), known)


def _unkeyed(algorithm: str, known: Knowledge) -> str:
    return jws(known.header(alg=algorithm), known.forged_claims, hmac_sign(b"", algorithm))


def guessed(known: Knowledge) -> bytes | None:
    """Return the guessable secret that signed the sample, or None. Nothing is sent for it."""
    data = known.sample_text.strip().rpartition(".")[0].encode()
    digest = f"sha{known.sample.algorithm[2:]}"
    if digest not in hashlib.algorithms_guaranteed:
        return None
    return next((one for one in _candidates(known) if hmac.digest(one, data, digest) == known.sample.signature), None)


def _candidates(known: Knowledge) -> Iterator[bytes]:
    yield from _FIXED.values()
    for make in _SAID_BY_TOKEN.values():
        try:
            yield make(known)
        except NotApplicableError:
            continue
    for word in GUESSABLE:
        raw = word.encode()
        yield from (raw, raw + b"\n", base64.b64encode(raw), raw.ljust(32, b"\x00"))
        if len(word) % 4 == 0 and word.isalnum():
            yield base64.b64decode(raw)
    yield from (text.encode() for text in combined())


def _guessed(known: Knowledge) -> str:
    if not known.is_symmetric:
        raise NotApplicableError("the sample is not signed with a shared secret, so there is none to guess")
    secret = guessed(known)
    # Without a hit the most common word is still sent: a verifier may hold several secrets.
    return jws(known.sample.header, known.forged_claims, hmac_sign(secret or b"secret", known.sample.algorithm))


def _attacks() -> Iterator[Attack]:
    for name, secret in _FIXED.items():
        title = f"alg is HS256 and the HMAC is keyed with {secret[:16]!r}"
        yield Attack(f"hmac-known-secret/{name}", title, _REFS, partial(_keyed, secret))
    for algorithm in ("HS384", "HS512"):
        title = f"alg is {algorithm} and the HMAC has an empty key"
        yield Attack(f"hmac-known-secret/{algorithm} empty", title, _REFS, partial(_unkeyed, algorithm))
    for name, make in _SAID_BY_TOKEN.items():
        title = f"alg is HS256 and the HMAC is keyed with the token's own {name}"
        yield Attack(f"hmac-known-secret/own {name}", title, _REFS, partial(_said, make))
    title = "the signature is right, because the shared secret is one that anyone guesses"
    yield Attack("hmac-known-secret/guessable", title, _REFS, _guessed)


HMAC_KNOWN_SECRET = AttackClass(
    "hmac-known-secret",
    "an HMAC whose key anyone can know",
    tuple(_attacks()),
    fix="sign with a random secret of at least 32 bytes that is in no repository, and pin the algorithm",
)
