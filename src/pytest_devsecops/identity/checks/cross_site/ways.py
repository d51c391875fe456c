"""What a page of another site can make a browser send (Fetch, HTML), one entry for each way.

A page can navigate, submit a form, and fetch with "safelisted" headers without asking anybody; for more
its browser asks first (a CORS preflight). Cookies go along as their ``SameSite`` says (RFC 6265bis,
section 5.6.7.1), so what is sent is what a browser of today would send.
"""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

from pytest_devsecops.identity.browser import Browser
from pytest_devsecops.identity.http import Headers

_READS = ("GET", "HEAD", "OPTIONS", "TRACE")
_FORM = "application/x-www-form-urlencoded"
_BOUNDARY = "pagefromanothersite"


@dataclass(frozen=True, slots=True)
class Site:
    """The site that the page is of.

    Attributes:
        origin: its origin.
        same_site: whether it is a sibling of the application's host, to which ``SameSite`` is no obstacle.
    """

    origin: str
    same_site: bool = False

    @classmethod
    def foreign(cls) -> Site:
        """Return a site that has nothing to do with the application."""
        return cls("https://attacker.example")

    @classmethod
    def sibling(cls, base_url: str) -> Site:
        """Return a host beside the application's, such as one that somebody else's page is on."""
        return cls(f"https://attacker.{urlsplit(base_url).hostname}", same_site=True)


@dataclass(frozen=True, slots=True)
class Wish:
    """What the page wants to happen.

    Attributes:
        method: the operation's.
        path: with its parameters filled in.
        value: the JSON value that the operation takes, if it takes JSON.
        fields: the same as fields of a form.
        tokens: tokens against cross-site requests that the attacker got for themselves, by field.
        host: the application's.
        has_post: whether the path also takes POST, which is another operation then, and tried as such.
    """

    method: str
    path: str
    value: Any = None
    fields: Mapping[str, str] = field(default_factory=dict)
    tokens: Mapping[str, str] = field(default_factory=dict)
    host: str = ""
    has_post: bool = False


@dataclass(frozen=True, slots=True)
class Sent:
    """What the browser sends, without cookies.

    Attributes:
        method: the method.
        path: the address.
        body: the body.
        kind: its ``Content-Type``; empty for none.
        navigates: whether the whole page goes there, so that ``Lax`` cookies go along with a GET.
        origin: another ``Origin`` than the site's.
    """

    method: str
    path: str
    body: bytes = b""
    kind: str = ""
    navigates: bool = True
    origin: str = ""


#: Returns None where a way does not fit an operation.
Way = Callable[[Wish], Sent | None]


def headers(sent: Sent, site: Site, browser: Browser) -> Headers:
    """Return the headers of a request that a page of ``site`` starts in ``browser``."""
    origin = sent.origin or site.origin
    reads = sent.method in _READS
    given = [("Accept", "*/*"), ("Sec-Fetch-Site", "same-site" if site.same_site else "cross-site")]
    given.append(("Sec-Fetch-Mode", "navigate" if sent.navigates else "no-cors"))
    if origin != "null":
        given.append(("Referer", f"{origin}/"))
    if not (reads and sent.navigates):
        given.append(("Origin", origin))
    if sent.kind:
        given.append(("Content-Type", sent.kind))
    lax = sent.navigates and reads
    return (*given, *ambient(browser, browser.url(sent.path), site, lax=lax))


def ambient(browser: Browser, url: str, site: Site, *, lax: bool) -> Headers:
    """Return what a browser proves its user with by itself: cookies as ``SameSite`` allows, and HTTP Basic."""
    allowed = {"none", "", *(("lax",) if lax else ())}
    carried = [
        one
        for one in browser.cookies.for_url(url)
        if site.same_site or _same_site(one.attributes) in allowed
    ]  # fmt: skip
    sent = "; ".join(f"{one.name}={one.value}" for one in carried)
    basic = tuple(
        (name, value)
        for name, value in browser.headers.items()
        if name.lower() == "authorization" and value.lower().startswith("basic ") and b64decode(value[6:] + "==")
    )
    return ((("Cookie", sent),) if sent else ()) + basic


def _same_site(attributes: Mapping[str, str]) -> str:
    said = attributes.get("samesite", "").lower()
    return said if said in ("lax", "strict", "none") else ""


def _form_post(wish: Wish) -> Sent | None:
    if wish.method != "POST":
        return None
    return Sent("POST", wish.path, urlencode(wish.fields).encode(), _FORM)


def _from(origin: Callable[[Wish], str]) -> Way:
    def way(wish: Wish) -> Sent | None:
        if wish.method != "POST":
            return None
        return Sent("POST", wish.path, urlencode(wish.fields).encode(), _FORM, origin=origin(wish))

    return way


def _multipart(wish: Wish) -> Sent | None:
    if wish.method != "POST" or not wish.fields:
        return None
    parts = "".join(
        f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in wish.fields.items()
    )
    body = f"{parts}--{_BOUNDARY}--\r\n".encode()
    return Sent("POST", wish.path, body, f"multipart/form-data; boundary={_BOUNDARY}")


def _json_as(kind: str) -> Way:
    def way(wish: Wish) -> Sent | None:
        if wish.method != "POST" or wish.value is None:
            return None
        return Sent("POST", wish.path, json.dumps(wish.value).encode(), kind, navigates=False)

    return way


def _override_in_body(wish: Wish) -> Sent | None:
    if wish.method not in ("PUT", "PATCH", "DELETE") or wish.has_post:
        return None
    return Sent("POST", wish.path, urlencode({**wish.fields, "_method": wish.method}).encode(), _FORM)


def _override_in_query(wish: Wish) -> Sent | None:
    if wish.method not in ("PUT", "PATCH", "DELETE") or wish.has_post:
        return None
    path = _with_query(wish.path, {"_method": wish.method})
    return Sent("POST", path, urlencode(wish.fields).encode(), _FORM)


def _get(wish: Wish) -> Sent:
    return Sent("GET", _with_query(wish.path, wish.fields) if wish.method != "GET" else wish.path)


def _override_get(wish: Wish) -> Sent | None:
    if wish.method == "GET":
        return None
    return Sent("GET", _with_query(wish.path, {**wish.fields, "_method": wish.method}))


def _with_tokens(value: Callable[[str], str]) -> Way:
    def way(wish: Wish) -> Sent | None:
        if wish.method != "POST" or not wish.tokens:
            return None
        fields = {**wish.fields, **{name: value(token) for name, token in wish.tokens.items()}}
        return Sent("POST", wish.path, urlencode(fields).encode(), _FORM)

    return way


def _with_query(path: str, fields: Mapping[str, str]) -> str:
    if not fields:
        return path
    return f"{path}{'&' if '?' in path else '?'}{urlencode(fields)}"


#: Every way by the name that a finding gives it.
WAYS: Mapping[str, Way] = {
    "a form of another site": _form_post,
    "a form of a page without an origin": _from(lambda _wish: "null"),
    "a form of a site whose name begins like this one's": _from(lambda wish: f"https://{wish.host}.attacker.example"),
    "a form of a site whose name ends like this one's": _from(lambda wish: f"https://attacker{wish.host}"),
    "a form with files": _multipart,
    "JSON that is called plain text": _json_as("text/plain"),
    "JSON that is called a form": _json_as(_FORM),
    "JSON without a type": _json_as(""),
    "a form whose field _method says which method is meant": _override_in_body,
    "a form whose address says which method is meant": _override_in_query,
    "a link": _get,
    "a link whose address says which method is meant": _override_get,
    "a form with a token that the attacker got for themselves": _with_tokens(str),
    "a form with an empty token": _with_tokens(lambda _token: ""),
    "a form with a token that the attacker made up": _with_tokens(lambda token: "x" * len(token)),
}
