from __future__ import annotations

from pathlib import Path

import pytest

from pytest_devsecops.dependencies.model import ReadContext
from pytest_devsecops.testing.environments import FakeEnvironment


@pytest.fixture
def environment(tmp_path: Path) -> FakeEnvironment:
    """An empty virtual environment at ``.venv`` below the project's root, which is ``tmp_path``."""
    return FakeEnvironment(tmp_path / ".venv")


@pytest.fixture
def context(tmp_path: Path) -> ReadContext:
    return ReadContext(tmp_path)
