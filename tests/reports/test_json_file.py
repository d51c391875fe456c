from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import jsonschema
import pytest

from pytest_devsecops.core.assessment import SCHEMA
from pytest_devsecops.reports.json_file import render, schema_text
from pytest_devsecops.reports.model import Report
from pytest_devsecops.reports.reading import ReportError, parse_report


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft202012Validator:
    schema = json.loads(schema_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def is_read(data: object) -> bool:
    """Tell whether the package's own reader takes ``data``."""
    try:
        parse_report(json.dumps(data), "report.json")
    except ReportError:
        return False
    return True


def mutations(value: object) -> Iterator[tuple[str, Any]]:
    """Yield what becomes of ``value`` when one thing anywhere in it is dropped, added or replaced."""
    wrongs: tuple[Any, ...] = ([], {"x": 1}, "wrong", 7, 1.5, True, None)
    for wrong in wrongs:
        if type(wrong) is not type(value):
            yield f"={wrong!r}", wrong
    if isinstance(value, dict):
        yield "+unknown", {**value, "unknown": 1}
        for key in value:
            yield f"-{key}", {name: part for name, part in value.items() if name != key}
            for label, part in mutations(value[key]):
                yield f".{key}{label}", {**value, key: part}
    if isinstance(value, list) and value:
        for label, part in mutations(value[0]):
            yield f"[0]{label}", [part, *value[1:]]


@pytest.mark.parametrize("name", ["sample", "narrowed", "empty", "hostile"])
def test_every_report_is_valid_and_reads_back_as_it_was(
    name: str, request: pytest.FixtureRequest, validator: jsonschema.Draft202012Validator
) -> None:
    report: Report = request.getfixturevalue(name)
    text = render(report)
    validator.validate(json.loads(text))
    assert parse_report(text, "report.json") == report


def test_the_schema_names_the_version_that_is_written() -> None:
    assert json.loads(schema_text())["properties"]["schema"] == {"const": SCHEMA}


def test_schema_and_reader_refuse_the_same_damage(sample: Report, validator: jsonschema.Draft202012Validator) -> None:
    # One of everything keeps the number of mutations in the hundreds.
    whole: Any = deepcopy(sample)
    whole["requirements"] = [one for one in whole["requirements"] if one["id"] == "DEP-1"]
    (verdict,) = whole["requirements"][0]["tests"][0]["verdicts"]
    del verdict["findings"][1:]
    whole["summary"] = {"met": 0, "violated": 1, "waived": 0, "unverified": 0}
    assert is_read(whole)
    refused = 0
    for label, data in mutations(whole):
        valid = validator.is_valid(data)
        if valid and is_contradiction(data):
            continue
        assert is_read(data) is valid, label
        refused += not valid
    assert refused > 300


def is_contradiction(data: Any) -> bool:  # noqa: ANN401 - a damaged report has no type
    """Tell whether the summary miscounts, which a schema cannot say."""
    statuses = [one["status"] for one in data["requirements"]]
    return any(statuses.count(status) != number for status, number in data["summary"].items())


def test_deceptive_characters_are_escaped_and_the_rest_is_readable(hostile: Report) -> None:
    report = deepcopy(hostile)
    report["requirements"][0]["title"] = "Grüße 漢字 \u202e \u2028 \ufeff \x9b"
    text = render(report)
    assert "Grüße 漢字 \\u202e \\u2028 \\ufeff \\u009b" in text
    assert text.encode("utf-8")
    assert parse_report(text, "x") == report


def test_a_requirement_is_one_line(sample: Report) -> None:
    lines = [line for line in render(sample).splitlines() if line.startswith('{"id"')]
    assert len(lines) == len(sample["requirements"])
