"""Reports to render, made by the same code that makes real ones: verdicts, records, the assessment."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import cast

import pytest

from pytest_devsecops.core.assessment import assess
from pytest_devsecops.core.findings import Finding, Location, Status
from pytest_devsecops.core.records import Claim, Inventory, RunInfo, Selection, TestRecord
from pytest_devsecops.core.requirement import Requirement
from pytest_devsecops.core.verdict import Verdict
from pytest_devsecops.reports.model import Report

#: A claiming test: its record, and what its marker says.
Claiming = tuple[TestRecord, Requirement]

HOSTILE = "</script><script>alert(1)</script>\u202e`|*_[x](y)<img src=x onerror=alert(2)>&amp;\ud800\x07"

RUN = RunInfo(
    started="2026-11-20T09:00:00Z",
    finished="2026-11-20T09:02:41Z",
    versions={"pytest-devsecops": "0.1.0", "pytest": "9.2.0", "python": "3.13.0"},
    selection=Selection(args=("-q", "tests")),
    commit="4f0c1d5e8a7b69c3d2e1f00a9b8c7d6e5f4a3b2c",
    dirty=True,
    ci={"workflow": "build", "job": "security", "run": "1234"},
    policy={
        "path": "devsecops.toml",
        "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "extends": [
            {"path": "our_policy/devsecops.toml", "sha256": "60303ae22b998861bce3b28f33eec1be758a213c86c93c07"}
        ],
        "replaced": ["devsecops.toml: dependencies.max_age: '30d' became '7d'"],
    },
    advisories={"source": "osv-pypi.zip", "built": "2026-11-19T00:00:00Z", "sha256": "ab12" * 16, "count": 2661},
)
NARROWED = RunInfo(
    started=RUN.started,
    finished=RUN.finished,
    versions=RUN.versions,
    selection=Selection(args=("-k", "DEP"), narrowed_by=("-k DEP", "1 claiming test deselected"), deselected=1),
)


def build(tests: Iterable[Claiming], declared: Iterable[Requirement] = (), run: RunInfo = RUN) -> Report:
    """Return the report of a run in which ``tests`` ended as their records say."""
    pairs = list(tests)
    inventory = Inventory(tuple(Claim(record.nodeid, requirement) for record, requirement in pairs))
    assessment = assess(declared, inventory, {record.nodeid: record for record, _ in pairs}, run)
    return cast("Report", assessment.as_dict())


def passed(nodeid: str, *verdicts: Verdict, duration: float = 0.0123) -> TestRecord:
    return TestRecord(nodeid, "passed", duration=duration, verdicts=tuple(one.as_dict() for one in verdicts))


def failed(nodeid: str, *verdicts: Verdict, duration: float = 0.4) -> TestRecord:
    dicts = tuple(one.as_dict() for one in verdicts)
    return TestRecord(nodeid, "failed", "AssertionError", duration, asserted=True, verdicts=dicts)


def allowed_verdict(violations: int) -> Verdict:
    findings = [
        Finding(
            "not-allowed",
            f"left-pad-{number} 1.{number}",
            f"left-pad-{number} 1.{number} is not on the allow list",
            fix="ask the owner of the allow list for clearance, or remove it",
            refs=("osps:OSPS-VM-05", "CVE-2021-32807"),
            location=Location("uv.lock", 12 + number),
            detail={"path": ["shop", "web", f"left-pad-{number}"]},
        )
        for number in range(violations)
    ]
    return Verdict(
        "dependencies.allowed",
        findings,
        examined={"dependencies": 143, "rules": 12, "from": "uv.lock"},
        summary="all 143 dependencies from uv.lock are allowed",
        evidence={"uv.lock": {"sha256": "cd34" * 16}, "groups": ["main", "dev"]},
    )


def sample(run: RunInfo = RUN) -> Report:
    """Return a report that has every status, outcome and field in it."""
    advisories = Verdict(
        "dependencies.vulnerability_free",
        [
            Finding(
                "advisories-too-old",
                "osv-pypi.zip",
                "the advisories are 41 days old, the policy allows 14",
                fix="run `pytest-devsecops advisories import` with a fresh file",
                status=Status.UNVERIFIED,
            )
        ],
        examined={"dependencies": 143, "advisories": 2661, "from": "uv.lock"},
    )
    waived = allowed_verdict(2)
    waived.waive(lambda found: "W-3" if found.rule == "not-allowed" else None)
    tokens = Verdict(
        "identity.refuses_forged_tokens",
        examined={"attacks": 225, "controls": ["before", "after"], "at": "/me"},
        summary="225 of 225 forged tokens were refused; the genuine one was accepted before and after",
    )
    slow = Verdict(
        "recovery.round_trip",
        examined={"tables": 12, "rows": 1_000_000},
        measured={"rto": 2460.0, "rpo": 3600.0},
        evidence={"restored": {"sha256": "ef56" * 16}},
    )
    security, recovery = "security", "recovery"
    declared = [
        Requirement("DEP-1", "Only allowed dependencies ship", security, "security", "high", ("osps:OSPS-VM-05",),
                    "devsecops.toml: requirements.DEP-1", declared=True),
        Requirement("PIPE-9", "Releases are signed", security, "platform", "critical", declared=True,
                    declared_at="devsecops.toml: requirements.PIPE-9"),
    ]  # fmt: skip
    tests: list[Claiming] = [
        (failed("tests/test_dep.py::test_allowed", allowed_verdict(7)), declared[0]),
        (passed("tests/test_dep.py::test_no_advisory", advisories),
         Requirement("DEP-2", "No dependency has a known vulnerability", security, "security", "critical")),
        (passed("tests/test_dep.py::test_tools", waived),
         Requirement("DEP-3", "Tools are cleared", security, "dev", "low")),
        (passed("tests/test_id.py::test_forged[RS256]", tokens, duration=12.5),
         Requirement("ID-1", "Forged tokens are refused", security, "security", "high", ("asvs:v5.0.0-9.1.2",),
                     "tests/test_id.py:14")),
        (failed("tests/test_rec.py::test_orders_survive", slow, duration=2461.2),
         Requirement("REC-1", "Orders and their files survive", recovery, "operations", "critical", (),
                     "tests/test_rec.py:9", {"rto": 1800.0, "rpo": 90_000.0})),
        (TestRecord("tests/test_rec.py::test_audit_log", "skipped", "needs a database"),
         Requirement("REC-2", "The audit log survives a crash", recovery, "operations", None)),
        (TestRecord("tests/test_misc.py::test_headers", "passed", unexamined=("subtest HTTP/3 was skipped",)),
         Requirement("tests/test_misc.py::test_headers", "Answers carry the security headers", security)),
        (passed("tests/test_misc.py::test_cookies"),
         Requirement("WEB-2", "Cookies are closed to scripts", security, "dev", "medium")),
        (TestRecord("tests/test_misc.py::test_old", "xfailed", "known since 2025", 0.1),
         Requirement("WEB-3", "Old protocol versions are refused", security, "dev", "medium")),
    ]  # fmt: skip
    return build(tests, declared, run)


def hostile() -> Report:
    """Return a report in which every text that somebody can choose tries to break out of the page."""
    verdict = Verdict(
        f"check {HOSTILE}",
        [
            Finding(
                "rule",
                HOSTILE,
                f"message {HOSTILE}",
                HOSTILE,
                (HOSTILE,),
                Location(HOSTILE, 3),
                detail={HOSTILE: HOSTILE},
            )
        ],
        examined={"things": 3, f"from {HOSTILE}": HOSTILE},
        evidence={HOSTILE: [HOSTILE, {"n": 1}]},
    )
    wanted = Requirement("BAD-1", f"title {HOSTILE}", "security", HOSTILE, "high", (HOSTILE,), HOSTILE)
    record = TestRecord(
        f"t.py::test[{HOSTILE}]", "failed", f"reason {HOSTILE}", asserted=True, verdicts=(verdict.as_dict(),)
    )
    run = RunInfo("2026-11-20T09:00:00Z", "2026-11-20T09:00:01Z", {HOSTILE: HOSTILE},
                  Selection(args=(HOSTILE,), narrowed_by=(HOSTILE,)), commit=HOSTILE, ci={"job": HOSTILE})  # fmt: skip
    return build([(record, wanted)], run=run)


def large(tests: int, failing: int) -> Report:
    """Return a report of ``tests`` requirements, each with one test; ``failing`` of them are violated."""
    every = max(1, tests // failing) if failing else 0
    claiming: list[Claiming] = []
    for number in range(tests):
        nodeid = f"tests/unit/test_module_{number // 100}.py::test_requirement_{number}"
        wanted = Requirement(
            nodeid,
            f"requirement {number}",
            "security",
            declared_at=f"tests/unit/test_module_{number // 100}.py:{number % 100 + 5}",
        )
        bad = every > 0 and number % every == 0
        record = (
            failed(nodeid, allowed_verdict(3)) if bad else passed(nodeid, allowed_verdict(0), duration=number / 1e5)
        )
        claiming.append((record, wanted))
    return build(claiming)


@pytest.fixture(name="sample")
def sample_fixture() -> Report:
    return sample()


@pytest.fixture
def narrowed() -> Report:
    return sample(NARROWED)


@pytest.fixture
def empty() -> Report:
    return build([])


@pytest.fixture(name="hostile")
def hostile_fixture() -> Report:
    return hostile()


@pytest.fixture(name="large")
def large_fixture() -> Callable[[int, int], Report]:
    return large


@pytest.fixture
def with_asvs() -> Callable[..., Report]:
    """Return a report whose verdicts tell what they exercised of three requirements of ASVS."""

    def make(*exercised: list[str]) -> Report:
        reach = ["7.2.4", "7.3.1", "7.4.1"]
        verdicts = [
            Verdict(
                "identity.a",
                examined={"flows": 1},
                evidence={"asvs": {"version": "5.0.0", "exercised": one, "within_reach": reach}},
            )
            for one in exercised
        ]
        return build([(passed("test_a.py::test_a", *verdicts), Requirement("ID-1", "Sessions end", "security"))])

    return make
