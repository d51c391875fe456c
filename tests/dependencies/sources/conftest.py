from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_devsecops.dependencies.model import Graph, ReadContext, SourceReader
from pytest_devsecops.dependencies.sources.pyproject import PyprojectReader
from pytest_devsecops.dependencies.sources.requirements_txt import RequirementsReader

ReadAsset = Callable[..., Graph]
LOCKS = Path(__file__).parents[2] / "assets" / "locks"


@pytest.fixture
def read_asset(tmp_path: Path) -> ReadAsset:
    """Reads a copy of an asset below ``locks``, under another name if wanted, beside copies of others."""

    def read(reader: SourceReader, asset: str, *beside: str, name: str = "") -> Graph:
        for one in beside:
            (tmp_path / Path(one).name).write_bytes((LOCKS / one).read_bytes())
        path = tmp_path / (name or Path(asset).name)
        path.write_bytes((LOCKS / asset).read_bytes())
        return reader.read(path, ReadContext(tmp_path))

    return read


@pytest.fixture
def read_text(tmp_path: Path) -> Callable[[SourceReader, str], Graph]:
    """Reads a text as a file that has the first name of the reader's format."""

    def read(reader: SourceReader, text: str) -> Graph:
        path = tmp_path / reader.patterns[0]
        path.write_text(text, encoding="utf-8")
        return reader.read(path, ReadContext(tmp_path))

    return read


@pytest.fixture
def read_files(tmp_path: Path) -> Callable[[dict[str, str]], Graph]:
    """Writes files by path and reads the first as a requirements file; the root is the test's folder."""

    def read(files: dict[str, str]) -> Graph:
        _write(tmp_path, files)
        return RequirementsReader().read(tmp_path / next(iter(files)), ReadContext(tmp_path))

    return read


@pytest.fixture
def read_toml(tmp_path: Path) -> Callable[..., Graph]:
    """Writes a ``pyproject.toml``, and other files by path, and reads the former."""

    def read(content: str, others: dict[str, str] | None = None) -> Graph:
        _write(tmp_path, {"pyproject.toml": content, **(others or {})})
        return PyprojectReader().read(tmp_path / "pyproject.toml", ReadContext(tmp_path))

    return read


def _write(folder: Path, files: dict[str, str]) -> None:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content, encoding="utf-8")
