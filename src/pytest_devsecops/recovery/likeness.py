"""Snapshots taken beside another copy of the same data: the cheapest exact answer first.

A source is a copy of its template, and many restores bring files back bit for bit. A store that can
prove that rows are the same in two copies need not compute their fingerprints again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Protocol, runtime_checkable

from pytest_devsecops.recovery.model import Instance, Row, Snapshot
from pytest_devsecops.recovery.rowdiff import RowDifference, difference


@dataclass(frozen=True, slots=True)
class Twin:
    """Another copy, to which nobody writes, and what it holds."""

    instance: Instance
    snapshot: Snapshot


@runtime_checkable
class Comparable(Protocol):
    """What an instance may be able to do besides; optional."""

    def snapshot_beside(self, twin: Twin) -> Snapshot:
        """Return what ``snapshot()`` would; rows proven to be the same as the twin's may be taken from it."""


@runtime_checkable
class Keyed(Protocol):
    """What an instance may be able to do besides; optional."""

    def read_rows_by(self, container: str, identity: tuple[str, ...]) -> Iterator[Row]:
        """Return what ``read_rows()`` would, with rows told apart by the columns ``identity``.

        A restore that lost the key of a table would otherwise have every row told as lost and added.
        """


def snapshot_beside(instance: Instance, twin: Twin | None) -> Snapshot:
    """Return what ``instance`` holds, with as little reading as an exact answer needs."""
    if twin is not None and isinstance(instance, Comparable):
        return instance.snapshot_beside(twin)
    return instance.snapshot()


def row_differences(container: str, before: Instance, after: Instance) -> Iterator[RowDifference]:
    """Return the rows of a container that differ between two copies, told apart by the key that the first one has."""
    old = before.read_rows(container)
    first = next(old, None)
    if first is None or not first.identity or not isinstance(after, Keyed):
        return difference(_from(first, old), after.read_rows(container))
    return difference(_from(first, old), after.read_rows_by(container, first.identity))


def _from(first: Row | None, others: Iterator[Row]) -> Iterator[Row]:
    return others if first is None else chain([first], others)
