from __future__ import annotations

from collections.abc import Callable

import pytest

from pytest_devsecops.dependencies.model import Dependency, Graph, OriginKind

Read = Callable[..., Graph]


def named(graph: Graph, name: str) -> Dependency:
    (found,) = [one for one in graph.dependencies if one.name == name]
    return found


@pytest.mark.parametrize(
    ("constraints", "version", "specifier", "hashes"),
    [
        ("a==1.5\n", "1.5", "==1.5,>=1", ()),
        ("a<2\na!=1.3\n", None, "!=1.3,<2,>=1", ()),
        ("A --hash=sha256:aa\n", None, ">=1", ("sha256:aa",)),
        ("a==1.5; python_version < '3'\n", None, ">=1", ()),
        ("a==1.5; python_version > '3'\n", "1.5", "==1.5,>=1", ()),
        ("b==1.5\n", None, ">=1", ()),
    ],
)
def test_constraints_narrow_where_they_apply(
    read_files: Read, constraints: str, version: str | None, specifier: str, hashes: tuple[str, ...]
) -> None:
    graph = read_files({"requirements.txt": "-c constraints.txt\na>=1\n", "constraints.txt": constraints})

    one = named(graph, "a")
    assert (one.version, one.specifier, one.hashes) == (version, specifier, hashes)
    assert graph.problems == ()


def test_a_constraint_with_an_address_says_where_it_comes_from(read_files: Read) -> None:
    graph = read_files(
        {
            "requirements.txt": "-c constraints.txt\na\n",
            "constraints.txt": "a @ https://files.example/a-1.5-py3-none-any.whl\n",
        }
    )

    one = named(graph, "a")
    assert (one.origin.kind, one.version) == (OriginKind.URL, "1.5")


@pytest.mark.parametrize(
    ("requirement", "constraint", "cause"),
    [
        ("a==1", "a==2", "no version"),
        ("a==1", "a>1", "no version"),
        ("a==1 --hash=sha256:aa", "a==1 --hash=sha256:bb", "hashes"),
    ],
)
def test_a_constraint_that_contradicts_its_requirement_is_a_problem(
    read_files: Read, requirement: str, constraint: str, cause: str
) -> None:
    graph = read_files({"requirements.txt": f"-c c.txt\n{requirement}\n", "c.txt": f"{constraint}\n"})

    (problem,) = graph.problems
    assert cause in problem.message
    assert str(problem.location) == "requirements.txt:2"
