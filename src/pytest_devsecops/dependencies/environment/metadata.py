"""One distribution's metadata, from its ``.dist-info`` or ``.egg-info``.

Sources: PyPA "Core metadata specifications", "Recording installed projects", PEP 610.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement

from pytest_devsecops.core.redaction import without_credentials
from pytest_devsecops.dependencies.model import Licence, Origin, OriginKind

_LINE_END = re.compile(r"\r\n|\r|\n")
_BLANK_LINE = re.compile(rb"\r?\n\r?\n")
_COMMIT = re.compile(r"[0-9a-fA-F]{40}(?:[0-9a-fA-F]{24})?")


class MetadataError(ValueError):
    """Metadata that cannot be used; the message completes "its metadata …"."""


@dataclass(frozen=True, slots=True)
class Headers:
    """The header fields of core metadata, without the description.

    Attributes:
        fields: every value by lower-case field name, in order; continuation lines joined by line feeds.
        broken: the first line that is no header, or empty. An e-mail parser, as pip uses one, takes
            it and everything after it for the description.
    """

    fields: Mapping[str, tuple[str, ...]]
    broken: str = ""

    def first(self, name: str) -> str:
        """Return the first value of ``name``, or an empty string."""
        return next(iter(self.fields.get(name, ())), "").strip()


def read_headers(data: bytes) -> Headers:
    """Split core metadata into its fields (RFC 822 headers in UTF-8).

    The description after the first blank line is not looked at: reading it with ``email`` takes
    about ten times as long as all the rest.
    """
    head = _BLANK_LINE.split(data, maxsplit=1)[0].decode("utf-8", errors="replace")
    fields: dict[str, list[str]] = {}
    current: list[str] = []
    for line in _LINE_END.split(head.lstrip("\ufeff")):
        if line[:1] in (" ", "\t") and current:
            current[-1] += "\n" + line
            continue
        name, colon, value = line.partition(":")
        if not colon or not name or " " in name:
            return Headers({key: tuple(values) for key, values in fields.items()}, line if line.strip() else "")
        current = fields.setdefault(name.lower(), [])
        current.append(value.strip())
    return Headers({key: tuple(values) for key, values in fields.items()})


def licence_of(headers: Headers) -> Licence:
    """Return what the metadata says about the licence, as it stands there."""
    classifiers = tuple(one for one in headers.fields.get("classifier", ()) if one.startswith("License ::"))
    return Licence(headers.first("license-expression"), classifiers, headers.first("license"))


def requirements_of(headers: Headers) -> tuple[tuple[Requirement, ...], tuple[str, ...]]:
    """Return the requirements, and those ``Requires-Dist`` values that are none (PEP 508)."""
    good, bad = [], []
    for text in headers.fields.get("requires-dist", ()):
        try:
            good.append(Requirement(text))
        except InvalidRequirement:
            bad.append(text)
    return tuple(good), tuple(bad)


def read_direct_url(file: Path) -> tuple[Origin, tuple[str, ...]]:
    """Return where a distribution was installed from, and the hashes of its archive (PEP 610).

    Without the file nothing is known: it came from an index, or from an installer that records nothing.

    Raises:
        MetadataError: if the file does not follow PEP 610.
    """
    try:
        data = json.loads(file.read_bytes())
    except FileNotFoundError:
        return Origin(), ()
    except (OSError, ValueError) as error:
        raise MetadataError(f"has a direct_url.json that is not JSON: {error}") from None
    if not isinstance(data, dict) or not isinstance(data.get("url"), str):
        raise MetadataError("has a direct_url.json without a url")
    url = without_credentials(data["url"])
    info = {key: data[key] for key in ("vcs_info", "archive_info", "dir_info") if isinstance(data.get(key), dict)}
    if len(info) != 1:
        raise MetadataError("has a direct_url.json with none or several of vcs_info, archive_info and dir_info")
    if "vcs_info" in info:
        return _vcs_origin(url, info["vcs_info"]), ()
    if "dir_info" in info:
        editable = info["dir_info"].get("editable") is True
        return Origin(OriginKind.EDITABLE if editable else OriginKind.PATH, url, editable=editable), ()
    kind = OriginKind.PATH if url.startswith("file:") else OriginKind.URL
    return Origin(kind, url), _archive_hashes(info["archive_info"])


def _vcs_origin(url: str, info: Mapping[str, Any]) -> Origin:
    commit, asked = info.get("commit_id"), info.get("requested_revision") or ""
    if not isinstance(commit, str) or not isinstance(asked, str):
        raise MetadataError("has a direct_url.json whose vcs_info has no commit_id")
    # A number of Subversion, or a part of a commit's id, names no content.
    if not _COMMIT.fullmatch(commit):
        return Origin(OriginKind.VCS, url, asked or commit)
    return Origin(OriginKind.VCS, url, asked, commit)


def _archive_hashes(info: Mapping[str, Any]) -> tuple[str, ...]:
    hashes = dict(info["hashes"]) if isinstance(info.get("hashes"), dict) else {}
    legacy = info.get("hash")
    if isinstance(legacy, str) and "=" in legacy:
        hashes.setdefault(*legacy.split("=", 1))
    return tuple(f"{algorithm}:{digest}" for algorithm, digest in sorted(hashes.items()) if isinstance(digest, str))
