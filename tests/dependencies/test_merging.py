from __future__ import annotations

import pytest

from pytest_devsecops.core.findings import Finding, Status
from pytest_devsecops.dependencies.merging import normalised_group, of_kinds, only_groups
from pytest_devsecops.dependencies.model import (
    Dependency,
    Graph,
    OptionName,
    SourceKind,
    SourceOption,
    SourceRead,
)


def one(name: str, *groups: str, source: str = "uv.lock") -> Dependency:
    return Dependency(name, "1", groups=frozenset(groups), source=source)


def graph_of(*dependencies: Dependency) -> Graph:
    names = dict.fromkeys(dependency.source for dependency in dependencies)
    return Graph(dependencies, tuple(SourceRead(name, name, SourceKind.LOCK) for name in names))


def test_without_groups_everything_is_kept() -> None:
    graph = graph_of(one("a", "main"), one("b", "test"))
    assert only_groups(graph, ()) is graph


def test_a_dependency_is_kept_if_one_of_its_groups_is_wanted() -> None:
    graph = graph_of(one("a", "main"), one("b", "test"), one("c", "main", "test"), one("d", "extra:Web_Api"))
    assert [dependency.name for dependency in only_groups(graph, ["Test", "extra:web-api"]).dependencies] == [
        "b",
        "c",
        "d",
    ]
    assert only_groups(graph, ["test"]).problems == ()


def test_of_what_has_no_group_nobody_knows_that_it_may_be_left_out() -> None:
    graph = graph_of(one("a"), one("b", "test"))
    assert [dependency.name for dependency in only_groups(graph, ["test"]).dependencies] == ["a", "b"]


def test_an_unknown_group_is_a_problem_with_the_nearest_name() -> None:
    graph = only_groups(graph_of(one("a", "main"), one("b", "test")), ["tset", "main"])
    assert [dependency.name for dependency in graph.dependencies] == ["a"]
    (problem,) = graph.problems
    assert problem.status is Status.UNVERIFIED
    assert problem.message == "no dependency from uv.lock belongs to the group 'tset'; did you mean 'test'?"
    assert problem.fix == "correct `groups` in [tool.devsecops.dependencies]"


def test_a_source_that_the_groups_leave_empty_is_a_problem() -> None:
    graph = only_groups(graph_of(one("a", "test"), one("b", "main", source="requirements.txt")), ["test"])
    (problem,) = graph.problems
    assert problem.message == "requirements.txt has 1 dependency, and none belongs to test"


def test_problems_that_were_there_stay() -> None:
    old = Finding("unreadable-source", "x", "x", status=Status.UNVERIFIED)
    graph = Graph((one("a", "main"),), problems=(old,))
    assert only_groups(graph, ["main"]).problems == (old,)


@pytest.mark.parametrize(("text", "normal"), [("Dev_Tools", "dev-tools"), ("extra:Web.API", "extra:web-api")])
def test_group_names_are_normalised(text: str, normal: str) -> None:
    assert normalised_group(text) == normal


def test_the_part_of_a_kind_has_its_dependencies_and_options_and_all_problems() -> None:
    lock = SourceRead("uv.lock", "uv.lock", SourceKind.LOCK)
    declared = SourceRead("pyproject.toml", "pyproject.toml", SourceKind.DECLARATION)
    options = (SourceOption(OptionName.PRE, source="uv.lock"), SourceOption(OptionName.PRE, source="pyproject.toml"))
    problem = Finding("unreadable-source", "x", "x", status=Status.UNVERIFIED)
    graph = Graph((one("a"), one("b", source="pyproject.toml")), (lock, declared), (problem,), options)
    assert of_kinds(graph, [SourceKind.LOCK]) == Graph((one("a"),), (lock,), (problem,), options[:1])
