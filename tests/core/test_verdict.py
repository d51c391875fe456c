from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from pytest_devsecops.core.errors import UsageError
from pytest_devsecops.core.findings import Finding, Location, Status, worst
from pytest_devsecops.core.verdict import NOTHING_EXAMINED, Verdict, all_of, any_of

WRONG = Finding("rule", "x", "x is wrong", fix="mend x", refs=("CVE-1",), location=Location("uv.lock", 3))
UNKNOWN = Finding("rule", "y", "y is unknown", status=Status.UNVERIFIED)


def made(*findings: Finding, check: str = "check", **measured: float) -> Verdict:
    return Verdict(check, findings, examined={"things": 3}, measured=measured)


def waived(*findings: Finding) -> Verdict:
    verdict = made(*findings)
    verdict.waive(lambda _: "W-1")
    return verdict


@pytest.mark.parametrize(
    ("findings", "status"),
    [
        ([], Status.MET),
        ([WRONG], Status.VIOLATED),
        ([UNKNOWN], Status.UNVERIFIED),
        ([UNKNOWN, WRONG], Status.VIOLATED),
    ],
)
def test_the_status_is_that_of_the_worst_finding(findings: list[Finding], status: Status) -> None:
    verdict = made(*findings)
    assert verdict.status is status
    assert verdict.raw_status is status
    assert bool(verdict) is (status is Status.MET)


@pytest.mark.parametrize(
    ("examined", "met"),
    [
        ({"things": 1}, True),
        ({"things": ["a"]}, True),
        ({"things": 1, "from": "uv.lock"}, True),
        ({}, False),
        ({"from": "uv.lock"}, False),
        ({"things": 0}, False),
        ({"things": -1}, False),
        ({"things": []}, False),
        ({"things": 3, "others": 0}, False),
    ],
)
def test_examining_nothing_is_unverified(examined: dict[str, int | str | list[str]], met: bool) -> None:  # noqa: FBT001 - a table's column
    verdict = Verdict("check", examined=examined)
    assert verdict.status is (Status.MET if met else Status.UNVERIFIED)
    assert [found.rule for found in verdict.findings] == ([] if met else [NOTHING_EXAMINED])


def test_a_check_that_says_itself_that_it_examined_nothing_is_not_repeated() -> None:
    own = Finding(NOTHING_EXAMINED, "check", "there is no lock file", status=Status.UNVERIFIED)
    verdict = Verdict("check", [own], examined={"things": 0})
    assert verdict.findings == (own,)


def test_waiving_what_was_found_does_not_waive_that_nothing_was_examined() -> None:
    verdict = Verdict("check", [WRONG], examined={"things": 0})
    verdict.waive(lambda found: "W-1" if found.rule == "rule" else None)
    assert verdict.status is Status.UNVERIFIED


def test_waiving_that_a_control_failed_does_not_waive_that_nothing_was_examined() -> None:
    verdict = Verdict("check", [UNKNOWN], examined={"things": 0})
    verdict.waive(lambda found: "W-1" if found.rule == "rule" else None)
    before = verdict.status
    assert [one.rule for one in verdict.findings] == ["rule", NOTHING_EXAMINED]
    verdict.waive(lambda _: "W-1")
    assert (before, verdict.status) == (Status.UNVERIFIED, Status.WAIVED)


def test_a_waiver_is_effective_and_the_raw_status_stays() -> None:
    verdict = waived(WRONG, UNKNOWN)
    assert verdict.status is Status.WAIVED
    assert verdict.raw_status is Status.VIOLATED
    assert bool(verdict)
    assert {found.waived_by for found in verdict.findings} == {"W-1"}
    assert "[waived by W-1]" in verdict.explain()


def test_one_finding_that_is_not_waived_decides() -> None:
    verdict = made(WRONG, UNKNOWN)
    verdict.waive(lambda found: "W-1" if found is WRONG else None)
    assert verdict.status is Status.UNVERIFIED
    assert not verdict
    assert verdict.summary == "y is unknown"


def test_the_summary_names_a_cause_of_the_status_and_how_many_more_there_are() -> None:
    assert made(UNKNOWN, WRONG).summary == "x is wrong (and 1 more finding)"
    assert made(WRONG, UNKNOWN, WRONG).summary == "x is wrong (and 2 more findings)"
    assert made().summary == "examined 3 things"
    assert Verdict("check", examined={"things": 1}, summary="one thing is fine").summary == "one thing is fine"
    assert repr(made(WRONG)) == "<violated: x is wrong [check]>"


def test_what_a_check_says_that_it_does_not_know_needs_no_second_word() -> None:
    assert [one.rule for one in Verdict("check", [UNKNOWN], examined={"things": 0}).findings] == ["rule"]
    assert Verdict("check", [UNKNOWN], examined={"things": 0}).status is Status.UNVERIFIED
    rules = [one.rule for one in Verdict("check", [WRONG], examined={"things": 0}).findings]
    assert rules == ["rule", NOTHING_EXAMINED]


def test_the_explanation_has_cause_place_remedy_and_what_was_looked_at() -> None:
    verdict = Verdict("check", [WRONG, UNKNOWN], examined={"things": 1, "files": ["a", "b"], "from": "uv.lock"})
    assert verdict.explain().splitlines() == [
        "violated: check",
        "  examined: 1 thing, 2 files (a, b), from uv.lock",
        "  - x is wrong (uv.lock:3) [rule]",
        "    fix: mend x",
        "    see: CVE-1",
        "  ? y is unknown [rule]",
    ]


def test_a_long_explanation_says_how_much_is_left_out() -> None:
    verdict = made(*(Finding("rule", str(number), f"{number} is wrong") for number in range(25)))
    lines = verdict.explain().splitlines()
    assert lines[-1] == "  … and 5 more findings, all of them in the report"
    assert len(lines) == 2 + 20 + 1


def test_the_explanation_shows_the_request_that_shows_the_finding() -> None:
    shown = Finding("open", "GET /me", "anybody may read it", detail={"request": "curl -i https://shop.example/me"})
    assert "    try: curl -i https://shop.example/me" in made(shown).explain().splitlines()
    other = Finding("open", "GET /me", "anybody may read it", detail={"request": 3})
    assert "try:" not in made(other).explain()


@pytest.mark.parametrize("status", [Status.MET, Status.WAIVED])
def test_a_finding_cannot_be_good_news(status: Status) -> None:
    with pytest.raises(UsageError, match="cannot have the status"):
        Finding("rule", "x", "x is fine", status=status)


def test_reading_findings_or_asking_counts_as_looking_and_the_rest_does_not() -> None:
    verdict = made(WRONG)
    _ = (verdict.status, verdict.raw_status, verdict.summary, verdict.explain(), repr(verdict), verdict.as_dict())
    assert not verdict.was_looked_at
    assert verdict.findings
    assert verdict.was_looked_at
    asked = made()
    assert asked
    assert asked.was_looked_at


class Recorder:
    def __init__(self) -> None:
        self.seen: list[tuple[str, Verdict]] = []

    def looked_at(self, verdict: Verdict) -> None:
        self.seen.append(("looked at", verdict))

    def combined(self, whole: Verdict, parts: tuple[Verdict, ...]) -> None:
        self.seen.extend([("combined", whole), *(("part", part) for part in parts)])


def test_observers_hear_of_looks_and_combinations() -> None:
    recorder, one, other = Recorder(), made(), made(WRONG)
    one.observe(recorder)
    one.observe(recorder)
    assert one
    whole = any_of(one, other)
    assert recorder.seen == [("looked at", one), ("combined", whole), ("part", one), ("part", other)]


MET, VIOLATED, UNVERIFIED = (), (WRONG,), (UNKNOWN,)


@pytest.mark.parametrize(
    ("one", "other", "any_status", "all_status"),
    [
        (MET, MET, Status.MET, Status.MET),
        (MET, VIOLATED, Status.MET, Status.VIOLATED),
        (MET, UNVERIFIED, Status.MET, Status.UNVERIFIED),
        (VIOLATED, VIOLATED, Status.VIOLATED, Status.VIOLATED),
        (VIOLATED, UNVERIFIED, Status.VIOLATED, Status.VIOLATED),
        (UNVERIFIED, UNVERIFIED, Status.UNVERIFIED, Status.UNVERIFIED),
    ],
)
def test_combinations(
    one: tuple[Finding, ...], other: tuple[Finding, ...], any_status: Status, all_status: Status
) -> None:
    for first, second in ((one, other), (other, one)):
        assert any_of(made(*first), made(*second)).status is any_status
        assert all_of(made(*first), made(*second)).status is all_status


def test_a_waived_part_makes_the_whole_waived_unless_another_is_met_or_open() -> None:
    assert any_of(waived(WRONG), made(WRONG)).status is Status.WAIVED
    assert any_of(waived(WRONG), made()).status is Status.MET
    assert all_of(waived(WRONG), made()).status is Status.WAIVED
    assert all_of(waived(WRONG), made(UNKNOWN)).status is Status.UNVERIFIED


def test_a_combination_stands_for_its_parts() -> None:
    parts = made(WRONG, check="a", rto=5.0), made(check="b", rto=7.0, rpo=1.0)
    whole = all_of(*parts)
    assert whole.check == "all_of(a, b)"
    assert dict(whole.measured) == {"rto": 7.0, "rpo": 1.0}
    assert [part["check"] for part in whole.evidence["parts"]] == ["a", "b"]
    assert all(part.was_looked_at for part in parts)
    assert not whole.was_looked_at


def test_combining_nothing_or_something_else_is_an_error() -> None:
    for combine in (any_of, all_of):
        with pytest.raises(UsageError, match="combines nothing"):
            combine()
        with pytest.raises(UsageError, match="takes verdicts, not bool"):
            combine(made(), True)  # type: ignore[arg-type] # noqa: FBT003 - the mistake that is tested


def test_whatever_the_evidence_holds_becomes_json() -> None:
    evidence: Mapping[str, Any] = {
        "path": Path("x"),
        "day": date(2026, 1, 1),
        "nan": float("nan"),
        "infinite": float("inf"),
        "set": {"b", "a"},
        "tuple": (1, None, True),
        "deep": {1: [Path("y")]},
        "status": Status.MET,
    }
    verdict = Verdict("check", examined={"things": 1}, evidence=evidence, measured={"rto": float("nan")})
    told = json.loads(json.dumps(verdict.as_dict(), allow_nan=False))
    assert told["evidence"] == {
        "path": "x",
        "day": "2026-01-01",
        "nan": "nan",
        "infinite": "inf",
        "set": ["a", "b"],
        "tuple": [1, None, True],
        "deep": {"1": ["y"]},
        "status": "met",
    }
    assert told["measured"] == {"rto": "nan"}


def test_the_report_of_a_finding_has_all_its_parts() -> None:
    assert made(WRONG).as_dict()["findings"] == [
        {
            "rule": "rule",
            "subject": "x",
            "status": "violated",
            "message": "x is wrong",
            "fix": "mend x",
            "refs": ["CVE-1"],
            "location": {"path": "uv.lock", "line": 3},
            "detail": {},
            "waived_by": None,
        }
    ]


def test_of_no_status_the_worst_is_unverified() -> None:
    assert worst([]) is Status.UNVERIFIED
    assert worst([Status.MET, Status.WAIVED]) is Status.WAIVED
    assert worst([Status.WAIVED, Status.UNVERIFIED]) is Status.UNVERIFIED
