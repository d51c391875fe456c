"""``throttles_login``: who guesses passwords is slowed down, and nobody else.

ASVS 5.0 V6.3.1, WSTG-ATHN-03, NIST SP 800-63B-4 section 3.2.2.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import replace

from pytest_devsecops.core.findings import Finding
from pytest_devsecops.identity.checks.credentials.attempts import (
    Attempt,
    addresses,
    attempt,
    clear_throttles,
    decisive,
    must_log_in,
    strong_password,
)
from pytest_devsecops.identity.errors import FlowError
from pytest_devsecops.identity.evidence import as_detail
from pytest_devsecops.identity.examination import Examination
from pytest_devsecops.identity.live import Live, unverified
from pytest_devsecops.identity.personas import Persona

NAME = "identity.throttles_login"
REFS = ("asvs:v5.0.0-6.3.1", "WSTG-ATHN-03", "NIST SP 800-63B-4 3.2.2")
_SERVER_ERROR = 500
#: The right password counts as delayed if it takes this many seconds longer than before.
_DELAY_SECONDS = 1.0


def throttles_login(live: Live, seen: Examination, *, after: int, persona: str = "") -> None:
    """Guess the password of a fresh persona ``after`` times, then try the right one.

    Each guess comes in a new browser: a throttle that counts in a cookie stops nobody.
    """
    clear_throttles(live)
    victim, other = live.persona(persona, fresh=True), live.persona(persona, fresh=True)
    where = addresses()
    attacker = next(where)
    usual = min(must_log_in(live, victim, client=next(where)).seconds, must_log_in(live, other).seconds)
    guesses = _guess(live, seen, victim, after, attacker)
    seen.examined.update({"wrong_passwords": len(guesses), "accounts": 2})
    seen.evidence["answers"] = [one.response.status for one in guesses]
    if seen.findings:
        return
    right = attempt(live, victim, client=attacker)
    delayed = right.logged_in and right.seconds > usual + _DELAY_SECONDS
    seen.evidence["right_password_seconds"] = {"before": round(usual, 4), "after": round(right.seconds, 4)}
    if right.logged_in and not delayed:
        seen.findings.append(_not_throttled(victim, right, after))
    elif not delayed:
        _examine_lock(live, seen, victim, other, attacker, next(where))
    seen.summary = f"after {after} wrong passwords the right one is {'delayed' if delayed else 'refused'} too"
    _control_after(live, seen, victim)


def _guess(live: Live, seen: Examination, victim: Persona, times: int, client: str) -> list[Attempt]:
    guesses = []
    for _ in range(times):
        guess = attempt(live, victim, password=strong_password(), client=client)
        guesses.append(guess)
        detail = as_detail(decisive(guess.browser), secrets={victim.password: "the password"})
        if guess.logged_in:
            text = f"the login takes a wrong password of {victim.kind} for the right one"
            seen.findings.append(Finding("accepts-wrong-password", "login", text, refs=REFS, detail=detail))
            break
        if guess.response.status >= _SERVER_ERROR:
            text = f"the login answers {guess.response.status} to a wrong password"
            seen.findings.append(Finding("crashes-on-wrong-password", "login", text, refs=REFS, detail=detail))
            break
    return guesses


def _not_throttled(victim: Persona, right: Attempt, after: int) -> Finding:
    return Finding(
        "login-not-throttled",
        "login",
        f"after {after} wrong passwords in a row the right one still logs the {victim.kind} in at once",
        fix="count failures per account and delay or refuse further attempts; RFC 6585's 429 is the usual answer",
        refs=REFS,
        detail=as_detail(decisive(right.browser), secrets={victim.password: "the password"}),
    )


def _examine_lock(live: Live, seen: Examination, victim: Persona, other: Persona, client: str, elsewhere: str) -> None:
    """Tell what is locked: the account, the address, or everybody; and whether another spelling gets around it."""
    same_place = attempt(live, other, client=client).logged_in
    other_place = same_place or attempt(live, other, client=elsewhere).logged_in
    seen.evidence["throttled_by"] = "account" if same_place else "address"
    if not other_place:
        seen.evidence["throttled_by"] = "everybody"
        _nobody_gets_in(live, seen, other)
        return
    for header, value in _forwarded(client, told_by_proxy=not live.target.loopback):
        again = attempt(live, victim, client=client, headers={header: value})
        if again.logged_in:
            text = f"the locked {victim.kind} gets in from the same address when {header} names another one"
            fix = (
                "take the address from the connection, or from the last part of this header, which your own proxy added"
            )
            detail = as_detail(decisive(again.browser), secrets={victim.password: "the password"})
            seen.findings.append(Finding("throttle-evaded-by-header", "login", text, fix, REFS, detail=detail))
            return
    for spelling in _spellings(victim.username):
        again = attempt(live, replace(victim, username=spelling, shown_as=victim.marker), client=client)
        if again.logged_in:
            text = f"the locked {victim.kind} still gets in when the name is written as {spelling!r}"
            fix = "count failures by the account that was found, not by the text that was sent"
            detail = as_detail(decisive(again.browser), secrets={victim.password: "the password"})
            seen.findings.append(Finding("throttle-evaded-by-spelling", "login", text, fix, REFS, detail=detail))
            return


def _nobody_gets_in(live: Live, seen: Examination, other: Persona) -> None:
    text = f"after the wrong passwords for one account, {other.kind} {other.username!r} cannot log in either"
    if live.target.hooks.reset is not None:
        clear_throttles(live)
        if attempt(live, other).logged_in:
            fix = "throttle by account or by address, so that nobody can lock everybody out"
            seen.findings.append(Finding("throttle-locks-everybody", "login", text, fix, REFS))
            return
    fix = "pass reset=… so that the check can tell a throttle from a login that is broken"
    seen.findings.append(unverified(NAME, "control-failed", text, fix))


def _forwarded(client: str, *, told_by_proxy: bool) -> Iterator[tuple[str, str]]:
    """Yield headers as they arrive behind proxies when a client has made up what stands in front.

    A proxy adds the address that it saw at the end (RFC 7239, section 5.2), which an application behind it rightly
    believes. On this machine there is none, so what one or two of them would add is there already.
    """
    made_up = f"203.0.113.{1 + secrets.randbelow(250)}"
    added = () if told_by_proxy else (client, client)
    yield "X-Forwarded-For", ", ".join((made_up, *added))
    yield "Forwarded", ", ".join(f"for={one}" for one in (made_up, *added))


def _spellings(name: str) -> list[str]:
    candidates = (name.upper(), name.swapcase(), f" {name}", f"{name} ")
    return [one for one in dict.fromkeys(candidates) if one != name]


def _control_after(live: Live, seen: Examination, victim: Persona) -> None:
    """With the hook that clears throttles: the right password works again, so it was the throttle that refused it."""
    if live.target.hooks.reset is None:
        return
    clear_throttles(live)
    try:
        must_log_in(live, victim)
    except FlowError as error:
        text = f"after reset() {error.message}"
        seen.findings.append(unverified(NAME, "control-failed", text, "make reset clear locks of accounts too"))
