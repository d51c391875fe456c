from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from typing import Any, cast

import pytest

from pytest_devsecops.reports.compact import MAX_TEXT, compact
from pytest_devsecops.reports.model import Report
from pytest_devsecops.reports.text import ordered


def unpacked(report: Report) -> dict[str, Any]:
    return cast("dict[str, Any]", json.loads(compact(report)))


def unfolded(data: dict[str, Any], record: str, row: list[Any]) -> dict[str, Any]:
    """Do what the page's script does: turn a row back into an object."""

    def decode(form: str, value: Any) -> Any:  # noqa: ANN401 - any form
        if value is None or form == "plain":
            return value
        if form in ("text", "object"):
            return data["pool"][value]
        if form == "texts":
            return [data["pool"][index] for index in value]
        if form == "location":
            return unfolded(data, form, value)
        return [unfolded(data, form, item) for item in value]

    return {name: decode(form, value) for (name, form), value in zip(data["layout"][record], row, strict=True)}


@pytest.mark.parametrize("name", ["sample", "narrowed", "empty"])
def test_nothing_is_lost(name: str, request: pytest.FixtureRequest) -> None:
    report: Report = request.getfixturevalue(name)
    data = unpacked(report)
    assert [unfolded(data, "requirement", row) for row in data["requirements"]] == ordered(report["requirements"])


def test_a_text_that_looks_like_an_object_stays_a_text(sample: Report) -> None:
    report = deepcopy(sample)
    report["requirements"][0]["title"] = "{}"
    data = unpacked(report)
    texts = [unfolded(data, "requirement", row)["title"] for row in data["requirements"]]
    assert "{}" in texts


def test_repetition_costs_next_to_nothing(large: Callable[[int, int], Report]) -> None:
    data = unpacked(large(200, 200))
    findings = [text for text in data["pool"] if text == "left-pad-0 1.0 is not on the allow list"]
    assert len(findings) == 1


def test_what_hides_becomes_visible_in_texts_and_in_objects(hostile: Report) -> None:
    data = unpacked(hostile)
    (row,) = data["requirements"]
    (test,) = unfolded(data, "requirement", row)["tests"]
    (evidence,) = test["verdicts"][0]["evidence"]
    assert "\\u202e" in evidence
    assert "\\ud800" in test["nodeid"]


def test_a_huge_text_is_cut_with_its_length(sample: Report) -> None:
    report = deepcopy(sample)
    report["requirements"][0]["title"] = "x" * 5_000_000
    (cut,) = (text for text in unpacked(report)["pool"] if isinstance(text, str) and len(text) > 1000)
    assert cut == "x" * MAX_TEXT + " … (cut: 5,000,000 characters, all of them in report.json)"
