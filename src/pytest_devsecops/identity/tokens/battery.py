"""Every attack class in one visible table, and how some of them are chosen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from types import MappingProxyType

from pytest_devsecops.core.errors import UsageError
from pytest_devsecops.identity.tokens.alg_none import ALG_NONE
from pytest_devsecops.identity.tokens.claims_audience import CLAIMS_AUDIENCE
from pytest_devsecops.identity.tokens.claims_issuer import CLAIMS_ISSUER
from pytest_devsecops.identity.tokens.claims_subject import CLAIMS_SUBJECT
from pytest_devsecops.identity.tokens.claims_tenant import CLAIMS_TENANT
from pytest_devsecops.identity.tokens.claims_time import CLAIMS_TIME
from pytest_devsecops.identity.tokens.claims_type import CLAIMS_TYPE
from pytest_devsecops.identity.tokens.crit import CRIT
from pytest_devsecops.identity.tokens.ecdsa import ECDSA
from pytest_devsecops.identity.tokens.eddsa import EDDSA
from pytest_devsecops.identity.tokens.embedded_key import EMBEDDED_KEY
from pytest_devsecops.identity.tokens.encodings import ENCODINGS
from pytest_devsecops.identity.tokens.garbage import GARBAGE
from pytest_devsecops.identity.tokens.hmac_known_secret import HMAC_KNOWN_SECRET
from pytest_devsecops.identity.tokens.hmac_public_key import HMAC_PUBLIC_KEY
from pytest_devsecops.identity.tokens.issued import ISSUED
from pytest_devsecops.identity.tokens.json_serialisation import JSON_SERIALISATION
from pytest_devsecops.identity.tokens.jwe import JWE
from pytest_devsecops.identity.tokens.kid import KID
from pytest_devsecops.identity.tokens.model import Attack, AttackClass, Knowledge, NotApplicableError
from pytest_devsecops.identity.tokens.remote_key import REMOTE_KEY
from pytest_devsecops.identity.tokens.rsa import RSA
from pytest_devsecops.identity.tokens.signatures import SIGNATURES

#: Adding a class of attacks is one file beside this one and one line here.
ATTACK_CLASSES: tuple[AttackClass, ...] = (
    ALG_NONE,
    HMAC_PUBLIC_KEY,
    HMAC_KNOWN_SECRET,
    EMBEDDED_KEY,
    REMOTE_KEY,
    KID,
    SIGNATURES,
    ECDSA,
    EDDSA,
    RSA,
    JSON_SERIALISATION,
    JWE,
    CRIT,
    ENCODINGS,
    GARBAGE,
    ISSUED,
    CLAIMS_ISSUER,
    CLAIMS_AUDIENCE,
    CLAIMS_TENANT,
    CLAIMS_TYPE,
    CLAIMS_TIME,
    CLAIMS_SUBJECT,
)


#: The class of an attack, by the first part of its name.
CLASSES: Mapping[str, AttackClass] = MappingProxyType({one.name: one for one in ATTACK_CLASSES})


def select(names: Sequence[str] = ()) -> tuple[Attack, ...]:
    """Return attacks by the names of classes (``kid``) or of attacks (``kid/SQL quote``); by default all.

    Raises:
        UsageError: if a name is neither.
    """
    every = [attack for one in ATTACK_CLASSES for attack in one.attacks]
    known = {one.name for one in ATTACK_CLASSES} | {attack.name for attack in every}
    for name in names:
        if name not in known:
            near = get_close_matches(name, sorted(known), n=1)
            hint = (
                f"did you mean {near[0]!r}?"
                if near
                else f"the classes are {', '.join(one.name for one in ATTACK_CLASSES)}"
            )
            raise UsageError(f"there is no attack and no class of attacks {name!r}", remedy=hint)
    chosen = set(names)
    return tuple(attack for attack in every if not chosen or attack.name in chosen or attack.group in chosen)


def applicable(known: Knowledge) -> tuple[str, ...]:
    """Return the names of the classes of which ``known`` allows at least one attack."""
    return tuple(one.name for one in ATTACK_CLASSES if any(_can_be_made(attack, known) for attack in one.attacks))


def _can_be_made(attack: Attack, known: Knowledge) -> bool:
    try:
        attack.make(known)
    except NotApplicableError:
        return False
    return True
