"""The source ``pdm.lock``, lock versions 2 to 4.

With the strategy ``inherit_metadata`` every package says its groups and where it is needed; without
it, and for what is direct, the ``pyproject.toml`` beside the lock file is asked. A package that is
asked for with extras has one entry more for each set of them; here it is one dependency.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from packaging.utils import canonicalize_name

from pytest_devsecops.dependencies.model import (
    MAIN,
    Artifact,
    Dependency,
    Graph,
    Origin,
    OriginKind,
    ReadContext,
    SourceKind,
)
from pytest_devsecops.dependencies.sources.artifacts import (
    address,
    artifact,
    is_same_folder,
    joined_hashes,
    single_hash,
    vcs_origin,
)
from pytest_devsecops.dependencies.sources.declared import Wanted, parse_wanted
from pytest_devsecops.dependencies.sources.entries import Entry, numbers_by_name, package_entries
from pytest_devsecops.dependencies.sources.markers import any_marker, marker_of
from pytest_devsecops.dependencies.sources.opened import OpenedLock, open_lock
from pytest_devsecops.dependencies.sources.resolution import Edge, Node, Placed, place

_VERSIONS = ("2", "3", "4")
_VCS = ("git", "hg", "svn", "bzr")
#: What PDM calls the group of what a project needs to run.
_DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class PdmLockReader:
    """Reads ``pdm.lock``."""

    name: str = "pdm.lock"
    kind: SourceKind = SourceKind.LOCK
    patterns: tuple[str, ...] = ("pdm.lock", "pdm.*.lock")

    def read(self, path: Path, context: ReadContext) -> Graph:
        """Read the file into a graph without the project itself.

        Raises:
            SourceError: if it is not TOML, or has no table ``metadata`` and so is no lock file of PDM.
        """
        opened = open_lock(
            path,
            context,
            packages="package",
            is_lock=lambda data: isinstance(data.get("metadata"), dict),
            otherwise="is no lock file of PDM: it has no table metadata, or its package is no list",
            remedy="name the right file, or write it again with `pdm lock`",
        )
        return opened.graph(self, _Lock(opened).dependencies())


class _Lock:
    """One file while it is read."""

    def __init__(self, opened: OpenedLock) -> None:
        self._document = document = opened.document
        self._declared = opened.declared
        top = Entry(document.data["metadata"], document.at(1), document.name, opened.problems)
        self._old_files = top.lists("files")
        # One entry for the package, then those of the same package with extras.
        self._same: dict[tuple[str, str, Origin], list[Entry]] = {}
        for entry in package_entries(document, "package", opened.packages, opened.problems):
            key = canonicalize_name(entry.text("name")), entry.text("version"), _origin(entry)
            self._same.setdefault(key, []).append(entry)
        self._entries = [entries[0] for entries in self._same.values()]
        self._numbers = numbers_by_name(self._entries)
        version = top.text("lock_version")
        if version.partition(".")[0] not in _VERSIONS:
            top.trouble(
                f"has lock version {version or 'none'}, and only versions 2 to 4 are known",
                fix="upgrade pytest-devsecops, or lock with a version of PDM that writes lock version 4",
            )

    def dependencies(self) -> tuple[Dependency, ...]:
        """Return every package but the project, with what its edges, its own words and the declarations say."""
        folder = self._document.path.parent
        nodes = [
            Node(name, self._edges(entries), own=_is_local(origin) and is_same_folder(folder, origin.url))
            for (name, _, origin), entries in self._same.items()
        ]
        declared = self._declared.groups if self._declared else {}
        roots = {group: self._targets(self._entries[:1], wanted) for group, wanted in declared.items()}
        placed = place(nodes, roots)
        return tuple(
            self._dependency(key, entries, where)
            for (key, entries), node, where in zip(self._same.items(), nodes, placed, strict=True)
            if not node.own
        )

    def _dependency(self, key: tuple[str, str, Origin], entries: list[Entry], where: Placed) -> Dependency:
        name, version, origin = key
        first = entries[0]
        if not version:
            first.trouble("has no version")
        artifacts = tuple(dict.fromkeys(one for entry in entries for one in self._artifacts(entry)))
        asked = [canonicalize_name(extra) for entry in entries for extra in entry.texts("extras")]
        own_words = any("groups" in entry.table for entry in entries)
        markers = [marker_of(entry, entry.text("marker")) for entry in entries]
        return Dependency(
            name=name,
            version=version or None,
            origin=origin,
            hashes=joined_hashes(artifacts),
            artifacts=artifacts,
            extras=where.extras.union(asked),
            groups=self._groups(entries) if own_words else where.groups,
            marker=any_marker(markers) if own_words or any(markers) else where.marker,
            direct=self._declared.asks_for(name) if self._declared else None,
            parents=where.parents,
            location=first.location,
            source=self._document.name,
        )

    def _groups(self, entries: list[Entry]) -> frozenset[str]:
        """Return the groups; PDM keeps extras and groups under one set of names, which declarations tell apart."""
        extras = {group for group in (self._declared.groups if self._declared else ()) if group.startswith("extra:")}
        names = {canonicalize_name(group) for entry in entries for group in entry.texts("groups")}
        return frozenset(
            MAIN if name == _DEFAULT else f"extra:{name}" if f"extra:{name}" in extras else name for name in names
        )

    def _edges(self, entries: list[Entry]) -> Mapping[str, list[Edge]]:
        edges: dict[str, list[Edge]] = {}
        for entry in entries:
            wanted = [one for text in entry.texts("dependencies") if (one := self._parsed(entry, text))]
            for extra in map(canonicalize_name, entry.texts("extras") or [""]):
                edges.setdefault(extra, []).extend(self._targets([entry], wanted))
        return edges

    @staticmethod
    def _parsed(entry: Entry, text: str) -> Wanted | None:
        wanted = parse_wanted(text)
        if wanted is None:
            entry.trouble("needs something that has no name")
        return wanted

    def _targets(self, entries: list[Entry], wanted: Sequence[Wanted]) -> list[Edge]:
        return [
            Edge(number, one.extras, marker_of(entry, one.marker))
            for entry in entries
            for one in wanted
            for number in self._numbers.get(one.name, ())
        ]

    def _artifacts(self, entry: Entry) -> tuple[Artifact, ...]:
        """Return the files, which earlier versions keep in ``metadata.files`` under name and version."""
        files = entry.tables("files")
        key = f"{entry.text('name')} {entry.text('version')}"
        if not files and key in self._old_files:
            files = self._old_files[key].tables(key)
        return tuple(artifact(file, name_keys=("file",), hashes=single_hash(file, "hash")) for file in files)


def _is_local(origin: Origin) -> bool:
    return origin.kind in (OriginKind.PATH, OriginKind.EDITABLE)


def _origin(entry: Entry) -> Origin:
    """Return the origin; without one it is an index, and the file does not say which."""
    editable = entry.flag("editable")
    for vcs in _VCS:
        if vcs in entry.table:
            origin = vcs_origin(address(entry, vcs), entry.text("ref"), entry.text("revision"))
            return Origin(origin.kind, origin.url, origin.reference, origin.commit, editable)
    if "path" in entry.table:
        kind = OriginKind.EDITABLE if editable else OriginKind.PATH
        return Origin(kind, address(entry, "path"), editable=editable)
    if "url" in entry.table:
        return Origin(OriginKind.URL, address(entry, "url"))
    return Origin(OriginKind.INDEX)
