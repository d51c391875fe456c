"""Writing reports: redacted first, whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from pytest_devsecops.core.redaction import Redactor, SecretLeakError
from pytest_devsecops.reports.model import Report, ReportFormat


def write_reports(report: Report, targets: Mapping[Path, ReportFormat], redactor: Redactor) -> list[str]:
    """Write the redacted ``report`` to every target.

    Returns:
        One sentence for each file that could not be written; such a file is left as it was.
    """
    failures = []
    for path, format_ in targets.items():
        text = format_.render(report)
        try:
            redactor.refuse(text, str(path))
            _write(path, text)
        except OSError as error:
            failures.append(f"the report {path} could not be written: {error.strerror or error}")
        except SecretLeakError as error:
            failures.append(str(error))
    return failures


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        unfinished.write_text(text, encoding="utf-8")
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
