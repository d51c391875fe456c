"""What writing every report costs, beside the CPU of the test run that it reports on.

10,000 tests of which 500 fail, each a requirement with a verdict of its own, which is the worst case
for size. The bare run is pytest on 10,000 trivial tests of which 500 fail; writing is everything from
the assessment's dictionary to the last byte: redaction, JSON, HTML, Markdown, terminal summary.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import cast

from pytest_devsecops.core.assessment import Assessment, assess
from pytest_devsecops.core.findings import Finding, Location
from pytest_devsecops.core.records import Claim, Inventory, RunInfo, TestRecord
from pytest_devsecops.core.redaction import Redactor
from pytest_devsecops.core.requirement import Requirement
from pytest_devsecops.core.verdict import Verdict
from pytest_devsecops.reports import html_page, json_file, markdown
from pytest_devsecops.reports.model import Report
from pytest_devsecops.reports.terminal import summary_lines
from pytest_devsecops.reports.writing import write_whole

TESTS = 10_000
FAILING = 500
ROUNDS = 5
BUDGET_RATIO = 1.05
BUDGET_BYTES = 3_000_000
_PER_FILE = 100


def main() -> None:
    """Print the CPU of the bare run, of each step of writing, the ratio, and the sizes."""
    with tempfile.TemporaryDirectory() as folder:
        bare = _bare_run(Path(folder))
        steps, sizes = _writing(Path(folder))
    total = sum(steps.values())
    ratio = (bare + total) / bare
    print(f"report of {TESTS:,} tests, {FAILING} of them failing; CPU, median of {ROUNDS} rounds of writing")
    print(f"  bare pytest run        {bare:8.2f} s")
    for step, seconds in steps.items():
        print(f"  {step:<22} {seconds:8.3f} s")
    print(f"  ratio with all of it   {ratio:8.3f}, {_compared(ratio, BUDGET_RATIO)} {BUDGET_RATIO:g}")
    for name, size in sizes.items():
        print(f"  {name:<22} {size / 1e6:8.2f} MB")
    print(f"  HTML is {_compared(sizes['report.html'], BUDGET_BYTES)} {BUDGET_BYTES / 1e6:g} MB")


def _compared(value: float, budget: float) -> str:
    return "within the budget of" if value <= budget else "ABOVE the budget of"


def _bare_run(folder: Path) -> float:
    """Return the CPU seconds of pytest without any plugin on a suite of the same size."""
    for module in range(TESTS // _PER_FILE):
        tests = "\n".join(
            f"def test_{number}():\n    assert {number} % {TESTS // FAILING}\n"
            for number in range(module * _PER_FILE, (module + 1) * _PER_FILE)
        )
        (folder / f"test_module_{module}.py").write_text(tests)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=folder,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert f"{FAILING} failed, {TESTS - FAILING} passed" in done.stdout, done.stdout[-2000:] + done.stderr
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _writing(folder: Path) -> tuple[dict[str, float], dict[str, int]]:
    """Return the median CPU seconds of each step, and the size of each file."""
    assessment = _assessment()
    redactor = Redactor(["correct-horse-battery-staple"])
    report = cast("Report", assessment.as_dict())
    formats: dict[str, Callable[[Report], str]] = {
        "report.json": json_file.render,
        "report.html": html_page.render,
        "summary.md": markdown.render,
    }
    steps: dict[str, Callable[[], object]] = {
        "dictionary": assessment.as_dict,
        "redaction": lambda: redactor.redact(report),
        **{name: _step(redactor, folder / name, report, render) for name, render in formats.items()},
        "terminal": lambda: summary_lines(report, 80),
    }
    seconds = {name: statistics.median(_cpu(step) for _ in range(ROUNDS)) for name, step in steps.items()}
    return seconds, {name: (folder / name).stat().st_size for name in formats}


def _step(redactor: Redactor, path: Path, report: Report, render: Callable[[Report], str]) -> Callable[[], None]:
    def step() -> None:
        text = render(report)
        redactor.refuse(text, path.name)
        write_whole(path, text)

    return step


def _cpu(action: Callable[[], object]) -> float:
    before = time.process_time()
    action()
    return time.process_time() - before


def _assessment() -> Assessment:
    claims, records = [], {}
    for number in range(TESTS):
        path = f"tests/unit/test_module_{number // _PER_FILE}.py"
        nodeid = f"{path}::test_requirement_{number}"
        bad = number % (TESTS // FAILING) == 0
        verdict = _verdict(3 if bad else 0)
        outcome = "failed" if bad else "passed"
        records[nodeid] = TestRecord(nodeid, outcome, duration=number / 1e5, verdicts=(verdict.as_dict(),))
        title, line = f"requirement {number}", number % _PER_FILE + 5
        claims.append(Claim(nodeid, Requirement(nodeid, title, "security", declared_at=f"{path}:{line}")))
    run = RunInfo("2026-11-20T09:00:00Z", "2026-11-20T09:02:41Z", {"pytest": "9.2.0"})
    return assess([], Inventory(tuple(claims)), records, run)


def _verdict(violations: int) -> Verdict:
    findings = [
        Finding(
            "not-allowed",
            f"left-pad-{number} 1.{number}",
            f"left-pad-{number} 1.{number} is not on the allow list",
            fix="ask the owner of the allow list for clearance, or remove it",
            location=Location("uv.lock", 12 + number),
        )
        for number in range(violations)
    ]
    return Verdict(
        "dependencies.allowed",
        findings,
        examined={"dependencies": 143, "rules": 12, "from": "uv.lock"},
        evidence={"uv.lock": {"sha256": "cd34" * 16}},
    )


if __name__ == "__main__":
    main()
