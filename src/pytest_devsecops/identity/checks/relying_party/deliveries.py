"""Breakages that browsers deliver: responses that nobody asked for, and the mix-up of issuers."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import parse_qsl, urlencode, urlsplit

from pytest_devsecops.identity.checks.relying_party.accounts import AccountJudge
from pytest_devsecops.identity.checks.relying_party.probe import Party, Person, Visit
from pytest_devsecops.identity.errors import FlowError
from pytest_devsecops.identity.provider.app import endpoints
from pytest_devsecops.identity.provider.login import IdpLogin
from pytest_devsecops.identity.provider.realm import Realm
from pytest_devsecops.identity.target import Login

Deliver = Callable[[Party, Person, Login | None], Visit | str]


def unsolicited(party: Party, attacker: Person, _other: Login | None) -> Visit | str:
    """Open the attacker's response in a browser that never started a login (RFC 6749, section 10.12)."""
    return party.deliver(party.browser(), _proven(party, attacker))


def to_waiting_browser(party: Party, attacker: Person, _other: Login | None) -> Visit | str:
    """Open the attacker's response in a browser that waits for its own."""
    address = _proven(party, attacker)
    browser = party.browser()
    party.held_back(attacker, browser)
    return party.deliver(browser, address)


def _proven(party: Party, attacker: Person) -> str:
    """Return a held-back response, after another one of its kind was seen to log its own browser in."""
    own = party.browser()
    if not party.deliver(own, party.held_back(attacker, own)).shown:
        raise FlowError("a response that was held back for a moment does not even log its own browser in")
    return party.held_back(attacker, party.browser())


def mix_up(party: Party, victim: Person, other: Login | None) -> Visit | str:
    """Let the attacker's issuer send the user on to the honest one (RFC 9700, section 4.4.1).

    The victim chose the attacker's issuer; the code of the honest one must not reach it.
    """
    if not isinstance(other, IdpLogin):
        return "the application has one issuer only (pass other_login= if it has two)"
    honest, attacker = party.realm(), _asked(party, other)
    browser = party.browser()
    response = other.leave(browser)
    request = dict(parse_qsl(urlsplit(response.location).query))
    client_id = party.provider.seen_client(honest.url)
    if request["redirect_uri"] not in honest.clients[client_id].redirect_uris:
        # RFC 9700, section 4.4.2.2: a redirect URI of its own for every issuer is a defence.
        return party.deliver(browser, response.url)
    address = f"{endpoints(honest)['authorization']}?{urlencode({**request, 'client_id': client_id})}"
    before = len(party.provider.seen)
    with party.provider.user(victim.user.sub, **victim.user.claims):
        visit = party.deliver(browser, address)
    leaked = any(
        one.endpoint == "token" and one.issuer == attacker.url and one.parameters.get("code") in honest.grants
        for one in party.provider.seen[before:]
    )
    if leaked:
        visit.shown = {"the attacker, who now has the honest issuer's code,"}
    return visit


def same_sub_other_issuer(party: Party, _victim: Person, other: Login | None) -> Visit | str:
    """Log somebody in at another issuer who has the victim's subject there (Core, section 5.7)."""
    if other is None:
        return "the application has one issuer only (pass other_login= if it has two)"
    return AccountJudge(party).judge("same-sub", second_login=other)


def _asked(party: Party, login: IdpLogin) -> Realm:
    """Return the issuer that a login leads to; it must work honestly."""
    who = party.somebody()
    if not party.visit(who, login=login).shown:
        raise FlowError("an honest login at the second issuer does not work")
    return party.realm()


#: id -> how it is delivered.
DELIVER: dict[str, Deliver] = {
    "login-csrf": unsolicited,
    "response-of-other-browser": to_waiting_browser,
    "mix-up": mix_up,
    "same-sub-other-issuer": same_sub_other_issuer,
}
