"""Tables by the name of a dependency, in which a key may be a glob."""

from __future__ import annotations

import re
from collections.abc import Iterable
from fnmatch import translate
from typing import Generic, TypeVar

from packaging.utils import canonicalize_name

T = TypeVar("T")

_GLOB = frozenset("*?[")


def normalised_pattern(text: str) -> str:
    """Return a name, or a glob over names, in the form that normalised names have (PEP 503)."""
    return canonicalize_name(text.strip())


class NameTable(Generic[T]):
    """Values by normalised name or glob.

    Args:
        entries: pairs of a normalised name or glob and its value.
    """

    def __init__(self, entries: Iterable[tuple[str, T]]) -> None:
        self._exact: dict[str, list[tuple[int, T]]] = {}
        self._globs: list[tuple[re.Pattern[str], int, T]] = []
        for index, (pattern, value) in enumerate(entries):
            if _GLOB.isdisjoint(pattern):
                self._exact.setdefault(pattern, []).append((index, value))
            else:
                self._globs.append((re.compile(translate(pattern)), index, value))

    def find(self, name: str) -> list[T]:
        """Return the values whose key is ``name`` or matches it, in the order of the entries."""
        matching = [(index, value) for glob, index, value in self._globs if glob.match(name)]
        found = [*self._exact.get(name, ()), *matching]
        return [value for _, value in sorted(found, key=lambda pair: pair[0])]
