from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_devsecops.dependencies.model import Graph, ReadContext, SourceReader

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
