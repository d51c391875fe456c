"""Which requirements of ASVS the checks reach, and what a verdict tells about them."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from pytest_devsecops import identity as package
from pytest_devsecops.core.findings import Finding
from pytest_devsecops.core.verdict import Verdict
from pytest_devsecops.identity.asvs import WITHIN_REACH, coverage
from pytest_devsecops.identity.examination import Examination
from pytest_devsecops.identity.family import Identity
from pytest_devsecops.identity.live import Live, unverified
from pytest_devsecops.identity.presets.plain import wsgi_target
from pytest_devsecops.identity.section import IdentityPolicy


def test_every_check_has_its_row() -> None:
    checks = {
        name
        for name, method in inspect.getmembers(Identity, inspect.isfunction)
        if not name.startswith("_") and name != "examine" and inspect.signature(method).return_annotation == "Verdict"
    }
    assert checks
    assert checks <= WITHIN_REACH.keys()


def test_every_id_that_a_check_names_is_within_reach() -> None:
    folder = Path(package.__file__).parent
    named = {
        one for file in folder.rglob("*.py") for one in re.findall(r"asvs:v5\.0\.0-([\d.]+\d)", file.read_text("utf-8"))
    }
    assert named
    assert named <= {one for row in WITHIN_REACH.values() for one in row}


def test_a_check_that_tells_what_it_exercised_is_believed() -> None:
    told = coverage("ends_sessions", {"asvs:v5.0.0-7.4.2", "7.4.10"}, examined=False)
    assert told["exercised"] == ["7.4.2", "7.4.10"]
    assert told["within_reach"] == sorted(told["within_reach"], key=lambda one: [int(part) for part in one.split(".")])


def examine(*findings: Finding, exercised: tuple[str, ...] = (), examined: int = 1) -> Verdict:
    def check(_live: Live, seen: Examination) -> None:
        seen.findings.extend(findings)
        seen.examined["flows"] = examined
        seen.exercised.update(exercised)

    checks = Identity(wsgi_target(lambda _environ, _start: []), IdentityPolicy(), record=lambda verdict: verdict)
    try:
        return checks.examine("throttles_login", check)
    finally:
        checks.close()


def test_a_verdict_says_what_was_exercised() -> None:
    assert examine().evidence["asvs"]["exercised"] == ["6.3.1"]
    assert examine(Finding("no-throttle", "login", "wrong")).evidence["asvs"]["exercised"] == ["6.3.1"]


@pytest.mark.parametrize("finding", [[unverified("identity.throttles_login", "control-failed", "broken")], []])
def test_what_was_not_examined_was_not_exercised(finding: list[Finding]) -> None:
    assert examine(*finding, examined=0).evidence["asvs"]["exercised"] == []
    assert "6.3.1" in examine(*finding, examined=0).evidence["asvs"]["within_reach"]
