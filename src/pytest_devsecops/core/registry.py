"""A table of named parts that refuses to hold two under one name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Generic, TypeVar

from pytest_devsecops.core.errors import UsageError
from pytest_devsecops.core.text import did_you_mean

T = TypeVar("T")


class Registry(Mapping[str, T], Generic[T]):
    """Named parts of one kind, from the built-in table and from hooks.

    Args:
        kind: what the parts are, for messages (``"report format"``).
        parts: the built-in table.
    """

    def __init__(self, kind: str, parts: Mapping[str, T]) -> None:
        self._kind = kind
        self._parts: dict[str, T] = dict(parts)

    def add(self, name: str, part: T, *, provider: str) -> None:
        """Add ``part``.

        Raises:
            UsageError: if the name is taken.
        """
        if name in self._parts:
            message = f"{provider} registers the {self._kind} {name!r}, which exists already"
            raise UsageError(message, remedy="choose another name")
        self._parts[name] = part

    def find(self, name: str) -> T:
        """Return the part called ``name``.

        Raises:
            UsageError: if there is none, with the nearest name.
        """
        if name not in self._parts:
            raise UsageError(f"unknown {self._kind} {name!r}: {did_you_mean(name, self._parts)}")
        return self._parts[name]

    def __getitem__(self, name: str) -> T:
        return self._parts[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._parts)

    def __len__(self) -> int:
        return len(self._parts)
