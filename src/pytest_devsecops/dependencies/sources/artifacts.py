"""The files, hashes, times and origins that lock files give for a package."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote

from pytest_devsecops.core.redaction import without_credentials
from pytest_devsecops.dependencies.model import Artifact, Origin, OriginKind
from pytest_devsecops.dependencies.sources.entries import Entry, kind_of

#: ``algorithm:hexdigest``, which every format but PEP 751 writes.
_HASH = re.compile(r"[A-Za-z0-9_]+:[0-9A-Fa-f]+")
_COMMIT = re.compile(r"[0-9a-fA-F]{40}(?:[0-9a-fA-F]{24})?")


def address(entry: Entry, key: str) -> str:
    """Return the address or path at ``key`` without credentials; an empty one is a problem."""
    text = entry.text(key)
    if entry.table.get(key) == "":
        entry.trouble(f"has an empty {key}")
    return without_credentials(text)


def is_full_commit(text: str) -> bool:
    """Tell whether ``text`` is a whole commit id (SHA-1 or SHA-256), not a part of one or a name."""
    return _COMMIT.fullmatch(text) is not None


def vcs_origin(url: str, reference: str, commit: str) -> Origin:
    """Return the origin in a repository; what is not a whole commit id counts as what was asked for."""
    if commit and not is_full_commit(commit):
        reference, commit = reference or commit, ""
    return Origin(OriginKind.VCS, without_credentials(url), reference, commit)


def artifact(entry: Entry, *, name_keys: tuple[str, ...], hashes: tuple[str, ...], uploaded: str = "") -> Artifact:
    """Return one file of a package.

    Args:
        entry: the file's table.
        name_keys: the keys that may hold its name, before those of its ``url`` and ``path``.
        hashes: as ``algorithm:hexdigest``.
        uploaded: the key of its upload time; empty if the format has none.
    """
    url, path = entry.text("url"), entry.text("path")
    name = next((text for text in map(entry.text, name_keys) if text), "") or file_name(url or path)
    if not (name or hashes):
        entry.trouble("lists a file without name, address or hash")
    # Most addresses have no user part, and there are many: not even looking for one saves a tenth of the time.
    shown = without_credentials(url) if "@" in url else url
    return Artifact(name, shown, hashes, upload_time(entry, uploaded) if uploaded else None)


def file_name(url: str) -> str:
    """Return the file name at the end of an address or a path."""
    path = url.partition("#")[0].partition("?")[0]
    return unquote(path.replace("\\", "/").rpartition("/")[2])


def single_hash(entry: Entry, key: str) -> tuple[str, ...]:
    """Return the hash at ``key`` (``algorithm:hexdigest``), none if there is none."""
    text = entry.text(key)
    return checked_hashes(entry, [text]) if text else ()


def checked_hashes(entry: Entry, hashes: Iterable[str]) -> tuple[str, ...]:
    """Return the hashes that are ``algorithm:hexdigest``, in lower case; others are problems."""
    good = []
    for text in hashes:
        if _HASH.fullmatch(text):
            good.append(text.lower())
        elif text:
            entry.trouble("has a hash that is not written as algorithm:hexdigest")
    return tuple(good)


def joined_hashes(artifacts: Iterable[Artifact], more: Iterable[str] = ()) -> tuple[str, ...]:
    """Return every hash of ``artifacts`` and ``more`` once, in their order."""
    return tuple(dict.fromkeys([*(digest for one in artifacts for digest in one.hashes), *more]))


def upload_time(entry: Entry, key: str) -> datetime | None:
    """Return the time at ``key`` in UTC; without an offset it is UTC already (PEP 751, ``upload-time``)."""
    value = entry.table.get(key)
    if value is None:
        return None
    try:
        time = datetime.fromisoformat(value) if isinstance(value, str) else value
        if not isinstance(time, datetime):
            entry.trouble(f"{key} is {kind_of(value)} where a time is expected")
            return None
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        entry.trouble(f"{key} is not a time")
        return None


def is_same_folder(folder: Path, written: str) -> bool:
    """Tell whether a path that a file in ``folder`` writes means ``folder`` itself: the project."""
    path = written.removeprefix("file://").replace("\\", "/")
    return (
        path != ""
        and "\0" not in path
        and os.path.normpath(folder.absolute() / path) == os.path.normpath(folder.absolute())
    )
