"""Cookies as a browser keeps them (RFC 6265, section 5), for checks that must see every attribute.

The standard library's jar refuses ``Secure`` cookies over loopback HTTP and drops attributes, so a
check could neither replay nor judge them. Over loopback the connection counts as secure, as it does
in browsers (Secure Contexts, section 3.1).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from pytest_devsecops.identity.http import Response


@dataclass(frozen=True, slots=True)
class Cookie:
    """One ``Set-Cookie`` header.

    Attributes:
        name: the cookie's name.
        value: its value, unquoted nowhere.
        attributes: lower-case attribute names with their values, empty for flags.
        host: the host that set it.
    """

    name: str
    value: str
    attributes: dict[str, str] = field(default_factory=dict)
    host: str = ""

    @property
    def path(self) -> str:
        """The path it is sent to; ``/`` unless it says otherwise."""
        path = self.attributes.get("path", "/")
        return path if path.startswith("/") else "/"

    @property
    def removes(self) -> bool:
        """Whether the header takes the cookie away (an age of zero or an expiry long ago)."""
        age = self.attributes.get("max-age", "").strip()
        if age.lstrip("-").isdigit():
            return int(age) <= 0
        return "1970" in self.attributes.get("expires", "")


def parse_set_cookie(header: str, host: str = "") -> Cookie | None:
    """Parse one ``Set-Cookie`` header (RFC 6265, section 5.2); None if it names no cookie."""
    first, *rest = header.split(";")
    name, separator, value = first.partition("=")
    if not separator or not name.strip():
        return None
    attributes = {}
    for part in rest:
        key, _, text = part.partition("=")
        attributes[key.strip().lower()] = text.strip()
    return Cookie(name.strip(), value.strip(), attributes, host)


class CookieStore:
    """The cookies of one browser, for any number of hosts."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str, str], Cookie] = {}

    def receive(self, response: Response) -> list[Cookie]:
        """Keep what a response sets; returns it."""
        host = urlsplit(response.url).hostname or ""
        parsed = [parse_set_cookie(header, host) for header in response.every("set-cookie")]
        received = [cookie for cookie in parsed if cookie is not None]
        for cookie in received:
            key = (host, cookie.path, cookie.name)
            if cookie.removes:
                self._kept.pop(key, None)
            else:
                self._kept[key] = cookie
        return received

    def plant(self, cookie: Cookie) -> None:
        """Put a cookie in, as an attacker who controls a sibling host can."""
        self._kept[(cookie.host, cookie.path, cookie.name)] = cookie

    def for_url(self, url: str) -> list[Cookie]:
        """Return what a browser would send to ``url``, the longest path first (section 5.4)."""
        parts = urlsplit(url)
        path = parts.path or "/"
        found = [
            cookie for cookie in self._kept.values() if cookie.host == parts.hostname and _matches(path, cookie.path)
        ]
        return sorted(found, key=lambda cookie: -len(cookie.path))

    def all(self) -> list[Cookie]:
        """Return every cookie."""
        return list(self._kept.values())


def _matches(path: str, cookie_path: str) -> bool:
    """Path-match (section 5.1.4)."""
    if path == cookie_path:
        return True
    return path.startswith(cookie_path) and (cookie_path.endswith("/") or path[len(cookie_path)] == "/")
