"""What stands in a URL that pip is given: project name, version, hash, path. Nothing is opened."""

from __future__ import annotations

import os
import posixpath
import re
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

from packaging.utils import InvalidSdistFilename, InvalidWheelFilename, parse_sdist_filename, parse_wheel_filename

from pytest_devsecops.core.redaction import without_credentials
from pytest_devsecops.dependencies.sources.requirement_options import BadLineError

_ARCHIVES = (".zip", ".whl", ".bz2", ".tbz", ".gz", ".tgz", ".tar", ".xz", ".txz", ".tlz", ".lz", ".lzma")
#: Compressions that make an archive only of a ``.tar``.
_COMPRESSED = (".bz2", ".gz", ".xz", ".lz", ".lzma")
_EGG = re.compile(r"[#&]egg=([^&]*)")
_PROJECT_NAME = re.compile(r"[A-Z0-9]|[A-Z0-9][A-Z0-9._-]*[A-Z0-9]", re.IGNORECASE)
_URL_HASH = re.compile(r"[#&](sha512|sha384|sha256|sha224|sha1|md5)=([^&]*)")


def split_url(text: str) -> SplitResult:
    """Return the parts of a URL; of other text, whatever it has of them.

    Raises:
        BadLineError: if the text starts like a URL and is none.
    """
    try:
        return urlsplit(text)
    except ValueError as error:
        raise BadLineError(f"{without_credentials(text)!r} is not a URL: {error}", "correct the URL") from error


def egg_name(url: str) -> str | None:
    """Return the project name of an ``egg=`` fragment, or None.

    Raises:
        BadLineError: if it is no name; pip refuses such a URL.
    """
    found = _EGG.search(url)
    if found is None:
        return None
    if not _PROJECT_NAME.fullmatch(found[1]):
        raise BadLineError(
            f"the fragment egg={found[1]!r} is not a project's name",
            "write `name[extras] @ URL` without egg=",
        )
    return found[1]


def url_hashes(url: str) -> tuple[str, ...]:
    """Return the hash that the fragment gives as ``algorithm:digest``, or nothing."""
    found = _URL_HASH.search(url)
    return (f"{found[1]}:{found[2]}",) if found else ()


def told_by_file_name(url: str) -> tuple[str, str] | None:
    """Return the project and version in the name of a wheel or source archive, or None."""
    name = file_name(url)
    try:
        if name.endswith(".whl"):
            project, version, *_ = parse_wheel_filename(name)
        else:
            project, version = parse_sdist_filename(name)
    except (InvalidWheelFilename, InvalidSdistFilename):
        return None
    return str(project), str(version)


def file_name(url: str) -> str:
    """Return the last part of the URL's path."""
    return posixpath.basename(unquote(split_url(url).path).rstrip("/"))


def path_of(url: str, base: Path) -> Path:
    """Return the path of a ``file:`` URL; a relative one starts at ``base``.

    Raises:
        BadLineError: if it names a host.
    """
    parts = split_url(url)
    if parts.netloc not in ("", "localhost"):
        raise BadLineError(f"{url!r} names a host, and a file URL cannot", "write file:///path")
    return normal_path(base / path_in(parts.path))


def path_in(url_path: str) -> str:
    """Return the path in the file system that the path of a ``file:`` URL stands for."""
    from urllib.request import url2pathname  # costs more than everything else here to import

    return url2pathname(url_path)


def normal_path(path: Path) -> Path:
    """Return the absolute path without ``..``, symbolic links left as they are, as pip does."""
    return Path(os.path.normpath(path.absolute()))


def is_archive(path: str) -> bool:
    """Tell whether the name ends like an archive that pip installs."""
    front, extension = posixpath.splitext(path.lower())
    return extension in _ARCHIVES and (extension not in _COMPRESSED or front.endswith(".tar"))
