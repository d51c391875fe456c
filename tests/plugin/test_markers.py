"""What marks claim, and what is wrong with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.plugin.conftest import Suite


def test_a_marker_with_everything_reaches_the_report(suite: Suite) -> None:
    suite.tests("""
        @pytest.mark.security("DEP-1", "Only allowed", owner="sec", severity="high", refs=["asvs:v5.0.0-9.1.2"])
        def test_a(): pass
    """)
    found = suite.run().requirement("DEP-1")
    assert found["title"] == "Only allowed"
    assert found["owner"] == "sec"
    assert found["severity"] == "high"
    assert found["refs"] == ["asvs:v5.0.0-9.1.2"]
    assert found["family"] == "security"
    assert found["declared_at"] == "test_it.py:3"
    assert found["status"] == "met"
    assert found["basis"] == "assertions"


def test_a_bare_marker_takes_id_and_title_from_the_test(suite: Suite) -> None:
    suite.tests('''
        @pytest.mark.security
        @pytest.mark.parametrize("n", [1, 2])
        def test_mfa(n):
            """Admins have MFA.

            More words.
            """

        @pytest.mark.recovery
        class TestRestores:
            def test_one(self): pass
            def test_two(self): pass
    ''')
    ran = suite.run("--devsecops-strict")
    assert ran.statuses() == {"test_it.py::test_mfa": "met", "test_it.py::TestRestores": "met"}
    assert ran.requirement("test_it.py::test_mfa")["title"] == "Admins have MFA."
    assert len(ran.requirement("test_it.py::test_mfa")["tests"]) == 2
    assert ran.requirement("test_it.py::TestRestores")["title"] == "Restores"
    assert ran.requirement("test_it.py::TestRestores")["family"] == "recovery"


def test_prose_is_a_title_and_not_an_id(suite: Suite) -> None:
    suite.declare("DEP-1")
    suite.tests("""
        @pytest.mark.security("some prose, as projects have used it")
        def test_a(): pass

        @pytest.mark.security("DEP-1")
        def test_b(): pass
    """)
    ran = suite.run()
    assert ran.exit_code == 0
    assert ran.requirement("test_it.py::test_a")["title"] == "some prose, as projects have used it"


def test_a_bare_marker_counts_only_without_an_explicit_one(suite: Suite) -> None:
    suite.tests("""
        pytestmark = pytest.mark.security

        @pytest.mark.security("A-1")
        @pytest.mark.security("A-2")
        def test_two_ids(): pass

        def test_bare(): pass
    """)
    assert suite.run().statuses() == {"A-1": "met", "A-2": "met", "test_it.py": "met"}


def test_k_selects_by_id(suite: Suite) -> None:
    suite.tests("""
        @pytest.mark.security("DEP-1")
        def test_a(): pass

        @pytest.mark.security("DEP-2")
        def test_b(): pass
    """)
    ran = suite.run("-k", "DEP-1")
    assert "1 passed, 1 deselected" in ran.out


def test_unknown_ids_are_collection_errors_all_at_once_with_the_nearest(suite: Suite) -> None:
    suite.declare("DEP-1", "ID-7")
    suite.tests("""
        @pytest.mark.security("DEP-11")
        def test_a(): pass

        @pytest.mark.security("IDD-7")
        def test_b(): pass
    """)
    ran = suite.run()
    assert ran.exit_code == pytest.ExitCode.INTERRUPTED
    assert "test_it.py:3: unknown requirement 'DEP-11'; did you mean 'DEP-1'?" in ran.out
    assert "test_it.py:6: unknown requirement 'IDD-7'; did you mean 'ID-7'?" in ran.out
    assert ran.statuses() == {"DEP-1": "unverified", "ID-7": "unverified"}


def test_unknown_ids_are_collection_errors_under_xdist(suite: Suite) -> None:
    suite.declare("DEP-1")
    suite.tests("""
        @pytest.mark.security("DEP-11")
        def test_a(): pass
    """)
    ran = suite.run("-n", "2", plugins=("xdist",))
    assert "unknown requirement 'DEP-11'" in ran.out
    assert "INTERNALERROR" not in ran.out
    assert ran.exit_code != 0


def test_two_markers_that_disagree_are_a_collection_error(suite: Suite) -> None:
    suite.tests("""
        @pytest.mark.security("DEP-1", "One title")
        def test_a(): pass

        @pytest.mark.security("DEP-1", "Another title")
        def test_b(): pass

        @pytest.mark.security("DEP-1")
        def test_silent(): pass
    """)
    ran = suite.run()
    assert ran.exit_code == pytest.ExitCode.INTERRUPTED
    assert "'DEP-1' has two definitions that disagree about its title" in ran.out
    assert "test_it.py:3" in ran.out
    assert "test_it.py:6" in ran.out


def test_the_policy_wins_over_the_marker(suite: Suite) -> None:
    suite.policy('[requirements.DEP-1]\ntitle = "From the policy"\nowner = "policy-owner"\n')
    suite.tests("""
        @pytest.mark.security("DEP-1", "From the marker", owner="marker-owner", severity="low")
        def test_a(): pass
    """)
    found = suite.run().requirement("DEP-1")
    assert (found["title"], found["owner"], found["severity"]) == ("From the policy", "policy-owner", "low")
    assert found["declared_at"] == "devsecops.toml: requirements.DEP-1"


@pytest.mark.parametrize(
    ("mark", "message"),
    [
        ('security("A-1", ownr="x")', "unknown argument 'ownr'; did you mean 'owner'?"),
        ('security("A-1", severity="severe")', "severity 'severe' is not one of critical, high, medium, low"),
        ('security("A-1", refs="asvs")', "refs must be a list of strings, not 'asvs'"),
        ('security("A-1", "t", "third")', "takes an id and a title, not also 'third'"),
        ('security(id="not an id")', "'not an id' is no id"),
        ('recovery("A-1", rto="soon")', "rto: 'soon' is not a duration"),
        ('security("A-1", rto="30m")', "unknown argument 'rto'"),
    ],
)
def test_wrong_arguments_are_errors_only_with_a_reason_to_look(suite: Suite, mark: str, message: str) -> None:
    suite.tests(f"@pytest.mark.{mark}\ndef test_a(): pass")
    assert message in suite.run().out
    assert suite.run_bare().exit_code == 0


def test_an_ini_key_renames_a_marker(suite: Suite) -> None:
    suite.write(
        "pytest.ini",
        "[pytest]\ndevsecops_security_marker = requirement\naddopts = --strict-markers\nmarkers = security: ours\n",
    )
    suite.tests("""
        @pytest.mark.security("NOT-1")
        def test_theirs(): pass

        @pytest.mark.requirement("DEP-1")
        def test_ours(): pass
    """)
    assert suite.run().statuses() == {"DEP-1": "met"}


def test_an_empty_ini_key_switches_a_marker_off(suite: Suite) -> None:
    suite.write("pytest.ini", "[pytest]\ndevsecops_security_marker =\nmarkers = security: ours\n")
    suite.tests("""
        @pytest.mark.security("NOT-1")
        def test_theirs(): pass
    """)
    assert suite.run().statuses() == {}


def test_markers_are_registered(suite: Suite) -> None:
    ran = suite.run_bare("--markers")
    assert "@pytest.mark.security(id=None, title=None" in ran.out
    assert "@pytest.mark.recovery(id=None, title=None" in ran.out


def test_a_recovery_limit_that_nothing_measured_is_unverified(suite: Suite) -> None:
    suite.tests("""
        @pytest.mark.recovery("REC-1", rto="30m", rpo="25h")
        def test_a(devsecops):
            assert devsecops.verdict("restore", ok=True, examined=3, measured={"rto": 12.0})

        @pytest.mark.recovery("REC-2", rto="10s")
        def test_b(devsecops):
            assert devsecops.verdict("restore", ok=True, examined=3, measured={"rto": 12.0})
    """)
    ran = suite.run()
    assert ran.requirement("REC-1")["status"] == "unverified"
    assert ran.requirement("REC-1")["reason"] == "nothing measured rpo, which may be at most 25h"
    assert ran.requirement("REC-2")["status"] == "violated"
    assert ran.requirement("REC-2")["reason"] == "rto is 12s, above the limit of 10s"
