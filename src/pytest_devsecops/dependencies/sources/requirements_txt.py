"""Requirements files in pip's own dialect: what pip accepts is read the same, what it refuses is an error."""

from __future__ import annotations

from pathlib import Path

from pytest_devsecops.dependencies.model import Graph, ReadContext, SourceKind


class RequirementsReader:
    """Reads a requirements file with all files that it includes.

    Relative paths of requirements start at the project's root, as for a pip that runs there, or
    else in the folder of the file that was named. Remote includes are not fetched; they are problems.

    All files of one tree have one kind. It is ``LOCK`` if every entry leaves an installer no choice of
    version (an exact version after constraints, or a VCS commit in full; URLs and paths have no
    versions to choose from), because that is how such a file is used, and ``DECLARATION`` otherwise.
    """

    name = "requirements.txt"
    kind = SourceKind.DECLARATION
    patterns = ("requirements*.txt", "*requirements.txt", "requirements/*.txt")

    def read(self, path: Path, context: ReadContext) -> Graph:
        """Read ``path`` into a graph; see ``SourceReader``.

        Raises:
            SourceError: if pip refuses the file or one that it includes.
        """
        from pytest_devsecops.dependencies.sources.requirement_graph import requirements_graph

        return requirements_graph(path, context, self.name)
