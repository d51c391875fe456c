"""Texts around and inside a token that one parser reads otherwise than another.

RFC 7515, section 2 (base64url without padding, white space or other characters) and section 7.1 (three
parts). Two kinds: forged claims beside genuine ones, and other spellings of the genuine token.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from pytest_devsecops.identity.tokens.model import (
    Attack,
    AttackClass,
    Knowledge,
    NotApplicableError,
    Shows,
    b64,
    compact,
)

_REFS = ("RFC 7515 7.1", "asvs:v5.0.0-9.1.1")
_SPELLING = ("RFC 7515 2",)
_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

#: H, P, S: the genuine parts; F: the forged payload.
_SMUGGLED: dict[str, tuple[str, str]] = {
    "forged before genuine": ("a forged payload stands before the genuine one", "H.F.P.S"),
    "forged after genuine": ("a forged payload stands after the genuine one", "H.P.F.S"),
    "forged after signature": ("a forged payload stands after the signature", "H.P.S.F"),
    "forged before header": ("a forged payload stands before the header", "F.H.P.S"),
    "genuine then forged": ("a forged token follows the genuine one", "H.P.S.H.F.S"),
    "forged then genuine": ("the genuine token follows a forged one", "H.F.S.H.P.S"),
    "forged, comma, genuine": ("a forged and the genuine token stand in a list", "H.F.S,H.P.S"),
    "genuine, comma, forged": ("the genuine and a forged token stand in a list", "H.P.S,H.F.S"),
    "genuine, space, forged": ("the genuine and a forged token stand beside each other", "H.P.S H.F.S"),
    "payloads joined": ("forged and genuine payload are one base64 text", "H.F=P.S"),
    "payloads joined, genuine first": ("genuine and forged payload are one base64 text", "H.P=F.S"),
    "empty header": ("the header is empty", ".F.S"),
    "payload only": ("there is nothing but the forged payload", "F"),
    "dots": ("the forged payload stands between dots", "..F.."),
    "percent": ("the token's dots are percent-encoded", "H%2EF%2ES"),
}


def _parts(known: Knowledge) -> tuple[str, str, str]:
    head, payload, signature = known.sample_text.strip().split(".")
    return head, payload, signature


def _smuggled(pattern: str, known: Knowledge) -> str:
    head, payload, signature = _parts(known)
    filled = {"H": head, "P": payload, "S": signature, "F": b64(compact(dict(known.forged_claims)))}
    return "".join(filled.get(sign, sign) for sign in pattern)


def _joined(known: Knowledge) -> str:
    """Two JSON documents in one payload."""
    head, _, signature = _parts(known)
    both = compact(dict(known.sample.claims)) + b"\n" + compact(dict(known.forged_claims))
    return f"{head}.{b64(both)}.{signature}"


def _spelled(change: Callable[[str, str, str], str], known: Knowledge) -> str:
    return change(*_parts(known))


def _standard_alphabet(head: str, payload: str, signature: str) -> str:
    text = f"{head}.{payload}.{signature}"
    if "-" not in text and "_" not in text:
        raise NotApplicableError("the sample has no character in which the alphabets differ")
    return text.replace("-", "+").replace("_", "/")


def _trailing_bits(head: str, payload: str, signature: str) -> str:
    """The last character carries bits that belong to no byte."""
    if len(signature) % 4 == 0:
        raise NotApplicableError("the signature fills its last character")
    last = _ALPHABET.index(signature[-1])
    return f"{head}.{payload}.{signature[:-1]}{_ALPHABET[last ^ 1]}"


def _padding(text: str) -> str:
    return text + "=" * (-len(text) % 4)


#: Other spellings of the genuine token. Good libraries take some of them; nobody gains anything.
_SPELLINGS: dict[str, tuple[str, Callable[[str, str, str], str]]] = {
    "padded": ("the parts are padded", lambda h, p, s: ".".join(map(_padding, (h, p, s)))),
    "signature padded": ("the signature is padded", lambda h, p, s: f"{h}.{p}.{_padding(s)}"),
    "too much padding": ("the signature is padded too far", lambda h, p, s: f"{h}.{p}.{s}===="),
    "standard alphabet": ("the parts are in the standard alphabet", _standard_alphabet),
    "trailing bits": ("the last character has bits that belong to no byte", _trailing_bits),
    "space in payload": ("there is a space in the payload", lambda h, p, s: f"{h}.{p[:4]} {p[4:]}.{s}"),
    "tab in signature": ("there is a tab in the signature", lambda h, p, s: f"{h}.{p}.{s[:4]}\t{s[4:]}"),
    "other characters": ("there are other characters in the signature", lambda h, p, s: f"{h}.{p}.{s[:4]}!*{s[4:]}"),
    "leading dot": ("a dot stands before the token", lambda h, p, s: f".{h}.{p}.{s}"),
    "trailing dot": ("a dot stands behind the token", lambda h, p, s: f"{h}.{p}.{s}."),
    "fourth part": ("a fourth part stands behind the token", lambda h, p, s: f"{h}.{p}.{s}.e30"),
    "quotes": ("the token stands in quotes", lambda h, p, s: f'"{h}.{p}.{s}"'),
    "upper case": ("the token is in upper case", lambda h, p, s: f"{h}.{p}.{s}".upper()),
}


def _attacks() -> Iterator[Attack]:
    for name, (title, pattern) in _SMUGGLED.items():
        yield Attack(f"encoding/{name}", title, _REFS, partial(_smuggled, pattern), Shows.SMUGGLING)
    yield Attack("encoding/two documents", "the payload is two JSON documents", _REFS, _joined)
    for name, (title, change) in _SPELLINGS.items():
        yield Attack(f"encoding/{name}", title, _SPELLING, partial(_spelled, change), Shows.LENIENCE)


ENCODINGS = AttackClass("encoding", "tokens that two parsers read differently", tuple(_attacks()))
