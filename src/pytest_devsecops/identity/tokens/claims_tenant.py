"""Tokens of the right issuer for another tenant.

RFC 8725, section 3.8 (issuer and subject belong together). ASVS 5.0 V8.4.1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from pytest_devsecops.identity.tokens.model import Attack, AttackClass, Knowledge, NotApplicableError
from pytest_devsecops.identity.tokens.signed_claims import MISSING, with_claims

_REFS = ("RFC 8725 3.8", "asvs:v5.0.0-8.4.1")
_CLAIMS = ("tid", "tenant", "tenant_id", "tenantId")
_OTHER = "00000000-0000-4000-8000-00000000beef"

_TENANTS: dict[str, tuple[str, Callable[[str], object]]] = {
    "other": ("the tenant is another", lambda _: _OTHER),
    "prefix": ("the tenant is the right one without its last character", lambda right: right[:-1]),
    "longer": ("the tenant is the right one and more", lambda right: f"{right}x"),
    "list": ("the tenant is a list of another and the right one", lambda right: [_OTHER, right]),
    "star": ("the tenant is a star", lambda _: "*"),
    "empty": ("the tenant is empty", lambda _: ""),
    "null": ("the tenant is null", lambda _: None),
    "missing": ("there is no tenant", lambda _: MISSING),
}


def _make(change: Callable[[str], object], known: Knowledge) -> str:
    for name in _CLAIMS:
        right = known.sample.claims.get(name)
        if isinstance(right, str) and right:
            return _changed(name, right, change(right), known)
    raise NotApplicableError("the sample names no tenant")


def _changed(name: str, right: str, wrong: object, known: Knowledge) -> str:
    issuer = known.sample.claims.get("iss")
    if not isinstance(issuer, str) or right not in issuer:
        return with_claims(known, **{name: wrong})
    # Where the issuer's name holds the tenant, checking the issuer is checking the tenant.
    if not isinstance(wrong, str):
        raise NotApplicableError("the issuer's name holds the tenant, which has to be a text there")
    return with_claims(known, **{name: wrong, "iss": issuer.replace(right, wrong)})


def _attacks() -> Iterator[Attack]:
    for name, (title, change) in _TENANTS.items():
        yield Attack(f"tenant/{name}", f"the signature is the issuer's own and {title}", _REFS, partial(_make, change))


CLAIMS_TENANT = AttackClass(
    "tenant",
    "validly signed tokens for another tenant",
    tuple(_attacks()),
    fix="compare the tenant of the token with the one whose data is asked for",
    by_issuer=True,
)
