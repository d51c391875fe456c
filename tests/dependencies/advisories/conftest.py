from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pytest_devsecops.dependencies.advisories.build import Harvest, build_index
from pytest_devsecops.dependencies.advisories.index import SourceInfo
from pytest_devsecops.dependencies.advisories.model import Affected
from pytest_devsecops.dependencies.advisories.osv import read_record

NOW = datetime(2026, 6, 10, tzinfo=UTC)

Record = dict[str, Any]


@pytest.fixture
def now() -> datetime:
    return NOW


@pytest.fixture
def assets() -> Path:
    return Path(__file__).parents[2] / "assets" / "advisories"


@pytest.fixture
def record() -> Callable[..., Record]:
    """Make an OSV record; events are written ``introduced=1.0`` and the like."""

    def make(identity: str, name: str = "shopkit", *events: str, versions: tuple[str, ...] = (), **more: Any) -> Record:  # noqa: ANN401 - any field of a record
        pairs = [event.split("=") for event in events]
        entry: Record = {"package": {"ecosystem": "PyPI", "name": name}, "versions": list(versions)}
        if pairs:
            entry["ranges"] = [{"type": "ECOSYSTEM", "events": [{kind: value} for kind, value in pairs]}]
        return {"id": identity, "modified": "2026-06-09T00:00:00Z", "affected": [entry], **more}

    return make


@pytest.fixture
def affected() -> Callable[..., Affected]:
    """Decode one entry of ``affected``."""

    def decode(**entry: Any) -> Affected:  # noqa: ANN401 - any field of a record
        package = {"package": {"ecosystem": "PyPI", "name": "shopkit"}}
        [found] = read_record({"id": "DEMO-1", "affected": [package | entry]}, "test", now=NOW).affected
        return found

    return decode


@pytest.fixture
def index_of(tmp_path: Path) -> Callable[..., Path]:
    """Write an advisory file with these records, and say where it is."""

    def write(*records: Mapping[str, Any], newest: str = "2026-06-09T00:00:00+00:00", unreadable: str = "") -> Path:
        path = tmp_path / ".devsecops" / "advisories.db"
        advisories = tuple(read_record(one, "test", now=NOW) for one in records)
        source = SourceInfo("test.jsonl", "osv-files", "0" * 64, len(records), newest)
        build_index([Harvest(source, advisories, (unreadable,) if unreadable else ())], path, now=NOW)
        return path

    return write
