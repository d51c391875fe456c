"""``passwords_follow_policy``: good passwords are taken as they are, bad ones are not taken.

NIST SP 800-63B-4 section 3.1.1.2; ASVS 5.0 V6.2. Whether a password was taken is told by logging in with it,
never by what the answer says.
"""

from __future__ import annotations

import secrets
import string
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from pytest_devsecops.core.findings import Finding
from pytest_devsecops.identity.browser import Browser
from pytest_devsecops.identity.checks.credentials.attempts import (
    addresses,
    attempt,
    clear_throttles,
    decisive,
    stranger,
    strong_password,
)
from pytest_devsecops.identity.errors import FlowError
from pytest_devsecops.identity.evidence import as_detail
from pytest_devsecops.identity.examination import Examination
from pytest_devsecops.identity.live import Live
from pytest_devsecops.identity.personas import Persona

NAME = "identity.passwords_follow_policy"
_SERVER_ERROR = 500
_NIST = "NIST SP 800-63B-4 3.1.1.2"

#: Among the most common passwords in every published list, for years; all that 8 characters or more allow.
COMMON = (
    *("password", "12345678", "123456789", "1234567890", "qwertyuiop", "iloveyou", "football", "baseball"),
    *("sunshine", "princess", "superman", "trustno1", "password1", "1q2w3e4r", "11111111", "starwars"),
    *("passwordpassword", "1234567890123456"),
)
_TRIED_COMMON = 8
#: bcrypt ignores what comes after this many bytes.
_BCRYPT_BYTES = 72


@dataclass(frozen=True, slots=True)
class _Bad:
    """A password that must not be taken."""

    rule: str
    what: str
    password: Callable[[Persona], str]
    fix: str
    refs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Good:
    """A password that must be taken, unless that is optional; ``near`` are others that must not log in then."""

    rule: str
    what: str
    password: str
    refs: tuple[str, ...]
    near: tuple[tuple[str, str, str], ...] = ()
    optional: bool = False


def passwords_follow_policy(
    live: Live, seen: Examination, *, minimum: int, maximum: int, common: Iterable[str], persona: str = ""
) -> None:
    """Set passwords by registration, or else by a change of password, and log in with them.

    Args:
        live: the open target.
        seen: is filled in.
        minimum: characters below which a password must be refused.
        maximum: characters that must at least be taken.
        common: passwords that everybody uses.
        persona: the kind of the accounts.
    """
    setter = _Setter(live, persona)
    setter.control("before")
    bad = [*_bad_ones(minimum, common)]
    for one in bad:
        seen.findings.extend(_judge_bad(setter, one))
    good = _good_ones(maximum)
    for case in good:
        seen.findings.extend(_judge_good(setter, case))
    setter.control("after")
    seen.examined.update({"bad_passwords": len(bad), "good_passwords": len(good), "by": setter.by})
    seen.summary = f"{len(bad)} bad passwords were refused and {len(good)} good ones taken as they are"


def _bad_ones(minimum: int, common: Iterable[str]) -> Iterator[_Bad]:
    short = _just(strong_password()[-(minimum - 1) :])
    refs: tuple[str, ...] = ("asvs:v5.0.0-6.2.1", _NIST)
    yield _Bad("password-too-short", f"of {minimum - 1} characters", short, f"require {minimum} characters", refs)
    refs, fix = ("asvs:v5.0.0-6.2.4", _NIST), "refuse the most common passwords, at least 3,000 of them"
    for text in [one for one in common if len(one) >= minimum][:_TRIED_COMMON]:
        yield _Bad("common-password", f"that everybody uses ({text!r})", _just(text), fix, refs)
    refs, fix = ("asvs:v5.0.0-6.2.11", _NIST), "refuse passwords made of the user's own name"
    yield _Bad("password-is-username", "that is the username", lambda who: _at_least(who.username, minimum), fix, refs)


def _good_ones(maximum: int) -> list[_Good]:
    letters = "".join(secrets.choice(string.ascii_lowercase) for _ in range(20))
    long = "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(maximum - 3)) + "!7x"
    mixed = strong_password()
    words = f"{letters[:5]} {letters[5:10]} {letters[10:14]} Rk7!"
    script = f"Ключ-{letters[:6]}-日本語-ñR7!"
    case = ("ignores-case", "with upper and lower case swapped", mixed.swapcase())
    cut = ("truncates-password", "without its last character", long[:-1])
    beyond = long + letters * 3
    start = ("truncates-password", f"cut after {_BCRYPT_BYTES} bytes", beyond[:_BCRYPT_BYTES])
    trimmed = ("trims-password", "without the spaces around it", mixed)
    exact = ("asvs:v5.0.0-6.2.8", _NIST)
    return [
        _Good("composition-rules", "of 20 random lower-case letters", letters, ("asvs:v5.0.0-6.2.5", _NIST)),
        _Good("refuses-long-password", f"of {maximum} characters", long, ("asvs:v5.0.0-6.2.9", _NIST), (cut,)),
        _Good("refuses-longer-password", f"of {len(beyond)} characters", beyond, exact, (start,), optional=True),
        _Good("refuses-spaces", "with spaces", words, exact),
        _Good("refuses-outer-spaces", "with a space at both ends", f" {mixed} ", exact, (trimmed,), optional=True),
        _Good("refuses-unicode", "with letters of several scripts", script, exact),
        _Good("refuses-good-password", "of every kind of character", mixed, exact, (case,)),
    ]


class _Setter:
    """Sets passwords the way the target offers."""

    def __init__(self, live: Live, kind: str) -> None:
        self.live = live
        self._kind = kind
        self._where = addresses()
        self.by = "registration" if live.target.hooks.register is not None else "change of password"

    def control(self, when: str) -> None:
        """Show that a good password can be set at all.

        Raises:
            FlowError: if it cannot.
        """
        person, browser = self.set(lambda _: strong_password())
        if not self.logs_in(person):
            raise FlowError(
                f"{when} the attempts, the {self.by} with a good password did not work: it answered "
                f"{decisive(browser).response.status}, and the new password does not log in",
                remedy="check register= or change_password=; pass reset=… if something throttles",
            )

    def set(self, password: Callable[[Persona], str]) -> tuple[Persona, Browser]:
        """Set a password for somebody new; returns them with it, and the browser it was tried in."""
        clear_throttles(self.live)
        hooks = self.live.target.hooks
        somebody = self.live.persona(self._kind, fresh=hooks.register is None)
        browser = self.live.browser(next(self._where))
        if hooks.register is not None:
            newcomer = stranger(somebody)
            newcomer = replace(newcomer, password=password(newcomer))
            hooks.register(browser, newcomer)
            return newcomer, browser
        assert hooks.change_password is not None  # noqa: S101 - the family asked for one of the two hooks
        self.live.log_in(somebody, browser)
        changed = replace(somebody, password=password(somebody))
        hooks.change_password(browser, somebody, changed.password)
        return changed, browser

    def logs_in(self, person: Persona, password: str | None = None) -> bool:
        """Tell whether somebody logs in with a password, their own by default."""
        clear_throttles(self.live)
        return attempt(self.live, person, password=password, client=next(self._where)).logged_in


def _judge_bad(setter: _Setter, one: _Bad) -> list[Finding]:
    person, browser = setter.set(one.password)
    crashed = _crash(one.what, browser)
    if crashed:
        return crashed
    if not setter.logs_in(person):
        return []
    return [_finding(one.rule, f"{setter.by} takes a password {one.what}", one.fix, one.refs, browser)]


def _judge_good(setter: _Setter, one: _Good) -> list[Finding]:
    person, browser = setter.set(lambda _: one.password)
    crashed = _crash(one.what, browser)
    if crashed:
        return crashed
    if not setter.logs_in(person):
        if one.optional:
            return []
        text = f"{setter.by} does not take a password {one.what}"
        return [_finding(one.rule, text, "ask for length only, and take every character as it is", one.refs, browser)]
    return [
        _finding(rule, f"a password {one.what} logs in {how} too", "compare the whole password", one.refs, browser)
        for rule, how, near in one.near
        if setter.logs_in(person, near)
    ]


def _crash(what: str, browser: Browser) -> list[Finding]:
    status = decisive(browser).response.status
    if status < _SERVER_ERROR:
        return []
    text = f"a password {what} is answered with {status}"
    return [_finding("crashes-on-password", text, "refuse it, or take it", ("asvs:v5.0.0-6.2.8", _NIST), browser)]


def _finding(rule: str, text: str, fix: str, refs: tuple[str, ...], browser: Browser) -> Finding:
    return Finding(rule, "passwords", text, fix, refs, detail=as_detail(decisive(browser)))


def _just(text: str) -> Callable[[Persona], str]:
    return lambda _: text


def _at_least(text: str, length: int) -> str:
    return text * -(-length // len(text))
