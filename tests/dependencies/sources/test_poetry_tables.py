from __future__ import annotations

from collections.abc import Callable

import pytest

from pytest_devsecops.dependencies.model import Dependency, Graph, OptionName, OriginKind

COMMIT = "0123456789abcdef0123456789abcdef01234567"

Read = Callable[..., Graph]


def named(graph: Graph, name: str) -> Dependency:
    (found,) = [one for one in graph.dependencies if one.name == name]
    return found


def in_groups(graph: Graph) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for one in graph.dependencies:
        found.setdefault(one.name, set()).update(one.groups)
    return found


POETRY = f"""\
[tool.poetry]
name = "own"
[tool.poetry.dependencies]
python = "^3.11"
caret = "^1.2"
exact = "1.2.3"
any = "*"
either = "^1.0 || ^3.0"
tuned = {{version = "~2.1", extras = ["x"], python = ">=3.12", platform = "linux", markers = "os_name == 'posix'"}}
branch = {{git = "https://token@git.example/b.git", branch = "main"}}
commit = {{git = "https://git.example/c.git", rev = "{COMMIT}"}}
folder = {{path = "../folder", develop = true}}
archive = {{url = "https://files.example/a.zip"}}
inner = {{version = "1.0", source = "Company"}}
optional = {{version = "1.0", optional = true}}
nowhere = {{version = "1.0", optional = true}}
[[tool.poetry.dependencies.split]]
version = "<2"
python = "<3.12"
[[tool.poetry.dependencies.split]]
version = ">=2"
python = ">=3.12"
[tool.poetry.extras]
more = ["optional"]
[tool.poetry.dev-dependencies]
old = "1"
[tool.poetry.group.test.dependencies]
pytest = "^9"
[tool.poetry.group.all]
include-groups = ["test"]
[[tool.poetry.source]]
name = "company"
url = "https://me:secret@index.example/simple"
priority = "explicit"
"""


@pytest.mark.parametrize(
    ("name", "version", "specifier"),
    [("caret", None, "<2.0,>=1.2"), ("exact", "1.2.3", "==1.2.3"), ("any", None, ""), ("tuned", None, "<2.2,>=2.1")],
)
def test_poetry_constraints_become_specifiers(read_toml: Read, name: str, version: str | None, specifier: str) -> None:
    found = named(read_toml(POETRY), name)

    assert (found.version, found.specifier) == (version, specifier)


def test_a_choice_of_ranges_or_a_list_becomes_one_entry_each(read_toml: Read) -> None:
    graph = read_toml(POETRY)

    assert [one.specifier for one in graph.dependencies if one.name == "either"] == ["<2.0,>=1.0", "<4.0,>=3.0"]
    assert [(one.specifier, one.marker) for one in graph.dependencies if one.name == "split"] == [
        ("<2", 'python_version < "3.12"'),
        (">=2", 'python_version >= "3.12"'),
    ]


def test_poetry_conditions_become_one_marker(read_toml: Read) -> None:
    tuned = named(read_toml(POETRY), "tuned")

    for part in ('os_name == "posix"', 'python_version >= "3.12"', 'sys_platform == "linux"'):
        assert part in tuned.marker
    assert tuned.extras == {"x"}


@pytest.mark.parametrize(
    ("name", "kind", "url", "commit", "editable"),
    [
        ("branch", OriginKind.VCS, "https://git.example/b.git", "", False),
        ("commit", OriginKind.VCS, "https://git.example/c.git", COMMIT, False),
        ("folder", OriginKind.EDITABLE, "../folder", "", True),
        ("archive", OriginKind.URL, "https://files.example/a.zip", "", False),
        ("inner", OriginKind.INDEX, "https://index.example/simple", "", False),
        ("caret", OriginKind.INDEX, "", "", False),
    ],
)
def test_poetry_says_where_a_dependency_comes_from(
    read_toml: Read, name: str, kind: OriginKind, url: str, commit: str, *, editable: bool
) -> None:
    origin = named(read_toml(POETRY), name).origin

    assert (origin.kind, origin.url, origin.commit, origin.editable) == (kind, url, commit, editable)


def test_poetry_groups_extras_and_sources(read_toml: Read) -> None:
    graph = read_toml(POETRY)
    groups = in_groups(graph)

    assert "python" not in groups
    assert groups["caret"] == {"main"}
    assert groups["optional"] == {"extra:more"}
    assert groups["nowhere"] == set()
    assert groups["old"] == {"dev"}
    assert groups["pytest"] == {"test", "all"}
    assert [(one.name, one.value) for one in graph.options] == [
        (OptionName.EXPLICIT_INDEX_URL, "https://index.example/simple")
    ]
    assert str(named(graph, "caret").location) == "pyproject.toml:5"
    assert graph.problems == ()


def test_beside_project_dependencies_poetry_says_only_where_they_come_from(read_toml: Read) -> None:
    graph = read_toml("""\
[project]
dependencies = ["a>=1", "b"]
[tool.poetry.dependencies]
a = {git = "https://git.example/a.git"}
c = "^1"
""")

    assert in_groups(graph) == {"a": {"main"}, "b": {"main"}}
    assert named(graph, "a").origin.kind is OriginKind.VCS
    assert named(graph, "a").specifier == ">=1"


def test_what_is_dynamic_comes_from_poetrys_table(read_toml: Read) -> None:
    graph = read_toml('[project]\ndynamic = ["dependencies"]\n[tool.poetry.dependencies]\nc = "^1"\n')

    assert in_groups(graph) == {"c": {"main"}}
    assert graph.problems == ()
