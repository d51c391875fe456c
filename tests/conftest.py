"""Fixtures that several areas of the suite share."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any, cast

import pytest
from packaging.utils import canonicalize_name
from packaging.version import Version

from pytest_devsecops.core.redaction import without_credentials
from pytest_devsecops.dependencies.model import OptionName, OriginKind, ReadContext, SourceError
from pytest_devsecops.dependencies.sources.requirement_tree import Entry, read_tree

_ORACLE = Path(__file__).parent / "assets" / "requirements" / "pip_oracle.py"


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Say which program a test misses; where it runs in CI that is a failure, because .ci/run installs them."""
    for marker in item.iter_markers("tools"):
        for program, package in marker.kwargs.items():
            name = program.replace("_", "-")
            if shutil.which(name) is None:
                message = f"this test starts {name}, which is not installed here; apt-get install {package} brings it"
                if os.environ.get("CI"):
                    pytest.fail(message, pytrace=False)
                pytest.skip(message)


class PipOracle:
    """A running pip that says what it makes of requirements files.

    Args:
        site: the folder to import pip from; None is the running interpreter's own.
    """

    def __init__(self, site: Path | None = None) -> None:
        environ = {**os.environ, "PYTHONPATH": str(site) if site else "", "PIP_CONFIG_FILE": os.devnull}
        self._process = subprocess.Popen(
            [sys.executable, str(_ORACLE)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environ,
        )

    def read(self, path: Path, root: Path, environ: Mapping[str, str] | None = None) -> dict[str, Any]:
        """Return ``{entries, options}``, or ``{error}`` if pip refuses the file."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(json.dumps({"path": str(path), "cwd": str(root), "environ": dict(environ or {})}) + "\n")
        stdin.flush()
        answer = stdout.readline()
        assert answer, "pip's process has ended"
        return cast("dict[str, Any]", json.loads(answer))

    def close(self) -> None:
        """End the process."""
        self._process.communicate()

    def disagreement(self, path: Path, root: Path, environ: Mapping[str, str] | None = None) -> str:
        """Return how pip's reading of a file differs from ours; empty if it does not."""
        theirs = self.read(path, root, environ)
        try:
            tree = read_tree(path, ReadContext(root, environ or {}))
        except SourceError as error:
            return "" if "error" in theirs else f"only we refuse: {error}\npip reads: {theirs}"
        if "error" in theirs:
            return f"only pip refuses: {theirs['error']}\nwe read: {tree.entries}"
        ours = {
            "entries": [_comparable(_as_pip_says(entry), root) for entry in tree.entries],
            "options": sorted([str(one.name), one.value] for one in tree.options if one.name in _COMPARED_OPTIONS),
        }
        expected = {
            "entries": [_comparable(entry, root) for entry in theirs["entries"]],
            "options": sorted([name, without_credentials(value)] for name, value in theirs["options"]),
        }
        return "" if ours == expected else f"we read: {ours}\npip reads: {expected}"


_COMPARED_OPTIONS = frozenset(
    {
        OptionName.INDEX_URL,
        OptionName.EXTRA_INDEX_URL,
        OptionName.FIND_LINKS,
        OptionName.TRUSTED_HOST,
        OptionName.NO_INDEX,
        OptionName.REQUIRE_HASHES,
        OptionName.NO_REQUIRE_HASHES,
        OptionName.PRE,
        OptionName.PREFER_BINARY,
    },
)


def _as_pip_says(entry: Entry) -> dict[str, Any]:
    form, origin = entry.form, entry.form.origin
    local = origin.kind in (OriginKind.PATH, OriginKind.EDITABLE)
    return {
        "name": form.name if form.named_by_pip else None,
        "specifier": str(form.specifier),
        "extras": form.extras,
        "marker": str(form.marker or ""),
        "editable": origin.editable,
        "constraint": entry.constraint,
        "hashes": entry.hashes,
        "url": origin.url if origin.kind is OriginKind.URL else None,
        "path": origin.url if local else None,
        "vcs": [origin.url, origin.reference] if origin.kind is OriginKind.VCS else None,
        "line": entry.location.line,
        "file": entry.location.path,
    }


def _comparable(entry: dict[str, Any], root: Path) -> dict[str, Any]:
    """Return an entry without what may differ: credentials, order, spelling of extras and of the file's path."""
    return {
        **entry,
        "extras": sorted(canonicalize_name(extra) for extra in entry["extras"]),
        "hashes": sorted(set(entry["hashes"])),
        "url": without_credentials(entry["url"]) if entry["url"] else None,
        "vcs": [without_credentials(entry["vcs"][0]), entry["vcs"][1]] if entry["vcs"] else None,
        "file": os.path.relpath(root / entry["file"].removeprefix("file://"), root),
    }


#: The pip that the reader follows; an environment may have an older one.
_NEW_PIP = "26.3"


@pytest.fixture(scope="session")
def pip_oracle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PipOracle]:
    """The running interpreter's pip, or a new one if that is too old."""
    try:
        new_enough = Version(metadata.version("pip")) >= Version(_NEW_PIP)
    except metadata.PackageNotFoundError:
        new_enough = False
    oracle = PipOracle(None if new_enough else _installed(f"pip>={_NEW_PIP}", tmp_path_factory.mktemp("new-pip")))
    yield oracle
    oracle.close()


@pytest.fixture(scope="session")
def old_pip_oracle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PipOracle]:
    """A pip of 2024, the first that refuses what PEP 440 and PEP 508 refuse."""
    oracle = PipOracle(_installed("pip==24.1", tmp_path_factory.mktemp("old-pip")))
    yield oracle
    oracle.close()


def _installed(requirement: str, site: Path) -> Path:
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(site), requirement]
    done = subprocess.run(install, capture_output=True, text=True, check=False)
    if done.returncode:
        message = f"{requirement}, the oracle of this test, cannot be installed here: {done.stderr}"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return site
