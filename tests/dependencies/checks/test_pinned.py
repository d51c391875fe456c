from __future__ import annotations

from collections.abc import Callable

import pytest

from pytest_devsecops.core.findings import Location, Status
from pytest_devsecops.core.verdict import Verdict
from pytest_devsecops.dependencies.checks.pinned import PinPolicy, pinned
from pytest_devsecops.dependencies.model import Dependency, Graph, Origin, OriginKind
from pytest_devsecops.dependencies.section import DependencyPolicy

Decode = Callable[[str], DependencyPolicy]
Lock = Callable[..., Graph]
Rules = Callable[[Verdict], list[tuple[str, str, str]]]

COMMIT = "0123456789abcdef0123456789abcdef01234567"
REPOSITORY = "https://code.example/acme/tool"
ARCHIVE = "https://files.example/tool-1.tar.gz"
SHA256 = "sha256:" + "5e" * 32


@pytest.mark.parametrize(
    "dependency",
    [
        Dependency("django", "4.2", "==4.2"),
        Dependency("django", "not-a-version", "===not-a-version"),
        Dependency("tool", origin=Origin(OriginKind.VCS, REPOSITORY, "main", COMMIT)),
        Dependency("tool", origin=Origin(OriginKind.VCS, REPOSITORY, COMMIT)),
        Dependency("tool", origin=Origin(OriginKind.URL, ARCHIVE), hashes=(SHA256,)),
        Dependency("django", "4.2", origin=Origin(OriginKind.UNKNOWN)),
    ],
)
def test_what_stands_for_one_release_is_met(lock: Lock, dependency: Dependency) -> None:
    verdict = pinned(lock(dependency), PinPolicy())
    assert verdict.status is Status.MET
    assert verdict.summary == "1 dependency from uv.lock is pinned"


@pytest.mark.parametrize(
    ("dependency", "rule", "message"),
    [
        (
            Dependency("django", None, ">=4.2"),
            "not-pinned",
            "django is not pinned: any version in >=4.2 can be installed",
        ),
        (Dependency("django"), "not-pinned", "django is not pinned: any version can be installed"),
        (
            Dependency("django", "4.2.*", "==4.2.*"),
            "not-pinned",
            "django is not pinned: any version in ==4.2.* can be installed",
        ),
        (
            Dependency("tool", origin=Origin(OriginKind.VCS, REPOSITORY, "v1.0")),
            "moving-reference",
            "tool comes from https://code.example/acme/tool at v1.0, which can move",
        ),
        (
            Dependency("tool", origin=Origin(OriginKind.VCS, REPOSITORY, COMMIT[:7])),
            "moving-reference",
            "tool comes from https://code.example/acme/tool at 0123456, which can move",
        ),
        (
            Dependency("tool", origin=Origin(OriginKind.VCS, REPOSITORY)),
            "moving-reference",
            "tool comes from https://code.example/acme/tool at the default branch, which can move",
        ),
        (
            Dependency("tool", origin=Origin(OriginKind.URL, ARCHIVE), hashes=("md5:" + "5e" * 16,)),
            "url-without-hash",
            "tool comes from https://files.example/tool-1.tar.gz without a hash, so the file can change",
        ),
        (
            Dependency("tool", "1", origin=Origin(OriginKind.URL, ARCHIVE)),
            "url-without-hash",
            "tool 1 comes from https://files.example/tool-1.tar.gz without a hash, so the file can change",
        ),
    ],
)
def test_what_can_become_another_release_is_violated(
    lock: Lock, dependency: Dependency, rule: str, message: str
) -> None:
    verdict = pinned(lock(dependency), PinPolicy())
    assert verdict.status is Status.VIOLATED
    assert [(found.rule, found.message) for found in verdict.findings] == [(rule, message)]


def test_the_user_reads_how_to_pin_and_why_it_is_there(lock: Lock) -> None:
    graph = lock(
        Dependency("app", "1", direct=True),
        Dependency("django", None, ">=4.2", parents=("app",), location=Location("base.in", 3)),
        name="base.in",
    )
    assert pinned(graph, PinPolicy()).explain().splitlines() == [
        "violated: dependencies.pinned",
        "  examined: 2 dependencies, from base.in",
        "  - django is not pinned: any version in >=4.2 can be installed (needed by app) (base.in:3) [not-pinned]",
        "    fix: write django==VERSION, or lock the project and name the lock file in `sources`",
    ]


def test_a_path_is_told_in_the_evidence_and_can_be_refused(lock: Lock, policy: Decode, rules: Rules) -> None:
    graph = lock(Dependency("tool", origin=Origin(OriginKind.PATH, "../tool")), Dependency("django", "4.2"))
    accepted = pinned(graph, policy("").pins)
    assert accepted.status is Status.MET
    assert accepted.examined["dependencies"] == 1
    assert accepted.evidence["local"] == ["tool"]
    verdict = pinned(graph, policy("[pinned]\nallow_local = false").pins)
    assert rules(verdict) == [("violated", "local", "tool")]
    assert verdict.summary == "tool comes from a path, which can change: ../tool"


def test_nothing_to_look_at_and_half_read_sources_are_unverified(lock: Lock, half_read: Graph) -> None:
    nothing = pinned(lock(), PinPolicy())
    assert nothing.status is Status.UNVERIFIED
    assert nothing.summary == "dependencies.pinned examined nothing: there is no dependency in uv.lock"
    only_local = pinned(lock(Dependency("tool", origin=Origin(OriginKind.EDITABLE, "."))), PinPolicy())
    assert only_local.status is Status.UNVERIFIED
    assert only_local.summary == "dependencies.pinned examined nothing: it applies to none of 1 dependency from uv.lock"
    assert pinned(half_read, PinPolicy()).status is Status.UNVERIFIED
