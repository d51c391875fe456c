"""Extensions that the token declares critical, and payloads that are not encoded.

RFC 7515, section 4.1.11: an extension that is not understood must be refused; RFC 7797 (``b64``).
CVE-2025-59420 (Authlib), CVE-2026-32597 (PyJWT).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from pytest_devsecops.identity.tokens.keys import hmac_sign
from pytest_devsecops.identity.tokens.model import (
    Attack,
    AttackClass,
    KeyUnknownError,
    Knowledge,
    Shows,
    b64,
    compact,
    jws,
)

_REFS = ("RFC 7515 4.1.11", "CVE-2025-59420", "asvs:v5.0.0-9.1.2")
_B64 = ("RFC 7797 6", "RFC 7515 4.1.11", "asvs:v5.0.0-9.1.1")

#: Recipients may refuse these, and need not (RFC 7515, section 4.1.11); null names nothing.
_TOLERABLE = ("empty", "null", "standard name")

_HEADERS: dict[str, dict[str, Any]] = {
    "unknown": {"crit": ["example-extension"], "example-extension": True},
    "unknown URL": {"crit": ["https://extension.example/"], "https://extension.example/": True},
    "absent from the header": {"crit": ["example-extension"]},
    "empty": {"crit": []},
    "text": {"crit": "example-extension", "example-extension": True},
    "null": {"crit": None},
    "number": {"crit": 1},
    "standard name": {"crit": ["alg"]},
    "nested": {"crit": [["example-extension"]], "example-extension": True},
    "exp in header": {"crit": ["exp"], "exp": 1},
    "cnf": {"crit": ["cnf"], "cnf": {"jkt": "x"}},
}


def _signed(members: dict[str, Any], known: Knowledge) -> str:
    if known.sign is None:
        raise KeyUnknownError("only the issuer's key can sign such a header", public=False, remedy="pass issuer_key=…")
    return known.sign(known.header(**members), known.sample.claims)


def _unsigned(members: dict[str, Any], known: Knowledge) -> str:
    return jws(known.header(alg="none", **members), known.forged_claims)


def _kept(members: dict[str, Any], known: Knowledge) -> str:
    return jws(known.header(**members), known.forged_claims, known.sample.signature)


def _unencoded(alg: str, sign: Callable[[bytes], bytes] | bytes, known: Knowledge) -> str:
    """The payload stands in the token as it is; a full stop in it would end it (RFC 7797, section 5.2)."""
    head = b64(compact(known.header(alg=alg or known.sample.algorithm, b64=False, crit=["b64"])))
    payload = compact(dict(known.forged_claims)).decode("utf-8").encode("ascii", "backslashreplace").decode()
    data = f"{head}.{payload}"
    signature = sign if isinstance(sign, bytes) else sign(data.encode())
    return f"{data}.{b64(signature)}"


def _encoded_all_the_same(known: Knowledge) -> str:
    return jws(known.header(b64=False, crit=["b64"]), known.forged_claims, known.sample.signature)


def _detached(known: Knowledge) -> str:
    """No payload: the verifier would have to bring it (RFC 7515, appendix F)."""
    head = b64(compact(dict(known.sample.header)))
    return f"{head}..{b64(known.sample.signature)}"


def _attacks() -> Iterator[Attack]:
    for name, members in _HEADERS.items():
        title = f"the issuer signed a header with crit {members['crit']!r}"
        shows = Shows.LENIENCE if name in _TOLERABLE else Shows.FORGERY
        yield Attack(f"crit/{name}", title, _REFS, partial(_signed, members), shows)
    for name in ("unknown", "empty", "text", "null", "nested"):
        members = _HEADERS[name]
        title = f"crit is {members['crit']!r} and the signature is another token's"
        yield Attack(f"crit/{name}, other signature", title, _REFS, partial(_kept, members))
    yield Attack("crit/none", "crit names alg, and alg is none", _REFS, partial(_unsigned, {"crit": ["alg"]}))
    yield Attack("crit/b64 none", "the payload is not encoded and alg is none", _B64, partial(_unencoded, "none", b""))
    title = "the payload is not encoded and an HMAC with an empty key signs it"
    yield Attack("crit/b64 empty key", title, _B64, partial(_unencoded, "HS256", hmac_sign(b"")))
    title = "the payload is not encoded and the signature is zeros"
    yield Attack("crit/b64 zeros", title, _B64, partial(_unencoded, "", bytes(64)))
    title = "the payload is encoded although the header says that it is not"
    yield Attack("crit/b64 encoded", title, _B64, _encoded_all_the_same)
    yield Attack("crit/detached", "the payload is missing", ("RFC 7515 F", *_B64[1:]), _detached)


CRIT = AttackClass(
    "crit",
    "critical extensions and payloads that are not encoded",
    tuple(_attacks()),
    fix="refuse a token whose crit is no list or names what you do not implement; the library may need an update",
)
