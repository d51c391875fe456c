"""Which sources a project has, and the one graph that they give."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping, Sequence
from pathlib import Path

from pytest_devsecops.dependencies.model import Graph, ReadContext, SourceError, SourceReader, unreadable

ENVIRONMENT = "environment"


def read_sources(names: Sequence[str], readers: Mapping[str, SourceReader], context: ReadContext) -> Graph:
    """Read every named source below the root into one graph; with no name, those detected.

    A source that cannot be read is a problem of the graph, never left out in silence.
    """
    graph = Graph()
    for path in [context.root / name for name in names] or detect(readers, context):
        reader = _reader_of(path, readers)
        if reader is None:
            graph += Graph(problems=(unreadable(str(path), f"no reader knows {path.name}", fix="name a known format"),))
            continue
        try:
            graph += reader.read(path, context)
        except SourceError as error:
            graph += Graph(problems=(unreadable(path.name, str(error), fix=error.remedy or "repair the file"),))
    return graph


def detect(readers: Mapping[str, SourceReader], context: ReadContext) -> list[Path]:
    """Return the files in the project's root that a reader knows by name."""
    return [path for path in sorted(context.root.iterdir()) if _reader_of(path, readers)]


def _reader_of(path: Path, readers: Mapping[str, SourceReader]) -> SourceReader | None:
    return next(
        (one for one in readers.values() if any(fnmatch.fnmatch(path.name, pattern) for pattern in one.patterns)),
        None,
    )
