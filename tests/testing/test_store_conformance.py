"""Every built-in store passes the conformance suite that authors of stores run."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest

from pytest_devsecops.recovery import composite, directory, postgresql, procedure, sqlite
from pytest_devsecops.recovery.model import Environment, Store
from pytest_devsecops.recovery.procedures import Procedure
from pytest_devsecops.testing.recovery import Change, StoreConformance

pytestmark = pytest.mark.tools(sqlite3="sqlite3")


def seed_sqlite(environment: Environment) -> None:
    with closing(sqlite3.connect(environment["SQLITE_DATABASE"])) as connection:
        connection.executescript("""
            pragma journal_mode = wal;
            create table note(id integer primary key autoincrement, text text, weight real);
            insert into note(text, weight) values ('one', 1), ('two', 2.5), (null, null), ('', -1e300);
            create index note_text on note(text);
            create table tag(name text primary key, picture blob) without rowid;
            insert into tag values ('b', x'00'), ('a', x''), ('ä', null);
            create table pair(a, b);
            insert into pair values (1, 2), (1, 2), ('1', 2);
        """)


def sql(statement: str) -> list[str]:
    return ["sh", "-c", f'sqlite3 "$SQLITE_DATABASE" "{statement}"']


_SQLITE_CHANGES = {
    "row removed": Change(sql("delete from note where id = 2"), "note lost 1 row"),
    "value altered": Change(sql("update tag set picture = x'01' where name = 'b'"), "tag"),
    "duplicate removed": Change(sql("delete from pair where rowid = 1"), "pair lost 1 row"),
    "index dropped": Change(sql("drop index note_text"), "index note_text is lost"),
    "version set": Change(sql("pragma user_version = 7"), "user_version"),
}


def seed_directory(environment: Environment) -> None:
    top = Path(environment["DIRECTORY_PATH"])
    (top / "sub").mkdir()
    for number in range(5):
        (top / "sub" / f"{number}.txt").write_text(str(number), encoding="ascii")
    (top / "link").symlink_to("sub/1.txt")
    (top / "self").symlink_to(top / "sub")
    (top / "empty").mkdir(mode=0o700)


_DIRECTORY_CHANGES = {
    "file removed": Change("rm $DIRECTORY_PATH/sub/2.txt", "sub/2.txt is lost"),
    "content altered": Change("echo x > $DIRECTORY_PATH/sub/3.txt", "sub/3.txt: content"),
    "mode altered": Change("chmod 600 $DIRECTORY_PATH/sub/3.txt", "sub/3.txt: mode"),
    "folder removed": Change("rmdir $DIRECTORY_PATH/empty", "folder empty is lost"),
    "link altered": Change("ln -sfn elsewhere $DIRECTORY_PATH/link", "link: leads to"),
}
_COPY = procedure(
    "cp -a $DIRECTORY_PATH $BACKUP_DIR/tree",
    "cp -a $BACKUP_DIR/tree/. $DIRECTORY_PATH && ln -sfn $DIRECTORY_PATH/sub $DIRECTORY_PATH/self",
)
_BOTH = procedure(
    f"{_COPY.backup} && sqlite3 -cmd '.timeout 9000' $SQLITE_DATABASE \".backup '$BACKUP_DIR/db'\"",
    f"{_COPY.restore} && cp $BACKUP_DIR/db $SQLITE_DATABASE && sqlite3 $SQLITE_DATABASE 'pragma journal_mode = wal'",
)


def psql(statement: str) -> str:
    return f'psql -X -q -v ON_ERROR_STOP=1 -c "{statement}"'


@dataclass(frozen=True)
class Known:
    """A built-in store, how it is brought back, and what its snapshot has to see."""

    make: Callable[[], Store]
    by: Procedure | str
    changes: Mapping[str, Change]


#: Those that need no server.
FILES = {
    "sqlite": Known(lambda: sqlite(prepare=seed_sqlite), "sqlite-backup", _SQLITE_CHANGES),
    "directory": Known(lambda: directory(prepare=seed_directory), _COPY, _DIRECTORY_CHANGES),
    "composite": Known(
        lambda: composite(db=sqlite(prepare=seed_sqlite), media=directory(prepare=seed_directory)),
        _BOTH,
        {**_SQLITE_CHANGES, **_DIRECTORY_CHANGES},
    ),
}
_POSTGRESQL_SEED = psql(
    "create table note(id serial primary key, text text, weight float8);"
    "insert into note(text, weight) values ('one', 1), ('two', 'NaN'), (null, null), ('', 1e300);"
    "create index note_text on note(text); create role reader; grant select on note to reader"
)
_POSTGRESQL_CHANGES = {
    "row removed": Change(psql("delete from note where id = 2"), "note lost 1 row"),
    "value altered": Change(psql("update note set text = null where id = 4"), "note"),
    "index dropped": Change(psql("drop index note_text"), "note_text is lost"),
    "grant revoked": Change(psql("revoke select on note from reader"), "note"),
    "sequence moved": Change(psql("select setval('note_id_seq', 99999)"), "note_id_seq"),
    "role dropped": Change(psql("drop owned by reader") + " && " + psql("drop role reader"), "reader"),
}
SERVERS = {
    "postgresql": Known(lambda: postgresql(prepare=_POSTGRESQL_SEED), "pg_dump", _POSTGRESQL_CHANGES),
}


class Conformance(StoreConformance):
    """The suite over one line of the tables."""

    known: ClassVar[Known]

    @classmethod
    def make_store(cls) -> Store:
        return cls.known.make()


class TestSQLite(Conformance):
    known = FILES["sqlite"]
    by, changes = known.by, known.changes


class TestDirectory(Conformance):
    known = FILES["directory"]
    by, changes = known.by, known.changes


class TestComposite(Conformance):
    known = FILES["composite"]
    by, changes = known.by, known.changes

    def test_an_unknown_builtin_procedure_is_refused(self) -> None:  # type: ignore[override] # see the base
        """A composite has none at all."""


@pytest.mark.slow
class TestPostgreSQL(Conformance):
    known = SERVERS["postgresql"]
    by, changes = known.by, known.changes
