from __future__ import annotations

import io
import re
import runpy
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pytest_devsecops.cli.main import main
from pytest_devsecops.reports.json_file import render
from pytest_devsecops.reports.model import Report
from pytest_devsecops.reports.reading import read_report

SAMPLES = runpy.run_path(str(Path(__file__).parents[1] / "reports" / "conftest.py"))
Command = Callable[..., Any]


@pytest.fixture
def report(project: Path) -> Path:
    path = project / "report.json"
    path.write_text(render(SAMPLES["sample"]()), encoding="utf-8")
    return path


def test_a_report_becomes_every_format(command: Command, report: Path) -> None:
    targets = ("html:out/page.html", "markdown:out/summary.md", "text:out/summary.txt", "json:out/again.json")
    outcome = command("report", "render", str(report), *(part for target in targets for part in ("--to", target)))
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.splitlines() == [f"wrote    {Path(target.partition(':')[2])}" for target in targets]
    folder = report.parent / "out"
    assert "2 requirements are violated" in (folder / "page.html").read_text(encoding="utf-8")
    assert (folder / "summary.md").read_text(encoding="utf-8").startswith("## ❌ 2 requirements are violated")
    assert (folder / "summary.txt").read_text(encoding="utf-8").startswith("✗ violated    REC-1")
    assert read_report(folder / "again.json") == read_report(report)
    assert sorted(path.name for path in folder.iterdir()) == ["again.json", "page.html", "summary.md", "summary.txt"]


def test_a_dash_prints(command: Command, report: Path) -> None:
    outcome = command("report", "render", str(report), "--to", "text:-")
    assert outcome.code == 0
    assert outcome.out.endswith("10 requirements: 2 violated, 5 unverified, 1 waived, 2 met\n")


def test_a_terminal_that_lacks_characters_gets_escapes(report: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", shown)
    assert main(["report", "render", str(report), "--to", "text:-"]) == 0
    shown.seek(0)
    assert "\\u2717 violated" in shown.read()


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("html", "error: --to html: there is no path in it (write --to html:PATH)\n"),
        ("html:", "error: --to html:: there is no path in it (write --to html:PATH)\n"),
        ("htm:x", "error: unknown report format 'htm': did you mean 'html'?\n"),
        ("json:report.json", "error: --to json:report.json: this file is also the report that is read\n"),
        ("html:report.json/x", "error: report.json/x: the report cannot be written: "),
    ],
)
def test_a_target_that_cannot_be_is_refused(command: Command, report: Path, target: str, said: str) -> None:
    before = report.read_bytes()
    outcome = command("report", "render", report.name, "--to", target)
    assert outcome.code == 1
    assert outcome.err.startswith(said)
    assert report.read_bytes() == before


def test_two_targets_in_one_file_are_refused(command: Command, report: Path) -> None:
    outcome = command("report", "render", str(report), "--to", "html:x", "--to", "text:x")
    assert outcome.err == "error: --to text:x: this file is also written as html\n"
    assert not (report.parent / "x").exists()


def test_what_is_no_report_is_told_with_its_place(command: Command, project: Path) -> None:
    (project / "broken.json").write_text('{"schema": "pytest-devsecops/report/1", ')
    outcome = command("report", "render", "broken.json", "--to", "html:x.html")
    assert outcome.code == 1
    # Which column it is depends on the version of Python.
    assert re.match(r"error: broken\.json:1:4\d: 1 problem\n  is not JSON, or not whole: ", outcome.err)
    assert not (project / "x.html").exists()


def test_a_missing_report_is_told(command: Command) -> None:
    outcome = command("report", "render", "none.json", "--to", "html:x.html")
    assert outcome.err == "error: none.json: there is no such file (check the path of the report)\n"


def test_credentials_in_a_foreign_report_are_not_passed_on(command: Command, project: Path) -> None:
    foreign: Report = SAMPLES["sample"]()
    foreign["requirements"][0]["title"] = "https://name:word@index.example/simple"
    (project / "foreign.json").write_text(render(foreign), encoding="utf-8")
    outcome = command("report", "render", "foreign.json", "--to", "markdown:-")
    assert "https://index.example/simple" in outcome.out
    assert "word" not in outcome.out
