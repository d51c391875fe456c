"""What a report says about the run itself."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_devsecops.pytest_plugin.provenance import commit_of, continuous_integration

if TYPE_CHECKING:
    from tests.plugin.conftest import Suite


def _git(root: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=someone", "-c", "user.email=someone@shop.example")
    done = subprocess.run(["git", *identity, *arguments], cwd=root, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def test_commit_and_dirty_flag(tmp_path: Path) -> None:
    assert commit_of(tmp_path) == (None, None)
    _git(tmp_path, "init", "-q")
    (tmp_path / "a").write_text("1", encoding="utf-8")
    _git(tmp_path, "add", "a")
    _git(tmp_path, "commit", "-qm", "one")
    head = _git(tmp_path, "rev-parse", "HEAD")
    assert commit_of(tmp_path) == (head, False)
    (tmp_path / "untracked").write_text("1", encoding="utf-8")
    assert commit_of(tmp_path) == (head, False)
    (tmp_path / "a").write_text("2", encoding="utf-8")
    assert commit_of(tmp_path) == (head, True)


def test_continuous_integration_is_named_with_workflow_job_and_commit() -> None:
    github = {
        "CI": "true",
        "GITHUB_ACTIONS": "true",
        "GITHUB_WORKFLOW": "tests",
        "GITHUB_JOB": "unit",
        "GITHUB_SHA": "c0",
    }
    assert continuous_integration(github) == {"system": "github", "workflow": "tests", "job": "unit", "commit": "c0"}
    gitlab = {"GITLAB_CI": "true", "CI_JOB_NAME": "unit", "CI_COMMIT_SHA": "c1"}
    assert continuous_integration(gitlab) == {"system": "gitlab", "job": "unit", "commit": "c1"}
    assert continuous_integration({"CI": "1"}) == {"system": "unknown"}
    assert continuous_integration({}) is None


def test_versions_policy_and_arguments_are_in_the_report(suite: Suite) -> None:
    suite.declare("A-1")
    suite.tests('@pytest.mark.security("A-1")\ndef test_a(): pass')
    run = suite.run("-m", "security").report["run"]
    assert run["versions"]["pytest"] == pytest.__version__
    assert set(run["versions"]) == {"plugin", "pytest", "python"}
    assert run["policy"]["path"] == "devsecops.toml"
    assert len(run["policy"]["sha256"]) == 64
    assert run["selection"]["args"][-2:] == ["-m", "security"]
    assert run["started"].endswith("+00:00")


@pytest.mark.skipif(int(pytest.__version__.split(".", 1)[0]) < 9, reason="strict mode exists from pytest 9.0 on")
def test_pytests_strict_mode_is_content_with_us(suite: Suite) -> None:
    suite.write("pytest.ini", "[pytest]\nstrict = true\naddopts = -W error\n")
    suite.tests("""
        @pytest.mark.security("A-1")
        @pytest.mark.parametrize("n", [1, 2])
        def test_a(devsecops, n):
            assert devsecops.verdict("c", ok=True, examined=n)
    """)
    ran = suite.run()
    assert ran.exit_code == 0
    assert ran.statuses() == {"A-1": "met"}


def test_the_advisories_that_the_checks_saw_are_named(suite: Suite) -> None:
    suite.tests("""
        @pytest.mark.security("A-1")
        def test_a(devsecops):
            used = {"source": "all.zip", "built": "2026-01-01", "sha256": "0", "count": 7}
            assert devsecops.verdict("c", ok=True, examined=1, evidence={"advisories": used})
    """)
    assert suite.run().report["run"]["advisories"]["count"] == 7
    assert suite.run("-n", "1", plugins=("xdist",)).report["run"]["advisories"]["count"] == 7


def test_no_advisories_are_none(suite: Suite) -> None:
    suite.tests('@pytest.mark.security("A-1")\ndef test_a(): pass')
    assert suite.run().report["run"]["advisories"] is None
