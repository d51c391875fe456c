"""Addresses in the form in which they can be compared, so that no spelling gets around a comparison."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

_DEFAULT_PORTS = {"http": 80, "https": 443, "ssh": 22, "git": 9418, "ftp": 21, "svn": 3690}
#: Transports that neither encrypt nor prove who answers.
_INSECURE = frozenset({"http", "git", "ftp", "svn", "static-http", "lp"})
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
#: ``user@host:path``, which ``git`` reads as SSH (git-clone, "Git URLs").
_SCP_LIKE = re.compile(r"(?:[^@/\s:]+@)?(?P<host>[A-Za-z0-9.-]{2,}):(?!//)(?P<path>\S+)")
#: What no address may have: browsers and installers disagree about where such an address leads.
_AMBIGUOUS = re.compile(r"[\s\\\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Address:
    """A URL in normal form (RFC 3986, section 6.2).

    Attributes:
        scheme: in lower case, without a version control system's prefix; empty if it does not matter.
        host: in lower case, without user and password.
        port: None for the scheme's default.
        segments: the path, decoded, without empty segments, so that a trailing slash is the same.
        query: the query as written.
    """

    scheme: str
    host: str
    port: int | None = None
    segments: tuple[str, ...] = ()
    query: str = ""

    @property
    def is_secure(self) -> bool:
        """Whether the transport proves who answers, or never leaves this machine."""
        return self.scheme not in _INSECURE or self.host in _LOOPBACK

    def covers(self, other: Address) -> bool:
        """Tell whether ``other`` is this address or lies below it."""
        return (
            self.scheme in ("", other.scheme)
            and (self.host, self.port) == (other.host, other.port)
            and other.segments[: len(self.segments)] == self.segments
        )

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = f":{self.port}" if self.port else ""
        scheme = f"{self.scheme}://" if self.scheme else ""
        return "/".join([f"{scheme}{host}{port}", *self.segments]) + (f"?{self.query}" if self.query else "")


def parse_address(text: str) -> Address:
    """Return the normal form of a URL, a repository's address, or ``host/path``.

    Raises:
        ValueError: if it has no host, or can be read in more than one way.
    """
    text = text.strip()
    if _AMBIGUOUS.search(text):
        raise ValueError(f"{text!r} has white space, a backslash or a control character")
    scp = _SCP_LIKE.fullmatch(text) if "://" not in text and not _has_port(text) else None
    if scp:
        text = f"ssh://{scp['host']}/{scp['path']}"
    parts = urlsplit(text if "://" in text else f"//{text}")
    scheme = parts.scheme.rpartition("+")[2]
    host = parts.hostname or ""
    if not host:
        raise ValueError(f"{text!r} has no host; write for example https://index.example/simple")
    port = parts.port
    path = unquote(parts.path)
    segments = tuple(segment for segment in path.split("/") if segment)
    if "%" in path or "\\" in path or {".", ".."} & set(segments):
        raise ValueError(f"{text!r} has a path that can be read in more than one way")
    return Address(scheme, host, None if port == _DEFAULT_PORTS.get(scheme) else port, segments, parts.query)


def repository_address(text: str) -> Address:
    """Return the normal form of a repository's address, in which a final ``.git`` is the same.

    Raises:
        ValueError: as ``parse_address``.
    """
    address = parse_address(text)
    if not address.segments:
        return address
    *front, last = address.segments
    return Address(address.scheme, address.host, address.port, (*front, last.removesuffix(".git")))


def _has_port(text: str) -> bool:
    return re.fullmatch(r"[^/@\s]+:\d+(?:/.*)?", text) is not None
