"""safety's engine as a second opinion, with a stand-in for it; the real one is in ``tests/contract``."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from pytest_devsecops.core.findings import Status
from pytest_devsecops.core.verdict import Verdict
from pytest_devsecops.dependencies.advisories.lookup import look_up
from pytest_devsecops.dependencies.advisories.second_opinion import ask_safety
from pytest_devsecops.dependencies.checks.vulnerability_free import VulnerabilityPolicy, vulnerability_free
from pytest_devsecops.dependencies.model import Dependency, Graph, SourceKind, SourceRead

Record = Callable[..., dict[str, Any]]
Index = Callable[..., Path]


class FakeSafety:
    """The two modules of safety that are used, with a table of answers.

    Args:
        answers: what is reported for ``name==version``: safety's id, CVE id or nothing, text.
        fails_on: a name that makes ``check`` raise for the whole batch.
    """

    def __init__(self, answers: dict[str, list[tuple[str, str, str]]], fails_on: str = "") -> None:
        self.answers = answers
        self.fails_on = fails_on
        self.database = ""

    def check(self, *, auth: Any, packages: list[Any], db_mirror: str, ignore_vulns: Any, telemetry: bool) -> Any:  # noqa: ANN401 - safety's own signature
        assert auth.platform.api_key is None
        assert auth.platform.is_using_auth_credentials() is False
        assert ignore_vulns == {}
        assert telemetry is False
        warnings.warn("safety warns a lot", DeprecationWarning, stacklevel=1)
        self.database = db_mirror
        if not Path(db_mirror).is_dir():
            message = "no database"
            raise FileNotFoundError(message)
        if any(package.name == self.fails_on for package in packages):
            message = "Invalid specifier: '<2013.1.g3'"
            raise ValueError(message)
        found = [
            SimpleNamespace(
                vulnerability_id=identity,
                CVE=SimpleNamespace(name=cve) if cve else None,
                advisory=text,
                analyzed_requirement=requirement,
            )
            for package in packages
            for requirement in package.requirements
            for identity, cve, text in self.answers.get(requirement.text, [])
        ]
        return found, {}


@dataclass(eq=False)
class FakeRequirement:
    text: str


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Callable[[FakeSafety], None]:
    def as_installed(fake: FakeSafety) -> None:
        package, models, engine = ModuleType("safety"), ModuleType("safety.models"), ModuleType("safety.safety")
        vars(models).update(Package=SimpleNamespace, SafetyRequirement=FakeRequirement)
        vars(engine).update(check=fake.check)
        for module in (package, models, engine):
            monkeypatch.setitem(sys.modules, module.__name__, module)

    return as_installed


def asked(graph: Graph, file: Path, database: Path) -> Verdict:
    lookup = look_up(graph, file)
    second = ask_safety(graph, database, lookup)
    return vulnerability_free(graph, VulnerabilityPolicy(), lookup, today=date(2026, 6, 10), second=second)


def locked(*dependencies: Dependency) -> Graph:
    return Graph(dependencies, (SourceRead("uv.lock", "uv.lock", SourceKind.LOCK),))


def test_what_only_safety_reports_is_a_finding_of_its_own_rule(
    record: Record, index_of: Index, install: Callable[[FakeSafety], None], tmp_path: Path
) -> None:
    install(FakeSafety({"otherfind==1.0": [("90004", "CVE-2026-4", "Only here.")]}))
    file = index_of(record("DEMO-1", "shopkit", "introduced=0", "fixed=1.5"))
    verdict = asked(locked(Dependency("otherfind", "1.0"), Dependency("shopkit", "1.5")), file, tmp_path)
    [finding] = verdict.findings
    assert verdict.status is Status.VIOLATED
    assert finding.rule == "found-by-safety"
    assert finding.message == (
        "safety reports CVE-2026-4, pyup.io-90004 in otherfind 1.0, which the advisory file does not have: Only here."
    )


def test_what_both_report_is_one_finding_and_what_safety_misses_is_noted(
    record: Record, index_of: Index, install: Callable[[FakeSafety], None], tmp_path: Path
) -> None:
    install(FakeSafety({"shopkit==1.4": [("90001", "CVE-2026-1", "Carts leak.")]}))
    file = index_of(
        record("DEMO-1", "shopkit", "introduced=0", "fixed=1.5", aliases=["CVE-2026-1"]),
        record("DEMO-2", "shopkit", "introduced=0", "fixed=1.6"),
    )
    verdict = asked(locked(Dependency("shopkit", "1.4")), file, tmp_path)
    assert [finding.rule for finding in verdict.findings] == ["vulnerable", "vulnerable"]
    opinion = verdict.evidence["second opinion"]
    assert opinion["not reported by safety"] == ["shopkit 1.4: DEMO-2"]
    assert (opinion["asked"], opinion["reported"]) == (1, 1)


def test_two_versions_of_one_package_are_both_asked_about(
    record: Record, index_of: Index, install: Callable[[FakeSafety], None], tmp_path: Path
) -> None:
    install(FakeSafety({"otherfind==1.0": [("1", "", "")], "otherfind==2.0": [("2", "", "")]}))
    graph = locked(Dependency("otherfind", "1.0"), Dependency("otherfind", "2.0"))
    verdict = asked(graph, index_of(record("DEMO-1", versions=("9",))), tmp_path)
    assert {finding.subject for finding in verdict.findings} == {"otherfind 1.0", "otherfind 2.0"}


def test_without_the_extra_it_is_unverified_and_names_the_extra(
    record: Record, index_of: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "safety", None)
    verdict = asked(locked(Dependency("shopkit", "2")), index_of(record("DEMO-1", versions=("1",))), tmp_path)
    [finding] = verdict.findings
    assert verdict.status is Status.UNVERIFIED
    assert finding.message == (
        "there is no second opinion: the second opinion of safety needs a package that is not installed"
    )
    assert finding.fix == "pip install 'pytest-devsecops[safety]'"


def test_a_database_that_safety_cannot_use_is_unverified(
    record: Record, index_of: Index, install: Callable[[FakeSafety], None], tmp_path: Path
) -> None:
    install(FakeSafety({}))
    file = index_of(record("DEMO-1", versions=("1",)))
    verdict = asked(locked(Dependency("shopkit", "2")), file, tmp_path / "none")
    [finding] = verdict.findings
    assert verdict.status is Status.UNVERIFIED
    assert finding.message == "there is no second opinion: safety cannot use none: FileNotFoundError: no database"


def test_what_makes_safety_raise_is_unverified_alone(
    record: Record, index_of: Index, install: Callable[[FakeSafety], None], tmp_path: Path
) -> None:
    install(FakeSafety({"otherfind==1.0": [("90004", "", "Only here.")]}, fails_on="hardspec"))
    names = ["a", "b", "hardspec", "c", "otherfind"]
    graph = locked(*(Dependency(name, "1.0") for name in names))
    verdict = asked(graph, index_of(record("DEMO-1", versions=("1",))), tmp_path)
    assert {(finding.rule, finding.subject) for finding in verdict.findings} == {
        ("found-by-safety", "otherfind 1.0"),
        ("second-opinion-missing", "hardspec 1.0"),
    }
    assert verdict.evidence["second opinion"]["asked"] == 4


def test_a_version_that_safety_would_take_for_harmless_is_unverified(
    record: Record, index_of: Index, install: Callable[[FakeSafety], None], tmp_path: Path
) -> None:
    install(FakeSafety({}))
    graph = locked(Dependency("otherfind", "0.8.3p1"), Dependency("unpinned", specifier=">=1"))
    verdict = asked(graph, index_of(record("DEMO-1", versions=("1",))), tmp_path)
    assert verdict.status is Status.UNVERIFIED
    assert [finding.message for finding in verdict.findings] == [
        "safety cannot examine otherfind 0.8.3p1, which has no PEP 440 version",
        "safety cannot examine unpinned >=1, which has no PEP 440 version",
    ]
