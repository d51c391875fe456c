"""Every distribution that an environment has, in the order in which Python finds them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from importlib.metadata import Distribution
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from pytest_devsecops.dependencies.environment.layout import Layout
from pytest_devsecops.dependencies.environment.metadata import (
    Headers,
    MetadataError,
    licence_of,
    read_direct_url,
    read_headers,
    requirements_of,
)
from pytest_devsecops.dependencies.model import Licence, Origin, OriginKind

_LEGACY = (".egg-info", ".egg-link")


@dataclass(frozen=True, slots=True)
class Installed:
    """One installed distribution.

    Attributes:
        name: the normalised name.
        version: as its metadata writes it.
        folder: its ``.dist-info`` or ``.egg-info`` (which can be a file).
        directory: the folder on the path that it is installed in.
        requires: what it requires, markers not evaluated.
        licence: what it says about its licence.
        installer: who installed it (``pip``, ``uv``), or empty.
        requested: whether there is a ``REQUESTED`` file.
        origin: where it was installed from.
        hashes: of the archive that it was installed from, ``algorithm:hexdigest``.
        problems: what of its metadata cannot be used, each completing "its metadata …".
    """

    name: str
    version: str
    folder: Path
    directory: Path
    requires: tuple[Requirement, ...] = ()
    licence: Licence = field(default_factory=Licence)
    installer: str = ""
    requested: bool = False
    origin: Origin = field(default_factory=Origin)
    hashes: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()

    @property
    def is_legacy(self) -> bool:
        """Whether it is an egg, which lists no hashes of its files."""
        return self.folder.suffix != ".dist-info"

    @property
    def project(self) -> Path | None:
        """The folder of its sources if it is installed as editable."""
        if self.origin.kind is not OriginKind.EDITABLE:
            return None
        return Path(url2pathname(urlsplit(self.origin.url).path))


@dataclass(frozen=True, slots=True)
class Unusable:
    """Something on the path that looks like a distribution and cannot be used as one."""

    folder: Path
    message: str
    fix: str


@dataclass(frozen=True, slots=True)
class Listing:
    """What an environment has.

    Attributes:
        installed: one per name, the one that Python finds first.
        unusable: what else is there, each a gap in the listing.
    """

    installed: tuple[Installed, ...]
    unusable: tuple[Unusable, ...]


def list_installed(layout: Layout) -> Listing:
    """Return the distributions of an environment, and whatever could not be listed."""
    first: dict[str, Installed] = {}
    unusable: list[Unusable] = []
    for directory in layout.path:
        for folder in _metadata_folders(directory, unusable):
            found = _read(folder, directory)
            if isinstance(found, Unusable):
                unusable.append(found)
                continue
            earlier = first.setdefault(found.name, found)
            if earlier is not found and _is_source_of(earlier, found):
                first[found.name] = found
            elif not (earlier is found or _same(earlier, found) or _is_source_of(found, earlier)):
                unusable.append(_second(earlier, found))
    return Listing(tuple(first.values()), tuple(unusable))


def _metadata_folders(directory: Path, unusable: list[Unusable]) -> Iterator[Path]:
    if not directory.is_dir():
        if _archive_has_metadata(directory):
            message = f"{directory} is an archive on the path, and what is installed in it was not listed"
            unusable.append(Unusable(directory, message, "install its distributions as folders"))
        return
    try:
        names = sorted(entry.name for entry in os.scandir(directory))
    except OSError as error:
        message = f"{directory} cannot be listed: {error.strerror}"
        unusable.append(Unusable(directory, message, "make the folder readable"))
        return
    for name in names:
        if name.startswith("~") and name.endswith(".dist-info"):
            message = f"{name} is left over from an interrupted uninstall"
            unusable.append(Unusable(directory / name, message, f"delete it: {directory / name}"))
        elif name.endswith((".dist-info", *_LEGACY)) or name == "EGG-INFO":
            yield directory / name


def _archive_has_metadata(file: Path) -> bool:
    import zipfile

    if not zipfile.is_zipfile(file):
        return False
    with zipfile.ZipFile(file) as archive:
        return any(".dist-info/" in name or "EGG-INFO/" in name for name in archive.namelist())


def _read(folder: Path, directory: Path) -> Installed | Unusable:
    fix = f"reinstall the distribution, or delete {folder}"
    try:
        if folder.suffix == ".egg-link":
            return _read_egg_link(folder)
        if folder.suffix != ".dist-info":
            return _read_egg(folder, directory)
        return _read_dist_info(folder, directory)
    except OSError as error:
        return Unusable(folder, f"{folder.name} has no readable metadata: {error.strerror or error}", fix)
    except MetadataError as error:
        return Unusable(folder, f"{folder.name} {error}", fix)


def _read_dist_info(folder: Path, directory: Path) -> Installed:
    headers = read_headers((folder / "METADATA").read_bytes())
    name, version = _identity(headers)
    requires, bad = requirements_of(headers)
    problems = [*_header_problems(headers), *(f"requires {text!r}, which is no requirement" for text in bad)]
    stated_name, _, stated_version = folder.name.removesuffix(".dist-info").partition("-")
    if canonicalize_name(stated_name) != name or (stated_version and not _equal(stated_version, version)):
        problems.append(f"names {name} {version}, but its folder is {folder.name}")
    try:
        origin, hashes = read_direct_url(folder / "direct_url.json")
    except MetadataError as error:
        origin, hashes = Origin(), ()
        problems.append(str(error))
    installer = folder / "INSTALLER"
    return Installed(
        name,
        version,
        folder,
        directory,
        requires,
        licence_of(headers),
        installer.read_text(encoding="utf-8", errors="replace").strip() if installer.is_file() else "",
        (folder / "REQUESTED").is_file(),
        origin,
        hashes,
        tuple(problems),
    )


def _read_egg(folder: Path, directory: Path) -> Installed:
    file = folder / "PKG-INFO" if folder.is_dir() else folder
    headers = read_headers(file.read_bytes())
    name, version = _identity(headers)
    problems = list(_header_problems(headers))
    requires = []
    # The standard library knows both places where eggs list requirements (requires.txt is a dialect).
    for text in Distribution.at(folder).requires or ():
        try:
            requires.append(Requirement(text))
        except InvalidRequirement:
            problems.append(f"requires {text!r}, which is no requirement")
    return Installed(name, version, folder, directory, tuple(requires), licence_of(headers), problems=tuple(problems))


def _read_egg_link(link: Path) -> Installed:
    """Read what ``setup.py develop`` left: a file whose first line is the project's folder."""
    lines = link.read_text(encoding="utf-8").splitlines()
    project = Path(lines[0].strip() if lines else "")
    if not project.is_absolute():
        raise MetadataError("names no project folder")
    eggs = sorted(project.glob("*.egg-info"))
    wanted = canonicalize_name(link.stem)
    for egg in eggs:
        found = _read_egg(egg, project)
        if found.name == wanted:
            return replace(found, origin=Origin(OriginKind.EDITABLE, project.as_uri(), editable=True))
    raise MetadataError(f"points to {project}, which has no {link.stem}.egg-info")


def _identity(headers: Headers) -> tuple[str, str]:
    name, version = headers.first("name"), headers.first("version")
    if not name or not version:
        missing = " and ".join(word for word, value in (("name", name), ("version", version)) if not value)
        raise MetadataError(f"has metadata without a {missing}")
    return canonicalize_name(name), version


def _header_problems(headers: Headers) -> Iterator[str]:
    if headers.broken:
        yield f"has a line that is no header, and installers read nothing after it: {headers.broken[:60]!r}"


def _equal(one: str, other: str) -> bool:
    """Compare a version in a folder's name, where ``-`` is written ``_``, with the metadata's."""
    try:
        return Version(one.replace("_", "-")) == Version(other)
    except InvalidVersion:
        return one.replace("_", "-") == other.replace("_", "-")


def _same(one: Installed, other: Installed) -> bool:
    """Tell whether a second find hides nothing: the same folder found again, or the same version."""
    return one.version == other.version or one.folder.resolve() == other.folder.resolve()


def _is_source_of(egg: Installed, editable: Installed) -> bool:
    """Tell whether ``egg`` is the build metadata in the sources of the editable installation."""
    project = editable.project
    return project is not None and egg.is_legacy and egg.folder.resolve().is_relative_to(project.resolve())


def _second(first: Installed, other: Installed) -> Unusable:
    where = "in the same folder" if first.directory == other.directory else f"in {other.directory}"
    message = (
        f"{first.name} is installed twice: {first.version} is found first, and {other.version} {where} was not examined"
    )
    return Unusable(other.folder, message, f"uninstall one of them: {first.folder} or {other.folder}")
