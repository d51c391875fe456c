"""Which sources a project has, and the one graph that they give.

Whatever is named and cannot be found or read is a problem of the graph, never left out in silence.
"""

from __future__ import annotations

import glob
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path

from packaging.utils import canonicalize_name

from pytest_devsecops.core.findings import Finding, Status
from pytest_devsecops.core.text import counted, did_you_mean
from pytest_devsecops.dependencies.model import (
    Graph,
    ReadContext,
    SourceError,
    SourceKind,
    SourceReader,
    unreadable,
)

#: The name of the source that is the running interpreter's own environment, and of its reader; that
#: reader is given ``sys.prefix`` for it, and the environment's folder or python for any other.
ENVIRONMENT = "environment"

_NAMED_WITH = "correct `sources` in [tool.devsecops.dependencies]; it takes paths, globs, environment, environment:PATH"


@dataclass(frozen=True, slots=True)
class Chosen:
    """One place and the reader for it."""

    path: Path
    reader: SourceReader


class Inventory:
    """The sources of one project, each read at most once.

    Args:
        readers: the known source formats, by name, in the order in which detection prefers them.
        context: the project's root and environment variables.
    """

    def __init__(self, readers: Mapping[str, SourceReader], context: ReadContext) -> None:
        self._readers = readers
        self._context = context
        self._read: dict[tuple[Path, str], Graph] = {}
        self._graphs: dict[tuple[object, ...], Graph] = {}

    def chosen(self, entries: Sequence[str], kinds: Collection[SourceKind], groups: Sequence[str]) -> Graph:
        """Return what the policy's ``sources`` of ``kinds`` say; if there are none, those detected.

        Args:
            entries: the policy's ``sources``; empty for detection.
            kinds: the kinds of source that the check can use.
            groups: the policy's ``groups``; empty for all.
        """
        return self._cached(("chosen", *entries), kinds, groups, lambda: self._choose(entries, kinds))

    def named(self, entries: Sequence[str], kinds: Collection[SourceKind], groups: Sequence[str]) -> Graph:
        """Return what the sources named by ``entries`` say; one of another kind than ``kinds`` is a problem."""
        return self._cached(("named", *entries), kinds, groups, lambda: self._named(entries, kinds))

    def _cached(
        self,
        entries: tuple[str, ...],
        kinds: Collection[SourceKind],
        groups: Sequence[str],
        read: Callable[[], Graph],
    ) -> Graph:
        key = (entries, frozenset(kinds), tuple(groups))
        if key not in self._graphs:
            self._graphs[key] = only_groups(read(), groups)
        return self._graphs[key]

    def _choose(self, entries: Sequence[str], kinds: Collection[SourceKind]) -> Graph:
        if not entries:
            return self._detected(self._context.root, kinds)
        whole = self._entries(entries)
        graph = of_kinds(whole, kinds)
        return graph if graph.sources else self._detected(self._context.root, kinds) + Graph(problems=whole.problems)

    def _named(self, entries: Sequence[str], kinds: Collection[SourceKind]) -> Graph:
        whole = self._entries(entries)
        graph = of_kinds(whole, kinds)
        if graph.sources or whole.problems:
            return graph
        wanted = " or ".join(str(kind) for kind in kinds)
        message = f"this check needs a source of the kind {wanted}, and {whole.place} is none"
        return graph + _problem(whole.place, message, "name another source, or leave the choice to detection")

    def _entries(self, entries: Sequence[str]) -> Graph:
        chosen: dict[tuple[Path, str], Chosen] = {}
        problems: list[Finding] = []
        for entry in entries:
            choice = self._resolve(entry)
            if isinstance(choice, Finding):
                problems.append(choice)
            else:
                chosen.update({(one.path, one.reader.name): one for one in choice})
        return self._read_all(chosen.values()) + Graph(problems=tuple(problems))

    def _resolve(self, entry: str) -> list[Chosen] | Finding:
        """Return the places that one entry of ``sources`` names, or why it names none."""
        format_name, colon, rest = entry.partition(":")
        reader = self._readers.get(format_name) if colon or entry == ENVIRONMENT else None
        if reader is not None and not rest:
            return [Chosen(Path(sys.prefix), reader)]
        pattern = rest if reader else entry
        paths = self._matching(pattern)
        if not paths:
            message = f"the source {entry!r} matches nothing below {self._context.root}"
            return _missing(entry, message, _NAMED_WITH)
        chosen: list[Chosen] = []
        for path in paths:
            places = [Chosen(path, reader)] if reader else self._places(path)
            if not places:
                known = ", ".join(self._readers)
                message = f"the source {entry!r}: no reader knows {self._context.shown(path)} by its name"
                return _missing(entry, message, f"name its format as FORMAT:{entry}; known formats: {known}")
            chosen.extend(places)
        return chosen

    def _matching(self, pattern: str) -> list[Path]:
        literal = self._context.root / pattern
        if literal.exists():
            return [literal]
        root = self._context.root
        names = glob.glob(pattern, root_dir=root, recursive=True)  # noqa: PTH207 - Path.glob refuses absolute patterns
        return [root / name for name in sorted(names)]

    def _places(self, path: Path) -> list[Chosen]:
        """Return the reader for a file or an environment, or what a project's folder has in it."""
        if (path / "pyvenv.cfg").is_file() and ENVIRONMENT in self._readers:
            return [Chosen(path, self._readers[ENVIRONMENT])]
        if path.is_dir():
            return next(self._tiers(path, tuple(SourceKind)), [])
        shown = self._context.shown(path)
        known = (
            one
            for one in self._readers.values()
            if any(fnmatchcase(path.name, pattern) or fnmatchcase(shown, pattern) for pattern in one.patterns)
        )
        return [Chosen(path, one) for one in known][:1]

    def _detected(self, folder: Path, kinds: Collection[SourceKind]) -> Graph:
        for tier in self._tiers(folder, kinds):
            return self._read_all(tier)
        if ENVIRONMENT in self._readers and SourceKind.ENVIRONMENT in kinds:
            return self._read_all([Chosen(Path(sys.prefix), self._readers[ENVIRONMENT])])
        looked_for = ", ".join(self.file_names(kinds)) or "nothing, because no format is known"
        message = f"no source of dependencies was found in {folder}; looked for {looked_for}"
        return _problem("sources", message, "name one with `sources` in [tool.devsecops.dependencies]")

    def file_names(self, kinds: Collection[SourceKind]) -> list[str]:
        """Return the file names that detection looks for."""
        return [name for one in self._readers.values() if one.kind in kinds for name in _detectable(one)]

    def _tiers(self, folder: Path, kinds: Collection[SourceKind]) -> Iterator[list[Chosen]]:
        """Yield what detection finds in ``folder``: all lock files, else each format of declarations."""
        usable = [one for one in self._readers.values() if one.kind in kinds]
        locks = [one for one in usable if one.kind is SourceKind.LOCK]
        declarations = [[one] for one in usable if one.kind is SourceKind.DECLARATION]
        for tier in [locks, *declarations]:
            found: dict[Path, Chosen] = {}
            for reader in tier:
                for pattern in _detectable(reader):
                    for path in sorted(folder.glob(pattern)):
                        if path.is_file():
                            found.setdefault(path, Chosen(path, reader))
            if found:
                yield list(found.values())

    def _read_all(self, chosen: Iterable[Chosen]) -> Graph:
        graph = Graph()
        for one in chosen:
            graph += self._read_one(one)
        return graph

    def _read_one(self, chosen: Chosen) -> Graph:
        key = (chosen.path, chosen.reader.name)
        if key not in self._read:
            self._read[key] = self._read_source(chosen)
        return self._read[key]

    def _read_source(self, chosen: Chosen) -> Graph:
        shown = self._context.shown(chosen.path)
        try:
            return chosen.reader.read(chosen.path, self._context)
        except SourceError as error:
            place = error.place or shown
            return Graph(
                problems=(unreadable(shown, f"{place}: {error.message}", fix=error.remedy or "repair the file"),)
            )
        except OSError as error:
            message = f"{shown}: cannot be read: {error.strerror or error}"
            return Graph(problems=(unreadable(shown, message, fix="check that it exists and may be read"),))


def of_kinds(graph: Graph, kinds: Collection[SourceKind]) -> Graph:
    """Return the part of ``graph`` that comes from sources of ``kinds``, with all its problems."""
    kept = tuple(source for source in graph.sources if source.kind in kinds)
    dropped = {source.name for source in graph.sources} - {source.name for source in kept}
    dependencies = tuple(one for one in graph.dependencies if one.source not in dropped)
    return replace(graph, dependencies=dependencies, sources=kept)


def only_groups(graph: Graph, groups: Sequence[str]) -> Graph:
    """Return the part of ``graph`` that belongs to ``groups``; all of it if there is none.

    A group that no source has, and a source that has dependencies but none in the groups, are
    problems: either would leave something unexamined in silence.
    """
    if not groups:
        return graph
    wanted = {_group(name): name for name in groups}
    found = {_group(name): name for one in graph.dependencies for name in one.groups}
    kept = [one for one in graph.dependencies if any(_group(name) in wanted for name in one.groups)]
    problems = [
        _missing(
            name,
            f"no dependency from {graph.place} belongs to the group {name!r}; {did_you_mean(name, found.values())}",
            "correct `groups` in [tool.devsecops.dependencies]",
        )
        for key, name in wanted.items()
        if key not in found
    ]
    left = {one.source for one in kept}
    for source in graph.sources:
        number = sum(one.source == source.name for one in graph.dependencies)
        if number and source.name not in left:
            problems.append(
                _missing(
                    source.name,
                    f"{source.name} has {counted(number, 'dependency', 'dependencies')}, "
                    f"and none belongs to {', '.join(groups)}",
                    "leave the source out of `sources`, or the filter `groups`, in [tool.devsecops.dependencies]",
                ),
            )
    return replace(graph.only(kept), problems=(*graph.problems, *problems))


def _group(name: str) -> str:
    """Return the normalised name of a group (PEP 735) or of an extra (PEP 685)."""
    return ":".join(canonicalize_name(part) for part in name.split(":"))


def _detectable(reader: SourceReader) -> list[str]:
    """Return the patterns that detection uses.

    ``*.py`` names a kind of file, not a file: it serves files that the user names.
    """
    return [pattern for pattern in reader.patterns if not pattern.startswith("*.")]


def _missing(subject: str, message: str, fix: str) -> Finding:
    return Finding("missing-source", subject, message, fix=fix, status=Status.UNVERIFIED)


def _problem(subject: str, message: str, fix: str) -> Graph:
    return Graph(problems=(_missing(subject, message, fix),))
