"""Tokens of the right issuer that are of another kind: for a client, for renewal, for logout.

RFC 8725, sections 3.11 and 3.12; RFC 9068, section 4 (``at+jwt``). ASVS 5.0 V9.2.2.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from pytest_devsecops.identity.tokens.model import Attack, AttackClass, Knowledge, NotApplicableError, Shows
from pytest_devsecops.identity.tokens.signed_claims import MISSING, signed, with_header

_REFS = ("RFC 8725 3.11", "RFC 9068 4", "asvs:v5.0.0-9.2.2")
_CLAIM_REFS = ("RFC 8725 3.12", "asvs:v5.0.0-9.2.2")

#: Header types of other kinds (RFC 8417, RFC 9449, OpenID Connect Back-Channel Logout 1.0, RFC 9101).
_TYPES: dict[str, object] = {
    "JWT": "JWT",
    "missing": MISSING,
    "empty": "",
    "null": None,
    "list": ["at+jwt"],
    "ID token": "id_token+jwt",
    "logout": "logout+jwt",
    "DPoP": "dpop+jwt",
    "security event": "secevent+jwt",
    "request object": "oauth-authz-req+jwt",
    "client assertion": "client-authentication+jwt",
    "introspection": "token-introspection+jwt",
}

#: Claims by which issuers tell their kinds of tokens apart.
_KIND_CLAIMS = ("token_use", "tokenUse", "token_type", "tokenType", "type", "use", "typ")
_LOCAL = _KIND_CLAIMS[:-1]

#: Kinds of tokens that issuers make which tell kinds apart by these claims. Keycloak's claim is ``typ``, and its
#: tokens of other kinds are for somebody else; libraries that issue and accept their own tokens give a refresh
#: token the same audience, so that nothing but its kind tells it apart.
_KINDS: dict[str, tuple[str, ...]] = {
    "refresh": _LOCAL,
    "id": _LOCAL[:2],
    "ID": ("typ",),
    "Refresh": ("typ",),
    "Offline": ("typ",),
    "Logout": ("typ",),
}
_SAME_AUDIENCE = "refresh"
#: Such tokens may exist or not; that they would be taken is worth knowing.
_OTHER_KINDS = ("reset", "logout", "email_verification")


def _is_access_type(known: Knowledge) -> bool:
    return str(known.sample.header.get("typ", "")).lower().removeprefix("application/") == "at+jwt"


def _typed(value: object, known: Knowledge) -> str:
    if not _is_access_type(known):
        raise NotApplicableError("the sample's typ is not at+jwt, so the issuer does not tell kinds apart by it")
    return with_header(known, typ=value)


def _typed_all_the_same(value: object, known: Knowledge) -> str:
    """Without ``at+jwt`` no clause forbids another type; that it is taken is worth knowing."""
    if _is_access_type(known):
        raise NotApplicableError("the sample's typ is at+jwt; see the attacks on that")
    return with_header(known, typ=value)


def _kind_claims(known: Knowledge, wanted: tuple[str, ...]) -> list[str]:
    found = [name for name in wanted if isinstance(known.sample.claims.get(name), str)]
    if not found:
        raise NotApplicableError("the sample has no claim by which its issuer tells this kind of token apart")
    return found


def _of_kind(kind: object, wanted: tuple[str, ...], known: Knowledge) -> str:
    """As an issuer makes it: for somebody else, if its tokens name somebody (RFC 8725, section 3.12)."""
    changes: dict[str, Any] = dict.fromkeys(_kind_claims(known, wanted), kind)
    if kind in (known.sample.claims[name] for name in changes):
        raise NotApplicableError("that is the sample's own kind")
    if "aud" in known.sample.claims and kind != _SAME_AUDIENCE:
        client = known.sample.claims.get("azp") or known.sample.claims.get("client_id") or "another-client"
        if client != known.sample.claims["aud"]:
            changes["aud"] = client
    claims = {key: value for key, value in {**known.sample.claims, **changes}.items() if value is not MISSING}
    return signed(known, claims, changes)


def _id_token(known: Knowledge) -> str:
    """For the client, with what only an ID token has (OpenID Connect Core 1.0, section 2)."""
    if "aud" not in known.sample.claims:
        raise NotApplicableError("the sample has no aud, so an ID token would not differ in it")
    client = known.sample.claims.get("azp") or known.sample.claims.get("client_id") or "another-client"
    if client == known.sample.claims["aud"]:
        raise NotApplicableError("the sample is for the client itself, so an ID token would not differ in aud")
    changes = {"aud": client, "nonce": "n-0S6_WzA2Mj", "at_hash": "MTIzNDU2Nzg5MDEyMzQ1Ng"}
    kinds = {"token_use": "id", "tokenUse": "id", "typ": "ID"}
    changes |= {name: kind for name, kind in kinds.items() if name in known.sample.claims}
    only_access = ("scope", "scp", "client_id", *_KIND_CLAIMS)
    kept = {key: value for key, value in known.sample.claims.items() if key not in only_access}
    if _is_access_type(known) and known.sign is not None:
        return known.sign(known.header(typ="JWT"), {**kept, **changes})
    return signed(known, {**kept, **changes}, changes)


def _attacks() -> Iterator[Attack]:
    before = "the signature is the issuer's own and"
    for name, value in _TYPES.items():
        shown = "missing" if value is MISSING else repr(value)
        yield Attack(f"type/typ {name}", f"{before} typ is {shown} in place of at+jwt", _REFS, partial(_typed, value))
    for name in ("logout", "DPoP", "security event"):
        make = partial(_typed_all_the_same, _TYPES[name])
        yield Attack(f"type/any typ, {name}", f"{before} typ is {_TYPES[name]!r}", _REFS, make, Shows.LENIENCE)
    for kind, claims in _KINDS.items():
        title = f"{before} it says that it is of the kind {kind!r}"
        yield Attack(f"type/kind {kind}", title, _CLAIM_REFS, partial(_of_kind, kind, claims))
    for kind in _OTHER_KINDS:
        title = f"{before} it says that it is of the kind {kind!r}"
        make = partial(_of_kind, kind, _KIND_CLAIMS)
        yield Attack(f"type/any kind, {kind}", title, _CLAIM_REFS, make, Shows.LENIENCE)
    title = f"{before} it does not say its kind"
    make = partial(_of_kind, MISSING, _KIND_CLAIMS)
    yield Attack("type/kind missing", title, _CLAIM_REFS, make, Shows.LENIENCE)
    yield Attack("type/ID token", f"{before} it is an ID token", _REFS, _id_token)


CLAIMS_TYPE = AttackClass(
    "type",
    "validly signed tokens of another kind",
    tuple(_attacks()),
    fix="take access tokens only: require the typ, or the claim, by which your issuer marks them (RFC 9068, section 4)",
    by_issuer=True,
)
