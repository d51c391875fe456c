from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_devsecops.dependencies.model import (
    Dependency,
    Graph,
    OptionName,
    OriginKind,
    ReadContext,
    SourceError,
    SourceKind,
)
from pytest_devsecops.dependencies.sources.pyproject import PyprojectReader

COMMIT = "0123456789abcdef0123456789abcdef01234567"

Read = Callable[..., Graph]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Write a ``pyproject.toml`` and other files by path, and read the former."""

    def run(content: str, **others: str) -> Graph:
        for name, text in others.items():
            path = tmp_path / name.replace("__", "/").replace("_DOT_", ".")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        path = tmp_path / "pyproject.toml"
        path.write_text(content, encoding="utf-8")
        return PyprojectReader().read(path, ReadContext(tmp_path))

    return run


def named(graph: Graph, name: str) -> Dependency:
    (found,) = [one for one in graph.dependencies if one.name == name]
    return found


def in_groups(graph: Graph) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for one in graph.dependencies:
        found.setdefault(one.name, set()).update(one.groups)
    return found


def test_metadata_gives_main_extras_and_build_with_their_lines(read: Read) -> None:
    graph = read("""\
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


def test_groups_have_what_they_include(read: Read) -> None:
    graph = read("""\
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
def test_groups_that_include_each_other_are_an_error(read: Read, members: str) -> None:
    with pytest.raises(SourceError, match="include each other") as caught:
        read(f"[dependency-groups]\n{members}\n")

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
def test_what_cannot_be_read_is_a_problem_that_says_what(read: Read, content: str, cause: str) -> None:
    (problem,) = read(content + "\n").problems

    assert cause in problem.message
    assert problem.fix


def test_a_file_that_is_not_toml_is_an_error(read: Read) -> None:
    with pytest.raises(SourceError) as caught:
        read("[project\n")

    assert caught.value.place == "pyproject.toml:1"


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("setup_DOT_py", "", True),
        ("setup_DOT_cfg", "[options]\ninstall_requires = a\n", True),
        ("setup_DOT_cfg", "[flake8]\n", False),
    ],
)
def test_declarations_that_only_setuptools_reads_are_a_problem(
    read: Read, name: str, content: str, *, told: bool
) -> None:
    graph = read("[build-system]\nrequires = []\n", **{name: content})

    assert [name.replace("_DOT_", ".") in problem.message for problem in graph.problems] == [True] * told


def test_files_that_setuptools_reads_are_read_and_named(read: Read) -> None:
    graph = read(
        """\
[project]
dynamic = ["dependencies", "optional-dependencies"]
[tool.setuptools.dynamic]
dependencies = {file = ["requirements.txt"]}
optional-dependencies.cli = {file = "sub/cli.txt"}
""",
        requirements_DOT_txt="flask==3.0\n",
        sub__cli_DOT_txt="click\n",
    )

    assert in_groups(graph) == {"flask": {"main"}, "click": {"extra:cli"}}
    assert [(one.name, one.included_by) for one in graph.sources] == [
        ("pyproject.toml", ""),
        ("requirements.txt", "pyproject.toml"),
        ("sub/cli.txt", "pyproject.toml"),
    ]
    assert {one.kind for one in graph.sources} == {SourceKind.DECLARATION}


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
def test_poetry_constraints_become_specifiers(read: Read, name: str, version: str | None, specifier: str) -> None:
    found = named(read(POETRY), name)

    assert (found.version, found.specifier) == (version, specifier)


def test_a_choice_of_ranges_or_a_list_becomes_one_entry_each(read: Read) -> None:
    graph = read(POETRY)

    assert [one.specifier for one in graph.dependencies if one.name == "either"] == ["<2.0,>=1.0", "<4.0,>=3.0"]
    assert [(one.specifier, one.marker) for one in graph.dependencies if one.name == "split"] == [
        ("<2", 'python_version < "3.12"'),
        (">=2", 'python_version >= "3.12"'),
    ]


def test_poetry_conditions_become_one_marker(read: Read) -> None:
    tuned = named(read(POETRY), "tuned")

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
    read: Read, name: str, kind: OriginKind, url: str, commit: str, *, editable: bool
) -> None:
    origin = named(read(POETRY), name).origin

    assert (origin.kind, origin.url, origin.commit, origin.editable) == (kind, url, commit, editable)


def test_poetry_groups_extras_and_sources(read: Read) -> None:
    graph = read(POETRY)
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


def test_beside_project_dependencies_poetry_says_only_where_they_come_from(read: Read) -> None:
    graph = read("""\
[project]
dependencies = ["a>=1", "b"]
[tool.poetry.dependencies]
a = {git = "https://git.example/a.git"}
c = "^1"
""")

    assert in_groups(graph) == {"a": {"main"}, "b": {"main"}}
    assert named(graph, "a").origin.kind is OriginKind.VCS
    assert named(graph, "a").specifier == ">=1"


def test_what_is_dynamic_comes_from_poetrys_table(read: Read) -> None:
    graph = read('[project]\ndynamic = ["dependencies"]\n[tool.poetry.dependencies]\nc = "^1"\n')

    assert in_groups(graph) == {"c": {"main"}}
    assert graph.problems == ()


def test_uv_sources_say_where_a_dependency_comes_from(read: Read) -> None:
    graph = read(
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
        packages__c__pyproject_DOT_toml='[project]\nname = "C"\n',
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


def test_pdm_groups_editables_and_sources(read: Read) -> None:
    graph = read(
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
        inner__pyproject_DOT_toml="",
    )

    assert in_groups(graph) == {"pytest": {"test"}, "inner": {"test"}}
    assert (named(graph, "inner").origin.kind, named(graph, "inner").origin.url) == (OriginKind.EDITABLE, "inner")
    assert [(one.name, one.value) for one in graph.options] == [
        (OptionName.INDEX_URL, "https://index.example/simple"),
        (OptionName.TRUSTED_HOST, "index.example"),
    ]


def test_a_file_without_declarations_gives_none_and_says_that_it_was_read(read: Read) -> None:
    graph = read("[tool.ruff]\nline-length = 100\n")

    assert graph.dependencies == ()
    assert [(one.name, one.count) for one in graph.sources] == [("pyproject.toml", 0)]
