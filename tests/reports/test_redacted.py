from __future__ import annotations

import typing
from collections.abc import Callable, Iterator

import pytest

from pytest_devsecops.builtin import REPORT_FORMATS
from pytest_devsecops.core.redaction import MIN_LENGTH, REPORT_WORDS, Redactor, Secret, SecretLeakError
from pytest_devsecops.reports import model
from pytest_devsecops.reports.json_file import render
from pytest_devsecops.reports.model import Report
from pytest_devsecops.reports.reading import parse_report


def words_of(kind: object) -> Iterator[str]:
    """Yield every key and every fixed value of a type of the report."""
    if typing.is_typeddict(kind):
        for name, hint in typing.get_type_hints(kind).items():
            yield name
            yield from words_of(hint)
    for part in typing.get_args(kind):
        if isinstance(part, str):
            yield part
        else:
            yield from words_of(part)


def test_no_word_of_the_format_can_be_taken_for_a_secret() -> None:
    missing = [word for word in words_of(model.Report) if len(word) >= MIN_LENGTH and word not in REPORT_WORDS]
    assert missing == []


@pytest.mark.parametrize("name", REPORT_FORMATS)
def test_no_format_lets_a_secret_through(name: str, hostile: Report) -> None:
    planted_value = "correct-horse<battery>&staple"
    planted: Report = parse_report(render(hostile).replace("alert(1)", planted_value), "x")
    redactor = Redactor([Secret(planted_value, "the planted value")])
    text = REPORT_FORMATS[name].render(redactor.redact(planted))
    redactor.refuse(text, name)
    assert "correct-horse" not in text
    with pytest.raises(SecretLeakError, match="the planted value"):
        redactor.refuse(REPORT_FORMATS[name].render(planted), name)


@pytest.mark.parametrize("make", [lambda report: report, Redactor(["allow list"]).redact])
def test_a_redacted_report_is_still_a_report(sample: Report, make: Callable[[Report], Report]) -> None:
    report = make(sample)
    assert parse_report(render(report), "x") == report
