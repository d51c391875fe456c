"""Where a run took place: versions, commit, continuous integration."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from pytest_devsecops.core.records import TestRecord

# Each tuple: the variable that tells the system, its name, and where it puts workflow, job and commit.
_SYSTEMS = (
    ("GITHUB_ACTIONS", "github", "GITHUB_WORKFLOW", "GITHUB_JOB", "GITHUB_SHA"),
    ("GITLAB_CI", "gitlab", "CI_PIPELINE_SOURCE", "CI_JOB_NAME", "CI_COMMIT_SHA"),
)


def versions() -> dict[str, str]:
    """Return the versions that a result depends on."""
    return {
        "plugin": version("pytest-devsecops"),
        "pytest": pytest.__version__,
        "python": platform.python_version(),
    }


def continuous_integration(environ: Mapping[str, str] = os.environ) -> dict[str, str] | None:
    """Return system, workflow, job and commit of the CI that runs this, or None outside of one."""
    for flag, name, workflow, job, commit in _SYSTEMS:
        if environ.get(flag):
            found = {"workflow": workflow, "job": job, "commit": commit}
            return {
                "system": name,
                **{key: environ[variable] for key, variable in found.items() if variable in environ},
            }
    return {"system": "unknown"} if environ.get("CI") else None


def commit_of(root: Path) -> tuple[str | None, bool | None]:
    """Return the commit checked out at ``root`` and whether the tree differs from it.

    Both are None where there is no git or no repository: a report then says that it does not know.
    """
    commit = _git(root, "rev-parse", "HEAD")
    if commit is None:
        return None, None
    changed = _git(root, "status", "--porcelain", "--untracked-files=no")
    return commit.strip(), bool(changed.strip()) if changed is not None else None


def advisories_of(records: Iterable[TestRecord]) -> Mapping[str, Any] | None:
    """Return which advisories the run's checks used, as their evidence states it; None if none did.

    It is taken from the verdicts and not from the file, because the checks may have run in other
    processes, and what counts is what they saw.
    """
    used = (verdict["evidence"].get("advisories") for record in records for verdict in record.verdicts)
    return next((one for one in used if isinstance(one, Mapping)), None)


def _git(root: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(  # noqa: S603 - fixed arguments
            ["git", "-C", str(root), *arguments],  # noqa: S607 - the git that the developer uses
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
