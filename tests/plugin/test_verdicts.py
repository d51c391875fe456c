"""Which verdicts count for which test, and the guard against verdicts that nobody asserted."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.plugin.conftest import Suite

_CHECKS = """
    import pytest

    @pytest.fixture
    def bad(devsecops):
        return lambda name="bad": devsecops.verdict(name, ok=False, examined=3)

    @pytest.fixture
    def good(devsecops):
        return lambda name="good": devsecops.verdict(name, ok=True, examined=3)
"""


def test_an_asserted_verdict_decides_the_requirement(suite: Suite) -> None:
    suite.write("conftest.py", _CHECKS)
    suite.tests("""
        @pytest.mark.security("A-1")
        def test_good(good):
            assert good()

        @pytest.mark.security("A-2")
        def test_bad(bad):
            assert bad()
    """)
    ran = suite.run()
    assert ran.exit_code == 1
    assert ran.statuses() == {"A-1": "met", "A-2": "violated"}
    assert ran.requirement("A-1")["basis"] == "verdict"
    (test,) = ran.requirement("A-2")["tests"]
    assert test["outcome"] == "failed"
    assert [verdict["check"] for verdict in test["verdicts"]] == ["bad"]


def test_a_forgotten_assert_fails_the_test_marked_or_not(suite: Suite) -> None:
    suite.write("conftest.py", _CHECKS)
    suite.tests("""
        def test_unmarked(bad):
            bad()

        @pytest.mark.security("A-1")
        def test_marked(devsecops):
            devsecops.verdict("mfa", ok=True, examined=0)

        def test_met_verdicts_may_be_left(good):
            good()

        def test_reading_the_findings_is_a_look(bad):
            assert len(bad().findings) == 1
    """)
    ran = suite.run("-rf")
    assert "2 failed, 2 passed" in ran.out
    assert "made a verdict and never asserted it (write: assert …): <violated: bad does not hold [bad]>" in ran.out
    assert ran.requirement("A-1")["status"] == "unverified"


def test_a_forgotten_verdict_of_a_fixture_fails_its_test(suite: Suite) -> None:
    suite.write("conftest.py", _CHECKS)
    suite.tests("""
        @pytest.fixture
        def checked(bad):
            bad("in-setup")

        @pytest.fixture
        def torn(bad):
            yield
            bad("in-teardown")

        def test_setup(checked): pass

        def test_teardown(torn): pass
    """)
    ran = suite.run_bare()
    assert "1 failed, 1 passed, 1 error" in ran.out
    assert "<violated: in-setup does not hold [in-setup]>" in ran.out
    assert "<violated: in-teardown does not hold [in-teardown]>" in ran.out


def test_a_wider_fixtures_verdict_counts_for_every_test_that_uses_it(suite: Suite) -> None:
    suite.write("conftest.py", _CHECKS)
    suite.tests("""
        @pytest.fixture(scope="module")
        def audit(devsecops):
            return devsecops.verdict("audit", ok=False, examined=3)

        @pytest.mark.security("A-1")
        def test_uses_it_without_a_look(audit): pass

        @pytest.mark.security("A-2")
        def test_asserts_it(audit):
            assert audit

        @pytest.mark.security("A-3")
        def test_does_not_use_it(good):
            assert good()
    """)
    ran = suite.run()
    assert "1 failed, 2 passed" in ran.out
    assert ran.statuses() == {"A-1": "violated", "A-2": "violated", "A-3": "met"}
    assert ran.requirement("A-1")["tests"][0]["outcome"] == "passed"


def test_a_wider_fixtures_verdict_that_nobody_looks_at_fails_where_the_fixture_ends(suite: Suite) -> None:
    suite.tests("""
        @pytest.fixture(scope="module")
        def audit(devsecops):
            return devsecops.verdict("audit", ok=False, examined=3)

        def test_one(audit): pass
        def test_two(audit): pass
    """)
    ran = suite.run_bare()
    assert "2 passed, 1 error" in ran.out
    assert "made a verdict and never asserted it" in ran.out


def test_a_swallowed_verdict_passes_the_test_but_not_the_requirement(suite: Suite) -> None:
    suite.write("conftest.py", _CHECKS)
    suite.tests("""
        @pytest.mark.security("A-1")
        def test_or(bad, good):
            assert bad() or good()
    """)
    ran = suite.run()
    assert "1 passed" in ran.out
    assert ran.requirement("A-1")["status"] == "violated"
    assert ran.exit_code == 1
    assert "1 requirement is not met: A-1" in ran.out


def test_any_of_combines_on_purpose(suite: Suite) -> None:
    suite.write("conftest.py", _CHECKS)
    suite.tests("""
        from pytest_devsecops import all_of, any_of

        @pytest.mark.security("A-1")
        def test_any(bad, good):
            assert any_of(bad("one"), good("two"))

        @pytest.mark.security("A-2")
        def test_all(bad, good):
            assert all_of(bad("one"), good("two"))

        @pytest.mark.security("A-3")
        def test_forgotten(bad, good):
            all_of(bad("one"), good("two"))

        def test_nothing():
            with pytest.raises(Exception, match="any_of.. combines nothing"):
                any_of()
    """)
    ran = suite.run()
    assert ran.statuses() == {"A-1": "met", "A-2": "violated", "A-3": "violated"}
    assert [verdict["check"] for verdict in ran.requirement("A-1")["tests"][0]["verdicts"]] == ["any_of(one, two)"]
    assert "2 failed, 2 passed" in ran.out


def test_the_explanation_stands_in_its_own_section_even_without_captured_output(suite: Suite) -> None:
    suite.tests("""
        @pytest.mark.security("A-1")
        def test_bad(devsecops):
            assert devsecops.verdict(
                "accounts have MFA", examined={"accounts": 12}, findings=["bob has no MFA"], fix="enrol bob"
            )
    """)
    ran = suite.run("--show-capture=no", "--junitxml=junit.xml")
    assert "- devsecops -" in ran.out
    assert "violated: accounts have MFA" in ran.out
    assert "examined: 12 accounts" in ran.out
    assert "- bob has no MFA [own-check]" in ran.out
    assert "fix: enrol bob" in ran.out
    assert "assert <violated: bob has no MFA [accounts have MFA]>" in ran.out
    assert "fix: enrol bob" in (suite.path / "junit.xml").read_text(encoding="utf-8")


def test_user_properties_hold_id_and_status_only_when_a_report_is_asked_for(suite: Suite) -> None:
    suite.tests("""
        @pytest.mark.security("A-1")
        def test_a(devsecops):
            assert devsecops.verdict("c", ok=True, examined=1)
    """)
    suite.run("--junitxml=junit.xml")
    asked = (suite.path / "junit.xml").read_text(encoding="utf-8")
    assert '<property name="devsecops_requirement" value="A-1"' in asked
    assert '<property name="devsecops_status" value="met"' in asked
    suite.run_bare("--junitxml=junit.xml")
    assert "devsecops" not in (suite.path / "junit.xml").read_text(encoding="utf-8")


def test_own_verdicts_refuse_contradictions(suite: Suite) -> None:
    suite.tests("""
        def test_both(devsecops):
            devsecops.verdict("c", ok=True, examined=1, findings=["no"])

        def test_neither(devsecops):
            devsecops.verdict("c", examined=1)

        def test_no_findings_is_an_answer(devsecops):
            assert devsecops.verdict("c", examined=1, findings=[])
    """)
    ran = suite.run_bare()
    assert "c: ok=True contradicts 1 finding" in ran.out
    assert "c: neither ok nor findings are given" in ran.out
    assert "2 failed, 1 passed" in ran.out


def test_policy_can_demand_verdicts(suite: Suite) -> None:
    suite.policy('require_verdicts = true\n[requirements.A-1]\ntitle = "A"\n[requirements.A-2]\ntitle = "B"\n')
    suite.tests("""
        @pytest.mark.security("A-1")
        def test_assertion():
            assert True

        @pytest.mark.security("A-2")
        def test_verdict(devsecops):
            assert devsecops.verdict("c", ok=True, examined=1)
    """)
    ran = suite.run()
    assert ran.statuses() == {"A-1": "unverified", "A-2": "met"}
    assert "the policy demands verdicts" in ran.requirement("A-1")["reason"]


def test_a_hosts_own_fixture_wins_and_the_umbrella_still_has_ours(suite: Suite) -> None:
    suite.tests("""
        @pytest.fixture
        def dependencies():
            return "theirs"

        def test_a(dependencies, devsecops):
            assert dependencies == "theirs"
            assert hasattr(devsecops.dependencies, "allowed")
    """)
    assert suite.run_bare().exit_code == 0


def test_our_frames_stay_out_of_the_hosts_tracebacks(suite: Suite) -> None:
    suite.tests("""
        @pytest.fixture
        def broken(devsecops):
            raise ValueError("broken")

        def test_fixture(devsecops, broken): pass

        def test_body(devsecops):
            raise ValueError("body")

        @pytest.fixture
        def torn(devsecops):
            yield
            raise ValueError("torn")

        def test_teardown(torn): pass
    """)
    ran = suite.run()
    assert "1 failed, 1 passed, 2 errors" in ran.out
    assert "plugin.py" not in ran.out
