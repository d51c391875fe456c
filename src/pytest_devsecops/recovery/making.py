"""Stores by name: those that are built in and those that packages bring."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pytest_devsecops.recovery.model import Store

#: Makes a store from the keyword arguments that a user gives.
Maker = Callable[..., Store]


@dataclass(frozen=True, slots=True)
class StoreType:
    """A kind of store that a package brings.

    Attributes:
        name: what ``recovery.store("name", …)`` calls it.
        make: the function that makes one; it takes keyword arguments and raises ``UsageError`` for those
            that cannot mean anything.
    """

    name: str
    make: Maker
