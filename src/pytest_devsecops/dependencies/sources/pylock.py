"""The source ``pylock.toml`` and ``pylock.NAME.toml`` (PEP 751), read leniently.

packaging's own reader stops at the first deviation. Real files deviate (a source distribution
without an address), and what they do say is still worth checking: here every deviation is a problem
of its own, and everything else is read.
"""

from __future__ import annotations

from collections.abc import Iterable
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
    checked_hashes,
    is_same_folder,
    joined_hashes,
    vcs_origin,
)
from pytest_devsecops.dependencies.sources.entries import Entry, kind_of, numbers_by_name, package_entries
from pytest_devsecops.dependencies.sources.markers import Atom, Joined, holds_for, marker_of, parse_marker, selections
from pytest_devsecops.dependencies.sources.opened import OpenedLock, open_lock
from pytest_devsecops.dependencies.sources.resolution import Edge, Node, Placed, place

_VERSION = "1.0"


@dataclass(frozen=True, slots=True)
class PylockReader:
    """Reads ``pylock.toml`` and its named siblings."""

    name: str = "pylock.toml"
    kind: SourceKind = SourceKind.LOCK
    patterns: tuple[str, ...] = ("pylock.toml", "pylock.*.toml")

    def read(self, path: Path, context: ReadContext) -> Graph:
        """Read the file into a graph without the project itself.

        Raises:
            SourceError: if it is not TOML, or has neither ``lock-version`` nor ``packages``.
        """
        opened = open_lock(
            path,
            context,
            packages="packages",
            is_lock=lambda data: "lock-version" in data or "packages" in data,
            otherwise="is no lock file (PEP 751): it has neither lock-version nor a list of packages",
            remedy="name the right file, or write it again with the tool that locks",
        )
        return opened.graph(self, _Lock(opened).dependencies())


class _Lock:
    """One file while it is read."""

    def __init__(self, opened: OpenedLock) -> None:
        self._document = document = opened.document
        self._declared = opened.declared
        top = Entry(document.data, document.at(1), document.name, opened.problems)
        self._default = frozenset(
            ("dependency_groups", canonicalize_name(group)) for group in top.texts("default-groups")
        )
        self._entries = package_entries(document, "packages", opened.packages, opened.problems)
        self._numbers = numbers_by_name(self._entries)
        version = top.text("lock-version")
        if version != _VERSION:
            top.trouble(
                f"has lock-version {version or 'none'}, and only {_VERSION} is known",
                fix="upgrade pytest-devsecops, or lock with a tool that writes lock-version 1.0",
            )

    def dependencies(self) -> tuple[Dependency, ...]:
        """Return every package but the project."""
        nodes = [Node(canonicalize_name(entry.text("name")), {"": self._edges(entry)}) for entry in self._entries]
        found = [
            self._dependency(entry, node.name, where)
            for entry, node, where in zip(self._entries, nodes, place(nodes, {}), strict=True)
        ]
        folder = self._document.path.parent
        return tuple(
            one
            for one in found
            if one.origin.kind not in (OriginKind.PATH, OriginKind.EDITABLE)
            or not is_same_folder(folder, one.origin.url)
        )

    def _dependency(self, entry: Entry, name: str, where: Placed) -> Dependency:
        version = entry.text("version")
        origin, artifacts = _origin(entry), tuple(_artifacts(entry))
        # PEP 751, packages.version: only what is built from a source tree may leave it out.
        if not version and origin.kind in (OriginKind.INDEX, OriginKind.UNKNOWN):
            entry.trouble("has no version")
        marker = entry.text("marker")
        return Dependency(
            name=name,
            version=version or None,
            origin=origin,
            hashes=joined_hashes(artifacts),
            artifacts=artifacts,
            groups=self._groups(marker),
            marker=marker_of(entry, marker),
            direct=self._direct(name, where),
            parents=where.parents,
            location=entry.location,
            source=self._document.name,
        )

    def _direct(self, name: str, where: Placed) -> bool | None:
        """Tell what is direct: a lock file can stem from anything, so declarations prove it but do not deny it."""
        if self._declared and self._declared.asks_for(name):
            return True
        return False if where.parents else None

    def _groups(self, marker: str) -> frozenset[str]:
        """Return the groups and extras for which the marker can hold (PEP 751, packages.marker)."""
        try:
            tree = parse_marker(marker) if marker else None
        except ValueError:  # told by whoever reads the marker for its environments
            tree = None
        if tree is None:
            return frozenset({MAIN})
        groups = {MAIN} if _holds(tree, self._default) else set()
        for atom in selections(tree):
            chosen = _chosen(atom)
            if chosen in self._default:
                continue
            alone = _holds(tree, {chosen}) and not _holds(tree, ())
            if alone or (not groups and _holds(tree, {chosen, *self._default})):
                kind, name = chosen
                groups.add(name if kind == "dependency_groups" else f"extra:{name}")
        return frozenset(groups)

    def _edges(self, entry: Entry) -> list[Edge]:
        """Return what a package needs; an entry gives as many keys as it takes to name one package."""
        edges: list[Edge] = []
        for needed in entry.tables("dependencies"):
            name = canonicalize_name(needed.text("name"))
            numbers = [
                number
                for number in self._numbers.get(name, ())
                if all(
                    self._entries[number].table.get(key) == value
                    for key, value in needed.table.items()
                    if key != "name"
                )
            ] or self._numbers.get(name, [])
            if not numbers:
                needed.trouble(f"needs {name!r}, which the lock file does not have", fix="lock again")
            edges.extend(Edge(number) for number in numbers)
        return edges


def _chosen(atom: Atom) -> tuple[str, str]:
    kind = "dependency_groups" if atom.selection == "dependency_groups" else "extras"
    return kind, canonicalize_name(atom.value)


def _holds(tree: Atom | Joined, selected: Iterable[tuple[str, str]]) -> bool:
    chosen = frozenset(selected)
    return holds_for(tree, lambda atom: _chosen(atom) in chosen)


def _origin(entry: Entry) -> Origin:
    vcs, directory, archive = (entry.table_at(key) for key in ("vcs", "directory", "archive"))
    if vcs is not None:
        url = address(vcs, "url" if "url" in vcs.table else "path")
        return vcs_origin(url, vcs.text("requested-revision"), vcs.text("commit-id"))
    if directory is not None:
        editable = directory.flag("editable")
        kind = OriginKind.EDITABLE if editable else OriginKind.PATH
        return Origin(kind, address(directory, "path"), editable=editable)
    if archive is not None:
        key, kind = ("url", OriginKind.URL) if "url" in archive.table else ("path", OriginKind.PATH)
        return Origin(kind, address(archive, key))
    index = address(entry, "index")
    if not index and "sdist" not in entry.table and "wheels" not in entry.table:
        entry.trouble("names nothing to install it from: no vcs, directory, archive, sdist, wheels or index")
        return Origin()
    return Origin(OriginKind.INDEX, index)


def _artifacts(entry: Entry) -> Iterable[Artifact]:
    archive, sdist = entry.table_at("archive"), entry.table_at("sdist")
    for file in [one for one in (archive, sdist, *entry.tables("wheels")) if one is not None]:
        if "url" not in file.table and "path" not in file.table:
            what = "archive" if file is archive else "sdist" if file is sdist else "wheel"
            file.trouble(f"lists the {what} {file.text('name') or 'without a name'} without url or path")
        yield artifact(file, name_keys=("name",), hashes=_hashes(file), uploaded="upload-time")


def _hashes(file: Entry) -> tuple[str, ...]:
    table = file.table_at("hashes")
    if table is None:
        return ()
    texts = [f"{algorithm}:{value}" for algorithm, value in table.table.items() if isinstance(value, str)]
    if len(texts) < len(table.table):
        kinds = {kind_of(value) for value in table.table.values() if not isinstance(value, str)}
        file.trouble(f"has a hash that is {' and '.join(sorted(kinds))} where a string is expected")
    return checked_hashes(file, texts)
