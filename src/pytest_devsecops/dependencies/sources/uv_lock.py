"""The source ``uv.lock``, version 1 in all its revisions, of projects, workspaces and scripts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from pytest_devsecops.core.findings import Finding
from pytest_devsecops.dependencies.model import (
    MAIN,
    Artifact,
    Dependency,
    Graph,
    Origin,
    OriginKind,
    ReadContext,
    SourceKind,
    SourceRead,
)
from pytest_devsecops.dependencies.sources.artifacts import (
    address,
    artifact,
    is_same_folder,
    joined_hashes,
    single_hash,
    vcs_origin,
)
from pytest_devsecops.dependencies.sources.documents import Document, read_toml
from pytest_devsecops.dependencies.sources.entries import Entry, normalised, numbers_by_name, package_entries
from pytest_devsecops.dependencies.sources.markers import any_marker, marker_of
from pytest_devsecops.dependencies.sources.resolution import Edge, Node, place

_VERSION = 1
_EDITABLE = OriginKind.EDITABLE
_LOCAL = (OriginKind.PATH, _EDITABLE)
_NO_REGISTRY = Origin(OriginKind.UNKNOWN)


@dataclass(frozen=True, slots=True)
class UvLockReader:
    """Reads ``uv.lock`` and the lock files of scripts (``NAME.py.lock``)."""

    name: str = "uv.lock"
    kind: SourceKind = SourceKind.LOCK
    patterns: tuple[str, ...] = ("uv.lock", "*.py.lock")

    def read(self, path: Path, context: ReadContext) -> Graph:
        """Read the file into a graph without the project and the members of its workspace.

        Raises:
            SourceError: if it is not TOML, or has no ``version`` and so is no lock file of uv.
        """
        document = read_toml(path, context)
        lock = _Lock(document, _tables(document))
        dependencies = lock.dependencies()
        read = SourceRead(document.name, self.name, self.kind, document.sha256, len(dependencies))
        return Graph(dependencies, (read,), tuple(lock.problems))


def _tables(document: Document) -> list[Any]:
    version, packages = document.data.get("version"), document.data.get("package", [])
    if not isinstance(version, int) or not isinstance(packages, list):
        raise document.error(
            "is no lock file of uv: it has no version number, or its package is no list",
            remedy="name the right file, or write it again with `uv lock`",
        )
    return packages


class _Lock:
    """One file while it is read."""

    def __init__(self, document: Document, packages: list[Any]) -> None:
        self.problems: list[Finding] = []
        self._document = document
        self._top = Entry(document.data, document.at(1), document.name, self.problems)
        self._entries = package_entries(document, "package", packages, self.problems)
        self._packages = [self._package(entry) for entry in self._entries]
        self._numbers = numbers_by_name(self._entries)
        version = document.data["version"]
        if version != _VERSION:
            self._top.trouble(
                f"has lock version {version}, and only {_VERSION} is known",
                fix="upgrade pytest-devsecops, or lock with a version of uv that writes lock version 1",
            )

    def dependencies(self) -> tuple[Dependency, ...]:
        """Return every package but the project's own, with what the edges say of it."""
        manifest = self._top.table_at("manifest")
        own = self._own(manifest)
        nodes = [
            Node(package.name, self._edges(entry), own=number in own)
            for number, (package, entry) in enumerate(zip(self._packages, self._entries, strict=True))
        ]
        roots = self._roots(nodes, manifest)
        placed = place(nodes, roots)
        return tuple(
            replace(
                package,
                groups=where.groups,
                parents=where.parents,
                direct=where.direct,
                extras=where.extras,
                marker=where.marker or self._fork(entry),
            )
            for package, entry, where, node in zip(self._packages, self._entries, placed, nodes, strict=True)
            if not node.own
        )

    def _package(self, entry: Entry) -> Dependency:
        origin = _origin(entry)
        version = entry.text("version") or None
        # Packages in the project's own tree may compute their version when they are built.
        if version is None and origin.kind not in (*_LOCAL, OriginKind.VCS):
            entry.trouble("has no version")
        artifacts = _artifacts(entry, origin)
        return Dependency(
            name=normalised(entry.text("name")) or "",
            version=version,
            origin=origin,
            hashes=joined_hashes(artifacts),
            artifacts=artifacts,
            location=entry.location,
            source=self._document.name,
        )

    def _own(self, manifest: Entry | None) -> set[int]:
        """Return the numbers of the project's own packages: the root, and the workspace's members."""
        members = {normalised(name) for name in manifest.texts("members")} if manifest else set()
        folder = self._document.path.parent
        return {
            number
            for number, package in enumerate(self._packages)
            if package.origin.kind in _LOCAL and (package.name in members or is_same_folder(folder, package.origin.url))
        }

    def _edges(self, entry: Entry) -> dict[str, list[Edge]]:
        edges = {"": self._targets(entry.tables("dependencies"))}
        for extra, needed in entry.lists("optional-dependencies").items():
            edges[normalised(extra) or extra] = self._targets(needed.tables(extra))
        return edges

    def _roots(self, nodes: Sequence[Node], manifest: Entry | None) -> Mapping[str, Sequence[Edge]]:
        roots: dict[str, list[Edge]] = {}
        for node, entry in zip(nodes, self._entries, strict=True):
            if node.own:
                for extra, edges in node.edges.items():
                    roots.setdefault(f"extra:{extra}" if extra else MAIN, []).extend(edges)
                self._add_groups(roots, entry, "dev-dependencies")
        if manifest is not None:  # a script, or a workspace whose root is no package
            roots.setdefault(MAIN, []).extend(self._targets(manifest.tables("requirements")))
            self._add_groups(roots, manifest, "dependency-groups")
        return roots

    def _add_groups(self, roots: dict[str, list[Edge]], entry: Entry, key: str) -> None:
        for group, needed in entry.lists(key).items():
            roots.setdefault(group, []).extend(self._targets(needed.tables(group)))

    def _targets(self, needed: list[Entry]) -> list[Edge]:
        return [edge for one in needed for edge in self._target(one)]

    def _target(self, needed: Entry) -> list[Edge]:
        """Return the edges of one entry: one, if it names version and source where that is needed."""
        name = needed.text("name")
        numbers = self._numbers.get(normalised(name) or "", [])
        if len(numbers) > 1:
            version, source = needed.table.get("version"), needed.table.get("source")
            numbers = [
                number
                for number in numbers
                if version in (None, self._entries[number].table.get("version"))
                and source in (None, self._entries[number].table.get("source"))
            ]
        if not numbers:
            needed.trouble(f"needs {name!r}, which the lock file does not have", fix="run `uv lock`")
            return []
        asked = [*needed.texts("extra"), *needed.texts("extras")]  # in edges, and in a script's requirements
        extras = tuple(normalised(extra) or extra for extra in asked)
        marker = marker_of(needed, needed.text("marker"))
        return [Edge(number, extras, marker) for number in numbers]

    def _fork(self, entry: Entry) -> str:
        """Return the environments that the resolver locked this version for; empty for all."""
        markers = [marker_of(entry, text) for text in entry.texts("resolution-markers")]
        return any_marker(markers) if markers else ""


def _origin(entry: Entry) -> Origin:
    source = entry.table_at("source")
    if source is None:
        entry.trouble("has no source")
        return _NO_REGISTRY
    for key, kind in _SOURCES.items():
        if key in source.table:
            url = address(source, key)
            return _git_origin(url) if kind is OriginKind.VCS else Origin(kind, url, editable=kind is _EDITABLE)
    entry.trouble(f"has a source of an unknown kind ({', '.join(source.table) or 'empty'})")
    return _NO_REGISTRY


_SOURCES = {
    "registry": OriginKind.INDEX,
    "git": OriginKind.VCS,
    "url": OriginKind.URL,
    "path": OriginKind.PATH,
    "directory": OriginKind.PATH,
    "editable": OriginKind.EDITABLE,
    "virtual": OriginKind.PATH,
}


def _git_origin(text: str) -> Origin:
    """Return the origin of ``URL?rev=REFERENCE#COMMIT``; ``rev`` may be ``tag`` or ``branch``."""
    url, _, commit = text.partition("#")
    url, _, query = url.partition("?")
    asked = parse_qs(query)
    reference = next((asked[key][0] for key in ("rev", "tag", "branch") if key in asked), "")
    return vcs_origin(url, reference, commit)


def _artifacts(entry: Entry, origin: Origin) -> tuple[Artifact, ...]:
    """Return the files of a package; those of an archive or a path have no address of their own."""
    sdist = entry.table_at("sdist")
    files = [*([sdist] if sdist else []), *entry.tables("wheels")]
    found = []
    for file in files:
        time = "upload-time" if "upload-time" in file.table else "upload_time"
        one = artifact(file, name_keys=("filename",), hashes=single_hash(file, "hash"), uploaded=time)
        if not one.name and origin.kind in (OriginKind.URL, OriginKind.PATH):
            one = replace(one, name=origin.url.rpartition("/")[2], url=origin.url)
        found.append(one)
    return tuple(found)
