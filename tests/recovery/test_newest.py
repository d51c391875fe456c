"""The artefact that production really made: how old it is by its own account, and what it brings back."""

from __future__ import annotations

import gzip
import os
import sqlite3
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pytest_devsecops.core.findings import Status
from pytest_devsecops.recovery import composite, procedure, sqlite
from pytest_devsecops.recovery.dating import header_time, row_time
from pytest_devsecops.recovery.family import Recovery
from pytest_devsecops.recovery.model import Environment

_HOUR = 3600.0
_BY = procedure("true", "cp $BACKUP_DIR/shop.sqlite3 $SQLITE_DATABASE", every="24h")


def add_order(environment: Environment) -> None:
    write(Path(environment["SQLITE_DATABASE"]), datetime.now(UTC).isoformat())


def write(path: Path, *moments: object) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("create table if not exists orders(id integer primary key, created_at)")
        connection.executemany("insert into orders(created_at) values (?)", [(one,) for one in moments])
        connection.commit()


@pytest.fixture
def artefact(tmp_path: Path) -> Path:
    """An artefact of last night, with the newest order from two days before."""
    place = tmp_path / "backups" / "shop.sqlite3"
    place.parent.mkdir()
    write(place, *(str(datetime.now(UTC) - timedelta(days=days)) for days in (2, 3, 9)))
    return place


@pytest.mark.usefixtures("artefact")
def test_what_the_probe_writes_makes_nothing_fresh(recovery: Recovery) -> None:
    store = sqlite(prepare=add_order, probe=add_order)
    verdict = recovery.newest("backups/*", into=store, by=_BY, fresh="orders.created_at")
    assert verdict.status is Status.MET, verdict.explain()
    assert 47 * _HOUR < verdict.measured["rpo"] < 49 * _HOUR
    assert "by its newest row it is 48.0h old" in verdict.summary


@pytest.mark.parametrize(
    ("answer", "status", "words"),
    [
        (lambda _: True, Status.MET, ""),
        (lambda _: [], Status.MET, ""),
        (lambda _: ["order 7"], Status.VIOLATED, "1 torn pair: order 7"),
        (lambda environment: environment["MISSING"], Status.UNVERIFIED, "agrees= could not look"),
    ],
)
@pytest.mark.usefixtures("artefact")
def test_its_parts_have_to_agree(recovery: Recovery, answer: object, status: Status, words: str) -> None:
    store = sqlite(prepare=add_order, agrees=answer)  # type: ignore[arg-type] # answers of several types
    verdict = recovery.newest("backups/*", into=store, by=_BY)
    assert verdict.status is status, verdict.explain()
    assert words in verdict.explain()


def has_orders(environment: Environment) -> None:
    with closing(sqlite3.connect(environment["SQLITE_DATABASE"])) as connection:
        (count,) = connection.execute("select count(*) from orders").fetchone()
    message = f"{count} orders, and yesterday there were 3"
    if count < 3:
        raise AssertionError(message)


def test_what_is_expected_has_to_be_there(recovery: Recovery, artefact: Path) -> None:
    assert recovery.newest("backups/*", into=sqlite(prepare=add_order), by=_BY, expect=has_orders)
    with closing(sqlite3.connect(artefact)) as connection:
        connection.execute("delete from orders where id = 1")
        connection.commit()
    found = recovery.newest("backups/*", into=sqlite(prepare=add_order), by=_BY, expect=has_orders)
    assert found.status is Status.VIOLATED
    assert "not what expect= wants: 2 orders, and yesterday there were 3" in found.explain()


@pytest.mark.parametrize(
    ("answer", "status"), [(None, Status.MET), (3, Status.MET), (0, Status.VIOLATED), ([], Status.VIOLATED)]
)
@pytest.mark.usefixtures("artefact")
def test_a_false_answer_of_an_expectation_is_a_miss(recovery: Recovery, answer: object, status: Status) -> None:
    verdict = recovery.newest("backups/*", into=sqlite(prepare=add_order), by=_BY, expect=lambda _: answer)
    assert verdict.status is status, verdict.explain()


def test_the_folder_of_backups_may_lie_elsewhere(recovery: Recovery, artefact: Path) -> None:
    for pattern in (str(artefact.parent / "*"), str(artefact)):
        assert recovery.newest(pattern, into=sqlite(prepare=add_order), by=_BY)


@pytest.mark.usefixtures("artefact")
def test_another_version_than_production_s_is_unverified(recovery: Recovery) -> None:
    store = sqlite(prepare=add_order, version="2")
    for into in (store, composite(shop=store)):
        verdict = recovery.newest("backups/*", into=into, by=_BY)
        assert verdict.status is Status.UNVERIFIED, verdict.explain()
        assert "production runs sqlite 2, but this machine has 3." in verdict.explain()


def test_an_artefact_without_rows_is_no_backup(recovery: Recovery, artefact: Path) -> None:
    with closing(sqlite3.connect(artefact)) as connection:
        connection.execute("delete from orders")
        connection.commit()
    verdict = recovery.newest("backups/*", into=sqlite(prepare=add_order), by=_BY)
    assert verdict.status is Status.VIOLATED
    assert "shop.sqlite3 was restored, and not one row came back from it" in verdict.explain()


@pytest.mark.usefixtures("artefact")
def test_an_expectation_that_cannot_look_is_unverified(recovery: Recovery) -> None:
    verdict = recovery.newest("backups/*", into=sqlite(prepare=add_order), by=_BY, expect=lambda env: env["MISSING"])
    assert verdict.status is Status.UNVERIFIED
    assert "expect= could not look at what was restored: KeyError" in verdict.explain()


def test_damage_in_it_is_told(recovery: Recovery, artefact: Path) -> None:
    with closing(sqlite3.connect(artefact)) as connection:
        connection.execute("create index newest on orders(created_at)")
        connection.commit()
        (page,) = connection.execute("select rootpage from sqlite_schema where name = 'newest'").fetchone()
    content = bytearray(artefact.read_bytes())
    content[page * 4096 - 1] ^= 0x55
    artefact.write_bytes(content)
    verdict = recovery.newest("backups/*", into=sqlite(prepare=add_order), by=_BY)
    assert verdict.status is Status.VIOLATED, verdict.explain()
    assert "what was restored is damaged" in verdict.explain()


@pytest.mark.parametrize(
    ("fresh", "words"),
    [
        ("invoices.created_at", "there is no invoices in what came back: orders"),
        ("orders.paid_at", "no row of orders has a time in paid_at, but it has the columns "),
    ],
)
@pytest.mark.usefixtures("artefact")
def test_an_age_that_is_not_known_is_unverified(recovery: Recovery, fresh: str, words: str) -> None:
    verdict = recovery.newest("backups/*", into=sqlite(prepare=add_order), by=_BY, fresh=fresh)
    assert verdict.status is Status.UNVERIFIED
    assert words in verdict.explain()


_NOW = datetime(2026, 11, 23, 4, 30, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "-- Started on 2026-11-23 04:30:01 UTC\n",
        "-- Started on 2026-11-22 23:30:01 -05\n",
        "create table t();\n" * 9000 + "-- Dump completed on 2026-11-23  4:30:01\n",
        "-- Dump completed on 2026-11-23 04:30:01\n",
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_time_in_a_dump_is_read(tmp_path: Path, text: str, *, packed: bool) -> None:
    path = tmp_path / "dump.sql"
    content = text.encode()
    # A gzip file without a time of its own, as `gzip -n` writes it.
    path.write_bytes(gzip.compress(content, mtime=0) if packed else content)
    found = header_time([path])
    if packed and len(content) > 65536:
        assert found is None
    else:
        assert found == pytest.approx(_NOW.timestamp(), abs=0 if "UTC" in text or "-05" in text else 14 * _HOUR)


def test_time_of_an_unknown_zone_is_not_told(tmp_path: Path) -> None:
    path = tmp_path / "dump.sql"
    path.write_text("-- Started on 2026-11-23 04:30:01 XKST\n", encoding="ascii")
    assert header_time([path]) is None


def test_time_of_a_packed_file_is_its_own(tmp_path: Path) -> None:
    path = tmp_path / "dump.gz"
    path.write_bytes(gzip.compress(b"-- Started on 2020-01-01 00:00:00 UTC\n", mtime=1_700_000_000))
    assert header_time([path]) == 1_700_000_000


def test_time_in_a_custom_dump_is_read(tmp_path: Path) -> None:
    path = tmp_path / "dump"
    numbers = (1, 30, 4, 23, 10, 126)
    stamp = b"".join(b"\0" + number.to_bytes(4, "little") for number in numbers)
    # Version, sizes of numbers and offsets, format; then the compression, in a number and later in a byte.
    path.write_bytes(b"PGDMP\x01\x0e\x00\x04\x08\x01" + b"\0\xff\xff\xff\xff" + stamp + bytes(40))
    early = header_time([path])
    path.write_bytes(b"PGDMP\x01\x0f\x00\x04\x08\x01" + b"\x01" + stamp + bytes(40))
    assert early == header_time([path]) == pytest.approx(_NOW.timestamp(), abs=14 * _HOUR)
    path.write_bytes(b"PGDMP\x01")
    assert header_time([path]) is None


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        ("2026-11-23T04:30:01+00:00", _NOW),
        ("'2026-11-23 04:30:01'", _NOW),
        ("2026-11-22 23:30:01-05", _NOW),
        (str(int(_NOW.timestamp())), _NOW),
        (f"{_NOW.timestamp():.3f}", _NOW),
        (str(int(_NOW.timestamp() * 1000)), _NOW),
        ("never", None),
        ("17", None),
        (None, None),
    ],
)
def test_time_of_a_row_is_read(value: str | None, moment: datetime | None) -> None:
    assert row_time(value) == moment


def test_a_time_of_the_file_counts_too(recovery: Recovery, artefact: Path) -> None:
    store = sqlite(prepare=add_order)
    assert recovery.newest("backups/*", into=store, by=_BY).measured["rpo"] < _HOUR
    os.utime(artefact, (time.time() - 90_000,) * 2)
    assert recovery.newest("backups/*", into=store, by=_BY).measured["rpo"] > 89_000


def test_an_artefact_from_the_future_has_no_age(recovery: Recovery, artefact: Path) -> None:
    os.utime(artefact, (time.time() + 7200, time.time() + 7200))
    verdict = recovery.newest("backups/*", into=sqlite(prepare=add_order), by=_BY)
    assert verdict.status is Status.UNVERIFIED
    assert "by its file shop.sqlite3 was made" in verdict.explain()
    assert "from now, so its age is not known" in verdict.explain()
    # By its newest row it is two days old, whatever the file says.
    verdict = recovery.newest("backups/*", into=sqlite(prepare=add_order), by=_BY, fresh="orders.created_at")
    assert verdict.status is Status.MET, verdict.explain()


def test_a_folder_as_artefact_may_hold_anything(recovery: Recovery, artefact: Path) -> None:
    os.mkfifo(artefact.with_name("queue"))
    artefact.with_name("circle").symlink_to("circle")
    artefact.with_name(os.fsdecode(b"caf\xe9")).hardlink_to(artefact)
    artefact.parent.parent.joinpath("latest").symlink_to("backups")
    same = "test $BACKUP_DIR/shop.sqlite3 -ef $BACKUP_DIR/caf*"
    by = procedure("true", f"{same} && cp $BACKUP_DIR/shop.sqlite3 $SQLITE_DATABASE")
    for pattern in ("backups", "latest"):
        verdict = recovery.newest(pattern, into=sqlite(prepare=add_order), by=by)
        assert verdict.status is Status.MET, verdict.explain()
