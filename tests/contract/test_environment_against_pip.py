from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from pytest_devsecops.dependencies.model import ReadContext
from pytest_devsecops.dependencies.sources.environment import EnvironmentReader


@pytest.mark.slow
def test_the_listing_of_this_environment_is_pips_entry_by_entry(tmp_path: Path) -> None:
    pytest.importorskip("pip", reason="needs pip in this environment to compare with")
    command = [sys.executable, "-m", "pip", "inspect", "--disable-pip-version-check"]
    told = json.loads(subprocess.run(command, capture_output=True, check=True, cwd=tmp_path).stdout)["installed"]
    theirs = {
        canonicalize_name(one["metadata"]["name"]): (
            one["metadata"]["version"],
            "direct_url" in one,
        )
        for one in told
    }
    graph = EnvironmentReader().read(Path(sys.prefix), ReadContext(tmp_path))
    ours = {one.name: (one.version, bool(one.origin.url)) for one in graph.dependencies}
    assert ours == theirs


@pytest.mark.slow
def test_what_pip_says_was_requested_is_direct(tmp_path: Path) -> None:
    pytest.importorskip("pip", reason="needs pip in this environment to compare with")
    command = [sys.executable, "-m", "pip", "inspect", "--disable-pip-version-check"]
    told = json.loads(subprocess.run(command, capture_output=True, check=True, cwd=tmp_path).stdout)["installed"]
    theirs = {
        canonicalize_name(one["metadata"]["name"]): one["requested"] for one in told if one.get("installer") == "pip"
    }
    graph = EnvironmentReader().read(Path(sys.prefix), ReadContext(tmp_path))
    ours = {one.name: one.direct is True for one in graph.dependencies if one.name in theirs}
    assert ours == theirs
