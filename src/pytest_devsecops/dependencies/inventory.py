"""Which sources a project has, and the one graph that they give.

Whatever is named and cannot be found or read is a problem of the graph, never left out in silence.
"""

from __future__ import annotations

import glob
import os
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path

from pytest_devsecops.core.findings import Finding
from pytest_devsecops.dependencies.merging import includes, joined, missing_source, of_kinds, only_groups
from pytest_devsecops.dependencies.model import (
    Graph,
    ReadContext,
    SourceError,
    SourceKind,
    SourceRead,
    SourceReader,
    unreadable,
)

#: The entry of ``sources`` for the running interpreter's environment, and the name of the reader for it,
#: which is given ``sys.prefix``; for ``environment:PATH`` it is given that folder or python.
ENVIRONMENT = "environment"

_SOURCES_FIX = "correct `sources` in [tool.devsecops.dependencies]: paths, globs, environment, environment:PATH"

_Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Chosen:
    """One place to read, and how.

    Attributes:
        name: how the source is called: its path below the root, ``environment`` or ``environment:PATH``.
        format: the name of its reader.
        kind: the kind of its reader.
        read: reads it.
    """

    name: str
    format: str
    kind: SourceKind
    read: Callable[[], Graph]

    @property
    def key(self) -> _Key:
        """What makes two of them the same."""
        return self.name, self.format


class Inventory:
    """The sources of one project, each read at most once.

    Args:
        readers: the known file formats, by name, in the order in which detection prefers them.
        context: the project's root and environment variables.
    """

    def __init__(self, readers: Mapping[str, SourceReader], context: ReadContext) -> None:
        self._readers = readers
        self._context = context
        self._read: dict[_Key, Graph] = {}
        self._graphs: dict[tuple[object, ...], Graph] = {}

    def chosen(self, entries: Sequence[str], kinds: Collection[SourceKind], groups: Sequence[str]) -> Graph:
        """Return what the policy's ``sources`` of ``kinds`` say; if there are none, those detected.

        Detection takes all lock files in the project's root; without one, requirements files; without
        one, the declarations in ``pyproject.toml``; and without any file, the running environment.

        Args:
            entries: the policy's ``sources``; empty for detection.
            kinds: the kinds of source that the check can use.
            groups: the policy's ``groups``; empty for all.
        """
        return self._cached(("chosen", *entries), kinds, groups, lambda: self._choose(entries, kinds))

    def named(self, entries: Sequence[str], kinds: Collection[SourceKind], groups: Sequence[str]) -> Graph:
        """Return what the sources named by ``entries`` say; if none is of ``kinds``, that is a problem."""
        return self._cached(("named", *entries), kinds, groups, lambda: self._named(entries, kinds))

    def file_names(self, kinds: Collection[SourceKind]) -> list[str]:
        """Return the file names that detection looks for."""
        return [name for one in self._readers.values() if one.kind in kinds for name in _detectable(one)]

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
        chosen, problems = self._resolve_all(entries)
        graph = self._read_kinds(chosen, kinds) + Graph(problems=problems)
        return graph if graph.sources or graph.problems else self._detected(kinds)

    def _named(self, entries: Sequence[str], kinds: Collection[SourceKind]) -> Graph:
        chosen, problems = self._resolve_all(entries)
        graph = self._read_kinds(chosen, kinds) + Graph(problems=problems)
        if graph.sources or graph.problems:
            return graph
        wanted = " or ".join(str(kind) for kind in kinds)
        named = ", ".join(entries)
        message = f"this check needs a source of the kind {wanted}, and {named} is none"
        return _problem(named, message, "name another source, or leave the choice to detection")

    def _resolve_all(self, entries: Sequence[str]) -> tuple[list[Chosen], tuple[Finding, ...]]:
        chosen: dict[_Key, Chosen] = {}
        problems: list[Finding] = []
        for entry in entries:
            choice = self._resolve(entry)
            if isinstance(choice, Finding):
                problems.append(choice)
            else:
                chosen.update({one.key: one for one in choice})
        return list(chosen.values()), tuple(problems)

    def _read_kinds(self, chosen: Iterable[Chosen], kinds: Collection[SourceKind]) -> Graph:
        return of_kinds(self._read_all(one for one in chosen if _can_say(one.kind, kinds)), kinds)

    def _resolve(self, entry: str) -> list[Chosen] | Finding:
        """Return the places that one entry of ``sources`` names, or why it names none."""
        if entry == ENVIRONMENT and ENVIRONMENT in self._readers:
            return [self._running()]
        format_name, _, rest = entry.partition(":")
        reader = self._readers.get(format_name) if rest else None
        paths = self._matching(rest if reader else entry)
        if not paths:
            return missing_source(
                entry, f"the source {entry!r} matches nothing below {self._context.root}", _SOURCES_FIX
            )
        chosen: list[Chosen] = []
        for path in paths:
            places = [self._file(path, reader)] if reader else self._places(path)
            if not places:
                known = ", ".join(self._readers)
                message = f"the source {entry!r}: nothing tells the format of {self._context.shown(path)}"
                return missing_source(entry, message, f"name it as FORMAT:{entry}; known formats: {known}")
            chosen.extend(places)
        return chosen

    def _matching(self, pattern: str) -> list[Path]:
        root = self._context.root
        literal = root / os.path.expanduser(pattern)  # noqa: PTH111 - Path.expanduser raises for an unknown user
        if literal.exists():
            return [literal]
        names = glob.glob(pattern, root_dir=root, recursive=True)  # noqa: PTH207 - Path.glob refuses absolute patterns
        return [root / name for name in sorted(names)]

    def _places(self, path: Path) -> list[Chosen]:
        """Return the reader for a file or an environment's folder, or what detection finds in another folder."""
        if (path / "pyvenv.cfg").is_file() and ENVIRONMENT in self._readers:
            return [self._file(path, self._readers[ENVIRONMENT])]
        if path.is_dir():
            return next(self._tiers(path, tuple(SourceKind)), [])
        shown = self._context.shown(path)
        return [
            self._file(path, one)
            for one in self._readers.values()
            if any(fnmatchcase(path.name, pattern) or fnmatchcase(shown, pattern) for pattern in one.patterns)
        ][:1]

    def _detected(self, kinds: Collection[SourceKind]) -> Graph:
        for tier in self._tiers(self._context.root, kinds):
            graph = self._read_kinds(tier, kinds)
            if graph.sources or graph.problems:
                return graph
        if SourceKind.ENVIRONMENT in kinds and ENVIRONMENT in self._readers:
            return self._read_all([self._running()])
        looked_for = ", ".join(self.file_names(kinds)) or "nothing, because no format of this kind is known"
        message = f"no source of dependencies was found in {self._context.root}; looked for {looked_for}"
        return _problem("sources", message, "name one with `sources` in [tool.devsecops.dependencies]")

    def _tiers(self, folder: Path, kinds: Collection[SourceKind]) -> Iterator[list[Chosen]]:
        """Yield what detection finds in ``folder``: all lock files, then each format of declarations."""
        usable = [one for one in self._readers.values() if _can_say(one.kind, kinds)]
        locks = [one for one in usable if one.kind is SourceKind.LOCK]
        declarations = [[one] for one in usable if one.kind is SourceKind.DECLARATION]
        for tier in [locks, *declarations]:
            found: dict[Path, Chosen] = {}
            for reader in tier:
                for path in (path for pattern in _detectable(reader) for path in sorted(folder.glob(pattern))):
                    if path.is_file():
                        found.setdefault(path, self._file(path, reader))
            if found:
                yield list(found.values())

    def _running(self) -> Chosen:
        reader = self._readers[ENVIRONMENT]
        return Chosen(ENVIRONMENT, reader.name, reader.kind, lambda: reader.read(Path(sys.prefix), self._context))

    def _file(self, path: Path, reader: SourceReader) -> Chosen:
        return Chosen(self._context.shown(path), reader.name, reader.kind, lambda: reader.read(path, self._context))

    def _read_all(self, chosen: Iterable[Chosen]) -> Graph:
        graphs = {one.name: self._read_one(one) for one in chosen}
        for name in list(graphs):
            # Of two that include each other, the one that is looked at last stays.
            if any(includes(graph, name) for other, graph in graphs.items() if other != name):
                del graphs[name]
        return joined(list(graphs.values()))

    def _read_one(self, chosen: Chosen) -> Graph:
        if chosen.key not in self._read:
            self._read[chosen.key] = _read_source(chosen)
        return self._read[chosen.key]


def _can_say(kind: SourceKind, wanted: Collection[SourceKind]) -> bool:
    """Tell whether a reader of ``kind`` may give a source of a wanted kind.

    Only reading tells whether requirements files declare ranges or lock exact versions.
    """
    return kind in wanted or (kind is SourceKind.DECLARATION and SourceKind.LOCK in wanted)


def _detectable(reader: SourceReader) -> list[str]:
    """Return the patterns that detection uses.

    ``*.py`` names a kind of file, not a file: it serves files that the user names.
    """
    return [pattern for pattern in reader.patterns if not pattern.startswith("*.")]


def _read_source(chosen: Chosen) -> Graph:
    try:
        graph = chosen.read()
    except SourceError as error:
        place = error.place or chosen.name
        message = f"{place}: {error.message}"
        return Graph(problems=(unreadable(chosen.name, message, fix=error.remedy or "repair the file"),))
    except OSError as error:
        message = f"{chosen.name}: cannot be read: {error.strerror or error}"
        return Graph(problems=(unreadable(chosen.name, message, fix="check that it exists and may be read"),))
    if graph.sources:
        return graph
    # A reader that does not tell what it read would make the source vanish.
    return replace(graph, sources=(SourceRead(chosen.name, chosen.format, chosen.kind, count=len(graph.dependencies)),))


def _problem(subject: str, message: str, fix: str) -> Graph:
    return Graph(problems=(missing_source(subject, message, fix),))
