"""EdDSA signatures that need no key, and a second one made of a genuine one.

RFC 8037, section 3.1; RFC 8032, sections 5.1.7 and 5.2.7 (S is less than the order). CVE-2020-36843,
CVE-2024-48949.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from pytest_devsecops.identity.tokens.keys import EDWARDS, attacker_key, signer
from pytest_devsecops.identity.tokens.model import Attack, AttackClass, Knowledge, NotApplicableError, Shows, b64, jws

_REFS = ("RFC 8032 5.1.7", "RFC 8037 3.1", "CVE-2024-48949", "asvs:v5.0.0-9.1.1")
_ALG_REFS = ("RFC 8725 3.2", "RFC 9864 2", "asvs:v5.0.0-9.1.2")

#: Bytes of a point, and the order of the group (RFC 8032, section 5.1 and 5.2).
_SIZE = {"Ed25519": 32, "Ed448": 57}
_ORDER = {
    "Ed25519": 2**252 + 27742317777372353535851937790883648493,
    "Ed448": 2**446 - 13818066809895115352007386748515426880336692474882178609894547503885,
}
#: Encodings of points of small order, and of none: R as a number, little-endian.
_POINTS: dict[str, int] = {"identity": 1, "order 4": 0, "not canonical": 2**255 - 18, "no point": 2}


def _curve(known: Knowledge) -> str:
    """The sample's, or Ed25519: a verifier that takes the algorithm from the token may know it."""
    return "Ed448" if len(known.sample.signature) == 2 * _SIZE["Ed448"] else "Ed25519"


def _algorithm(known: Knowledge) -> str:
    return known.sample.algorithm if known.sample.algorithm in EDWARDS else "EdDSA"


def _pair(point: int, scalar: str, known: Knowledge) -> str:
    curve = _curve(known)
    values = {"0": 0, "order": _ORDER[curve]}
    size = _SIZE[curve]
    signature = point.to_bytes(size, "little") + values[scalar].to_bytes(size, "little")
    return jws(known.header(alg=_algorithm(known)), known.forged_claims, signature)


def _renamed(algorithm: str, known: Knowledge) -> str:
    return jws(known.header(alg=algorithm), known.forged_claims, signer(attacker_key(algorithm), algorithm))


def _beyond_order(known: Knowledge) -> str:
    """Valid mathematics: S and S plus the order both satisfy the equation."""
    if known.sample.algorithm not in EDWARDS:
        raise NotApplicableError("the sample is not signed with EdDSA")
    curve = _curve(known)
    size = _SIZE[curve]
    point, scalar = known.sample.signature[:size], known.sample.signature[size:]
    beyond = int.from_bytes(scalar, "little") + _ORDER[curve]
    return known.sample_text.strip().rpartition(".")[0] + "." + b64(point + beyond.to_bytes(size, "little"))


def _attacks() -> Iterator[Attack]:
    for name, point in _POINTS.items():
        for scalar in ("0", "order"):
            title = f"the EdDSA signature has a point that proves nothing ({name}) and S = {scalar}"
            yield Attack(f"eddsa/{name}, S={scalar}", title, _REFS, partial(_pair, point, scalar))
    for algorithm in EDWARDS:
        title = f"alg is {algorithm} and the attacker's own key signed it"
        yield Attack(f"eddsa/{algorithm}", title, _ALG_REFS, partial(_renamed, algorithm))
    title = "the genuine signature has S plus the order in place of S"
    yield Attack("eddsa/S beyond the order", title, _REFS[:3], _beyond_order, Shows.LENIENCE)


EDDSA = AttackClass("eddsa", "EdDSA signatures that need no key", tuple(_attacks()))
