from __future__ import annotations

import re
from collections.abc import Callable
from copy import deepcopy

import pytest

from pytest_devsecops.reports.markdown import MAX_BYTES, render
from pytest_devsecops.reports.model import Report


def rows(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith(("| ❌", "| ❔", "| 🔷", "| ✅"))]


def test_what_is_not_met_comes_first(sample: Report) -> None:
    text = render(sample)
    assert text.startswith("## ❌ 2 requirements are violated\n\n**10 requirements: 2 violated, 5 unverified, 1 waived")
    assert [row.split(" | ")[0] for row in rows(text)] == [
        *["| ❌ violated"] * 2,
        *["| ❔ unverified"] * 5,
        "| 🔷 waived",
        *["| ✅ met"] * 2,
    ]


def test_findings_stand_folded_with_place_and_remedy(sample: Report) -> None:
    text = render(sample)
    assert "<details><summary>violated: DEP-1 Only allowed dependencies ship</summary>" in text
    assert "left-pad-0 1.0 is not on the allow list (uv.lock:12) — fix: ask the owner" in text
    assert "examined 143 dependencies, 12 rules, from uv.lock" in text
    assert "rto: 41m measured, limit 30m" in text


def test_what_the_run_was_made_of_stands_there(sample: Report) -> None:
    text = render(sample)
    assert "commit: 4f0c1d5e8a7b69c3d2e1f00a9b8c7d6e5f4a3b2c with uncommitted changes" in text
    assert "policy: devsecops.toml sha256:9f86d081884c7d65" in text
    assert "advisories: source osv-pypi.zip, built 2026-11-19T00:00:00Z, sha256 ab12" in text
    assert "count 2661" in text


def test_a_requirement_that_is_met_says_what_was_examined(sample: Report) -> None:
    met = rows(render(sample))[-2:]
    assert "225 of 225 forged tokens were refused" in met[0]
    assert "judged by assertions, no verdict" in met[1]


def test_a_narrowed_run_says_so(narrowed: Report, sample: Report) -> None:
    assert "> **Narrowed run.** This run was narrowed (-k DEP; 1 claiming test deselected)" in render(narrowed)
    assert "Narrowed" not in render(sample)


def test_an_empty_report_is_not_good_news(empty: Report) -> None:
    assert render(empty).startswith("## ❔ Nothing is known\n")


def test_no_text_of_others_means_anything_to_markdown_or_html(hostile: Report) -> None:
    text = render(hostile)
    own_tags = {"<details>", "</details>", "<summary>", "</summary>"}
    assert set(re.findall(r"<[^>]*>", text)) <= own_tags
    assert "\u202e" not in text
    for line in rows(text):
        # Six bars that no backslash escapes: the cell borders of five columns.
        assert len(re.findall(r"(?<!\\)\|", line)) == 6
    # Inside a summary's tags GitHub's Markdown is HTML, where these characters mean nothing.
    markdown = "\n".join(line for line in text.splitlines() if not line.startswith("<details>"))
    assert not re.findall(r"(?<!\\)[`\[$]", markdown)
    assert text.encode("utf-8")


def test_a_summary_that_is_too_long_says_what_was_cut(large: Callable[[int, int], Report]) -> None:
    text = render(large(10_000, 500))
    assert len(text.encode("utf-8")) <= MAX_BYTES
    assert len(rows(text)) + int(cut_rows(text)) == 10_000
    assert text.count("| ❌ violated") == 500
    assert text.count("<details>") == text.count("</details>")


def cut_rows(text: str) -> str:
    found = re.search(r"\*\*Cut here\*\*: ([\d,]+) requirements? did not fit", text)
    assert found
    return found[1].replace(",", "")


def test_findings_that_do_not_fit_are_counted(large: Callable[[int, int], Report]) -> None:
    text = render(large(4_000, 4_000))
    assert len(text.encode("utf-8")) <= MAX_BYTES
    shown = text.count("<summary>violated")
    assert re.search(rf"Cut here\*\*: the findings of {4_000 - shown:,} requirements did not fit", text)


@pytest.mark.parametrize("size", [5_000, 3_000_000])
def test_a_huge_text_is_cut_with_its_length(sample: Report, size: int) -> None:
    report = deepcopy(sample)
    report["requirements"][0]["tests"][0]["verdicts"][0]["findings"][0]["message"] = "x" * size
    text = render(report)
    assert f"(cut: {size:,} characters, all of them in report.json)" in text
    assert len(text) < 100_000
