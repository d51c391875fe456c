"""The source ``Pipfile.lock``, ``pipfile-spec`` 6. What is direct is said by the ``Pipfile`` beside it."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from packaging.utils import canonicalize_name

from pytest_devsecops.core.findings import Finding
from pytest_devsecops.core.redaction import without_credentials
from pytest_devsecops.dependencies.model import (
    MAIN,
    Artifact,
    Dependency,
    Graph,
    OptionName,
    Origin,
    OriginKind,
    ReadContext,
    SourceError,
    SourceKind,
    SourceOption,
    SourceRead,
    unreadable,
)
from pytest_devsecops.dependencies.sources.artifacts import (
    address,
    checked_hashes,
    file_name,
    is_same_folder,
    vcs_origin,
)
from pytest_devsecops.dependencies.sources.documents import Document, read_json, read_toml
from pytest_devsecops.dependencies.sources.entries import Entry, kind_of, normalised
from pytest_devsecops.dependencies.sources.markers import any_marker, marker_of

_SPEC = 6
_VCS = ("git", "hg", "svn", "bzr")
_EXACT = re.compile(r"={2,3}\s*(?P<version>[^\s,*]+)")
_SCHEME = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.-]+)://")


@dataclass(frozen=True, slots=True)
class PipfileLockReader:
    """Reads ``Pipfile.lock``."""

    name: str = "Pipfile.lock"
    kind: SourceKind = SourceKind.LOCK
    patterns: tuple[str, ...] = ("Pipfile.lock",)

    def read(self, path: Path, context: ReadContext) -> Graph:
        """Read the file into a graph without the project itself.

        Raises:
            SourceError: if it is not JSON, or has no object ``_meta`` and so is no lock file of Pipenv.
        """
        document = read_json(path, context)
        if not isinstance(document.data.get("_meta"), dict):
            raise document.error(
                "is no lock file of Pipenv: it has no object _meta",
                remedy="name the right file, or write it again with `pipenv lock`",
            )
        problems: list[Finding] = []
        lock = _Lock(document, _declared(path.parent, context, problems), problems)
        dependencies = lock.dependencies()
        read = SourceRead(document.name, self.name, self.kind, document.sha256, len(dependencies))
        return Graph(dependencies, (read,), tuple(problems), lock.options())


class _Lock:
    """One file while it is read."""

    def __init__(self, document: Document, declared: frozenset[str] | None, problems: list[Finding]) -> None:
        self._document = document
        self._declared = declared
        self._problems = problems
        self._meta = Entry(document.data["_meta"], document.at(1), document.name, problems)
        self._sources = self._meta.tables("sources")
        self._urls = {source.text("name"): without_credentials(source.text("url")) for source in self._sources}
        spec = document.data["_meta"].get("pipfile-spec")
        if spec != _SPEC:
            self._meta.trouble(
                f"has pipfile-spec {spec if isinstance(spec, int) else kind_of(spec)}, and only {_SPEC} is known",
                fix="upgrade pytest-devsecops, or lock with a version of Pipenv that writes pipfile-spec 6",
            )

    def options(self) -> tuple[SourceOption, ...]:
        """Return the indexes: the first is asked unless a package names another."""
        options = []
        for number, source in enumerate(self._sources):
            url = without_credentials(source.text("url"))
            name = OptionName.EXPLICIT_INDEX_URL if number else OptionName.INDEX_URL
            options.append(SourceOption(name, url, self._document.name, source.location))
            if source.table.get("verify_ssl") is False:
                host = _host(url)
                options.append(SourceOption(OptionName.TRUSTED_HOST, host, self._document.name, source.location))
        return tuple(options)

    def dependencies(self) -> tuple[Dependency, ...]:
        """Return every package of every category but the project; one in several categories stands once."""
        found: dict[tuple[str, str | None, str, Origin], Dependency] = {}
        for entry, name, group in self._entries():
            one = self._dependency(entry, name, group)
            key = (one.name, one.version, one.specifier, one.origin)
            found[key] = _joined(found[key], one) if key in found else one
        folder = self._document.path.parent
        return tuple(
            one
            for one in found.values()
            if one.origin.kind not in (OriginKind.PATH, OriginKind.EDITABLE)
            or not is_same_folder(folder, one.origin.url)
        )

    def _entries(self) -> list[tuple[Entry, str, str]]:
        """Return the entries with their normalised names and their groups."""
        lines = self._document.member_lines()
        entries = []
        for category, members in self._document.data.items():
            if category == "_meta":
                continue
            if not isinstance(members, dict):
                self._meta.trouble(f"{category} is {kind_of(members)} where an object is expected")
                continue
            for written, table in members.items():
                place = self._document.at(lines.get((category, written)))
                name = normalised(written)
                blank = Entry({}, place, name or repr(written), self._problems)
                if name is None:
                    blank.trouble("is a name that no package can have")
                elif not isinstance(table, dict):
                    blank.trouble(f"is {kind_of(table)} where an object is expected")
                else:
                    entries.append((replace(blank, table=table), name, MAIN if category == "default" else category))
        return entries

    def _dependency(self, entry: Entry, name: str, group: str) -> Dependency:
        text, origin = entry.text("version").strip(), self._origin(entry)
        exact = _EXACT.fullmatch(text)
        if not text and origin.kind is OriginKind.INDEX:
            entry.trouble("has no version")
        hashes = checked_hashes(entry, entry.texts("hashes"))
        # Hashes of a package from an index stand for files that this format does not list.
        is_archive = origin.kind in (OriginKind.URL, OriginKind.PATH) and hashes
        return Dependency(
            name=name,
            version=exact["version"] if exact else None,
            specifier="" if exact or text == "*" else text,
            origin=origin,
            hashes=hashes,
            artifacts=(Artifact(file_name(origin.url), origin.url, hashes),) if is_archive else (),
            extras=frozenset(canonicalize_name(extra) for extra in entry.texts("extras")),
            groups=frozenset({group}),
            marker=marker_of(entry, entry.text("markers")),
            direct=None if self._declared is None else name in self._declared,
            location=entry.location,
            source=self._document.name,
        )

    def _origin(self, entry: Entry) -> Origin:
        editable = entry.flag("editable")
        for vcs in _VCS:
            if vcs in entry.table:
                return replace(vcs_origin(address(entry, vcs), "", entry.text("ref")), editable=editable)
        for key in ("path", "file"):
            if key in entry.table:
                url = address(entry, key)
                if _SCHEME.match(url) and not url.startswith("file://"):
                    return Origin(OriginKind.URL, url)
                return Origin(OriginKind.EDITABLE if editable else OriginKind.PATH, url, editable=editable)
        return self._index(entry)

    def _index(self, entry: Entry) -> Origin:
        """Return the index that a package names, or else the first, which Pipenv asks by default."""
        index = entry.text("index")
        if not index:
            return Origin(OriginKind.INDEX, next(iter(self._urls.values()), ""))
        if index in self._urls:
            return Origin(OriginKind.INDEX, self._urls[index])
        entry.trouble(f"comes from the index {index!r}, which _meta.sources does not have")
        return Origin(OriginKind.INDEX)


def _joined(one: Dependency, other: Dependency) -> Dependency:
    return replace(
        one,
        hashes=tuple(dict.fromkeys([*one.hashes, *other.hashes])),
        artifacts=tuple(dict.fromkeys([*one.artifacts, *other.artifacts])),
        extras=one.extras | other.extras,
        groups=one.groups | other.groups,
        marker=any_marker([one.marker, other.marker]),
    )


def _declared(folder: Path, context: ReadContext, problems: list[Finding]) -> frozenset[str] | None:
    """Return the names in every category of the ``Pipfile``; None if there is none, or if it cannot be read."""
    path = folder / "Pipfile"
    if not path.is_file():
        return None
    try:
        data = read_toml(path, context).data
    except SourceError as error:
        message = f"{error.place}: {error.message}, so what is direct is not known"
        problems.append(unreadable(context.shown(path), message, fix=error.remedy))
        return None
    # Every other table is a category; those in which a name could be taken for a package are settings.
    settings = ("source", "requires", "scripts", "pipenv")
    return frozenset(
        canonicalize_name(name)
        for category, table in data.items()
        if category not in settings and isinstance(table, dict)
        for name in table
    )


def _host(url: str) -> str:
    try:
        return urlsplit(url).netloc
    except ValueError:
        return url
