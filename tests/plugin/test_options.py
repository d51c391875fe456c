"""The options, their ini keys, and what goes wrong with them before the run."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.plugin.conftest import Suite

_ONE = """
    @pytest.mark.security("A-1")
    def test_one(): pass
"""


def test_the_bare_flag_writes_every_default_report_and_swallows_no_path(suite: Suite) -> None:
    suite.tests(_ONE)
    suite.write("other/test_other.py", "def test_other(): pass")
    ran = suite.run_bare("--devsecops-report", "test_it.py")
    assert ran.exit_code == 0
    assert "1 passed" in ran.out
    assert sorted(path.name for path in (suite.path / "devsecops-report").iterdir()) == [
        "report.html",
        "report.json",
        "summary.md",
    ]
    assert "security and recovery requirements" in ran.out
    assert "1 requirement: 1 met" in ran.out


def test_report_to_picks_formats_and_is_repeatable(suite: Suite) -> None:
    suite.tests(_ONE)
    ran = suite.run_bare("--devsecops-report-to=json:out/a.json", "--devsecops-report-to=markdown:out/b.md")
    assert ran.exit_code == 0
    assert sorted(path.name for path in (suite.path / "out").iterdir()) == ["a.json", "b.md"]
    assert not (suite.path / "devsecops-report").exists()


def test_ini_keys_stand_for_options(suite: Suite) -> None:
    suite.write(
        "pytest.ini",
        "[pytest]\ndevsecops_report_to = json:out.json\ndevsecops_strict = true\ndevsecops_policy = rules/own.toml\n",
    )
    suite.write("rules/own.toml", '[requirements.A-2]\ntitle = "Two"\n')
    suite.tests("def test_a(): pass")
    ran = suite.run_bare()
    assert ran.exit_code == 1
    report = json.loads((suite.path / "out.json").read_text(encoding="utf-8"))
    assert report["run"]["policy"]["path"] == "rules/own.toml"
    assert [one["id"] for one in report["requirements"]] == ["A-2"]


def test_an_ini_flag_writes_the_report(suite: Suite) -> None:
    suite.write("pytest.ini", "[pytest]\ndevsecops_report = true\n")
    suite.tests(_ONE)
    assert suite.run_bare().exit_code == 0
    assert (suite.path / "devsecops-report" / "report.json").exists()


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("--devsecops-report-to=html", "write FORMAT:PATH, with one of"),
        ("--devsecops-report-to=jsn:x", "unknown report format 'jsn': did you mean 'json'?"),
        ("--devsecops-today=tomorrow", "write a date such as 2026-12-31"),
        ("--devsecops-policy=none.toml", "there is no such file"),
    ],
)
def test_a_bad_option_is_a_usage_error_before_anything_runs(suite: Suite, option: str, message: str) -> None:
    suite.tests(_ONE)
    ran = suite.run_bare(option)
    assert ran.exit_code == pytest.ExitCode.USAGE_ERROR
    assert message in ran.out
    assert "passed" not in ran.out


def test_a_bad_policy_tells_every_problem_and_ends_the_run_with_exit_4(suite: Suite) -> None:
    suite.policy('requird_verdicts = true\n[requirements.A-1]\ntitel = "x"\nseverity = "severe"\n')
    suite.tests(_ONE)
    for workers, plugins in (((), ()), (("-n", "2"), ("xdist",))):
        ran = suite.run_bare(*workers, plugins=plugins)
        assert ran.exit_code == pytest.ExitCode.USAGE_ERROR
        assert "requird_verdicts: unknown key; did you mean 'require_verdicts'?" in ran.out
        assert "requirements.A-1.title: is missing" in ran.out
        assert "requirements.A-1.titel: unknown key; did you mean 'title'?" in ran.out
        assert "requirements.A-1.severity: 'severe' is not one of" in ran.out


def test_a_bad_policy_leaves_help_and_markers_working(suite: Suite) -> None:
    suite.policy("nonsense = 1\n")
    assert suite.run_bare("--help").exit_code == 0
    assert "--devsecops-report" in suite.run_bare("--help").out
    assert suite.run_bare("--markers").exit_code == 0


def test_two_policy_files_are_an_error(suite: Suite) -> None:
    suite.policy("")
    suite.write("pyproject.toml", "[tool.devsecops]\n")
    suite.tests(_ONE)
    ran = suite.run_bare()
    assert ran.exit_code == pytest.ExitCode.USAGE_ERROR
    assert "both exist; keep one of them" in ran.out


def test_today_reaches_the_checks(suite: Suite) -> None:
    suite.tests("""
        def test_a(devsecops):
            assert devsecops.today.isoformat() == "2030-01-31"
    """)
    assert suite.run_bare("--devsecops-today=2030-01-31").exit_code == 0


def test_blocking_the_plugin_loads_nothing_of_ours(suite: Suite) -> None:
    suite.write(
        "test_it.py",
        """
        import sys

        def test_a():
            assert not [name for name in sys.modules if name.startswith("pytest_devsecops")]
        """,
    )
    suite.write("pytest.ini", "[pytest]\n")
    result = suite.run_blocked()
    assert result.exit_code == 0
    assert "1 passed" in result.out
