"""Where keys and strings stand in a TOML document; the standard library's parser does not say.

A document can write the same table in several ways. What is written in another way than the usual
one has no line: none is better than a wrong one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator


def line_of_key(text: str, table: str, key: str) -> int | None:
    """Return the line of ``key`` below the header ``[table]``; with an empty table, above every header."""
    entry = re.compile(rf"\s*[\"']?{re.escape(key)}[\"']?\s*[=.]")
    return next((number for number, line in _lines_below(text, table) if entry.match(line)), None)


def line_of_string(text: str, table: str, key: str, value: str) -> int | None:
    """Return the line of the string ``value`` in the array at ``key`` below the header ``[table]``."""
    start = line_of_key(text, table, key)
    if start is None:
        return None
    spelled = (json.dumps(value, ensure_ascii=False), f"'{value}'")
    lines = (line for line in _lines_below(text, table) if line[0] >= start)
    return next((number for number, line in lines if any(one in line for one in spelled)), None)


def _lines_below(text: str, table: str) -> Iterator[tuple[int, str]]:
    header = re.compile(rf"\s*\[\s*{re.escape(table)}\s*\]")
    inside = not table
    for number, line in enumerate(text.split("\n"), 1):
        # An array's items may start with a bracket as well, but no table's name starts with a quote or bracket.
        if re.match(r"\s*\[{1,2}\s*[\w\"'-][\w.\"' -]*\]{1,2}\s*(#.*)?$", line):
            inside = header.match(line) is not None
        elif inside:
            yield number, line
