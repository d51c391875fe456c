from __future__ import annotations

from collections.abc import Callable

import pytest

from pytest_devsecops.dependencies.model import (
    Dependency,
    Graph,
    OptionName,
    OriginKind,
    SourceError,
    SourceKind,
)

Read = Callable[..., Graph]


def named(graph: Graph, name: str) -> Dependency:
    (found,) = [one for one in graph.dependencies if one.name == name]
    return found


def in_groups(graph: Graph) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for one in graph.dependencies:
        found.setdefault(one.name, set()).update(one.groups)
    return found


def test_metadata_gives_main_extras_and_build_with_their_lines(read_toml: Read) -> None:
    graph = read_toml("""\
[build-system]
requires = ["hatchling>=1.27"]

[project]
name = "own"
dependencies = [
  "Flask[async]>=3,<4; python_version < '4'",
]

[project.optional-dependencies]
cli = ["click==8.1.7"]
everything = ["own[cli]", "rich"]
""")

    flask = named(graph, "flask")
    assert (flask.specifier, set(flask.extras), flask.marker) == ("<4,>=3", {"async"}, 'python_version < "4"')
    assert (flask.direct, str(flask.location)) == (True, "pyproject.toml:7")
    assert named(graph, "click").version == "8.1.7"
    assert in_groups(graph) == {
        "flask": {"main"},
        "click": {"extra:cli", "extra:everything"},
        "rich": {"extra:everything"},
        "hatchling": {"build"},
    }
    assert graph.problems == ()
    assert (graph.sources[0].kind, graph.sources[0].count) == (SourceKind.DECLARATION, 4)


def test_groups_have_what_they_include(read_toml: Read) -> None:
    graph = read_toml("""\
[project]
name = "own"
dependencies = ["flask"]
[dependency-groups]
Test_Suite = ["pytest"]
dev = ["ruff", {include-group = "test.suite"}, "own"]
""")

    assert in_groups(graph) == {
        "flask": {"main", "dev"},
        "pytest": {"test-suite", "dev"},
        "ruff": {"dev"},
    }


@pytest.mark.parametrize(
    "members", ['a = [{include-group = "b"}]\nb = [{include-group = "a"}]', 'a = [{include-group = "A"}]']
)
def test_groups_that_include_each_other_are_an_error(read_toml: Read, members: str) -> None:
    with pytest.raises(SourceError, match="include each other") as caught:
        read_toml(f"[dependency-groups]\n{members}\n")

    assert caught.value.place == "pyproject.toml"
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        ('[project]\ndependencies = ["a = 1"]', "a = 1"),
        ('[project]\ndependencies = "a"', "project.dependencies"),
        ('[project]\ndynamic = ["dependencies"]', "dynamic"),
        ('[project]\ndynamic = ["optional-dependencies"]', "dynamic"),
        ('[dependency-groups]\na = [{include-group = "b"}]', "not there"),
        ("[dependency-groups]\na = [{}]", "must be a requirement"),
        ("[dependency-groups]\na = 1", "must be a list"),
        ('[tool.poetry.dependencies]\na = "nonsense"', "nonsense"),
        ("[tool.poetry.dependencies]\na = 1", "must be a constraint"),
        ('[tool.poetry.dependencies]\na = {version = "1", source = "b"}', "tool.poetry.source"),
        ('[tool.poetry.dependencies]\na = {version = "1", markers = "b"}', "marker"),
        ('[project]\ndependencies = ["a"]\n[tool.uv.sources]\na = {index = "b"}', "tool.uv.sources.a"),
        ('[tool.pdm.dev-dependencies]\ntest = ["-e nowhere"]', "tool.pdm.dev-dependencies.test"),
    ],
)
def test_what_cannot_be_read_is_a_problem_that_says_what(read_toml: Read, content: str, cause: str) -> None:
    (problem,) = read_toml(content + "\n").problems

    assert cause in problem.message
    assert problem.fix


def test_a_file_that_is_not_toml_is_an_error(read_toml: Read) -> None:
    with pytest.raises(SourceError) as caught:
        read_toml("[project\n")

    assert caught.value.place == "pyproject.toml:1"


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("setup.py", "", True),
        ("setup.cfg", "[options]\ninstall_requires = a\n", True),
        ("setup.cfg", "[flake8]\n", False),
    ],
)
def test_declarations_that_only_setuptools_reads_are_a_problem(
    read_toml: Read, name: str, content: str, *, told: bool
) -> None:
    graph = read_toml("[build-system]\nrequires = []\n", {name: content})

    assert [name in problem.message for problem in graph.problems] == [True] * told


def test_files_that_setuptools_reads_are_read_and_named(read_toml: Read) -> None:
    graph = read_toml(
        """\
[project]
dynamic = ["dependencies", "optional-dependencies"]
[tool.setuptools.dynamic]
dependencies = {file = ["requirements.txt"]}
optional-dependencies.cli = {file = "sub/cli.txt"}
""",
        {"requirements.txt": "flask==3.0\n", "sub/cli.txt": "click\n"},
    )

    assert in_groups(graph) == {"flask": {"main"}, "click": {"extra:cli"}}
    assert [(one.name, one.included_by) for one in graph.sources] == [
        ("pyproject.toml", ""),
        ("requirements.txt", "pyproject.toml"),
        ("sub/cli.txt", "pyproject.toml"),
    ]
    assert {one.kind for one in graph.sources} == {SourceKind.DECLARATION}


def test_uv_sources_say_where_a_dependency_comes_from(read_toml: Read) -> None:
    graph = read_toml(
        """\
[project]
name = "own"
dependencies = ["a", "b", "c", "d>=1", "e", "f @ https://files.example/f.zip"]
[dependency-groups]
dev = ["b"]
[tool.uv.sources]
a = { git = "https://git.example/a.git", tag = "v1" }
b = { index = "company", group = "dev" }
c = { workspace = true }
d = [
  { path = "../d", editable = true, marker = "sys_platform == 'linux'" },
  { url = "https://files.example/d.zip", marker = "sys_platform == 'win32'" },
]
f = { path = "../f" }
[tool.uv.workspace]
members = ["packages/*"]
[[tool.uv.index]]
name = "company"
url = "https://me:secret@index.example/simple"
explicit = true
""",
        {"packages/c/pyproject.toml": '[project]\nname = "C"\n'},
    )

    assert named(graph, "a").origin.reference == "v1"
    assert {one.origin.url for one in graph.dependencies if one.name == "b"} == {"", "https://index.example/simple"}
    assert (named(graph, "c").origin.kind, named(graph, "c").origin.url) == (OriginKind.EDITABLE, "packages/c")
    assert [(one.origin.kind, one.marker) for one in graph.dependencies if one.name == "d"] == [
        (OriginKind.EDITABLE, "sys_platform == 'linux'"),
        (OriginKind.URL, "sys_platform == 'win32'"),
        (OriginKind.INDEX, ""),
    ]
    assert named(graph, "e").origin.kind is OriginKind.INDEX
    assert named(graph, "f").origin.kind is OriginKind.URL
    assert "secret" not in repr(graph)


def test_pdm_groups_editables_and_sources(read_toml: Read) -> None:
    graph = read_toml(
        """\
[project]
name = "own"
[tool.pdm.dev-dependencies]
test = ["pytest>=9", "-e file:///${PROJECT_ROOT}/inner#egg=inner"]
[[tool.pdm.source]]
name = "pypi"
url = "https://index.example/simple"
verify_ssl = false
""",
        {"inner/pyproject.toml": ""},
    )

    assert in_groups(graph) == {"pytest": {"test"}, "inner": {"test"}}
    assert (named(graph, "inner").origin.kind, named(graph, "inner").origin.url) == (OriginKind.EDITABLE, "inner")
    assert [(one.name, one.value) for one in graph.options] == [
        (OptionName.INDEX_URL, "https://index.example/simple"),
        (OptionName.TRUSTED_HOST, "index.example"),
    ]


def test_a_file_without_declarations_gives_none_and_says_that_it_was_read(read_toml: Read) -> None:
    graph = read_toml("[tool.ruff]\nline-length = 100\n")

    assert graph.dependencies == ()
    assert [(one.name, one.count) for one in graph.sources] == [("pyproject.toml", 0)]


@pytest.mark.parametrize("key", ["override-dependencies", "constraint-dependencies"])
def test_what_uv_changes_behind_the_declarations_is_told(read_toml: Read, key: str) -> None:
    declared = '[project]\nname = "own"\ndependencies = ["flask>=3"]\n'
    graph = read_toml(f'{declared}[tool.uv]\n{key} = ["flask==2.0"]\n')
    (problem,) = graph.problems
    assert f"tool.uv.{key}: changes what the declarations allow" in problem.message
    assert read_toml(f"{declared}[tool.uv]\n{key} = []\n").problems == ()
