"""Requirements files as text: pip's rules for decoding, joining, comments and variables.

Reference: pip's "Requirements File Format" and, where that is silent, pip itself; the contract tests
hold both against each other.
"""

from __future__ import annotations

import codecs
import locale
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

#: A comment starts at a ``#`` that begins the line or stands after white space, and nowhere else.
_COMMENT = re.compile(r"(?:^|\s+)#")
#: Only capital letters, digits and underscores: POSIX names, so that a lone ``$`` stays what it is.
_VARIABLE = re.compile(r"\$\{([A-Z0-9_]+)\}")
#: PEP 263.
_DECLARED_ENCODING = re.compile(rb"coding[:=]\s*([-\w.]+)")
#: UTF-32 first: its little-endian mark starts with the one of UTF-16.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


@dataclass(frozen=True, slots=True)
class LogicalLine:
    """One logical line that is more than a comment.

    Attributes:
        number: the number of its first physical line, from 1.
        text: it, joined, without comments and surrounding space, with variables expanded.
        comments: the comment at its end and those below it up to the next line that is empty or
            has text, each without its ``#``. Resolvers say there why an entry is in the file.
    """

    number: int
    text: str
    comments: tuple[str, ...] = ()


def decode(data: bytes) -> str:
    """Return the text of a requirements file.

    A byte order mark decides, then a PEP 263 comment in the first two lines, then UTF-8, then the
    encoding of the locale.

    Raises:
        UnicodeDecodeError: if the bytes are not in that encoding.
        LookupError: if a comment declares an encoding that Python does not know.
    """
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return data[len(mark) :].decode(encoding)
    for line in data.split(b"\n")[:2]:
        declared = _DECLARED_ENCODING.search(line) if line.startswith(b"#") else None
        if declared:
            return data.decode(declared[1].decode("ascii"))
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode(locale.getencoding())


def logical_lines(text: str, environ: Mapping[str, str]) -> Iterator[LogicalLine]:
    """Yield the logical lines of a requirements file in order.

    Args:
        text: the whole file.
        environ: the environment variables; one that is unset or empty stays as it is written.
    """
    number, body, comments = 0, "", list[str]()
    for joined_number, joined in _joined(text):
        found = _COMMENT.search(joined)
        stripped = (joined[: found.start()] if found else joined).strip()
        if body and (stripped or not found):
            yield LogicalLine(number, _expanded(body, environ), tuple(comments))
            body = ""
        if stripped:
            number, body, comments = joined_number, stripped, []
        if found:
            comments.append(joined[found.end() :])
    if body:
        yield LogicalLine(number, _expanded(body, environ), tuple(comments))


def _joined(text: str) -> Iterator[tuple[int, str]]:
    r"""Yield physical lines, joined where one ends in ``\``, with the number of the first.

    A line that is only a comment never goes on, whatever it ends in; below a line that goes on it
    ends that line.
    """
    parts: list[str] = []
    first = 1
    for number, line in enumerate(text.splitlines(), start=1):
        first = first if parts else number
        is_comment = _COMMENT.match(line) is not None
        if line.endswith("\\") and not is_comment:
            # pip takes every backslash from both ends, so we do.
            parts.append(line.strip("\\"))
            continue
        # The space keeps the `#` a comment after joining.
        yield first, "".join([*parts, " " + line if is_comment else line])
        parts = []
    if parts:
        yield first, "".join(parts)


def _expanded(text: str, environ: Mapping[str, str]) -> str:
    """Return ``text`` with its variables replaced, one after the other as pip does.

    (So the value of one variable can name a later one of the same line.)
    """
    for name in _VARIABLE.findall(text):
        value = environ.get(name)
        if value:
            text = text.replace(f"${{{name}}}", value)
    return text
