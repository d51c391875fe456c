from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_devsecops.cli import scaffold

Command = Callable[..., tuple[int, str, str]]


def test_the_generated_policy_is_a_good_one(command: Command) -> None:
    assert command("init")[0] == 0
    code, out, _ = command("policy", "check")
    assert code == 0
    assert all(starter.id in out for starter in scaffold.STARTERS)


def test_next_steps_are_printed(command: Command) -> None:
    out = command("init")[1]
    assert "wrote    devsecops.toml" in out
    assert "wrote    tests/test_requirements.py" in out
    assert "pytest --devsecops-report" in out


def test_nothing_that_exists_is_changed(command: Command, project: Path) -> None:
    (project / "tests").mkdir()
    before = {"devsecops.toml": "# mine\n", "tests/test_requirements.py": "# mine too\n", "pyproject.toml": "# p\n"}
    for name, text in before.items():
        (project / name).write_text(text)
    code, out, _ = command("init")
    assert code == 0
    assert {name: (project / name).read_text() for name in before} == before
    assert out.count("kept") == 2
    assert "wrote" not in out


def test_a_second_time_changes_nothing(command: Command, project: Path) -> None:
    command("init")
    before = {path: path.read_bytes() for path in project.rglob("*") if path.is_file()}
    assert command("init")[0] == 0
    assert {path: path.read_bytes() for path in project.rglob("*") if path.is_file()} == before


def test_tests_fit_a_policy_that_exists_already(command: Command, project: Path) -> None:
    (project / "pyproject.toml").write_text('[tool.devsecops.requirements.X-1]\ntitle = "Ours"\n')
    code, out, _ = command("init")
    assert code == 0
    assert "kept     pyproject.toml" in out
    assert not (project / "devsecops.toml").exists()
    # An id that the policy does not know would be a collection error; the bare marker fits.
    assert "DEP-1" not in (project / "tests/test_requirements.py").read_text()


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("pyproject.toml", '[tool.pytest.ini_options]\ntestpaths = ["checks"]\n'),
        ("pyproject.toml", '[tool.pytest.ini_options]\ntestpaths = "checks other"\n'),
        ("pyproject.toml", '[tool.pytest]\ntestpaths = ["checks"]\n'),
        ("pytest.ini", "[pytest]\ntestpaths = checks\n"),
        ("setup.cfg", "[tool:pytest]\ntestpaths = checks\n"),
    ],
)
def test_tests_go_where_pytest_looks(command: Command, project: Path, file: str, text: str) -> None:
    for folder in ("tests", "checks"):
        (project / folder).mkdir()
    (project / file).write_text(text)
    command("init")
    assert (project / "checks/test_requirements.py").is_file()
    assert not (project / "tests/test_requirements.py").exists()


def test_an_existing_folder_test_is_used(command: Command, project: Path) -> None:
    (project / "test").mkdir()
    command("init")
    assert (project / "test/test_requirements.py").is_file()
    assert not (project / "tests").exists()


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("pyproject.toml", b"[tool\n"),
        ("pyproject.toml", b'name = "\xff"\n'),
        ("pyproject.toml", b"tool = 3\n"),
        ("setup.cfg", b"no section\n"),
    ],
)
def test_a_broken_configuration_is_named_and_nothing_is_written(
    command: Command, project: Path, file: str, content: bytes
) -> None:
    (project / file).write_bytes(content)
    code, _, err = command("init")
    assert code == 1
    assert file in err
    assert [path.name for path in project.iterdir()] == [file]


def test_a_folder_that_cannot_be_written_is_named(command: Command, project: Path) -> None:
    (project / "tests").write_text("a file, not a folder")
    code, _, err = command("init")
    assert code == 1
    assert "tests" in err


def test_what_is_there_is_offered_but_not_cleared() -> None:
    names = [f"a-package-of-{number}-parts" for number in range(100)]
    text = scaffold.policy_text(["uv.lock"], names)
    section = tomllib.loads(text)["dependencies"]
    assert section == {"sources": ["uv.lock"], "allow": [], "vulnerabilities": {}}
    assert all(f'"{name}"' in text for name in names)
    assert max(len(line) for line in text.splitlines()) < 120


def test_an_awkward_file_name_stays_valid_toml() -> None:
    awkward = 'a"b\\c.lock'
    assert tomllib.loads(scaffold.policy_text([awkward], []))["dependencies"]["sources"] == [awkward]


@pytest.mark.parametrize("declared", [True, False])
def test_the_generated_tests_are_python(declared: bool) -> None:  # noqa: FBT001 - a parameter of the case
    compile(scaffold.tests_text(declared=declared), "test_requirements.py", "exec")


@pytest.mark.slow
def test_what_was_generated_runs_and_says_what_is_not_yet_known(command: Command, project: Path) -> None:
    (project / "requirements.txt").write_text("tables-example==2.2.0\n")
    command("init")
    arguments = ["-W", "error", "--strict-markers", "--devsecops-report-to=json:report.json"]
    environ = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": "-p devsecops"}
    done = subprocess.run([sys.executable, "-m", "pytest", *arguments], env=environ, capture_output=True, check=False)
    assert done.returncode == 1
    requirements = json.loads((project / "report.json").read_text())["requirements"]
    # Nothing is cleared, no advisory was imported, but everything is pinned.
    expected = {"DEP-1": "violated", "DEP-2": "unverified", "DEP-3": "met"}
    assert {one["id"]: one["status"] for one in requirements} == expected
