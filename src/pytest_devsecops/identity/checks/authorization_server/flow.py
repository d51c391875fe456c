"""The way of a person through an authorization server: requests, login and consent pages, and where they end."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

from pytest_devsecops.identity.browser import Browser, Exchange
from pytest_devsecops.identity.filling import choose_form, fill
from pytest_devsecops.identity.flows import texts_of
from pytest_devsecops.identity.http import Response
from pytest_devsecops.identity.pages import PageButton, PageForm, read_page
from pytest_devsecops.identity.personas import Persona
from pytest_devsecops.identity.provider.realm import challenge_of
from pytest_devsecops.identity.registration import ClientRegistration
from pytest_devsecops.identity.target import Login

_STEPS = 16
_ALLOW = re.compile(r"allow|accept|approve|authori[sz]e|consent|grant|continue|confirm|agree|yes|\bok\b", re.IGNORECASE)
_DENY = re.compile(r"den(y|ied)|cancel|reject|refuse|decline|abort|disagree|log.?out|sign.?out|\bno\b", re.IGNORECASE)

#: Answers a page that the server shows in the course of a request; must not follow redirects.
Interact = Callable[[Browser, Response, Persona], Response]


@dataclass(slots=True)
class Asking:
    """An authorization request.

    Attributes:
        client: who asks.
        parameters: names and values in order; a name may repeat.
        verifier: the secret behind the challenge (RFC 7636).
    """

    client: ClientRegistration
    parameters: list[tuple[str, str]]
    verifier: str

    def value(self, name: str) -> str:
        """Return a parameter's first value, or an empty text."""
        return next((value for key, value in self.parameters if key == name), "")


def asking(
    client: ClientRegistration,
    given: Mapping[str, str] | None = None,
    *,
    drop: tuple[str, ...] = (),
    **changes: str,
) -> Asking:
    """Return a good request (code, PKCE with S256, state, nonce), with some parameters changed or left out.

    It asks for no offline access: servers have to ask the user for consent each time (Core, section 11).
    """
    verifier = secrets.token_urlsafe(48)
    honest = {
        "response_type": "code",
        "client_id": client.client_id,
        "redirect_uri": client.redirect_uri,
        "scope": client.online_scope,
        "state": secrets.token_urlsafe(12),
        "code_challenge": challenge_of(verifier),
        "code_challenge_method": "S256",
    }
    if client.openid:
        honest["nonce"] = secrets.token_urlsafe(12)
    said = {**honest, **client.parameters, **(given or {}), **changes}
    if "offline_access" in said["scope"].split():
        said.setdefault("prompt", "consent")
    return Asking(client, [(name, value) for name, value in said.items() if name not in drop], verifier)


@dataclass(slots=True)
class Landing:
    """Where a request ended.

    Attributes:
        asked: the request.
        exchange: the last one with the server.
        target: the address that the browser was sent to, away from the server; empty if it stayed.
        values: what was sent along, in the query, the fragment or a form.
        via: ``query``, ``fragment`` or ``form_post``.
        pages: the pages that a person had to look at.
        login: whether one of them asked for a password.
    """

    asked: Asking
    exchange: Exchange
    target: str = ""
    values: dict[str, str] = field(default_factory=dict)
    via: str = ""
    pages: list[Response] = field(default_factory=list)
    login: bool = False

    @property
    def code(self) -> str:
        """The code that came, or an empty text."""
        return self.values.get("code", "")

    @property
    def text(self) -> str:
        """What came of it, in words."""
        if self.target:
            what = self.values.get("error") or ("a code" if self.code else "no code")
            return f"the browser was sent to {self.target.split('?')[0].split('#')[0]} with {what}"
        answer = self.exchange.response
        return f"{urlsplit(self.exchange.request.url).path} answered {answer.status} {readable(answer)[:160]!r}"


def readable(answer: Response) -> str:
    """Return a page without its markup."""
    text = re.sub(r"(?s)<(style|script|head)\b.*?</\1>", " ", answer.text)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", text)).strip()


@dataclass(slots=True)
class Journey:
    """Takes one person's browser from the request to its end; never leaves the server.

    Attributes:
        browser: the person's.
        persona: who logs in; None if the target has no personas.
        away: tells whether an address is a client's, and not the server's.
        interact: answers pages instead of the built-in way, which fills in forms.
        login: the target's own login, for pages that have no form to fill in.
    """

    browser: Browser
    persona: Persona | None
    away: Callable[[str, Asking], bool]
    interact: Interact | None = None
    login: Login | None = None

    def take(self, endpoint: str, asked: Asking) -> Landing:
        """Send the request and go on until the browser is sent away or nothing more can be done."""
        address = f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(asked.parameters)}"
        answer: Response | None = self.browser.get(address)
        landing = Landing(asked, self.browser.history[-1])
        logins = 0
        for _ in range(_STEPS):
            if answer is None:
                break
            landing.exchange = self.browser.history[-1]
            if self._lands(answer, landing):
                break
            if location := _location(answer):
                answer = self.browser.get(location)
                continue
            landing.pages.append(answer)
            landing.login = landing.login or asks_who(answer)
            logins += _asks_password(answer)
            answer = self._answered(answer, address, again=logins > 1)
        return landing

    def _lands(self, answer: Response, landing: Landing) -> bool:
        """Note where a response sends the browser, if that is away."""
        target = _location(answer)
        if target and self.away(target, landing.asked):
            landing.target = target
            query, _, fragment = target.partition("#")
            landing.values = dict(parse_qsl(query.partition("?")[2], keep_blank_values=True))
            landing.via = "query"
            beyond = dict(parse_qsl(fragment, keep_blank_values=True))
            if {"code", "access_token", "id_token", "error"} & set(beyond):
                landing.values, landing.via = beyond, "fragment"
            return True
        for form in _forms(answer):
            action = urljoin(answer.url, form.action)
            if form.action and self.away(action, landing.asked):
                landing.target, landing.via = action, "form_post"
                landing.values = {one.name: one.value for one in form.fields}
                return True
        return False

    def _answered(self, page: Response, address: str, *, again: bool) -> Response | None:
        """Return what comes of what a person does with a page; None if there is nothing to do."""
        if again or self.persona is None:
            # A password that was refused once is not tried again; and nobody is there who has one.
            return None if again or asks_who(page) else self._agreed(page)
        if self.interact is not None:
            return self.interact(self.browser, page, self.persona)
        values = texts_of(self.persona)
        form = choose_form(_forms(page), set(), values)
        if form is not None:
            return _sent(self.browser, page, form, fill(form, {}, values))
        agreed = self._agreed(page)
        if agreed is None and self.login is not None:
            login, self.login = self.login, None
            login(self.browser, self.persona)
            return self.browser.get(address)
        return agreed

    def _agreed(self, page: Response) -> Response | None:
        """Press the button that allows what a page asks for."""
        chosen = max(_forms(page), key=_willing, default=None)
        if chosen is None or _willing(chosen) <= 0:
            return None
        sent = {one.name: one.value for one in chosen.fields}
        button = _button(chosen)
        if button is not None and button.name:
            sent[button.name] = button.value
        return _sent(self.browser, page, chosen, sent)


def _location(answer: Response) -> str:
    raw = answer.header("location")
    if not raw or answer.status // 100 != 3:  # noqa: PLR2004 - 3xx
        return ""
    # An absolute address stays as it is: what it would be after parsing is not what was sent.
    return raw if re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", raw) else urljoin(answer.url, raw)


def _forms(answer: Response) -> list[PageForm]:
    return read_page(answer.text).forms if "html" in answer.header("content-type") else []


def asks_who(page: Response) -> bool:
    """Tell whether a page is for logging in: by name and password, or by one after the other."""
    return choose_form(_forms(page), set(), {}) is not None


def _asks_password(answer: Response) -> bool:
    return any(one.kind == "password" for form in _forms(answer) for one in form.fields)


def _willing(form: PageForm) -> int:
    """Return how likely a form is the one that allows what was asked for."""
    button = _button(form)
    words = f"{button.name} {button.value} {button.label}" if button is not None else ""
    return (form.method == "POST") * (2 * bool(_ALLOW.search(words)) + 1 - 4 * bool(_DENY.search(words)))


def _button(form: PageForm) -> PageButton | None:
    def rank(one: PageButton) -> int:
        words = f"{one.name} {one.value} {one.label}"
        return bool(_ALLOW.search(words)) - 2 * bool(_DENY.search(words))

    return max(form.buttons, key=rank, default=None)


def _sent(browser: Browser, page: Response, form: PageForm, fields: Mapping[str, str]) -> Response:
    action = urljoin(page.url, form.action) if form.action else page.url
    if form.method == "GET":
        return browser.get(f"{action.split('?')[0]}?{urlencode(dict(fields))}")
    return browser.post_form(action, dict(fields))
