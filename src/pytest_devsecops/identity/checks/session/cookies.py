"""``cookies_are_safe``: the cookies of a session stay with the browser that got them, and cannot be guessed.

ASVS 5.0 V3.3.1 to V3.3.5, V7.2.2, V7.2.3, V14.2.1; RFC 6265bis; WSTG-SESS-01, WSTG-SESS-02.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from pytest_devsecops.core.findings import Finding
from pytest_devsecops.identity.antiforgery import is_token
from pytest_devsecops.identity.browser import Browser, Credential, Exchange
from pytest_devsecops.identity.checks.session.guessing import guessed, strength
from pytest_devsecops.identity.checks.session.replay import (
    Session,
    cookies_of,
    open_session,
    read_contents,
    replay,
    session_cookies,
    whoami,
    with_cookies,
)
from pytest_devsecops.identity.checks.session.tampering import rewritten
from pytest_devsecops.identity.cookies import Cookie, parse_set_cookie
from pytest_devsecops.identity.evidence import as_detail
from pytest_devsecops.identity.examination import Examination
from pytest_devsecops.identity.live import Live, unverified

NAME = "identity.cookies_are_safe"
#: RFC 6265bis, section 5.6: browsers ignore a cookie whose name and value are longer than this.
_MOST_BYTES = 4096
#: Logins whose session ids are compared.
_LOGINS = 8
#: Names of cookies that prove who somebody is, although not at ``whoami``: refresh tokens, remember-me cookies.
_CREDENTIAL = re.compile(r"refresh|remember|auth|sess|jwt|(^|[-_.])(sid|token)($|[-_.])", re.IGNORECASE)
#: A shorter text may stand in a page for another reason.
_TELLING = 8
#: Prefixes of names and what they promise (RFC 6265bis, section 4.1.3, in any case of letters).
_PREFIXES = {
    "__host-http-": ("Secure", "HttpOnly", "Path=/", "no Domain"),
    "__http-": ("Secure", "HttpOnly"),
    "__host-": ("Secure", "Path=/", "no Domain"),
    "__secure-": ("Secure",),
}


@dataclass(frozen=True, slots=True)
class _Seen:
    """A cookie as it was set."""

    cookie: Cookie
    exchange: Exchange
    of_session: bool


def cookies_are_safe(
    live: Live, seen: Examination, persona: str, *, prefixes: bool, bits: int, cross_site: bool
) -> None:
    """Log in several times, and judge every cookie that is set on the way.

    Args:
        live: the open target.
        seen: filled in.
        persona: the kind that logs in.
        prefixes: whether a session cookie must have one of the prefixes that browsers enforce.
        bits: the entropy that a session id must have.
        cross_site: whether the session is meant to work in pages of other sites.
    """
    session = open_session(live, live.persona(persona, fresh=True))
    names = session_cookies(live, session)
    if not names:
        fix = "drop this check for an API whose tokens go in a header"
        seen.findings.append(unverified(NAME, "not-applicable", "the login is in no cookie", fix))
        return
    # The page behind the login, as a browser shows it.
    session.browser.request(whoami(live).method, whoami(live).path, follow=True)
    found = _set_cookies(session.browser, names)
    for one in found:
        seen.findings.extend(_of_attributes(one, prefixes=prefixes, cross_site=cross_site))
    missing = [name for name in names if name not in {one.cookie.name for one in found}]
    if missing:
        text = f"nobody saw {', '.join(missing)} being set, so its attributes are not known"
        seen.findings.append(unverified(NAME, "cookie-not-seen", text, "log in through the application"))
    _Values(live, seen, session, names, bits).examine()
    seen.examined["cookies"] = len(found)
    seen.evidence["session_cookies"] = names
    seen.evidence["cookies"] = {one.cookie.name: sorted(one.cookie.attributes) for one in found}
    seen.exercised.update(f"asvs:v5.0.0-{one}" for one in ("3.3.1", "3.3.2", "3.3.3", "3.3.4", "3.3.5", "14.2.1"))
    trouble = live.controls(session.persona, session.browser)
    if trouble:
        seen.findings.append(unverified(NAME, "control-failed", trouble))
    seen.summary = f"{len(found)} cookies are kept from other sites, scripts and plain connections; nobody guesses them"


def _set_cookies(browser: Browser, names: list[str]) -> list[_Seen]:
    """Return every cookie that was set, each name as it was set last; those that were taken away are left out."""
    found: dict[str, _Seen] = {}
    for exchange in browser.history:
        for header in exchange.response.every("set-cookie"):
            cookie = parse_set_cookie(header)
            if cookie is not None and not cookie.removes:
                found[cookie.name] = _Seen(cookie, exchange, cookie.name in names or _is_credential(cookie))
    return list(found.values())


def _is_credential(cookie: Cookie) -> bool:
    """Tell whether a cookie is called and looks like something that proves who somebody is."""
    called = _CREDENTIAL.search(cookie.name) is not None and not is_token(cookie.name)
    return called and len(cookie.value) > _TELLING


def _of_attributes(one: _Seen, *, prefixes: bool, cross_site: bool) -> Iterator[Finding]:
    """Yield what is wrong with a cookie's attributes."""
    cookie, given = one.cookie, one.cookie.attributes

    def finding(rule: str, message: str, fix: str, *refs: str) -> Finding:
        detail = as_detail(one.exchange, secrets={cookie.value: f"value of {cookie.name}"})
        detail["attributes"] = dict(given)
        return Finding(rule, cookie.name, f"the cookie {cookie.name} {message}", fix, refs, detail=detail)

    size = len(cookie.name.encode()) + len(cookie.value.encode())
    if size > _MOST_BYTES:
        fix = "keep the content on the server"
        yield finding("too-large", f"has {size} bytes, and browsers drop it", fix, "asvs:v5.0.0-3.3.5")
    if "secure" not in given:
        fix = "set Secure"
        yield finding("not-secure", "also goes over plain connections", fix, "asvs:v5.0.0-3.3.1", "WSTG-SESS-02")
    prefix = next((known for known in _PREFIXES if cookie.name.lower().startswith(known)), "")
    broken = [promise for promise in _PREFIXES.get(prefix, ()) if not _keeps(cookie, promise)]
    if broken:
        message = f"has the prefix {prefix} and breaks its promise ({', '.join(broken)}), so browsers drop it"
        yield finding("broken-prefix", message, "keep the promise of the prefix", "asvs:v5.0.0-3.3.3")
    if not one.of_session:
        return
    if not prefix and prefixes:
        message = "has neither of the prefixes __Host- and __Secure-, so a sibling host can plant one of its own"
        yield finding("no-prefix", message, "call it __Host-…", "asvs:v5.0.0-3.3.1", "asvs:v5.0.0-3.3.3")
    if "httponly" not in given:
        yield finding("script-readable", "can be read by scripts", "set HttpOnly", "asvs:v5.0.0-3.3.4", "WSTG-SESS-02")
    if given.get("domain"):
        message = f"also goes to every host below {given['domain']}"
        yield finding("shared-with-hosts", message, "leave Domain out", "asvs:v5.0.0-3.3.3", "WSTG-SESS-02")
    same_site = given.get("samesite", "").lower()
    if same_site not in ("lax", "strict") and not (cross_site and same_site == "none"):
        said = f"says SameSite={given['samesite']}" if same_site else "says nothing about SameSite"
        message = f"{said}, so requests of other sites carry it"
        yield finding("cross-site", message, "set SameSite=Lax or Strict", "asvs:v5.0.0-3.3.2", "WSTG-SESS-02")


def _keeps(cookie: Cookie, promise: str) -> bool:
    given = cookie.attributes
    kept = {
        "Secure": "secure" in given,
        "HttpOnly": "httponly" in given,
        "Path=/": given.get("path") == "/",
        "no Domain": not given.get("domain"),
    }
    return kept[promise]


class _Values:
    """Judges what is in the session cookies, and where else it shows up."""

    def __init__(self, live: Live, seen: Examination, session: Session, names: list[str], bits: int) -> None:
        self._live = live
        self._seen = seen
        self._session = session
        self._names = names
        self._bits = bits

    def examine(self) -> None:
        """Compare the values of several logins; look for them in addresses; try to make one up."""
        twice = open_session(self._live, self._live.persona(self._session.persona.kind, fresh=True))
        sessions = [self._session, twice, open_session(self._live, twice.persona)]
        sessions += [self._of_somebody_else() for _ in range(len(sessions), _LOGINS)]
        carried, self._seen.evidence["entropy_bits"] = [], {}
        for name in self._names:
            values = [cookies_of(one.credential).get(name, "") for one in sessions]
            if self._forged(name, sessions[0], sessions[-1]):
                continue
            contents = read_contents(values[0])
            if contents is not None and contents.kind in ("JWT", "signed"):
                carried.append(name)
                continue
            self._judge_values(name, values, sessions)
        self._seen.evidence["self_contained"] = carried
        self._seen.examined["logins"] = len(sessions)
        self._addresses()

    def _of_somebody_else(self) -> Session:
        return open_session(self._live, self._live.persona(self._session.persona.kind, fresh=True))

    def _judge_values(self, name: str, values: list[str], sessions: list[Session]) -> None:
        given = [value for value in values if value]
        self._seen.exercised.update(("asvs:v5.0.0-7.2.2", "asvs:v5.0.0-7.2.3"))
        refs = ("asvs:v5.0.0-7.2.3", "WSTG-SESS-01")
        fix = "take 16 bytes or more from a secure random source for each login: secrets.token_urlsafe(32)"
        how = guessed(given, [one.persona.username for one in sessions])
        bits = strength(given)
        self._seen.evidence["entropy_bits"][name] = round(bits)
        if len(set(given)) < len(given):
            self._add("repeated-session-id", name, "is the same for different logins", fix, refs)
        elif how:
            self._add("guessable-session-id", name, f"is {how}, which anybody can work out", fix, refs)
        elif bits < self._bits:
            message = f"varies in {bits:.0f} bits at most over {len(given)} logins, and {self._bits} are due"
            self._add("little-entropy", name, message, fix, refs)

    def _forged(self, name: str, mine: Session, other: Session) -> bool:
        """Make somebody else's cookie out of one's own; returns whether it was accepted."""
        cookies = cookies_of(mine.credential)
        pairs = [(mine.persona.username, other.persona.username), (mine.persona.marker, other.persona.marker)]
        pairs += [(str(mine.persona.data[key]), str(other.persona.data[key])) for key in ("id", "pk", "email")
                  if key in mine.persona.data and key in other.persona.data]  # fmt: skip
        for value in rewritten(cookies.get(name, ""), pairs):
            tried = replay(self._live, other.persona, with_cookies(mine.credential, {**cookies, name: value}))
            if tried.accepted:
                fix = "sign what is in the cookie, or keep it on the server"
                refs = ("asvs:v5.0.0-7.2.1", "WSTG-SESS-01")
                self._add(
                    "forgeable-session", name, "can be rewritten to be somebody else's", fix, refs, tried.exchange
                )
                return True
        return False

    def _addresses(self) -> None:
        """Look for the session in addresses, and try to be let in by one."""
        session, live = self._session, self._live
        refs, fix = ("asvs:v5.0.0-14.2.1", "WSTG-SESS-04"), "take the session from the cookie only"
        for name in self._names:
            value = cookies_of(session.credential)[name]
            for exchange in session.browser.history:
                if len(value) >= _TELLING and (value in exchange.request.url or value in exchange.response.location):
                    self._add("session-in-address", name, "stands in an address", fix, refs, exchange)
                    break
            at = whoami(live)
            for path in (f"{at.path}?{quote(name)}={quote(value)}", f"{at.path};{quote(name)}={quote(value)}"):
                browser = live.browser()
                response = browser.replay(at.method, path, Credential(()))
                if live.shows(response, session.persona) and urlsplit(response.url).path.startswith(at.path):
                    message = "is also taken from the address"
                    self._add("session-in-address", name, message, fix, refs, browser.history[-1])
                    break

    def _add(
        self, rule: str, name: str, message: str, fix: str, refs: tuple[str, ...], shown: Exchange | None = None
    ) -> None:
        detail = as_detail(shown or self._session.browser.history[-1])
        found = Finding(rule, name, f"the cookie {name} {message}", fix, refs, detail=detail)
        if all((one.rule, one.subject) != (rule, name) for one in self._seen.findings):
            self._seen.findings.append(found)
