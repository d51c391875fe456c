from __future__ import annotations

from collections.abc import Callable

import pytest

from pytest_devsecops.reports.model import Report
from pytest_devsecops.reports.terminal import render, summary_lines
from pytest_devsecops.reports.text import width_of


def text_of(report: Report, width: int = 80, encoding: str = "utf-8") -> str:
    return "\n".join(line.text for line in summary_lines(report, width, encoding))


def unwrapped(text: str) -> str:
    return " ".join(text.split())


def test_what_needs_somebody_comes_first_and_the_counts_last(sample: Report) -> None:
    lines = summary_lines(sample, 80)
    assert lines[0].text.startswith("✗ violated    REC-1")
    assert lines[0].style == "red bold"
    assert lines[-1].text == "10 requirements: 2 violated, 5 unverified, 1 waived, 2 met"
    assert lines[-1].style == "red bold"


@pytest.mark.parametrize("width", [40, 79, 80, 200])
def test_no_line_is_wider_than_the_terminal(sample: Report, hostile: Report, width: int) -> None:
    for report in (sample, hostile):
        assert max(width_of(line.text) for line in summary_lines(report, width)) <= width


@pytest.mark.parametrize("width", [40, 80])
def test_every_cause_stands_there_whole(sample: Report, width: int) -> None:
    shown = text_of(sample, width)
    for requirement in sample["requirements"]:
        if requirement["status"] in ("violated", "unverified"):
            # A word longer than the line is broken, so white space does not count.
            assert "".join(requirement["reason"].split()) in "".join(shown.split())


def test_a_requirement_that_is_not_met_comes_with_place_remedy_and_what_was_examined(sample: Report) -> None:
    shown = unwrapped(text_of(sample))
    assert "examined 143 dependencies, 12 rules, from uv.lock" in shown
    assert "- at uv.lock:12 fix: ask the owner of the allow list for clearance, or remove it" in shown
    assert "- left-pad-1 1.1 is not on the allow list (uv.lock:13)" in shown
    assert "... and 4 more findings, all of them in the report" in shown
    assert "rto: 41m measured, limit 30m" in shown
    assert "? fix: run `pytest-devsecops advisories import` with a fresh file" in shown


def test_a_requirement_without_a_verdict_is_told_from_one_with(sample: Report) -> None:
    shown = text_of(sample)
    assert "✓ met         WEB-2: Cookies are closed to scripts (by assertions, no verdict)" in shown
    assert "✓ met         ID-1: Forged tokens are refused\n" in shown


def test_a_narrowed_run_says_so(narrowed: Report, sample: Report) -> None:
    assert "This run was narrowed (-k DEP; 1 claiming test deselected)" in text_of(narrowed)
    assert "narrowed" not in text_of(sample)


def test_an_empty_report_is_not_good_news(empty: Report) -> None:
    (line,) = summary_lines(empty, 80)
    assert line.text == "no requirement was declared or claimed, so nothing is known"
    assert line.style == "yellow bold"


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "no-such-encoding"])
def test_a_terminal_that_lacks_the_symbols_gets_ascii(sample: Report, hostile: Report, encoding: str) -> None:
    assert text_of(sample, encoding=encoding).startswith("x violated    REC-1")
    assert text_of(hostile, encoding=encoding).isascii()


def test_characters_that_move_or_ring_are_shown_as_escapes(hostile: Report) -> None:
    shown = text_of(hostile, 400)
    assert r"\u202e" in shown
    assert r"\ud800" in shown
    assert r"\x07" in shown
    assert shown.replace("\n", "").isprintable()


def test_thousands_of_requirements_stay_readable(large: Callable[[int, int], Report]) -> None:
    lines = summary_lines(large(1000, 100), 80)
    shown = "\n".join(line.text for line in lines)
    assert sum(line.text.startswith("✗ violated") for line in lines) == 100
    assert "... and 860 more requirements met or waived" in shown
    assert lines[-1].text == "1,000 requirements: 100 violated, 900 met"


def test_the_summary_as_a_file_ends_with_a_line_feed(sample: Report) -> None:
    assert render(sample).endswith("2 met\n")
