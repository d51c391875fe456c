from __future__ import annotations

import pytest

from pytest_devsecops.core.text import counted, did_you_mean, format_duration, nearest, parse_duration, singular


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30m", 1800), ("25h", 90000), ("7d", 604800), ("1w", 604800), ("1h 30m", 5400), ("1.5h", 5400), ("250ms", 0.25)],
)
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "7", "d", "7 days", "-5m", "1y", "5m!", "1h, 5m"])
def test_what_is_no_duration_is_an_error_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a duration; write for example '30m', '25h' or '7d'"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (0.25, "0.25s"),
        (90, "90s"),
        (60, "1m"),
        (100, "100s"),
        (5400, "90m"),
        (86400, "1d"),
        (604800, "1w"),
        (119.96, "120s"),
        (1800.02, "30m 1s"),
        (86400.02, "1d 1s"),
        (90061, "1d 1h 1m 1s"),
    ],
)
def test_durations_are_shown_in_the_largest_unit_that_keeps_them_short(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


@pytest.mark.parametrize("text", ["30m", "25h", "3d", "2w", "45s"])
def test_a_duration_survives_being_shown(text: str) -> None:
    assert format_duration(parse_duration(text)) == text


def test_the_nearest_word() -> None:
    assert nearest("alow", ["allow", "deny"]) == "allow"
    assert nearest("ALLOW", ["allow", "deny"]) == "allow"
    assert nearest("zzz", ["allow", "deny"]) is None
    assert did_you_mean("alow", ["deny", "allow"]) == "did you mean 'allow'?"
    assert did_you_mean("zzz", ["deny", "allow"]) == "known: allow, deny"
    assert did_you_mean("zzz", []) == "none is known"


def test_numbers_agree_with_their_nouns() -> None:
    assert counted(1, "finding") == "1 finding"
    assert counted(1204, "finding") == "1,204 findings"
    assert counted(0, "dependency", "dependencies") == "0 dependencies"
    assert [singular(word) for word in ("rules", "dependencies", "class", "data")] == [
        "rule",
        "dependency",
        "class",
        "data",
    ]
