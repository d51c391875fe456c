"""Ready-made steps: forms that are filled in as a person does, requests of an API, tokens."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from urllib.parse import parse_qsl, quote, urljoin, urlsplit

from pytest_devsecops.identity.browser import Browser
from pytest_devsecops.identity.errors import FlowError
from pytest_devsecops.identity.filling import choose_form, fill
from pytest_devsecops.identity.http import Headers, Response, form_body, json_body
from pytest_devsecops.identity.pages import Page, read_page
from pytest_devsecops.identity.personas import Persona
from pytest_devsecops.identity.target import Operation

_NAMED = re.compile(r"\{(\w+)\}")
_OK = range(200, 300)
_NO_PAGE = (404, 405, 501)
_READS = ("GET", "HEAD", "OPTIONS")

#: Cookies that a page's own script sends back as a header (double submit), by the cookie's name.
_CSRF_COOKIES = {"csrftoken": "X-CSRFToken", "XSRF-TOKEN": "X-XSRF-TOKEN", "csrf_access_token": "X-CSRF-TOKEN"}
#: Hidden fields that hold such a token, and the headers that some frameworks take instead.
_CSRF_FIELD = re.compile(r"csrf|xsrf|authenticity_token|^_token$", re.IGNORECASE)
_CSRF_HEADERS = {"csrfmiddlewaretoken": "X-CSRFToken", "csrf_token": "X-CSRFToken"}
_OTHER_CSRF_HEADER = "X-CSRF-Token"


@dataclass(frozen=True, slots=True)
class Form:
    """An HTML form: opened, filled in with its hidden fields kept, and submitted.

    Attributes:
        path: the page that has the form.
        fields: texts by field name; ``{username}``, ``{password}``, ``{email}``, ``{new_password}`` and the
            persona's data are filled in. Fields that are not named here are filled in by what they are.
    """

    path: str
    fields: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def __call__(self, browser: Browser, persona: Persona, new_password: str = "") -> Response:
        """Fill in the form as ``persona`` and submit it; redirects are followed.

        Raises:
            FlowError: if the page has no form with these fields.
        """
        values = texts_of(persona, new_password)
        wanted = {name: fill_in(text, values) for name, text in self.fields.items()}
        page = browser.get(fill_in(self.path, values, in_url=True), follow=True)
        if page.status in _NO_PAGE:
            return browser.post_form(self.path, wanted or _bare(values), follow=True)
        if page.status not in _OK:
            return page
        return submit(browser, page, wanted, values)


def form(path: str, *, username: str | None = None, password: str | None = None, **fields: str) -> Form:
    """Fill in and submit the HTML form at ``path``.

    Args:
        path: the page that has the form.
        username: the name of the field for the username, if the form's own names do not tell it.
        password: the name of the field for the password, likewise.
        fields: more fields and their texts; ``{username}``, ``{password}``, ``{email}`` and the
            persona's data are filled in.
    """
    named = {}
    for meaning, given in (("username", username), ("password", password)):
        if given:  # a text with a placeholder is what goes into a field of this very name
            named.update({meaning: given} if "{" in given else {given: f"{{{meaning}}}"})
    return Form(path, MappingProxyType({**named, **fields}))


def submit(browser: Browser, page: Response, wanted: Mapping[str, str], values: Mapping[str, str]) -> Response:
    """Submit the form of an open page that has the ``wanted`` fields; the others are filled in from ``values``.

    Raises:
        FlowError: if there is none.
    """
    forms = read_page(page.text).forms
    chosen = choose_form(forms, set(wanted), values)
    if chosen is None:
        seen = "; ".join(", ".join(sorted(one.names)) or "a form without fields" for one in forms) or "no form"
        asked = f" with the fields {', '.join(sorted(wanted))}" if wanted else " to fill in"
        raise FlowError(
            f"the page has no form{asked} (status {page.status}, it has: {seen})",
            place=page.url,
            remedy="name the page and its fields in form(…), or pass a function",
        )
    return browser.post_form(urljoin(page.url, chosen.action), fill(chosen, wanted, values), follow=True)


@dataclass(frozen=True, slots=True)
class Call:
    """One request of an API.

    Attributes:
        operation: such as ``POST /password-recovery/{email}``.
        json: the body as JSON; texts in it are filled in.
        form: the body as a form instead.
    """

    operation: Operation
    json: Mapping[str, object] | None = None
    form: Mapping[str, str] | None = None

    def __call__(
        self, browser: Browser, who: Persona | str, new_password: str = "", account: Persona | None = None
    ) -> Response:
        """Send it for a persona, or with a link from a message, which is for an ``account``."""
        known = texts_of(account, new_password) if account is not None else {}
        known |= texts_of_link(who, new_password) if isinstance(who, str) else texts_of(who, new_password)
        path = fill_in(self.operation.path, known, in_url=True)
        if self.json is not None:
            return operate(browser, self.operation.method, path, json_body(_filled(self.json, known)))
        if self.form is not None:
            filled = {name: fill_in(text, known) for name, text in self.form.items()}
            return operate(browser, self.operation.method, path, form_body(filled))
        return operate(browser, self.operation.method, path)

    def names_account(self) -> bool:
        """Tell whether it says whose account it is about, beside a link or its secret."""
        texts = repr((self.operation.path, self.json, self.form))
        return bool({*_NAMED.findall(texts)} - {"link", "token", "new_password"})


def call(operation: str, *, json: Mapping[str, object] | None = None, form: Mapping[str, str] | None = None) -> Call:
    """Send one request, such as ``call("POST /users", json={"email": "{email}", "password": "{password}"})``.

    Args:
        operation: method and path.
        json: the body. ``{username}``, ``{password}``, ``{email}``, ``{new_password}`` and the persona's data are
            filled in; when a link or a code is used, ``{link}`` and ``{token}``, the secret in it, as well.
        form: the body as a form instead.
    """
    return Call(Operation.parse(operation), json, form)


@dataclass(frozen=True, slots=True)
class TokenLogin:
    """A request whose JSON answer has a token, which is then sent as ``Authorization``.

    Attributes:
        path: where credentials are posted.
        as_json: whether they go as JSON rather than as a form (OAuth 2.0, RFC 6749, section 4.3.2).
        fields: names and texts, as in ``Form``.
        token: the key of the token in the answer; dots lead into tables.
        scheme: the authentication scheme (RFC 6750, section 2.1).
    """

    path: str
    as_json: bool = False
    fields: Mapping[str, str] = field(
        default_factory=lambda: MappingProxyType({"username": "{username}", "password": "{password}"})
    )
    token: str = "access_token"  # noqa: S105 - a key's name
    scheme: str = "Bearer"

    def __call__(self, browser: Browser, persona: Persona) -> Response:
        """Ask for a token and keep it in the browser's headers."""
        values = texts_of(persona)
        filled = {name: fill_in(text, values) for name, text in self.fields.items()}
        response = browser.post_json(self.path, filled) if self.as_json else browser.post_form(self.path, filled)
        token = response.json()
        for key in self.token.split("."):
            token = token.get(key) if isinstance(token, dict) else None
        if response.status in _OK and isinstance(token, str):
            browser.headers["Authorization"] = f"{self.scheme} {token}"
        return response


def bearer(mint: Callable[[Persona], str], *, scheme: str = "Bearer") -> Callable[[Browser, Persona], Response]:
    """Log in with a token that the test suite makes itself; ``whoami`` tells whether it is accepted."""

    def log_in(browser: Browser, persona: Persona) -> Response:
        browser.headers["Authorization"] = f"{scheme} {mint(persona)}"
        return Response(200, (), b"", browser.base_url)

    return log_in


def basic() -> Callable[[Browser, Persona], Response]:
    """Log in with HTTP Basic authentication (RFC 7617); ``whoami`` tells whether it is accepted."""
    from base64 import b64encode

    def log_in(browser: Browser, persona: Persona) -> Response:
        pair = b64encode(f"{persona.username}:{persona.password}".encode()).decode()
        browser.headers["Authorization"] = f"Basic {pair}"
        return Response(200, (), b"", browser.base_url)

    return log_in


def operate(browser: Browser, method: str, path: str, content: tuple[bytes, tuple[str, str]] | None = None) -> Response:
    """Send a request as the application's own page would: with its token against cross-site requests, if it has one.

    Without ``content`` a writing request is what a button of the page sends: the hidden fields of the form that
    leads there, or only the token of another one.
    """
    if method in _READS:
        return browser.request(method, path, follow=True)
    body, header = content or form_body(_hidden_fields(browser, path))
    return browser.request(method, path, headers=(header, *csrf_headers(browser)), body=body, follow=True)


def _hidden_fields(browser: Browser, path: str) -> dict[str, str]:
    """Return what the newest page with a form that leads to ``path`` sends along, or the newest token of any form.

    A token is left out where a cookie has the one that is valid now: a page from before the login has an old one.
    """
    target, has_cookie = browser.url(path), bool(_csrf_cookie(browser))
    token: dict[str, str] = {}
    for url, page in _pages(browser):
        for form in page.forms:
            hidden = {one.name: one.value for one in form.fields if one.kind == "hidden"}
            tokens = {name: value for name, value in hidden.items() if _CSRF_FIELD.search(name)}
            if form.method == "POST" and urljoin(url, form.action) == target:
                return {name: value for name, value in hidden.items() if not (has_cookie and name in tokens)}
            token = token or tokens
    return {} if has_cookie else token


def csrf_headers(browser: Browser) -> Headers:
    """Return the header that a script of the application's own page would send along, if it has one.

    Looked for where frameworks put it: in a cookie for that purpose, else in the newest page.
    """
    cookie = _csrf_cookie(browser)
    if cookie:
        return cookie
    for _, page in _pages(browser):
        if page.csrf:
            return (("X-CSRFToken", page.csrf),)
        for one in (one for found in page.forms for one in found.fields):
            if _CSRF_FIELD.search(one.name):
                return ((_CSRF_HEADERS.get(one.name, _OTHER_CSRF_HEADER), one.value),)
    return ()


def _csrf_cookie(browser: Browser) -> Headers:
    for cookie in browser.cookies.for_url(browser.url("/")):
        if cookie.name in _CSRF_COOKIES:
            return ((_CSRF_COOKIES[cookie.name], cookie.value),)
    return ()


def _pages(browser: Browser) -> Iterator[tuple[str, Page]]:
    """Return the HTML pages that a browser has seen, with their addresses, the newest first."""
    for exchange in reversed(browser.history):
        if "html" in exchange.response.header("content-type"):
            yield exchange.request.url, read_page(exchange.response.text)


def texts_of(persona: Persona, new_password: str = "") -> dict[str, str]:
    """Return what may be filled in for a persona."""
    known = {name: str(value) for name, value in persona.data.items()}
    known.setdefault("email", persona.username)
    return {**known, "username": persona.username, "password": persona.password, "new_password": new_password}


def texts_of_link(link: str, new_password: str) -> dict[str, str]:
    """Return what may be filled in when a link from a message is used."""
    return {"link": link, "token": secret_of(link), "new_password": new_password}


def secret_of(link: str) -> str:
    """Return the part of a link that nobody can guess: the longest parameter or segment; or the text itself."""
    parts = urlsplit(link)
    if not (parts.scheme and parts.netloc):
        return link
    spots = [value for _, value in parse_qsl(parts.query)] + [value for _, value in parse_qsl(parts.fragment)]
    spots = spots or [part for part in (*parts.path.split("/"), *parts.fragment.split("/")) if part]
    return max(spots, key=len, default=link)


def fill_in(text: str, values: Mapping[str, str], *, in_url: bool = False) -> str:
    """Replace ``{name}`` by a value; a name that nobody knows stays as it is."""

    def value(found: re.Match[str]) -> str:
        known = values.get(found[1])
        if known is None:
            return found[0]
        return quote(known, safe="") if in_url else known

    return re.sub(r"\{(\w+)\}", value, text)


def _filled(value: object, known: Mapping[str, str]) -> object:
    if isinstance(value, str):
        return fill_in(value, known)
    if isinstance(value, Mapping):
        return {name: _filled(one, known) for name, one in value.items()}
    return value


def _bare(values: Mapping[str, str]) -> dict[str, str]:
    return {"username": values["username"], "password": values["password"]}
