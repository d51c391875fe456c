from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from pytest_devsecops.core.assessment import Assessed, assess, headline
from pytest_devsecops.core.errors import UsageError
from pytest_devsecops.core.findings import Finding, Status
from pytest_devsecops.core.records import OUTCOMES, Claim, Inventory, RunInfo, Selection, TestRecord
from pytest_devsecops.core.requirement import Requirement
from pytest_devsecops.core.verdict import Verdict

RUN = RunInfo("2026-11-23T00:00:00+00:00", "2026-11-23T00:01:00+00:00", {"pytest": "9.2"})
DEP = Requirement("DEP-1", "All is pinned", "security", declared_at="test_a.py:3")
TEST = "test_a.py::test_pinned"

WRONG = Finding("rule", "x", "x is wrong")
UNKNOWN = Finding("rule", "x", "x is unknown", status=Status.UNVERIFIED)


def verdict(*findings: Finding, waived: bool = False, measured: Mapping[str, float] | None = None) -> Mapping[str, Any]:
    made = Verdict("check", findings, examined={"things": 3}, measured=measured)
    if waived:
        made.waive(lambda _: "W-1")
    return made.as_dict()


MET, VIOLATED, UNVERIFIED, WAIVED = verdict(), verdict(WRONG), verdict(UNKNOWN), verdict(WRONG, waived=True)


def judged(*records: TestRecord, requirement: Requirement = DEP, run: RunInfo = RUN, demand: bool = False) -> Assessed:
    inventory = Inventory(tuple(Claim(record.nodeid, requirement) for record in records))
    outcome = assess([], inventory, {record.nodeid: record for record in records}, run, require_verdicts=demand)
    (one,) = outcome.requirements
    return one


def record_of(outcome: str, *verdicts: Mapping[str, Any], nodeid: str = TEST, **more: Any) -> TestRecord:  # noqa: ANN401 - any field of a record
    return TestRecord(nodeid, outcome, verdicts=verdicts, **more)


@pytest.mark.parametrize(
    ("outcome", "verdicts", "asserted", "status", "reason"),
    [
        ("passed", [], False, Status.MET, ""),
        ("passed", [MET], False, Status.MET, ""),
        ("passed", [WAIVED], False, Status.WAIVED, ""),
        ("passed", [MET, VIOLATED], False, Status.VIOLATED, "check: x is wrong"),
        ("passed", [MET, UNVERIFIED], False, Status.UNVERIFIED, "check: x is unknown"),
        ("passed", [UNVERIFIED, VIOLATED], False, Status.VIOLATED, "check: x is unknown; check: x is wrong"),
        ("failed", [], True, Status.VIOLATED, f"{TEST}: why"),
        ("failed", [], False, Status.UNVERIFIED, f"{TEST}: why"),
        ("failed", [MET], True, Status.VIOLATED, f"{TEST}: why"),
        ("failed", [MET], False, Status.UNVERIFIED, f"{TEST}: why"),
        ("failed", [WAIVED], True, Status.VIOLATED, f"{TEST}: why"),
        ("failed", [VIOLATED], True, Status.VIOLATED, "check: x is wrong"),
        ("failed", [UNVERIFIED], True, Status.UNVERIFIED, "check: x is unknown"),
        ("skipped", [], False, Status.UNVERIFIED, f"{TEST}: it was skipped: why"),
        ("skipped", [MET], False, Status.UNVERIFIED, f"{TEST}: it was skipped: why"),
        ("xfailed", [VIOLATED], False, Status.UNVERIFIED, f"{TEST}: it is expected to fail and did: why"),
        (
            "xpassed",
            [MET],
            False,
            Status.UNVERIFIED,
            f"{TEST}: it passed although it is marked as expected to fail: why",
        ),
        ("error", [], False, Status.UNVERIFIED, f"{TEST}: it did not run to its end: why"),
        ("error", [MET], False, Status.UNVERIFIED, f"{TEST}: it did not run to its end: why"),
        ("error", [VIOLATED], False, Status.VIOLATED, "check: x is wrong"),
        ("deselected", [], False, Status.UNVERIFIED, f"{TEST}: why"),
        ("not run", [], False, Status.UNVERIFIED, f"{TEST}: why"),
    ],
)
def test_every_outcome_with_every_verdict(
    outcome: str, verdicts: Sequence[Mapping[str, Any]], *, asserted: bool, status: Status, reason: str
) -> None:
    one = judged(record_of(outcome, *verdicts, reason="why", asserted=asserted))
    assert (one.status, one.judgement.reason) == (status, reason)
    assert one.basis == ("verdict" if verdicts else "assertions")


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_only_a_test_that_passed_can_make_a_requirement_met(outcome: str) -> None:
    assert (judged(record_of(outcome, MET)).status is Status.MET) is (outcome == "passed")


def test_an_outcome_that_nobody_knows_is_unverified() -> None:
    assert judged(record_of("exploded", MET)).status is Status.UNVERIFIED


def test_the_raw_status_is_as_if_nothing_was_waived() -> None:
    one = judged(record_of("passed", WAIVED))
    assert one.judgement.raw_status is Status.VIOLATED


def test_every_test_that_claims_it_must_be_good() -> None:
    good, skipped = record_of("passed", MET, nodeid="a"), record_of("skipped", nodeid="b", reason="no database")
    assert judged(good, record_of("passed", MET, nodeid="b")).status is Status.MET
    both = judged(good, skipped)
    assert both.status is Status.UNVERIFIED
    assert both.judgement.reason == "b: it was skipped: no database"
    assert judged(skipped, record_of("passed", VIOLATED, nodeid="c")).status is Status.VIOLATED


def test_a_part_of_a_passing_test_that_was_not_examined_counts() -> None:
    one = judged(record_of("passed", MET, unexamined=("subtest [2] was skipped",)))
    assert one.status is Status.UNVERIFIED
    assert one.judgement.reason == f"{TEST}: subtest [2] was skipped"
    assert judged(record_of("passed", unexamined=("subtest [2] was skipped",))).status is Status.UNVERIFIED


def test_a_claim_without_a_record_is_deselected_or_never_ran() -> None:
    claims = (Claim("a", DEP), Claim("b", replace(DEP, id="DEP-2")))
    outcome = assess([], Inventory(claims, frozenset({"a"})), {}, RUN)
    assert [(one.status, one.judgement.reason) for one in outcome.requirements] == [
        (Status.UNVERIFIED, "a: it was deselected in this run"),
        (Status.UNVERIFIED, "b: it was collected but never ran"),
    ]


def test_a_declared_requirement_without_a_test_is_unverified() -> None:
    declared = replace(DEP, declared=True)
    (whole,) = assess([declared], Inventory(), {}, RUN).requirements
    assert (whole.status, whole.judgement.reason, whole.basis) == (Status.UNVERIFIED, "no test claims it", None)
    narrowed = replace(RUN, selection=Selection(narrowed_by=("-k x",)))
    (one,) = assess([declared], Inventory(), {}, narrowed).requirements
    assert one.judgement.reason == "no test among those that this run collected claims it"


def test_a_policy_can_demand_verdicts() -> None:
    one = judged(record_of("passed"), demand=True)
    assert one.status is Status.UNVERIFIED
    assert "made no verdict, and the policy demands verdicts" in one.judgement.reason
    assert judged(record_of("passed", MET), demand=True).status is Status.MET
    mixed = judged(record_of("passed", MET, nodeid="a"), record_of("passed", nodeid="b"), demand=True)
    assert mixed.status is Status.UNVERIFIED


@pytest.mark.parametrize(
    ("measured", "status", "reason"),
    [
        ([{"rto": 1800.0}], Status.MET, ""),
        ([{"rto": 1801.0}], Status.VIOLATED, "rto is 30m 1s, above the limit of 30m"),
        ([{"rto": 10.0}, {"rto": 3600.0}], Status.VIOLATED, "rto is 1h, above the limit of 30m"),
        ([{"rpo": 10.0}], Status.UNVERIFIED, "nothing measured rto, which may be at most 30m"),
        ([{}], Status.UNVERIFIED, "nothing measured rto, which may be at most 30m"),
        ([{"rto": float("nan")}], Status.UNVERIFIED, "rto was measured as something that is not a number"),
        (
            [{"rto": 1.0}, {"rto": float("nan")}],
            Status.UNVERIFIED,
            "rto was measured as something that is not a number",
        ),
        ([{"rto": float("inf")}], Status.VIOLATED, "rto is inf, above the limit of 30m"),
    ],
)
def test_limits_are_compared_with_the_worst_measurement(
    measured: list[dict[str, float]], status: Status, reason: str
) -> None:
    limited = replace(DEP, limits={"rto": 1800.0})
    verdicts = [verdict(measured=values) for values in measured]
    one = judged(record_of("passed", *verdicts), requirement=limited)
    assert (one.status, one.judgement.reason) == (status, reason)


def test_a_test_that_did_not_run_says_so_and_not_that_nothing_was_measured() -> None:
    one = judged(record_of("skipped", reason="no database"), requirement=replace(DEP, limits={"rto": 1800.0}))
    assert one.judgement.reason == f"{TEST}: it was skipped: no database"


def test_definitions_are_merged_and_the_default_title_is_the_last_resort() -> None:
    declared = Requirement("DEP-1", "All is pinned", "security", owner="ops", declared=True)
    bare = Requirement("test_a.py::test_b", "", "security")
    claims = (Claim(TEST, replace(DEP, title="", severity="high")), Claim("b", bare, "Nothing is lost"))
    outcome = assess([declared], Inventory(claims), {}, RUN)
    first, second = (one.requirement for one in outcome.requirements)
    assert (first.title, first.owner, first.severity) == ("All is pinned", "ops", "high")
    assert second.title == "Nothing is lost"
    with pytest.raises(UsageError):
        assess([], Inventory((Claim("a", DEP), Claim("b", replace(DEP, title="Other")))), {}, RUN)


def test_a_test_that_claims_twice_is_counted_once() -> None:
    record = record_of("passed", MET)
    outcome = assess([], Inventory((Claim(TEST, DEP), Claim(TEST, DEP))), {TEST: record}, RUN)
    assert len(outcome.requirements[0].tests) == 1


def test_the_report_is_json_and_counts_statuses() -> None:
    claims = (Claim("a", DEP), Claim("b", replace(DEP, id="DEP-2")), Claim("c", replace(DEP, id="DEP-3")))
    records = {"a": record_of("passed", MET, nodeid="a"), "b": record_of("passed", WAIVED, nodeid="b")}
    outcome = assess([], Inventory(claims), records, RUN)
    assert outcome.summary == {"met": 1, "violated": 0, "waived": 1, "unverified": 1}
    told = json.loads(json.dumps(outcome.as_dict()))
    assert told["schema"] == "pytest-devsecops/report/1"
    assert told["summary"] == outcome.summary
    assert [one["status"] for one in told["requirements"]] == ["met", "waived", "unverified"]
    assert told["requirements"][1]["raw_status"] == "violated"
    assert told["requirements"][0]["tests"][0]["verdicts"][0]["examined"] == {"things": 3}


def test_the_headline() -> None:
    assert headline({"met": 1, "violated": 2, "waived": 0}) == "3 requirements: 1 met, 2 violated"
    assert headline({"met": 1}) == "1 requirement: 1 met"
    assert headline({"met": 0}) == "no requirement"


def test_an_inventory_survives_json() -> None:
    inventory = Inventory((Claim("a", replace(DEP, limits={"rto": 1.0}), "A title"),), frozenset({"a"}))
    assert Inventory.from_dict(json.loads(json.dumps(inventory.as_dict()))) == inventory
