"""ECDSA signatures that need no key, and curves that nobody asked for.

RFC 7518, section 3.4; RFC 8725, section 3.4. CVE-2022-21449 (r = s = 0), CVE-2024-42460.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from pytest_devsecops.identity.tokens.keys import CURVES, attacker_key, modules, signer
from pytest_devsecops.identity.tokens.model import Attack, AttackClass, Knowledge, NotApplicableError, Shows, b64, jws

_REFS = ("RFC 7518 3.4", "CVE-2022-21449", "asvs:v5.0.0-9.1.1")
_CURVE_REFS = ("RFC 8725 3.4", "RFC 7518 3.4", "asvs:v5.0.0-9.1.2")

#: Order of the group and the field's prime (SEC 2, version 2.0).
_ORDER = {
    "ES256": 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    "ES384": 2**384 - 0x389CB27E0BC8D220A7E5F24DB74F58851313E695333AD68D,
    "ES512": 2**521 - 0x5AE79787C40D069948033FEB708F65A2FC44A36477663B851449048E16EC79BF7,
    "ES256K": 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141,
}
_PRIME = {
    "ES256": 2**256 - 2**224 + 2**192 + 2**96 - 1,
    "ES384": 2**384 - 2**128 - 2**96 + 2**32 - 1,
    "ES512": 2**521 - 1,
    "ES256K": 2**256 - 2**32 - 977,
}

#: r and s as multiples of the order n, plus a number; "p" is the field's prime.
_PAIRS: dict[str, tuple[str, str]] = {
    "r=0 s=0": ("0", "0"),
    "r=0 s=1": ("0", "1"),
    "r=1 s=0": ("1", "0"),
    "r=1 s=1": ("1", "1"),
    "r=n s=n": ("n", "n"),
    "r=n s=1": ("n", "1"),
    "r=1 s=n": ("1", "n"),
    "r=n s=0": ("n", "0"),
    "r=0 s=n": ("0", "n"),
    "r=n-1 s=n-1": ("n-1", "n-1"),
    "r=n+1 s=n+1": ("n+1", "n+1"),
    "r=p s=1": ("p", "1"),
    "r=max s=max": ("max", "max"),
}


def _algorithm(known: Knowledge) -> str:
    """The sample's, or ES256: a verifier that takes the algorithm from the token may know it."""
    return known.sample.algorithm if known.sample.algorithm in CURVES else "ES256"


def _value(word: str, algorithm: str) -> bytes:
    size: int = CURVES[algorithm][2]
    order = _ORDER[algorithm]
    values: dict[str, int] = {
        "0": 0,
        "1": 1,
        "n": order,
        "n-1": order - 1,
        "n+1": order + 1,
        "p": _PRIME[algorithm],
        "max": 2 ** (8 * size) - 1,
    }
    return values[word].to_bytes(size)


def _pair(r: str, s: str, known: Knowledge) -> str:
    algorithm = _algorithm(known)
    return jws(known.header(alg=algorithm), known.forged_claims, _value(r, algorithm) + _value(s, algorithm))


def _der(content: bytes, known: Knowledge) -> str:
    return jws(known.header(alg=_algorithm(known)), known.forged_claims, b"\x30" + bytes([len(content)]) + content)


def _other_curve(algorithm: str, known: Knowledge) -> str:
    private = attacker_key(algorithm)
    return jws(known.header(alg=algorithm), known.forged_claims, signer(private, algorithm))


def _curve_behind_name(known: Knowledge) -> str:
    """Signed on another curve than the algorithm's, with the attacker's key."""
    algorithm = _algorithm(known)
    other = "ES256K" if algorithm == "ES256" else "ES256"
    return jws(known.header(alg=algorithm), known.forged_claims, signer(attacker_key(other), other))


def _own_signature(known: Knowledge) -> tuple[int, int, int]:
    algorithm = known.sample.algorithm
    if algorithm not in CURVES:
        raise NotApplicableError("the sample is not signed with ECDSA")
    size = CURVES[algorithm][2]
    signature = known.sample.signature
    return int.from_bytes(signature[:size]), int.from_bytes(signature[size:]), size


def _same_claims(known: Knowledge, signature: bytes) -> str:
    return known.sample_text.strip().rpartition(".")[0] + "." + b64(signature)


def _other_s(known: Knowledge) -> str:
    """Valid mathematics: s and n - s both verify, and JWS asks for neither (RFC 7518, section 3.4)."""
    r, s, size = _own_signature(known)
    return _same_claims(known, r.to_bytes(size) + (_ORDER[known.sample.algorithm] - s).to_bytes(size))


def _as_der(known: Knowledge) -> str:
    from cryptography.hazmat.primitives.asymmetric import utils

    modules()
    r, s, _ = _own_signature(known)
    return _same_claims(known, utils.encode_dss_signature(r, s))


def _padded(known: Knowledge) -> str:
    r, s, size = _own_signature(known)
    return _same_claims(known, r.to_bytes(size + 2) + s.to_bytes(size + 2))


def _negative(known: Knowledge) -> str:
    """Take r of the sample and s that makes a lax check divide by zero."""
    algorithm = _algorithm(known)
    size: Any = CURVES[algorithm][2]
    return jws(
        known.header(alg=algorithm), known.forged_claims, known.sample.signature[:size].ljust(size) + bytes(size)
    )


_DER: dict[str, tuple[str, bytes]] = {
    "DER r=0 s=0": ("the signature is DER with r = s = 0", b"\x02\x01\x00\x02\x01\x00"),
    "DER r=1 s=0": ("the signature is DER with r = 1, s = 0", b"\x02\x01\x01\x02\x01\x00"),
    "DER r=-1 s=-1": ("the signature is DER with r = s = -1", b"\x02\x01\xff\x02\x01\xff"),
    "DER of nothing": ("the signature is an empty DER sequence", b""),
    "DER with empty integers": ("the signature is DER with integers of no length", b"\x02\x00\x02\x00"),
}


def _attacks() -> Iterator[Attack]:
    for name, (r, s) in _PAIRS.items():
        yield Attack(f"ecdsa/{name}", f"the ECDSA signature is {name.replace(' ', ', ')}", _REFS, partial(_pair, r, s))
    for name, (title, content) in _DER.items():
        yield Attack(f"ecdsa/{name}", title, _REFS, partial(_der, content))
    yield Attack("ecdsa/s=0", "r is a genuine signature's and s is zero", _REFS, _negative)
    for algorithm in ("ES256", "ES384", "ES512", "ES256K"):
        title = f"alg is {algorithm} and the attacker's own key on that curve signed it"
        yield Attack(f"ecdsa/{algorithm}", title, _CURVE_REFS, partial(_other_curve, algorithm))
    title = "the signature was made on another curve than the algorithm's"
    yield Attack("ecdsa/wrong curve", title, _CURVE_REFS, _curve_behind_name)
    lenient = Shows.LENIENCE
    yield Attack("ecdsa/other s", "the genuine signature has n - s in place of s", _REFS[:1], _other_s, lenient)
    yield Attack("ecdsa/as DER", "the genuine signature is encoded as DER", _REFS[:1], _as_der, lenient)
    yield Attack("ecdsa/padded", "the genuine r and s have leading zeros", _REFS[:1], _padded, lenient)


ECDSA = AttackClass("ecdsa", "ECDSA signatures that need no key", tuple(_attacks()))
