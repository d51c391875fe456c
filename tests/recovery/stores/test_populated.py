"""Generated rows, keys and files in stores other than SQLite: valid, hostile, and brought back by good procedures."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from pytest_devsecops.core.findings import Status
from pytest_devsecops.pytest_plugin.hostile import generate
from pytest_devsecops.recovery import directory, mariadb, procedure, redis
from pytest_devsecops.recovery.family import Recovery
from pytest_devsecops.recovery.section import RecoveryPolicy

pytestmark = pytest.mark.slow

_SCHEMA = """
create table country(code char(2) primary key check (length(code) = 2), name varchar(40) not null collate utf8mb4_unicode_ci unique);
insert into country values ('aa', 'First'), ('bb', 'Second');
create table person(
  id int unsigned primary key auto_increment, email varchar(40) not null unique, born date, seen datetime(6), at timestamp null,
  weight double, ratio float, picture blob, small tinyint unsigned, big bigint, flags bit(9), level enum('low','o''ne','high'),
  marks set('a','b'), about json, price decimal(8,2), y year, lasts time(3), latin varchar(20) character set latin1,
  u uuid, host inet6, country char(2), boss int unsigned, shout text as (upper(email)) virtual,
  foreign key (country) references country(code), foreign key (boss) references person(id));
create table visit(person int unsigned not null, number int not null, primary key (person, number),
  foreign key (person) references person(id));
create table notes(text longtext, raw varbinary(300));
create database other; create table other.setting(k varbinary(40) primary key, v text);
"""


@pytest.fixture
def recovery(tmp_path: Path) -> Iterator[Recovery]:
    family = Recovery(
        RecoveryPolicy(), tmp_path, today=date(2026, 11, 23), record=lambda verdict: verdict, generate=generate
    )
    yield family
    family.close()


@pytest.mark.slow
@pytest.mark.tools(mariadbd="mariadb-server", mariadb_backup="mariadb-backup")
def test_mariadb_takes_hostile_rows_in_its_own_schema(recovery: Recovery, tmp_path: Path) -> None:
    (tmp_path / "schema.sql").write_text(_SCHEMA, encoding="utf-8")
    store = recovery.populate(mariadb(prepare="mariadb app < schema.sql"))
    verdict = recovery.round_trip(store, by="mariadb-backup")
    assert verdict.status is Status.MET, verdict.explain()
    inserted = store.population.inserted
    assert min(inserted[name] for name in ("country", "person", "visit", "notes", "other:setting")) > 5, inserted
    assert "CHECK" in store.population.reasons["country"] or "constraint" in store.population.reasons["country"].lower()
    wanted = """set -e; seen() { mariadb -N --default-character-set=utf8mb4 app -e "select $1"; }
        test $(seen "count(*) from notes where text like '%🦀%' or text like '%😀%'") -gt 0
        test $(seen "count(*) from notes where text = ''") -gt 0
        test $(seen "count(distinct level) from person") -eq 3
        test $(seen "max(big) from person") = 9223372036854775807
        test $(seen "count(*) from person where boss is not null") -gt 0
        test $(seen "count(*) from person where json_length(about) > 1") -gt 0
    """
    lossy = procedure(
        f"{wanted} mariadb-dump --default-character-set=utf8mb3 --databases app other > $BACKUP_DIR/d",
        "mariadb < $BACKUP_DIR/d",
    )
    verdict = recovery.round_trip(store, by=lossy)
    assert verdict.status is Status.VIOLATED
    assert "notes" in verdict.explain()


@pytest.mark.slow
@pytest.mark.tools(redis_server="redis-server", redis_cli="redis-tools")
def test_redis_takes_hostile_keys_of_every_type(recovery: Recovery) -> None:
    store = recovery.populate(redis(prepare="true"))
    verdict = recovery.round_trip(store, by="rdb")
    assert verdict.status is Status.MET, verdict.explain()
    assert set(store.population.inserted) == {"string", "list", "set", "hash", "zset", "stream"}
    assert min(store.population.inserted.values()) > 10
    through_text = procedure(
        "redis-cli -u $REDIS_URL --no-raw --scan --pattern 'string:*' > $BACKUP_DIR/names",
        "while read -r name; do redis-cli -u $REDIS_URL SET $name x; done < $BACKUP_DIR/names",
    )
    assert recovery.round_trip(store, by=through_text).status is Status.VIOLATED


def test_a_tree_takes_hostile_names_and_contents(recovery: Recovery) -> None:
    store = recovery.populate(directory(prepare="true"))
    good = procedure("cp -a $DIRECTORY_PATH/. $BACKUP_DIR/", "cp -a $BACKUP_DIR/. $DIRECTORY_PATH")
    verdict = recovery.round_trip(store, by=good)
    assert verdict.status is Status.MET, verdict.explain()
    assert set(store.population.inserted) == {"file", "link", "folder"}
    assert min(store.population.inserted.values()) > 10
    assert "no entry can have that name" in store.population.reasons.values()
    by_line = procedure(
        'cd $DIRECTORY_PATH; find . -type f | while read f; do cp --parents -p "$f" $BACKUP_DIR 2>/dev/null; done; true',
        "cp -a $BACKUP_DIR/. $DIRECTORY_PATH",
    )
    assert recovery.round_trip(store, by=by_line).status is Status.VIOLATED
    assert os.fsencode(store.population.reasons["link"])
