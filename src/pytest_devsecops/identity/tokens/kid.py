"""Key ids that are taken for a path, a query, an address or a key.

RFC 8725, section 3.10: ``kid`` is untrusted input. Paths, queries and commands have all
been built from it. What the injected id leads to is the HMAC's key, so a verifier that follows it accepts.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial

from pytest_devsecops.identity.tokens.keys import hmac_sign
from pytest_devsecops.identity.tokens.model import Attack, AttackClass, Knowledge, jws

_REFS = ("RFC 8725 3.10", "asvs:v5.0.0-9.1.3", "WSTG-SESS-10")
_UP = "../" * 12

#: By name: the kid, and the key that it leads to.
_IDS: dict[str, tuple[object, bytes]] = {
    "path to nothing": (f"{_UP}dev/null", b""),
    "absolute path to nothing": ("/dev/null", b""),
    "path with NUL": (f"{_UP}dev/null\x00.pem", b""),
    "encoded path": ("..%2f" * 12 + "dev%2fnull", b""),
    "doubled path": ("....//" * 12 + "dev/null", b""),
    "backslash path": ("..\\" * 12 + "NUL", b""),
    "file URL": ("file:///dev/null", b""),
    "path to a known file": (f"{_UP}proc/sys/kernel/randomize_va_space", b"2\n"),
    "path to a known file, stripped": ("/proc/sys/kernel/randomize_va_space", b"2"),
    "SQL union": ("x' UNION SELECT 'secret' -- ", b"secret"),
    "SQL union, double quotes": ('x" UNION SELECT "secret" -- ', b"secret"),
    "SQL union, number": ("0 UNION SELECT 'secret'", b"secret"),
    "SQL union, two columns": ("x' UNION SELECT 'secret','secret' -- ", b"secret"),
    "SQL always true": ("x' OR '1'='1", b"secret"),
    "SQL quote": ("'", b""),
    "NoSQL": ({"$ne": None}, b""),
    "LDAP": ("*)(uid=*", b""),
    "command": ("x; echo secret", b"secret\n"),
    "command in backticks": ("`echo secret`", b"secret"),
    "format": ("{0.__class__.__init__.__globals__}", b""),
    "template": ("{{7*7}}", b""),
    "prototype": ("__proto__", b""),
    "constructor": ("constructor", b""),
    "NUL": ("\x00", b""),
    "line break": ("x\r\nX-Injected: yes", b""),
    "empty": ("", b""),
    "null": (None, b""),
    "true": (True, b""),
    "zero": (0, b""),
    "number": (1, b"1"),
    "negative index": (-1, b""),
    "huge number": (10**400, b""),
    "list": (["x"], b""),
    "empty list": ([], b""),
    "object": ({"kty": "oct", "k": ""}, b""),
    "very long": ("x" * 3000, b""),
    "surrogate": ("\ud800", b""),
    "not in any set": ("no-such-key", b""),
}


def _followed(kid: object, secret: bytes, known: Knowledge) -> str:
    header = known.header(alg="HS256", kid=kid)
    return jws(_ascii(header), known.forged_claims, hmac_sign(secret))


def _looked_up(kid: object, known: Knowledge) -> str:
    """The sample's own algorithm, so that the look-up happens in verifiers that pin it."""
    return jws(_ascii(known.header(kid=kid)), known.forged_claims, known.sample.signature)


def _ascii(header: dict[str, object]) -> bytes:
    """A lone surrogate cannot be encoded, only escaped."""
    return json.dumps(header, separators=(",", ":")).encode()


def _attacks() -> Iterator[Attack]:
    for name, (kid, secret) in _IDS.items():
        shown = repr(kid)[:60]
        title = f"kid is {shown} and the HMAC is keyed with what it leads to"
        yield Attack(f"kid/{name}", title, _REFS, partial(_followed, kid, secret))
        title = f"kid is {shown} and the signature is another token's"
        yield Attack(f"kid/{name}, same alg", title, _REFS, partial(_looked_up, kid))


KID = AttackClass(
    "kid",
    "key ids that are taken for something else",
    tuple(_attacks()),
    fix="look kid up as a key in a fixed table of your own; never in a path, a query or a command",
)
