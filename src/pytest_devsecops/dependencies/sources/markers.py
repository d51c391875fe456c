"""Environment markers as lock files combine them: parted from extras and groups, and joined along paths.

A marker that a graph carries speaks of environments only; extras and groups are said in
``Dependency.groups``. Where a part is left out, the rest is true at least as often as the whole: a
dependency may then seem to be needed in more environments than it is, never in fewer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache

from packaging.markers import InvalidMarker, Marker

from pytest_devsecops.dependencies.sources.entries import Entry

_TOKEN = re.compile(r"""\s*(?:(?P<paren>[()])|(?P<word>\w+)\b|(?P<text>'[^']*'|"[^"]*")|(?P<operator>[<>=!~]+))""")
#: What a marker can say besides the environment (PEP 508; PEP 751, ``packages.marker``).
_SELECTIONS = ("extra", "extras", "dependency_groups")


@dataclass(frozen=True, slots=True)
class Atom:
    """One comparison, such as ``sys_platform == 'win32'``.

    Attributes:
        text: as written.
        selection: ``extra``, ``extras`` or ``dependency_groups`` if it speaks of those.
        value: the name of the extra or group then.
        negated: whether it asks that the extra or group is not selected.
    """

    text: str
    selection: str = ""
    value: str = ""
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Joined:
    """Two or more parts, joined by ``and`` or by ``or``."""

    word: str
    parts: tuple[Atom | Joined, ...]


@lru_cache(maxsize=4096)
def parse_marker(text: str) -> Atom | Joined:
    """Return the marker's tree.

    Raises:
        ValueError: if it is no marker (PEP 508).
    """
    try:
        Marker(text)
        tokens = [found.group().strip() for found in _TOKEN.finditer(text)]
        return _Parser(tokens).whole()
    except InvalidMarker as error:
        raise ValueError(f"{str(error).splitlines()[0]}") from None
    except RecursionError:
        raise ValueError("nested too deeply") from None


class _Parser:
    """Recursive descent over the tokens of a marker that packaging accepts."""

    def __init__(self, tokens: list[str]) -> None:
        self._tokens = tokens
        self._next = 0

    def whole(self) -> Atom | Joined:
        return self._joined("or", lambda: self._joined("and", self._part))

    def _joined(self, word: str, part: Callable[[], Atom | Joined]) -> Atom | Joined:
        parts = [part()]
        while self._peek() == word:
            self._next += 1
            parts.append(part())
        return parts[0] if len(parts) == 1 else Joined(word, tuple(parts))

    def _part(self) -> Atom | Joined:
        if self._peek() == "(":
            self._next += 1
            inner = self.whole()
            self._next += 1  # the closing parenthesis
            return inner
        start = self._next
        while self._peek() not in ("and", "or", ")", ""):
            self._next += 1
        return _atom(self._tokens[start : self._next])

    def _peek(self) -> str:
        return self._tokens[self._next] if self._next < len(self._tokens) else ""


def _atom(tokens: list[str]) -> Atom:
    text = " ".join(tokens)
    left, *operator, right = tokens
    for variable, value in ((left, right), (right, left)):
        if variable in _SELECTIONS:
            return Atom(text, variable, value[1:-1], negated=operator in (["!="], ["not", "in"]))
    return Atom(text)


@lru_cache(maxsize=4096)
def environment_part(text: str) -> str:
    """Return what a marker says of environments alone; empty if that is nothing.

    Raises:
        ValueError: if it is no marker.
    """
    if not any(word in text for word in ("extra", "dependency_groups")):
        parse_marker(text)
        return text
    return _written(_environment(parse_marker(text)))


def marker_of(entry: Entry, text: str) -> str:
    """Return what a marker says of environments; one that is none is a problem of ``entry``, and always holds."""
    try:
        return environment_part(text) if text else ""
    except ValueError as error:
        entry.trouble(f"has a marker that is none: {error}")
        return ""


def holds_for(tree: Atom | Joined, selected: Callable[[Atom], bool]) -> bool:
    """Tell whether a marker can hold in some environment, given which extras and groups are selected."""
    if isinstance(tree, Joined):
        return (all if tree.word == "and" else any)(holds_for(part, selected) for part in tree.parts)
    return not tree.selection or selected(tree) is not tree.negated


def selections(tree: Atom | Joined) -> Iterable[Atom]:
    """Yield the parts of a marker that speak of extras and groups."""
    if isinstance(tree, Joined):
        for part in tree.parts:
            yield from selections(part)
    elif tree.selection:
        yield tree


def any_marker(markers: Iterable[str]) -> str:
    """Return the marker that holds where one of ``markers`` does; empty, as always, if one is empty."""
    distinct = list(dict.fromkeys(markers))
    if "" in distinct:
        return ""
    return distinct[0] if len(distinct) == 1 else " or ".join(f"({marker})" for marker in distinct)


def all_markers(markers: Iterable[str]) -> str:
    """Return the marker that holds where all of ``markers`` do; empty ones always hold."""
    distinct = [marker for marker in dict.fromkeys(markers) if marker]
    return distinct[0] if len(distinct) == 1 else " and ".join(f"({marker})" for marker in distinct)


def _environment(tree: Atom | Joined) -> Atom | Joined | None:
    """Return the tree with every selection taken as true; None if then nothing is left to ask."""
    if isinstance(tree, Atom):
        return None if tree.selection else tree
    parts = [_environment(part) for part in tree.parts]
    left = tuple(part for part in parts if part is not None)
    if not left or (tree.word == "or" and len(left) < len(parts)):
        return None
    return left[0] if len(left) == 1 else Joined(tree.word, left)


def _written(tree: Atom | Joined | None) -> str:
    if tree is None:
        return ""
    if isinstance(tree, Atom):
        return tree.text
    return f" {tree.word} ".join(
        f"({_written(part)})" if isinstance(part, Joined) else _written(part) for part in tree.parts
    )
