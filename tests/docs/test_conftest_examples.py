"""Every folder in ``conftest_examples`` ends as ``conftest_examples/outcomes.toml`` declares."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

EXAMPLES = Path(__file__).parents[2] / "conftest_examples"
OUTCOMES: dict[str, dict[str, Any]] = tomllib.loads((EXAMPLES / "outcomes.toml").read_text(encoding="utf-8"))
_LEFT_BEHIND = shutil.ignore_patterns("devsecops-report", ".devsecops", "__pycache__", ".pytest_cache", ".hypothesis")


def _run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environ = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "PYTEST_ADDOPTS": "-p devsecops -W error",
    }
    return subprocess.run(
        command, cwd=folder, env=environ, check=False, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )


def _folder_of(name: str) -> str:
    folder: str = OUTCOMES[name].get("folder", name)
    return folder


def test_every_example_has_a_declared_outcome() -> None:
    folders = {path.name for path in EXAMPLES.iterdir() if path.is_dir()}
    assert folders == {_folder_of(name).split("/")[0] for name in OUTCOMES}


@pytest.mark.slow
@pytest.mark.parametrize("name", OUTCOMES)
def test_the_example_ends_as_declared(name: str, tmp_path: Path) -> None:
    declared = OUTCOMES[name]
    top = _folder_of(name).split("/", maxsplit=1)[0]
    shutil.copytree(EXAMPLES / top, tmp_path / top, ignore=_LEFT_BEHIND)
    folder = tmp_path / _folder_of(name)
    for command in declared.get("before", []):
        prepared = _run(folder, *command)
        assert prepared.returncode == 0, prepared.stdout + prepared.stderr
    done = _run(folder, "pytest", "--devsecops-report-to=json:result.json", *declared.get("arguments", []))
    assert done.returncode == declared["exit"], done.stdout + done.stderr
    report = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    assert {one["id"]: one["status"] for one in report["requirements"]} == declared["requirements"], done.stdout
    assert report["run"]["selection"]["complete"]


def test_every_status_that_a_run_can_give_is_shown_by_an_example() -> None:
    shown = {status for declared in OUTCOMES.values() for status in declared["requirements"].values()}
    assert shown == {"met", "violated", "unverified"}
