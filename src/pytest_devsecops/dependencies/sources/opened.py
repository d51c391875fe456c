"""TOML lock files, opened together with the declarations that stand beside them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_devsecops.core.findings import Finding
from pytest_devsecops.dependencies.model import Dependency, Graph, ReadContext, SourceRead, SourceReader
from pytest_devsecops.dependencies.sources.declared import Declared, read_declared
from pytest_devsecops.dependencies.sources.documents import Document, read_toml


@dataclass(frozen=True, slots=True)
class OpenedLock:
    """A lock file whose outermost structure is known to be right.

    Attributes:
        document: the file.
        packages: the list of its packages, not looked into yet.
        declared: what the ``pyproject.toml`` beside it says; None without one.
        problems: what could not be read; whoever reads on adds to it.
    """

    document: Document
    packages: list[Any]
    declared: Declared | None
    problems: list[Finding]

    def graph(self, reader: SourceReader, dependencies: tuple[Dependency, ...]) -> Graph:
        """Return the graph of ``dependencies``, which ``reader`` found in this file."""
        read = SourceRead(self.document.name, reader.name, reader.kind, self.document.sha256, len(dependencies))
        return Graph(dependencies, (read,), tuple(self.problems))


def open_lock(
    path: Path,
    context: ReadContext,
    *,
    packages: str,
    is_lock: Callable[[Mapping[str, Any]], bool],
    otherwise: str,
    remedy: str,
) -> OpenedLock:
    """Open a lock file.

    Args:
        path: the file.
        context: the project's root and its environment variables.
        packages: the key of its list of packages, which may be missing.
        is_lock: tells by the document's outermost keys whether it is of the format.
        otherwise: what the error says of a file that is not, or whose packages are no list.
        remedy: what to do then.

    Raises:
        SourceError: if it is not TOML, or not of the format.
    """
    document = read_toml(path, context)
    listed = document.data.get(packages, [])
    if not isinstance(listed, list) or not is_lock(document.data):
        raise document.error(otherwise, remedy=remedy)
    problems: list[Finding] = []
    return OpenedLock(document, listed, read_declared(path.parent, context, problems), problems)
