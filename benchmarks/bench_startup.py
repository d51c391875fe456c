"""What the installed plugin costs a session that does not use it.

Measured as CPU (user and system) of the child process, in pairs that alternate so that a slow
moment of the machine hits both sides.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

PAIRS = 25
BUDGET_MS = 10.0
PLUGIN = "pytest_devsecops.pytest_plugin.plugin"


def main() -> None:
    """Print the CPU of a bare session, of one with the plugin, and the difference."""
    bare, idle = measure(PAIRS)
    extra = statistics.median(one - other for one, other in zip(idle, bare, strict=True))
    verdict = "within" if extra <= BUDGET_MS else "ABOVE"
    print(f"start-up, pytest --co on an empty suite, median of {PAIRS} pairs, CPU")
    print(f"  bare pytest            {statistics.median(bare):7.1f} ms")
    print(f"  with pytest-devsecops  {statistics.median(idle):7.1f} ms")
    print(f"  difference             {extra:7.1f} ms, {verdict} the budget of {BUDGET_MS:g} ms")
    print(f"  ratio                  {statistics.median(idle) / statistics.median(bare):7.3f}")


def measure(pairs: int) -> tuple[list[float], list[float]]:
    """Return CPU milliseconds of ``pairs`` bare sessions and of as many with the plugin."""
    bare: list[float] = []
    idle: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "test_empty.py").write_text("")
        _session(folder, "")  # byte code and file caches are warm from here on
        _session(folder, PLUGIN)
        for number in range(pairs):
            both = [(bare, ""), (idle, PLUGIN)]
            for times, plugin in both if number % 2 else reversed(both):
                times.append(_session(folder, plugin))
    return bare, idle


def _session(folder: str, plugin: str) -> float:
    """Run one session and return its CPU in milliseconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "pytest", "--co", "-q", "-p", "no:cacheprovider"]
    # Only what is compared is loaded: other installed plugins would be on both sides and blur it.
    # PYTEST_PLUGINS rather than -p, which searches every installed distribution for the name.
    environ = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_PLUGINS": plugin}
    done = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 5, done.stdout + done.stderr  # noqa: PLR2004 - pytest's code for an empty suite
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return 1000 * (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


if __name__ == "__main__":
    main()
