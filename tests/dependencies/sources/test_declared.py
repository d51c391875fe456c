from __future__ import annotations

from pathlib import Path

import pytest

from pytest_devsecops.core.findings import Finding
from pytest_devsecops.dependencies.model import ReadContext
from pytest_devsecops.dependencies.sources.declared import Declared, Wanted, parse_wanted, read_declared


def declared(folder: Path, text: str) -> Declared | None:
    (folder / "pyproject.toml").write_text(text, encoding="utf-8")
    problems: list[Finding] = []
    found = read_declared(folder, ReadContext(folder), problems)
    assert problems == []
    return found


def names(found: Declared | None) -> dict[str, list[str]]:
    assert found is not None
    return {group: [one.name for one in wanted] for group, wanted in found.groups.items()}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Anchor", Wanted("anchor")),
        (
            "anchor[Chain, cord]>=2,<3 ; os_name == 'nt'",
            Wanted("anchor", ("chain", "cord"), "os_name == 'nt'", ">=2,<3"),
        ),
        ("link (>=4)", Wanted("link", specifier=">=4")),
        ("an_chor @ https://host.example/a;b ; os_name == 'nt'", Wanted("an-chor", marker="os_name == 'nt'")),
        ("-e file:///${PROJECT_ROOT}/libs/x#egg=My_Lib", Wanted("my-lib")),
        ("-e ./libs/x", None),
        ("", None),
        ("@x", None),
    ],
)
def test_what_a_requirement_names(text: str, wanted: Wanted | None) -> None:
    assert parse_wanted(text) == wanted


def test_tables_of_the_standards(tmp_path: Path) -> None:
    found = declared(
        tmp_path,
        """
[project]
name = "shop"
dependencies = ["anchor"]
[project.optional-dependencies]
fast = ["eyelet"]
all = ["shop[fast]", "rope"]
[dependency-groups]
Lint = ["bellows", { include-group = "lo_cal" }]
lo-cal = ["halyard"]
""",
    )

    assert names(found) == {
        "main": ["anchor"],
        "extra:fast": ["eyelet"],
        "extra:all": ["eyelet", "rope"],
        "lint": ["bellows", "halyard"],
        "lo-cal": ["halyard"],
    }
    assert found is not None
    assert (found.asks_for("eyelet"), found.asks_for("winch")) == (True, False)


def test_tables_of_poetry(tmp_path: Path) -> None:
    found = declared(
        tmp_path,
        """
[tool.poetry.dependencies]
Python = "^3.11"
anchor = { version = "^2", extras = ["Chain"], markers = "os_name == 'nt'" }
eyelet = { version = "*", optional = true }
[tool.poetry.dev-dependencies]
bellows = "*"
[tool.poetry.group.docs]
include-groups = ["lint"]
[tool.poetry.group.docs.dependencies]
rope = [{ version = "1" }, { version = "2" }]
[tool.poetry.group.lint.dependencies]
halyard = "*"
""",
    )

    assert names(found) == {
        "main": ["anchor", "eyelet"],
        "dev": ["bellows"],
        "docs": ["rope", "rope", "halyard"],
        "lint": ["halyard"],
    }
    assert found is not None
    assert found.groups["main"] == (
        Wanted("anchor", ("chain",), "os_name == 'nt'", "^2"),
        Wanted("eyelet", specifier="*", optional=True),
    )


def test_with_a_project_table_poetry_only_says_how_to_fetch(tmp_path: Path) -> None:
    found = declared(
        tmp_path,
        '[project]\ndependencies = ["anchor"]\n[tool.poetry.dependencies]\nwinch = { path = "libs/winch" }\n',
    )

    assert names(found) == {"main": ["anchor"]}


def test_tables_of_pdm(tmp_path: Path) -> None:
    found = declared(tmp_path, '[tool.pdm.dev-dependencies]\ntest = ["bellows"]\n')

    assert names(found) == {"test": ["bellows"]}


@pytest.mark.parametrize(
    "text",
    [
        '[project]\nname = "x"\ndynamic = ["dependencies"]\n',
        '[project]\ndependencies = ["-e ./libs/x"]\n',
        "[project]\ndependencies = 1\n",
        '[dependency-groups]\na = [{ include-group = "absent" }]\n',
        '[dependency-groups]\na = [{ include-group = "b" }]\nb = [{ include-group = "a" }]\n',
        "[dependency-groups]\na = [1]\n",
        "[dependency-groups]\na = 1\n",
    ],
)
def test_what_cannot_be_read_leaves_open_what_is_direct(tmp_path: Path, text: str) -> None:
    found = declared(tmp_path, text)

    assert found is not None
    assert found.asks_for("anchor") is None


@pytest.mark.parametrize("text", ["", "[tool.ruff]\n", "project = 1\n"])
def test_a_file_that_declares_nothing_says_nothing(tmp_path: Path, text: str) -> None:
    assert declared(tmp_path, text) is None


def test_no_file_says_nothing(tmp_path: Path) -> None:
    assert read_declared(tmp_path, ReadContext(tmp_path), []) is None
