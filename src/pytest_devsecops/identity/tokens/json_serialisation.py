"""Other serialisations than the compact one, alone and mixed with it.

RFC 7519, section 1: a JWT is always compact. CVE-2022-39227 (python-jwt): one parser reads the JSON that
is signed, another splits the same text at its dots and reads the claims that are not.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from pytest_devsecops.identity.tokens.model import Attack, AttackClass, Knowledge, Shows, b64, compact, jws

_REFS = ("RFC 7519 1", "CVE-2022-39227", "asvs:v5.0.0-9.1.1")


def _parts(known: Knowledge) -> tuple[str, str, str, str]:
    """Return the genuine header, payload and signature, and the forged payload, all encoded."""
    head, payload, signature = known.sample_text.strip().split(".")
    return head, payload, signature, b64(compact(dict(known.forged_claims)))


def _text(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))


def _flattened(change: Callable[[str, str, str, str], dict[str, Any]], known: Knowledge) -> str:
    return _text(change(*_parts(known)))


def _general(signatures: Callable[[str, str], list[dict[str, Any]]], known: Knowledge) -> str:
    head, _, signature, forged = _parts(known)
    return _text({"payload": forged, "signatures": signatures(head, signature)})


def _mixed(template: str, known: Knowledge) -> str:
    """A JSON object in which a compact token with the forged payload can be found at the dots."""
    head, payload, signature, forged = _parts(known)
    filled = template
    for name, value in (("HEAD", head), ("PAYLOAD", payload), ("SIG", signature), ("FORGED", forged)):
        filled = filled.replace(name, value)
    return filled


_GENUINE = '"protected":"HEAD","payload":"PAYLOAD","signature":"SIG"'

_MIXED: dict[str, tuple[str, str]] = {
    "compact in a key": ("a compact token is the name of a member", '{"  HEAD.FORGED.":"",' + _GENUINE + "}"),
    "compact in the last key": (
        "a compact token is the name of the last member",
        "{" + _GENUINE + ',"HEAD.FORGED.":""}',
    ),
    "compact in a value": ("a compact token is the value of a member", '{"x":".FORGED.",' + _GENUINE + "}"),
    "dots in a header": (
        "the unprotected header has the forged payload",
        '{"header":{"x":".FORGED."},' + _GENUINE + "}",
    ),
    "compact before": ("compact and JSON follow each other", "HEAD.FORGED.{" + _GENUINE + "}"),
    "compact after": ("JSON and compact follow each other", "{" + _GENUINE + "}.FORGED."),
    "payload twice": ("there are two payloads, the forged one last", "{" + _GENUINE + ',"payload":"FORGED"}'),
    "payload twice, first": ("there are two payloads, the forged one first", '{"payload":"FORGED",' + _GENUINE + "}"),
    "quoted": ("a compact token with the forged payload stands in quotes", '"HEAD.FORGED.SIG"'),
    "in a list": ("a compact token with the forged payload stands in a list", '["HEAD.FORGED.SIG"]'),
}


def _flat_forged(head: str, _payload: str, signature: str, forged: str) -> dict[str, Any]:
    return {"protected": head, "payload": forged, "signature": signature}


def _flat_unsigned(_head: str, _payload: str, _signature: str, forged: str) -> dict[str, Any]:
    return {"protected": b64(b'{"alg":"none"}'), "payload": forged, "signature": ""}


def _flat_unprotected(_head: str, _payload: str, _signature: str, forged: str) -> dict[str, Any]:
    return {"header": {"alg": "none"}, "payload": forged, "signature": ""}


def _flat_no_signature(head: str, _payload: str, _signature: str, forged: str) -> dict[str, Any]:
    return {"protected": head, "payload": forged}


def _flat_overridden(head: str, payload: str, signature: str, forged: str) -> dict[str, Any]:
    return {"protected": head, "payload": payload, "signature": signature, "claims": forged, "header": {"alg": "none"}}


def _flat_plain(_head: str, _payload: str, _signature: str, forged: str) -> dict[str, Any]:
    from pytest_devsecops.identity.tokens.model import unb64

    return {"protected": b64(b'{"alg":"none"}'), "payload": unb64(forged).decode(), "signature": ""}


_FLATTENED: dict[str, tuple[str, Callable[[str, str, str, str], dict[str, Any]]]] = {
    "flattened": ("the token is flattened JSON with another token's signature", _flat_forged),
    "flattened none": ("the token is flattened JSON and alg is none", _flat_unsigned),
    "flattened, unprotected none": ("alg is none in the unprotected header", _flat_unprotected),
    "flattened, no signature": ("the token is flattened JSON without a signature", _flat_no_signature),
    "flattened, both headers": ("both headers name an algorithm", _flat_overridden),
    "flattened, plain payload": ("the payload of the flattened JSON is not encoded", _flat_plain),
}

_GENERAL: dict[str, tuple[str, Callable[[str, str], list[dict[str, Any]]]]] = {
    "general": ("the token is general JSON", lambda head, signature: [{"protected": head, "signature": signature}]),
    "general, no signatures": ("the list of signatures is empty", lambda _head, _signature: []),
    "general, none": (
        "one of two signatures has alg none",
        lambda head, signature: [
            {"protected": b64(b'{"alg":"none"}'), "signature": ""},
            {"protected": head, "signature": signature},
        ],
    ),
}


def _claims_in_header(known: Knowledge) -> str:
    """RFC 7519, section 5.3 lets a header repeat claims; a verifier must not take them from there."""
    _, _, signature = known.sample_text.strip().split(".")
    del signature
    return jws({**known.sample.header, **known.forged_claims}, known.sample.claims, known.sample.signature)


def _attacks() -> Iterator[Attack]:
    for name, (title, change) in _FLATTENED.items():
        yield Attack(f"json-serialisation/{name}", title, _REFS, partial(_flattened, change))
    for name, (title, signatures) in _GENERAL.items():
        yield Attack(f"json-serialisation/{name}", title, _REFS, partial(_general, signatures))
    for name, (title, template) in _MIXED.items():
        yield Attack(f"json-serialisation/{name}", title, _REFS, partial(_mixed, template), Shows.SMUGGLING)
    title = "the header repeats the claims, forged"
    yield Attack("json-serialisation/claims in the header", title, ("RFC 7519 5.3", *_REFS[1:]), _claims_in_header)


JSON_SERIALISATION = AttackClass("json-serialisation", "other serialisations than the compact one", tuple(_attacks()))
