"""An HMAC keyed with the issuer's public key, which everyone knows.

RFC 8725, sections 2.1 and 3.1. CVE-2015-9235, CVE-2016-10555, CVE-2017-11424, CVE-2022-29217,
CVE-2024-33663, CVE-2024-37568.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from pytest_devsecops.identity.tokens.keys import hmac_sign
from pytest_devsecops.identity.tokens.model import Attack, AttackClass, Knowledge, NotApplicableError, jws
from pytest_devsecops.identity.tokens.serialisations import SERIALISATIONS

_REFS = ("RFC 8725 3.1", "CVE-2022-29217", "CVE-2024-37568", "asvs:v5.0.0-9.1.2")


def _confused(algorithm: str, name: str, known: Knowledge) -> str:
    secret = SERIALISATIONS[name](known)
    return jws(known.header(alg=algorithm), known.forged_claims, hmac_sign(secret, algorithm))


def _without_kid(name: str, known: Knowledge) -> str:
    if "kid" not in known.sample.header:
        raise NotApplicableError("the sample has no kid")
    header = {key: value for key, value in known.header(alg="HS256").items() if key != "kid"}
    return jws(header, known.forged_claims, hmac_sign(SERIALISATIONS[name](known)))


def _attacks() -> Iterator[Attack]:
    for algorithm in ("HS256", "HS384", "HS512"):
        for name in SERIALISATIONS:
            title = f"alg is {algorithm} and the HMAC is keyed with the public key ({name})"
            yield Attack(f"hmac-public-key/{algorithm} {name}", title, _REFS, partial(_confused, algorithm, name))
    for name in ("SPKI PEM", "SPKI PEM without newline", "JWK", "SSH"):
        title = f"there is no kid and the HMAC is keyed with the public key ({name})"
        yield Attack(f"hmac-public-key/no kid, {name}", title, _REFS, partial(_without_kid, name))


HMAC_PUBLIC_KEY = AttackClass("hmac-public-key", "an HMAC keyed with the public key", tuple(_attacks()))
