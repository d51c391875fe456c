"""Green by absence: a requirement whose tests did not run to their end is unverified, with the reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

pytestmark = pytest.mark.slow

if TYPE_CHECKING:
    from tests.plugin.conftest import Suite

_CASES = {
    "skipped": (
        '@pytest.mark.skip(reason="no database")\n@pytest.mark.security("A-1")\ndef test_a(): pass',
        "it was skipped: no database",
    ),
    "skipped inside": (
        '@pytest.mark.security("A-1")\ndef test_a(): pytest.skip("not today")',
        "it was skipped: not today",
    ),
    "xfailed": (
        '@pytest.mark.xfail(reason="ticket 7")\n@pytest.mark.security("A-1")\ndef test_a(): assert False',
        "it is expected to fail and did: ticket 7",
    ),
    "xpassed": (
        '@pytest.mark.xfail(reason="ticket 7")\n@pytest.mark.security("A-1")\ndef test_a(): pass',
        "it passed although it is marked as expected to fail: ticket 7",
    ),
    "xpassed strictly": (
        '@pytest.mark.xfail(reason="ticket 7", strict=True)\n@pytest.mark.security("A-1")\ndef test_a(): pass',
        "it passed although it is marked as expected to fail: ticket 7",
    ),
    "not run xfail": (
        '@pytest.mark.xfail(run=False, reason="hangs")\n@pytest.mark.security("A-1")\ndef test_a(): pass',
        "it is expected to fail and did: [NOTRUN] hangs",
    ),
    "error in set-up": (
        '@pytest.fixture\ndef db(): raise OSError("refused")\n@pytest.mark.security("A-1")\ndef test_a(db): pass',
        "error in set-up: OSError: refused",
    ),
    "error in teardown": (
        """
        @pytest.fixture
        def db():
            yield
            raise ConnectionError("gone")

        @pytest.mark.security("A-1")
        def test_a(db): pass
        """,
        "error in teardown: ConnectionError: gone",
    ),
    "another exception": (
        '@pytest.mark.security("A-1")\ndef test_a(): raise ConnectionError("refused")',
        "ConnectionError: refused",
    ),
    "emptily parametrised": (
        '@pytest.mark.parametrize("n", [])\n@pytest.mark.security("A-1")\ndef test_a(n): pass',
        "got empty parameter set",
    ),
    "one subtest skipped": (
        '@pytest.mark.security("A-1")\ndef test_a(subtests):\n    with subtests.test("x"): pytest.skip("no server")',
        "a subtest was skipped: no server",
    ),
    "never written": ("def test_other(): pass", "no test claims it"),
}


@pytest.mark.parametrize("case", _CASES)
@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["plain", "xdist"])
def test_is_unverified_with_the_reason(suite: Suite, case: str, workers: tuple[str, ...]) -> None:
    code, reason = _CASES[case]
    if "subtest" in case and not hasattr(pytest, "Subtests"):
        pytest.skip("subtests are built into pytest from 9.0 on")
    suite.declare("A-1")
    suite.tests(code)
    ran = suite.run(*workers, plugins=("xdist",) if workers else ())
    assert ran.requirement("A-1")["status"] == "unverified"
    assert reason in ran.requirement("A-1")["reason"]
    assert ran.exit_code == 1
    assert ran.report["run"]["selection"]["complete"]


def test_a_skip_in_one_of_several_tests_is_enough(suite: Suite) -> None:
    suite.tests("""
        pytestmark = pytest.mark.security("A-1")
        def test_a(): pass

        @pytest.mark.skip
        def test_b(): pass
    """)
    ran = suite.run()
    assert ran.requirement("A-1")["status"] == "unverified"
    assert "test_b: it was skipped" in ran.requirement("A-1")["reason"]


def test_an_assertion_that_fails_is_a_violation(suite: Suite) -> None:
    suite.tests("""
        @pytest.mark.security("A-1")
        def test_a():
            assert 1 == 2, "numbers differ"
    """)
    ran = suite.run()
    assert ran.requirement("A-1")["status"] == "violated"
    assert "numbers differ" in ran.requirement("A-1")["reason"]


def test_a_failing_subtest_is_a_violation(suite: Suite) -> None:
    pytest.importorskip("_pytest.subtests", reason="subtests are built into pytest from 9.0 on")
    suite.tests("""
        @pytest.mark.security("A-1")
        def test_a(subtests):
            for n in range(3):
                with subtests.test(n=n):
                    assert n != 1
    """)
    ran = suite.run()
    assert ran.requirement("A-1")["status"] == "violated"
    assert len(ran.requirement("A-1")["tests"]) == 1


@pytest.mark.slow
def test_lost_with_a_crashed_worker(suite: Suite) -> None:
    suite.declare("A-1", "A-2")
    suite.tests("""
        import os

        @pytest.mark.security("A-1")
        def test_crash():
            os._exit(1)

        @pytest.mark.security("A-2")
        def test_other(): pass
    """)
    ran = suite.run("-n", "2", plugins=("xdist",), subprocess=True)
    assert ran.requirement("A-1")["status"] == "unverified"
    assert "lost with a crashed worker" in ran.requirement("A-1")["reason"]
    assert ran.requirement("A-2")["status"] == "met"
    assert not ran.report["run"]["selection"]["complete"]
    assert ran.exit_code == 1


@pytest.mark.slow
def test_no_surviving_worker_leaves_everything_unverified(suite: Suite) -> None:
    suite.declare("A-1")
    suite.tests("""
        import os

        @pytest.mark.security("A-1")
        def test_crash():
            os._exit(1)
    """)
    ran = suite.run("-n", "1", "--max-worker-restart=0", plugins=("xdist",), subprocess=True)
    assert ran.requirement("A-1")["status"] == "unverified"
    assert "no worker told what it collected" in ran.report["run"]["selection"]["narrowed_by"]
    assert ran.exit_code != 0
