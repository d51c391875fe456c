"""Back-channel logout tokens that must not end a session (Back-Channel Logout 1.0, section 2.6)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pytest_devsecops.core.findings import Finding
from pytest_devsecops.identity.checks.relying_party.probe import Party, Person, Visit
from pytest_devsecops.identity.live import unverified
from pytest_devsecops.identity.provider.breakages import LOGOUT_FAULTS, Level
from pytest_devsecops.identity.provider.keys import foreign_key
from pytest_devsecops.identity.provider.lies import DAY
from pytest_devsecops.identity.provider.realm import Realm
from pytest_devsecops.identity.provider.resources import LOGOUT_EVENT, logout_claims
from pytest_devsecops.identity.tokens.model import b64, compact

_RULE = "ends-session-on-broken-logout-token"
_HEADER = {"typ": "logout+jwt"}


@dataclass(slots=True)
class LogoutOutcome:
    """What came of the logout tokens."""

    findings: list[Finding] = field(default_factory=list)
    tried: list[str] = field(default_factory=list)
    noted: dict[str, str] = field(default_factory=dict)


def logout_faults(party: Party, path: str, wanted: list[str], *, strict: bool) -> LogoutOutcome:
    """Send every faulty logout token; an honest one, which must work, is the control."""
    outcome = LogoutOutcome()
    sender = _Sender(party, path)
    if not sender.honest_works():
        message = f"an honest logout token sent to {path} does not end the session"
        name = "identity.refuses_broken_providers"
        outcome.findings.append(unverified(name, "control-failed", message, "make back-channel logout work first"))
        return outcome
    for name in wanted:
        title, refs, level = LOGOUT_FAULTS[name]
        outcome.tried.append(name)
        if sender.survives(name):
            continue
        message = f"a logout token ended a session although {title}"
        if level is Level.MAY and not strict:
            outcome.noted[name] = message
            continue
        fix = "check a logout token as an ID token, and its events, and that it has no nonce"
        outcome.findings.append(Finding(_RULE, name, message, fix=fix, refs=refs, detail={"path": path}))
    return outcome


class _Sender:
    def __init__(self, party: Party, path: str) -> None:
        self._party = party
        self._to = party.live.browser().url(path)

    def honest_works(self) -> bool:
        who, visit = self._logged_in()
        realm, client_id = self._realm()
        self._send(realm, client_id, who, "")
        return bool(visit.shown) and not self._still(visit)

    def survives(self, fault: str) -> bool:
        who, visit = self._logged_in()
        realm, client_id = self._realm()
        claims = logout_claims(realm, client_id, self._party.provider.session_of(realm.url, who.user))
        token = faulty(fault, realm, claims)
        if fault == "logout-replayed":
            self._send(realm, client_id, who, token)
            visit = self._party.visit(who)
        self._send(realm, client_id, who, token)
        return self._still(visit)

    def _logged_in(self) -> tuple[Person, Visit]:
        who = self._party.somebody()
        return who, self._party.visit(who)

    def _realm(self) -> tuple[Realm, str]:
        realm = self._party.realm()
        return realm, self._party.provider.seen_client(realm.url)

    def _send(self, realm: Realm, client_id: str, who: Person, token: str) -> None:
        through = self._party.live.browser().transport
        self._party.provider.send_logout(realm.url, client_id, who.user, to=self._to, through=through, token=token)

    def _still(self, visit: Visit) -> bool:
        return bool(self._party.shown(self._party.whoami(visit.browser)))


def faulty(fault: str, realm: Realm, claims: dict[str, Any]) -> str:
    """Return a logout token with one fault."""
    if fault == "logout-alg-none":
        return f"{b64(compact({'alg': 'none', **_HEADER}))}.{b64(compact(claims))}."
    if fault == "logout-foreign-key":
        return foreign_key(realm.algorithm, realm.key.kid).sign(claims, _HEADER)
    changes: dict[str, dict[str, Any]] = {
        "logout-nonce": {"nonce": "a-nonce"},
        "logout-no-events": {"events": None},
        "logout-other-event": {"events": {f"{LOGOUT_EVENT}-other": {}}},
        "logout-aud-other": {"aud": "another-client"},
        "logout-iss-other": {"iss": realm.sibling().url},
        "logout-exp-past": {"iat": claims["iat"] - 2 * DAY, "exp": claims["iat"] - DAY},
        "logout-id-token": {"events": None, "nonce": "a-nonce", "auth_time": claims["iat"]},
        "logout-replayed": {},
    }
    said = {key: value for key, value in {**claims, **changes[fault]}.items() if value is not None}
    return realm.key.sign(said, {"typ": "JWT"} if fault == "logout-id-token" else _HEADER)
