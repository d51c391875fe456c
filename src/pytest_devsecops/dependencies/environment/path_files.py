"""``.pth`` files, line by line as the ``site`` module reads them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class PathLine:
    """One line of a ``.pth`` file that has an effect.

    Attributes:
        number: counted from 1.
        text: the line without the space at its end.
        executes: whether Python runs it at start; otherwise it is a folder added to ``sys.path``.
    """

    number: int
    text: str
    executes: bool


def path_lines(file: Path) -> Iterator[PathLine]:
    """Yield the lines of ``file`` that have an effect.

    ``site.addpackage`` skips blank lines and those that start with ``#``, runs those that start with
    ``import`` and a space or a tab, and takes the rest as folders. A byte order mark is skipped, as
    newer Pythons do; older ones do not run the line after it, but either may come to read the file.
    Bytes that are not UTF-8 are decoded with the locale's encoding there; here Latin-1 stands in,
    which keeps every ASCII character, and the decision needs no other.

    Raises:
        OSError: if the file cannot be read.
    """
    data = file.read_bytes()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    for number, line in enumerate(text.splitlines(), 1):
        if not line.startswith("#") and line.strip():
            yield PathLine(number, line.rstrip(), line.startswith(("import ", "import\t")))
