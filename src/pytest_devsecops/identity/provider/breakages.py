"""Every way in which the provider is broken on demand, in one visible table.

The OpenID conformance suite's relying-party modules are the model: play a broken provider, and see
that nothing happens afterwards. Sources: OpenID Connect Core and Discovery 1.0, RFC 6749, 7519, 8725,
9207 and 9700, OWASP ASVS 5.0.
"""

# ruff: noqa: E501 - a row of the table is a line
from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from pytest_devsecops.core.errors import UsageError
from pytest_devsecops.core.text import did_you_mean
from pytest_devsecops.identity.provider import lies
from pytest_devsecops.identity.provider.faults import Lie
from pytest_devsecops.identity.provider.laxities import LAXITIES
from pytest_devsecops.identity.provider.lies import DAY, add, drop, say
from pytest_devsecops.identity.provider.realm import half_hash
from pytest_devsecops.identity.provider.resources import LOGOUT_EVENT

NONCE = ("oidc-core:3.1.3.7", "asvs:v5.0.0-10.5.1")
STATE = ("RFC 6749 10.12", "RFC 9700 2.1", "asvs:v5.0.0-10.2.1")
ISS = ("oidc-core:3.1.3.7", "asvs:v5.0.0-10.5.2")
AUD = ("oidc-core:3.1.3.7", "asvs:v5.0.0-10.5.4")
TIME = ("oidc-core:3.1.3.7", "RFC 7519 4.1.4", "asvs:v5.0.0-9.2.1")
TYPE = ("RFC 8725 3.11", "asvs:v5.0.0-9.2.2")
SIGNATURE = ("oidc-core:3.1.3.7", "RFC 8725 3.3", "asvs:v5.0.0-9.1.1")
ALGORITHM = ("RFC 8725 3.1", "RFC 8725 3.2", "asvs:v5.0.0-9.1.2")
KEYS = ("RFC 8725 3.5", "asvs:v5.0.0-9.1.3")
SUBJECT = ("oidc-core:2", "oidc-core:5.7", "asvs:v5.0.0-10.5.2")
USERINFO = ("oidc-core:5.3.2", "oidc-core:5.3.4")
DISCOVERY = ("oidc-discovery:4.3", "asvs:v5.0.0-10.5.3")
RESPONSE_ISS = ("RFC 9207 2.4", "RFC 9700 4.4.2", "asvs:v5.0.0-10.2.2")
CODE = ("RFC 6749 4.1.2", "RFC 9700 4.5", "asvs:v5.0.0-10.2.1")


class Oracle(StrEnum):
    """What must not be seen after a breakage.

    ``NOBODY``: anyone who is logged in. ``VICTIM``: the victim's claims; the user's own login is
    allowed. ``ACCOUNT``: the account of another user who has the same e-mail address.
    """

    NOBODY = "nobody"
    VICTIM = "victim"
    ACCOUNT = "account"


class Level(StrEnum):
    """How binding the clause is.

    ``MUST``: accepting is a finding. ``MAY``: the clause leaves it to the client; accepting is noted,
    and a finding with ``strict=True``.
    """

    MUST = "must"
    MAY = "may"


@dataclass(frozen=True, slots=True)
class Breakage:
    """One way in which the provider is broken.

    Attributes:
        id: stable, for ``ignore=`` and waivers.
        title: how it lies, in words.
        refs: the clauses that tell a client to notice.
        lie: what is said instead.
        level: how binding that is.
        oracle: what must not be seen afterwards.
        first: whom another browser logs in as before, by claim: ``same-email``, ``no-email`` ….
        leeway: the reason that some clients have to live with a finding, told with its fix.
    """

    id: str
    title: str
    refs: tuple[str, ...]
    lie: Lie = field(default_factory=Lie)
    level: Level = Level.MUST
    oracle: Oracle = Oracle.NOBODY
    first: str = ""
    leeway: str = ""


_ONE_ISSUER = (
    "RFC 9207 protects clients of several issuers, and one that will only ever have this issuer can live without"
)
_AT_HASH = "Core 3.1.3.8 lets a client of the code flow leave at_hash unchecked"
_C_HASH = "Core defines c_hash for the hybrid flow, and libraries compare it there only"
_AZP = "Core 3.1.3.7 says SHOULD of an azp beside a single audience"

BREAKAGES: tuple[Breakage, ...] = (
    # The authorization response.
    Breakage("state-missing", "the response has no state", STATE, Lie(response=drop("state"))),
    Breakage("state-wrong", "the response has another state", STATE, Lie(response=say("state", lambda _s, v: f"{v[::-1]}x"))),
    Breakage("state-empty", "the response has an empty state", STATE, Lie(response=say("state", lambda _s, _v: ""))),
    Breakage("code-missing", "the response has no code", CODE, Lie(response=drop("code"))),
    Breakage("code-unknown", "the response has a code that does not exist", CODE, Lie(response=say("code", lambda _s, v: f"{v[::-1]}x"))),
    Breakage("code-replayed", "the response has a code that was used before", CODE, Lie(response=lies.code_that_was_used)),
    Breakage("code-of-other-client", "the response has another application's code", CODE, Lie(response=lies.code_of_other_client)),
    Breakage("code-of-other-session", "the response has a code stolen from the victim's login", CODE, Lie(response=lies.code_of_victim)),
    Breakage("error-with-code", "the response has an error and a code", ("RFC 6749 4.1.2.1",), Lie(response=add("error", lambda _s, _h: "access_denied"))),
    Breakage("response-iss-wrong", "the response says it comes from another issuer", RESPONSE_ISS, Lie(response=say("iss", lambda s, _v: s.attacker_realm.url)), leeway=_ONE_ISSUER),
    Breakage("response-iss-missing", "the response does not say who sends it, though discovery promises it", RESPONSE_ISS, Lie(response=drop("iss")), leeway=_ONE_ISSUER),
    # The answer of the token endpoint.
    Breakage("id-token-absent", "there is no ID token", ("oidc-core:3.1.3.3", "oidc-core:3.1.3.5"), Lie(answer=drop("id_token"))),
    Breakage("id-token-empty", "the ID token is empty", ("oidc-core:3.1.3.3",), Lie(answer=say("id_token", lambda _s, _v: ""))),
    Breakage("id-token-garbage", "the ID token is no token", ("oidc-core:3.1.3.3",), Lie(answer=say("id_token", lambda _s, _v: "e30.e30.e30"))),
    Breakage("id-token-object", "the ID token is an object of claims that nobody signed", ("oidc-core:2", "oidc-core:3.1.3.3"), Lie(answer=say("id_token", lies.bare_claims))),
    Breakage("id-token-list", "the ID token is a list", ("oidc-core:3.1.3.3",), Lie(answer=say("id_token", lambda _s, v: [v]))),
    Breakage("token-error-with-200", "the token endpoint refuses with status 200", ("RFC 6749 5.2",), Lie(answer=lies.only_error)),
    Breakage("token-type-wrong", "the access token is of an unknown type", ("RFC 6749 7.1", "oidc-core:3.1.3.3"), Lie(answer=say("token_type", lambda _s, _v: "mac")), Level.MAY),
    # The ID token: for whom, by whom, when.
    Breakage("nonce-missing", "the ID token has no nonce", NONCE, Lie(claims=drop("nonce"))),
    Breakage("nonce-wrong", "the ID token has another nonce", NONCE, Lie(claims=say("nonce", lambda _s, v: f"{v[::-1]}x"))),
    Breakage("nonce-replayed", "the ID token has an earlier login's nonce", NONCE, Lie(claims=lies.earlier_nonce)),
    Breakage("iss-other", "the ID token is from another issuer", ISS, Lie(claims=say("iss", lambda s, _v: s.attacker_realm.url))),
    Breakage("iss-missing", "the ID token has no issuer", ISS, Lie(claims=drop("iss"))),
    Breakage("iss-trailing-slash", "the issuer has a slash more", ISS, Lie(claims=say("iss", lambda _s, v: f"{v}/"))),
    Breakage("iss-longer", "the issuer begins with the right one", ISS, Lie(claims=say("iss", lambda _s, v: f"{v}.attacker.example"))),
    Breakage("iss-prefix", "the issuer is the beginning of the right one", ISS, Lie(claims=say("iss", lambda _s, v: v[:-1]))),
    Breakage("iss-case", "the issuer is written in capitals", ISS, Lie(claims=say("iss", lies.upper_case_host))),
    Breakage("aud-other", "the ID token is for another application", AUD, Lie(claims=say("aud", lambda _s, _v: "another-client"))),
    Breakage("aud-list-without-us", "the audiences are others", AUD, Lie(claims=say("aud", lambda _s, _v: ["another-client", "third-client"]))),
    Breakage("aud-longer", "the audience begins with the right one", AUD, Lie(claims=say("aud", lambda _s, v: f"{v}-attacker"))),
    Breakage("aud-missing", "the ID token has no audience", AUD, Lie(claims=drop("aud"))),
    Breakage("aud-empty", "the list of audiences is empty", AUD, Lie(claims=say("aud", lambda _s, _v: []))),
    Breakage("aud-extra-azp-other", "it was issued to another application, and we are one of two audiences", AUD, Lie(claims=lambda _s, h: {**h, "aud": [h["aud"], "another-client"], "azp": "another-client"})),
    Breakage("azp-other", "the authorized party is another application", AUD, Lie(claims=add("azp", lambda _s, _h: "another-client")), leeway=_AZP),
    Breakage("exp-past", "the ID token expired yesterday", TIME, Lie(claims=say("exp", lambda _s, v: v - DAY))),
    Breakage("exp-missing", "the ID token never expires", TIME, Lie(claims=drop("exp"))),
    Breakage("exp-string", "the expiry is a text, and past", TIME, Lie(claims=say("exp", lambda _s, v: str(v - DAY)))),
    Breakage("nbf-future", "the ID token is not valid before tomorrow", ("RFC 7519 4.1.5", "asvs:v5.0.0-9.2.1"), Lie(claims=add("nbf", lambda _s, h: h["iat"] + DAY))),
    Breakage("iat-future", "the ID token was issued tomorrow", TIME, Lie(claims=say("iat", lambda _s, v: v + DAY)), Level.MAY),
    Breakage("iat-old", "the ID token was issued a week ago", TIME, Lie(claims=say("iat", lambda _s, v: v - 7 * DAY)), Level.MAY),
    Breakage("iat-missing", "the ID token does not say when it was issued", ("oidc-core:2",), Lie(claims=drop("iat")), Level.MAY),
    # The ID token: of which type it says it is.
    Breakage("type-access-token", "the header says that it is an access token", TYPE, Lie(header=say("typ", lambda _s, _v: "at+jwt")), Level.MAY),
    Breakage("type-logout-token", "the token is a logout token with the login's nonce", TYPE, Lie(header=say("typ", lambda _s, _v: "logout+jwt"), claims=add("events", lambda _s, _h: {LOGOUT_EVENT: {}})), Level.MAY),
    # The ID token: its signature.
    Breakage("signature-stripped", "the signature is missing", SIGNATURE, Lie(token=lies.stripped)),
    Breakage("signature-of-other-claims", "the victim's claims stand under the user's signature", SIGNATURE, Lie(token=lies.changed_after_signing)),
    Breakage("signature-foreign-key", "a foreign key signed, under a known name", SIGNATURE, Lie(token=lies.by_foreign_key(known_kid=True))),
    Breakage("signature-foreign-kid", "a foreign key signed, under a new name", SIGNATURE, Lie(token=lies.by_foreign_key(known_kid=False))),
    Breakage("signature-other-issuer", "another issuer's key signed", KEYS, Lie(token=lies.by_other_issuer)),
    Breakage("signature-embedded-key", "the token brings its own key", KEYS, Lie(token=lies.with_embedded_key)),
    Breakage("alg-none", "nothing is signed, and the header says so", ALGORITHM, Lie(token=lies.unsigned("none"))),
    Breakage("alg-none-capital", "the same, written None", ALGORITHM, Lie(token=lies.unsigned("None"))),
    Breakage("alg-hs256-public-key", "it is signed with the public key as an HMAC secret", ALGORITHM, Lie(token=lies.by_hmac(lies.public_key))),
    Breakage("alg-hs256-client-secret", "it is signed with the client's secret, which discovery does not announce", ALGORITHM, Lie(token=lies.by_hmac(lies.client_secret))),
    Breakage("alg-unannounced", "the algorithm is one that discovery does not announce", ALGORITHM, Lie(token=lies.other_algorithm, jwks=lies.with_unannounced_key), Level.MAY),
    Breakage("jwks-lacks-key", "the key set has no such key", KEYS, Lie(token=lies.by_unpublished_key)),
    Breakage("jwks-oct-key", "the key set has a symmetric key, and it signed", ALGORITHM, Lie(token=lies.by_hmac(lies.published_secret, kid="oct"), jwks=lies.with_oct_key)),
    Breakage("jwks-duplicate-kid", "two keys have one name, and neither signed", KEYS, Lie(token=lies.by_foreign_key(known_kid=True), jwks=lies.with_duplicate_kid)),
    # The ID token: who.
    Breakage("sub-missing", "the ID token names nobody", SUBJECT, Lie(claims=drop("sub"))),
    Breakage("sub-empty", "the subject is empty", SUBJECT, Lie(claims=say("sub", lambda _s, _v: "")), Level.MAY),
    Breakage("at-hash-wrong", "the ID token belongs to another access token", ("oidc-core:3.1.3.8",), Lie(claims=say("at_hash", lambda _s, _v: half_hash("another"))), leeway=_AT_HASH),
    Breakage("c-hash-wrong", "the ID token belongs to another code", ("oidc-core:3.3.2.11",), Lie(claims=add("c_hash", lambda _s, _h: half_hash("another"))), leeway=_C_HASH),
    Breakage("userinfo-other-sub", "userinfo speaks of the victim", USERINFO, Lie(userinfo=lies.as_victim), oracle=Oracle.VICTIM),
    Breakage("userinfo-without-sub", "userinfo speaks of the victim and names no subject", USERINFO, Lie(userinfo=lambda s, h: drop("sub")(s, lies.as_victim(s, h))), oracle=Oracle.VICTIM),
    Breakage("same-email", "another subject has the victim's e-mail address", SUBJECT, oracle=Oracle.ACCOUNT, first="same-email"),
    Breakage("same-email-unverified", "the same, and the address is not verified", SUBJECT, oracle=Oracle.ACCOUNT, first="same-email-unverified"),
    Breakage("no-email", "two subjects have no e-mail address", SUBJECT, oracle=Oracle.ACCOUNT, first="no-email"),
    Breakage("same-username", "another subject has the victim's preferred_username", SUBJECT, oracle=Oracle.ACCOUNT, first="same-username"),
    Breakage("sub-other-case", "another subject differs in case only", SUBJECT, oracle=Oracle.ACCOUNT, first="sub-other-case"),
    # Discovery; last, because a client may remember it.
    Breakage("discovery-alg-none", "discovery announces none, and nothing is signed", ALGORITHM, Lie(discovery=say("id_token_signing_alg_values_supported", lambda _s, v: ["none", *v]), token=lies.unsigned("none"))),
    Breakage("discovery-other-host", "discovery names endpoints at another host", DISCOVERY, Lie(discovery=lies.on_other_host), Level.MAY),
    Breakage("discovery-in-clear", "discovery names a token endpoint without TLS", ("oidc-discovery:3", "asvs:v5.0.0-12.3.1"), Lie(discovery=lies.in_clear), Level.MAY),
    Breakage("discovery-issuer-missing", "discovery names no issuer", DISCOVERY, Lie(discovery=drop("issuer"))),
    Breakage("discovery-issuer-slash", "discovery names the issuer with a slash more", DISCOVERY, Lie(discovery=say("issuer", lambda _s, v: f"{v}/"))),
    Breakage("discovery-issuer-other", "discovery names another issuer", DISCOVERY, Lie(discovery=say("issuer", lambda s, _v: s.attacker_realm.url))),
    Breakage("discovery-impersonates", "discovery and the ID token name another issuer", DISCOVERY, Lie(discovery=say("issuer", lambda s, _v: s.attacker_realm.url), claims=say("iss", lambda s, _v: s.attacker_realm.url))),
)  # fmt: skip

#: Breakages that are delivered by browsers rather than told by the provider.
DELIVERIES: tuple[Breakage, ...] = (
    Breakage("login-csrf", "a response that nobody asked for, with the attacker's code", STATE),
    Breakage("response-of-other-browser", "the attacker's response in a browser that waits for its own", STATE),
    Breakage("mix-up", "the attacker's issuer sends the user on to the honest one", RESPONSE_ISS),
    Breakage("same-sub-other-issuer", "another issuer uses the same subject", SUBJECT),
)

_LOGOUT = ("oidc-backchannel:2.6", "asvs:v5.0.0-10.5.5")
#: Faults of logout tokens: id -> (how it is wrong, clauses, level).
LOGOUT_FAULTS: dict[str, tuple[str, tuple[str, ...], Level]] = {
    "logout-alg-none": ("it is not signed", _LOGOUT, Level.MUST),
    "logout-foreign-key": ("a foreign key signed it", _LOGOUT, Level.MUST),
    "logout-nonce": ("it has a nonce", _LOGOUT, Level.MUST),
    "logout-no-events": ("it has no events", _LOGOUT, Level.MUST),
    "logout-other-event": ("its event is another", _LOGOUT, Level.MUST),
    "logout-aud-other": ("it is for another application", _LOGOUT, Level.MUST),
    "logout-iss-other": ("it is from another issuer", _LOGOUT, Level.MUST),
    "logout-exp-past": ("it expired yesterday", _LOGOUT, Level.MUST),
    "logout-id-token": ("it is an ID token", _LOGOUT, Level.MUST),
    "logout-replayed": ("it was used before", _LOGOUT, Level.MAY),
}


def lie_or_laxity(name: str, lax: tuple[str, ...]) -> tuple[Lie | None, tuple[str, ...]]:
    """Return what a name stands for: the lie of a breakage, or else one more rule that is not enforced.

    Raises:
        UsageError: if it is the id of neither.
    """
    lie = next((one.lie for one in BREAKAGES if one.id == name and one.lie != Lie()), None)
    if lie is None and name not in LAXITIES:
        known = [one.id for one in BREAKAGES if one.lie != Lie()] + list(LAXITIES)
        raise UsageError(f"no such breakage: {name} ({did_you_mean(name, known)})", remedy="the reference lists them")
    return lie, lax if lie is not None else (*lax, name)
