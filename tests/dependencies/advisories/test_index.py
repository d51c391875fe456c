from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pytest_devsecops.dependencies.advisories.build import Harvest, build_index
from pytest_devsecops.dependencies.advisories.index import SCHEMA_VERSION, SourceInfo, open_index
from pytest_devsecops.dependencies.advisories.model import AdvisoryError
from pytest_devsecops.dependencies.advisories.osv import read_record

Record = Callable[..., dict[str, Any]]
Index = Callable[..., Path]


def refusal(path: Path) -> str:
    with pytest.raises(AdvisoryError) as caught, open_index(path):
        pass
    assert caught.value.place == str(path)
    assert caught.value.remedy
    return caught.value.message


def change(path: Path, statement: str) -> None:
    connection = sqlite3.connect(path)
    connection.execute(statement)
    connection.commit()
    connection.close()


def test_what_is_written_is_read_back(record: Record, index_of: Index, now: datetime) -> None:
    one = record("DEMO-1", "shopkit", "introduced=0", "fixed=1.5", aliases=["CVE-2026-1"], summary="Größe")
    path = index_of(one, record("DEMO-2", "other", versions=("1.0",)))
    with open_index(path) as index:
        assert index.info.count == 2
        assert index.info.packages == 2
        [entry] = index.entries({"shopkit", "unknown"})["shopkit"]
        [advisory] = index.advisories([entry.row]).values()
    decoded = read_record(one, "test", now=now)
    assert entry.affected == decoded.affected[0]
    assert (advisory.id, advisory.aliases, advisory.summary) == ("DEMO-1", ("CVE-2026-1",), "Größe")
    assert advisory.severity == decoded.severity
    assert advisory.modified == decoded.modified


def test_more_names_than_one_query_takes_are_all_answered(record: Record, index_of: Index) -> None:
    path = index_of(*(record(f"DEMO-{number}", f"package-{number}", versions=("1",)) for number in range(1234)))
    with open_index(path) as index:
        assert len(index.entries(f"package-{number}" for number in range(2000))) == 1234


def test_the_digest_is_of_the_contents_not_of_the_order_or_the_day(record: Record, tmp_path: Path) -> None:
    def digest(*records: dict[str, Any], day: int) -> str:
        now = datetime(2026, 6, day, tzinfo=UTC)
        advisories = tuple(read_record(one, "test", now=now) for one in records)
        harvest = Harvest(SourceInfo("x", "osv-files", "0" * 64, 2), advisories)
        return build_index([harvest], tmp_path / "x.db", now=now).sha256

    one, two = record("DEMO-1", versions=("1",)), record("DEMO-2", versions=("2",))
    assert digest(one, two, day=10) == digest(two, one, day=11)
    assert digest(one, two, day=10) != digest(one, record("DEMO-2", versions=("3",)), day=10)


def test_a_missing_file_says_how_to_make_it(tmp_path: Path) -> None:
    path = tmp_path / "advisories.db"
    assert refusal(path) == "there is no advisory file"
    assert refusal(tmp_path) == "there is no advisory file"
    with pytest.raises(AdvisoryError, match="advisories import SOURCE"), open_index(path):
        pass


def test_an_empty_file_and_another_program_s_database_are_refused(tmp_path: Path) -> None:
    empty = tmp_path / "empty.db"
    empty.write_bytes(b"")
    assert refusal(empty) == "is not an advisory file, or an empty one"
    foreign = tmp_path / "foreign.db"
    change(foreign, "CREATE TABLE advisory (id TEXT)")
    assert refusal(foreign) == "is not an advisory file, or an empty one"


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    text = tmp_path / "text.db"
    text.write_text("this is no database at all, it only has the name of one\n" * 40)
    assert "is damaged or is none" in refusal(text)


def test_a_file_of_another_schema_is_refused(record: Record, index_of: Index) -> None:
    path = index_of(record("DEMO-1", versions=("1",)))
    change(path, f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    assert refusal(path) == f"has schema {SCHEMA_VERSION + 1}, and this version of pytest-devsecops reads schema 1"


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM package WHERE name = 'shopkit'",
        "DELETE FROM advisory WHERE row = 0",
        "UPDATE package SET data = '[]'",
        "DELETE FROM meta WHERE name = 'sources'",
        "UPDATE meta SET value = 'no JSON' WHERE name = 'count'",
        "UPDATE meta SET value = '[{}]' WHERE name = 'sources'",
        "DROP TABLE advisory",
    ],
)
def test_contents_that_were_changed_are_never_believed(statement: str, record: Record, index_of: Index) -> None:
    path = index_of(record("DEMO-1", versions=("1",)), record("DEMO-2", "other", versions=("1",)))
    change(path, statement)
    assert "is damaged or is none" in refusal(path)


def test_a_truncated_file_is_refused(record: Record, index_of: Index) -> None:
    path = index_of(*(record(f"DEMO-{number}", f"package-{number}", versions=("1",)) for number in range(500)))
    data = path.read_bytes()
    for size in (100, 4096, len(data) // 2, len(data) - 4096):
        path.write_bytes(data[:size])
        assert "damaged" in refusal(path)


def test_reading_writes_nothing_beside_the_file(record: Record, index_of: Index) -> None:
    path = index_of(record("DEMO-1", versions=("1",)))
    path.chmod(0o444)
    path.parent.chmod(0o555)
    try:
        with open_index(path) as index:
            assert index.entries(["shopkit"])
        assert [one.name for one in path.parent.iterdir()] == [path.name]
    finally:
        path.parent.chmod(0o755)


def test_a_place_that_cannot_be_written_is_an_error(record: Record, tmp_path: Path, now: datetime) -> None:
    (tmp_path / "file").write_text("in the way")
    advisory = read_record(record("DEMO-1", versions=("1",)), "test", now=now)
    harvest = Harvest(SourceInfo("x", "osv-files", "0" * 64, 1), (advisory,))
    with pytest.raises(AdvisoryError, match="the advisory file cannot be written"):
        build_index([harvest], tmp_path / "file" / "advisories.db", now=now)
