"""One requirement as pip takes it: a PEP 508 string, a URL, a path, or an editable one of them.

What a line means can depend on the file system, because pip looks whether a path exists.
"""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from packaging.markers import InvalidMarker, Marker
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)

from pytest_devsecops.core.redaction import without_credentials
from pytest_devsecops.dependencies.model import Origin, OriginKind
from pytest_devsecops.dependencies.sources.project_name import project_name
from pytest_devsecops.dependencies.sources.requirement_options import BadLineError
from pytest_devsecops.dependencies.sources.vcs import VCS_SCHEMES, vcs_origin, with_vcs_prefix

_URL_SCHEMES = VCS_SCHEMES | {"http", "https", "file", "ftp"}
_ARCHIVES = (".zip", ".whl", ".bz2", ".tbz", ".gz", ".tgz", ".tar", ".xz", ".txz", ".tlz", ".lz", ".lzma")
#: Compressions that make an archive only of a ``.tar``.
_COMPRESSED = (".bz2", ".gz", ".xz", ".lz", ".lzma")
_EGG = re.compile(r"[#&]egg=([^&]*)")
_PROJECT_NAME = re.compile(r"[A-Z0-9]|[A-Z0-9][A-Z0-9._-]*[A-Z0-9]", re.IGNORECASE)
_URL_HASH = re.compile(r"[#&](sha512|sha384|sha256|sha224|sha1|md5)=([^&]*)")
_EXTRAS = re.compile(r"(.+)(\[[^\]]+\])")


@dataclass(frozen=True, slots=True)
class Form:
    """What one requirement says.

    Attributes:
        name: the name as written, or as the file name or the local project says; None if only
            building it would tell.
        specifier: the versions that it allows.
        extras: the extras it asks for, as written.
        marker: when it applies; None is always.
        origin: where it comes from; an index if it names no other place.
        hashes: ``algorithm:digest`` that its URL carries.
        version: of an archive, if its file name tells.
        named_by_pip: whether pip too knows the name before it builds anything.
    """

    name: str | None
    specifier: SpecifierSet = field(default_factory=SpecifierSet)
    extras: frozenset[str] = frozenset()
    marker: Marker | None = None
    origin: Origin = field(default_factory=lambda: Origin(OriginKind.INDEX))
    hashes: tuple[str, ...] = ()
    version: str | None = None
    named_by_pip: bool = True


def read_requirement(text: str, folders: Sequence[Path]) -> Form:
    """Read a requirement that is not editable.

    Args:
        text: the line without its options.
        folders: where relative paths may start; the first that has the path is taken.

    Raises:
        BadLineError: if pip refuses it.
    """
    body, _, condition = text.partition("; " if _is_url(text) else ";")
    body = body.strip()
    marker = _marker(condition.strip())
    if _is_url(body):
        return _from_url(body, frozenset(), marker, folders[0])
    # pip makes the path normal first and takes the extras off then.
    places = [_path_and_extras(os.path.normpath(folder.absolute() / body)) for folder in folders]
    local = _local_path([Path(path) for path, _ in places], body)
    if local is not None:
        return _from_url(local.as_uri(), places[0][1], marker, folders[0])
    return _from_pep508(body, marker)


def read_editable(text: str, folders: Sequence[Path]) -> Form:
    """Read the value of ``-e``.

    Args:
        text: the value.
        folders: as in ``read_requirement``.

    Raises:
        BadLineError: if pip refuses it.
    """
    named = _url_with_name(text)
    if named is not None:
        name, url, extras, marker = named.name, str(named.url), frozenset(named.extras), named.marker
        _egg(url)
    else:
        url, extras = _editable_url(text, folders)
        name, marker = _egg(url) or "", None
    if _scheme(url) in VCS_SCHEMES and name:
        origin = _vcs_origin(url, editable=True)
        return Form(name, extras=extras, marker=marker, origin=origin, hashes=_url_hashes(url))
    if not url.startswith("file:"):
        wrong = "does not say which project it is" if _scheme(url) in VCS_SCHEMES else "cannot be editable"
        raise BadLineError(
            f"{without_credentials(text)!r} {wrong}",
            "name an existing folder, or write `name @ git+https://…`",
        )
    path = _path_of(url, folders[0])
    origin = Origin(OriginKind.EDITABLE, str(path), editable=True)
    known = name or project_name(path)
    return Form(known, extras=extras, marker=marker, origin=origin, hashes=_url_hashes(url), named_by_pip=bool(name))


def _url_with_name(text: str) -> Requirement | None:
    try:
        parsed = Requirement(text)
    except InvalidRequirement:
        return None
    return parsed if parsed.url else None


def _editable_url(text: str, folders: Sequence[Path]) -> tuple[str, frozenset[str]]:
    path, extras = _path_and_extras(text)
    folder = next((base / path for base in folders if (base / path).is_dir()), None)
    if folder is not None:
        return _normal(folder).as_uri(), extras
    if path.lower().startswith("file:"):
        return path, extras
    return with_vcs_prefix(text), frozenset()


def _from_pep508(text: str, marker: Marker | None) -> Form:
    try:
        parsed = Requirement(text)
    except InvalidRequirement as error:
        raise BadLineError(*_why_invalid(text, str(error))) from error
    extras = frozenset(parsed.extras)
    if parsed.url is None:
        return Form(parsed.name, parsed.specifier, extras, marker)
    _egg(parsed.url)  # pip refuses a bad fragment even where the name stands before the URL
    told = _told_by_file_name(parsed.url)
    version = told[1] if told and canonicalize_name(told[0]) == canonicalize_name(parsed.name) else None
    origin = _url_origin(parsed.url, Path())
    return Form(parsed.name, SpecifierSet(), extras, marker, origin, _url_hashes(parsed.url), version)


def _from_url(url: str, extras: frozenset[str], marker: Marker | None, base: Path) -> Form:
    """Read a URL that stands alone, the name and version of which are in its file name or fragment."""
    egg = _egg(url)
    origin = _url_origin(url, base)
    hashes = _url_hashes(url)
    told = _told_by_file_name(url) if origin.kind is not OriginKind.VCS else None
    if _file_name(url).endswith(".whl"):
        if told is None:
            raise BadLineError(f"{_file_name(url)!r} is not the name of a wheel", "correct the file's name")
        return Form(told[0], SpecifierSet(f"=={told[1]}"), extras, marker, origin, hashes, told[1])
    if egg:
        return Form(egg, SpecifierSet(), extras, marker, origin, hashes)
    local = project_name(Path(origin.url)) if origin.kind is OriginKind.PATH else None
    name, version = told or (local, None)
    return Form(name, SpecifierSet(), extras, marker, origin, hashes, version, named_by_pip=False)


def _url_origin(url: str, base: Path) -> Origin:
    scheme = _scheme(url)
    if scheme in VCS_SCHEMES:
        return _vcs_origin(url)
    if scheme == "file":
        return Origin(OriginKind.PATH, str(_path_of(url, base)))
    return Origin(OriginKind.URL, without_credentials(url.partition("#")[0]))


def _vcs_origin(url: str, *, editable: bool = False) -> Origin:
    try:
        return vcs_origin(url, editable=editable)
    except ValueError as error:
        raise BadLineError(str(error), "write for example git+https://host/path@revision") from error


def _local_path(places: Sequence[Path], written: str) -> Path | None:
    """Return the folder or archive that a requirement names, or None if it is no path to pip.

    Args:
        places: where it can be, the likeliest first; never empty.
        written: what the line says.
    """
    if _looks_like_path(written):
        folder = next((_normal(place) for place in places if place.is_dir()), None)
        if folder is not None:
            if (folder / "pyproject.toml").is_file() or (folder / "setup.py").is_file():
                return folder
            raise BadLineError(
                f"the folder {written!r} has neither pyproject.toml nor setup.py",
                "name the folder of a project",
            )
    if not _is_archive(str(places[0])):
        return None
    file = next((_normal(place) for place in places if place.is_file()), None)
    if file is None and "@" in written and not _looks_like_path(written.partition("@")[0]):
        return None
    return file or _normal(places[0])


def _path_and_extras(text: str) -> tuple[str, frozenset[str]]:
    found = _EXTRAS.fullmatch(text)
    if found is None:
        return text, frozenset()
    try:
        extras = Requirement(f"placeholder{found[2].lower()}").extras
    except InvalidRequirement as error:
        raise BadLineError(f"the extras {found[2]!r} are not valid") from error
    return found[1].rstrip(), frozenset(extras)


def _marker(text: str) -> Marker | None:
    if not text:
        return None
    try:
        return Marker(text)
    except InvalidMarker as error:
        raise BadLineError(f"the marker {text!r} is not valid") from error


def _egg(url: str) -> str | None:
    found = _EGG.search(url)
    if found is None:
        return None
    if not _PROJECT_NAME.fullmatch(found[1]):
        raise BadLineError(
            f"the fragment egg={found[1]!r} is not a project's name",
            "write `name[extras] @ URL` without egg=",
        )
    return found[1]


def _url_hashes(url: str) -> tuple[str, ...]:
    found = _URL_HASH.search(url)
    return (f"{found[1]}:{found[2]}",) if found else ()


def _told_by_file_name(url: str) -> tuple[str, str] | None:
    name = _file_name(url)
    try:
        if name.endswith(".whl"):
            project, version, *_ = parse_wheel_filename(name)
        else:
            project, version = parse_sdist_filename(name)
    except (InvalidWheelFilename, InvalidSdistFilename):
        return None
    return str(project), str(version)


def _file_name(url: str) -> str:
    return posixpath.basename(unquote(urlsplit(url).path).rstrip("/"))


def _path_of(url: str, base: Path) -> Path:
    parts = urlsplit(url)
    if parts.netloc not in ("", "localhost"):
        raise BadLineError(f"{url!r} names a host, and a file URL cannot", "write file:///path")
    return _normal(base / path_in(parts.path))


def path_in(url_path: str) -> str:
    """Return the path in the file system that the path of a ``file:`` URL stands for."""
    from urllib.request import url2pathname  # costs more than everything else here to import

    return url2pathname(url_path)


def _normal(path: Path) -> Path:
    """Return the absolute path without ``..``, symbolic links left as they are, as pip does."""
    return Path(os.path.normpath(path.absolute()))


def _is_archive(path: str) -> bool:
    front, extension = posixpath.splitext(path.lower())
    return extension in _ARCHIVES and (extension not in _COMPRESSED or front.endswith(".tar"))


def _looks_like_path(text: str) -> bool:
    return os.sep in text or (os.altsep is not None and os.altsep in text) or text.startswith(".")


def _is_url(text: str) -> bool:
    return _scheme(text) in _URL_SCHEMES


def _scheme(text: str) -> str:
    try:
        return urlsplit(text).scheme
    except ValueError as error:
        raise BadLineError(f"{without_credentials(text)!r} is not a URL: {error}", "correct the URL") from error


def _why_invalid(text: str, reason: str) -> tuple[str, str]:
    """Return the message and the remedy for a requirement that PEP 508 does not allow."""
    message = f"{without_credentials(text)!r} is not a requirement: {reason.splitlines()[0]}"
    if os.sep in text:
        return message, "if it is a path, name an existing project or archive, from the project's root"
    if "=" in text and not re.search(r"[~=!<>]=|[<>]", text):
        return message, "write == instead of ="
    if "#" in text:
        return message, "put white space before the # of a comment"
    return message, "write it as name, extras, versions and marker: name[extra]>=1; python_version >= '3.11'"
