"""Histories of database servers: a good procedure survives them, a list of tables or an old file is told by its smallest one."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from pytest_devsecops.core.findings import Status
from pytest_devsecops.core.verdict import Verdict
from pytest_devsecops.pytest_plugin.searching import search
from pytest_devsecops.recovery import mariadb, procedure, redis
from pytest_devsecops.recovery.family import Recovery
from pytest_devsecops.recovery.section import RecoveryPolicy

pytestmark = [
    pytest.mark.slow,
    pytest.mark.tools(mariadbd="mariadb-server", redis_server="redis-server", redis_cli="redis-tools"),
]

_TABLES = "mariadb $MYSQL_DATABASE -e 'create table item (id int auto_increment primary key, note varchar(40)); insert into item (note) values (1)'"
_KEYS = "redis-cli -u $REDIS_URL MSET a 1 b 2 >/dev/null"
#: The file as it is: whatever was written since the server last saved is not in it.
_COPY = "set -e; redis-cli -u $REDIS_URL CONFIG REWRITE; cp $REDIS_DATA/*.rdb $REDIS_DATA/redis.conf $BACKUP_DIR/"


@pytest.fixture
def recovery(tmp_path: Path) -> Iterator[Recovery]:
    family = Recovery(
        RecoveryPolicy(), tmp_path, today=date(2026, 11, 23), record=lambda verdict: verdict, search=search
    )
    yield family
    family.close()


def steps_of(verdict: Verdict) -> list[str]:
    found = verdict.evidence["smallest"]
    assert isinstance(found, list)
    return found


def test_mariadb_lives_through_migrations_and_new_logs(recovery: Recovery) -> None:
    verdict = recovery.explore(mariadb(prepare=_TABLES), by="mariadb-dump", examples=2, steps=6, within="3m")

    assert verdict.status is Status.MET, verdict.explain()


def test_a_list_of_tables_forgets_what_a_migration_of_mariadb_adds(recovery: Recovery) -> None:
    by = procedure(
        "mariadb-dump --single-transaction $MYSQL_DATABASE item > $BACKUP_DIR/item.sql",
        "mariadb $MYSQL_DATABASE < $BACKUP_DIR/item.sql",
    )

    verdict = recovery.explore(mariadb(prepare=_TABLES), by=by, within="3m")

    assert verdict.status is Status.VIOLATED
    assert steps_of(verdict)[0].startswith("migrate: create table devsecops_new_"), verdict.explain()
    assert len(steps_of(verdict)) == 3


def test_redis_lives_through_saves(recovery: Recovery) -> None:
    verdict = recovery.explore(redis(prepare=_KEYS), by="rdb", examples=3, steps=6, within="3m")

    assert verdict.status is Status.MET, verdict.explain()


def test_an_old_file_of_redis_is_told_by_one_write(recovery: Recovery) -> None:
    by = procedure(_COPY, "cp $BACKUP_DIR/* $REDIS_DATA/", kind="physical")

    verdict = recovery.explore(redis(prepare=_KEYS, settings={"save": ""}), by=by, within="3m")

    assert verdict.status is Status.VIOLATED
    assert len(steps_of(verdict)) == 3, verdict.explain()
    assert "checkpoint" not in steps_of(verdict)
