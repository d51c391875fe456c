"""The fixtures. Those of a host suite with the same name win; ``devsecops`` offers ours all the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_devsecops.pytest_plugin.waking import wake

if TYPE_CHECKING:
    from pytest_devsecops.dependencies.family import Dependencies
    from pytest_devsecops.pytest_plugin.umbrella import DevSecOps


@pytest.fixture(scope="session")
def devsecops(request: pytest.FixtureRequest) -> DevSecOps:
    """Everything in one place: ``devsecops.verdict(…)`` for own checks, ``devsecops.dependencies``."""
    return wake(request.config).umbrella


@pytest.fixture(scope="session")
def dependencies(request: pytest.FixtureRequest) -> Dependencies:
    """Checks on what the project depends on, such as ``dependencies.allowed()``."""
    return wake(request.config).umbrella.dependencies
