"""Files that are told to hold the same rows do hold the same rows, whatever happened to one of them."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_devsecops.recovery.stores.sqlite.unchanged import same_pages, same_rows

OURS = ("ledger",)
Files = tuple[Path, Path]


@contextlib.contextmanager
def connected(files: Files) -> Iterator[sqlite3.Connection]:
    with contextlib.closing(sqlite3.connect(files[0])) as connection:
        connection.create_function("signed_zero", 1, repr)
        connection.execute("attach ? as twin", (str(files[1]),))
        yield connection


def pages_agree(files: Files) -> bool:
    with connected(files) as connection:
        return same_pages(*files, connection, OURS)


def rows_agree(files: Files) -> bool:
    with connected(files) as connection:
        return same_rows(connection, '"item"', ['"name"', '"price"', '"picture"'], "rowid", "signed_zero")


def changed(files: Files, *changes: str) -> None:
    with contextlib.closing(sqlite3.connect(files[0])) as connection:
        for change in changes:
            connection.execute(change)
        connection.commit()


@pytest.fixture(params=["delete", "wal"])
def files(tmp_path: Path, request: pytest.FixtureRequest) -> Files:
    first, second = tmp_path / "first" / "db", tmp_path / "second" / "db"
    first.parent.mkdir()
    with contextlib.closing(sqlite3.connect(first)) as connection:
        connection.execute(f"pragma journal_mode = {request.param}")
        connection.execute("create table item(id integer primary key, name text, price, picture blob)")
        connection.executemany(
            "insert into item values (?, ?, ?, ?)",
            [(n, f"item {n}", n / 7, bytes([n % 256]) * (9000 if n % 100 == 0 else 10)) for n in range(2000)],
        )
        connection.execute("create index by_name on item(name)")
        connection.execute("create table ledger(number integer primary key, page blob)")
        connection.execute("insert into ledger values (-1, null)")
        connection.commit()
    shutil.copytree(first.parent, second.parent)
    return first, second


def test_copies_are_the_same(files: Files) -> None:
    assert pages_agree(files)
    assert rows_agree(files)


@pytest.mark.parametrize("size", [0, 4096, 100_000])
def test_what_our_own_tables_hold_does_not_count(files: Files, size: int) -> None:
    with contextlib.closing(sqlite3.connect(files[0])) as writer:
        for number in range(300):
            writer.execute("insert into ledger values (?, zeroblob(?))", (number, size))
        writer.execute("delete from ledger where number % 3 = 0")
        writer.commit()
        # The writer is still there, so its log is not check-pointed, as on a host that dies.
        assert pages_agree(files)


@pytest.mark.parametrize(
    "change",
    [
        "update item set name = 'other' where id = 1234",
        "update item set picture = zeroblob(9000) where id = 1900",
        "update item set price = null where id = 7",
        "delete from item where id = 5",
        "insert into item(name) values ('one more')",
        "drop index by_name",
        "create table further(n)",
        "create view names as select name from item",
        "insert into ledger select id + 2, picture from item",
        "pragma user_version = 4",
    ],
)
def test_every_other_change_is_seen(files: Files, change: str) -> None:
    changed(files, "insert into ledger values (1, zeroblob(8000))", change)
    harmless = change.startswith(("insert into ledger", "pragma"))
    assert pages_agree(files) is harmless
    assert pages_agree((files[1], files[0])) is harmless


def test_a_flipped_bit_is_seen(files: Files) -> None:
    content = bytearray(files[0].read_bytes())
    content[content.index(b"item 1500") + 8] ^= 1
    files[0].write_bytes(content)
    assert not pages_agree(files)
    assert not rows_agree(files)


def test_a_table_that_took_over_freed_pages_is_seen(files: Files) -> None:
    changed(files, "delete from item where id > 1000", "insert into ledger values (1, zeroblob(200000))")
    assert not pages_agree(files)


def test_rewritten_pages_prove_nothing_but_equal_rows_do(files: Files) -> None:
    with contextlib.closing(sqlite3.connect(files[0])) as connection:
        dump = list(connection.iterdump())
    files[0].unlink()
    for log in files[0].parent.glob("db-*"):
        log.unlink()
    with contextlib.closing(sqlite3.connect(files[0])) as connection:
        connection.execute("create table elsewhere(n)")
        connection.executescript("\n".join(dump))
    assert not pages_agree(files)
    assert rows_agree(files)


@pytest.mark.parametrize(
    "change",
    [
        "update item set price = cast(price as text) where id = 70",
        "update item set price = 10 where price = 10.0",
        "update item set price = -0.0 where id = 0",
        "update item set name = upper(name) where id = 9",
        "update item set name = name || char(0) where id = 9",
        "update item set name = cast(name as blob) where id = 9",
        "update item set id = -id where id = 44",
    ],
)
def test_rows_that_merely_compare_equal_are_not_the_same(files: Files, change: str) -> None:
    changed(files, change)
    assert not rows_agree(files)


def test_a_column_that_is_missing_proves_nothing(files: Files) -> None:
    changed(files, "drop index by_name", "alter table item drop column picture")
    assert not rows_agree(files)


def test_a_file_that_is_no_database_proves_nothing(files: Files) -> None:
    with connected(files) as connection:
        files[0].write_bytes(b"not a database")
        assert not same_pages(*files, connection, OURS)
