"""The order of versions in the PyPI ecosystem: PEP 440, with everything else before it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from packaging.utils import canonicalize_version
from packaging.version import InvalidVersion, Version

#: A place in the total order: texts that are not PEP 440 come first, among themselves by text.
Key = tuple[int, Version, str]

_NO_VERSION = Version("0.dev0")


@lru_cache(maxsize=65536)
def order(text: str) -> Key:
    """Return the place of a version in the order. Equal versions (``1.0``, ``v1.0.0``) are equal."""
    stripped = text.strip()
    try:
        return (1, Version(stripped), "")
    except InvalidVersion:
        return (0, _NO_VERSION, stripped.lower())


def is_ordered(text: str) -> bool:
    """Tell whether PEP 440 knows the version, so that its place in the order means something."""
    return order(text)[0] == 1


@lru_cache(maxsize=65536)
def canonical(text: str) -> str:
    """Return the one spelling of a version by which equality is decided."""
    key = order(text)
    return canonicalize_version(key[1]) if key[0] else key[2]


@dataclass(frozen=True, slots=True)
class Point:
    """One exact version, ready to be compared.

    ``2.0.1+cu118`` sorts above 2.0.1, yet it is a build of 2.0.1: what affects the public version
    affects the build as well, so both are kept.

    Attributes:
        keys: the version's place in the order, and that of its public version if it is local.
        spellings: canonical texts of the same.
        ordered: whether PEP 440 knows the version.
    """

    keys: tuple[Key, ...]
    spellings: tuple[str, ...]
    ordered: bool


@lru_cache(maxsize=65536)
def point(text: str) -> Point:
    """Return the version ``text`` as a point."""
    key = order(text)
    if not key[0] or key[1].local is None:
        return Point((key,), (canonical(text),), bool(key[0]))
    public = key[1].public
    return Point((key, order(public)), (canonical(text), canonical(public)), ordered=True)
