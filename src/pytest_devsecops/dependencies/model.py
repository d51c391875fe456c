"""The dependency graph: the one form that every source is read into and every check reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from pytest_devsecops.core.errors import DevSecOpsError
from pytest_devsecops.core.findings import Finding, Location, Status

#: The group of what a project needs to run. Extras are ``extra:NAME``, other groups have their name.
MAIN = "main"


class SourceError(DevSecOpsError):
    """A source of dependencies that cannot be read at all; ``place`` is its file and line."""


class OriginKind(StrEnum):
    """Where a dependency is fetched from."""

    INDEX = "index"
    VCS = "vcs"
    URL = "url"
    PATH = "path"
    EDITABLE = "editable"
    #: The source does not say, as an environment without a ``direct_url.json`` does not.
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a dependency comes from.

    Attributes:
        kind: the kind of place.
        url: the index's, repository's or archive's address, or the path; empty if unknown.
        reference: what a VCS dependency asked for: a branch, a tag, a commit.
        commit: the commit that it was resolved to, in full, or empty.
        editable: whether it is installed as a link to its source tree; a VCS one can be as well.
    """

    kind: OriginKind = OriginKind.UNKNOWN
    url: str = ""
    reference: str = ""
    commit: str = ""
    editable: bool = False


@dataclass(frozen=True, slots=True)
class Artifact:
    """One file that an installer may take for a dependency.

    Attributes:
        name: its file name.
        url: its address, or empty.
        hashes: ``algorithm:hexdigest`` each.
        uploaded: when the index received it, in UTC, if the source says so.
    """

    name: str
    url: str = ""
    hashes: tuple[str, ...] = ()
    uploaded: datetime | None = None


@dataclass(frozen=True, slots=True)
class Licence:
    """What a distribution says about its licence, as it stands in its metadata."""

    expression: str = ""
    classifiers: tuple[str, ...] = ()
    text: str = ""


@dataclass(frozen=True, slots=True)
class Dependency:
    """One dependency, as one source states it.

    Attributes:
        name: the normalised name (PEP 503).
        version: the exact version as written, or None if the source leaves it open.
        specifier: the range that a declaration allows (PEP 440), empty for any version.
        origin: where it comes from.
        hashes: every hash that the source accepts for it, ``algorithm:hexdigest`` each.
        artifacts: the files that the source lists for it.
        extras: the extras of it that are asked for.
        groups: every group it belongs to or is reached from (``main``, ``extra:NAME``, others).
        marker: its environment marker (PEP 508), empty if there is none.
        direct: whether the project asks for it itself; None if the source cannot tell.
        parents: normalised names of the dependencies that need it; empty for direct ones only.
        licence: what its metadata says about its licence, if the source has metadata.
        yanked: why the index withdrew it, if the source says so; empty text means without a reason.
        installed_at: its ``.dist-info`` folder, if it is installed.
        location: the place in the source.
        source: the source's name, such as ``uv.lock`` or ``environment``.
    """

    name: str
    version: str | None = None
    specifier: str = ""
    origin: Origin = field(default_factory=Origin)
    hashes: tuple[str, ...] = ()
    artifacts: tuple[Artifact, ...] = ()
    extras: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset({MAIN})
    marker: str = ""
    direct: bool | None = None
    parents: tuple[str, ...] = ()
    licence: Licence | None = None
    yanked: str | None = None
    installed_at: Path | None = None
    location: Location | None = None
    source: str = ""

    @property
    def subject(self) -> str:
        """How findings call it: ``django 4.2``, ``django >=4`` or ``django``."""
        return f"{self.name} {self.version or self.specifier}".strip()

    @property
    def uploaded(self) -> datetime | None:
        """When the newest file of this release reached the index; None unless every file says."""
        times = [artifact.uploaded for artifact in self.artifacts]
        known = [time for time in times if time is not None]
        return max(known) if known and len(known) == len(times) else None


class SourceKind(StrEnum):
    """What a source can say."""

    #: What the project asks for: ranges, direct dependencies only.
    DECLARATION = "declaration"
    #: What a resolver chose: exact versions, transitive ones as well.
    LOCK = "lock"
    #: What is there.
    ENVIRONMENT = "environment"


@dataclass(frozen=True, slots=True)
class SourceRead:
    """One source that was read, for the evidence.

    Attributes:
        name: its path below the project's root, or ``environment``.
        format: the name of the reader.
        kind: what it can say.
        sha256: of the file; empty for an environment.
        count: how many dependencies it gave.
        included_by: the name of the source that pulled it in (``-r``, ``-c``), or empty. Whoever
            reads several sources leaves out one that another of them includes, or it counts twice.
        hash_checking: whether the installer, given this source, refuses what has no hash.
    """

    name: str
    format: str
    kind: SourceKind
    sha256: str = ""
    count: int = 0
    included_by: str = ""
    hash_checking: bool = False


class OptionName(StrEnum):
    """What an option of a source is about. Formats other than pip's are mapped to pip's words."""

    #: The index that is asked unless a dependency names another.
    INDEX_URL = "index-url"
    #: An index that is asked besides, for every dependency.
    EXTRA_INDEX_URL = "extra-index-url"
    #: An index that is asked only for the dependencies that name it (uv, Poetry).
    EXPLICIT_INDEX_URL = "explicit-index-url"
    #: A page or folder of archives.
    FIND_LINKS = "find-links"
    #: A host whose certificate is not checked.
    TRUSTED_HOST = "trusted-host"
    #: No index is asked, only ``find-links``.
    NO_INDEX = "no-index"
    REQUIRE_HASHES = "require-hashes"
    NO_REQUIRE_HASHES = "no-require-hashes"
    PRE = "pre"
    PREFER_BINARY = "prefer-binary"
    NO_BINARY = "no-binary"
    ONLY_BINARY = "only-binary"
    ALL_RELEASES = "all-releases"
    ONLY_FINAL = "only-final"
    USE_FEATURE = "use-feature"


@dataclass(frozen=True, slots=True)
class SourceOption:
    """One option of a source that bears on where or how its dependencies are fetched.

    Attributes:
        name: what it is about.
        value: a URL without credentials, a path, a host; empty for a flag.
        source: the name of the source that has it.
        location: its place there.
    """

    name: OptionName
    value: str = ""
    source: str = ""
    location: Location | None = None


@dataclass(frozen=True, slots=True)
class Graph:
    """Everything that one or more sources say.

    Attributes:
        dependencies: in the order of the sources; one name may occur more than once.
        sources: what was read.
        problems: whatever could not be read whole; a check that uses the graph takes them over.
        options: indexes, trusted hosts and the like that the sources name.
    """

    dependencies: tuple[Dependency, ...] = ()
    sources: tuple[SourceRead, ...] = ()
    problems: tuple[Finding, ...] = ()
    options: tuple[SourceOption, ...] = ()

    def __add__(self, other: Graph) -> Graph:
        return Graph(
            (*self.dependencies, *other.dependencies),
            (*self.sources, *other.sources),
            (*self.problems, *other.problems),
            (*self.options, *other.options),
        )

    def only(self, dependencies: Iterable[Dependency]) -> Graph:
        """Return the same graph with ``dependencies`` instead of all of them."""
        return replace(self, dependencies=tuple(dependencies))

    @property
    def place(self) -> str:
        """The names of the sources, for sentences."""
        return ", ".join(source.name for source in self.sources) or "no source"


@dataclass(frozen=True, slots=True)
class ReadContext:
    """What a reader may know besides the file.

    Attributes:
        root: the project's root; locations and source names are relative to it.
        environ: environment variables, for formats that expand them.
    """

    root: Path
    environ: Mapping[str, str] = field(default_factory=dict)

    def shown(self, path: Path) -> str:
        """Return ``path`` relative to the root, or whole if it lies elsewhere."""
        try:
            return path.resolve().relative_to(self.root.resolve()).as_posix()
        except ValueError:
            return str(path)


class SourceReader(Protocol):
    """One format. A reader is a stateless object with a name and two functions.

    ``patterns`` are file names (``fnmatch``) that auto-detection takes for this format.
    """

    @property
    def name(self) -> str:
        """The format's name, such as ``uv.lock``."""

    @property
    def kind(self) -> SourceKind:
        """What files of this format can say."""

    @property
    def patterns(self) -> tuple[str, ...]:
        """File names of this format."""

    def read(self, path: Path, context: ReadContext) -> Graph:
        """Read the file into a graph.

        Raises:
            SourceError: if nothing of the file can be used. What can be read only in part gives a
                graph with ``problems``.
        """


def unreadable(subject: str, message: str, *, fix: str, location: Location | None = None) -> Finding:
    """Return the finding for a part of a source that could not be read."""
    return Finding(
        rule="unreadable-source",
        subject=subject,
        message=message,
        fix=fix,
        location=location,
        status=Status.UNVERIFIED,
    )


def shortest_path(graph: Graph, name: str) -> tuple[str, ...]:
    """Return names from a direct dependency down to ``name``; ``(name,)`` if it is direct or unknown."""
    parents: dict[str, set[str]] = {}
    direct: set[str] = set()
    for dependency in graph.dependencies:
        parents.setdefault(dependency.name, set()).update(dependency.parents)
        if dependency.direct:
            direct.add(dependency.name)
    paths: list[tuple[str, ...]] = [(name,)]
    seen = {name}
    for path in paths:  # grows while it is walked: breadth first
        if path[0] in direct:
            return path
        for parent in sorted(parents.get(path[0], ())):
            if parent not in seen:
                seen.add(parent)
                paths.append((parent, *path))
    return (name,)


def walk_reachable(children: Mapping[str, Iterable[str]], roots: Iterable[str]) -> Iterator[str]:
    """Yield every key that is reachable from ``roots``, the roots included, each once."""
    waiting, seen = list(roots), set[str]()
    while waiting:
        key = waiting.pop()
        if key not in seen:
            seen.add(key)
            yield key
            waiting.extend(children.get(key, ()))
