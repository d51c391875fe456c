"""What a ``pyproject.toml`` declares."""

from __future__ import annotations

from pathlib import Path

from pytest_devsecops.dependencies.model import Graph, ReadContext, SourceKind


class PyprojectReader:
    """Reads ``pyproject.toml``.

    Groups: ``main`` (``project.dependencies``, Poetry's main table), ``extra:NAME``, ``build``
    (``build-system.requires``), and dependency groups under their normalised names, with what they
    include.
    """

    name = "pyproject.toml"
    kind = SourceKind.DECLARATION
    patterns = ("pyproject.toml",)

    def read(self, path: Path, context: ReadContext) -> Graph:
        """Read ``path`` into a graph; see ``SourceReader``.

        Raises:
            SourceError: if it is not TOML, if groups include each other in a circle, or if pip refuses
                a requirements file that it names.
        """
        from pytest_devsecops.dependencies.sources.pyproject_graph import pyproject_graph

        return pyproject_graph(path, context, self.name)
