"""Requests and answers of the provider's endpoints."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from pytest_devsecops.identity.http import Headers, Request, Response

#: RFC 6749, section 5.1; the referrer policy keeps codes out of ``Referer`` (RFC 9700, section 4.2.4).
NO_STORE: Headers = (("Cache-Control", "no-store"), ("Pragma", "no-cache"), ("Referrer-Policy", "no-referrer"))

_BAD_REQUEST = 400
_REDIRECTS = range(300, 400)


class OAuthError(Exception):
    """An error that the protocol has a name for.

    Args:
        error: its code, such as ``invalid_grant``.
        description: what is wrong, for the developer.
        status: of the HTTP answer.
    """

    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(description)
        self.error, self.description, self.status = error, description, status


def parameters(request: Request) -> tuple[dict[str, str], set[str]]:
    """Return a request's parameters (query and form), and those that it has more than once."""
    pairs = parse_qsl(urlsplit(request.url).query, keep_blank_values=True)
    if request.body and "application/x-www-form-urlencoded" in header_of(request, "content-type"):
        pairs += parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True)
    counts = Counter(name for name, _ in pairs)
    return dict(pairs), {name for name, count in counts.items() if count > 1}


def header_of(request: Request, name: str) -> str:
    """Return a header's first value, or an empty text."""
    return next((value for key, value in request.headers if key.lower() == name), "")


def cookie_of(request: Request, name: str) -> str:
    """Return a cookie's value, or an empty text."""
    for part in header_of(request, "cookie").split(";"):
        key, _, value = part.strip().partition("=")
        if key == name:
            return value
    return ""


def json_answer(value: object, *, status: int = 200, headers: Headers = NO_STORE) -> Response:
    """Return a JSON answer."""
    return Response(status, (("Content-Type", "application/json"), *headers), json.dumps(value).encode(), "")


def error_answer(error: OAuthError, *, basic: bool = False) -> Response:
    """Return an error of the token endpoint and its kin (RFC 6749, section 5.2)."""
    headers = (*NO_STORE, ("WWW-Authenticate", 'Basic realm="provider"')) if basic else NO_STORE
    body = {"error": error.error, "error_description": error.description}
    return json_answer(body, status=error.status, headers=headers)


def refusal_in(answer: Response) -> str:
    """Return what an answer says against its request, in one line; empty if nothing."""
    if answer.status in _REDIRECTS:
        said: object = dict(parse_qsl(urlsplit(answer.header("location")).query))
    elif answer.status < _BAD_REQUEST:
        return ""
    else:
        said = answer.json() or {"error": answer.text.strip() or f"status {answer.status}"}
    if not isinstance(said, dict) or "error" not in said:
        return ""
    more = said.get("error_description")
    return f"{said['error']}: {more}" if more else str(said["error"])


def printable(value: str) -> str:
    """Return what a request said in a form that is markup nowhere."""
    return quote(value, safe=":/?&=%#@+,;~ ")


def page(text: str, *, status: int, content_type: str = "text/plain; charset=utf-8") -> Response:
    """Return something for a person to read; plain text, so that nothing in it is markup."""
    headers = (("Content-Type", content_type), ("X-Content-Type-Options", "nosniff"), *NO_STORE)
    return Response(status, headers, text.encode(), "")


def redirect(uri: str, values: Mapping[str, str], *, headers: Headers = (), fragment: bool = False) -> Response:
    """Return a redirect with parameters added to the query (RFC 6749, section 4.1.2), or as a fragment."""
    location = uri
    if fragment:
        location = f"{uri}#{urlencode(values)}"
    elif values:
        location = f"{uri}{'&' if urlsplit(uri).query else '?'}{urlencode(values)}"
    # 303 rather than 307, which would repeat a posted form (RFC 9700, section 4.12).
    return Response(303, (("Location", location), *NO_STORE, *headers), b"", "")
