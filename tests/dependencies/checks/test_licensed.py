from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest

from pytest_devsecops.core.errors import PolicyError
from pytest_devsecops.core.findings import Status
from pytest_devsecops.core.verdict import Verdict
from pytest_devsecops.dependencies.checks.licensed import Installed, licensed
from pytest_devsecops.dependencies.family import Dependencies
from pytest_devsecops.dependencies.model import Dependency, Graph, Licence, ReadContext, SourceKind
from pytest_devsecops.dependencies.section import DependencyPolicy
from pytest_devsecops.dependencies.sources.environment import EnvironmentReader
from pytest_devsecops.testing.environments import FakeEnvironment

Decode = Callable[[str], DependencyPolicy]
Lock = Callable[..., Graph]
Rules = Callable[[Verdict], list[tuple[str, str, str]]]

PERMISSIVE = '[licences]\nallow = ["MIT", "Apache-2.0"]\n'
BSD = "License :: OSI Approved :: BSD License"


@pytest.fixture
def there(lock: Lock) -> Callable[..., Installed]:
    """Return a function that makes the environment which has the metadata."""

    def make(*dependencies: Dependency, platform: str = "linux") -> Installed:
        graph = lock(*dependencies, name="environment", kind=SourceKind.ENVIRONMENT)
        return Installed(graph, {"sys_platform": platform, "extra": ""})

    return make


Environment = Callable[..., Installed]


def test_accepted_licences_are_met_with_each_ones_basis_in_the_evidence(there: Environment, policy: Decode) -> None:
    installed = there(
        Dependency("a", "1", licence=Licence("MIT")),
        Dependency("b", "2", licence=Licence("", ("License :: OSI Approved :: Apache Software License",))),
        Dependency("c", "3", licence=Licence("", (), "MIT License")),
    )
    verdict = licensed(installed.graph, installed, policy(PERMISSIVE).licences)
    assert verdict.status is Status.MET
    assert verdict.summary == "3 dependencies from environment have accepted licences"
    assert [(one["name"], one["licence"], one["basis"]) for one in verdict.evidence["licences"]] == [
        ("a", "MIT", "expression"),
        ("b", "Apache-2.0", "classifier"),
        ("c", "MIT", "licence field"),
    ]


def test_a_licence_that_is_not_on_the_list_is_violated(there: Environment, policy: Decode, rules: Rules) -> None:
    installed = there(Dependency("a", "1", licence=Licence("MIT AND GPL-3.0-only")))
    verdict = licensed(installed.graph, installed, policy(PERMISSIVE).licences)
    assert rules(verdict) == [("violated", "licence-not-accepted", "a 1")]
    assert verdict.summary == (
        "a 1 is licensed under GPL-3.0-only AND MIT (expression): GPL-3.0-only is not on the allow list"
    )


def test_a_denied_licence_is_violated_and_others_are_not(there: Environment, policy: Decode, rules: Rules) -> None:
    installed = there(
        Dependency("a", "1", licence=Licence("AGPL-3.0-or-later")), Dependency("b", "1", licence=Licence("ISC"))
    )
    verdict = licensed(installed.graph, installed, policy('licences.deny = ["AGPL-3.0-only"]').licences)
    assert rules(verdict) == [("violated", "licence-not-accepted", "a 1")]


def test_an_ambiguous_classifier_needs_all_of_its_candidates_accepted(
    there: Environment, policy: Decode, rules: Rules
) -> None:
    installed = there(Dependency("a", "1", licence=Licence("", (BSD,))))
    both = policy('licences.allow = ["BSD-2-Clause", "BSD-3-Clause"]').licences
    one = policy('licences.allow = ["BSD-3-Clause"]').licences
    none = policy('licences.allow = ["MIT"]').licences
    assert licensed(installed.graph, installed, both).status is Status.MET
    assert rules(licensed(installed.graph, installed, one)) == [("unverified", "licence-ambiguous", "a 1")]
    assert rules(licensed(installed.graph, installed, none)) == [("violated", "licence-not-accepted", "a 1")]


def test_metadata_without_a_licence_is_unverified(there: Environment, policy: Decode, rules: Rules) -> None:
    installed = there(Dependency("a", "1", licence=Licence()))
    verdict = licensed(installed.graph, installed, policy(PERMISSIVE).licences)
    assert ("unverified", "licence-unknown", "a 1") in rules(verdict)
    assert "packages.a = " in verdict.findings[0].fix


def test_what_somebody_found_out_counts_for_the_versions_it_was_found_for(there: Environment, policy: Decode) -> None:
    text = PERMISSIVE + '[licences.packages."My.Tool"]\nlicence = "MIT"\nreason = "read LICENSE"\nversions = "<2"\n'
    decided = policy(text).licences
    old, new = there(Dependency("my-tool", "1.9", licence=Licence())), there(Dependency("my-tool", "2.0"))
    verdict = licensed(old.graph, old, decided)
    assert verdict.status is Status.MET
    assert verdict.evidence["licences"][0]["basis"] == "policy"
    assert verdict.evidence["licences"][0]["stated"] == "read LICENSE"
    assert licensed(new.graph, new, decided).status is Status.UNVERIFIED


def test_a_locked_dependency_takes_the_metadata_of_the_installed_one(
    lock: Lock, there: Environment, policy: Decode
) -> None:
    installed = there(Dependency("a", "1.0", licence=Licence("MIT")))
    verdict = licensed(lock(Dependency("a", "1.0.0")), installed, policy(PERMISSIVE).licences)
    assert verdict.status is Status.MET
    assert verdict.examined["from"] == "uv.lock"
    assert verdict.evidence["metadata from"][0]["name"] == "environment"


def test_a_declared_range_takes_the_metadata_of_an_installed_version_within_it(
    lock: Lock, there: Environment, policy: Decode
) -> None:
    installed = there(Dependency("a", "1.5", licence=Licence("MIT")))
    decided = policy(PERMISSIVE).licences
    assert licensed(lock(Dependency("a", specifier=">=1,<2")), installed, decided).status is Status.MET
    assert licensed(lock(Dependency("a", specifier=">=2")), installed, decided).status is Status.UNVERIFIED


@pytest.mark.parametrize(
    ("installed", "said"),
    [
        ([], "it is not installed here"),
        ([Dependency("a", "2.0", licence=Licence("MIT"))], "a 2.0 is installed here"),
    ],
)
def test_a_locked_dependency_without_metadata_is_unverified_and_tells_how_to_get_it(
    lock: Lock, there: Environment, policy: Decode, installed: list[Dependency], said: str
) -> None:
    verdict = licensed(lock(Dependency("a", "1.0")), there(*installed), policy(PERMISSIVE).licences)
    assert verdict.status is Status.UNVERIFIED
    assert said in verdict.findings[0].message
    assert "environment:PATH" in verdict.findings[0].fix


def test_what_is_locked_for_another_platform_is_listed_as_such(lock: Lock, there: Environment, policy: Decode) -> None:
    graph = lock(Dependency("a", "1"), Dependency("pywin32", "311", marker="sys_platform == 'win32'"))
    decided = policy(PERMISSIVE).licences
    here = there(Dependency("a", "1", licence=Licence("MIT")))
    verdict = licensed(graph, here, decided)
    assert verdict.status is Status.MET
    assert verdict.examined["dependencies"] == 1
    assert verdict.evidence["not for this environment"] == ["pywin32 311; sys_platform == 'win32'"]
    windows = there(Dependency("a", "1", licence=Licence("MIT")), platform="win32")
    assert licensed(graph, windows, decided).status is Status.UNVERIFIED


def test_without_a_list_nothing_can_be_judged(there: Environment, policy: Decode, rules: Rules) -> None:
    installed = there(Dependency("a", "1", licence=Licence("MIT")))
    verdict = licensed(installed.graph, installed, policy("").licences)
    assert [status for status, _, _ in rules(verdict)] == ["unverified"]
    assert "allow = [" in verdict.findings[0].fix


def test_no_dependency_is_nothing_examined(there: Environment, policy: Decode) -> None:
    installed = there()
    verdict = licensed(installed.graph, installed, policy(PERMISSIVE).licences)
    assert verdict.status is Status.UNVERIFIED
    assert "examined nothing" in verdict.summary


def test_what_could_not_be_read_keeps_the_verdict_from_being_met(
    half_read: Graph, there: Environment, policy: Decode
) -> None:
    installed = there(Dependency("flask", "3.0.0", licence=Licence("MIT")))
    verdict = licensed(half_read, installed, policy(PERMISSIVE).licences)
    assert [found.rule for found in verdict.findings] == ["unreadable-source"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('licences.allow = ["Apache 2.0"]', "licences.allow: item 0: "),
        ('licences.deny = ["MIT", "GPLv3"]', "licences.deny: item 1: "),
        ('licences.packages.a = {licence = "MIT"}', "licences.packages.a.reason: is missing"),
        ('licences.packages.a = {reason = "x"}', "licences.packages.a.licence: is missing"),
        ('licences.packages.a = {licence = "BSD", reason = "x"}', "licences.packages.a.licence: Unknown license"),
        ('licences.alow = ["MIT"]', "did you mean 'allow'"),
    ],
)
def test_a_policy_that_cannot_be_meant_is_refused(policy: Decode, text: str, said: str) -> None:
    with pytest.raises(PolicyError) as caught:
        policy(text)
    assert said in str(caught.value)


def test_the_fixture_judges_an_environment_by_its_own_metadata(
    environment: FakeEnvironment, context: ReadContext, policy: Decode
) -> None:
    environment.install("good", headers=["License-Expression: MIT"])
    environment.install("bad", headers=["License: GPLv3"])
    decided = policy(f'sources = ["environment:.venv"]\n{PERMISSIVE}')
    dependencies = Dependencies(
        decided, {"environment": EnvironmentReader()}, context, today=date(2026, 1, 1), record=lambda verdict: verdict
    )
    verdict = dependencies.licensed()
    assert [found.subject for found in verdict.findings] == ["bad 1.0"]
    assert verdict.examined == {"dependencies": 2, "licences": 2, "from": "environment:.venv"}
