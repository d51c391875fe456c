from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from pytest_devsecops.core.errors import PolicyError
from pytest_devsecops.core.findings import Status
from pytest_devsecops.core.verdict import Verdict
from pytest_devsecops.dependencies.checks.consistent import own_names
from pytest_devsecops.dependencies.family import Dependencies
from pytest_devsecops.dependencies.model import Dependency, Graph, Origin, OriginKind, ReadContext, SourceReader
from pytest_devsecops.dependencies.section import DependencyPolicy
from pytest_devsecops.dependencies.sources.environment import EnvironmentReader
from pytest_devsecops.dependencies.sources.pyproject import PyprojectReader
from pytest_devsecops.dependencies.sources.requirements_txt import RequirementsReader
from pytest_devsecops.dependencies.sources.uv_lock import UvLockReader
from pytest_devsecops.testing.environments import FakeEnvironment

Decode = Callable[[str], DependencyPolicy]
Lock = Callable[..., Graph]

PYPROJECT = '[project]\nname = "shop"\nversion = "1"\ndependencies = ["a>=1"]\n'
UV_LOCK = """
version = 1
requires-python = ">=3.11"

[[package]]
name = "a"
version = "1.0"
source = { registry = "https://index.example/simple" }

[[package]]
name = "shop"
version = "1"
source = { virtual = "." }
dependencies = [{ name = "a" }]

[package.metadata]
requires-dist = [{ name = "a", specifier = ">=1" }]
"""


@pytest.fixture
def project(context: ReadContext, environment: FakeEnvironment, policy: Decode) -> Callable[..., Verdict]:
    """A project whose environment has ``a 1.0``; return a function that runs the check on it."""
    environment.install("a", "1.0")
    readers: dict[str, SourceReader] = {
        "environment": EnvironmentReader(),
        "uv.lock": UvLockReader(),
        "requirements.txt": RequirementsReader(),
        "pyproject.toml": PyprojectReader(),
    }

    def run(*sources: str, text: str = 'sources = ["environment:.venv"]') -> Verdict:
        made = Dependencies(policy(text), readers, context, today=date(2026, 1, 1), record=lambda verdict: verdict)
        return (made.of(*sources) if sources else made).consistent()

    return run


def test_the_fixture_finds_all_three_sides(project: Callable[..., Verdict], tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(PYPROJECT)
    (tmp_path / "uv.lock").write_text(UV_LOCK)
    verdict = project()
    assert verdict.status is Status.MET, verdict.explain()
    assert verdict.examined["from"] == ("declared in pyproject.toml; locked in uv.lock; installed in environment:.venv")
    (tmp_path / "pyproject.toml").write_text(PYPROJECT.replace("a>=1", "a>=1.0.1"))
    assert {found.rule for found in project().findings} == {"lock-stale", "locked-outside-declaration"}


def test_the_fixture_compares_requirements_with_an_environment(project: Callable[..., Verdict], tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("a>=1\n")
    assert project().status is Status.MET
    (tmp_path / "requirements.txt").write_text("a>=1.1\n")
    assert [found.rule for found in project().findings] == ["installed-outside-declaration"]
    (tmp_path / "requirements.txt").write_text("a==1.1\n")
    assert [found.rule for found in project().findings] == ["installed-differs"]


def test_the_fixture_takes_given_sources_at_their_word(project: Callable[..., Verdict], tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(PYPROJECT)
    (tmp_path / "uv.lock").write_text(UV_LOCK)
    verdict = project("uv.lock")
    assert verdict.status is Status.UNVERIFIED
    assert "declared or installed" in verdict.summary


def test_a_lock_file_that_cannot_be_read_is_unverified(project: Callable[..., Verdict], tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(PYPROJECT)
    (tmp_path / "uv.lock").write_text("version = ")
    verdict = project()
    assert verdict.status is Status.UNVERIFIED
    assert "uv.lock" in verdict.explain()


def test_projects_below_the_root_are_its_own_and_archives_in_it_are_not(lock: Lock) -> None:
    installed = lock(
        Dependency("shop", "1", origin=Origin(OriginKind.EDITABLE, "file:///home/shop")),
        Dependency("part", "1", origin=Origin(OriginKind.PATH, "file:///home/shop/packages/part")),
        Dependency("vendored", "1", origin=Origin(OriginKind.PATH, "file:///home/shop/vendor/a.whl")),
        Dependency("other", "1", origin=Origin(OriginKind.EDITABLE, "file:///home/shop-other")),
    )
    assert own_names(installed, "My_Shop", "file:///home/shop") == {"shop", "part", "my-shop"}


def test_an_exception_needs_a_reason(policy: Decode) -> None:
    with pytest.raises(PolicyError, match="reason: is missing"):
        policy('consistent.ignore_installed = ["debugpy"]')
