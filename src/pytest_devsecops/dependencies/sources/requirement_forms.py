"""One requirement as pip takes it: a PEP 508 string, a URL, a path, or an editable one of them.

What a line means can depend on the file system, because pip looks whether a path exists.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from packaging.markers import InvalidMarker, Marker
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from pytest_devsecops.core.redaction import without_credentials
from pytest_devsecops.dependencies.model import Origin, OriginKind
from pytest_devsecops.dependencies.sources.links import (
    egg_name,
    file_name,
    is_archive,
    normal_path,
    path_of,
    split_url,
    told_by_file_name,
    url_hashes,
)
from pytest_devsecops.dependencies.sources.project_name import project_name
from pytest_devsecops.dependencies.sources.requirement_options import BadLineError
from pytest_devsecops.dependencies.sources.vcs import VCS_SCHEMES, vcs_origin, with_vcs_prefix

_URL_SCHEMES = VCS_SCHEMES | {"http", "https", "file", "ftp"}
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
    path, extras = _path_and_extras(body)
    if _looks_like_path(body) or is_archive(path):
        # pip makes the path normal first and takes the extras off then.
        places = [_path_and_extras(os.path.normpath(folder.absolute() / body)) for folder in folders]
        local = _local_path([Path(place) for place, _ in places], body)
        if local is not None:
            return _from_url(local.as_uri(), places[0][1], marker, folders[0])
    form = read_pep508(body, folders[0])
    # What looks like extras at the end of an address counts as such to pip.
    return replace(form, marker=marker, extras=extras or form.extras)


def read_pep508(text: str, base: Path) -> Form:
    """Read a requirement as PEP 508 has it, the only form in metadata.

    Args:
        text: the requirement.
        base: where a relative path starts.

    Raises:
        BadLineError: if it is not valid.
    """
    try:
        parsed = Requirement(text)
    except InvalidRequirement as error:
        raise BadLineError(*_why_invalid(text, str(error))) from error
    extras = frozenset(parsed.extras)
    if parsed.url is None:
        return Form(parsed.name, parsed.specifier, extras, parsed.marker)
    egg_name(parsed.url)  # pip refuses a bad fragment even where the name stands before the URL
    origin = _url_origin(parsed.url, base)
    told = told_by_file_name(parsed.url) if origin.kind is not OriginKind.VCS else None
    version = told[1] if told and canonicalize_name(told[0]) == canonicalize_name(parsed.name) else None
    return Form(parsed.name, SpecifierSet(), extras, parsed.marker, origin, url_hashes(parsed.url), version)


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
        egg_name(url)
    else:
        url, extras = _editable_url(text, folders)
        name, marker = egg_name(url) or "", None
    if split_url(url).scheme in VCS_SCHEMES and name:
        origin = _vcs_origin(url, editable=True)
        return Form(name, extras=extras, marker=marker, origin=origin, hashes=url_hashes(url))
    if not url.startswith("file:"):
        wrong = "does not say which project it is" if split_url(url).scheme in VCS_SCHEMES else "cannot be editable"
        raise BadLineError(
            f"{without_credentials(text)!r} {wrong}",
            "name an existing folder, or write `name @ git+https://…`",
        )
    path = path_of(url, folders[0])
    origin = Origin(OriginKind.EDITABLE, str(path), editable=True)
    known = name or project_name(path)
    return Form(known, extras=extras, marker=marker, origin=origin, hashes=url_hashes(url), named_by_pip=bool(name))


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
        return normal_path(folder).as_uri(), extras
    if path.lower().startswith("file:"):
        return path, extras
    return with_vcs_prefix(text), frozenset()


def _from_url(url: str, extras: frozenset[str], marker: Marker | None, base: Path) -> Form:
    """Read a URL that stands alone, the name and version of which are in its file name or fragment."""
    egg = egg_name(url)
    origin = _url_origin(url, base)
    hashes = url_hashes(url)
    told = told_by_file_name(url) if origin.kind is not OriginKind.VCS else None
    if file_name(url).endswith(".whl"):
        if told is None:
            raise BadLineError(f"{file_name(url)!r} is not the name of a wheel", "correct the file's name")
        return Form(told[0], SpecifierSet(f"=={told[1]}"), extras, marker, origin, hashes, told[1])
    if egg:
        return Form(egg, SpecifierSet(), extras, marker, origin, hashes)
    local = project_name(Path(origin.url)) if origin.kind is OriginKind.PATH else None
    name, version = told or (local, None)
    return Form(name, SpecifierSet(), extras, marker, origin, hashes, version, named_by_pip=False)


def _url_origin(url: str, base: Path) -> Origin:
    scheme = split_url(url).scheme
    if scheme in VCS_SCHEMES:
        return _vcs_origin(url)
    if scheme == "file":
        return Origin(OriginKind.PATH, str(path_of(url, base)))
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
        folder = next((normal_path(place) for place in places if place.is_dir()), None)
        if folder is not None:
            if (folder / "pyproject.toml").is_file() or (folder / "setup.py").is_file():
                return folder
            raise BadLineError(
                f"the folder {written!r} has neither pyproject.toml nor setup.py",
                "name the folder of a project",
            )
    if not is_archive(str(places[0])):
        return None
    file = next((normal_path(place) for place in places if place.is_file()), None)
    if file is None and "@" in written and not _looks_like_path(written.partition("@")[0]):
        return None
    return file or normal_path(places[0])


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


def _looks_like_path(text: str) -> bool:
    return os.sep in text or (os.altsep is not None and os.altsep in text) or text.startswith(".")


def _is_url(text: str) -> bool:
    return split_url(text).scheme in _URL_SCHEMES


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
