"""Tokens that are over, not yet valid, or whose times are no numbers.

RFC 7519, sections 4.1.4 to 4.1.6 (``exp``, ``nbf``, ``iat``: numbers) and 4 (duplicate names). ASVS 5.0 V9.2.1.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial

from pytest_devsecops.identity.tokens.model import Attack, AttackClass, Knowledge, Shows
from pytest_devsecops.identity.tokens.signed_claims import MISSING, with_claims, with_raw

_REFS = ("RFC 7519 4.1.4", "asvs:v5.0.0-9.2.1")
_NOT_BEFORE = ("RFC 7519 4.1.5", "asvs:v5.0.0-9.2.1")
_ISSUED = ("RFC 7519 4.1.6", "asvs:v5.0.0-9.2.1")

#: Far beyond any tolerance for clocks that differ.
_DAY = 86_400
#: Beyond the "few minutes" of tolerance that the RFC speaks of; hours are a time zone that was forgotten.
_HALF_AN_HOUR = 1800

_EXPIRED: dict[str, tuple[str, Callable[[int], object]]] = {
    "over": ("exp was a day ago", lambda now: now - _DAY),
    "over for half an hour": ("exp was half an hour ago", lambda now: now - _HALF_AN_HOUR),
    "over, float": ("exp was a day ago, with a fraction", lambda now: now - _DAY + 0.5),
    "over, text": ("exp was a day ago, as a text", lambda now: str(now - _DAY)),
    "over, list": ("exp was a day ago, in a list", lambda now: [now - _DAY]),
    "over, object": ("exp was a day ago, in an object", lambda now: {"exp": now - _DAY}),
    "over, milliseconds": ("exp was a day ago in milliseconds, as a negative number", lambda now: -(now - _DAY) * 1000),
    "zero": ("exp is zero", lambda _: 0),
    "one": ("exp is one", lambda _: 1),
    "negative": ("exp is negative", lambda _: -1),
    "negative float": ("exp is minus a fraction", lambda _: -0.5),
    "long ago": ("exp is a very large negative number", lambda _: -(10**30)),
    "a date": ("exp is a date as a text", lambda _: "2001-01-01T00:00:00Z"),
    "a date to come": ("exp is a date to come as a text", lambda _: "2999-01-01T00:00:00Z"),
    "a word": ("exp is a word", lambda _: "never"),
    "true": ("exp is true", lambda _: True),
    "list": ("exp is a list of a time to come", lambda now: [now + _DAY]),
    "object": ("exp is an object", lambda now: {"$gt": now}),
}

#: These mean the same as a token without an end, which RFC 7519 allows.
_ENDLESS: dict[str, tuple[str, Callable[[int], object]]] = {
    "missing": ("there is no exp", lambda _: MISSING),
    "null": ("exp is null", lambda _: None),
    "false": ("exp is false", lambda _: False),
    "empty": ("exp is an empty text", lambda _: ""),
    "empty list": ("exp is an empty list", lambda _: []),
    "text": ("exp is a time to come as a text", lambda now: str(now + _DAY)),
}

_NOT_YET: dict[str, tuple[str, Callable[[int], object]]] = {
    "to come": ("nbf is tomorrow", lambda now: now + _DAY),
    "to come in half an hour": ("nbf is in half an hour", lambda now: now + _HALF_AN_HOUR),
    "to come, float": ("nbf is tomorrow, with a fraction", lambda now: now + _DAY + 0.5),
    "to come, text": ("nbf is tomorrow, as a text", lambda now: str(now + _DAY)),
    "to come, list": ("nbf is tomorrow, in a list", lambda now: [now + _DAY]),
    "far away": ("nbf is a very large number", lambda _: 10**30),
    "word": ("nbf is a word", lambda _: "later"),
}

_ODD_ISSUED: dict[str, tuple[str, Callable[[int], object]]] = {
    "to come": ("iat is tomorrow", lambda now: now + _DAY),
    "negative": ("iat is negative", lambda _: -1),
    "word": ("iat is a word", lambda _: "now"),
    "list": ("iat is a list", lambda now: [now]),
    "null": ("iat is null", lambda _: None),
    "object": ("iat is an object", lambda _: {}),
}


def _with(claim: str, value: Callable[[int], object], known: Knowledge) -> str:
    return with_claims(known, **{claim: value(int(time.time()))})


def _raw(claim: str, raw: bytes, known: Knowledge) -> str:
    return with_raw(known, claim, raw)


def _twice(known: Knowledge) -> str:
    """RFC 7519, section 4: refuse two members of one name, or take the last."""
    now = int(time.time())
    return with_raw(known, "exp", str(now - _DAY).encode(), first=str(now + _DAY).encode())


def _attacks() -> Iterator[Attack]:
    for claim, refs, values, shows in (
        ("exp", _REFS, _EXPIRED, Shows.FORGERY),
        ("exp", _REFS, _ENDLESS, Shows.LENIENCE),
        ("nbf", _NOT_BEFORE, _NOT_YET, Shows.FORGERY),
        ("iat", _ISSUED, _ODD_ISSUED, Shows.LENIENCE),
    ):
        for name, (title, value) in values.items():
            full = f"the signature is the issuer's own and {title}"
            yield Attack(f"time/{claim} {name}", full, refs, partial(_with, claim, value), shows)
    for claim, refs, shows in (
        ("exp", _REFS, Shows.LENIENCE),
        ("nbf", _NOT_BEFORE, Shows.FORGERY),
        ("iat", _ISSUED, Shows.LENIENCE),
    ):
        for name, raw in (("1e400", b"1e400"), ("NaN", b"NaN"), ("long", b"9" * 4400)):
            shown = "a number of 4,400 digits" if name == "long" else name
            title = f"the signature is the issuer's own and {claim} is {shown}"
            lenient = Shows.LENIENCE if name == "NaN" else shows
            yield Attack(f"time/{claim} {name}", title, refs, partial(_raw, claim, raw), lenient)
    title = "the signature is the issuer's own and exp is there twice, over in the last"
    yield Attack("time/exp twice", title, ("RFC 7519 4", *_REFS), _twice)
    title = "the signature is the issuer's own and exp is minus infinity"
    yield Attack("time/exp -1e400", title, _REFS, partial(_raw, "exp", b"-1e400"))


CLAIMS_TIME = AttackClass(
    "time",
    "validly signed tokens that are over or not yet valid",
    tuple(_attacks()),
    fix="check exp and nbf of every token, as numbers, with a few minutes of tolerance; some libraries must be told to",
    by_issuer=True,
)
