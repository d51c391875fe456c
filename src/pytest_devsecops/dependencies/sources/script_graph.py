"""PEP 723: the metadata block in a script's comments."""

from __future__ import annotations

import hashlib
import io
import re
import tomllib
from pathlib import Path
from tokenize import detect_encoding

from pytest_devsecops.core.decode import TableReader
from pytest_devsecops.dependencies.model import MAIN, Graph, ReadContext, SourceError
from pytest_devsecops.dependencies.sources.declarations import Declarations
from pytest_devsecops.dependencies.sources.documents import Document
from pytest_devsecops.dependencies.sources.uv_tables import read_uv

#: As PEP 723 gives it: what this does not match is a comment.
_BLOCK = re.compile(r"(?m)^# /// (?P<type>[a-zA-Z0-9-]+)$\s(?P<content>(^#(| .*)$\s)+)^# ///$")


def script_graph(path: Path, context: ReadContext, format_name: str) -> Graph:
    """Read the metadata of a script.

    Args:
        path: the script.
        context: the project's root and environment variables.
        format_name: the name of the reader, for the evidence.

    Raises:
        SourceError: if it has no block, several blocks, or one that is not TOML.
    """
    document = _document(path, context)
    found = Declarations(document, context)
    problems: list[str] = []
    root = TableReader(document.data, "", problems)
    for text in root.strings("dependencies"):
        found.requirement(MAIN, text, "", "dependencies")
    read_uv(root.table("tool").table("uv"), found)
    for problem in problems:
        found.problem(document.name, problem, "correct the value")
    return found.finished(format_name)


def _document(path: Path, context: ReadContext) -> Document:
    """Return the block as a document that has it at the lines of the script."""
    name = context.shown(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise SourceError(f"cannot be read: {error.strerror}", place=name, remedy="correct the path") from error
    try:
        encoding, _ = detect_encoding(io.BytesIO(data).readline)
        text = io.TextIOWrapper(io.BytesIO(data), encoding).read()
    except (SyntaxError, UnicodeDecodeError) as error:
        raise SourceError(f"cannot be decoded: {error}", place=name, remedy="save it as UTF-8") from error
    blocks = [found for found in _BLOCK.finditer(text) if found["type"] == "script"]
    if len(blocks) != 1:
        remedy = "keep one block `# /// script` … `# ///` (PEP 723)"
        place = f"{name}:{_line(text, blocks[1].start())}" if blocks else name
        raise SourceError(f"has {len(blocks) or 'no'} script blocks", place=place, remedy=remedy)
    block = blocks[0]
    content = "".join(
        line[2:] if line.startswith("# ") else line[1:] for line in block["content"].splitlines(keepends=True)
    )
    # Empty lines in front make the lines of the document those of the script.
    toml = "\n" * (_line(text, block.start("content")) - 1) + content
    try:
        table = tomllib.loads(toml)
    except tomllib.TOMLDecodeError as error:
        raise SourceError(f"the script block is not TOML: {error}", place=name, remedy="correct the block") from error
    return Document(path, name, hashlib.sha256(data).hexdigest(), toml, table)


def _line(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1
