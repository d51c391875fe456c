"""How a MariaDB drill is run: the conformance suite, roles, faults in the middle, what is missing, what is left."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import ClassVar

import pymysql
import pytest

from pytest_devsecops.core.errors import MissingExtraError, UsageError
from pytest_devsecops.core.findings import Status
from pytest_devsecops.recovery import mariadb, mysql, procedure
from pytest_devsecops.recovery.family import Recovery
from pytest_devsecops.recovery.faults import FAULTS
from pytest_devsecops.recovery.model import Environment, Store
from pytest_devsecops.recovery.section import RecoveryPolicy
from pytest_devsecops.recovery.stores.mariadb import MariaDBStore
from pytest_devsecops.recovery.stores.mariadb.behaviour import _like
from pytest_devsecops.recovery.workspace import temporary_room
from pytest_devsecops.testing.recovery import Change, StoreConformance

pytestmark = [
    pytest.mark.slow,
    pytest.mark.tools(mariadbd="mariadb-server", mariadb_backup="mariadb-backup"),
]

_SAVE = "mariadb-dump --single-transaction --hex-blob app > $BACKUP_DIR/d"
_LOAD = "mariadb app < $BACKUP_DIR/d"


def sql(statement: str) -> str:
    return f'mariadb --default-character-set=utf8mb4 app -e "{statement}"'


_SEED = [
    sql(
        "create table note(id int primary key auto_increment, text varchar(40), weight double, key note_text(text));"
        "insert into note(text, weight) values ('one', 1), ('TWO', 2.5), (null, null), ('', -1e300);"
        "create table pair(a int, b varchar(9)) engine = MyISAM; insert into pair values (1, 'x'), (1, 'x'), (2, null);"
        "create view short as select id from note;"
        "create user reader@localhost identified by 'r'; grant select on app.note to reader@localhost"
    )
]


class TestConformance(StoreConformance):
    by = "mariadb-dump"
    changes: ClassVar[Mapping[str, Change]] = {
        "row removed": Change(sql("delete from note where id = 2"), "note lost 1 row"),
        "case of a letter": Change(sql("update note set text = 'two' where id = 2"), "note"),
        "empty for NULL": Change(sql("update note set text = '' where id = 3"), "note"),
        "duplicate removed": Change(sql("delete from pair where a = 1 limit 1"), "pair lost 1 row"),
        "index dropped": Change(sql("alter table note drop key note_text"), "index note_text"),
        "next id moved": Change(sql("alter table note auto_increment = 999"), "next value was '5'"),
        "grant revoked": Change(sql("revoke select on note from reader@localhost"), "privileges reader@localhost"),
        "view replaced": Change(sql("create or replace view short as select text from note"), "view short"),
        "user dropped": Change(sql("drop user reader@localhost"), "user reader@localhost is lost"),
    }

    @classmethod
    def make_store(cls) -> Store:
        return mariadb(prepare=_SEED)


def seed(environment: Environment) -> None:
    connection = pymysql.connect(
        host=environment["MYSQL_HOST"],
        port=int(environment["MYSQL_PORT"]),
        user=environment["MYSQL_USER"],
        password=environment["MYSQL_PASSWORD"],
        database=environment["MYSQL_DATABASE"],
        autocommit=True,
    )
    with connection, connection.cursor() as cursor:
        cursor.execute("create table item(id int primary key auto_increment, name text, price float)")
        cursor.execute("insert into item(name, price) select repeat('n', 200), 0.5 from seq_1_to_1000")


@pytest.fixture(scope="module")
def store() -> MariaDBStore:
    return mariadb(prepare=seed)


@pytest.fixture(scope="module")
def family(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recovery]:
    folder = tmp_path_factory.mktemp("project")
    own = Recovery(RecoveryPolicy(), folder, today=date(2026, 11, 23), record=lambda verdict: verdict)
    yield own
    own.close()


@pytest.mark.parametrize("fault", sorted(FAULTS))
@pytest.mark.parametrize("name", ["mariadb-dump", "mariadb-backup"])
def test_builtin_procedures_survive_or_notice_every_fault(
    family: Recovery, store: MariaDBStore, fault: str, name: str
) -> None:
    verdict = family.notices(store, by=name, fault=fault)
    assert verdict.status is Status.MET, verdict.explain()


def test_dump_that_is_cut_goes_unnoticed(family: Recovery, store: MariaDBStore) -> None:
    by = procedure(_SAVE, "head -c 100000 $BACKUP_DIR/d | mariadb --force app; true")
    assert family.round_trip(store, by=by).status is Status.VIOLATED


def test_dump_rounds_floats_and_the_files_do_not(recovery: Recovery) -> None:
    store = mariadb(
        prepare=sql("create table m(id int primary key, v float); insert into m values (1, 16777215), (2, 0.5)")
    )
    verdict = recovery.round_trip(store, by="mariadb-dump")
    assert "m row id=1: v was 16777215 and came back as 16777200" in verdict.explain()
    verdict = recovery.round_trip(store, by="mariadb-backup")
    assert verdict.status is Status.MET, verdict.explain()


def test_grants_on_databases_by_pattern_and_to_everybody_are_what_lets_an_account_read(recovery: Recovery) -> None:
    store = mariadb(
        prepare=sql(
            "create table note(a int); insert into note values (1); create database shop_a; create table shop_a.x as select 1 as a;"
            "create user one@localhost identified by 'x'; grant all on \\`shop\\_%\\`.* to one@localhost;"
            "create user two@localhost identified by 'x'; grant select on \\`shop__\\`.* to two@localhost;"
            "grant select on app.* to public"
        )
    )
    verdict = recovery.round_trip(store, by="mariadb-backup")
    assert verdict.status is Status.MET, verdict.explain()
    # mariadb-dump --system=users leaves PUBLIC out.
    verdict = recovery.round_trip(store, by="mariadb-dump")
    told = {one.subject for one in verdict.findings}
    assert told == {"role:PUBLIC", "privileges:PUBLIC on `app`.*"}, verdict.explain()


@pytest.mark.parametrize(
    ("pattern", "database", "matches"),
    [
        (r"shop\_%", "shop_a", True),
        (r"shop\_%", "shopxa", False),
        ("shop_a", "shopxa", True),
        ("%", "any", True),
        ("a.c", "abc", False),
        (r"od\-d", "od-d", True),
    ],
)
def test_a_grant_names_databases_as_like_does(pattern: str, database: str, *, matches: bool) -> None:
    assert bool(_like(pattern).fullmatch(database)) is matches


def test_backup_role_without_rights_is_violated(recovery: Recovery) -> None:
    make = "create table t as select 1 as a; create user keeper@localhost identified by 'k'"
    weak = mariadb(role="keeper", role_password="k", prepare=sql(make))  # noqa: S106 - of the drill
    verdict = recovery.round_trip(weak, by=procedure(_SAVE, _LOAD))
    assert verdict.status is Status.VIOLATED
    assert "denied" in verdict.explain()
    grant = f"{make}; grant select, lock tables, show view, trigger, process on *.* to keeper@localhost"
    ignore = {"*keeper*": "the restore makes it"}
    good = mariadb(role="keeper", role_password="k", prepare=sql(grant), ignore=ignore)  # noqa: S106 - of the drill
    verdict = recovery.round_trip(good, by=procedure(_SAVE, _LOAD))
    assert verdict.status is Status.MET, verdict.explain()


def test_rows_in_memory_are_told_because_no_restart_keeps_them(recovery: Recovery) -> None:
    make = sql(
        "create table m(id int primary key) engine = MEMORY; insert into m values (1), (2); create table t select 1 a"
    )
    verdict = recovery.round_trip(mariadb(prepare=make), by="mariadb-dump")
    assert verdict.status is Status.UNVERIFIED
    assert "m is in memory only" in verdict.explain()
    verdict = recovery.round_trip(mariadb(prepare=make, empty={"m": "a cache"}), by="mariadb-dump")
    assert verdict.status is Status.MET, verdict.explain()


def test_other_version_is_unverified(recovery: Recovery) -> None:
    verdict = recovery.round_trip(mariadb(prepare=seed, version="5.5"), by=procedure(_SAVE, _LOAD))
    assert verdict.status is Status.UNVERIFIED
    assert "production runs mariadb 5.5" in verdict.explain()


def test_empty_table_that_cannot_be_filled_is_unverified(recovery: Recovery) -> None:
    make = sql("create table n(id int not null check (id < 0)); create table t as select 1 as a")
    assert recovery.round_trip(mariadb(prepare=make), by=procedure(_SAVE, _LOAD)).status is Status.UNVERIFIED
    named = mariadb(prepare=make, empty={"n": "filled by a job at night"})
    verdict = recovery.round_trip(named, by=procedure(_SAVE, _LOAD))
    assert verdict.status is Status.MET, verdict.explain()


def test_table_that_is_meant_to_be_empty_may_be_left_out(recovery: Recovery) -> None:
    make = sql("create table visit(id int primary key); create table t as select 1 as a")
    by = procedure(_SAVE.replace(" app", " --ignore-table-data=app.visit app"), _LOAD)
    assert "visit lost 1 row" in recovery.round_trip(mariadb(prepare=make), by=by).explain()
    verdict = recovery.round_trip(mariadb(prepare=make, empty={"visit": "nobody needs them"}), by=by)
    assert verdict.status is Status.MET, verdict.explain()


def test_open_transaction_is_refused(recovery: Recovery) -> None:
    held: list[pymysql.connections.Connection[pymysql.cursors.Cursor]] = []

    def leave_open(environment: Environment) -> None:
        seed(environment)
        connection = pymysql.connect(
            host=environment["MYSQL_HOST"],
            port=int(environment["MYSQL_PORT"]),
            user="root",
            password=environment["MYSQL_PASSWORD"],
            database="app",
        )
        held.append(connection)
        with connection.cursor() as cursor:
            cursor.execute("update item set price = 1 where id = 1")

    verdict = recovery.round_trip(mariadb(prepare=leave_open), by=procedure(_SAVE, _LOAD))
    held[0].close()
    assert verdict.status is Status.UNVERIFIED
    assert "still inside a transaction" in verdict.explain()


def test_acknowledged_writes_are_measured(family: Recovery, store: MariaDBStore) -> None:
    verdict = family.round_trip(store, by=procedure(_SAVE, _LOAD, every="24h"), rpo="25h")
    assert verdict.status is Status.MET, verdict.explain()
    assert verdict.evidence["writes"]["brought_back"] is True


def test_what_a_procedure_can_rely_on(family: Recovery, store: MariaDBStore) -> None:
    clauses = (
        'set -e; test $(stat -c %a $HOME/.my.cnf) = 600; test "$(dirname $(command -v mariadbd))" = "${PATH%%:*}";'
        'test "$(umask)" = 0022; test -z "$(cat)"; test -d $MYSQL_DATA;'
        # With nothing but the file in HOME, over the socket, and over TCP.
        'test "$(env -i HOME=$HOME PATH=$PATH mariadb -N -e "select 1")" = 1;'
        'test "$(mariadb -N --protocol=socket -e "select 1")" = 1;'
        'test "$(mariadb -N --protocol=tcp -h $MYSQL_HOST -P $MYSQL_TCP_PORT -e "select 1")" = 1;'
    )
    gone = '! mariadb --protocol=tcp -P $(cat $BACKUP_DIR/port) -e "select 1" 2>/dev/null;'
    by = procedure(f"{clauses} echo $MYSQL_TCP_PORT > $BACKUP_DIR/port; {_SAVE}", f"{clauses} {gone} {_LOAD}")
    verdict = family.round_trip(store, by=by)
    assert verdict.status is Status.MET, verdict.explain()


def test_preparation_is_not_led_to_a_server_of_the_callers(
    recovery: Recovery, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".my.cnf").write_text("[client]\nuser=production\nport=1\nprotocol=tcp\n", "ascii")
    (tmp_path / "my.cnf").write_text("[client]\nsocket=/nowhere\n", "ascii")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("MYSQL_HOME", str(tmp_path))
    store = mariadb(prepare=[sql("create table t as select 1 a"), f"test $XDG_CACHE_HOME = {tmp_path}/.cache"])
    verdict = recovery.round_trip(store, by="mariadb-dump")
    assert verdict.status is Status.MET, verdict.explain()


def test_newest_artefact_is_restored_and_its_age_told_by_a_row(recovery: Recovery, tmp_path: Path) -> None:
    (tmp_path / "backups").mkdir()
    made = "create database other; create table other.orders(id int primary key, at datetime); insert into other.orders values"
    (tmp_path / "backups" / "night.sql").write_text(f"{made} (1, utc_timestamp() - interval 90 minute);\n", "ascii")
    by = procedure("false", "mariadb < $BACKUP_DIR/night.sql")
    for fresh in ("orders.at", "other.orders.at"):
        verdict = recovery.newest("backups/*", into=mariadb(prepare=seed), by=by, fresh=fresh)
        assert verdict.status is Status.MET, verdict.explain()
        assert 5300 < verdict.measured["rpo"] < 5700
    (tmp_path / "backups" / "night.sql").write_text("this is no SQL;\n", "ascii")
    assert recovery.newest("backups/*", into=mariadb(prepare=seed), by=by).status is Status.VIOLATED


def test_nothing_is_left_behind(store: MariaDBStore, monkeypatch: pytest.MonkeyPatch) -> None:
    with temporary_room("a-") as place:
        monkeypatch.setattr(tempfile, "tempdir", str(place))
        own = Recovery(RecoveryPolicy(), place, today=date(2026, 11, 23), record=lambda verdict: verdict)
        assert own.round_trip(store, by=procedure(_SAVE, "exit 1")).status is Status.VIOLATED
        own.close()
        assert list(place.iterdir()) == []
        commands = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()]
        assert not [one for one in commands if b"mariadbd" in one and str(place).encode() in one]


def test_missing_server_is_one_clear_unverified_verdict(recovery: Recovery, monkeypatch: pytest.MonkeyPatch) -> None:
    which = shutil.which
    monkeypatch.setattr(shutil, "which", lambda name: None if "mysqld" in name else which(name))
    verdict = recovery.round_trip(mysql(prepare="true"), by="mysqldump")
    if verdict.evidence.get("versions"):
        pytest.skip("a MySQL server is installed here")
    assert verdict.status is Status.UNVERIFIED
    assert "no MySQL server was found on this machine" in verdict.explain()
    assert "looked for mysqld in /usr/sbin" in verdict.explain()


def test_missing_driver_names_the_extra(recovery: Recovery, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pymysql", None)
    with pytest.raises(MissingExtraError, match=r"pytest-devsecops\[mariadb\]"):
        recovery.round_trip(mariadb(prepare="true"), by="mariadb-dump")


def test_settings_of_the_drills_own_server_are_refused() -> None:
    with pytest.raises(UsageError, match="belongs to the drill's own server"):
        mariadb(settings={"datadir": "/var/lib/mysql"})


def test_unknown_procedure_is_refused() -> None:
    with pytest.raises(UsageError, match="no built-in procedure"):
        mariadb().builtin("mariadb-dumb")
