from __future__ import annotations

from collections.abc import Callable

import pytest

from pytest_devsecops.core.errors import PolicyError
from pytest_devsecops.core.findings import Location, Status
from pytest_devsecops.core.verdict import Verdict
from pytest_devsecops.dependencies.checks.hashed import HashPolicy, hashed
from pytest_devsecops.dependencies.model import Artifact, Dependency, Graph, Origin, OriginKind, SourceKind
from pytest_devsecops.dependencies.section import DependencyPolicy

Decode = Callable[[str], DependencyPolicy]
Lock = Callable[..., Graph]
Rules = Callable[[Verdict], list[tuple[str, str, str]]]

COMMIT = "0123456789abcdef0123456789abcdef01234567"
SHA256, SHA512 = "sha256:" + "5e" * 32, "sha512:" + "5e" * 64
MD5, SHA1 = "md5:" + "5e" * 16, "sha1:" + "5e" * 20
REPOSITORY = "https://code.example/acme/tool"


@pytest.mark.parametrize(
    "dependency",
    [
        Dependency("django", "4.2", hashes=(SHA256,)),
        Dependency("django", "4.2", hashes=(MD5, SHA512)),
        Dependency(
            "django", "4.2", artifacts=(Artifact("a.whl", hashes=(SHA256,)), Artifact("a.zip", hashes=(SHA512,)))
        ),
        Dependency("tool", origin=Origin(OriginKind.VCS, REPOSITORY, "main", COMMIT)),
    ],
)
def test_strong_hashes_and_full_commits_are_met(lock: Lock, dependency: Dependency) -> None:
    assert hashed(lock(dependency), HashPolicy()).status is Status.MET


@pytest.mark.parametrize(
    ("dependency", "rule", "message"),
    [
        (Dependency("django", "4.2"), "no-hash", "django 4.2 has no hash"),
        (
            Dependency("django", "4.2", artifacts=(Artifact("a.whl", hashes=(SHA256,)), Artifact("a.zip"))),
            "no-hash",
            "django 4.2 has no hash for 1 of 2 files",
        ),
        (
            Dependency("django", "4.2", hashes=(MD5, SHA1)),
            "weak-hash",
            "django 4.2 has only weak or broken hashes (md5, sha1)",
        ),
        (
            Dependency(
                "django", "4.2", artifacts=(Artifact("a.whl", hashes=(SHA256,)), Artifact("a.zip", hashes=(MD5,)))
            ),
            "weak-hash",
            "django 4.2 has only weak or broken hashes for 1 of 2 files (md5)",
        ),
        (
            Dependency("django", "4.2", hashes=("sha256:5e5e",)),
            "weak-hash",
            "django 4.2 has only weak or broken hashes (sha256)",
        ),
        (
            Dependency("tool", origin=Origin(OriginKind.VCS, REPOSITORY, "main")),
            "moving-reference",
            "tool comes from the repository https://code.example/acme/tool without a full commit",
        ),
        (
            Dependency("tool", "1", origin=Origin(OriginKind.URL, "https://files.example/tool-1.zip")),
            "no-hash",
            "tool 1 has no hash",
        ),
    ],
)
def test_what_an_installer_cannot_compare_is_violated(
    lock: Lock, dependency: Dependency, rule: str, message: str
) -> None:
    verdict = hashed(lock(dependency), HashPolicy())
    assert verdict.status is Status.VIOLATED
    assert [(found.rule, found.message) for found in verdict.findings] == [(rule, message)]


def test_the_user_reads_the_remedy(lock: Lock) -> None:
    graph = lock(Dependency("django", "4.2", location=Location("requirements.txt", 1)), name="requirements.txt")
    assert hashed(graph, HashPolicy()).explain().splitlines() == [
        "violated: dependencies.hashed",
        "  examined: 1 dependency, from requirements.txt",
        "  - django 4.2 has no hash (requirements.txt:1) [no-hash]",
        "    fix: lock the project with hashes (`pip-compile --generate-hashes`, uv, Poetry, PDM, Pipenv)",
    ]


def test_local_paths_are_not_fetched_and_not_counted(lock: Lock) -> None:
    local = Dependency("tool", "1", origin=Origin(OriginKind.EDITABLE, "."))
    verdict = hashed(lock(local, Dependency("django", "4.2", hashes=(SHA256,))), HashPolicy())
    assert verdict.status is Status.MET
    assert verdict.examined["dependencies"] == 1
    assert verdict.evidence["local"] == ["tool 1"]
    assert hashed(lock(local), HashPolicy()).status is Status.UNVERIFIED


def test_an_environment_keeps_no_hashes_so_nobody_knows(lock: Lock, rules: Rules) -> None:
    graph = lock(Dependency("django", "4.2", source="environment"), name="environment", kind=SourceKind.ENVIRONMENT)
    verdict = hashed(graph, HashPolicy())
    assert rules(verdict) == [("unverified", "hash-unknown", "django 4.2")]
    assert verdict.findings[0].fix == "name the lock file that it was installed from in `sources`"


def test_policy_decides_about_repositories_and_algorithms(lock: Lock, policy: Decode, rules: Rules) -> None:
    strict = policy('[hashed]\nallow_vcs = false\nalgorithms = ["sha512"]').hashes
    graph = lock(
        Dependency("tool", origin=Origin(OriginKind.VCS, REPOSITORY, "", COMMIT)),
        Dependency("django", "4.2", hashes=(SHA256,)),
        Dependency("flask", "3", hashes=(SHA512,)),
    )
    assert rules(hashed(graph, strict)) == [
        ("violated", "vcs-without-hash", "tool"),
        ("violated", "weak-hash", "django 4.2"),
    ]


def test_an_algorithm_that_is_broken_cannot_be_chosen(policy: Decode) -> None:
    with pytest.raises(PolicyError) as caught:
        policy('[hashed]\nalgorithms = ["md5", "sha25"]')
    place = "tool.devsecops.dependencies.hashed.algorithms"
    known = "blake2b, blake2s, sha256, sha384, sha3_256, sha3_384, sha3_512, sha512"
    assert caught.value.problems == (
        f"{place}: 'md5' is not a strong algorithm; known: {known}",
        f"{place}: 'sha25' is not a strong algorithm; did you mean 'sha256'?",
    )
    with pytest.raises(PolicyError, match="must name at least one"):
        policy("[hashed]\nalgorithms = []")


def test_nothing_to_look_at_and_half_read_sources_are_unverified(lock: Lock) -> None:
    nothing = hashed(lock(), HashPolicy())
    assert nothing.status is Status.UNVERIFIED
    assert nothing.summary == "dependencies.hashed examined nothing: there is no dependency in uv.lock"


def test_what_could_not_be_read_keeps_it_from_being_met(half_read: Graph, rules: Rules) -> None:
    assert ("unverified", "unreadable-source", "requirements.txt:7") in rules(hashed(half_read, HashPolicy()))
