"""Generated rows fill the user's own schema: valid, hostile, told where refused, and lossy procedures show."""

from __future__ import annotations

import math
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import date
from pathlib import Path

import pytest

from pytest_devsecops.core.errors import UsageError
from pytest_devsecops.core.findings import Status
from pytest_devsecops.pytest_plugin.hostile import extremes, generate
from pytest_devsecops.recovery import composite, directory, procedure, sqlite
from pytest_devsecops.recovery.family import Recovery
from pytest_devsecops.recovery.model import Environment
from pytest_devsecops.recovery.populating import Column
from pytest_devsecops.recovery.section import RecoveryPolicy

pytestmark = pytest.mark.slow

_SCHEMA = """
create table country(code text primary key check(length(code) = 2), name text not null collate nocase unique) without rowid;
insert into country values ('aa', 'First'), ('bb', 'Second');
create table person(
    id integer primary key autoincrement, email varchar(40) not null unique, born date, seen datetime, weight real,
    picture blob, active boolean default 1, country text references country(code), boss integer references person(id),
    about json, price decimal(8, 2) check(price >= 0), shout text as (upper(email))
);
create table visit(person integer not null references person(id), number int not null, primary key (person, number));
create table anything(x);
create table counted(id integer primary key, small integer check(small between 1 and 3));
"""


def seed(environment: Environment) -> None:
    with closing(sqlite3.connect(environment["SQLITE_DATABASE"])) as connection:
        connection.executescript(_SCHEMA)


@pytest.fixture
def recovery(tmp_path: Path) -> Iterator[Recovery]:
    family = Recovery(
        RecoveryPolicy(), tmp_path, today=date(2026, 11, 23), record=lambda verdict: verdict, generate=generate
    )
    yield family
    family.close()


_SAVE = (
    "import os, sqlite3; s = sqlite3.connect(os.environ['SQLITE_DATABASE'], timeout=20);"
    "t = sqlite3.connect(os.environ['BACKUP_DIR'] + '/db'); s.backup(t);"
)
_BACK = "cp $BACKUP_DIR/db $SQLITE_DATABASE"


def python(body: str) -> list[str]:
    return [sys.executable, "-I", "-c", _SAVE + body]


def test_a_good_procedure_is_met_over_hostile_data(recovery: Recovery, tmp_path: Path) -> None:
    store = recovery.populate(sqlite(prepare=seed))
    kept = tmp_path / "kept"
    by = procedure(python(""), f"{_BACK} && cp $BACKUP_DIR/db {kept}")
    verdict = recovery.round_trip(store, by=by)
    assert verdict.status is Status.MET, verdict.explain()
    assert all(store.population.inserted[name] > 5 for name in ("country", "person", "anything"))
    assert store.population.inserted["counted"] >= 1
    assert store.population.refused["country"] > 0
    assert "CHECK constraint failed" in store.population.reasons["country"]
    assert "generated rows" in str(verdict.examined["store"])
    with closing(sqlite3.connect(kept)) as connection:
        assert connection.execute("pragma foreign_key_check").fetchall() == []
        assert connection.execute("select count(*) from person where boss is not null").fetchone()[0] > 0
        assert connection.execute("select count(*) from person where weight = 9e999").fetchone()[0] > 0
        assert connection.execute("select count(*) from person where picture = x''").fetchone()[0] > 0
        assert connection.execute("select max(length(email)) from person").fetchone()[0] <= 40


LOSSY = {
    "empty text becomes NULL": "t.execute(\"update anything set x = null where x = ''\"); t.commit()",
    "numbers cut to six digits": "t.execute('update person set weight = round(weight, 6) where abs(weight) < 1e9'); t.commit()",
    "characters beyond the BMP": "t.execute(\"update anything set x = replace(x, char(128512), '?') where typeof(x) = 'text'\"); t.commit()",
    "line ends": "t.execute(\"update anything set x = replace(x, char(13), '') where typeof(x) = 'text'\"); t.commit()",
    "long values": "t.execute(\"update anything set x = substr(x, 1, 4000) where typeof(x) = 'text'\"); t.commit()",
    "infinity": "t.execute('update person set weight = 1.7976931348623157e308 where weight = 9e999'); t.commit()",
    "white space at the ends": "t.execute(\"update anything set x = trim(x) where typeof(x) = 'text'\"); t.commit()",
}


@pytest.mark.parametrize("fault", LOSSY.values(), ids=LOSSY)
def test_a_fault_that_tame_data_hides_shows(recovery: Recovery, fault: str) -> None:
    by = procedure(python(fault), _BACK)
    tame = recovery.round_trip(sqlite(prepare=seed), by=by)
    assert tame.status is Status.MET, tame.explain()
    verdict = recovery.round_trip(recovery.populate(sqlite(prepare=seed)), by=by)
    assert verdict.status is Status.VIOLATED


def test_the_same_seed_gives_the_same_rows() -> None:
    columns = [Column("a", "text"), Column("b", "real"), Column("c", "bytes", nullable=False)]
    assert repr(list(generate(columns, 10, 3))) == repr(list(generate(columns, 10, 3)))
    assert repr(list(generate(columns, 10, 3))) != repr(list(generate(columns, 10, 4)))


def test_a_table_that_stays_empty_is_unverified(recovery: Recovery) -> None:
    def closed(environment: Environment) -> None:
        with closing(sqlite3.connect(environment["SQLITE_DATABASE"])) as connection:
            connection.executescript(
                "create table never(x integer not null check(x = 'y')); create table a(b); insert into a values (1)"
            )

    verdict = recovery.round_trip(recovery.populate(sqlite(prepare=closed)), by="sqlite-backup")
    assert verdict.status is Status.UNVERIFIED
    assert "never is empty after prepare" in verdict.explain()


def test_a_composite_is_populated_by_its_members(recovery: Recovery) -> None:
    tree = directory(prepare="date > $DIRECTORY_PATH/now")
    by = procedure("cp -a $DIRECTORY_PATH/. $BACKUP_DIR/", "cp -a $BACKUP_DIR/. $DIRECTORY_PATH")
    with pytest.raises(UsageError, match=r"files \(directory\) cannot be populated") as refused:
        recovery.round_trip(recovery.populate(composite(files=tree)), by=by)
    assert "populate() the members of a composite" in refused.value.remedy
    filled = recovery.populate(tree)
    verdict = recovery.round_trip(composite(files=filled), by=by)
    assert verdict.status is Status.MET, verdict.explain()
    assert filled.population.inserted["file"] > 10


@pytest.mark.parametrize(
    "domain",
    ["integer", "real", "decimal", "text", "bytes", "boolean", "date", "timestamp", "time", "interval", "uuid", "json",
     "network", "bits", "range", "any"],
)  # fmt: skip
def test_every_domain_has_extremes_within_its_limits(domain: str) -> None:
    column = Column("c", domain, nullable=False, low=-5, high=9, length=4, scale=1)
    values = extremes(column)
    assert len(values) > 1
    assert None not in values
    assert None in extremes(Column("c", domain))
    if domain == "integer":
        assert all(-5 <= int(str(value)) <= 9 for value in values)
    if domain == "text":
        assert all(len(str(value)) <= 4 for value in values)
    if domain == "real":
        assert any(math.isnan(float(str(value))) for value in values)
