"""Request objects (Core 1.0, section 6; RFC 9101): not supported, unless the provider was told to be careless."""

from __future__ import annotations

import json

from pytest_devsecops.identity.provider.realm import Realm
from pytest_devsecops.identity.tokens.model import unb64

_SECONDS = 2.0


def read_object(realm: Realm, given: dict[str, str]) -> dict[str, str]:
    """Return the request's parameters; a strict provider reads no object, so nothing changes."""
    if realm.lax("request-uri-fetched") and "request_uri" in given:
        import urllib.request

        with urllib.request.urlopen(given["request_uri"], timeout=_SECONDS) as answer:  # noqa: S310 - the very mistake
            answer.read()
        return {name: value for name, value in given.items() if name != "request_uri"}
    if "request" not in given or not (realm.lax("request-object-unsigned") or realm.lax("request-object-redirect")):
        return given
    try:
        claims = json.loads(unb64(given["request"].split(".")[1]))
    except (ValueError, IndexError):
        return given
    taken = ("redirect_uri",) if realm.lax("request-object-redirect") else ("state", "scope", "nonce")
    said = {name: str(claims[name]) for name in taken if name in claims}
    return {**{name: value for name, value in given.items() if name != "request"}, **said}
