from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest


def test_version_is_the_distributions(command: Callable[..., tuple[int, str, str]]) -> None:
    code, out, _ = command("--version")
    assert (code, out.split()[0]) == (0, "pytest-devsecops")


@pytest.mark.parametrize("arguments", [(), ("polcy",), ("policy",), ("init", "--force")])
def test_a_command_line_without_sense_is_argparses_usage_error(
    command: Callable[..., tuple[int, str, str]], arguments: tuple[str, ...]
) -> None:
    code, out, err = command(*arguments)
    assert (code, out) == (2, "")
    assert "usage: pytest-devsecops" in err


def test_help_names_every_command(command: Callable[..., tuple[int, str, str]]) -> None:
    code, out, _ = command("--help")
    assert code == 0
    assert {"init", "policy"} <= set(out.split())


def test_the_installed_script_gives_the_exit_code_without_a_traceback(tmp_path: Path) -> None:
    script = Path(sys.executable).with_name("pytest-devsecops")
    done = subprocess.run([script, "policy", "check"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr


def test_the_command_imports_no_pytest() -> None:
    code = "import sys, pytest_devsecops.cli.main as m; m.build_parser(); sys.exit('_pytest' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
