"""Making a life smaller: fewest moves and plainest values, few lives spent on it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pytest_devsecops.pytest_plugin.hostile import simpler
from pytest_devsecops.recovery.living import Move
from pytest_devsecops.recovery.populating import Column
from pytest_devsecops.recovery.shrinking import shrink

_NOTE = Column("note", "text")


def rows(*notes: str) -> list[Move]:
    return [Move("write", "item", {"note": note, "other": 7}) for note in notes]


def plain(_table: str, column: str, value: object) -> Iterator[object]:
    yield from simpler(_NOTE, value) if column == "note" else (None, 0)


def test_two_moves_that_are_needed_together_are_kept() -> None:
    def loses(moves: Sequence[Move]) -> bool:
        kinds = [move.kind for move in moves]
        return "migrate" in kinds and "lose" in kinds[kinds.index("migrate") :]

    moves = [*rows("a", "b"), Move("migrate"), *rows("c"), Move("lose"), *rows("d", "e", "f")]
    assert shrink(moves, loses, plain) == [Move("migrate"), Move("lose")]


def test_values_become_as_plain_as_they_can() -> None:
    tried = []

    def loses(moves: Sequence[Move]) -> bool:
        tried.append(moves)
        return any(len(str(move.row["note"] or "")) > 255 for move in moves)

    (only,) = shrink(rows("", "x" * 10_000, "y"), loses, plain)
    assert only.row["other"] is None
    assert 255 < len(str(only.row["note"])) < 300
    assert len(tried) < 60


def test_nothing_smaller_is_claimed_when_nothing_smaller_loses() -> None:
    moves = rows("a", "b")
    assert shrink(moves, lambda one: list(one) == moves, plain) == moves


def test_an_empty_text_is_not_made_null() -> None:
    def loses(moves: Sequence[Move]) -> bool:
        return any(move.row["note"] == "" for move in moves)

    (only,) = shrink(rows("x", "", "y"), loses, plain)
    assert only.row == {"note": "", "other": None}
