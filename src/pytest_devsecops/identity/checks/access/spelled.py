"""Other spellings of one request, each of which some router takes for the same and some guard does not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pytest_devsecops.identity.http import Headers
from pytest_devsecops.identity.target import Operation

#: A method that nobody knows (WSTG-CONF-06 calls it so).
MADE_UP = "JEFF"
_READING = ("GET", "QUERY")


def _same(path: str) -> str:
    return path


def _nothing(_method: str, _address: str) -> Headers:
    return ()


@dataclass(frozen=True, slots=True)
class Spelling:
    """One other spelling.

    Attributes:
        name: what it is, for a message: "reaches it with …".
        method: the method that is sent; the operation's own if empty.
        path: what becomes of the path.
        headers: what is sent along, from the operation's method and its address.
        query: added to the address, with ``{method}`` for the operation's.
        elsewhere: whether the request goes to another address, and the header says which is meant.
    """

    name: str
    method: str = ""
    path: Callable[[str], str] = _same
    headers: Callable[[str, str], Headers] = _nothing
    query: str = ""
    elsewhere: bool = False

    def fits(self, operation: Operation) -> bool:
        """Tell whether it is another spelling of an operation at all."""
        if self.method:
            # The answer to HEAD has no content, so nothing is read with it.
            return self.method != operation.method and not (self.method == "HEAD" and operation.method in _READING)
        return self.headers is not _nothing or self.path(operation.path) != operation.path

    def of(self, method: str, address: str) -> tuple[str, str, Headers]:
        """Return method, address and headers for a request that had this method and address."""
        path, mark, query = address.partition("?")
        more = self.query.format(method=method)
        asked = "&".join(part for part in (query, more) if part)
        return (
            self.method or method,
            self.path(path) + (mark or "?") * bool(asked) + asked,
            self.headers(method, address),
        )


def _first(path: str, change: Callable[[str], str]) -> str:
    """Change the first segment of a path."""
    lead, slash, rest = path.lstrip("/").partition("/")
    return f"/{change(lead)}{slash}{rest}"


def _escaped(path: str, letter: str) -> str:
    return _first(path, lambda word: letter.format(ord(word[0])) + word[1:] if word else word)


def _last_slash(path: str, instead: str) -> str:
    lead, _, last = path.rstrip("/").rpartition("/")
    return f"{lead}{instead}{last}" if lead else path


_PATHS = (
    Spelling("a slash more or less", path=lambda path: path.rstrip("/") if path.endswith("/") else f"{path}/"),
    Spelling("two slashes in front", path=lambda path: f"/{path}"),
    Spelling("two slashes within", path=lambda path: _last_slash(path, "//")),
    Spelling("an escaped slash", path=lambda path: _last_slash(path, "%2f")),
    Spelling("capitals", path=lambda path: _first(path, str.upper)),
    Spelling("an escaped letter", path=lambda path: _escaped(path, "%{:02x}")),
    Spelling("a letter escaped twice", path=lambda path: _escaped(path, "%25{:02x}")),
    Spelling("an escaped dot in front", path=lambda path: f"/%2e{path}"),
    Spelling("an escaped dot behind", path=lambda path: f"{path.rstrip('/')}/%2e"),
    Spelling("escaped dots that lead back", path=lambda path: f"/x/%2e%2e{path}"),
    Spelling("a slash escaped behind dots", path=lambda path: f"/x/..%2f{path.lstrip('/')}"),
    Spelling("a path parameter in front", path=lambda path: f"/;x{path}"),
    Spelling("dots with a path parameter", path=lambda path: f"/x/..;{path}"),
    Spelling("a path parameter in the first segment", path=lambda path: _first(path, lambda word: f"{word};x=1")),
    Spelling("a path parameter behind", path=lambda path: f"{path};x"),
    Spelling("a suffix for the format", path=lambda path: f"{path.rstrip('/')}.json"),
    Spelling("a space behind", path=lambda path: f"{path}%20"),
    Spelling("a zero byte behind", path=lambda path: f"{path}%00"),
)
_METHODS = tuple(Spelling(f"the method {method}", method=method) for method in ("GET", "HEAD", "POST", "PUT", MADE_UP))
#: Headers are sent together: one more does no harm, and each request costs time.
_OVERRIDES = (
    *(
        Spelling(
            f"X-HTTP-Method-Override, X-HTTP-Method or X-Method-Override in a {carrier}",
            method=carrier,
            headers=lambda method, _address: tuple(
                (name, method) for name in ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override")
            ),
        )
        for carrier in ("POST", "GET")
    ),
    Spelling("_method in the query of a POST", method="POST", query="_method={method}"),
)
_ELSEWHERE = Spelling(
    "X-Original-URL or X-Rewrite-URL in a request for /",
    path=lambda _path: "/",
    headers=lambda _method, address: (("X-Original-URL", address), ("X-Rewrite-URL", address)),
    elsewhere=True,
)
_LOCAL = Spelling(
    "headers that claim to come from the machine itself",
    headers=lambda _method, _address: (
        *((name, "127.0.0.1") for name in ("X-Forwarded-For", "X-Real-IP", "X-Client-IP", "True-Client-IP")),
        ("Forwarded", "for=127.0.0.1"),
    ),
)

SPELLINGS = (*_PATHS, *_METHODS, *_OVERRIDES, _ELSEWHERE, _LOCAL)
