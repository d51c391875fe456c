"""Real ways to lose data of a MariaDB server: each is violated with the lost thing named, its repaired twin is met."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import pymysql
import pytest

from pytest_devsecops.core.findings import Status
from pytest_devsecops.recovery import mariadb, procedure
from pytest_devsecops.recovery.family import Recovery
from pytest_devsecops.recovery.model import Environment
from pytest_devsecops.recovery.section import RecoveryPolicy
from pytest_devsecops.recovery.stores.mariadb import MariaDBStore

pytestmark = [
    pytest.mark.slow,
    pytest.mark.tools(mariadbd="mariadb-server", mariadb_backup="mariadb-backup"),
]

#: Statements of the seed, each ended by two semicolons, because routines have some of their own.
SEED = """
create table customer(id int unsigned primary key auto_increment, email varchar(100) collate utf8mb4_bin not null unique,
  name varchar(50), joined timestamp(3) null, born date, level enum('low','high') default 'low', flags set('a','b'),
  constraint mail check (email like '%@%'));;
insert into customer(email, name, joined, born, level, flags) select concat('u', seq, '@x'), concat('Name ', seq),
  '2026-03-29 01:30:00.123' + interval seq hour, '2000-01-01' + interval seq day, if(seq % 2, 'low', 'high'), 'a,b' from seq_1_to_200;;
update customer set name = 'José 🦀 ''quoted'' \\\\ ' where id = 7;;
delete from customer where id = 200;;
create table invoice(id int primary key auto_increment, customer int unsigned not null, amount decimal(12,2), ratio double,
  doc blob, extra json, total decimal(14,2) as (amount * 2) stored, key by_customer(customer),
  constraint invoice_customer foreign key (customer) references customer(id));;
insert into invoice(customer, amount, ratio, doc, extra)
  select seq, seq / 7, 1 / seq, unhex(concat('00ff', lpad(hex(seq), 4, '0'))), json_object('n', seq) from seq_1_to_199;;
create table zero(id int primary key auto_increment, v int);;
set session sql_mode = concat(@@sql_mode, ',NO_AUTO_VALUE_ON_ZERO');;
insert into zero values (0, 10), (1, 11);;
create table shape(id int primary key, g point not null, b bit(9), bin binary(5), f double);;
insert into shape values (1, point(1.5, -2), b'101', 'ab', 1e-300), (2, point(0, 0), b'0', 'x', 0.1 + 0.2e0);;
create table plain(what varchar(20), n int) engine = Aria;;
insert into plain values ('a', 1), ('a', 1), ('b', null);;
create table parted(id int, y int, primary key (id, y)) partition by range (y)
  (partition old values less than (2020), partition new values less than maxvalue);;
insert into parted values (1, 2010), (2, 2025);;
create table hist(id int primary key, v int) with system versioning;;
insert into hist values (1, 1), (2, 2);;
update hist set v = 3 where id = 1;;
create table empty_one(id int primary key auto_increment, customer int unsigned references customer(id), note text);;
create sequence ticket start with 100 increment by 5 cache 10;;
select nextval(ticket);;
create view totals as select customer, sum(amount) as total from invoice group by customer;;
create trigger audited after insert on zero for each row insert into plain values ('zero', new.id);;
create function twice(n int) returns int deterministic return n * 2;;
create procedure bump(in c int unsigned) comment 'doubles' begin update invoice set amount = twice(amount) where customer = c; end;;
create event tidy on schedule every 1 day starts '2026-01-01 00:00:00' do delete from plain where n < 0;;
create event paused on schedule every 1 hour starts '2026-01-01 00:00:00' disable do select 1;;
create database other character set latin1 collate latin1_german1_ci;;
create table other.setting(k varchar(20) primary key, v text);;
insert into other.setting values ('a', 'ä'), ('b', '');;
create role reader;;
grant select on app.* to reader;;
create user shop@'%' identified by 'secret' require ssl with max_queries_per_hour 500;;
grant select, insert (email, name), update on app.customer to shop@'%';;
grant reader to shop@'%';;
set default role reader for shop@'%';;
create user auditor@localhost identified by 'x' account lock;;
grant execute on procedure app.bump to auditor@localhost;;
create definer = shop@'%' sql security definer view names as select name from customer;;
"""

_OPTIONS = (
    "--routines --triggers --events --hex-blob --dump-history --default-character-set=utf8mb4 --add-drop-database"
)
_SAVE = f"mariadb-dump --single-transaction {_OPTIONS} --databases app other > $BACKUP_DIR/d"
_USERS = "mariadb-dump --system=users --insert-ignore > $BACKUP_DIR/u"
_LOAD = "set -e; mariadb < $BACKUP_DIR/d; mariadb < $BACKUP_DIR/u"
_FULL = f"set -e; {_SAVE}; {_USERS}"
_BASE = "mariadb-backup --backup --datadir=$MYSQL_DATA --target-dir=$BACKUP_DIR/base 2>&1 | tail -n 1 | grep -q 'completed OK'"
_PREPARED = (
    f"{_BASE} && mariadb-backup --prepare --target-dir=$BACKUP_DIR/base 2>&1 | tail -n 1 | grep -q 'completed OK'"
)
_COPY = "cp -a $BACKUP_DIR/base/. $MYSQL_DATA/"
_SQL = "mariadb --default-character-set=utf8mb4 app -e"


def seed(environment: Environment) -> None:
    connection = pymysql.connect(
        host=environment["MYSQL_HOST"],
        port=int(environment["MYSQL_PORT"]),
        user=environment["MYSQL_USER"],
        password=environment["MYSQL_PASSWORD"],
        database=environment["MYSQL_DATABASE"],
        charset="utf8mb4",
        autocommit=True,
    )
    with connection, connection.cursor() as cursor:
        for statement in SEED.split(";;\n")[:-1]:
            cursor.execute(statement)


@pytest.fixture(scope="module")
def family(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recovery]:
    folder = tmp_path_factory.mktemp("project")
    own = Recovery(RecoveryPolicy(), folder, today=date(2026, 11, 23), record=lambda verdict: verdict)
    yield own
    own.close()


@pytest.fixture(scope="module")
def store() -> MariaDBStore:
    return mariadb(prepare=seed)


@dataclass(frozen=True)
class Case:
    """One fault: backup, restore, a part of the message, and the repaired twin."""

    backup: str
    restore: str
    lost: str
    good_backup: str = _FULL
    good_restore: str = _LOAD
    kind: str = "logical"


def without(option: str, lost: str) -> Case:
    """A dump that lacks one option."""
    return Case(_FULL.replace(f"{option} ", "", 1), _LOAD, lost)


def afterwards(statement: str, lost: str) -> Case:
    """A restore that does one thing too many."""
    return Case(_FULL, f'{_LOAD}; {_SQL} "{statement}"', lost)


CASES = {
    "routines left out": without("--routines", "procedure bump is lost"),
    "events left out": without("--events", "event tidy is lost"),
    "triggers skipped": Case(_FULL.replace("--triggers", "--skip-triggers"), _LOAD, "trigger audited is lost"),
    "history of a versioned table left out": without("--dump-history", "hist lost 1 row"),
    "one database of two": Case(
        _FULL.replace("app other", "app"), _LOAD, "database other is lost"
    ),
    "users left out": Case(_SAVE, "mariadb < $BACKUP_DIR/d", "user shop@% is lost"),
    "users in the tables but not in force": Case(
        f"set -e; {_SAVE}; mariadb-dump mysql global_priv db tables_priv columns_priv procs_priv roles_mapping > $BACKUP_DIR/u",
        "set -e; mariadb < $BACKUP_DIR/d; mariadb mysql < $BACKUP_DIR/u",
        "user shop@%: in force was 'yes' and came back as 'no, error 1141'",
        f"set -e; {_SAVE}; mariadb-dump mysql global_priv db tables_priv columns_priv procs_priv roles_mapping > $BACKUP_DIR/u",
        "set -e; mariadb < $BACKUP_DIR/d; mariadb mysql < $BACKUP_DIR/u; mariadb -e 'flush privileges'",
    ),
    "text through three bytes": Case(
        _FULL.replace("--default-character-set=utf8mb4", "--default-character-set=utf8mb3"), _LOAD, "name was 'José 🦀"
    ),
    "text through the wrong character set": afterwards(
        "update customer set name = convert(cast(convert(name using utf8mb4) as binary) using latin1) where id = 7",
        "customer has its 199 rows, but their contents differ: customer row id=7: name was 'José",
    ),
    "time zone of timestamps": Case(
        _FULL.replace("--single-transaction", "--single-transaction --skip-tz-utc"),
        "set -e; (echo \"set time_zone = '-05:00';\"; cat $BACKUP_DIR/d) | mariadb; mariadb < $BACKUP_DIR/u",
        "joined was '2026-03-29 02:30:00.123'",
    ),
    "id 0 becomes the next id": Case(
        _FULL, f"{_LOAD}; {_SQL} \"set sql_mode = ''; update zero set v = v; create table z2 like zero; insert into z2 select * from zero where id > 0; insert into z2 select 0, v from zero where id = 0; delete from zero; insert into zero select * from z2; drop table z2\"",
        "zero row id=0 is lost",
    ),
    "next id lost with the deleted row": Case(
        f"set -e; {_FULL}; sed -i 's/ AUTO_INCREMENT=[0-9]*//' $BACKUP_DIR/d", _LOAD,
        "auto increment customer: next value was '201' and came back as '200'",
    ),
    "sequence starts again": afterwards("alter sequence ticket restart 100", "sequence ticket: next value was '150 (by 5, 10 cached)'"),
    "definer missing": Case(
        _FULL, f"{_LOAD}; {_SQL} \"drop user shop@'%'\"", "view names: definer exists was 'yes' and came back as 'no'"
    ),
    "definers rewritten": Case(
        f"set -e; {_FULL}; sed -i 's/`shop`@`%`/`root`@`localhost`/' $BACKUP_DIR/d", _LOAD, "view names: definer was 'shop@%'"
    ),
    "event comes back asleep": afterwards("alter event tidy disable", "event tidy: status was 'ENABLED' and came back as 'DISABLED'"),
    "event that slept runs again": afterwards("alter event paused enable", "event paused: status was 'DISABLED'"),
    "restored with checks off and half of a table": Case(
        _FULL, f"{_LOAD}; {_SQL} 'set foreign_key_checks = 0; delete from customer where id = 5'",
        "app.invoice: a row refers to a row of `app`.`customer` that is not there (invoice_customer)",
    ),
    "foreign key dropped to load faster": afterwards("alter table invoice drop foreign key invoice_customer", "constraint invoice_customer was"),
    "index dropped to load faster": afterwards("alter table plain add key k(n)", "table plain: index k was absent"),
    "check constraint lost": afterwards("alter table customer drop constraint mail", "constraint mail was"),
    "collation of a column folds case": afterwards(
        "alter table customer modify email varchar(100) collate utf8mb4_general_ci not null", "table customer: column email was"
    ),
    "database made by hand with another character set": afterwards(
        "alter database other character set utf8mb4", "database other: default_character_set_name was 'latin1'"
    ),
    "engine replaced": afterwards("alter table plain engine = MyISAM", "table plain: options was 'ENGINE=Aria"),
    "partitions flattened": afterwards("alter table parted remove partitioning", "table parted: partitions was"),
    "role no longer granted by default": afterwards("set default role none for shop@'%'", "user shop@%: default role was"),
    "password changed": afterwards("set password for shop@'%' = password('other')", "user shop@%: authentication_string was '(secret "),
    "locked account opened": afterwards("alter user auditor@localhost account unlock", "user auditor@localhost: account_locked was 'true'"),
    "encryption no longer demanded": afterwards("alter user shop@'%' require none", "user shop@%: ssl_type was '1'"),
    "privilege too many": afterwards("grant delete on app.customer to shop@'%'", "privileges shop@% on `app`.`customer`: privileges was"),
    "role membership revoked": afterwards("revoke reader from shop@'%'", "membership shop@% in `reader` is lost"),
    "rows doubled in a table without a key": afterwards(
        "insert into plain select * from plain where what = 'b'", "plain came back with 1 row too many"
    ),
    "one cell altered": afterwards("update shape set f = 0.3 where id = 2", "shape row id=2: f was 0.30000000000000004 and came back as 0.3"),
    "empty table left out": Case(_FULL.replace("--databases", "--ignore-table-data=app.empty_one --databases"), _LOAD, "empty_one lost 1 row"),
    "dump hidden behind a pipe": Case(
        f"{_SAVE.replace(' > $BACKUP_DIR/d', ' --ignore-database=x --where=nonsense | gzip > $BACKUP_DIR/d.gz')}; {_USERS}",
        "gunzip < $BACKUP_DIR/d.gz | mariadb; mariadb < $BACKUP_DIR/u", "lost",
    ),
    "errors skipped with --force": Case(
        f"set -e; {_FULL}; sed -i 's/CREATE TABLE `shape`/CREATE TABLE `shape` oops/' $BACKUP_DIR/d",
        "mariadb --force < $BACKUP_DIR/d; mariadb < $BACKUP_DIR/u", "shape is lost with 2 rows",
    ),
    "files copied without the log": Case(
        "mkdir $BACKUP_DIR/base && cp -a $MYSQL_DATA/. $BACKUP_DIR/base/ && rm $BACKUP_DIR/base/ib_logfile0", _COPY,
        "does not start", _PREPARED, _COPY, "physical",
    ),
    "backup copied without being prepared": Case(
        f"{_BASE}; rm -f $BACKUP_DIR/base/ib_logfile0", _COPY, "does not start", _PREPARED, _COPY, "physical"
    ),
    "files copied while the server ran": Case(
        "mkdir $BACKUP_DIR/base && cp -a $MYSQL_DATA/. $BACKUP_DIR/base/", _COPY,
        "data directory of the server: taken at one moment was 'yes' and came back as 'no: files of a running server",
        _PREPARED, _COPY, "physical",
    ),
    "backup that starts though it was not prepared": Case(
        _BASE, _COPY, "mariadb-backup was not told to --prepare them", _PREPARED, _COPY, "physical"
    ),
    "partial physical backup": Case(
        _BASE.replace("--backup", "--backup --databases='app mysql sys performance_schema'") + " && mariadb-backup --prepare --target-dir=$BACKUP_DIR/base >/dev/null 2>&1",
        _COPY, "database other is lost", _PREPARED, _COPY, "physical",
    ),
    "backup that deletes what it has read": Case(
        f"{_FULL}; {_SQL} 'delete from parted where y < 2020'", _LOAD, "the backup changed what was there: parted lost 1 row"
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_fault_is_violated_with_the_lost_thing_named(family: Recovery, store: MariaDBStore, case: Case) -> None:
    verdict = family.round_trip(store, by=procedure(case.backup, case.restore, kind=case.kind))
    assert verdict.status is Status.VIOLATED, verdict.explain()
    assert case.lost in "\n".join(one.message for one in verdict.findings)


#: Many faults have the same good procedure; each of those is run once.
TWINS = {(case.good_backup, case.good_restore, case.kind): name for name, case in CASES.items()}


@pytest.mark.parametrize("twin", TWINS, ids=TWINS.values())
def test_repaired_twin_is_met(family: Recovery, store: MariaDBStore, twin: tuple[str, str, str]) -> None:
    verdict = family.round_trip(store, by=procedure(twin[0], twin[1], kind=twin[2]))
    assert verdict.status is Status.MET, verdict.explain()


@pytest.mark.parametrize("name", ["mariadb-dump", "mariadb-backup"])
def test_builtin_procedure_brings_everything_back(family: Recovery, store: MariaDBStore, name: str) -> None:
    verdict = family.round_trip(store, by=name)
    assert verdict.status is Status.MET, verdict.explain()
