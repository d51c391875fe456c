"""Lock files as decoded documents: every way in which a file can fail to be one, told with its place."""

from __future__ import annotations

import codecs
import hashlib
import json
import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_devsecops.core.findings import Location
from pytest_devsecops.dependencies.model import ReadContext, SourceError

_OTHER_ENCODINGS = (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_TOML_PLACE = re.compile(r" \(at (?:line (?P<line>\d+), column \d+|end of document)\)$")
_JSON_TOKEN = re.compile(r'"(?P<text>(?:[^"\\]|\\.)*)"(?P<colon>\s*:)?|(?P<open>[{\[])|(?P<close>[}\]])')
#: In JSON's own escapes only; bytes that say it are no UTF-8.
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


@dataclass(frozen=True, slots=True)
class Document:
    """One decoded file.

    Attributes:
        path: the file.
        name: its path as shown, below the project's root.
        sha256: of its bytes.
        text: its text without a byte order mark.
        data: its decoded top-level table.
    """

    path: Path
    name: str
    sha256: str
    text: str
    data: dict[str, Any]

    def at(self, line: int | None = None) -> Location:
        """Return the place in this file."""
        return Location(self.name, line)

    def error(self, message: str, *, remedy: str, line: int | None = None) -> SourceError:
        """Return the error for a document that is of no use."""
        return SourceError(message, place=str(self.at(line)), remedy=remedy)

    def array_lines(self, array: str, count: int) -> list[int | None]:
        """Return the line of each of the ``count`` tables ``[[array]]``; None each if that is not certain.

        The array may be written inline, and a multi-line string may look like a header; both make
        the numbers differ. A missing line is better than a wrong one.
        """
        header = re.compile(rf"[ \t]*\[\[[ \t]*[\"']?{re.escape(array)}[\"']?[ \t]*\]\]")
        lines = [number for number, line in enumerate(self.text.split("\n"), 1) if header.match(line)]
        return [*lines] if len(lines) == count else [None] * count

    def member_lines(self) -> dict[tuple[str, str], int]:
        """Return the lines of a JSON document's keys of the second level, by both keys."""
        lines: dict[tuple[str, str], int] = {}
        keys: list[str] = []
        line, seen = 1, 0
        for token in _JSON_TOKEN.finditer(self.text):
            line, seen = line + self.text.count("\n", seen, token.start()), token.start()
            if token["open"]:
                keys.append("")
            elif token["close"]:
                keys.pop()
            elif token["colon"]:
                keys[-1] = json.loads(f'"{token["text"]}"')
                if len(keys) == 2:  # noqa: PLR2004 - the second level
                    lines[keys[0], keys[1]] = line
        return lines


def read_toml(path: Path, context: ReadContext) -> Document:
    """Read a TOML file.

    Raises:
        SourceError: if it cannot be opened, is not UTF-8 or not TOML; with file and line.
    """
    return _read(path, context, "TOML", _decode_toml)


def read_json(path: Path, context: ReadContext) -> Document:
    """Read a JSON file whose top level is an object.

    Raises:
        SourceError: if it cannot be opened, is not UTF-8, not JSON, not an object, or says one key
            twice (all but one of the values would be lost); with file and line.
    """
    return _read(path, context, "JSON", _decode_json)


def _read(path: Path, context: ReadContext, kind: str, decode: Callable[[str], Any]) -> Document:
    name = context.shown(path)
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise SourceError("there is no such file", place=name, remedy="check the path that names it") from None
    except OSError as error:
        raise SourceError(
            f"cannot be read: {error.strerror or error}", place=name, remedy="make it a readable file"
        ) from None
    text = _text(content, name)
    try:
        data = decode(text)
    except _NotDecodableError as error:
        place = name if error.line is None else f"{name}:{error.line}"
        raise SourceError(f"is not valid {kind}: {error}", place=place, remedy=_RELOCK) from None
    except RecursionError:
        raise SourceError(f"is nested too deeply for {kind}", place=name, remedy=_RELOCK) from None
    if not isinstance(data, dict):
        raise SourceError(f"holds {type(data).__name__} where an object is expected", place=name, remedy=_RELOCK)
    return Document(path, name, hashlib.sha256(content).hexdigest(), text, data)


_RELOCK = "let the tool that wrote it write it again"


class _NotDecodableError(ValueError):
    def __init__(self, message: str, line: int | None) -> None:
        super().__init__(message)
        self.line = line


def _text(content: bytes, name: str) -> str:
    if content.startswith(_OTHER_ENCODINGS):
        raise SourceError("is not UTF-8 but UTF-16 or UTF-32", place=f"{name}:1", remedy="save it as UTF-8")
    try:
        return content.removeprefix(codecs.BOM_UTF8).decode("utf-8")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise SourceError(
            f"is not UTF-8 (byte 0x{error.object[error.start]:02x})", place=f"{name}:{line}", remedy="save it as UTF-8"
        ) from None


def _decode_toml(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except ValueError as error:  # TOMLDecodeError, or a number with more digits than Python converts
        message = str(error)
        found = _TOML_PLACE.search(message)
        if found is None:
            raise _NotDecodableError(message, None) from None
        line = int(found["line"]) if found["line"] else text.count("\n") + 1
        raise _NotDecodableError(_TOML_PLACE.sub("", message), line) from None


def _decode_json(text: str) -> object:
    try:
        data = json.loads(text, object_pairs_hook=_object)
        if _SURROGATE.search(text):
            json.dumps(data, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        raise _NotDecodableError(error.msg, error.lineno) from None
    except UnicodeEncodeError:
        raise _NotDecodableError("a string holds half a character (a lone surrogate)", None) from None
    except ValueError as error:
        raise _NotDecodableError(str(error), None) from None
    return data


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"the key {twice!r} occurs twice in one object")
    return table
