"""Real ways to lose data of a SQLite file: each is violated with the lost thing named, its repaired twin is met."""

from __future__ import annotations

import sys
from dataclasses import dataclass

import pytest

from pytest_devsecops.core.findings import Status
from pytest_devsecops.recovery import procedure, sqlite
from pytest_devsecops.recovery.family import Recovery
from pytest_devsecops.recovery.model import Environment

pytestmark = pytest.mark.slow

_SEED = """
pragma journal_mode = wal;
pragma user_version = 42;
pragma application_id = 4242;
create table customer(id integer primary key autoincrement, email text unique, note text);
insert into customer(email, note) select 'u' || value || '@x', case value % 3 when 0 then null when 1 then '' else 'n' end
  from generate_series;
delete from customer where id = 200;
create table invoice(id integer primary key, customer integer not null references customer(id), amount real, doc blob);
insert into invoice select value, value, value / 3.0, cast('doc' || value as blob) from generate_series where value < 200;
create table audit(what text);
insert into audit values ('a'), ('a'), ('b');
create index invoice_customer on invoice(customer);
create view totals as select customer, sum(amount) as total from invoice group by customer;
create trigger audited after insert on invoice begin insert into audit values ('invoice'); end;
"""
_SERIES = "create temp table generate_series as with recursive s(value) as (select 1 union all select value + 1 from s where value < 200) select value from s"

_PRELUDE = """
import os, shutil, sqlite3
db, out = os.environ["SQLITE_DATABASE"], os.environ["BACKUP_DIR"]
def save(path=None):
    source, target = sqlite3.connect(db), sqlite3.connect(path or out + "/db")
    source.backup(target)
    source.close()
    target.close()
def edit(path, *statements):
    connection = sqlite3.connect(path)
    for one in statements:
        connection.execute(one)
    connection.commit()
    connection.close()
def dump():
    connection = sqlite3.connect(db)
    return [line for line in connection.iterdump() if "devsecops" not in line]
def load(lines):
    connection = sqlite3.connect(db)
    connection.executescript("\\n".join(lines))
    connection.close()
"""


def seed(environment: Environment) -> None:
    import sqlite3

    connection = sqlite3.connect(environment["SQLITE_DATABASE"])
    connection.execute(_SERIES)
    connection.executescript(_SEED)
    connection.commit()
    connection.close()


def python(body: str) -> list[str]:
    return [sys.executable, "-I", "-c", _PRELUDE + body]


@dataclass(frozen=True)
class Case:
    """One fault: its backup and restore, a part of the message, and the repaired twin."""

    backup: str
    restore: str
    lost: str
    good_backup: str = "save()"
    good_restore: str = "shutil.copy(out + '/db', db)"


_COPY = "shutil.copy(out + '/db', db)"
CASES = {
    "file copied without its write-ahead log": Case(
        "edit(db, \"update customer set note = 'late' where id = 7\"); keep = sqlite3.connect(db);"
        "keep.execute(\"update customer set note = 'later' where id = 8\"); keep.commit();"
        "shutil.copy(db, out + '/db')",
        _COPY,
        "writes that the store acknowledged before the backup began did not come back",
    ),
    "dump loses user_version and application_id": Case(
        "open(out + '/sql', 'w').write('\\n'.join(dump()))",
        "load(open(out + '/sql'))",
        "pragma user_version: value was '42' and came back as '0'",
        "open(out + '/sql', 'w').write('\\n'.join(dump()))",
        "load(open(out + '/sql'));"
        "edit(db, 'pragma user_version = 42', 'pragma application_id = 4242', 'pragma journal_mode = wal')",
    ),
    "table left out": Case("save(); edit(out + '/db', 'drop table audit')", _COPY, "table audit is lost"),
    "one row lost": Case(
        "save(); edit(out + '/db', 'delete from customer where id = 150')",
        _COPY,
        "row id=150 is lost",
    ),
    "duplicate row lost": Case(
        "save(); edit(out + '/db', \"delete from audit where rowid = 1\")",
        _COPY,
        "audit lost 1 row",
    ),
    "empty text becomes NULL": Case(
        "save(); edit(out + '/db', \"update customer set note = null where note = ''\")",
        _COPY,
        "note was '' and came back as NULL",
    ),
    "real rounded": Case(
        "save(); edit(out + '/db', 'update invoice set amount = round(amount, 6)')",
        _COPY,
        "amount was 0.3333333333333333 and came back as 0.333333",
    ),
    "number becomes text": Case(
        "save(); edit(out + '/db', \"update audit set what = x'61' where rowid = 2\")",
        _COPY,
        "row what='a' is lost",
    ),
    "trigger lost": Case("save(); edit(out + '/db', 'drop trigger audited')", _COPY, "trigger audited is lost"),
    "index lost": Case(
        "save(); edit(out + '/db', 'drop index invoice_customer')", _COPY, "index invoice_customer is lost"
    ),
    "view lost": Case("save(); edit(out + '/db', 'drop view totals')", _COPY, "view totals is lost"),
    "constraint lost by create table as": Case(
        "save(); edit(out + '/db', 'create table c2 as select * from customer', 'drop table customer', 'alter table c2 rename to customer')",
        _COPY,
        "table customer: definition was",
    ),
    "next id lost": Case(
        "save(); edit(out + '/db', \"update sqlite_sequence set seq = 199 where name = 'customer'\")",
        _COPY,
        "sequence customer: last value was '200' and came back as '199'",
    ),
    "wal mode lost": Case(
        "save(); edit(out + '/db', 'pragma journal_mode = delete')",
        _COPY,
        "pragma journal_mode: value was 'wal' and came back as 'delete'",
    ),
    "truncated file": Case(
        "save(); open(out + '/db', 'r+b').truncate(os.path.getsize(out + '/db') // 2)",
        _COPY,
        "cannot be read",
    ),
    "bit flipped in a value that no index covers": Case(
        "save(); data = open(out + '/db', 'rb').read();open(out + '/db', 'wb').write(data.replace(b'doc77', b'doc7w'))",
        _COPY,
        "invoice row id=77: doc was x'646F633737' and came back as x'646F633777'",
    ),
    "bit flipped in an index": Case(
        # The table comes before its index, so the last one is the index's.
        "save(); data = open(out + '/db', 'rb').read(); at = data.rindex(b'u77@x');"
        "open(out + '/db', 'wb').write(data[:at] + b'u77@y' + data[at + 5:])",
        _COPY,
        "damaged: row 77 missing from index",
    ),
    "nothing restored": Case("save()", "pass", "there is no file"),
    "restore into the wrong place": Case("save()", "shutil.copy(out + '/db', db + '.bak')", "there is no file"),
    "yesterday's file restored": Case(
        "save(out + '/old'); edit(db, \"insert into customer(email) values ('today')\"); save()",
        "shutil.copy(out + '/old', db)",
        "customer lost 1 row",
    ),
    "error swallowed": Case(
        "try:\n    sqlite3.connect('file:/nowhere?mode=ro', uri=True).execute('select 1')\nexcept Exception:\n    pass",
        "try:\n    shutil.copy(out + '/db', db)\nexcept OSError:\n    sqlite3.connect(db).execute('create table customer(id)')",
        "table invoice is lost",
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_fault_is_violated_with_the_lost_thing_named(recovery: Recovery, case: Case) -> None:
    verdict = recovery.round_trip(sqlite(prepare=seed), by=procedure(python(case.backup), python(case.restore)))
    assert verdict.status is Status.VIOLATED
    assert case.lost in verdict.explain()


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_repaired_twin_is_met(recovery: Recovery, case: Case) -> None:
    by = procedure(python(case.good_backup), python(case.good_restore))
    verdict = recovery.round_trip(sqlite(prepare=seed), by=by)
    assert verdict.status is Status.MET, verdict.explain()
