"""Tokens whose subject is nobody, several, or looks like somebody.

RFC 7519, section 4.1.2 (a case-sensitive text); RFC 8725, section 3.8. ASVS 5.0 V10.5.2.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from functools import partial

from pytest_devsecops.identity.tokens.model import Attack, AttackClass, Knowledge, NotApplicableError, Shows
from pytest_devsecops.identity.tokens.signed_claims import MISSING, text_claim, with_claims, with_raw

_REFS = ("RFC 7519 4.1.2", "RFC 8725 3.8", "asvs:v5.0.0-9.1.1")

#: Look-alikes make sense only for names, not for numbers and UUIDs, which parsers normalise.
_LOOK_ALIKES: dict[str, tuple[str, Callable[[str], str]]] = {
    "other case": ("sub is a user's in other case", str.swapcase),
    "space": ("sub is a user's and a space", lambda own: f"{own} "),
    "space before": ("sub is a space and a user's", lambda own: f" {own}"),
    "line break": ("sub is a user's and a line break", lambda own: f"{own}\n"),
    "NUL": ("sub is a user's, NUL and more", lambda own: f"{own}\x00x"),
    "full width": ("sub is a user's in full-width letters", lambda own: "".join(map(_full_width, own))),
    "percent": ("sub is a user's, percent-encoded", lambda own: "".join(f"%{byte:02x}" for byte in own.encode())),
    "prefix": ("sub is a user's without its last character", lambda own: own[:-1]),
    "longer": ("sub is a user's and more", lambda own: f"{own}x"),
    "pattern": ("sub is the beginning of a user's and %", lambda own: f"{own[:-1]}%"),
}

_NOBODY: dict[str, tuple[str, Callable[[str], object]]] = {
    "missing": ("there is no sub", lambda _: MISSING),
    "null": ("sub is null", lambda _: None),
    "empty": ("sub is empty", lambda _: ""),
    "true": ("sub is true", lambda _: True),
    "zero": ("sub is zero", lambda _: 0),
    "negative": ("sub is a negative number", lambda _: -1),
    "star": ("sub is a star", lambda _: "*"),
    "SQL": ("sub is a condition that is always true", lambda _: "' OR '1'='1"),
    "operator": ("sub is an operator", lambda _: {"$ne": None}),
    "list": ("sub is a list of a user's", lambda own: [own]),
    "object": ("sub is an object with a user's", lambda own: {own: True}),
    "huge": ("sub is a number of 400 digits", lambda _: 10**400),
    "long": ("sub is a text of 4,000 characters", lambda _: "a" * 4000),
    "surrogate": ("sub is half a character", lambda _: "\ud800"),
}


def _full_width(character: str) -> str:
    """Unicode normalisation (NFKC) makes the plain letter of it."""
    return chr(ord(character) + 0xFEE0) if "!" <= character <= "~" else character


def _subject(known: Knowledge) -> str:
    own = text_claim(known, "sub")
    if (known.sign or known.mint) and not known.subject_counts:
        raise NotApplicableError(
            "the application does not know its users by sub, as far as can be seen with two personas"
        )
    return own


def _look_alike(change: Callable[[str], str], known: Knowledge) -> str:
    own = _subject(known)
    if own.isdecimal() or _is_uuid(own):
        raise NotApplicableError("the sample's sub is a number or a UUID, which has no look-alikes")
    wrong = change(own)
    if wrong == own:
        raise NotApplicableError("the sample's sub has no such look-alike")
    return with_claims(known, sub=wrong)


def _is_uuid(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True


def _nobody(value: Callable[[str], object], known: Knowledge) -> str:
    wrong = value(_subject(known))
    if wrong == "\ud800":
        return with_raw(known, "sub", b'"\\ud800"')
    return with_claims(known, sub=wrong)


def _as_number(known: Knowledge) -> str:
    own = _subject(known)
    if not own.isdecimal():
        raise NotApplicableError("the sample's sub is no number")
    return with_claims(known, sub=int(own))


def _attacks() -> Iterator[Attack]:
    before = "the signature is the issuer's own and"
    for name, (title, change) in _LOOK_ALIKES.items():
        yield Attack(f"subject/{name}", f"{before} {title}", _REFS, partial(_look_alike, change), Shows.MISTAKEN)
    for name, (title, value) in _NOBODY.items():
        yield Attack(f"subject/{name}", f"{before} {title}", _REFS, partial(_nobody, value), Shows.MISTAKEN)
    title = f"{before} sub is a user's as a number"
    yield Attack("subject/number", title, _REFS, _as_number, Shows.LENIENCE)


CLAIMS_SUBJECT = AttackClass(
    "subject",
    "validly signed tokens whose subject is nobody",
    tuple(_attacks()),
    fix="require sub to be a text, and look the user up by exactly this text",
    by_issuer=True,
)
