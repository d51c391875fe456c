"""Genuine tokens of the same issuer that are for something else: an ID token, a refresh token.

RFC 8725, sections 3.11 and 3.12; RFC 9068, section 4; OpenID Connect Core 1.0, section 16.14. ASVS 5.0 V9.2.2.
Nothing is forged: they are what the login gave.
"""

from __future__ import annotations

from functools import partial

from pytest_devsecops.identity.tokens.model import Attack, AttackClass, Knowledge, NotApplicableError

_REFS = ("RFC 8725 3.11", "RFC 9068 4", "asvs:v5.0.0-9.2.2")

_KINDS = {"id_token": "an ID token", "refresh_token": "a refresh token"}


def _other(kind: str, known: Knowledge) -> str:
    token = known.issued.get(kind)
    if token is None or token == known.sample_text:
        raise NotApplicableError(f"the login gave no {kind} besides the sample")
    return token


ISSUED = AttackClass(
    "issued",
    "genuine tokens that are for something else",
    tuple(
        Attack(f"issued/{kind}", f"{words} is used as an access token", _REFS, partial(_other, kind))
        for kind, words in _KINDS.items()
    ),
    fix="take access tokens only: require the typ, the claim or the audience by which your issuer marks them",
)
