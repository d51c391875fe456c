"""Signatures that are missing, swapped, cut or made of nothing.

RFC 7515, section 5.2; RFC 8725, section 3.3. CVE-2015-9235, CVE-2020-28042, CVE-2021-22160.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import partial

from pytest_devsecops.identity.tokens.keys import hmac_sign
from pytest_devsecops.identity.tokens.model import (
    Attack,
    AttackClass,
    Knowledge,
    NotApplicableError,
    Shows,
    b64,
    jws,
    signing_input,
)

_REFS = ("RFC 7515 5.2", "RFC 8725 3.3", "asvs:v5.0.0-9.1.1")

#: By name: what is put in place of the signature, made of the sample's.
_SIGNATURES: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "missing": ("there is no signature", lambda _: b""),
    "of the sample": ("the signature is another token's", lambda good: good),
    "zeros": ("the signature is zeros of the right length", lambda good: bytes(len(good))),
    "ones": ("the signature is 0xff of the right length", lambda good: b"\xff" * len(good)),
    "one zero byte": ("the signature is a zero byte", lambda _: b"\x00"),
    "one byte": ("the signature is a byte", lambda _: b"x"),
    "short": ("the signature is the beginning of another token's", lambda good: good[: len(good) // 2]),
    "reversed": ("the signature is another token's in reverse", lambda good: good[::-1]),
    "doubled": ("the signature is another token's, twice", lambda good: good * 2),
    "garbage": ("the signature is text", lambda _: b"not a signature"),
    "very long": ("the signature is of 3,000 bytes", lambda _: b"\x30\x82" * 1500),
}


def _signed_with(change: Callable[[bytes], bytes], known: Knowledge) -> str:
    return jws(known.sample.header, known.forged_claims, change(known.sample.signature))


def _two_parts(known: Knowledge) -> str:
    return jws(known.sample.header, known.forged_claims).rstrip(".")


def _not_base64(known: Knowledge) -> str:
    return signing_input(known.sample.header, known.forged_claims).decode() + ".*not*base64*"


def _own_hash(known: Knowledge) -> str:
    """A checksum instead of a signature."""
    from hashlib import sha256

    return jws(known.sample.header, known.forged_claims, lambda data: sha256(data).digest())


def _claims_kept(known: Knowledge) -> str:
    """Only the header changes; a verifier that re-encodes it from what it knows would not notice."""
    head, payload, signature = known.sample_text.split(".")
    changed = json.dumps({**known.sample.header, "x": "y"}).encode()
    del head
    return f"{b64(changed)}.{payload}.{signature}"


def _cut(count: int, known: Knowledge) -> str:
    head, payload, _ = known.sample_text.split(".")
    return f"{head}.{payload}.{b64(known.sample.signature[:count])}"


def _altered(known: Knowledge) -> str:
    head, payload, _ = known.sample_text.split(".")
    good = known.sample.signature
    return f"{head}.{payload}.{b64(good[:-1] + bytes([good[-1] ^ 1]))}"


def _extended(tail: bytes, known: Knowledge) -> str:
    head, payload, _ = known.sample_text.split(".")
    return f"{head}.{payload}.{b64(known.sample.signature + tail)}"


def _other_hmac(algorithm: str, known: Knowledge) -> str:
    if not known.is_symmetric:
        raise NotApplicableError("the sample is not signed with a shared secret")
    return jws(known.header(alg=algorithm), known.forged_claims, hmac_sign(b"", "HS256"))


def _of_other_user(known: Knowledge) -> str:
    """Two genuine tokens, the claims of one and the signature of the other."""
    other = known.issued.get("victim")
    if other is None:
        raise NotApplicableError("no second user's token is known")
    head, payload, _ = other.split(".")
    return f"{head}.{payload}.{b64(known.sample.signature)}"


def _attacks() -> Iterator[Attack]:
    for name, (title, change) in _SIGNATURES.items():
        yield Attack(f"signature/{name}", title, _REFS, partial(_signed_with, change))
    yield Attack("signature/two parts", "the signature is missing with its dot", _REFS, _two_parts)
    yield Attack("signature/no base64", "the signature is not base64url", _REFS, _not_base64)
    yield Attack("signature/hash", "a plain SHA-256 stands in place of the signature", _REFS, _own_hash)
    yield Attack("signature/other header", "the header was changed after it was signed", _REFS, _claims_kept)
    yield Attack("signature/altered", "one bit of the signature is wrong", _REFS, _altered)
    yield Attack("signature/swapped", "the claims are one user's and the signature another's", _REFS, _of_other_user)
    for count in (0, 1, 8, 16, 31):
        title = f"only the first {count} bytes of the signature are there"
        yield Attack(f"signature/first {count} bytes", title, _REFS, partial(_cut, count))
    for algorithm in ("HS1", "HS224", "HS256/64", "hs256", "HS257", "MD5", "SHA256"):
        title = f"alg is {algorithm} and the HMAC has an empty key"
        yield Attack(
            f"signature/{algorithm.replace('/', '-')}", title, ("RFC 8725 3.2", *_REFS), partial(_other_hmac, algorithm)
        )
    for name, tail in (("a zero byte", b"\x00"), ("text", b"trailing"), ("a line break", b"\n")):
        title = f"the signature is followed by {name}"
        yield Attack(f"signature/and {name}", title, _REFS, partial(_extended, tail), Shows.LENIENCE)


SIGNATURES = AttackClass("signature", "signatures that are missing, swapped or cut", tuple(_attacks()))
