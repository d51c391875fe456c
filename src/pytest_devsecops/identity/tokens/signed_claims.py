"""Tokens that the issuer's own key signed, with one thing wrong: what all those classes share."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pytest_devsecops.identity.tokens.model import KeyUnknownError, Knowledge, NotApplicableError, Token, compact

#: Takes a claim out.
MISSING = object()


def with_claims(known: Knowledge, **changes: object) -> str:
    """Return a token of the sample's user with some claims changed, signed by the issuer.

    Raises:
        NotApplicableError: if nobody here can sign for the issuer, or the ``mint`` hook will not make it.
    """
    claims = {**known.sample.claims, **changes}
    return signed(known, {name: value for name, value in claims.items() if value is not MISSING}, changes)


def with_header(known: Knowledge, *, claims: Mapping[str, Any] | None = None, **changes: object) -> str:
    """Return a token whose header is changed, signed by the issuer; it needs the key itself."""
    if known.sign is None:
        raise KeyUnknownError("only the issuer's key can sign such a header", public=False, remedy="pass issuer_key=…")
    header = {name: value for name, value in known.header(**changes).items() if value is not MISSING}
    return known.sign(header, {**known.sample.claims, **(claims or {})})


def with_raw(known: Knowledge, name: str, raw: bytes, *, first: bytes | None = None) -> str:
    """Return a token in which a claim has JSON text that no mapping holds, such as ``1e400`` or two values.

    Args:
        known: what the attacker has.
        name: the claim.
        raw: its JSON text.
        first: the JSON text of an earlier member with the same name.
    """
    if known.sign is None:
        raise KeyUnknownError("only the issuer's key can sign such claims", public=False, remedy="pass issuer_key=…")
    rest = compact({key: value for key, value in known.sample.claims.items() if key != name})[1:-1]
    members = [
        one for one in (rest, *(compact(name) + b":" + text for text in (first, raw) if text is not None)) if one
    ]
    return known.sign(dict(known.sample.header), b"{" + b",".join(members) + b"}")


def signed(known: Knowledge, claims: Mapping[str, Any], changes: Mapping[str, object]) -> str:
    """Sign ``claims`` with the issuer's key, or have them minted and look whether ``changes`` are in."""
    if known.sign is not None:
        return known.sign(dict(known.sample.header), dict(claims))
    if known.mint is None:
        raise KeyUnknownError(
            "nobody here can sign for the issuer", public=False, remedy="pass issuer_key=…, or mint=… to the target"
        )
    try:
        token = known.mint(claims)
    except Exception as error:
        # The hook is the suite's own code and may refuse what makes no sense to it.
        raise NotApplicableError(f"the mint hook does not make it: {type(error).__name__}: {error}") from error
    made = Token.parse(token).claims
    for name, value in changes.items():
        wanted = MISSING if value is MISSING else json.loads(compact(value))
        if made.get(name, MISSING) != wanted:
            raise NotApplicableError(f"the mint hook puts its own {name} in")
    return token


def text_claim(known: Knowledge, name: str) -> str:
    """Return a claim that is a text.

    Raises:
        NotApplicableError: if the sample has none.
    """
    value = known.sample.claims.get(name)
    if not isinstance(value, str) or not value:
        raise NotApplicableError(f"the sample has no {name} that is a text, so nothing can rest on it")
    return value
