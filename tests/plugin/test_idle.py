"""A session without policy, option or marker of ours stays as if we were not installed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

#: What costs start-up time or does not belong into a session that never asked for it.
HEAVY = (
    "cryptography",
    "email",
    "hypothesis",
    "http",
    "httpx",
    "jinja2",
    "json",
    "packaging",
    "requirements",
    "safety",
    "sqlite3",
    "ssl",
    "tomllib",
    "urllib.request",
    "xml",
    "yaml",
)

_LISTING = """
import sys
def pytest_unconfigure(config):
    with open("modules.txt", "w") as file:
        file.write("\\n".join(sorted(sys.modules)))
"""


def _modules_after_a_session(folder: Path, *arguments: str) -> set[str]:
    """Return the modules that a session in a process of its own has imported at its end."""
    folder.mkdir()
    (folder / "conftest.py").write_text(_LISTING)
    (folder / "test_plain.py").write_text("def test_plain():\n    assert True\n")
    command = [sys.executable, "-W", "error", "-m", "pytest", "-q", *arguments]
    environ = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return set((folder / "modules.txt").read_text().splitlines())


@pytest.fixture
def bare(tmp_path: Path) -> set[str]:
    return _modules_after_a_session(tmp_path / "bare")


def test_an_idle_session_imports_nothing_heavy(tmp_path: Path, bare: set[str]) -> None:
    ours = _modules_after_a_session(tmp_path / "idle", "-p", "devsecops") - bare
    assert "pytest_devsecops.pytest_plugin.plugin" in ours
    heavy = sorted(name for name in ours if any(name == one or name.startswith(f"{one}.") for one in HEAVY))
    assert not heavy
    families = ("dependencies", "identity", "policy", "recovery", "reports")
    assert not [name for name in ours if name.startswith(tuple(f"pytest_devsecops.{one}" for one in families))]


def test_an_idle_session_imports_little_of_ours(tmp_path: Path, bare: set[str]) -> None:
    ours = _modules_after_a_session(tmp_path / "idle", "-p", "devsecops") - bare
    parts = {name.split(".")[1] for name in ours if name.startswith("pytest_devsecops.")}
    assert parts <= {"pytest_plugin", "core"}


def test_switched_off_nothing_of_ours_is_loaded(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(_LISTING)
    (tmp_path / "test_plain.py").write_text("def test_plain():\n    assert True\n")
    command = [sys.executable, "-W", "error", "-m", "pytest", "-q", "-p", "no:devsecops"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    modules = (tmp_path / "modules.txt").read_text().splitlines()
    assert not [name for name in modules if name.startswith("pytest_devsecops")]
