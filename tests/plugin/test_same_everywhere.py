"""The same results plain, under xdist, with reruns, and with subtests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pytest

pytestmark = pytest.mark.slow

if TYPE_CHECKING:
    from tests.plugin.conftest import Suite

_MIXED = """
    import pathlib

    @pytest.fixture(scope="module")
    def audit(devsecops):
        return devsecops.verdict("audit", ok=False, examined=3)

    @pytest.mark.security("MET-1", "Met")
    def test_met(devsecops):
        examined = {"things": 3, "of": "a.txt"}
        assert devsecops.verdict("good", ok=True, examined=examined, evidence={"at": pathlib.Path("x")})

    @pytest.mark.security("BAD-1", "Violated")
    @pytest.mark.parametrize("n", [1, 2])
    def test_bad(devsecops, n):
        assert devsecops.verdict("bad", ok=n == 1, examined=3)

    @pytest.mark.security("BAD-2", "By a fixture")
    def test_fixture(audit):
        assert audit

    @pytest.mark.recovery("UNV-1", "Skipped")
    @pytest.mark.skip(reason="no server")
    def test_skipped(): pass

    @pytest.mark.security
    def test_bare(): pass

    def test_unmarked(): pass
"""


def _comparable(report: Mapping[str, Any]) -> list[dict[str, Any]]:
    requirements = [dict(one) for one in report["requirements"]]
    for requirement in requirements:
        requirement["tests"] = sorted(
            ({**test, "duration": 0} for test in requirement["tests"]),
            key=lambda test: str(test["nodeid"]),
        )
    return sorted(requirements, key=lambda one: str(one["id"]))


@pytest.mark.parametrize(
    ("args", "plugins"),
    [
        (("-n", "2"), ("xdist",)),
        (("-n", "2", "--dist", "loadfile"), ("xdist",)),
        (("--reruns", "2"), ("pytest_rerunfailures",)),
        (("-n", "2", "--reruns", "1"), ("xdist", "pytest_rerunfailures")),
    ],
    ids=["xdist", "xdist loadfile", "reruns", "xdist and reruns"],
)
def test_same_requirements(suite: Suite, args: tuple[str, ...], plugins: tuple[str, ...]) -> None:
    suite.declare("MET-1", "BAD-1", "BAD-2", "UNV-1", "NONE-1")
    suite.tests(_MIXED)
    plain = suite.run()
    other = suite.run(*args, plugins=plugins)
    assert _comparable(other.report) == _comparable(plain.report)
    assert other.report["summary"] == plain.report["summary"] == {"met": 2, "violated": 2, "waived": 0, "unverified": 2}
    assert other.report["run"]["selection"]["complete"]
    assert other.exit_code == plain.exit_code == 1


def test_requirements_that_only_markers_define_come_back_from_workers(suite: Suite) -> None:
    suite.tests(_MIXED)
    plain = suite.run()
    other = suite.run("-n", "2", plugins=("xdist",))
    assert _comparable(other.report) == _comparable(plain.report)


def test_a_plain_summary_line_under_xdist(suite: Suite) -> None:
    suite.tests(_MIXED)
    ran = suite.run_bare("-n", "2", plugins=("xdist",))
    assert "devsecops: 3 requirements not met:" in ran.out


def test_the_last_attempt_counts(suite: Suite) -> None:
    suite.tests("""
        attempts = []

        @pytest.mark.security("A-1")
        def test_flaky(devsecops):
            attempts.append(1)
            assert devsecops.verdict("flaky", ok=len(attempts) > 1, examined=len(attempts))
    """)
    ran = suite.run("--reruns", "2", plugins=("pytest_rerunfailures",))
    assert "1 passed, 1 rerun" in ran.out
    (test,) = ran.requirement("A-1")["tests"]
    assert test["outcome"] == "passed"
    assert [verdict["examined"] for verdict in test["verdicts"]] == [{"things": 2}]
    assert ran.requirement("A-1")["status"] == "met"


def test_every_verdict_in_subtests_counts_once(suite: Suite) -> None:
    pytest.importorskip("_pytest.subtests", reason="subtests are built into pytest from 9.0 on")
    suite.tests("""
        @pytest.mark.security("A-1")
        def test_attacks(subtests, devsecops):
            for n in range(4):
                with subtests.test(n=n):
                    assert devsecops.verdict(f"attack-{n}", ok=n != 2, examined=1)
    """)
    for args, plugins in (((), ()), (("-n", "2"), ("xdist",))):
        ran = suite.run(*args, plugins=plugins)
        found = ran.requirement("A-1")
        assert found["status"] == "violated"
        (test,) = found["tests"]
        assert [verdict["check"] for verdict in test["verdicts"]] == [f"attack-{n}" for n in range(4)]


def test_dist_each_takes_the_worst(suite: Suite) -> None:
    suite.tests("""
        import os

        @pytest.mark.security("A-1")
        def test_a(devsecops):
            assert devsecops.verdict("c", ok=os.environ["PYTEST_XDIST_WORKER"] == "gw1", examined=1)
    """)
    ran = suite.run("--dist", "each", "--tx", "2*popen", plugins=("xdist",))
    assert ran.requirement("A-1")["status"] == "violated"


def test_a_value_that_is_not_json_does_not_end_the_run(suite: Suite) -> None:
    suite.tests("""
        @pytest.mark.security("A-1")
        def test_a(devsecops):
            assert devsecops.verdict("c", ok=True, examined=1, evidence={"o": object(), "s": {1}, "n": float("nan")})
    """)
    ran = suite.run("-n", "1", plugins=("xdist",))
    assert ran.exit_code == 0
    assert "INTERNALERROR" not in ran.out
    assert ran.requirement("A-1")["tests"][0]["verdicts"][0]["evidence"]["n"] == "nan"
