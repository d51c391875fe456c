"""Making a life in which something was lost smaller, until every step and every value of it is needed.

A life costs a backup and a restore, so this spends few of them: whole parts first, then single steps, then
the values of the rows that are left.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from pytest_devsecops.recovery.living import Move

#: Tells whether something is still lost in a life of these moves.
Loses = Callable[[Sequence[Move]], bool]

#: Returns simpler values for a column of a table, the simplest first: (table, column, value) -> values.
Simpler = Callable[[str, str, object], Iterable[object]]


def shrink(moves: Sequence[Move], loses: Loses, simpler: Simpler) -> list[Move]:
    """Return the smallest moves that were found in which something is still lost.

    Args:
        moves: they lose something.
        loses: tells whether others do.
        simpler: what to try instead of a value.
    """
    small = _fewer(list(moves), loses)
    for at, move in enumerate(small):
        for column in move.row:
            small[at] = _plainer(small, at, column, loses, simpler)
    return small


def _fewer(moves: list[Move], loses: Loses) -> list[Move]:
    """Leave out halves, then quarters, then single moves, as long as something is lost."""
    size = len(moves) // 2
    while size:
        at = 0
        while at < len(moves):
            without = [*moves[:at], *moves[at + size :]]
            if without and loses(without):
                moves = without
            else:
                at += size
        size //= 2
    return moves


def _plainer(moves: Sequence[Move], at: int, column: str, loses: Loses, simpler: Simpler) -> Move:
    """Replace one value of a row by the simplest one with which something is still lost."""
    move, tried = moves[at], set()
    changed = True
    while changed:
        changed = False
        for value in _others(move, column, simpler):
            other = replace(move, row={**move.row, column: value})
            if repr(value) not in tried and loses([*moves[:at], other, *moves[at + 1 :]]):
                move, changed = other, True
                break
            tried.add(repr(value))
    return move


def _others(move: Move, column: str, simpler: Simpler) -> Iterator[object]:
    now = move.row[column]
    for value in simpler(move.table, column, now):
        if repr(value) == repr(now):
            return
        yield value
