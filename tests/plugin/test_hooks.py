"""Hooks by which an organisation ships its own parts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.plugin.conftest import Suite


def test_an_organisation_ships_policy_and_requirements(suite: Suite) -> None:
    suite.write("org/base.toml", '[requirements.ORG-1]\ntitle = "From the organisation"\nowner = "ciso"\n')
    suite.write(
        "conftest.py",
        """
        from pathlib import Path
        from pytest_devsecops.core.requirement import Requirement

        def pytest_devsecops_policies():
            return [Path(__file__).parent / "org" / "base.toml"]

        def pytest_devsecops_requirements():
            return [Requirement("ORG-2", "By hook", "security", declared_at="the org plugin", declared=True)]
        """,
    )
    suite.policy('[requirements.OWN-1]\ntitle = "Our own"\n')
    suite.tests("""
        @pytest.mark.security("ORG-1")
        @pytest.mark.security("OWN-1")
        def test_a(): pass
    """)
    ran = suite.run()
    assert ran.statuses() == {"ORG-1": "met", "OWN-1": "met", "ORG-2": "unverified"}
    assert [base["path"] for base in ran.report["run"]["policy"]["extends"]] == ["org/base.toml"]
    assert ran.exit_code == 1


def test_an_organisations_policy_alone_is_a_policy(suite: Suite) -> None:
    suite.write("org.toml", '[requirements.ORG-1]\ntitle = "From the organisation"\n')
    suite.write(
        "conftest.py",
        "import pathlib\ndef pytest_devsecops_policies(): return [pathlib.Path(__file__).with_name('org.toml')]\n",
    )
    suite.tests('@pytest.mark.security("ORG-11")\ndef test_a(): pass')
    assert "unknown requirement 'ORG-11'; did you mean 'ORG-1'?" in suite.run_bare().out


def test_an_own_report_format(suite: Suite) -> None:
    suite.write(
        "conftest.py",
        """
        from pytest_devsecops.reports.model import ReportFormat

        def pytest_devsecops_report_formats():
            return [ReportFormat("ids", None, lambda report: " ".join(one["id"] for one in report["requirements"]))]
        """,
    )
    suite.tests('@pytest.mark.security("A-1")\ndef test_a(): pass')
    assert suite.run_bare("--devsecops-report-to=ids:ids.txt").exit_code == 0
    assert (suite.path / "ids.txt").read_text(encoding="utf-8") == "A-1"


def test_a_name_that_is_taken_is_a_usage_error(suite: Suite) -> None:
    suite.write(
        "conftest.py",
        """
        from pytest_devsecops.reports.model import ReportFormat

        def pytest_devsecops_report_formats():
            return [ReportFormat("json", None, str)]
        """,
    )
    ran = suite.run_bare()
    assert ran.exit_code == pytest.ExitCode.USAGE_ERROR
    assert "registers the report format 'json', which exists already" in ran.out


def test_a_registration_that_comes_too_late_is_an_error(suite: Suite) -> None:
    suite.write("deep/conftest.py", "def pytest_devsecops_requirements(): return []\n")
    suite.write("deep/test_deep.py", "def test_a(): pass\n")
    suite.tests("def test_top(): pass")
    ran = suite.run_bare()
    assert ran.exit_code != 0
    assert "implements pytest_devsecops_requirements but was loaded after the session started" in ran.out


def test_secrets_of_hooks_and_of_the_environment_are_not_written(suite: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DB_PASSWORD", "correct-horse-battery")
    suite.write("conftest.py", "def pytest_devsecops_redactions(): return ['hunter2-hunter2']\n")
    suite.policy('redact_environment = ["DB_PASSWORD", "NOT_SET"]\n')
    suite.tests("""
        import os

        @pytest.mark.security("A-1")
        def test_a(devsecops):
            leak = os.environ["DB_PASSWORD"] + " and hunter2-hunter2"
            assert devsecops.verdict("c", examined=1, findings=[f"it says {leak}"], evidence={"at": leak})
    """)
    ran = suite.run_bare("--devsecops-report")
    written = [path.read_text(encoding="utf-8") for path in (suite.path / "devsecops-report").iterdir()]
    assert len(written) == 3
    for text in written:
        assert "correct-horse-battery" not in text
        assert "hunter2-hunter2" not in text
        assert "it says" in text
    assert ran.exit_code == 1


def test_an_own_kind_of_store(suite: Suite) -> None:
    suite.write(
        "conftest.py",
        """
        from pytest_devsecops.recovery import directory
        from pytest_devsecops.recovery.making import StoreType

        def notes(*, text):
            return directory(variable="NOTES", prepare=f"echo {text} > $NOTES/first")

        def pytest_devsecops_stores():
            return [StoreType("notes", notes)]
        """,
    )
    suite.tests("""
        import pytest
        from pytest_devsecops.recovery import procedure

        copy = procedure("cp -a $NOTES/. $BACKUP_DIR", "cp -a $BACKUP_DIR/. $NOTES")

        @pytest.mark.recovery("REC-1")
        def test_a(recovery):
            assert recovery.round_trip(recovery.store("notes", text="hello"), by=copy)

        @pytest.mark.recovery("REC-2")
        def test_b(recovery):
            assert recovery.round_trip(recovery.store("directory", prepare="date > $DIRECTORY_PATH/now"), by="archive")

        def test_c(recovery):
            with pytest.raises(Exception, match="unknown store 'note'.*'notes'"):
                recovery.store("note")
    """)
    ran = suite.run()
    assert ran.statuses() == {"REC-1": "met", "REC-2": "met"}
    assert ran.exit_code == 0


def test_a_kind_of_store_that_is_built_in_cannot_be_replaced(suite: Suite) -> None:
    suite.write(
        "conftest.py",
        """
        from pytest_devsecops.recovery.making import StoreType

        def pytest_devsecops_stores():
            return [StoreType("sqlite", dict)]
        """,
    )
    suite.tests('@pytest.mark.security("A-1")\ndef test_a(): pass')
    ran = suite.run_bare("--devsecops-report")
    assert ran.exit_code == pytest.ExitCode.USAGE_ERROR
    assert "registers the store 'sqlite', which exists already" in ran.out
