"""Runs of small suites with the plugin loaded and nothing else."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pytest_devsecops.pytest_plugin import plugin

PLUGIN = plugin.__name__
_REPORT = "the-report.json"


@dataclass(frozen=True)
class Ran:
    """What one run left."""

    exit_code: int
    out: str
    report: Mapping[str, Any]

    def requirement(self, identity: str) -> Mapping[str, Any]:
        """Return the requirement with this id; the report has exactly one."""
        (found,) = (one for one in self.report["requirements"] if one["id"] == identity)
        assert isinstance(found, dict)
        return found

    def statuses(self) -> dict[str, str]:
        """Return every requirement's status by id."""
        return {one["id"]: one["status"] for one in self.report["requirements"]}


class Suite:
    """A project to run pytest on."""

    def __init__(self, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
        self._pytester = pytester
        self._monkeypatch = monkeypatch
        self.path: Path = pytester.path
        self.write("pytest.ini", "[pytest]\naddopts = --strict-markers -W error\n")

    def write(self, name: str, text: str) -> Path:
        """Write a file below the project's root."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text).lstrip("\n"), encoding="utf-8")
        return path

    def tests(self, text: str) -> None:
        """Write the suite's only test module."""
        self.write("test_it.py", "import pytest\n" + textwrap.dedent(text))

    def policy(self, text: str) -> None:
        """Write the policy."""
        self.write("devsecops.toml", text)

    def declare(self, *ids: str) -> None:
        """Write a policy that declares requirements."""
        self.policy("".join(f'[requirements.{identity}]\ntitle = "{identity} holds"\n' for identity in ids))

    def run(self, *args: str, plugins: tuple[str, ...] = (), subprocess: bool = False) -> Ran:
        """Run pytest with these arguments and a JSON report."""
        return self.run_bare(f"--devsecops-report-to=json:{_REPORT}", *args, plugins=plugins, subprocess=subprocess)

    def run_bare(self, *args: str, plugins: tuple[str, ...] = (), subprocess: bool = False) -> Ran:
        """Run pytest with these arguments and no report of ours."""
        (self.path / _REPORT).unlink(missing_ok=True)
        if subprocess or plugins:
            loaded = [word for name in (PLUGIN, *plugins) for word in ("-p", name)]
            result = self._pytester.runpytest_subprocess(*loaded, *args)
        else:
            result = self._pytester.runpytest_inprocess(*args, plugins=[plugin])
        path = self.path / _REPORT
        report = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        return Ran(int(result.ret), f"{result.stdout.str()}\n{result.stderr.str()}", report)

    def run_blocked(self) -> Ran:
        """Run pytest in its own process with every installed plugin but ours."""
        self._monkeypatch.delenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD")
        result = self._pytester.runpytest_subprocess("-p", "no:devsecops")
        return Ran(int(result.ret), f"{result.stdout.str()}\n{result.stderr.str()}", {})


@pytest.fixture
def suite(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Suite:
    """An empty project."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.delenv("CI", raising=False)
    return Suite(pytester, monkeypatch)
