from __future__ import annotations

from collections.abc import Callable

import pytest

from pytest_devsecops.reports import html_page, markdown, terminal
from pytest_devsecops.reports.model import Report
from pytest_devsecops.reports.text import (
    measurements,
    not_exercised_text,
    one_line,
    ordered,
    outcome_of_run,
    verdict_of_run,
    visible,
    waived_text,
    width_of,
    wrap,
)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("grüße 漢字", "grüße 漢字"),
        ("two\nlines\tof", "two\nlines\tof"),
        ("a\r\nb\rc", "a\nb\\x0dc"),
        ("\u202eevil", "\\u202eevil"),
        ("\ud800", "\\ud800"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("no\u00a0break", "no break"),
        ("\U000e0041", "\\U000e0041"),
    ],
)
def test_characters_that_hide_become_visible(text: str, shown: str) -> None:
    assert visible(text) == shown
    assert visible(text).encode("utf-8")


def test_one_line_has_single_spaces() -> None:
    assert one_line("  a \n\t b ") == "a b"


@pytest.mark.parametrize(
    ("text", "width", "lines"),
    [
        ("", 10, [""]),
        ("a b c", 3, ["a b", "c"]),
        ("abcdef", 3, ["abc", "def"]),
        ("ab cdefgh i", 3, ["ab", "cde", "fgh", "i"]),
        ("one\ntwo", 10, ["one", "two"]),
        ("漢字漢", 4, ["漢字", "漢"]),
        ("漢", 1, ["漢"]),
    ],
)
def test_wrapping_keeps_every_character(text: str, width: int, lines: list[str]) -> None:
    assert wrap(text, width) == lines


def test_width_counts_columns() -> None:
    assert width_of("abc") == 3
    assert width_of("漢字") == 4
    assert width_of("e\u0301") == 1


def test_the_worst_and_most_severe_come_first(sample: Report) -> None:
    order = [(one["status"], one["severity"]) for one in ordered(sample["requirements"])]
    assert order[:4] == [
        ("violated", "critical"),
        ("violated", "high"),
        ("unverified", "critical"),
        ("unverified", "critical"),
    ]
    assert order[-1] == ("met", "medium")


def test_the_run_is_as_good_as_its_worst_requirement(sample: Report, empty: Report) -> None:
    assert (outcome_of_run(sample), verdict_of_run(sample)) == ("violated", "2 requirements are violated")
    assert (outcome_of_run(empty), verdict_of_run(empty)) == ("unverified", "Nothing is known")


def test_a_narrowed_run_is_never_good_news(large: Callable[[int, int], Report]) -> None:
    report = large(3, 0)
    assert (outcome_of_run(report), verdict_of_run(report)) == ("met", "Every requirement is met")
    report["run"]["selection"]["complete"] = False
    assert (outcome_of_run(report), verdict_of_run(report)) == ("unverified", "Every requirement that ran is met")


def test_waivers_are_named_with_how_much_they_accept(sample: Report) -> None:
    texts = {one["id"]: waived_text(one) for one in sample["requirements"]}
    assert texts["DEP-3"] == "2 findings waived by W-3"
    assert texts["DEP-1"] == ""


def test_measurements_stand_beside_their_limits(sample: Report) -> None:
    restored = next(one for one in sample["requirements"] if one["id"] == "REC-1")
    assert measurements(restored) == {"rto": (1800.0, 2460.0), "rpo": (90_000.0, 3600.0)}
    unlimited = {**restored, "limits": {}}
    assert measurements(unlimited)["rto"] == (None, 2460.0)  # type: ignore[arg-type]


def test_what_no_check_exercised_is_listed(with_asvs: Callable[..., Report], sample: Report) -> None:
    report = with_asvs(["7.4.1"], ["7.2.4"])
    text = "ASVS 5.0.0: 2 of the 3 requirements within reach were exercised; not exercised: 7.3.1"
    assert not_exercised_text(report) == text
    assert text in terminal.render(report)
    assert text in markdown.render(report)
    assert text in html_page.render(report)
    assert not_exercised_text(sample) == ""
    everything = "ASVS 5.0.0: 3 of the 3 requirements within reach were exercised"
    assert not_exercised_text(with_asvs(["7.4.1", "7.3.1", "7.2.4"])) == everything


@pytest.mark.parametrize("evidence", [1, {"exercised": 1, "within_reach": 2}, {"within_reach": [1, None]}])
def test_evidence_of_another_kind_with_that_name_is_no_catalogue(
    with_asvs: Callable[..., Report], evidence: object
) -> None:
    report = with_asvs([])
    report["requirements"][0]["tests"][0]["verdicts"][0]["evidence"]["asvs"] = evidence
    assert not_exercised_text(report) == ""
