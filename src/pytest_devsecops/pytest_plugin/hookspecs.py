"""Hooks by which an organisation ships its own parts as a package.

Registration hooks are called once, when the session starts, for plugins and initial conftest files.
Implementing one in a conftest file that is loaded later is an error.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_devsecops.core.requirement import Requirement
    from pytest_devsecops.dependencies.model import SourceReader
    from pytest_devsecops.recovery.making import StoreType
    from pytest_devsecops.reports.model import ReportFormat

#: Every hook of this module.
REGISTRATION_HOOKS = (
    "pytest_devsecops_policies",
    "pytest_devsecops_requirements",
    "pytest_devsecops_source_readers",
    "pytest_devsecops_report_formats",
    "pytest_devsecops_stores",
    "pytest_devsecops_redactions",
)


@pytest.hookspec
def pytest_devsecops_policies(config: pytest.Config) -> Sequence[Path]:  # type: ignore[empty-body]
    """Return policy files that lie below the project's own, the most general first."""


@pytest.hookspec
def pytest_devsecops_requirements(config: pytest.Config) -> Sequence[Requirement]:  # type: ignore[empty-body]
    """Return requirements that the organisation declares; each must have a test."""


@pytest.hookspec
def pytest_devsecops_source_readers(config: pytest.Config) -> Sequence[SourceReader]:  # type: ignore[empty-body]
    """Return readers for further lock-file formats; a name that exists already is an error."""


@pytest.hookspec
def pytest_devsecops_report_formats(config: pytest.Config) -> Sequence[ReportFormat]:  # type: ignore[empty-body]
    """Return further report formats; a name that exists already is an error."""


@pytest.hookspec
def pytest_devsecops_stores(config: pytest.Config) -> Sequence[StoreType]:  # type: ignore[empty-body]
    """Return further kinds of stores for ``recovery.store("name", …)``; a name that exists already is an error."""


@pytest.hookspec
def pytest_devsecops_redactions(config: pytest.Config) -> Sequence[str]:  # type: ignore[empty-body]
    """Return secrets that must never be written into a report."""
