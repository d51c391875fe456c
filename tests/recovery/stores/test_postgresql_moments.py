"""A copy of a running server's files is of no one moment: it is told even where it happens to start."""

from __future__ import annotations

import struct
from pathlib import Path

import psycopg
import pytest

from pytest_devsecops.core.findings import Status
from pytest_devsecops.recovery import postgresql, procedure
from pytest_devsecops.recovery.family import Recovery
from pytest_devsecops.recovery.ledger import Acknowledged, Phase, judge_ledger
from pytest_devsecops.recovery.model import Environment, LedgerState
from pytest_devsecops.recovery.stores.postgresql.moment import copied_while_running

_SEED = "psql -Xqc 'create table item(id int primary key)' -c 'insert into item select generate_series(1, 1000)'"
_LIVE = procedure(
    "tar cf $BACKUP_DIR/b.tar -C $PGDATA .; true",
    "tar xf $BACKUP_DIR/b.tar -C $PGDATA; rm -f $PGDATA/postmaster.pid",
    kind="physical",
)


@pytest.mark.slow
def test_copy_of_a_running_data_directory_is_violated_and_a_base_backup_met(recovery: Recovery) -> None:
    store = postgresql(prepare=_SEED)
    verdict = recovery.round_trip(store, by=_LIVE)
    assert verdict.status is Status.VIOLATED
    torn = [one for one in verdict.findings if "without backup_label" in one.message]
    assert torn or any("does not start" in one.message for one in verdict.findings)
    assert all("ignore={'data directory:*': 'ZFS snapshot'}" in one.fix for one in torn)
    tar = procedure(
        "pg_basebackup -D $BACKUP_DIR/b -Ft -c fast -X stream",
        "tar xf $BACKUP_DIR/b/base.tar -C $PGDATA && tar xf $BACKUP_DIR/b/pg_wal.tar -C $PGDATA/pg_wal",
        kind="physical",
    )
    verdict = recovery.round_trip(store, by=tar)
    assert verdict.status is Status.MET, verdict.explain()


@pytest.mark.parametrize(
    ("state", "label", "copied"), [(6, False, True), (6, True, False), (1, False, False), (None, False, False)]
)
def test_what_a_data_directory_says_of_itself(tmp_path: Path, state: int | None, *, label: bool, copied: bool) -> None:
    (tmp_path / "global").mkdir()
    if state is not None:
        (tmp_path / "global" / "pg_control").write_bytes(bytes(16) + struct.pack("=i", state) + bytes(100))
    if label:
        (tmp_path / "backup_label").touch()
    assert copied_while_running(tmp_path) is copied


_WRITES = tuple(Acknowledged(number, float(number), Phase.DURING) for number in range(10))


@pytest.mark.parametrize(
    ("numbers", "prefix", "rules"),
    [
        ({0, 1, 2}, True, []),
        ({0, 1, 5}, True, ["torn-backup"]),
        ({0, 1, 5}, False, []),
        (set(), True, []),
    ],
)
def test_a_gap_in_the_ledger_of_a_database_is_a_torn_backup(
    numbers: set[int], rules: list[str], *, prefix: bool
) -> None:
    state = LedgerState("n", frozenset(numbers), prefix=prefix)
    found = judge_ledger(_WRITES, "n", state, 10.0)
    assert [one.rule for one in found.findings] == rules


@pytest.mark.slow
def test_rows_are_told_by_the_source_s_key_where_the_restore_lost_it(recovery: Recovery) -> None:
    by = procedure(
        "pg_dump -f $BACKUP_DIR/d app",
        "psql -qX -o /dev/null -f $BACKUP_DIR/d; psql -Xqc 'alter table item drop constraint item_pkey' -c 'delete from item where id = 7'",
    )
    verdict = recovery.round_trip(postgresql(prepare=_SEED), by=by)
    (found,) = (one for one in verdict.findings if one.subject == "rows:public.item")
    assert found.message == "public.item lost 1 row: it had 1,000, 999 came back: public.item row id=7 is lost"
    assert "constraint:item_pkey on public.item" in {one.subject for one in verdict.findings}


def _transfer(environment: Environment) -> None:
    with psycopg.connect(environment["DATABASE_URL"]) as connection:
        connection.execute("update purse set held = held - 1")
        connection.execute("update till set held = held + 1")


def _nothing_is_made_up(environment: Environment) -> bool:
    with psycopg.connect(environment["DATABASE_URL"]) as connection:
        found = connection.execute("select (select sum(held) from purse) + (select sum(held) from till)").fetchone()
    return found == (1000,)


@pytest.mark.slow
def test_two_dumps_of_one_database_while_it_is_written_to_are_torn_and_one_is_met(recovery: Recovery) -> None:
    seed = "create table purse(id int primary key, held int); insert into purse values (1, 1000); create table till(id int primary key, held int); insert into till values (1, 0)"
    store = postgresql(
        prepare=f'psql -Xqc "{seed}"',
        env={"DATABASE_URL": "postgresql://{user}:{password}@{host}:{port}/{dbname}"},
        writes=_transfer,
        agrees=_nothing_is_made_up,
    )
    torn = "pg_dump -T till -f $BACKUP_DIR/1 app && sleep 1 && pg_dump -t till -f $BACKUP_DIR/2 app"
    restore = "set -e; for one in $BACKUP_DIR/*; do psql -qX -v ON_ERROR_STOP=1 -o $BACKUP_DIR/log -f $one app; done"
    verdict = recovery.round_trip(store, by=procedure(torn, restore))
    assert verdict.status is Status.VIOLATED, verdict.explain()
    assert "the parts do not agree" in verdict.explain()
    verdict = recovery.round_trip(store, by=procedure("pg_dump -f $BACKUP_DIR/1 app", restore))
    assert verdict.status is Status.MET, verdict.explain()


@pytest.mark.slow
def test_an_export_through_a_narrower_character_set_loses_what_does_not_fit(recovery: Recovery) -> None:
    seed = "create table item(id int primary key, note text); insert into item values (1, 'plain'), (2, 'é'), (3, '€ and ł')"
    backup = "set -e; pg_dump -s -f $BACKUP_DIR/s app; psql -XAtc 'copy item to stdout csv' | iconv -f utf8 -t latin1//TRANSLIT > $BACKUP_DIR/csv"
    restore = "set -e; psql -qX -o $BACKUP_DIR/log -f $BACKUP_DIR/s app; iconv -f latin1 -t utf8 $BACKUP_DIR/csv | psql -Xqc 'copy item from stdin csv'"
    verdict = recovery.round_trip(
        postgresql(prepare=f'psql -Xqc "{seed}"', ledger=False), by=procedure(backup, restore)
    )
    (found,) = verdict.findings
    assert "public.item row id=3: note was '€ and ł' and came back as" in found.message
    assert "id=2" not in found.message


@pytest.mark.slow
def test_bytes_that_are_no_text_are_shown_and_a_dump_in_several_encodings_needs_a_grep_that_takes_bytes(
    recovery: Recovery,
) -> None:
    make = "create database raw encoding 'SQL_ASCII' locale 'C' template template0"
    rows = "create table a(id int, v text); insert into a values (1, E'\\\\xe9\\\\xff'), (2, 'plain')"
    store = postgresql(
        locale="C", prepare=[f'psql -Xqd postgres -c "{make}" && psql -Xqd raw -c "{rows}"', _SEED], ledger=False
    )
    restore = "dropdb app; grep {} -v -E '^(CREATE|ALTER) ROLE postgres' $BACKUP_DIR/all | psql -Xq -o $BACKUP_DIR/log -d postgres"
    good, bad = (procedure("pg_dumpall -f $BACKUP_DIR/all", restore.format(option)) for option in ("-a", ""))
    verdict = recovery.round_trip(store, by=good)
    assert verdict.status is Status.MET, verdict.explain()
    # grep takes the file for a binary one from the first such byte on, and leaves out the rest.
    verdict = recovery.round_trip(store, by=bad)
    assert r"raw:public.a row id=1, v='\351\377' is lost" in verdict.explain()
