"""The reference names every part that is built in, and no part that is not."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_devsecops import builtin, recovery
from pytest_devsecops.core.errors import PolicyError
from pytest_devsecops.dependencies.family import Dependencies
from pytest_devsecops.identity.family import Identity
from pytest_devsecops.policy.reading import read_policy
from pytest_devsecops.pytest_plugin.hookspecs import REGISTRATION_HOOKS
from pytest_devsecops.recovery.family import Recovery
from pytest_devsecops.recovery.faults import FAULTS

DOCS = Path(__file__).parents[2] / "docs"
#: A key that no table knows and that is near to none.
_STRANGE = "zzzqqq"


def _words(page: str) -> set[str]:
    """Return what stands between backticks in a page of the reference."""
    return set(re.findall(r"`([^`\n]+)`", (DOCS / "reference" / page).read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def help_text() -> str:
    command = [sys.executable, "-m", "pytest", "--help", "-p", "devsecops"]
    environ = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "COLUMNS": "200"}
    return subprocess.run(command, env=environ, capture_output=True, text=True, check=True, cwd=DOCS).stdout


def test_every_option_and_no_other_is_in_the_reference(help_text: str) -> None:
    registered = set(re.findall(r"--devsecops-[a-z-]+", help_text))
    documented = {match for word in _words("options.md") for match in re.findall(r"--devsecops-[a-z-]+", word)}
    assert documented == registered


def test_every_ini_key_and_no_other_is_in_the_reference(help_text: str) -> None:
    registered = set(re.findall(r"^\s+(devsecops_[a-z_]+) \(", help_text, re.MULTILINE))
    assert registered
    assert {word for word in _words("options.md") if re.fullmatch(r"devsecops_[a-z_]+", word)} == registered


def test_no_page_names_an_option_that_does_not_exist(help_text: str) -> None:
    registered = set(re.findall(r"--devsecops-[a-z-]+", help_text))
    named = {
        option
        for page in [DOCS.parent / "README.md", *DOCS.rglob("*.md")]
        for option in re.findall(r"--devsecops-[a-z]+(?:-[a-z]+)*", page.read_text(encoding="utf-8"))
    }
    assert named <= registered


def test_every_hook_is_in_the_reference() -> None:
    assert {word for word in _words("hooks.md") if word.startswith("pytest_devsecops_")} == set(REGISTRATION_HOOKS)


@pytest.mark.parametrize(
    ("family", "page"),
    [(Dependencies, "checks.md"), (Identity, "identity.md"), (Recovery, "recovery.md")],
    ids=["dependencies", "identity", "recovery"],
)
def test_every_check_is_in_the_reference(family: type, page: str) -> None:
    checks = {
        name
        for name, method in inspect.getmembers(family, inspect.isfunction)
        if not name.startswith("_") and name != "examine" and inspect.signature(method).return_annotation == "Verdict"
    }
    text = (DOCS / "reference" / page).read_text(encoding="utf-8")
    documented = set(re.findall(r"^\| `([a-z_]+)\(", text, re.MULTILINE))
    assert checks
    assert checks <= documented


def test_every_fault_is_in_the_reference() -> None:
    assert set(FAULTS) <= _words("recovery.md")


def test_every_store_can_be_made_by_name_and_is_in_the_reference() -> None:
    public = {name for name in recovery.__all__ if name != "procedure"}
    assert public == set(builtin.STORES)
    assert {f"{name}(…)" for name in public - {"composite"}} <= _words("recovery.md")


def test_every_source_format_is_in_the_reference() -> None:
    assert set(builtin.SOURCE_READERS) <= _words("checks.md")


def test_every_report_format_is_in_the_reference() -> None:
    assert set(builtin.REPORT_FORMATS) <= _words("report.md")


def test_every_policy_key_and_no_other_is_in_the_reference(tmp_path: Path) -> None:
    keys = _policy_keys(tmp_path)
    tables = {key for key in keys if any(other.startswith(f"{key}.") for other in keys)}
    documented = {word.replace(".ID", ".X").replace(".NAME", ".X") for word in _words("policy.md")}
    assert {"requirements.X.title", "dependencies.allow[].name", "require_verdicts"} <= keys
    assert keys - tables - documented == set()
    looks_like_a_key = re.compile(r"(requirements|dependencies|identity|recovery)\.[\w.\[\]]+")
    assert {word for word in documented if looks_like_a_key.fullmatch(word)} - keys == set()


def _policy_keys(folder: Path, path: str = "") -> set[str]:
    """Return every key of the policy, found by what its reader says when it meets a strange one.

    ``X`` stands for a name that the user chooses, ``[]`` for an entry of a list.
    """
    found: set[str] = set()
    for key in _known_keys(folder, path):
        inside = f"{path}.{key}" if path else key
        found.add(inside)
        for deeper in (inside, f"{inside}.X", f"{inside}[]"):
            if deeper == inside or not found & {f"{inside}.{name}" for name in _known_keys(folder, inside)}:
                found |= _policy_keys(folder, deeper)
    return found


def _known_keys(folder: Path, path: str) -> list[str]:
    """Return the keys that the table at ``path`` knows, or none if there is no table."""
    if path.endswith("[]"):
        text = f"{path.removesuffix('[]')} = [{{ {_STRANGE} = 1 }}]"
    else:
        text = f"{path}.{_STRANGE} = 1" if path else f"{_STRANGE} = 1"
    file = folder / "devsecops.toml"
    file.write_text(text)
    try:
        read_policy(folder, builtin.SECTIONS, file=file)
    except PolicyError as error:
        place = re.escape(path.replace("[]", "[0]"))
        pattern = re.compile(rf"{place}\.?{_STRANGE}: unknown key; known: (.*)")
        known = [match[1].split(", ") for problem in error.problems if (match := pattern.fullmatch(problem))]
        missing = re.compile(rf"{place}\.?(\w+): is missing")
        required = [match[1] for problem in error.problems if (match := missing.fullmatch(problem))]
        return sorted({*known[0], *required}) if known else []
    return []
