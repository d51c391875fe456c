"""The limits of the marker ``recovery``, end to end: what a test measures is held to them, what it does not is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.plugin.conftest import Suite

pytestmark = pytest.mark.slow

_CONFTEST = """
    import pytest
    from pytest_devsecops.recovery import directory, procedure

    def seed(environment):
        with open(environment["DIRECTORY_PATH"] + "/a", "w") as handle:
            handle.write("a" * 1000)

    SAVE, LOAD = "cp -a $DIRECTORY_PATH/. $BACKUP_DIR/", "cp -a $BACKUP_DIR/. $DIRECTORY_PATH"

    @pytest.fixture(scope="session")
    def sized():
        return directory(prepare=seed, production_size="same")

    @pytest.fixture(scope="session")
    def unsized():
        return directory(prepare=seed)

    @pytest.fixture(scope="session")
    def nightly():
        return procedure(SAVE, LOAD, every="24h")

    @pytest.fixture(scope="session")
    def slow():
        return procedure(SAVE, "sleep 0.5; " + LOAD, every="24h")

    @pytest.fixture(scope="session")
    def once():
        return procedure(SAVE, LOAD)

    @pytest.fixture(scope="session")
    def done(recovery, sized, nightly):
        return recovery.round_trip(sized, by=nightly)
"""


def outcome(suite: Suite, marker: str, body: str, fixtures: str = "") -> tuple[int, str, str]:
    """Run one marked test; return the exit code without a report, the requirement's status, and the output."""
    suite.write("conftest.py", _CONFTEST)
    suite.tests(f"""
        @pytest.mark.recovery("REC-1", {marker})
        def test_a(recovery, sized, unsized, nightly, slow, once{fixtures}):
            {body}
    """)
    bare = suite.run_bare()
    ran = suite.run()
    return bare.exit_code, ran.requirement("REC-1")["status"], ran.out


def test_objectives_within_the_limits_are_met(suite: Suite) -> None:
    code, status, out = outcome(suite, 'rto="30m", rpo="25h"', "assert recovery.round_trip(sized, by=nightly)")
    assert (code, status) == (0, "met"), out


def test_objective_above_its_limit_fails_the_test(suite: Suite) -> None:
    code, status, out = outcome(suite, 'rpo="23h"', "assert recovery.round_trip(sized, by=nightly)")
    assert (code, status) == (1, "violated")
    assert "rpo is 24h, above the limit of 23h" in out


def test_worst_measurement_of_all_round_trips_counts(suite: Suite) -> None:
    body = "assert recovery.round_trip(sized, by=nightly) and recovery.round_trip(sized, by=slow)"
    code, status, out = outcome(suite, 'rto="450ms"', body)
    assert (code, status) == (1, "violated")
    assert "above the limit of 0.45s" in out


def test_limit_without_the_production_size_is_unverified(suite: Suite) -> None:
    code, status, out = outcome(suite, 'rto="30m"', "assert recovery.round_trip(unsized, by=nightly)")
    assert (code, status) == (1, "unverified")
    assert "rto may be at most 30m and is not known: it was measured at" in out
    assert "the store does not say production_size=" in out


def test_limit_without_the_interval_is_unverified(suite: Suite) -> None:
    code, status, out = outcome(suite, 'rpo="25h"', "assert recovery.round_trip(sized, by=once)")
    assert (code, status) == (1, "unverified")
    assert "the procedure does not say every=" in out


def test_limit_that_nothing_measured_adds_an_unverified_verdict(suite: Suite) -> None:
    suite.write("backups/a", "a" * 1000)
    body = 'assert recovery.newest("backups/*", into=unsized, by=nightly)'
    assert outcome(suite, 'rpo="25h"', body)[:2] == (0, "met")
    code, status, out = outcome(suite, 'rpo="25h", rto="30m"', body)
    assert (code, status) == (1, "unverified")
    assert "nothing measured rto, which may be at most 30m" in out


def test_artefact_that_is_too_old_is_told_once_and_with_what_dates_it(suite: Suite) -> None:
    suite.write("conftest.py", _CONFTEST)
    suite.write("backups/a", "a" * 1000)
    suite.tests("""
        import os
        @pytest.mark.recovery("REC-1", rpo="25h")
        def test_a(recovery, unsized, nightly):
            os.utime("backups/a", (1_700_000_000, 1_700_000_000))
            assert recovery.newest("backups/*", into=unsized, by=nightly)
    """)
    reason = suite.run().requirement("REC-1")["reason"]
    assert "above the limit of 25h: a restores with" in reason
    assert "by its file it is" in reason
    assert reason.count("above the limit") == 1


def test_limits_hold_for_the_verdict_of_a_wider_fixture_too(suite: Suite) -> None:
    code, status, out = outcome(suite, 'rpo="23h"', "assert done", ", done")
    assert (code, status) == (1, "violated")
    assert "above the limit of 23h" in out
    assert outcome(suite, 'rpo="25h"', "assert done", ", done")[:2] == (0, "met")


def test_verdict_that_nobody_asserted_fails_its_test(suite: Suite) -> None:
    code, status, out = outcome(suite, 'rpo="23h"', "recovery.round_trip(sized, by=nightly)")
    assert (code, status) == (1, "violated")
    assert "made a verdict and never asserted it" in out


def test_checks_that_measure_nothing_are_not_held_to_the_limits(suite: Suite) -> None:
    suite.write("conftest.py", _CONFTEST)
    suite.tests("""
        @pytest.mark.recovery("REC-1", rto="30m")
        class TestShop:
            def test_it_survives(self, recovery, sized, nightly):
                assert recovery.round_trip(sized, by=nightly)

            def test_the_backup_only_reads(self, recovery, sized, nightly):
                assert recovery.leaves_source_alone(sized, by=nightly)
    """)
    ran = suite.run()
    assert (ran.exit_code, ran.requirement("REC-1")["status"]) == (0, "met"), ran.out
