"""When requirements fail a run that pytest alone would pass, and when a run is narrowed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.plugin.conftest import Suite

_TWO = """
    @pytest.mark.security("A-1")
    def test_one(): pass

    @pytest.mark.security("A-2")
    def test_two(): pass

    def test_unmarked(): pass
"""


def test_a_declared_requirement_without_a_test_fails_a_whole_run_with_a_report(suite: Suite) -> None:
    suite.declare("A-1", "A-2", "A-3")
    suite.tests(_TWO)
    ran = suite.run()
    assert ran.exit_code == 1
    assert "devsecops: failed, because 1 requirement is not met: A-3" in ran.out


def test_a_plain_run_only_says_so_in_one_line(suite: Suite) -> None:
    suite.declare("A-1", "A-2", "A-3")
    suite.tests(_TWO)
    ran = suite.run_bare()
    assert ran.exit_code == 0
    (line,) = (line for line in ran.out.splitlines() if "devsecops" in line and not line.startswith("plugins"))
    assert line == "devsecops: 1 requirement not met: A-3 unverified (--devsecops-report tells why)"


def test_without_a_reason_nothing_is_said(suite: Suite) -> None:
    suite.tests(_TWO)
    assert "devsecops" not in suite.run_bare().out


def test_strict_gates_without_a_report(suite: Suite) -> None:
    suite.declare("A-1", "A-2", "A-3")
    suite.tests(_TWO)
    ran = suite.run_bare("--devsecops-strict")
    assert ran.exit_code == 1
    assert "1 requirement is not met: A-3" in ran.out
    assert not (suite.path / "devsecops-report").exists()


def test_strict_with_nothing_to_judge_fails(suite: Suite) -> None:
    suite.tests("def test_a(): pass")
    ran = suite.run_bare("--devsecops-strict")
    assert ran.exit_code == 1
    assert "no requirement is declared or claimed" in ran.out


def test_a_failing_suite_keeps_pytests_own_exit_code(suite: Suite) -> None:
    suite.declare("A-1")
    suite.tests("def test_(): pytest.exit('stop', returncode=7)")
    assert suite.run().exit_code == 7


@pytest.mark.parametrize(
    ("args", "reason"),
    [
        (["-k", "one"], "1 test with a requirement deselected"),
        (["-m", "not security"], "2 tests with a requirement deselected"),
        (["--deselect", "test_it.py::test_two"], "1 test with a requirement deselected"),
        (["test_it.py::test_one"], "the argument test_it.py::test_one"),
        (["--lf"], "--last-failed"),
        (["--sw"], "--stepwise"),
        (["--ignore=other"], "--ignore"),
        (["--collect-only"], "--collect-only"),
        (["--setup-plan"], "--setup-only or --setup-plan"),
        (["--setup-only"], "--setup-only or --setup-plan"),
    ],
)
def test_a_narrowed_run_says_so_and_is_not_gated_on_what_it_did_not_run(
    suite: Suite, args: list[str], reason: str
) -> None:
    suite.declare("A-1", "A-2")
    suite.tests(_TWO)
    ran = suite.run(*args)
    assert ran.exit_code == 0
    assert reason in ran.report["run"]["selection"]["narrowed_by"]
    assert not ran.report["run"]["selection"]["complete"]
    strict = suite.run(*args, "--devsecops-strict")
    assert strict.exit_code == 1
    assert f"this was not a whole run, as strict demands: {reason}" in strict.out


@pytest.mark.parametrize(
    "args",
    [["-m", "security"], ["."], ["test_it.py"], ["-k", "one or two"], ["-p", "no:cacheprovider"]],
)
def test_what_drops_no_marked_test_does_not_narrow(suite: Suite, args: list[str]) -> None:
    suite.declare("A-1", "A-2", "A-3")
    suite.tests(_TWO)
    ran = suite.run(*args)
    assert ran.report["run"]["selection"]["complete"]
    assert ran.exit_code == 1
    assert "A-3" in ran.out


def test_an_early_stop_narrows(suite: Suite) -> None:
    suite.declare("A-1", "A-2")
    suite.tests("""
        @pytest.mark.security("A-1")
        def test_one(): assert False

        @pytest.mark.security("A-2")
        def test_two(): pass
    """)
    ran = suite.run("-x")
    assert ran.statuses() == {"A-1": "violated", "A-2": "unverified"}
    assert any("early stop" in reason for reason in ran.report["run"]["selection"]["narrowed_by"])
    assert "it was collected but never ran" in ran.requirement("A-2")["reason"]


def test_a_collection_error_elsewhere_narrows(suite: Suite) -> None:
    suite.declare("A-1", "A-2")
    suite.tests(_TWO)
    suite.write("test_broken.py", "import nothing_of_this_name")
    ran = suite.run("--continue-on-collection-errors")
    assert ran.report["run"]["selection"]["narrowed_by"] == ["1 collection error"]
    assert ran.statuses() == {"A-1": "met", "A-2": "met"}


def test_a_narrowed_run_still_answers_for_what_it_ran(suite: Suite) -> None:
    suite.declare("A-1", "A-2")
    suite.tests("""
        @pytest.mark.security("A-1")
        def test_one(devsecops):
            devsecops.verdict("c", ok=False, examined=1).findings

        @pytest.mark.security("A-2")
        def test_two(): pass
    """)
    ran = suite.run("-k", "one")
    assert "1 passed" in ran.out
    assert ran.exit_code == 1
    assert "1 requirement is not met: A-1" in ran.out


def test_an_unwritable_report_is_refused_before_the_run(suite: Suite) -> None:
    suite.tests(_TWO)
    (suite.path / "a-file").write_text("", encoding="utf-8")
    ran = suite.run_bare("--devsecops-report-to=json:a-file/report.json")
    assert ran.exit_code == pytest.ExitCode.USAGE_ERROR
    assert "a-file is a file, not a folder" in ran.out
    assert "passed" not in ran.out


@pytest.mark.parametrize("option", ["--setup-only", "--setup-plan", "--collect-only"])
def test_tests_whose_bodies_never_ran_meet_nothing(suite: Suite, option: str) -> None:
    suite.declare("A-1", "A-2")
    suite.tests(_TWO)
    assert suite.run(option).statuses() == {"A-1": "unverified", "A-2": "unverified"}
