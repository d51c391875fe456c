"""Locks that the real tools write are read as those tools mean them.

The tools lock against a small index on the loopback interface, so the answer is known in advance.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest
from packaging.markers import Marker

from pytest_devsecops.dependencies.model import Dependency, Graph, OriginKind, ReadContext, SourceReader
from pytest_devsecops.dependencies.sources.pdm_lock import PdmLockReader
from pytest_devsecops.dependencies.sources.pipfile_lock import PipfileLockReader
from pytest_devsecops.dependencies.sources.poetry_lock import PoetryLockReader
from pytest_devsecops.dependencies.sources.pylock import PylockReader
from pytest_devsecops.dependencies.sources.uv_lock import UvLockReader

pytestmark = pytest.mark.slow

UPLOADED = "2024-01-02T03:04:05Z"
#: What the index has: version and metadata lines of every package.
PACKAGES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "dso-anchor": (
        "2.0",
        (
            "Provides-Extra: chain",
            "Requires-Dist: dso-bellows>=1",
            "Requires-Dist: dso-winch; sys_platform == 'win32'",
            "Requires-Dist: dso-link; extra == 'chain'",
        ),
    ),
    "dso-bellows": ("1.0", ()),
    "dso-winch": ("5.0", ()),
    "dso-link": ("4.0", ()),
    "dso-eyelet": ("1.1", ()),
}


@dataclass(frozen=True)
class Index:
    """An index on the loopback interface."""

    url: str
    hashes: Mapping[str, str]


def wheel(name: str) -> tuple[str, bytes]:
    """Return the file name and the bytes of a package's wheel."""
    version, lines = PACKAGES[name]
    folder = f"{name.replace('-', '_')}-{version}.dist-info"
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        metadata = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}", *lines, ""]
        archive.writestr(f"{folder}/METADATA", "\n".join(metadata))
        archive.writestr(
            f"{folder}/WHEEL", "Wheel-Version: 1.0\nGenerator: hand\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{folder}/RECORD", f"{folder}/METADATA,,\n{folder}/WHEEL,,\n{folder}/RECORD,,\n")
    return f"{name.replace('-', '_')}-{version}-py3-none-any.whl", buffer.getvalue()


class Handler(BaseHTTPRequestHandler):
    """Answers as a simple index does (PEP 503, PEP 691)."""

    files: ClassVar[dict[str, tuple[str, bytes]]] = {}

    def do_GET(self) -> None:
        parts = self.path.strip("/").split("/")
        name = parts[-1]
        if parts[0] == "files":
            self._send("application/octet-stream", dict(self.files.values()).get(name, b""))
        elif parts[0] == "simple" and name in self.files:
            file, content = self.files[name]
            digest = hashlib.sha256(content).hexdigest()
            if "v1+json" in self.headers.get("Accept", ""):
                entry = {"filename": file, "url": f"/files/{file}", "hashes": {"sha256": digest}, "size": len(content)}
                entry["upload-time"] = UPLOADED
                page = {"meta": {"api-version": "1.1"}, "name": name, "versions": [PACKAGES[name][0]], "files": [entry]}
                self._send("application/vnd.pypi.simple.v1+json", json.dumps(page).encode())
            else:
                self._send("text/html", f'<a href="/files/{file}#sha256={digest}">{file}</a>'.encode())
        else:
            self.send_error(404)

    def do_HEAD(self) -> None:
        self.send_error(405)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        """Keep quiet."""

    def _send(self, kind: str, content: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


@pytest.fixture(scope="module")
def index() -> Iterator[Index]:
    Handler.files = {name: wheel(name) for name in PACKAGES}
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    hashes = {name: f"sha256:{hashlib.sha256(content).hexdigest()}" for name, (_, content) in Handler.files.items()}
    yield Index(f"http://127.0.0.1:{server.server_port}/simple", hashes)
    server.shutdown()
    thread.join()
    server.server_close()


def _not_here(message: str) -> None:
    """Skip; in CI, where ``.ci/run`` installs every tool, fail."""
    if os.environ.get("CI"):
        pytest.fail(message, pytrace=False)
    pytest.skip(message)


def lock(folder: Path, *command: str, **environ: str) -> None:
    """Run a locking tool in ``folder``; skip if it is not installed."""
    if shutil.which(command[0]) is None:
        _not_here(f"{command[0]} is not installed, so it cannot be asked")
    settings = {key: value for key, value in os.environ.items() if not key.startswith(("PIP_", "UV_", "VIRTUAL_ENV"))}
    settings |= {"NO_PROXY": "127.0.0.1", "PIP_CONFIG_FILE": os.devnull, "PDM_CHECK_UPDATE": "0", **environ}
    ran = subprocess.run(command, cwd=folder, env=settings, capture_output=True, text=True, check=False, timeout=300)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def read(reader: SourceReader, path: Path) -> tuple[Graph, dict[str, Dependency]]:
    graph = reader.read(path, ReadContext(path.parent))
    assert graph.problems == ()
    return graph, {one.name: one for one in graph.dependencies}


def check_common(found: Mapping[str, Dependency], index: Index, *names: str) -> None:
    """What every format says: names, versions, hashes, origin, and where a package is needed."""
    assert sorted(found) == sorted(names)
    for name, one in found.items():
        assert one.version == PACKAGES[name][0]
        assert one.origin.kind is OriginKind.INDEX
        assert index.hashes[name] in one.hashes
        assert one.location is not None
        assert one.location.line is not None
    if "dso-winch" in found:
        marker = Marker(found["dso-winch"].marker)
        assert [marker.evaluate({"sys_platform": platform}) for platform in ("win32", "linux")] == [True, False]


def check_graph(found: Mapping[str, Dependency], extra: str = "extra:fast") -> None:
    """What formats with groups and edges say besides."""
    assert {name: sorted(one.groups) for name, one in found.items()} == {
        "dso-anchor": ["main"],
        "dso-bellows": ["lint", "main"],
        "dso-eyelet": [extra],
        "dso-link": ["main"],
        "dso-winch": ["main"],
    }
    assert {name for name, one in found.items() if one.direct} == {"dso-anchor", "dso-bellows", "dso-eyelet"}
    assert {name for name, one in found.items() if "dso-anchor" in one.parents} == {
        "dso-bellows",
        "dso-link",
        "dso-winch",
    }
    assert found["dso-anchor"].extras == {"chain"}


def write_project(folder: Path, more: str = "") -> None:
    (folder / "pyproject.toml").write_text(
        f"""
[project]
name = "shop"
version = "1.0"
requires-python = ">=3.11"
dependencies = ["dso-anchor[chain]"]
[project.optional-dependencies]
fast = ["dso-eyelet"]
[dependency-groups]
lint = ["dso-bellows"]
{more}
""",
        encoding="utf-8",
    )


def test_uv(tmp_path: Path, index: Index) -> None:
    write_project(tmp_path)
    lock(tmp_path, "uv", "lock", UV_DEFAULT_INDEX=index.url, UV_CACHE_DIR=str(tmp_path / "cache"))

    _, found = read(UvLockReader(), tmp_path / "uv.lock")

    check_common(found, index, *PACKAGES)
    check_graph(found)
    assert {one.origin.url for one in found.values()} == {index.url}
    assert {one.uploaded for one in found.values()} == {datetime.fromisoformat(UPLOADED).astimezone(UTC)}


def test_a_lock_that_uv_exports(tmp_path: Path, index: Index) -> None:
    write_project(tmp_path)
    environ = {"UV_DEFAULT_INDEX": index.url, "UV_CACHE_DIR": str(tmp_path / "cache")}
    lock(tmp_path, "uv", "lock", **environ)
    lock(tmp_path, "uv", "export", "--all-extras", "--all-groups", "-o", "pylock.toml", **environ)

    _, found = read(PylockReader(), tmp_path / "pylock.toml")

    check_common(found, index, *PACKAGES)
    assert {one.uploaded for one in found.values()} == {datetime.fromisoformat(UPLOADED).astimezone(UTC)}


def test_poetry(tmp_path: Path, index: Index) -> None:
    write_project(
        tmp_path, f'[tool.poetry]\npackage-mode = false\n[[tool.poetry.source]]\nname = "ours"\nurl = "{index.url}"\n'
    )
    lock(tmp_path, "poetry", "lock", "--no-interaction", POETRY_CACHE_DIR=str(tmp_path / "cache"))

    _, found = read(PoetryLockReader(), tmp_path / "poetry.lock")

    check_common(found, index, *PACKAGES)
    check_graph(found)
    assert {one.origin.url for one in found.values()} == {index.url}


@pytest.mark.parametrize("strategy", ["inherit_metadata", "no_inherit_metadata", "static_urls"])
def test_pdm(tmp_path: Path, index: Index, strategy: str) -> None:
    write_project(tmp_path, f'[[tool.pdm.source]]\nname = "pypi"\nurl = "{index.url}"\nverify_ssl = false\n')
    lock(
        tmp_path,
        "pdm",
        "lock",
        "-G:all",
        "--no-isolation",
        "--strategy",
        strategy,
        PDM_CACHE_DIR=str(tmp_path / "cache"),
    )

    _, found = read(PdmLockReader(), tmp_path / "pdm.lock")

    check_common(found, index, *PACKAGES)
    check_graph(found)
    if strategy == "static_urls":
        assert all(
            file.url.startswith(index.url.removesuffix("simple")) for one in found.values() for file in one.artifacts
        )


def test_pipenv(tmp_path: Path, index: Index) -> None:
    (tmp_path / "Pipfile").write_text(
        f"""
[[source]]
name = "ours"
url = "{index.url}"
verify_ssl = false
[packages]
dso-anchor = {{ version = "*", extras = ["chain"] }}
[dev-packages]
dso-bellows = "*"
[docs]
dso-eyelet = "*"
""",
        encoding="utf-8",
    )
    lock(
        tmp_path,
        "pipenv",
        "lock",
        PIPENV_VENV_IN_PROJECT="1",
        PIPENV_CACHE_DIR=str(tmp_path / "cache"),
        PIPENV_IGNORE_VIRTUALENVS="1",
        PIP_CACHE_DIR=str(tmp_path / "pip"),
    )

    _, found = read(PipfileLockReader(), tmp_path / "Pipfile.lock")

    check_common(
        {name: one for name, one in found.items() if name != "dso-winch"}, index, *(set(PACKAGES) - {"dso-winch"})
    )
    assert {one.origin.url for one in found.values()} == {index.url}
    assert {name: (sorted(one.groups), one.direct) for name, one in found.items() if name != "dso-winch"} == {
        "dso-anchor": (["main"], True),
        "dso-bellows": (["develop", "main"], True),
        "dso-eyelet": (["docs"], True),
        "dso-link": (["main"], False),
    }


def test_pip(tmp_path: Path, index: Index) -> None:
    pip = (sys.executable, "-m", "pip")
    if subprocess.run([*pip, "lock", "--help"], capture_output=True, check=False).returncode:
        _not_here("this pip cannot lock; it takes 25.1 or later")
    lock(tmp_path, *pip, "lock", "dso-anchor[chain]", "--index-url", index.url, "--no-cache-dir")

    _, found = read(PylockReader(), tmp_path / "pylock.toml")

    check_common(found, index, "dso-anchor", "dso-bellows", "dso-link")
