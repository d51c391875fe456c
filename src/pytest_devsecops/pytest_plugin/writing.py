"""Writing reports: redacted first, whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pytest_devsecops.core.errors import DevSecOpsError
from pytest_devsecops.core.redaction import Redactor
from pytest_devsecops.reports.model import Report, ReportFormat
from pytest_devsecops.reports.writing import write_whole


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
            write_whole(path, text)
        except DevSecOpsError as error:
            failures.append(str(error))
    return failures
