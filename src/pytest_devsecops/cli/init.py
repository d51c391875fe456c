"""``pytest-devsecops init``: a first policy and a first test file for the project it stands in.

The policy always goes into a new ``devsecops.toml``, never into an existing ``pyproject.toml``:
then nothing of the project's is edited, and the file can have its own owner in a code review.
"""

from __future__ import annotations

import argparse
import configparser
import os
import tomllib
from dataclasses import dataclass
from pathlib import Path

from pytest_devsecops import builtin
from pytest_devsecops.cli import scaffold
from pytest_devsecops.core.decode import TableReader
from pytest_devsecops.core.errors import DevSecOpsError, ProblemsError
from pytest_devsecops.core.text import counted
from pytest_devsecops.dependencies.inventory import Inventory
from pytest_devsecops.dependencies.model import ReadContext, SourceKind
from pytest_devsecops.policy.documents import OWN_FILE, find_policy

TESTS_FILE = "test_requirements.py"
_TEST_FOLDERS = ("tests", "test")
_INI_FILES = (("pytest.ini", "pytest"), ("tox.ini", "pytest"), ("setup.cfg", "tool:pytest"))


@dataclass(frozen=True, slots=True)
class Project:
    """What ``init`` found.

    Attributes:
        root: its folder.
        sources: the files that say what it depends on, relative to the root.
        names: what they name.
        problems: what in them could not be read.
        policy: the policy that it has already, or None.
        tests: the folder of its tests, which may not exist yet.
    """

    root: Path
    sources: tuple[str, ...]
    names: tuple[str, ...]
    problems: tuple[str, ...]
    policy: Path | None
    tests: Path


def add_parsers(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``init``."""
    parser = subparsers.add_parser(
        "init",
        help="write a first policy and a first test file",
        description="Looks at the project in the current folder and writes a commented devsecops.toml and a first "
        "test file. Nothing that exists is changed.",
    )
    parser.set_defaults(run=run_init)


def run_init(arguments: argparse.Namespace) -> int:  # noqa: ARG001 - every command is called alike
    """Write what is missing, say what was kept, and print the next steps; return 0.

    Raises:
        PolicyError: if the project has a policy that cannot be used.
        DevSecOpsError: if a file cannot be written.
    """
    project = look_at(Path.cwd())
    tests_file = project.tests / TESTS_FILE
    declared = project.policy is None
    if project.policy is None:
        _write(project.root / OWN_FILE, scaffold.policy_text(project.sources, project.names), project.root)
    else:
        print(f"kept     {_shown(project.policy, project.root)}, which has a policy already")
    if tests_file.exists():
        print(f"kept     {_shown(tests_file, project.root)}, which exists already")
    else:
        _write(tests_file, scaffold.tests_text(declared=declared), project.root)
    print("\n".join(_next_steps(project)))
    return 0


def look_at(root: Path) -> Project:
    """Return what matters of the project at ``root``.

    Raises:
        DevSecOpsError: if it has two policies, or if a configuration file cannot be read.
    """
    inventory = Inventory(builtin.SOURCE_READERS, ReadContext(root, os.environ))
    graph = inventory.chosen((), (SourceKind.LOCK, SourceKind.DECLARATION), ())
    return Project(
        root=root,
        sources=tuple(source.name for source in graph.sources),
        names=tuple(sorted({dependency.name for dependency in graph.dependencies})),
        problems=tuple(found.message for found in graph.problems),
        policy=find_policy(root),
        tests=_tests_folder(root),
    )


def _tests_folder(root: Path) -> Path:
    """Return the folder that pytest looks into: configured, conventional, or the one to make."""
    named = [*_testpaths_of_pyproject(root), *_testpaths_of_ini(root), *_TEST_FOLDERS]
    return next((root / name for name in named if (root / name).is_dir()), root / _TEST_FOLDERS[0])


def _testpaths_of_pyproject(root: Path) -> list[str]:
    path = root / "pyproject.toml"
    if not path.is_file():
        return []
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:  # not TOML, or not UTF-8
        raise _unusable(path, error) from None
    problems: list[str] = []
    table = TableReader(data, "", problems).table("tool").table("pytest")
    # pytest >= 9 reads its own table, older ones read ini_options below it.
    found = table.raw("testpaths") or table.table("ini_options").raw("testpaths") or []
    if problems:
        raise ProblemsError(str(path), problems)
    return found.split() if isinstance(found, str) else [str(item) for item in found]


def _testpaths_of_ini(root: Path) -> list[str]:
    for name, section in _INI_FILES:
        parser = configparser.ConfigParser(interpolation=None)
        try:
            parser.read(root / name, encoding="utf-8")
        except (configparser.Error, ValueError) as error:
            raise _unusable(root / name, error) from None
        if parser.has_option(section, "testpaths"):
            return parser.get(section, "testpaths").split()
    return []


def _unusable(path: Path, error: Exception) -> DevSecOpsError:
    return DevSecOpsError(f"cannot be read: {error}", place=str(path), remedy="repair it; nothing was written")


def _write(path: Path, text: str, root: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Mode "x" refuses to overwrite even what appeared since the check.
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise DevSecOpsError(
            f"cannot be written: {error.strerror}", place=str(path), remedy="nothing was changed in it"
        ) from None
    print(f"wrote    {_shown(path, root)}")


def _next_steps(project: Project) -> list[str]:
    number = counted(len(project.names), "dependency", "dependencies")
    lines = [f"found    {number} in {', '.join(project.sources)}"] if project.sources else []
    lines.extend(f"problem  {problem}" for problem in project.problems)
    policy = _shown(project.policy or project.root / OWN_FILE, project.root)
    return [
        *lines,
        "",
        "Next:",
        f"  1. read {policy}, and clear what the team may use",
        "  2. pytest-devsecops policy check",
        "  3. pytest-devsecops advisories import SOURCE, with an advisory database that you have",
        "  4. pytest --devsecops-report, then open devsecops-report/report.html",
    ]


def _shown(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)
