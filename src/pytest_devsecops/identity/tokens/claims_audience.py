"""Tokens of the right issuer for somebody else.

RFC 7519, section 4.1.3; RFC 8725, section 3.9; RFC 9068, section 4. ASVS 5.0 V9.2.3 and V10.3.1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from pytest_devsecops.identity.tokens.model import Attack, AttackClass, Knowledge, NotApplicableError
from pytest_devsecops.identity.tokens.signed_claims import MISSING, with_claims

_REFS = ("RFC 8725 3.9", "RFC 7519 4.1.3", "asvs:v5.0.0-9.2.3", "asvs:v5.0.0-10.3.1")
_OTHER = "https://other-service.example"


def _changed_case(right: str) -> str:
    if right.swapcase() == right:
        raise NotApplicableError("the audience's name has no letters")
    return right.swapcase()


_AUDIENCES: dict[str, tuple[str, Callable[[str], object]]] = {
    "other": ("aud is another service", lambda _: _OTHER),
    "other list": ("aud is a list of another service", lambda _: [_OTHER]),
    "prefix": ("aud is the right one without its last character", lambda right: right[:-1]),
    "half": ("aud is the first half of the right one", lambda right: right[: len(right) // 2]),
    "first character": ("aud is the first character of the right one", lambda right: right[:1]),
    "list of a prefix": ("aud is a list of a part of the right one", lambda right: [right[:-1]]),
    "suffix": ("aud is the right one without its first character", lambda right: right[1:]),
    "longer": ("aud is the right one and more", lambda right: f"{right}x"),
    "before": ("aud ends with the right one", lambda right: f"x{right}"),
    "list of a longer": ("aud is a list of the right one and more", lambda right: [f"{right}x"]),
    "other case": ("aud is the right one in other case", _changed_case),
    "space": ("aud is the right one and a space", lambda right: f"{right} "),
    "several in a text": ("aud is another and the right one in one text", lambda right: f"{_OTHER} {right}"),
    "comma": ("aud is the right one and another with a comma", lambda right: f"{right},{_OTHER}"),
    "characters": ("aud is a list of the right one's characters", list),
    "nested": ("aud is a list in a list", lambda right: [[right]]),
    "object": ("aud is an object that has the right one", lambda right: {right: True}),
    "list of an object": ("aud is a list of an object", lambda right: [{"aud": right}]),
    "pattern": ("aud is a pattern", lambda _: ".*"),
    "star": ("aud is a star", lambda _: "*"),
    "empty": ("aud is empty", lambda _: ""),
    "empty list": ("aud is an empty list", lambda _: []),
    "list of nothing": ("aud is a list of null", lambda _: [None]),
    "list of empty": ("aud is a list of an empty text", lambda _: [""]),
    "null": ("aud is null", lambda _: None),
    "true": ("aud is true", lambda _: True),
    "number": ("aud is a number", lambda _: 0),
    "missing": ("there is no aud", lambda _: MISSING),
}


def _right(known: Knowledge) -> str:
    value = known.sample.claims.get("aud")
    names = value if isinstance(value, list) else [value]
    if not names or not all(isinstance(name, str) and len(name) > 1 for name in names):
        raise NotApplicableError("the sample has no aud, so nothing can rest on it")
    return str(names[0])


def _make(change: Callable[[str], object], known: Knowledge) -> str:
    return with_claims(known, aud=change(_right(known)))


def _attacks() -> Iterator[Attack]:
    for name, (title, change) in _AUDIENCES.items():
        yield Attack(
            f"audience/{name}", f"the signature is the issuer's own and {title}", _REFS, partial(_make, change)
        )


CLAIMS_AUDIENCE = AttackClass(
    "audience",
    "validly signed tokens for somebody else",
    tuple(_attacks()),
    fix="require aud, and compare it as a whole with your own name; some libraries take a token without one by default",
    by_issuer=True,
)
