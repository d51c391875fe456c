"""The source ``poetry.lock``, of Poetry 0.12 to 2.

Since lock version 2.1 every package says its groups and where it is needed. Before, and for what is
direct, the ``pyproject.toml`` beside the lock file is asked; without one, both stay unknown.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from packaging.specifiers import InvalidSpecifier, SpecifierSet
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
    joined_hashes,
    single_hash,
    vcs_origin,
)
from pytest_devsecops.dependencies.sources.declared import (
    Wanted,
    parse_wanted,
    poetry_constraint,
)
from pytest_devsecops.dependencies.sources.entries import Entry, kind_of, numbers_by_name, package_entries
from pytest_devsecops.dependencies.sources.markers import any_marker, marker_of
from pytest_devsecops.dependencies.sources.opened import OpenedLock, open_lock
from pytest_devsecops.dependencies.sources.resolution import Edge, Node, Placed, place

#: Major versions of the format whose meaning is known; files without one come from Poetry 0.12.
_VERSIONS = ("", "1", "2")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class PoetryLockReader:
    """Reads ``poetry.lock``."""

    name: str = "poetry.lock"
    kind: SourceKind = SourceKind.LOCK
    patterns: tuple[str, ...] = ("poetry.lock",)

    def read(self, path: Path, context: ReadContext) -> Graph:
        """Read the file into a graph.

        Raises:
            SourceError: if it is not TOML, or has no table ``metadata`` and so is no lock file of Poetry.
        """
        opened = open_lock(
            path,
            context,
            packages="package",
            is_lock=lambda data: isinstance(data.get("metadata"), dict),
            otherwise="is no lock file of Poetry: it has no table metadata, or its package is no list",
            remedy="name the right file, or write it again with `poetry lock`",
        )
        return opened.graph(self, _Lock(opened).dependencies())


class _Lock:
    """One file while it is read."""

    def __init__(self, opened: OpenedLock) -> None:
        self._document = document = opened.document
        self._declared = opened.declared
        self._top = Entry(document.data, document.at(1), document.name, opened.problems)
        self._metadata = Entry(document.data["metadata"], document.at(1), document.name, opened.problems)
        self._old_files = self._metadata.lists("files")
        self._old_hashes = self._metadata.lists("hashes")
        self._entries = package_entries(document, "package", opened.packages, opened.problems)
        self._numbers = numbers_by_name(self._entries)
        self._versions = [entry.text("version") for entry in self._entries]
        version = self._metadata.text("lock-version")
        if version.partition(".")[0] not in _VERSIONS:
            self._top.trouble(
                f"has lock version {version}, and only versions 1 and 2 are known",
                fix="upgrade pytest-devsecops, or lock with a version of Poetry that writes lock version 2",
            )

    def dependencies(self) -> tuple[Dependency, ...]:
        """Return every package with what its edges, its own words and the declarations say of it."""
        nodes = [Node(canonicalize_name(entry.text("name")), self._edges(entry)) for entry in self._entries]
        placed = place(nodes, self._roots())
        return tuple(
            self._dependency(entry, node.name, version, where)
            for entry, node, version, where in zip(self._entries, nodes, self._versions, placed, strict=True)
        )

    def _dependency(self, entry: Entry, name: str, version: str, where: Placed) -> Dependency:
        if not version:
            entry.trouble("has no version")
        origin = _origin(entry)
        artifacts = self._artifacts(entry)
        own_words = "groups" in entry.table
        return Dependency(
            name=name,
            version=version or None,
            origin=origin,
            hashes=joined_hashes(artifacts, self._mere_hashes(entry)),
            artifacts=artifacts,
            extras=where.extras,
            groups=self._groups(entry, where),
            marker=self._marker(entry) if own_words else where.marker,
            direct=self._declared.asks_for(name) if self._declared else None,
            parents=where.parents,
            location=entry.location,
            source=self._document.name,
        )

    def _groups(self, entry: Entry, where: Placed) -> frozenset[str]:
        extras = frozenset(group for group in where.groups if group.startswith("extra:"))
        if "groups" in entry.table:
            groups = frozenset(MAIN if group == MAIN else canonicalize_name(group) for group in entry.texts("groups"))
            # What is optional is in the main group only for the sake of extras.
            return (groups - {MAIN} if entry.flag("optional") and extras else groups) | extras
        if where.groups - extras:
            return where.groups
        # Until 1.4 a package told the main group from all others by its category.
        category = entry.text("category")
        own = frozenset() if (entry.flag("optional") and extras) or not category else frozenset({category})
        return own | extras

    def _marker(self, entry: Entry) -> str:
        """Return where a package is needed; by group since 2.1, and a group that is not named needs it everywhere."""
        markers = entry.table.get("markers")
        if not isinstance(markers, dict):
            return marker_of(entry, entry.text("markers"))
        by_group = entry.lists("markers")
        groups = entry.texts("groups") or list(by_group)
        return any_marker(
            marker_of(entry, by_group[group].text(group)) if group in by_group else "" for group in groups
        )

    def _roots(self) -> dict[str, Sequence[Edge]]:
        roots: dict[str, Sequence[Edge]] = {}
        declared = self._declared.groups if self._declared else {}
        for group, wanted in declared.items():
            roots[group] = [edge for one in wanted if not one.optional for edge in self._edge(self._top, one)]
        asked = {one.name: one for one in declared.get(MAIN, ())}
        for extra, needed in self._top.lists("extras").items():
            names = [one.name for text in needed.texts(extra) if (one := parse_wanted(text))]
            roots[f"extra:{canonicalize_name(extra)}"] = [
                edge for name in names for edge in self._edge(self._top, asked.get(name, Wanted(name)))
            ]
        return roots

    def _edges(self, entry: Entry) -> dict[str, list[Edge]]:
        """Return what a package needs; what is optional belongs to the extras that list it."""
        edges: dict[str, list[Edge]] = {"": []}
        extras_of: dict[str, list[str]] = {}
        own = canonicalize_name(entry.text("name"))
        for extra, listed in entry.lists("extras").items():
            for wanted in filter(None, map(parse_wanted, listed.texts(extra))):
                extras_of.setdefault(wanted.name, []).append(canonicalize_name(extra))
                if wanted.name == own:  # an extra that stands for others of the same package
                    edges.setdefault(canonicalize_name(extra), []).extend(self._edge(entry, wanted))
        for wanted in self._needs(entry):
            for extra in extras_of.get(wanted.name, []) if wanted.optional else [""]:
                edges.setdefault(extra, []).extend(self._edge(entry, wanted))
        return edges

    def _needs(self, entry: Entry) -> Iterator[Wanted]:
        for name, needed in entry.lists("dependencies").items():
            value = needed.table[name]
            for constraint in value if isinstance(value, list) else [value]:
                if not isinstance(constraint, str | dict):
                    entry.trouble(f"needs {name} in {kind_of(constraint)} where a range or a table is expected")
                yield poetry_constraint(name, constraint)

    def _edge(self, entry: Entry, wanted: Wanted) -> list[Edge]:
        """Return the edges to the locked versions that fit; to all of them if it cannot be told."""
        numbers = self._numbers.get(wanted.name, [])
        if len(numbers) > 1:
            numbers = [number for number in numbers if _fits(self._versions[number], wanted.specifier)] or numbers
        marker = marker_of(entry, wanted.marker) if numbers else ""
        return [Edge(number, wanted.extras, marker) for number in numbers]

    def _artifacts(self, entry: Entry) -> tuple[Artifact, ...]:
        """Return the files, which version 1 keeps in ``metadata.files``."""
        name = entry.text("name")
        if "files" in entry.table:
            files = entry.tables("files")
        else:
            files = self._old_files[name].tables(name) if name in self._old_files else []
        return tuple(
            artifact(replace(file, subject=entry.subject), name_keys=("file",), hashes=single_hash(file, "hash"))
            for file in files
        )

    def _mere_hashes(self, entry: Entry) -> tuple[str, ...]:
        """Return the hashes of files without a name, which Poetry 0.12 keeps in ``metadata.hashes``."""
        name = entry.text("name")
        listed = self._old_hashes[name].texts(name) if name in self._old_hashes else []
        return checked_hashes(entry, [f"sha256:{one}" if _SHA256.fullmatch(one) else one for one in listed])


def _fits(version: str, specifier: str) -> bool:
    try:
        return SpecifierSet(specifier).contains(version, prereleases=True)
    except InvalidSpecifier:  # a range in Poetry's own words, such as ^1.0 or *
        return True


def _origin(entry: Entry) -> Origin:
    """Return the origin; without a source it is Poetry's default index, whose address the file does not say."""
    source = entry.table_at("source")
    if source is None:
        return Origin(OriginKind.INDEX)
    kind, url, reference = source.text("type"), address(source, "url"), source.text("reference")
    if kind in ("git", "hg"):
        origin = vcs_origin(url, reference, source.text("resolved_reference") or reference)
        return replace(origin, editable=entry.flag("develop"))
    if kind in _SOURCES:
        editable = kind == "directory" and entry.flag("develop")
        return Origin(OriginKind.EDITABLE if editable else _SOURCES[kind], url, editable=editable)
    entry.trouble(f"has a source of an unknown type {kind!r}")
    return Origin(OriginKind.UNKNOWN, url)


_SOURCES = {
    "legacy": OriginKind.INDEX,
    "url": OriginKind.URL,
    "file": OriginKind.PATH,
    "directory": OriginKind.PATH,
}
