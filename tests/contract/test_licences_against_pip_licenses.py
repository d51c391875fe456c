from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from pytest_devsecops.dependencies.model import ReadContext
from pytest_devsecops.dependencies.sources.environment import EnvironmentReader


@pytest.mark.slow
def test_licence_metadata_is_what_pip_licenses_reads(tmp_path: Path) -> None:
    tool = shutil.which("pip-licenses")
    if tool is None:
        message = "needs the command pip-licenses on the PATH to compare with"
        if os.environ.get("CI"):
            pytest.fail(message, pytrace=False)
        pytest.skip(message)
    command = [tool, f"--python={sys.executable}", "--from=all", "--format=json", "--with-system"]
    told = json.loads(subprocess.run(command, capture_output=True, check=True, cwd=tmp_path).stdout)
    theirs = {
        canonicalize_name(one["Name"]): (
            one["License-Expression"],
            set(one["License-Classifier"].split("; ")),
            " ".join(one["License-Metadata"].split()),
        )
        for one in told
    }
    graph = EnvironmentReader().read(Path(sys.prefix), ReadContext(tmp_path))
    ours = {
        one.name: (
            one.licence.expression or "UNKNOWN",
            {name.rpartition(" :: ")[2] for name in one.licence.classifiers} or {"UNKNOWN"},
            " ".join(one.licence.text.split()) or "UNKNOWN",
        )
        for one in graph.dependencies
        if one.licence is not None
    }
    assert ours == theirs
