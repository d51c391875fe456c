"""What the application's own writes moved is told from what no write touched."""

from __future__ import annotations

import pytest

from pytest_devsecops.recovery.compare import compare
from pytest_devsecops.recovery.model import Rows, Snapshot
from pytest_devsecops.recovery.moving import moved

Properties = dict[str, dict[str, str | None]]


def left_over(quiet: Properties, lost: Properties, restored: Properties) -> list[str]:
    """What of the difference between the loss and the restore is not due to writes."""
    first, last, after = (Snapshot({"file": things}, {}) for things in (quiet, lost, restored))
    found = compare(last, after, lambda *_: False, {}).differences
    return [one.message for one in found if not moved(one, first, last, after)]


@pytest.mark.parametrize(
    ("quiet", "lost", "restored"),
    [
        ({}, {"new": {"size": "1"}}, {}),
        ({}, {"new": {"size": "9"}}, {"new": {"size": "4"}}),
        ({"old": {"size": "1"}}, {}, {"old": {"size": "1"}}),
        ({"log": {"size": "10"}}, {"log": {"size": "30"}}, {"log": {"size": "20"}}),
        ({"log": {"size": "10"}}, {"log": {"size": "30"}}, {"log": {"size": "10"}}),
        ({"log": {"content": "aa"}}, {"log": {"content": "cc"}}, {"log": {"content": "bb"}}),
    ],
)
def test_any_state_that_writes_passed_through_is_fine(
    quiet: Properties, lost: Properties, restored: Properties
) -> None:
    assert left_over(quiet, lost, restored) == []


@pytest.mark.parametrize(
    ("quiet", "lost", "restored"),
    [
        ({"old": {"size": "1"}}, {"old": {"size": "1"}}, {}),
        ({"old": {"size": "1"}}, {"old": {"size": "2"}}, {}),
        ({"old": {"mode": "0600", "size": "1"}}, {"old": {"mode": "0600", "size": "2"}}, {"old": {"mode": "0644", "size": "2"}}),
        ({"log": {"size": "10"}}, {"log": {"size": "30"}}, {"log": {"size": "5"}}),
        ({"log": {"size": "10"}}, {"log": {"size": "30"}}, {"log": {"size": "31"}}),
        ({}, {}, {"stranger": {"size": "1"}}),
    ],
)  # fmt: skip
def test_what_no_write_can_have_done_stays(quiet: Properties, lost: Properties, restored: Properties) -> None:
    assert len(left_over(quiet, lost, restored)) == 1


def test_tables_that_writes_make_and_drop_may_come_or_not() -> None:
    quiet, lost = Snapshot({}, {"dropped": Rows(1, "a")}), Snapshot({}, {"made": Rows(1, "b")})
    found = compare(lost, quiet, lambda *_: False, {}).differences
    assert {one.change for one in found} == {"lost", "added"}
    assert all(moved(one, quiet, lost, quiet) for one in found)
    assert not any(moved(one, lost, lost, quiet) for one in found if one.change == "lost")
