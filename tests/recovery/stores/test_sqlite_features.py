"""What else a SQLite file can hold: each feature lost is violated with its name, harmless changes are met."""

from __future__ import annotations

import sqlite3
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from pytest_devsecops.core.findings import Status
from pytest_devsecops.recovery import procedure, sqlite
from pytest_devsecops.recovery.family import Recovery
from pytest_devsecops.recovery.model import Environment

pytestmark = [pytest.mark.slow, pytest.mark.tools(sqlite3="sqlite3")]

_SEED = """
pragma encoding = 'UTF-16le';
pragma page_size = 8192;
pragma auto_vacuum = 1;
create table person(id integer primary key, name text collate nocase unique, code text not null check(length(code) = 3)) strict;
insert into person values (1, 'Ärger \U0001f600', 'abc'), (-9223372036854775808, 'lowest', 'low'), (9223372036854775807, '', 'top');
create table setting(key text primary key, value) without rowid;
insert into setting values ('a', 1), ('b', 1.0), ('c', '1'), ('d', x'31'), ('e', null), ('f', ''), ('g', 'a' || char(0) || 'b');
create table price(net real, gross real generated always as (net * 1.5) stored, shown text as ('$' || net));
insert into price(net) values (0.1), (1e308), (5e-324), (9e999), (-9e999), (123456789.123456789);
create table anything(x);
insert into anything values (x''), (zeroblob(3)), ('1'), (1), (1.0), (null);
create table parent(id integer primary key);
create table child(parent integer references parent(id) deferrable initially deferred);
insert into parent values (1), (2);
insert into child values (1), (2), (99);
create virtual table note using fts5(title, body, tokenize = 'porter');
insert into note values ('first', 'hello worlds'), ('second', 'backups restore');
create virtual table old_note using fts4(body);
insert into old_note values ('older words');
create virtual table hidden using fts5(body, content = '');
insert into hidden(rowid, body) values (7, 'only the index knows');
create virtual table note_of_person using fts5(name, content = 'person', content_rowid = 'id');
insert into note_of_person(note_of_person) values ('rebuild');
create virtual table place using rtree(id, west, east);
insert into place values (1, 0.5, 1.5), (2, 5, 6);
create index person_code on person(code) where code > 'b';
create index price_expression on price(net + 1);
create view people as select name from person;
create trigger kept before delete on person begin select raise(abort, 'kept'); end;
create table "odd "" name"("a column" text, autoincrement_like int);
insert into "odd "" name" values ('x', 1);
create table numbered(id integer primary key autoincrement, rowid_ text);
insert into numbered(rowid_) values ('1'), ('2'), ('3');
delete from numbered where id = 3;
analyze;
"""

_PRELUDE = """
import os, shutil, sqlite3, subprocess, time
db, out = os.environ["SQLITE_DATABASE"], os.environ["BACKUP_DIR"]
copy = out + "/db"
def save(path=copy):
    source, target = sqlite3.connect(db, timeout=20), sqlite3.connect(path)
    source.backup(target)
    source.close()
    target.close()
def edit(*statements, path=copy):
    connection = sqlite3.connect(path, isolation_level=None)
    for one in statements:
        connection.execute(one)
    connection.close()
def redefine(name, old, new):
    connection = sqlite3.connect(copy)
    connection.execute("pragma writable_schema = on")
    done = connection.execute("update sqlite_schema set sql = replace(sql, ?, ?) where name = ? and sql like '%' || ? || '%'", (old, new, name, old))
    assert done.rowcount == 1
    connection.commit()
    connection.close()
def rebuilt(*first):
    dump = subprocess.run(["sqlite3", "-cmd", ".timeout 9000", db, ".dump"], check=True, capture_output=True).stdout
    subprocess.run(["sqlite3", "-bail", copy], input=";".join(first).encode() + b";" + dump, check=True)
"""


def seed(environment: Environment) -> None:
    with closing(sqlite3.connect(environment["SQLITE_DATABASE"])) as connection:
        connection.executescript(_SEED)
        connection.execute("insert into anything values (?), (?)", (-0.0, 0.0))
        connection.commit()


def python(body: str) -> list[str]:
    return [sys.executable, "-I", "-c", _PRELUDE + body]


_BACK = python("shutil.copy(copy, db)")


@dataclass(frozen=True)
class Fault:
    """What happens to the copy after a good backup, and a part of the message."""

    change: str
    lost: str
    back: str = "shutil.copy(copy, db)"


FAULTS = {
    "text encoding changed": Fault(
        "os.remove(copy); rebuilt()", "pragma encoding: value was 'UTF-16le' and came back as 'UTF-8'"
    ),
    "page size changed": Fault("edit('pragma page_size = 4096', 'vacuum')", "pragma page_size: value was '8192'"),
    "automatic vacuum lost": Fault("edit('pragma auto_vacuum = 0', 'vacuum')", "pragma auto_vacuum: value was '1'"),
    "STRICT lost": Fault("redefine('person', ' strict', '')", "table person: definition was"),
    "collation lost": Fault("redefine('person', ' collate nocase', '')", "table person: definition was"),
    "CHECK lost": Fault("redefine('person', ' check(length(code) = 3)', '')", "table person: definition was"),
    "generated column frozen": Fault(
        "redefine('price', ' generated always as (net * 1.5) stored', '')", "table price: definition was"
    ),
    "WITHOUT ROWID lost": Fault(
        "edit('create table s2(key text primary key, value)', 'insert into s2 select * from setting', 'drop table setting', 'alter table s2 rename to setting')",
        "table setting: definition was",
    ),
    "row of WITHOUT ROWID lost": Fault("edit(\"delete from setting where key = 'e'\")", "setting lost 1 row"),
    "integer becomes real": Fault(
        "edit(\"update setting set value = 1.0 where key = 'a'\")", "value was 1 and came back as 1.0"
    ),
    "blob becomes text": Fault(
        "edit(\"update setting set value = '1' where key = 'd'\")", "value was x'31' and came back as '1'"
    ),
    "NULL becomes empty": Fault(
        "edit(\"update setting set value = '' where key = 'e'\")", "value was NULL and came back as ''"
    ),
    "text cut at a NUL": Fault("edit(\"update setting set value = 'a' where key = 'g'\")", "setting row key='g'"),
    "minus zero loses its sign": Fault(
        "connection = sqlite3.connect(copy); connection.execute('update anything set x = ? where rowid = 7', (0.0,)); connection.commit()",
        "anything has its 8 rows, but their contents differ",
    ),
    "infinity becomes the largest number": Fault(
        "edit('update price set net = 1.7976931348623157e308 where rowid = 4')", "price"
    ),
    "row with the smallest id altered": Fault(
        "edit(\"update person set name = 'x' where id = -9223372036854775808\")", "person row id=-9223372036854775808"
    ),
    "letter case lost": Fault("edit(\"update person set name = 'LOWEST' where id < 0\")", "name was 'lowest'"),
    "character outside the BMP lost": Fault(
        "edit(\"update person set name = 'Ärger ?' where id = 1\")", "came back as 'Ärger ?'"
    ),
    "full-text contents lost": Fault("edit(\"delete from note where title = 'first'\")", "note lost 1 row"),
    "full-text index without its terms": Fault(
        'edit("delete from note_idx", "delete from note_data where id > 10")',
        "the full-text index note does not fit its content",
    ),
    "full-text table lost": Fault("edit('drop table old_note')", "table old_note is lost"),
    "index of another table's text left empty": Fault(
        "edit(\"insert into note_of_person(note_of_person) values ('delete-all')\")",
        "the full-text index note_of_person does not fit",
    ),
    "contentless index altered": Fault(
        "edit(\"insert into hidden(rowid, body) values (8, 'more')\")", "hidden_docsize came back with 1 row too many"
    ),
    "spatial entry lost": Fault("edit('delete from place where id = 2')", "place lost 1 row"),
    "partial index becomes full": Fault(
        "edit('drop index person_code', 'create index person_code on person(code)')",
        "index person_code: definition was",
    ),
    "index over an expression lost": Fault("edit('drop index price_expression')", "index price_expression is lost"),
    "trigger altered": Fault(
        "edit('drop trigger kept', 'create trigger kept before delete on person begin select 1; end')",
        "trigger kept: definition was",
    ),
    "reference broken": Fault("edit('delete from parent where id = 2')", "refers to a row of parent that is not there"),
    "table with an odd name lost": Fault('edit(\'drop table "odd "" name"\')', 'table odd " name is lost'),
    "next id would be taken twice": Fault("edit('delete from sqlite_sequence')", "sequence numbered is lost"),
    "CSV without types and NULL": Fault(
        "import csv, io\n"
        "rows = sqlite3.connect(db).execute('select key, value from setting').fetchall()\n"
        "text = io.StringIO(); csv.writer(text).writerows(rows)\n"
        "edit('delete from setting')\n"
        "connection = sqlite3.connect(copy)\n"
        "connection.executemany('insert into setting values (?, ?)', csv.reader(io.StringIO(text.getvalue(), newline='')))\n"
        "connection.commit()",
        "setting row key='e': value was NULL and came back as ''",
    ),
    "floats rounded to fifteen digits": Fault(
        "connection = sqlite3.connect(copy); connection.create_function('cut', 1, lambda x: float('%.15g' % x) if x is not None else x);"
        "connection.execute('update price set net = cut(net)'); connection.commit()",
        "price",
    ),
    "old write-ahead log beside the restored file": Fault(
        "connection = sqlite3.connect(copy); connection.execute('pragma journal_mode = wal');"
        "connection.execute('update parent set id = 3 where id = 2'); connection.commit();"
        "shutil.copy(copy + '-wal', out + '/stale'); shutil.copy(copy, out + '/main'); connection.close();"
        "os.replace(out + '/main', copy)",
        "refers to a row of parent that is not there",
        "shutil.copy(copy, db); shutil.copy(out + '/stale', db + '-wal')",
    ),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_lost_feature_is_violated_with_its_name(recovery: Recovery, fault: Fault) -> None:
    by = procedure(
        python("save(); " + fault.change if "\n" not in fault.change else "save()\n" + fault.change), python(fault.back)
    )
    verdict = recovery.round_trip(sqlite(prepare=seed), by=by)
    assert verdict.status is Status.VIOLATED
    assert fault.lost in "\n".join(found.message for found in verdict.findings)


HARMLESS = {
    "the backup API": "save()",
    "VACUUM": "save(); edit('vacuum')",
    "VACUUM INTO": "edit(f\"vacuum into '{copy}'\", path=db)",
    "indexes built anew": "save(); edit('reindex')",
    "statistics of the planner": "save(); edit('analyze')",
    "statistics lost": "save(); edit('drop table sqlite_stat1')",
    "full-text indexes rebuilt": "save(); edit(*[f\"insert into {t}({t}) values ('rebuild')\" for t in ('note', 'old_note', 'note_of_person')])",
    "full-text index optimized": "save(); edit(\"insert into note(note) values ('optimize')\")",
}  # fmt: skip


@pytest.mark.parametrize("backup", HARMLESS.values(), ids=HARMLESS)
def test_harmless_changes_are_met(recovery: Recovery, backup: str) -> None:
    verdict = recovery.round_trip(sqlite(prepare=seed), by=procedure(python(backup), _BACK))
    assert verdict.status is Status.MET, verdict.explain()


def dumpable(environment: Environment) -> None:
    """Without what a dump loses: the sign of -0.0, the smallest number, text after a NUL."""
    seed(environment)
    with closing(sqlite3.connect(environment["SQLITE_DATABASE"])) as connection:
        connection.execute("delete from anything where rowid = 7")
        connection.execute("delete from price where net = 5e-324")
        connection.execute("delete from setting where key = 'g'")
        connection.commit()


def test_a_dump_with_the_settings_of_the_file_is_met(recovery: Recovery) -> None:
    backup = "rebuilt(\"pragma encoding = 'UTF-16le'\", 'pragma page_size = 8192', 'pragma auto_vacuum = 1')"
    assert recovery.round_trip(sqlite(prepare=dumpable), by=procedure(python(backup), _BACK))


def test_schema_and_data_by_the_command_line_are_met(recovery: Recovery) -> None:
    def plain(environment: Environment) -> None:
        with closing(sqlite3.connect(environment["SQLITE_DATABASE"])) as connection:
            connection.executescript(
                "create table item(id integer primary key, name text); insert into item(name) values ('a'), (null), ('');"
                "create view names(name) as select name from item; create index by_name on item(name)"
            )

    ask = "sqlite3 -cmd '.timeout 9000' $SQLITE_DATABASE"
    backup = f"{ask} .schema > $BACKUP_DIR/schema && {ask} '.dump --data-only' > $BACKUP_DIR/data"
    restore = "cat $BACKUP_DIR/schema $BACKUP_DIR/data | sqlite3 -bail $SQLITE_DATABASE"
    # The command line writes the columns of a view behind it, as a comment.
    verdict = recovery.round_trip(sqlite(prepare=plain), by=procedure(backup, restore))
    assert verdict.status is Status.MET, verdict.explain()
    altered = f"{restore} && sqlite3 $SQLITE_DATABASE 'drop view names; create view names(name) as values (1)'"
    verdict = recovery.round_trip(sqlite(prepare=plain), by=procedure(backup, altered))
    assert "view names: definition was" in verdict.explain()


def test_a_dump_loses_what_text_cannot_say(recovery: Recovery) -> None:
    backup = "rebuilt(\"pragma encoding = 'UTF-16le'\", 'pragma page_size = 8192', 'pragma auto_vacuum = 1')"
    verdict = recovery.round_trip(sqlite(prepare=seed), by=procedure(python(backup), _BACK))
    assert "anything row x=-0.0 is lost" in verdict.explain()


def test_a_slow_copy_during_writes_is_violated(recovery: Recovery) -> None:
    # Half now and half later, as a large file is copied while the application goes on.
    slowly = (
        "half = os.path.getsize(db) // 2; source = open(db, 'rb'); first = source.read(half); time.sleep(0.4);"
        "open(copy, 'wb').write(first + source.read())"
    )
    verdict = recovery.round_trip(sqlite(prepare=seed), by=procedure(python(slowly), _BACK))
    assert verdict.status is Status.VIOLATED
    assert "damaged" in verdict.explain() or "cannot be read" in verdict.explain()


def test_a_second_file_is_not_passed_over_in_silence(recovery: Recovery) -> None:
    def two_files(environment: Environment) -> None:
        seed(environment)
        with closing(sqlite3.connect(environment["SQLITE_DATABASE"])) as connection:
            second = Path(environment["SQLITE_DATABASE"]).with_name("archive.sqlite3")
            connection.execute("attach ? as archive", (str(second),))
            connection.execute("create table archive.old(x)")
            connection.commit()

    verdict = recovery.round_trip(sqlite(prepare=two_files), by="sqlite-backup")
    assert verdict.status is Status.UNVERIFIED
    assert "archive.sqlite3 lies beside the database" in verdict.explain()
    told = sqlite(prepare=two_files, ignore={"file:archive.*": "a cache"})
    assert recovery.round_trip(told, by="sqlite-backup")


def folded(connection: sqlite3.Connection) -> None:
    """What the application registers on its connections."""
    connection.create_collation("folded", lambda a, b: (a.lower() > b.lower()) - (a.lower() < b.lower()))
    connection.create_function("turned", 1, lambda text: text[::-1], deterministic=True)


#: Tables that SQLite can read, check or use an index of only with what the application registers.
_OF_THE_APPLICATION = {
    "collation of an index": "create table word(text collate folded unique)",
    "collation of a primary key": "create table word(text collate folded primary key, other) without rowid",
    "function of an index": "create table word(text); create index turned_word on word(turned(text))",
    "function of a check": "create table word(text check (turned(text) <> ''))",
    "function of a generated column": "create table word(text, back as (turned(text)))",
}


@pytest.mark.parametrize("schema", _OF_THE_APPLICATION.values(), ids=_OF_THE_APPLICATION)
def test_a_schema_that_needs_the_application_s_functions_is_compared_with_them(recovery: Recovery, schema: str) -> None:
    def words(environment: Environment) -> None:
        with closing(sqlite3.connect(environment["SQLITE_DATABASE"])) as connection:
            folded(connection)
            connection.executescript(schema)
            connection.executemany("insert into word(text) values (?)", [("b",), ("A",), ("c",)])
            connection.commit()

    store = sqlite(prepare=words, on_connect=folded)
    verdict = recovery.round_trip(store, by="sqlite-backup")
    assert verdict.status is Status.MET, verdict.explain()
    lossy = python(
        "save(); c = sqlite3.connect(copy);"
        "c.create_collation('folded', lambda a, b: (a.lower() > b.lower()) - (a.lower() < b.lower()));"
        "c.create_function('turned', 1, lambda text: text[::-1], deterministic=True);"
        "c.execute(\"delete from word where text = 'b'\"); c.commit()"
    )
    verdict = recovery.round_trip(store, by=procedure(lossy, _BACK))
    assert "word lost 1 row" in verdict.explain()
    verdict = recovery.round_trip(sqlite(prepare=words), by="sqlite-backup")
    assert verdict.status is Status.UNVERIFIED
    assert "sqlite(on_connect=…)" in verdict.explain()


def test_an_on_connect_that_fails_is_told(recovery: Recovery) -> None:
    def broken(_connection: sqlite3.Connection) -> None:
        raise ValueError("no module spatialite")

    verdict = recovery.round_trip(sqlite(prepare=seed, on_connect=broken), by="sqlite-backup")
    assert verdict.status is Status.UNVERIFIED
    assert "on_connect= failed: ValueError: no module spatialite" in verdict.explain()
