from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from pytest_devsecops.builtin import SOURCE_READERS
from pytest_devsecops.core.decode import TableReader
from pytest_devsecops.core.errors import UsageError
from pytest_devsecops.core.findings import Status
from pytest_devsecops.core.verdict import Verdict
from pytest_devsecops.dependencies.family import Dependencies
from pytest_devsecops.dependencies.model import ReadContext, SourceKind
from pytest_devsecops.dependencies.section import read_section
from pytest_devsecops.testing.environments import FakeEnvironment

Family = Callable[..., Dependencies]

PINNED = "django==4.2\nflask==3.0\n"


@pytest.fixture
def recorded() -> list[Verdict]:
    return []


@pytest.fixture
def family(context: ReadContext, recorded: list[Verdict]) -> Family:
    """Return a function that makes the fixture's object from the keys of the policy's table."""

    def record(verdict: Verdict) -> Verdict:
        recorded.append(verdict)
        return verdict

    def make(**table: object) -> Dependencies:
        problems: list[str] = []
        policy = read_section(TableReader(table, "", problems))
        assert problems == []
        return Dependencies(policy, SOURCE_READERS, context, today=date(2026, 11, 23), record=record)

    return make


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str], None]:
    def write(name: str, text: str) -> None:
        (tmp_path / name).write_text(text, encoding="utf-8")

    return write


Write = Callable[[str, str], None]


def test_every_check_records_its_verdict_and_returns_it(family: Family, recorded: list[Verdict], write: Write) -> None:
    write("requirements.txt", PINNED)
    dependencies = family(allow=["django", "flask"])
    verdicts = [
        dependencies.allowed(),
        dependencies.pinned(),
        dependencies.hashed(),
        dependencies.from_trusted_sources(),
        dependencies.aged(days=7),
        dependencies.current(),
    ]
    assert recorded == verdicts
    assert [verdict.status for verdict in verdicts] == [
        Status.MET,
        Status.MET,
        Status.VIOLATED,
        Status.UNVERIFIED,
        Status.UNVERIFIED,
        Status.UNVERIFIED,
    ]
    assert {verdict.examined["from"] for verdict in verdicts} == {"requirements.txt"}


def test_other_sources_can_be_asked(family: Family, write: Write, environment: FakeEnvironment) -> None:
    write("requirements.txt", PINNED)
    environment.install("six", "1.16.0")
    dependencies = family(allow=["django", "flask"])
    assert dependencies.allowed()
    other = dependencies.of("environment:.venv").allowed()
    assert other.status is Status.VIOLATED
    assert [found.subject for found in other.findings] == ["six 1.16.0"]
    assert dependencies.of("environment:.venv") is dependencies.of("environment:.venv")


def test_assertions_show_what_was_asked(family: Family) -> None:
    assert repr(family()) == "<dependencies>"
    assert repr(family().of("uv.lock", "environment")) == "<dependencies of uv.lock, environment>"


def test_to_ask_of_no_source_is_an_error(family: Family) -> None:
    with pytest.raises(UsageError, match="names no source"):
        family().of()


def test_the_graph_is_open_to_checks_of_ones_own(family: Family, write: Write) -> None:
    write("requirements.txt", PINNED)
    graph = family().graph
    assert [one.subject for one in graph.dependencies] == ["django 4.2", "flask 3.0"]
    assert graph.problems == ()
    assert family().graph_of(SourceKind.ENVIRONMENT).place == "environment"


def test_sources_and_groups_of_the_policy_are_used(family: Family, write: Write) -> None:
    write("requirements.txt", PINNED)
    write("prod.txt", "gunicorn==23.0\n")
    verdict = family(allow=["gunicorn"], sources=["requirements.txt:prod.txt"]).allowed()
    assert verdict.status is Status.MET
    assert verdict.examined["from"] == "prod.txt"
    unknown = family(allow=["*"], groups=["tset"]).allowed()
    assert unknown.status is Status.UNVERIFIED
    assert "belongs to the group 'tset'" in unknown.summary


def test_index_data_of_the_policy_is_read(family: Family, write: Write) -> None:
    write("requirements.txt", "django==4.2\n")
    release = {"uploaded": "2023-04-03T08:36:16Z", "yanked": False}
    projects = {"django": {"status": "active", "releases": {"4.2": release}}}
    text = json.dumps({"schema": "pytest-devsecops/index/1", "as_of": "2026-11-01", "projects": projects})
    write("index.json", text)
    dependencies = family(index_data="index.json")
    assert dependencies.aged(days=7)
    assert dependencies.current()
    assert dependencies.current(max_age="52w").status is Status.VIOLATED
    missing = family(index_data="nowhere.json").current()
    assert "the index data nowhere.json: does not exist" in [found.message for found in missing.findings]


def test_arguments_that_mean_nothing_are_errors(family: Family, write: Write) -> None:
    write("requirements.txt", "django==4.2\n")
    with pytest.raises(UsageError, match=r"max_age: '2y' is not a duration"):
        family().current(max_age="2y")
    with pytest.raises(UsageError, match=r"aged\(days=0\) asks for nothing"):
        family().aged(days=0)


def test_a_source_that_is_not_there_is_told_by_every_check(family: Family) -> None:
    verdict = family(allow=["*"], sources=["nothing.lock"]).allowed()
    assert verdict.status is Status.UNVERIFIED
    assert verdict.explain().splitlines()[2].startswith("  ? the source 'nothing.lock' matches nothing below ")
