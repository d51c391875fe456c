from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pytest_devsecops.dependencies.model import Graph, ReadContext, SourceKind, SourceRead
from pytest_devsecops.dependencies.sources.freshness import Freshness, freshness_of

ASSETS = Path(__file__).parents[2] / "assets" / "freshness"

PROJECT = """
[project]
name = "shop"
version = "1.0"
dependencies = ["Flask >= 3, <4", "acme-auth @ git+https://git.example/auth@v1", "shop[fast]"]

[project.optional-dependencies]
fast = ['ujson>=5; python_version >= "3.11"']

[dependency-groups]
test = ["pytest>=8", {include-group = "lint"}]
lint = ["ruff"]
"""
UV_LOCK = """
version = 1

[[package]]
name = "flask"
version = "3.0"
source = { registry = "https://index.example/simple" }

[[package]]
name = "shop"
version = "1.0"
source = { virtual = "." }

[package.metadata]
requires-dist = [
    { name = "acme-auth", git = "https://git.example/auth?rev=v1" },
    { name = "flask", specifier = "<4,>=3" },
    { name = "shop", extras = ["fast"] },
    { name = "ujson", marker = "python_full_version >= '3.11' and extra == 'fast'", specifier = ">=5" },
]

[package.metadata.requires-dev]
lint = [{ name = "ruff" }]
test = [{ name = "pytest", specifier = ">=8" }, { name = "ruff" }]
"""


def fresh(folder: Path, lock: str) -> list[Freshness]:
    graph = Graph(sources=(SourceRead(lock, lock, SourceKind.LOCK),))
    return freshness_of(graph, ReadContext(folder))


@pytest.mark.parametrize(
    ("asset", "lock", "declarations", "old", "new"),
    [
        ("poetry-own-tables", "poetry.lock", "pyproject.toml", 'flask = "^3.0"', 'flask = "^3.1"'),
        ("poetry-standard-table", "poetry.lock", "pyproject.toml", "flask>=3,<4", "flask>=3.1,<4"),
        ("poetry-groups", "poetry.lock", "pyproject.toml", "pytest>=8", "pytest>=9"),
        ("poetry-groups-before-2.3", "poetry.lock", "pyproject.toml", "flask>=3", "flask>=2"),
        ("pdm", "pdm.lock", "pyproject.toml", '"ruff"', '"ruff>=1"'),
        ("pdm", "pdm.lock", "pyproject.toml", "respect-source-order = true", "respect-source-order = false"),
        ("pipenv", "Pipfile.lock", "Pipfile", 'version = "*"', 'version = ">1"'),
    ],
)
def test_a_hash_as_the_tool_computed_it_is_fresh_until_the_declarations_change(
    tmp_path: Path, asset: str, lock: str, declarations: str, old: str, new: str
) -> None:
    project = tmp_path / "project"
    shutil.copytree(ASSETS / asset, project)
    assert fresh(project, lock) == [Freshness(lock, declarations, is_fresh=True)]
    file = project / declarations
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))
    (stale,) = fresh(project, lock)
    assert stale.is_fresh is False
    assert "other declarations" in stale.note


@pytest.mark.parametrize(
    ("asset", "lock", "old", "new"),
    [
        ("poetry-own-tables", "poetry.lock", "description", "readme"),
        ("poetry-standard-table", "poetry.lock", 'version = "1.0"', 'version = "2.0"'),
        ("pdm", "pdm.lock", 'version = "1.0"', 'version = "2.0"'),
    ],
)
def test_what_is_no_dependency_may_change(tmp_path: Path, asset: str, lock: str, old: str, new: str) -> None:
    project = tmp_path / "project"
    shutil.copytree(ASSETS / asset, project)
    file = project / "pyproject.toml"
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))
    assert fresh(project, lock)[0].is_fresh is True


@pytest.fixture
def uv(tmp_path: Path) -> Path:
    (tmp_path / "pyproject.toml").write_text(PROJECT)
    (tmp_path / "uv.lock").write_text(UV_LOCK)
    return tmp_path


def test_a_lock_of_uv_that_keeps_the_same_requirements_is_fresh(uv: Path) -> None:
    assert fresh(uv, "uv.lock") == [Freshness("uv.lock", "pyproject.toml", is_fresh=True)]


@pytest.mark.parametrize(
    ("old", "new", "note"),
    [
        ("Flask >= 3, <4", "Flask >= 3.1", "flask"),
        ('"Flask >= 3, <4", ', "", "flask"),
        ("pytest>=8", "pytest>=9", "pytest"),
        ('"ruff"', '"ruff", "mypy"', "mypy"),
        ("acme-auth @ git+https://git.example/auth@v1", "acme-mail @ git+https://git.example/mail@v1", "acme-auth"),
    ],
)
def test_a_lock_of_uv_that_keeps_others_is_stale_and_names_them(uv: Path, old: str, new: str, note: str) -> None:
    file = uv / "pyproject.toml"
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))
    (stale,) = fresh(uv, "uv.lock")
    assert stale.is_fresh is False
    assert note in stale.note


def test_the_members_of_a_workspace_are_compared_with_their_own_files(uv: Path) -> None:
    (uv / "uv.lock").write_text(
        UV_LOCK
        + '\n[[package]]\nname = "part"\nversion = "1"\nsource = { editable = "packages/part" }\n'
        + '[package.metadata]\nrequires-dist = [{ name = "attrs" }]\n'
    )
    part = uv / "packages" / "part" / "pyproject.toml"
    part.parent.mkdir(parents=True)
    part.write_text('[project]\nname = "part"\nversion = "1"\ndependencies = ["attrs"]\n')
    assert [one.is_fresh for one in fresh(uv, "uv.lock")] == [True, True]
    part.write_text('[project]\nname = "part"\nversion = "1"\ndependencies = []\n')
    assert [(one.declared_in, one.is_fresh) for one in fresh(uv, "uv.lock")] == [
        ("pyproject.toml", True),
        ("packages/part/pyproject.toml", False),
    ]


def test_declarations_that_only_a_build_knows_tell_nothing(uv: Path) -> None:
    (uv / "pyproject.toml").write_text('[project]\nname = "shop"\nversion = "1"\ndynamic = ["dependencies"]\n')
    assert [one.is_fresh for one in fresh(uv, "uv.lock")] == [None]


@pytest.mark.parametrize(("asset", "lock"), [("poetry-groups", "poetry.lock"), ("pdm", "pdm.lock")])
def test_a_lock_file_that_keeps_no_hash_tells_nothing(tmp_path: Path, asset: str, lock: str) -> None:
    shutil.copy(ASSETS / asset / "pyproject.toml", tmp_path)
    (tmp_path / lock).write_text("[metadata]\n")
    (told,) = fresh(tmp_path, lock)
    assert told.is_fresh is None
    assert "keeps no hash" in told.note


def test_a_lock_file_without_its_declarations_tells_nothing(tmp_path: Path) -> None:
    shutil.copy(ASSETS / "pdm" / "pdm.lock", tmp_path)
    (told,) = fresh(tmp_path, "pdm.lock")
    assert told.is_fresh is None
    assert "pyproject.toml" in told.note


def test_a_format_that_keeps_nothing_is_left_out(tmp_path: Path) -> None:
    assert fresh(tmp_path, "pylock.toml") == []
