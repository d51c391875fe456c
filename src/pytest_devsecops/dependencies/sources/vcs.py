"""URLs of version control systems, as pip takes them (``git+https://host/path@revision#fragment``)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from pytest_devsecops.core.redaction import without_credentials
from pytest_devsecops.dependencies.model import Origin, OriginKind, SourceError

if TYPE_CHECKING:
    from requirements.requirement import Requirement as ParsedLine

_TRANSPORTS = {
    "git": ("http", "https", "ssh", "git", "file"),
    "hg": ("http", "https", "ssh", "static-http", "file"),
    "svn": ("http", "https", "ssh", "svn", "file"),
    "bzr": ("http", "https", "ssh", "sftp", "ftp", "lp", "file"),
}
#: Every scheme that pip hands to a version control system.
VCS_SCHEMES = frozenset(f"{system}+{transport}" for system, known in _TRANSPORTS.items() for transport in known)
#: A commit in full: SHA-1 or SHA-256.
_FULL_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}", re.IGNORECASE)


def with_vcs_prefix(url: str) -> str:
    """Return the URL of an editable with the system's prefix that pip adds: ``git:`` means ``git+git:``."""
    system = next((name for name in _TRANSPORTS if url.lower().startswith(f"{name}:")), None)
    return f"{system}+{url}" if system else url


def vcs_origin(url: str, *, editable: bool = False) -> Origin:
    """Return where a VCS URL leads: the repository without prefix, revision, fragment and credentials.

    Args:
        url: a URL with one of ``VCS_SCHEMES``.
        editable: whether it was asked for with ``-e``.

    Raises:
        ValueError: if the URL names no repository, or has an ``@`` without a revision behind it.
        SourceError: if ``requirements-parser`` is hidden by a module of the project.
    """
    shown = without_credentials(url)
    parts = urlsplit(url)
    if not (parts.hostname or re.sub(r"@[^@]*$", "", parts.path).strip("/")):
        raise ValueError(f"the URL {shown!r} names no repository")
    if parts.path.endswith("@"):
        raise ValueError(f"the URL {shown!r} has an @ without a revision")
    system, _, transport = parts.scheme.partition("+")
    # The parser lacks git+http and everything over file, and takes an @ in the authority for one in
    # the path; so it is given the path alone, below a host and over a transport that it knows.
    parsed = _parsed(f"{system}+https://host/{parts.path}")
    repository, revision = parsed["uri"].partition("//host/")[2], parsed["revision"] or ""
    # It cuts at the first @ of the path, pip at the last one.
    front, at, revision = revision.rpartition("@")
    address = urlunsplit((transport, parts.netloc, f"{repository}{at}{front}", parts.query, ""))
    commit = revision.lower() if _FULL_COMMIT.fullmatch(revision) else ""
    return Origin(OriginKind.VCS, without_credentials(address), revision, commit, editable=editable)


def _parsed(line: str) -> ParsedLine:
    try:
        from requirements.requirement import Requirement as ParsedLine
    except ImportError as error:
        raise SourceError(
            f"the module `requirements` that Python imports is not requirements-parser: {error}",
            remedy="rename your own module `requirements`, or reinstall requirements-parser",
        ) from error
    return ParsedLine.parse_line(line)
