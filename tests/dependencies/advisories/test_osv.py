from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from pytest_devsecops.dependencies.advisories.model import UnreadableRecordError
from pytest_devsecops.dependencies.advisories.osv import read_record

PACKAGE = {"ecosystem": "PyPI", "name": "shopkit"}


def entry(**fields: Any) -> dict[str, Any]:  # noqa: ANN401 - any field of an entry
    return {"id": "DEMO-1", "affected": [{"package": PACKAGE, **fields}]}


def test_a_record_is_decoded_whole(now: datetime) -> None:
    advisory = read_record(
        {
            "id": "DEMO-1",
            "aliases": ["CVE-2026-1", "CVE-2026-1", 7],
            "modified": "2026-06-01T12:00:00+02:00",
            "summary": " Two\n lines. ",
            "affected": [{"package": {"ecosystem": "PyPI", "name": "Zope.Interface"}, "versions": ["1.0"]}],
        },
        "all.zip!DEMO-1.json",
        now=now,
    )
    assert advisory.aliases == ("CVE-2026-1",)
    assert advisory.modified == datetime(2026, 6, 1, 10, tzinfo=UTC)
    assert advisory.summary == "Two lines."
    assert [one.name for one in advisory.affected] == ["zope-interface"]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ("text", "place: is not an OSV record, which is a JSON object"),
        ({}, "place: has no id"),
        ({"id": "DEMO-1", "affected": {}}, "place: DEMO-1: affected: must be a list"),
        ({"id": "DEMO-1", "affected": ["x"]}, "place: DEMO-1: affected[0]: must be a table with a package"),
        (
            {"id": "DEMO-1", "affected": [{"package": {"name": "x"}}]},
            "place: DEMO-1: affected[0]: package.ecosystem: must be a string",
        ),
        (
            {"id": "DEMO-1", "affected": [{"package": {"ecosystem": "PyPI"}}]},
            "place: DEMO-1: affected[0]: package.name: must be a string",
        ),
        ({"id": "DEMO-1", "withdrawn": "soon"}, "place: DEMO-1: withdrawn: 'soon' is not a time"),
    ],
)
def test_a_record_whose_packages_nobody_can_tell_is_unreadable_and_says_where(
    data: object, reason: str, now: datetime
) -> None:
    with pytest.raises(UnreadableRecordError) as caught:
        read_record(data, "place", now=now)
    assert str(caught.value) == reason


@pytest.mark.parametrize(
    ("fields", "doubt"),
    [
        ({"ranges": "all"}, "its ranges is not a list"),
        ({"ranges": [{"type": "DATE"}]}, "it has a range of the unknown type 'DATE'"),
        ({"ranges": [{"type": "ECOSYSTEM", "events": [{"began": "1"}]}]}, "it has an event that cannot be read"),
        ({"ranges": [{"type": "ECOSYSTEM", "events": [{"fixed": "1"}]}]}, "it has a range without an introduced event"),
        ({"versions": ["1.0", 2]}, "it lists a version that is not a string"),
        ({"versions": "1.0"}, "its versions is not a list"),
        ({}, "it names no range and no version that can be compared"),
    ],
)
def test_a_part_that_cannot_be_read_leaves_a_doubt_on_its_package(
    fields: dict[str, Any], doubt: str, now: datetime
) -> None:
    [affected] = read_record(entry(**fields), "place", now=now).affected
    assert doubt in affected.doubt


def test_two_kinds_in_one_event_are_two_events(now: datetime) -> None:
    ranges = [{"type": "ECOSYSTEM", "events": [{"introduced": "0", "fixed": "1.5"}]}]
    [affected] = read_record(entry(ranges=ranges), "place", now=now).affected
    assert affected.ranges == "<1.5"
    assert not affected.doubt


def test_packages_of_other_ecosystems_are_left_out(now: datetime) -> None:
    data = {"id": "DEMO-1", "affected": [{"package": {"ecosystem": "npm", "name": "shopkit"}}, {"ranges": []}]}
    assert read_record(data, "place", now=now).affected == ()


@pytest.mark.parametrize(("time", "withdrawn"), [("2026-01-01T00:00:00Z", True), ("2027-01-01T00:00:00Z", False)])
def test_a_record_is_withdrawn_from_its_date_on(time: str, *, withdrawn: bool, now: datetime) -> None:
    assert read_record({"id": "DEMO-1", "withdrawn": time}, "place", now=now).withdrawn is withdrawn
