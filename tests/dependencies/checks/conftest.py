from __future__ import annotations

import tomllib
from collections.abc import Callable, Sequence

import pytest

from pytest_devsecops.core.decode import TableReader
from pytest_devsecops.core.errors import PolicyError
from pytest_devsecops.core.findings import Finding, Status
from pytest_devsecops.core.verdict import Verdict
from pytest_devsecops.dependencies.model import Dependency, Graph, SourceKind, SourceOption, SourceRead, unreadable
from pytest_devsecops.dependencies.section import DependencyPolicy, read_section


@pytest.fixture
def lock() -> Callable[..., Graph]:
    """Return a function that makes the graph of a lock file."""

    def make(
        *dependencies: Dependency,
        name: str = "uv.lock",
        kind: SourceKind = SourceKind.LOCK,
        options: Sequence[SourceOption] = (),
        problems: Sequence[Finding] = (),
    ) -> Graph:
        source = SourceRead(name, name, kind, sha256="5e" * 32, count=len(dependencies))
        return Graph(dependencies, (source,), tuple(problems), tuple(options))

    return make


@pytest.fixture
def half_read(lock: Callable[..., Graph]) -> Graph:
    """A source with one good dependency, and a line that nobody can read."""
    broken = unreadable("requirements.txt:7", "requirements.txt:7: '???' is no requirement", fix="repair the line")
    return lock(Dependency("flask", "3.0.0"), name="requirements.txt", problems=[broken])


@pytest.fixture
def policy() -> Callable[[str], DependencyPolicy]:
    """Return a function that decodes the text of ``[tool.devsecops.dependencies]``, as the plugin does."""

    def decode(text: str) -> DependencyPolicy:
        problems: list[str] = []
        decoded = read_section(TableReader(tomllib.loads(text), "tool.devsecops.dependencies", problems))
        if problems:
            raise PolicyError("pyproject.toml", problems)
        return decoded

    return decode


@pytest.fixture
def rules() -> Callable[[Verdict], list[tuple[str, str, str]]]:
    """Return a function that gives status, rule and subject of each finding, in order."""

    def listed(verdict: Verdict) -> list[tuple[str, str, str]]:
        marks = {Status.VIOLATED: "violated", Status.UNVERIFIED: "unverified"}
        return [(marks[found.status], found.rule, found.subject) for found in verdict.findings]

    return listed
