"""``refuses_cross_site_writes``: no page of another site acts in the name of who is logged in.

ASVS 5.0 V3.5.1 to V3.5.3 and V3.4.2, WSTG-SESS-05, WSTG-CLNT-07.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from urllib.parse import urlsplit

from pytest_devsecops.core.findings import Finding
from pytest_devsecops.identity.antiforgery import tokens_of
from pytest_devsecops.identity.browser import Browser, Credential
from pytest_devsecops.identity.checks.access.matrix import Row, parts_of
from pytest_devsecops.identity.checks.access.people import People
from pytest_devsecops.identity.checks.cross_site.login import log_in_across_sites
from pytest_devsecops.identity.checks.cross_site.operation import Abuse, Breach
from pytest_devsecops.identity.checks.cross_site.reading import lets_read, origins
from pytest_devsecops.identity.checks.cross_site.ways import WAYS, Site, ambient
from pytest_devsecops.identity.checks.session.replay import open_session, replay, whoami
from pytest_devsecops.identity.errors import IdentityError
from pytest_devsecops.identity.evidence import as_detail
from pytest_devsecops.identity.examination import Examination
from pytest_devsecops.identity.inventory.paths import ANY, shape
from pytest_devsecops.identity.live import Live, unverified
from pytest_devsecops.identity.payload import NO_PAYLOAD, Payload
from pytest_devsecops.identity.target import Operation

NAME = "identity.refuses_cross_site_writes"
_REFS = ("asvs:v5.0.0-3.5.1", "WSTG-SESS-05")
_BY_LINK = ("asvs:v5.0.0-3.5.3", "WSTG-SESS-05")
_BY_CORS = ("asvs:v5.0.0-3.4.2", "asvs:v5.0.0-3.5.2", "WSTG-CLNT-07")
#: What one view of a page often takes alike.
_FORMS = ("GET", "POST")
_FIX = "ask for a token of the session, or refuse requests whose Origin or Sec-Fetch-Site is another site's"


def refuses_cross_site_writes(
    live: Live, seen: Examination, kinds: tuple[str, ...], ignore: Mapping[str, str], *, siblings: bool
) -> None:
    """Call every operation that changes something as a page of another site can.

    Args:
        live: the open target.
        seen: filled in.
        kinds: the kinds of persona whose browsers are abused; all if there are none.
        ignore: operations that are left out, with the reason.
        siblings: whether the page may be of a sibling host.
    """
    sites = [Site.foreign(), *([Site.sibling(live.target.base_url)] if siblings else [])]
    check = _CrossSite(live, seen, kinds or tuple(live.target.personas), ignore)
    if not check.has_ambient_login():
        message = "the login is in no cookie and no HTTP Basic credentials, so no other site's request carries it"
        fix = "drop this check for an API whose tokens go in a header"
        seen.findings.append(unverified(NAME, "not-applicable", message, fix))
        return
    for site in sites:
        check.examine(site)
    seen.evidence["not_exercised"] = [] if siblings else ["pages of sibling hosts (siblings=True)"]
    seen.exercised.update(f"asvs:v5.0.0-{one}" for one in ("3.5.1", "3.5.3", "3.4.2", "3.5.2"))
    seen.summary = (
        f"{seen.examined['operations']} operations change nothing for pages of other sites: "
        f"{seen.examined['attacks']} attacks, the application's own page works before and after"
    )


class _CrossSite:
    def __init__(self, live: Live, seen: Examination, kinds: Sequence[str], ignore: Mapping[str, str]) -> None:
        self._live = live
        self._seen = seen
        self._kinds = kinds
        self._ignore = ignore
        self._ignored: dict[str, str] = {}
        self._judged_by: dict[str, str] = {}
        self._public: list[str] = []
        self._tried: set[str] = set()
        #: Operations whose method nobody said.
        self._guessed: set[str] = set()
        seen.examined.update(operations=0, attacks=0)

    def has_ambient_login(self) -> bool:
        """Tell whether a browser proves its user by itself."""
        session = open_session(self._live, self._live.persona(next(iter(self._kinds), ""), fresh=True))
        #: Where the login is sent to; it is tried by itself.
        self._login_paths = {
            shape(urlsplit(one.request.url).path) for one in session.browser.history if one.request.method != "GET"
        }
        same = Site("", same_site=True)
        credential = Credential(ambient(session.browser, session.browser.url(whoami(self._live).path), same, lax=True))
        self._protected = not ambient(
            session.browser, session.browser.url(whoami(self._live).path), Site.foreign(), lax=False
        )
        return replay(self._live, session.persona, credential).accepted

    def examine(self, site: Site) -> None:
        """Let a page of ``site`` try every operation, the login, and reading."""
        seen = self._seen
        inventory = self._live.target.inventory() if self._live.target.inventory is not None else None
        if inventory is None:
            message = "nothing tells which operations the application has, so one without protection goes unnoticed"
            fix = "pass inventory=['POST /orders', …] or an OpenAPI document to the target"
            seen.findings.append(unverified(NAME, "no-inventory", message, fix))
            return
        people = People(self._live, self._rows(inventory))
        tokens = self._attackers_tokens(people)
        for row in people.rows:
            self._operation(people, row, site, tokens)
        self._login(site)
        self._reading(site)
        seen.evidence.update(
            judged_by=self._judged_by,
            ignored_operations=self._ignored,
            not_applicable=[way for way in WAYS if way not in self._tried],
            operations_that_need_no_login=sorted(set(self._public)),
            session_cookie_is_kept_back_by_same_site=self._protected,
        )

    def _operation(self, people: People, row: Row, site: Site, tokens: Mapping[str, str]) -> None:
        text = str(row.operation)
        try:
            abuse = Abuse(people, row, site, tokens, guessed=text in self._guessed)
            breaches = abuse.examine()
        except IdentityError as error:
            if row.writes:
                self._add(_unknown(text, str(error), error.remedy))
            return
        self._tried |= abuse.tried
        if abuse.oracle == "public":
            self._public.append(text)
        if abuse.attempts:
            self._count("operations", 1)
            self._count("attacks", abuse.attempts)
            self._judged_by[text] = abuse.oracle
        if abuse.trouble:
            self._add(_unknown(text, abuse.trouble, abuse.fix))
        if breaches:
            self._breached(row, site, breaches)

    def _breached(self, row: Row, site: Site, breaches: list[Breach]) -> None:
        first, text = breaches[0], str(row.operation)
        by_link = all(one.exchange.request.method == "GET" for one in breaches)
        by_cors = all("CORS" in one.way for one in breaches)
        rule = "get-writes" if by_link else "cors-writes" if by_cors else "cross-site-write"
        refs = _BY_LINK if by_link else _BY_CORS if by_cors else _REFS
        where = f" at {site.origin}, a sibling host" if site.same_site else ""
        message = f"{text}: {first.way}{where} changes something in the name of who is logged in"
        if len(breaches) > 1:
            message += f"; so do {len(breaches) - 1} other ways"
        detail = as_detail(first.exchange)
        detail["ways"] = [one.way for one in breaches]
        self._add(Finding(rule, text, message, _FIX, refs, detail=detail))

    def _login(self, site: Site) -> None:
        why_not, shown = log_in_across_sites(self._live, self._kinds[0], site)
        if why_not:
            self._seen.evidence["login_across_sites"] = f"not applicable: {why_not}"
            return
        self._count("attacks", 1)
        if shown is not None:
            message = "a page of another site logs its visitor in as the attacker, who then sees what the visitor does"
            self._add(Finding("cross-site-login", "login", message, _FIX, _REFS, detail=as_detail(shown)))

    def _reading(self, site: Site) -> None:
        """Ask for ``whoami`` as a script of another site, with the cookies that go along."""
        live, at = self._live, whoami(self._live)
        session = open_session(live, live.persona(self._kinds[0], fresh=True))
        for origin in origins(live.target.base_url, site.origin):
            given = ambient(session.browser, session.browser.url(at.path), site, lax=False)
            asked = (("Origin", origin), ("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "cors"))
            response = session.browser.replay(at.method, at.path, Credential((*given, *asked)))
            self._count("attacks", 1)
            if lets_read(response, origin) and live.shows(response, session.persona):
                message = f"{at}: a script of {origin} reads it in the name of who is logged in"
                fix = "name the origins that may read with credentials one by one"
                detail = as_detail(session.browser.history[-1])
                self._add(Finding("cors-reads", str(at), message, fix, _BY_CORS, detail=detail))
                return

    def _attackers_tokens(self, people: People) -> dict[str, str]:
        actor = people.actor(self._kinds[0], "peer")
        pages = {row.payload.page for row in people.rows if row.payload.page and "{" not in row.payload.page}
        return tokens_of(_second_tab(actor.browser), whoami(self._live).path, "/", *sorted(pages))

    def _rows(self, inventory: Sequence[Operation]) -> list[Row]:
        """Return every operation as a row that all kinds may use; who really may shows itself."""
        given = {_key(Operation.parse(text)): payload for text, payload in self._live.target.payloads.items()}
        rows = []
        for operation in inventory:
            reason = self._reason(operation)
            if reason or operation.provided:
                if reason:
                    self._ignored[str(operation)] = reason
                continue
            rows += [
                Row(one, dict.fromkeys(self._kinds, "own"), {}, payload) for one, payload in _known(operation, given)
            ]
        return rows

    def _reason(self, operation: Operation) -> str:
        """Return why an operation is left out, or an empty text."""
        logout = self._live.target.hooks.logout
        if isinstance(logout, str) and _is_logout(Operation.parse(logout), operation):
            return "the logout: it ends the session that is abused"
        if shape(operation.path) in self._login_paths:
            return "the login, which is tried by itself"
        return next((why for pattern, why in self._ignore.items() if _fits(operation, pattern)), "")

    def _count(self, name: str, more: int) -> None:
        self._seen.examined[name] = int(str(self._seen.examined[name])) + more

    def _add(self, found: Finding) -> None:
        if all((one.rule, one.subject) != (found.rule, found.subject) for one in self._seen.findings):
            self._seen.findings.append(found)


def _known(operation: Operation, given: Mapping[tuple[str, str], Payload]) -> list[tuple[Operation, Payload]]:
    """Return the operation with what is sent; where the framework does not say its method, each that may be."""
    if operation.method != ANY:
        return [(operation, given.get(_key(operation)) or operation.payload or NO_PAYLOAD)]
    told = [method for method, path in given if path == shape(operation.path) and method != ANY]
    return [
        (one, given.get(_key(one)) or NO_PAYLOAD)
        for one in (Operation(method, operation.path) for method in dict.fromkeys([*told, "GET", "POST"]))
    ]


def _unknown(subject: str, message: str, fix: str) -> Finding:
    found = unverified(NAME, "not-examined", f"{subject}: {message}", fix)
    return Finding(found.rule, subject, found.message, fix, status=found.status)


def _key(operation: Operation) -> tuple[str, str]:
    return operation.method, shape(operation.path)


def _is_logout(logout: Operation, other: Operation) -> bool:
    """Tell whether an operation is the logout; one view often takes it as a link and as a form."""
    methods = {logout.method, ANY} | (set(_FORMS) if logout.method in _FORMS else set())
    return shape(logout.path) == shape(other.path) and other.method in methods


def _fits(operation: Operation, pattern: str) -> bool:
    method, path = parts_of(pattern)
    fits_method = fnmatchcase(operation.method, method) or operation.method == ANY
    return fits_method and (fnmatchcase(operation.path, path) or shape(operation.path) == shape(path))


def _second_tab(browser: Browser) -> Browser:
    """Return a browser with the same session and a history of its own."""
    return Browser(
        browser.transport, browser.base_url, headers=dict(browser.headers), cookies=browser.cookies, history=[]
    )
