"""Requests and responses, independent of the client library and of how the application is reached."""

from __future__ import annotations

import json
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar
from urllib.parse import urlencode, urljoin, urlsplit

T = TypeVar("T")
Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Request:
    """One request, exactly as it goes out.

    Attributes:
        method: in upper case.
        url: absolute.
        headers: names and values in order; a name may repeat.
        body: the encoded body.
        client: the address that it comes from (``127.0.0.9``), where the way to the application
            can choose it; empty for any.
    """

    method: str
    url: str
    headers: Headers = ()
    body: bytes = b""
    client: str = ""


@dataclass(frozen=True, slots=True)
class Response:
    """One response, exactly as it came in.

    Attributes:
        status: the HTTP status code.
        headers: names and values in order; ``Set-Cookie`` repeats.
        body: the decoded (not compressed) body.
        url: what was asked for.
    """

    status: int
    headers: Headers
    body: bytes
    url: str

    def header(self, name: str) -> str:
        """Return the first value of a header, or an empty string."""
        return next(iter(self.every(name)), "")

    def every(self, name: str) -> list[str]:
        """Return every value of a header."""
        return [value for key, value in self.headers if key.lower() == name.lower()]

    @property
    def text(self) -> str:
        """The body as text; bytes that are not UTF-8 are replaced."""
        return self.body.decode("utf-8", errors="replace")

    def json(self) -> Any:  # noqa: ANN401 - any JSON value
        """Return the decoded JSON body, or None if it is none."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None

    @property
    def location(self) -> str:
        """The absolute target of a redirect, or an empty string."""
        found = self.header("location")
        return urljoin(self.url, found) if found and 300 <= self.status < 400 else ""  # noqa: PLR2004 - 3xx


class Transport(Protocol):
    """A way to an application. Opened by a target, closed when the session ends."""

    def send(self, request: Request) -> Response:
        """Send one request; no redirect is followed, no cookie is kept, nothing is retried.

        Raises:
            UnreachableError: if no response came.
        """

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Wait for something asynchronous: on the application's own event loop, if it has one here."""

    def close(self) -> None:
        """Shut down what was opened."""


def form_body(fields: dict[str, str]) -> tuple[bytes, tuple[str, str]]:
    """Return the body of an HTML form and its ``Content-Type`` header."""
    return urlencode(fields).encode(), ("Content-Type", "application/x-www-form-urlencoded")


def json_body(value: object) -> tuple[bytes, tuple[str, str]]:
    """Return a JSON body and its ``Content-Type`` header."""
    return json.dumps(value).encode(), ("Content-Type", "application/json")


def is_loopback(url: str) -> bool:
    """Tell whether an address is on this machine (RFC 6761, section 6.3; RFC 1122, section 3.2.1.3)."""
    host = urlsplit(url).hostname or ""
    return host in ("localhost", "::1") or host.startswith("127.") or host.endswith(".localhost")
