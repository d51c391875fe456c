"""The source ``environment``: what is installed here, or in another environment by its path."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from packaging.markers import Marker, default_environment
from packaging.utils import canonicalize_name

from pytest_devsecops.core.findings import Location
from pytest_devsecops.dependencies.environment.distributions import Installed, Listing, list_installed
from pytest_devsecops.dependencies.environment.layout import RUNNING, Layout, layout_at, running_layout
from pytest_devsecops.dependencies.model import Dependency, Graph, ReadContext, SourceKind, SourceRead, unreadable

#: Before the path of another environment in a source's name.
_PREFIX = f"{RUNNING}:"

#: Writes ``REQUESTED`` for everything that it installs, so that the file says nothing.
_ALWAYS_REQUESTS = frozenset({"uv"})


@dataclass(frozen=True, slots=True)
class EnvironmentReader:
    """Reads environments; ``sys.prefix`` stands for the one that this process runs in.

    A distribution is direct if it was asked for by name (``REQUESTED``, where its installer means
    something by it), or if nothing installed needs it and its installer keeps no such note.
    """

    name: str = RUNNING
    kind: SourceKind = SourceKind.ENVIRONMENT
    #: An environment is never detected by a file's name: a project's folder can hold any number.
    patterns: tuple[str, ...] = ()

    def read(self, path: Path, context: ReadContext) -> Graph:
        """Read the environment at ``path``: its folder, its python, or a site-packages folder.

        Raises:
            SourceError: if there is no such environment.
        """
        name = RUNNING if path == Path(sys.prefix) else f"{_PREFIX}{context.shown(path)}"
        layout = find_layout(name, context)
        return graph_of(list_installed(layout), layout, context)


def find_layout(source: str, context: ReadContext) -> Layout:
    """Return the layout of the environment that a graph's source of this name was read from.

    Raises:
        SourceError: if there is no such environment.
    """
    if source == RUNNING:
        return running_layout()
    return layout_at(context.root / source.removeprefix(_PREFIX), source)


def graph_of(listing: Listing, layout: Layout, context: ReadContext) -> Graph:
    """Return the graph of what an environment has."""
    installed = {one.name: one for one in listing.installed}
    parents, extras = _edges(installed, marker_environment(layout))
    dependencies = tuple(
        _dependency(one, sorted(parents.get(name, ())), frozenset(extras[name]), layout, context)
        for name, one in installed.items()
    )
    problems = [
        unreadable(one.folder.name, one.message, fix=one.fix, location=Location(context.shown(one.folder)))
        for one in listing.unusable
    ]
    problems += [
        unreadable(
            f"{one.name} {one.version}",
            f"{one.name} {one.version}: its metadata {problem}",
            fix=f"reinstall {one.name}, or ask its authors to repair its metadata",
            location=Location(context.shown(one.folder)),
        )
        for one in listing.installed
        for problem in one.problems
    ]
    read = SourceRead(layout.name, RUNNING, SourceKind.ENVIRONMENT, count=len(dependencies))
    return Graph(dependencies, (read,), tuple(problems))


def environments(graph: Graph, context: ReadContext) -> Iterator[tuple[Layout, Listing]]:
    """Yield layout and listing of every environment that ``graph`` was read from.

    Raises:
        SourceError: if one is not there any more.
    """
    for source in graph.sources:
        if source.kind is SourceKind.ENVIRONMENT:
            layout = find_layout(source.name, context)
            yield layout, list_installed(layout)


def markers_of(graph: Graph, context: ReadContext) -> dict[str, str]:
    """Return the values of PEP 508 markers in the first environment that ``graph`` was read from.

    Without one they are those of the running environment.
    """
    name = next((one.name for one in graph.sources if one.kind is SourceKind.ENVIRONMENT), RUNNING)
    return marker_environment(find_layout(name, context))


def needed_names(graph: Graph, context: ReadContext) -> frozenset[str]:
    """Return the names that distributions of the environments of ``graph`` need there, installed or not."""
    needed: set[str] = set()
    for layout, listing in environments(graph, context):
        parents, _ = _edges({one.name: one for one in listing.installed}, marker_environment(layout))
        needed.update(parents)
    return frozenset(needed)


def marker_environment(layout: Layout) -> dict[str, str]:
    """Return the values of PEP 508 markers in an environment, as far as its layout tells them."""
    return {**{name: str(value) for name, value in default_environment().items()}, **layout.markers}


def _edges(
    installed: Mapping[str, Installed], environment: Mapping[str, str]
) -> tuple[dict[str, set[str]], dict[str, set[str]]]:
    """Return who needs each name, and which extras of each name are asked for by others.

    Which extras somebody asked for on the command line is recorded nowhere (PEP 376 and its
    successors have no place for it), so edges through them are not known.
    """
    parents: dict[str, set[str]] = {}
    extras: dict[str, set[str]] = {name: set() for name in installed}
    waiting = [(name, "") for name in installed]
    for name, extra in waiting:  # grows while it is walked: an extra of a requirement is followed once
        for requirement in installed[name].requires:
            needed = canonicalize_name(requirement.name)
            if not _applies(requirement.marker, extra, environment):
                continue
            if needed != name:
                parents.setdefault(needed, set()).add(name)
            for asked in map(canonicalize_name, requirement.extras):
                if needed in extras and asked not in extras[needed]:
                    extras[needed].add(asked)
                    waiting.append((needed, asked))
    return parents, extras


def _applies(marker: Marker | None, extra: str, environment: Mapping[str, str]) -> bool:
    if marker is None:
        # Without a marker it was taken already when the distribution was looked at without extras.
        return not extra
    return marker.evaluate({**environment, "extra": extra})


def _direct(one: Installed, parents: Sequence[str]) -> bool | None:
    keeps_notes = one.installer == "pip"
    if one.requested and one.installer not in _ALWAYS_REQUESTS:
        return True
    if parents:
        return False if keeps_notes else None
    return None if keeps_notes else True


def _dependency(
    one: Installed, parents: Sequence[str], extras: frozenset[str], layout: Layout, context: ReadContext
) -> Dependency:
    return Dependency(
        name=one.name,
        version=one.version,
        origin=one.origin,
        hashes=one.hashes,
        extras=extras,
        # An environment does not know why anything is there, and no group may leave it out.
        groups=frozenset(),
        direct=_direct(one, parents),
        parents=tuple(parents),
        licence=one.licence,
        installed_at=one.folder,
        location=Location(context.shown(one.folder)),
        source=layout.name,
    )
