"""URLs of version control systems, as pip takes them (``git+https://host/path@revision#fragment``)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

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
        ValueError: if the URL has no ``://``, or an ``@`` without a revision behind it.
        SourceError: if ``requirements-parser`` is hidden by a module of the project.
    """
    scheme, separator, rest = url.partition("://")
    rest = rest.partition("#")[0]
    if not separator or rest.endswith("@"):
        message = "has an @ without a revision" if separator else "has no ://"
        raise ValueError(f"the URL {without_credentials(url)!r} {message}")
    system, _, transport = scheme.lower().partition("+")
    # The parser lacks git+http and everything over file; what it splits does not depend on it.
    parsed = _parsed(f"{system}+https://{rest}")
    repository, revision = parsed["uri"].partition("://")[2], parsed["revision"] or ""
    # It cuts at the first @ of the path, pip at the last one.
    front, at, revision = revision.rpartition("@")
    address = without_credentials(f"{transport}://{repository}{at}{front}")
    commit = revision.lower() if _FULL_COMMIT.fullmatch(revision) else ""
    return Origin(OriginKind.VCS, address, revision, commit, editable=editable)


def _parsed(line: str) -> ParsedLine:
    try:
        from requirements.requirement import Requirement as ParsedLine
    except ImportError as error:
        raise SourceError(
            f"the module `requirements` that Python imports is not requirements-parser: {error}",
            remedy="rename your own module `requirements`, or reinstall requirements-parser",
        ) from error
    return ParsedLine.parse_line(line)
