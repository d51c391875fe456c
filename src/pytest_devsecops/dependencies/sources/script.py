"""What a single-file script declares in its own header (PEP 723)."""

from __future__ import annotations

from pathlib import Path

from pytest_devsecops.dependencies.model import Graph, ReadContext, SourceKind


class ScriptReader:
    """Reads the ``# /// script`` block of a Python file.

    No file is taken for a script by its name alone; the policy names those that are.
    """

    name = "script"
    kind = SourceKind.DECLARATION
    patterns = ("*.py",)

    def read(self, path: Path, context: ReadContext) -> Graph:
        """Read ``path`` into a graph; see ``SourceReader``.

        Raises:
            SourceError: if it has no block, several blocks, or one that is not TOML.
        """
        from pytest_devsecops.dependencies.sources.script_graph import script_graph

        return script_graph(path, context, self.name)
