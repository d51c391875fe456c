"""Rules about the files of the repository that no linter knows."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
MAX_LINES = 300
#: Cases stand side by side in a test file; that makes it longer than what it tests.
MAX_TEST_LINES = 400
MAX_FUNCTION_LINES = 45

#: Written in pieces, so that this file does not contain what it looks for.
_REGISTRY_HOSTS = (
    "py" + "pi.org",
    "python" + "hosted.",
    "registry.n" + "pmjs",
    "deb.de" + "bian.org",
    "n" + "pmjs.com",
)
_MACHINE_PATHS = ("/wo" + "rk/", "/ro" + "ot/", "/fa" + "rm/", "bash_" + "jobs", "/Us" + "ers/")
_FORBIDDEN = re.compile("|".join(re.escape(text) for text in (*_REGISTRY_HOSTS, *_MACHINE_PATHS)))


def _tracked_files() -> list[Path]:
    """Return the files that git knows or would take, so that a new file is judged before its commit."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, check=False)
    if done.returncode:
        pytest.skip(f"not a git checkout: {done.stderr.decode().strip()}")
    paths = [REPOSITORY / name for name in done.stdout.decode().split("\0") if name]
    files = [path for path in paths if path.is_file()]
    assert len(files) > 50, "too few files to be the whole repository"
    return files


def _python_files() -> list[Path]:
    return [path for path in _tracked_files() if path.suffix == ".py" and "assets" not in path.parts]


def _filled_lines(path: Path) -> int:
    return sum(1 for line in path.read_bytes().splitlines() if line.strip())


def _functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def test_no_file_names_a_package_registry_or_a_path_of_a_machine() -> None:
    found = [
        f"{path.relative_to(REPOSITORY)}:{number}: {match[0]}"
        for path in _tracked_files()
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1)
        if (match := _FORBIDDEN.search(line))
    ]
    assert not found, "write https://index.example/simple, and paths relative to the project"


@pytest.mark.parametrize("text", ["https://files.python" + "hosted.org/x", "cd /wo" + "rk/x", "/ro" + "ot/.pyenv"])
def test_the_patterns_find_what_they_are_for(text: str) -> None:
    assert _FORBIDDEN.search(text)


def test_files_stay_short_enough_to_read() -> None:
    # Blank lines are not counted: they make a file longer, and easier to read.
    lengths = {path.relative_to(REPOSITORY).as_posix(): _filled_lines(path) for path in _python_files()}
    too_long = {
        name: length
        for name, length in lengths.items()
        if length > (MAX_TEST_LINES if name.startswith("tests/") else MAX_LINES)
    }
    assert not too_long, "too many lines: split the file by what it is about"


def test_functions_stay_short_enough_to_read() -> None:
    too_long = {
        f"{path.relative_to(REPOSITORY)}:{function.lineno} {function.name}": length
        for path in _python_files()
        if path.is_relative_to(REPOSITORY / "src")
        for function in _functions(ast.parse(path.read_bytes()))
        if (length := _code_lines(function)) > MAX_FUNCTION_LINES
    }
    assert not too_long, f"at most {MAX_FUNCTION_LINES} lines a function, docstring not counted"


def test_test_folders_are_no_packages() -> None:
    assert not [path for path in _tracked_files() if path.name == "__init__.py" and "tests" in path.parts]


def _code_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Return the lines from ``def`` to the end without the docstring."""
    total = (function.end_lineno or function.lineno) - function.lineno + 1
    if ast.get_docstring(function, clean=False) is None:
        return total
    docstring = function.body[0]
    return total - ((docstring.end_lineno or docstring.lineno) - docstring.lineno + 1)


def test_every_program_that_tests_start_is_installed_by_ci() -> None:
    """A machine without it would fail late and in many places, or pass because a test was skipped."""
    installs = (REPOSITORY / ".ci" / "run").read_text(encoding="utf-8")
    marks = [
        keyword
        for path in _python_files()
        for node in ast.walk(ast.parse(path.read_bytes()))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.tools"
        for keyword in node.keywords
    ]
    assert len(marks) > 5
    for mark in marks:
        assert mark.arg
        line = f"need {mark.arg.replace('_', '-')} {ast.literal_eval(mark.value)}\n"
        assert line in installs, f".ci/run lacks: {line}"
