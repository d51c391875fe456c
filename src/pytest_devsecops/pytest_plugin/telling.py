"""What the terminal says at the end of a run."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from pytest_devsecops.core.assessment import Assessed
from pytest_devsecops.core.text import counted
from pytest_devsecops.pytest_plugin.settings import Settings
from pytest_devsecops.reports.model import Report
from pytest_devsecops.reports.terminal import summary_lines


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of a run.

    Attributes:
        report: the redacted report.
        unmet: the requirements that are not met and for which the run answers.
        failures: why the gate fails the run, or what could not be written.
        notes: what a reader should know besides.
    """

    report: Report
    unmet: tuple[Assessed, ...]
    failures: tuple[str, ...]
    notes: tuple[str, ...]


def tell(reporter: pytest.TerminalReporter, outcome: Outcome, settings: Settings, config: pytest.Config) -> None:
    """Write the summary that the options ask for, or one line if something is not met."""
    if not settings.gated:
        if outcome.unmet:
            names = ", ".join(f"{one.requirement.id} {one.status}" for one in outcome.unmet)
            what = counted(len(outcome.unmet), "requirement")
            reporter.write_line(f"devsecops: {what} not met: {names} (--devsecops-report tells why)", yellow=True)
        return
    if settings.summary or settings.strict:
        reporter.write_sep("=", "security and recovery requirements")
        writer = config.get_terminal_writer()
        encoding = getattr(sys.stdout, "encoding", None) or "ascii"
        for line in summary_lines(outcome.report, writer.fullwidth, encoding):
            reporter.write_line(line.text, **dict.fromkeys(line.style.split(), True))
    for path in settings.targets:
        if path.exists():
            reporter.write_line(f"report: {_shown(path, config)}")
    for note in outcome.notes:
        reporter.write_line(f"devsecops: {note}", yellow=True)
    for failure in outcome.failures:
        reporter.write_line(f"devsecops: failed, because {failure}", red=True, bold=True)


def _shown(path: Path, config: pytest.Config) -> str:
    folder = config.invocation_params.dir
    return str(path.relative_to(folder)) if path.is_relative_to(folder) else str(path)
