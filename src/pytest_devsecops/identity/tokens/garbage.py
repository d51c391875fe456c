"""Headers, payloads and whole tokens that are no such thing.

RFC 7515, sections 4 and 5.2; RFC 8259. What counts most here is that the application answers as it does to
any wrong token: a 5xx or a hang is a finding by itself. ASVS 5.0 V16.5.1 (error handling).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from pytest_devsecops.identity.tokens.model import Attack, AttackClass, Knowledge, b64, compact, jws

_REFS = ("RFC 7515 5.2", "asvs:v5.0.0-9.1.1")
_TWICE = ("RFC 7515 4", "RFC 8725 2.4", "asvs:v5.0.0-9.1.2")

#: Deep enough to show a parser that recurses, and far from what a stack can hold.
_DEEP = 400

#: By name: what stands in place of the header.
_HEADERS: dict[str, bytes] = {
    "empty": b"",
    "a list": b'["alg","none"]',
    "a text": b'"alg"',
    "a number": b"1",
    "null": b"null",
    "true": b"true",
    "half": b'{"alg":',
    "no JSON": b"alg=none",
    "single quotes": b"{'alg': 'none'}",
    "invalid UTF-8": b'{"alg":"none","x":"\xff\xfe"}',
    "overlong UTF-8": b'{"alg":"n\xc1\xafne"}',
    "byte order mark": b'\xef\xbb\xbf{"alg":"none"}',
    "UTF-16": '{"alg":"none"}'.encode("utf-16"),
    "UTF-32": '{"alg":"none"}'.encode("utf-32"),
    "NUL": b'{"alg":"none"}\x00',
    "NaN": b'{"alg":NaN}',
    "Infinity": b'{"alg":"none","x":-Infinity}',
    "lone surrogate": b'{"alg":"\\ud800"}',
    "comment": b'{/**/"alg":"none"}',
    "trailing comma": b'{"alg":"none",}',
    "escaped name": b'{"\\u0061lg":"none"}',
    "upper-case name": b'{"ALG":"none"}',
    "number as alg": b'{"alg":1e400}',
    "long number": b'{"alg":' + b"9" * 4400 + b"}",
    "object as alg": b'{"alg":{"alg":"none"}}',
    "list of algorithms": b'{"alg":["HS256","RS256","ES256"]}',
    "long alg": b'{"alg":"' + b"A" * 3000 + b'"}',
    "alg with a dot": b'{"alg":"HS256.none"}',
    "alg with a path": b'{"alg":"../none"}',
    "attribute as alg": b'{"alg":"__class__"}',
    "type as a list": b'{"alg":"HS256","typ":["JWT"]}',
    "type as a number": b'{"alg":"HS256","typ":1}',
    "content type as an object": b'{"alg":"HS256","cty":{}}',
    "deep list": b'{"alg":' + b"[" * _DEEP + b"]" * _DEEP + b"}",
    "deep object": b'{"alg":' + b'{"a":' * _DEEP + b"1" + b"}" * _DEEP + b"}",
    "many members": b'{"alg":"none"' + b"".join(b',"m%d":0' % number for number in range(300)) + b"}",
}

#: By name: two values of one name; parsers differ in which of them they see.
_TWO_ALGORITHMS = ("none first", "none last", "HS256 first", "HS256 last")

#: By name: what stands in place of the claims, under the sample's header and signature.
_CLAIMS: dict[str, bytes] = {
    "empty": b"",
    "a list": b"[]",
    "a text": b'"sub"',
    "null": b"null",
    "a number": b"1",
    "no JSON": b"sub=admin",
    "invalid UTF-8": b'{"sub":"\xff"}',
    "deep list": b'{"sub":' + b"[" * _DEEP + b"]" * _DEEP + b"}",
    "huge number": b'{"exp":1e400}',
    "long number": b'{"exp":' + b"9" * 4400 + b"}",
}

#: Whole credentials that are no token.
_TEXTS: dict[str, str] = {
    "empty": "",
    "dot": ".",
    "two dots": "..",
    "four dots": "....",
    "many dots": "." * 2000,
    "word": "null",
    "undefined": "undefined",
    "JSON": "{}",
    "list": "[]",
    "number": "0",
    "true": "true",
    "no base64": "!.!.!",
    "one character": "a.a.a",
    "percent": "%00.%00.%00",
    "SQL": "' OR '1'='1",
    "UUID": "00000000-0000-0000-0000-000000000000",
}


def _header(raw: bytes, known: Knowledge) -> str:
    return jws(raw, known.forged_claims)


def _header_signed(raw: bytes, known: Knowledge) -> str:
    return jws(raw, known.forged_claims, known.sample.signature)


def _two_algorithms(which: str, known: Knowledge) -> str:
    word, _, place = which.partition(" ")
    genuine = compact(known.sample.algorithm)
    first, last = (compact(word), genuine) if place == "first" else (genuine, compact(word))
    rest = compact({key: value for key, value in known.sample.header.items() if key != "alg"}).removeprefix(b"{")
    between = b"," if rest != b"}" else b""
    return jws(b'{"alg":' + first + b',"alg":' + last + between + rest, known.forged_claims)


def _claims(raw: bytes, known: Knowledge) -> str:
    return jws(known.sample.header, raw, known.sample.signature)


def _unsigned_claims(raw: bytes, _known: Knowledge) -> str:
    return jws({"alg": "none"}, raw)


def _text(text: str, _known: Knowledge) -> str:
    return text


def _header_without_base64(known: Knowledge) -> str:
    return f"{{}}.{b64(compact(dict(known.forged_claims)))}."


def _long(known: Knowledge) -> str:
    """48 KiB: more than many servers take in a header, and much less than a bomb."""
    return jws(known.sample.header, {**known.forged_claims, "x": "x" * 36_000}, known.sample.signature)


def _wide(known: Knowledge) -> str:
    """Many small numbers, which cost a parser more than their bytes."""
    return jws(known.sample.header, {**known.forged_claims, "x": [0] * 1500}, known.sample.signature)


def _attacks() -> Iterator[Attack]:
    for name, raw in _HEADERS.items():
        shown = repr(raw[:40].decode("utf-8", errors="replace"))
        yield Attack(f"garbage/header {name}", f"the header is {shown}", _REFS, partial(_header, raw))
    for name in ("a list", "null", "invalid UTF-8", "object as alg", "deep list", "long number"):
        title = f"the header is garbage ({name}) and the signature is another token's"
        yield Attack(f"garbage/header {name}, signed", title, _REFS, partial(_header_signed, _HEADERS[name]))
    for which in _TWO_ALGORITHMS:
        title = f"the header has two algorithms, {which}, and there is no signature"
        yield Attack(f"garbage/two algorithms, {which}", title, _TWICE, partial(_two_algorithms, which))
    for name, raw in _CLAIMS.items():
        yield Attack(f"garbage/claims {name}", f"the claims are garbage ({name})", _REFS, partial(_claims, raw))
    for name in ("a list", "null", "a text"):
        title = f"the claims are garbage ({name}) and alg is none"
        yield Attack(f"garbage/claims {name}, none", title, _REFS, partial(_unsigned_claims, _CLAIMS[name]))
    for name, text in _TEXTS.items():
        yield Attack(f"garbage/token {name}", f"the token is no token ({name})", _REFS, partial(_text, text))
    yield Attack("garbage/header not encoded", "the header is not encoded", _REFS, _header_without_base64)
    yield Attack("garbage/long", "the token has 48 KiB", _REFS, _long, may_cut=True)
    yield Attack("garbage/wide", "the claims are a long list", _REFS, _wide)


GARBAGE = AttackClass("garbage", "what is no token at all", tuple(_attacks()))
