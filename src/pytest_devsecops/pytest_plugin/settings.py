"""The options of one session, decoded and frozen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from pytest_devsecops.core.errors import UsageError
from pytest_devsecops.core.registry import Registry
from pytest_devsecops.pytest_plugin import options
from pytest_devsecops.reports.model import ReportFormat

#: Where a bare ``--devsecops-report`` writes.
REPORT_FOLDER = "devsecops-report"


@dataclass(frozen=True, slots=True)
class Settings:
    """What was asked for.

    Attributes:
        summary: whether the terminal shows every requirement.
        targets: the reports to write, by file.
        strict: whether anything short of a whole run with every requirement met or waived fails.
        policy_file: the policy that an option names.
        today: the date that ages are counted from.
    """

    summary: bool
    targets: Mapping[Path, ReportFormat]
    strict: bool
    policy_file: Path | None
    today: date

    @property
    def gated(self) -> bool:
        """Whether a requirement that is not met may fail the run."""
        return self.summary or bool(self.targets) or self.strict


def read_settings(config: pytest.Config, formats: Registry[ReportFormat]) -> Settings:
    """Decode the options of the session.

    Raises:
        UsageError: if one of them cannot be used, with what it should look like.
    """
    report = options.flag(config, "--devsecops-report")
    targets = _default_targets(config, formats) if report else {}
    for target in options.report_targets(config):
        path, chosen = _target(target, config, formats)
        if path in targets:
            raise UsageError(f"--devsecops-report-to: two reports would be written to {path}")
        targets[path] = chosen
    for path in targets:
        _refuse_unwritable(path)
    named = options.text(config, "--devsecops-policy")
    base = config.invocation_params.dir if config.getoption("--devsecops-policy") else config.rootpath
    return Settings(
        summary=report,
        targets=targets,
        strict=options.flag(config, "--devsecops-strict"),
        policy_file=base / named if named else None,
        today=_today(options.text(config, "--devsecops-today")),
    )


def _default_targets(config: pytest.Config, formats: Registry[ReportFormat]) -> dict[Path, ReportFormat]:
    folder = config.invocation_params.dir / REPORT_FOLDER
    return {folder / one.default_file: one for one in formats.values() if one.default_file}


def _target(text: str, config: pytest.Config, formats: Registry[ReportFormat]) -> tuple[Path, ReportFormat]:
    name, separator, path = text.partition(":")
    if not separator or not path:
        raise UsageError(f"--devsecops-report-to={text}: write FORMAT:PATH, with one of {', '.join(formats)}")
    try:
        return config.invocation_params.dir / path, formats.find(name)
    except UsageError as error:
        raise UsageError(f"--devsecops-report-to={text}: {error}") from None


def _refuse_unwritable(path: Path) -> None:
    """Refuse before the run what would otherwise lose its report after the run."""
    if path.is_dir():
        raise UsageError(f"the report {path} is a folder", remedy="name a file")
    above = next(parent for parent in path.parents if parent.exists())
    if not above.is_dir():
        raise UsageError(f"the report {path} cannot be written: {above} is a file, not a folder")


def _today(text: str) -> date:
    if not text:
        return datetime.now(UTC).date()
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"--devsecops-today={text}: write a date such as 2026-12-31") from None
