from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from pytest_devsecops.core.errors import DevSecOpsError
from pytest_devsecops.core.records import OUTCOMES
from pytest_devsecops.reports.json_file import render
from pytest_devsecops.reports.model import Report
from pytest_devsecops.reports.reading import ReportError, parse_report, read_report

ASSETS = Path(__file__).parents[1] / "assets" / "reports"


def damaged(sample: Report) -> Any:  # noqa: ANN401 - to be damaged
    return deepcopy(sample)


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("truncated.json", "truncated.json:4:1: 1 problem\n  is not JSON, or not whole: "),
        ("newer.json", "schema: 'pytest-devsecops/report/2' is not supported; this version reads"),
        ("other-tool.json", "is no report of pytest-devsecops: its key 'schema' must be"),
        ("list.json", "is no report of pytest-devsecops"),
        ("not-utf8.json", "is not UTF-8 (byte 12); the file is damaged"),
        ("duplicate-key.json", "is damaged: an object has the key 'schema' twice"),
        ("nan.json", "is damaged: NaN is not JSON"),
        ("empty.json", "empty.json:1:1: 1 problem\n  is not JSON, or not whole"),
    ],
)
def test_a_broken_file_is_refused_with_cause_and_place(file: str, said: str) -> None:
    with pytest.raises(ReportError) as caught:
        read_report(ASSETS / file)
    assert said in str(caught.value)
    assert file in str(caught.value)


def test_deep_nesting_is_damage_and_no_crash() -> None:
    with pytest.raises(ReportError, match="nested too deeply"):
        parse_report("[" * 200_000, "deep.json")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DevSecOpsError, match="there is no such file"):
        read_report(tmp_path / "report.json")


def test_a_folder_is_not_a_report(tmp_path: Path) -> None:
    with pytest.raises(DevSecOpsError, match="cannot be read"):
        read_report(tmp_path)


def test_a_byte_order_mark_is_no_damage(tmp_path: Path, sample: Report) -> None:
    path = tmp_path / "report.json"
    path.write_text(render(sample), encoding="utf-8-sig")
    assert read_report(path) == sample


def test_every_problem_comes_at_once_with_its_key_path(sample: Report) -> None:
    report = damaged(sample)
    del report["run"]["commit"]
    report["requirements"][0]["tests"][0]["outcome"] = "green"
    report["requirements"][0]["sevrity"] = "high"
    report["requirements"][1]["tests"] = "none"
    report["requirements"][2]["limits"] = {"rto": "30m"}
    with pytest.raises(ReportError) as caught:
        parse_report(json.dumps(report), "report.json")
    assert caught.value.problems == (
        "run.commit: is missing",
        f"requirements[0].tests[0].outcome: 'green' is not one of {', '.join(OUTCOMES)}",
        "requirements[0].sevrity: unknown key; did you mean 'severity'?",
        "requirements[1].tests: must be a list, not a string",
        "requirements[2].limits.rto: must be a number, not a string",
    )


def test_a_long_list_of_problems_is_counted(sample: Report) -> None:
    report = damaged(sample)
    report["run"]["versions"] = {str(number): number for number in range(100)}
    with pytest.raises(ReportError, match=r"\.\.\. and 80 more"):
        parse_report(json.dumps(report), "report.json")


def test_a_summary_that_miscounts_is_refused(sample: Report) -> None:
    report = damaged(sample)
    report["summary"] = {"met": 10, "violated": 0, "waived": 0, "unverified": 0}
    with pytest.raises(ReportError, match=r"summary\.violated: says 0, but 2 requirements have that status"):
        parse_report(json.dumps(report), "report.json")


def test_an_id_that_is_there_twice_is_refused(sample: Report) -> None:
    report = damaged(sample)
    report["requirements"][1] = report["requirements"][0]
    with pytest.raises(ReportError, match="'DEP-1' is there 2 times"):
        parse_report(json.dumps(report), "report.json")


def test_an_optional_object_complains_about_its_inside(sample: Report) -> None:
    report = damaged(sample)
    report["run"]["policy"]["sha256"] = 5
    with pytest.raises(ReportError, match=r"run\.policy\.sha256: must be a string, not a whole number"):
        parse_report(json.dumps(report), "report.json")
