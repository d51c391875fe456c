"""Tokens without a signature that say so, in every spelling that a verifier has fallen for.

RFC 8725, section 3.2: ``none`` must not be accepted; RFC 7518, section 3.6. CVE-2015-9235,
CVE-2018-1000531, CVE-2026-28802.
"""

from __future__ import annotations

from functools import partial

from pytest_devsecops.identity.tokens.model import Attack, AttackClass, Knowledge, b64, jws

_REFS = ("RFC 8725 3.2", "CVE-2015-9235", "asvs:v5.0.0-9.1.2")

#: Spellings that pass a check for the word ``none`` and are then compared loosely, and JSON values
#: that a lookup of algorithms takes for "no algorithm".
_SPELLINGS: dict[str, object] = {
    **{word: word for word in ("none", "None", "NONE", "nOnE", "NonE")},
    "space after": "none ",
    "space before": " none",
    "NUL after": "none\x00",
    "newline after": "none\n",
    "tab before": "\tnone",
    "Cyrillic o": "nоne",  # noqa: RUF001 - the second letter is Cyrillic on purpose
    "empty": "",
    "word null": "null",
    "JSON null": None,
    "JSON false": False,
    "JSON zero": 0,
    "JSON list": [],
    "JSON object": {},
    "JSON list of none": ["none"],
}


def _unsigned(spelling: object, known: Knowledge) -> str:
    return jws(known.header(alg=spelling), known.forged_claims)


def _signature_kept(known: Knowledge) -> str:
    return jws(known.header(alg="none"), known.forged_claims, known.sample.signature)


def _two_parts(known: Knowledge) -> str:
    return jws(known.header(alg="none"), known.forged_claims).rstrip(".")


def _absent(known: Knowledge) -> str:
    return jws({key: value for key, value in known.sample.header.items() if key != "alg"}, known.forged_claims)


def _unknown_kid(known: Knowledge) -> str:
    """A look-up that finds no key leaves some libraries with nothing to check (CVE-2022-23540)."""
    return jws(known.header(alg="none", kid="no-such-key"), known.forged_claims)


def _empty_header(known: Knowledge) -> str:
    return jws({}, known.forged_claims)


def _with(header: dict[str, object], signature: bytes, known: Knowledge) -> str:
    return jws(header, known.forged_claims, signature)


def _quoted(known: Knowledge) -> str:
    return f"{jws({'alg': 'none'}, known.forged_claims)}{b64(b'none')}"


ALG_NONE = AttackClass(
    "alg-none",
    "unsigned tokens that say so",
    (
        *(
            Attack(f"alg-none/{name}", f"alg is {value!r} and there is no signature", _REFS, partial(_unsigned, value))
            for name, value in _SPELLINGS.items()
        ),
        Attack("alg-none/signature kept", "alg is none and another token's signature is kept", _REFS, _signature_kept),
        Attack("alg-none/two parts", "alg is none and the signature is missing with its dot", _REFS, _two_parts),
        Attack("alg-none/no alg", "there is no alg and no signature", _REFS, _absent),
        Attack(
            "alg-none/unknown kid",
            "alg is none and kid names no key",
            ("CVE-2022-23540", *_REFS),
            _unknown_kid,
        ),
        Attack("alg-none/empty header", "the header is empty and there is no signature", _REFS, _empty_header),
        Attack(
            "alg-none/zeros", "alg is none and 64 zero bytes sign it", _REFS, partial(_with, {"alg": "none"}, bytes(64))
        ),
        Attack("alg-none/the word", "alg is none and the signature is the word none", _REFS, _quoted),
        Attack("alg-none/bare", "the header is nothing but alg none", _REFS, partial(_with, {"alg": "none"}, b"")),
        Attack(
            "alg-none/with type",
            "the header is alg none and typ JWT, without a kid",
            _REFS,
            partial(_with, {"typ": "JWT", "alg": "none"}, b""),
        ),
    ),
)
