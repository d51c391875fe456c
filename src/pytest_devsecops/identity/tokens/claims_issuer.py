"""Tokens of another issuer, and of names that look like the right one.

RFC 7519, section 4.1.1; RFC 8725, section 3.8; OpenID Connect Core 1.0, section 3.1.3.7. CVE-2024-53861 (PyJWT).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from pytest_devsecops.identity.tokens.model import Attack, AttackClass, Knowledge, NotApplicableError, Shows
from pytest_devsecops.identity.tokens.signed_claims import MISSING, text_claim, with_claims

_REFS = ("RFC 8725 3.8", "RFC 7519 4.1.1", "CVE-2024-53861", "asvs:v5.0.0-9.1.3")
_OTHER = "https://attacker.example"


def _changed_case(issuer: str) -> str:
    if issuer.swapcase() == issuer:
        raise NotApplicableError("the issuer's name has no letters")
    return issuer.swapcase()


def _other_scheme(issuer: str) -> str:
    scheme, separator, rest = issuer.partition("://")
    if not separator:
        raise NotApplicableError("the issuer's name is no URL")
    return f"{'http' if scheme == 'https' else 'https'}://{rest}"


#: By name: what it is, and how it is made of the right one.
_ISSUERS: dict[str, tuple[str, Callable[[str], object]]] = {
    "other": ("iss is another issuer", lambda _: _OTHER),
    "prefix": ("iss is the right one without its last character", lambda right: right[:-1]),
    "half": ("iss is the first half of the right one", lambda right: right[: len(right) // 2]),
    "first character": ("iss is the first character of the right one", lambda right: right[:1]),
    "suffix": ("iss is the right one without its first character", lambda right: right[1:]),
    "middle": ("iss is a part of the right one", lambda right: right[1:-1]),
    "empty": ("iss is empty", lambda _: ""),
    "longer": ("iss is the right one and more", lambda right: f"{right}.attacker.example"),
    "below": ("iss is a path below the right one", lambda right: f"{right.rstrip('/')}/attacker"),
    "before": ("iss ends with the right one", lambda right: f"{_OTHER}/{right}"),
    "in query": ("iss has the right one in its query", lambda right: f"{_OTHER}/?{right}"),
    "in fragment": ("iss has the right one in its fragment", lambda right: f"{_OTHER}/#{right}"),
    "other case": ("iss is the right one in other case", _changed_case),
    "slash": (
        "iss differs from the right one in the slash at the end",
        lambda right: right[:-1] if right.endswith("/") else f"{right}/",
    ),
    "scheme": ("iss has another scheme than the right one", _other_scheme),
    "space": ("iss is the right one and a space", lambda right: f"{right} "),
    "line break": ("iss is the right one and a line break", lambda right: f"{right}\n"),
    "NUL": ("iss is the right one, NUL, and another", lambda right: f"{right}\x00{_OTHER}"),
    "comma": ("iss is the right one and another with a comma", lambda right: f"{right},{_OTHER}"),
    "pattern": ("iss is a pattern", lambda _: ".*"),
    "star": ("iss is a star", lambda _: "*"),
    "list": ("iss is a list of the right one", lambda right: [right]),
    "list with other": ("iss is a list of another and the right one", lambda right: [_OTHER, right]),
    "empty list": ("iss is an empty list", lambda _: []),
    "object": ("iss is an object that has the right one", lambda right: {right: True}),
    "null": ("iss is null", lambda _: None),
    "true": ("iss is true", lambda _: True),
    "number": ("iss is a number", lambda _: 0),
    "missing": ("there is no iss", lambda _: MISSING),
}


def _make(change: Callable[[str], object], known: Knowledge) -> str:
    wrong = change(text_claim(known, "iss"))
    if wrong == "" and change("ab") != "":
        raise NotApplicableError("the issuer's name is too short for this")
    return with_claims(known, iss=wrong)


def _attacks() -> Iterator[Attack]:
    for name, (title, change) in _ISSUERS.items():
        # Names that differ in a slash at the end belong to the same host; some verifiers level them on purpose.
        shows = Shows.LENIENCE if name == "slash" else Shows.FORGERY
        full = f"the signature is the issuer's own and {title}"
        yield Attack(f"issuer/{name}", full, _REFS, partial(_make, change), shows)


CLAIMS_ISSUER = AttackClass(
    "issuer",
    "validly signed tokens of another issuer",
    tuple(_attacks()),
    fix="require iss, and compare it as a whole with the issuer whose keys you use",
    by_issuer=True,
)
