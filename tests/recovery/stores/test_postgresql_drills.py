"""How a PostgreSQL drill is run: roles, TCP, physical restores, points in time, faults, nothing left behind."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import psycopg
import pytest

from pytest_devsecops.core.findings import Status
from pytest_devsecops.recovery import postgresql, procedure
from pytest_devsecops.recovery.family import Recovery
from pytest_devsecops.recovery.faults import FAULTS
from pytest_devsecops.recovery.model import Environment
from pytest_devsecops.recovery.section import RecoveryPolicy
from pytest_devsecops.recovery.stores.postgresql import PostgreSQLStore
from pytest_devsecops.recovery.workspace import temporary_room

pytestmark = pytest.mark.slow

_URL = {"DATABASE_URL": "postgresql://{user}:{password}@{host}:{port}/{dbname}"}
_SAVE = "pg_dump -Fc -f $BACKUP_DIR/d app"
_LOAD = "pg_restore -e -d app $BACKUP_DIR/d"


def seed(environment: Environment) -> None:
    with psycopg.connect(environment["DATABASE_URL"]) as connection:
        connection.execute("create table item(id serial primary key, name text)")
        connection.execute("insert into item(name) select 'n' || i from generate_series(1, 1000) i")
        connection.execute("create table tag(item int references item, made timestamptz default now())")


@pytest.fixture(scope="module")
def store() -> PostgreSQLStore:
    return postgresql(prepare=seed, env=_URL)


@pytest.fixture(scope="module")
def family(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recovery]:
    folder = tmp_path_factory.mktemp("project")
    own = Recovery(RecoveryPolicy(), folder, today=date(2026, 11, 23), record=lambda verdict: verdict)
    yield own
    own.close()


def servers(place: Path) -> list[str]:
    """The PostgreSQL servers that run below a folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:
            continue
        if words[0].endswith(b"/postgres") and any(str(place).encode() in word for word in words):
            found.append(path.parent.name)
    return found


def test_empty_table_is_filled_so_that_leaving_it_out_shows(family: Recovery, store: PostgreSQLStore) -> None:
    by = procedure("pg_dump -Fc --exclude-table-data=tag -f $BACKUP_DIR/d app", _LOAD)
    verdict = family.round_trip(store, by=by)
    assert "public.tag lost 1 row" in verdict.explain()
    meant = postgresql(prepare=seed, env=_URL, empty={"tag": "nobody needs them"})
    verdict = family.round_trip(meant, by=by)
    assert verdict.status is Status.MET, verdict.explain()


def test_tcp_of_the_application_works_in_the_namespace_too(family: Recovery, store: PostgreSQLStore) -> None:
    verdict = family.round_trip(
        store,
        by=procedure(
            "pg_dump -f $BACKUP_DIR/d $DATABASE_URL", "psql -qX -v ON_ERROR_STOP=1 -f $BACKUP_DIR/d $DATABASE_URL"
        ),
    )
    assert verdict.status is Status.MET, verdict.explain()


def test_settings_of_a_database_and_of_the_superuser_do_not_stand_in_the_way(recovery: Recovery) -> None:
    make = (
        "create role low; create table item(id int primary key, n int references item); insert into item values (1, 1)"
    )
    names = "alter database app set quote_all_identifiers = on; alter role postgres set work_mem = '9MB'"
    verdict = recovery.round_trip(postgresql(prepare=[f'psql -Xqc "{make}; {names}"']), by="pg_dump")
    assert verdict.status is Status.MET, verdict.explain()
    other = "alter database app set role = 'low'; alter database app set default_tablespace = 'gone'"
    verdict = recovery.round_trip(postgresql(prepare=[f'psql -Xqc "{make}; {other}"']), by="basebackup")
    assert verdict.status is Status.MET, verdict.explain()


def test_event_trigger_that_refuses_the_ledger_is_told_with_the_way_out(recovery: Recovery) -> None:
    sql = [
        "create table item as select 1 as id",
        "create function no() returns event_trigger language plpgsql as 'begin raise exception ''no changes''; end'",
        "create event trigger frozen on ddl_command_start execute function no()",
        "alter event trigger frozen enable always",
    ]
    make = " ".join(["psql -Xq", *(f'-c "{one}"' for one in sql)])
    verdict = recovery.round_trip(postgresql(prepare=make), by="pg_dump")
    assert verdict.status is Status.UNVERIFIED
    assert "the ledger of acknowledged writes cannot be made: no changes" in verdict.explain()
    assert "ledger=False" in verdict.explain()
    quiet = postgresql(prepare=make, ledger=False, probe=lambda _environment: True)
    verdict = recovery.round_trip(quiet, by="pg_dump")
    assert verdict.status is Status.MET, verdict.explain()


def test_wrong_password_is_violated(family: Recovery, store: PostgreSQLStore) -> None:
    by = procedure("PGPASSWORD=wrong pg_dump -h 127.0.0.1 -Fc -f $BACKUP_DIR/d app", _LOAD)
    verdict = family.round_trip(store, by=by)
    assert verdict.status is Status.VIOLATED
    assert "password authentication failed" in verdict.explain()


def test_backup_role_without_rights_is_violated(recovery: Recovery) -> None:
    store = postgresql(
        role="backup", prepare=["psql -Xqc 'create role backup login' -c 'create table t as select 1 as a'"]
    )
    verdict = recovery.round_trip(store, by=procedure(_SAVE, _LOAD))
    assert verdict.status is Status.VIOLATED
    assert "permission denied for table t" in verdict.explain()
    good = postgresql(
        role="backup",
        prepare=["psql -Xqc 'create role backup login in role pg_read_all_data' -c 'create table t as select 1 as a'"],
        ignore={"role:backup": "the restore makes it", "membership:backup*": "the restore makes it"},
    )
    verdict = recovery.round_trip(good, by=procedure(_SAVE, _LOAD))
    assert verdict.status is Status.MET, verdict.explain()


def test_other_major_version_is_unverified(recovery: Recovery) -> None:
    verdict = recovery.round_trip(postgresql(prepare=seed, env=_URL, version="9.6"), by=procedure(_SAVE, _LOAD))
    assert verdict.status is Status.UNVERIFIED
    assert "production runs postgresql 9.6" in verdict.explain()


def test_extension_that_is_another_or_missing_is_unverified(recovery: Recovery) -> None:
    store = postgresql(prepare=seed, env=_URL, extensions={"citext": "0.9", "no_such_extension": ""})
    told = recovery.round_trip(store, by=procedure(_SAVE, _LOAD))
    assert told.status is Status.UNVERIFIED
    assert "production runs extension citext 0.9, but this machine has 1." in told.explain()
    assert "production runs the extension no_such_extension, which this machine does not have" in told.explain()


def test_half_a_data_directory_does_not_start(family: Recovery, store: PostgreSQLStore) -> None:
    by = procedure(
        "cp -a $PGDATA $BACKUP_DIR/base && rm -r $BACKUP_DIR/base/global",
        "cp -a $BACKUP_DIR/base/. $PGDATA",
        kind="physical",
    )
    verdict = family.round_trip(store, by=by)
    assert verdict.status is Status.VIOLATED
    assert "does not start" in verdict.explain()


@pytest.mark.parametrize("by", ["backup", "restore"])
def test_verifier_that_crashes_is_no_success(family: Recovery, store: PostgreSQLStore, tmp_path: Path, by: str) -> None:
    verifier = tmp_path / "pg_verifybackup"
    verifier.write_text("#!/bin/sh\nkill -SEGV $$\n", encoding="ascii")
    verifier.chmod(0o755)
    verify = f"export PATH={tmp_path}:$PATH; pg_verifybackup -q $BACKUP_DIR/base"
    steps = {"backup": "pg_basebackup -c fast -D $BACKUP_DIR/base", "restore": "cp -a $BACKUP_DIR/base/. $PGDATA"}
    steps[by] += f" && {verify}"
    verdict = family.round_trip(store, by=procedure(steps["backup"], steps["restore"], kind="physical"))
    assert verdict.status is Status.UNVERIFIED
    assert f"the {by} failed" in verdict.explain()
    assert "exited with status 139: Segmentation fault" in verdict.explain()


def test_archive_of_another_major_version_is_named(family: Recovery, store: PostgreSQLStore) -> None:
    folder = family._root / "elsewhere"  # noqa: SLF001 - the project's folder
    folder.mkdir()
    (folder / "d").write_bytes(b"PGDMP" + bytes([1, 99, 0, 4, 8, 1]) + bytes(4000))
    by = procedure("true", "pg_restore -e -d app $BACKUP_DIR/d")
    verdict = family.newest("elsewhere/*", into=store, by=by)
    assert verdict.status is Status.VIOLATED
    assert "unsupported version (1.99) in file header" in verdict.explain()
    production = postgresql(prepare=seed, env=_URL, version="9.6")
    (folder / "d").write_text("create table tag as select 1 as made", encoding="ascii")
    verdict = family.newest("elsewhere/*", into=production, by=procedure("true", "psql -qXf $BACKUP_DIR/d app"))
    assert verdict.status is Status.UNVERIFIED
    assert "production runs postgresql 9.6" in verdict.explain()


@pytest.mark.parametrize("target", ["time", "lsn"])
def test_restore_that_names_its_own_moment_loses_what_came_later(
    recovery: Recovery, archive: Path, target: str
) -> None:
    settings = {"archive_mode": "on", "archive_command": f"cp %p {archive}/%f"}
    store = postgresql(prepare=seed, env=_URL, settings=settings, ledger=False)
    moment = {"time": "clock_timestamp()", "lsn": "pg_current_wal_lsn()"}[target]
    change = "psql -Xqc 'update item set name = 1 where id = {}'; "
    ask = f"psql -XAtc 'select {moment}' > $BACKUP_DIR/until; "
    end = "psql -XAtqc 'select pg_switch_wal()' > $BACKUP_DIR/log; sleep 0.5"
    base = "set -e; pg_basebackup -c fast -X none -D $BACKUP_DIR/base; " + change.format(1)
    restore = (
        f"set -e; cp -a $BACKUP_DIR/base/. $PGDATA; echo \"restore_command = 'cp {archive}/%f %p'\" >> $PGDATA/postgresql.auto.conf;"
        f"echo \"recovery_target_{target} = '$(cat $BACKUP_DIR/until)'\" >> $PGDATA/postgresql.auto.conf;"
        "echo \"recovery_target_action = 'promote'\" >> $PGDATA/postgresql.auto.conf; touch $PGDATA/recovery.signal"
    )
    late = procedure(base + change.format(2) + ask + change.format(3) + end, restore, kind="physical", timeout="60s")
    verdict = recovery.round_trip(store, by=late)
    assert verdict.status is Status.VIOLATED, verdict.explain()
    (lost,) = (one.message for one in verdict.findings if one.rule == "altered-rows")
    assert "public.item row id=3" in lost
    assert "id=2" not in lost


@pytest.fixture
def archive() -> Iterator[Path]:
    """A folder outside of the lost host that the server's own user can write to."""
    with temporary_room("archive-") as folder:
        folder.chmod(0o777)
        yield folder


def test_archive_restores_to_a_name(recovery: Recovery, archive: Path) -> None:
    settings = {"archive_mode": "on", "archive_command": f"cp %p {archive}/%f"}
    store = postgresql(prepare=seed, env=_URL, settings=settings)
    release = "psql -Xqc \"select pg_create_restore_point('release')\" -c 'update item set name = 1' -c 'select pg_switch_wal()'"
    backup = f"pg_basebackup -c fast -X none -D $BACKUP_DIR/base && {release} >/dev/null && sleep 0.5"
    restore = f"cp -a $BACKUP_DIR/base/. $PGDATA; echo \"restore_command = 'cp {archive}/%f %p'\" >> $PGDATA/postgresql.auto.conf"
    by = procedure(backup, restore, kind="physical", until={"name": "release"}, timeout="30s")
    verdict = recovery.round_trip(store, by=by)
    # The point in time lies before the update, so everything that the update changed is told.
    assert "public.item has its 1,000 rows, but their contents differ" in verdict.explain()
    assert verdict.evidence["writes"]["continuous"] is False


@pytest.mark.parametrize("target", ["time", "lsn"])
def test_archive_restores_to_a_moment_that_the_backup_tells(recovery: Recovery, archive: Path, target: str) -> None:
    settings = {"archive_mode": "on", "archive_command": f"cp %p {archive}/%f"}
    store = postgresql(prepare=seed, env=_URL, settings=settings)
    asked = {"time": "clock_timestamp()", "lsn": "pg_current_wal_lsn()"}[target]
    moment = f"psql -XAtc 'select {asked}' > $BACKUP_DIR/until; sleep 0.2; psql -Xqc 'select pg_switch_wal()' >/dev/null; sleep 0.5"
    backup = f"pg_basebackup -c fast -X none -D $BACKUP_DIR/base && {moment}"
    restore = f"cp -a $BACKUP_DIR/base/. $PGDATA; echo \"restore_command = 'cp {archive}/%f %p'\" >> $PGDATA/postgresql.auto.conf"

    def told(environment: Environment) -> str:
        return Path(environment["BACKUP_DIR"], "until").read_text(encoding="ascii")

    by = procedure(backup, restore, kind="physical", until={target: told}, timeout="60s")
    verdict = recovery.round_trip(store, by=by)
    # Nothing but the ledger was written after that moment.
    assert verdict.status is Status.MET, verdict.explain()
    assert verdict.evidence["writes"]["continuous"] is False

    by = procedure("pg_basebackup -D $BACKUP_DIR/base", restore, kind="physical", until={target: told})
    verdict = recovery.round_trip(store, by=by)
    assert verdict.status is not Status.MET
    assert f"until= could not tell the {target}: FileNotFoundError" in verdict.explain()


def test_killed_source_leaves_no_server_and_no_file(store: PostgreSQLStore, monkeypatch: pytest.MonkeyPatch) -> None:
    with temporary_room("a-") as place:
        monkeypatch.setattr(tempfile, "tempdir", str(place))
        own = Recovery(RecoveryPolicy(), place, today=date(2026, 11, 23), record=lambda verdict: verdict)
        segments = set(Path("/dev/shm").glob("PostgreSQL.*"))  # noqa: S108 - nothing is written there
        assert own.round_trip(store, by=procedure(_SAVE, "exit 1")).status is Status.VIOLATED
        assert set(Path("/dev/shm").glob("PostgreSQL.*")) <= segments  # noqa: S108 - see above
        own.close()
        assert list(place.iterdir()) == []
        assert servers(place) == []


# The built-in procedures come by the socket, which asks for no password.
@pytest.mark.parametrize("fault", sorted(FAULTS.keys() - {"wrong-password"}))
@pytest.mark.parametrize("name", ["pg_dump", "basebackup"])
def test_builtin_procedures_survive_or_notice_every_fault(
    family: Recovery, store: PostgreSQLStore, fault: str, name: str
) -> None:
    verdict = family.notices(store, by=name, fault=fault)
    assert verdict.status is Status.MET, verdict.explain()


def test_plain_dump_that_is_cut_goes_unnoticed(family: Recovery, store: PostgreSQLStore) -> None:
    by = procedure("pg_dump -f $BACKUP_DIR/d app", "psql -q -f $BACKUP_DIR/d app")
    assert family.notices(store, by=by, fault="truncated").status is Status.VIOLATED


def test_newest_dump_tells_the_age_of_its_newest_row(family: Recovery, store: PostgreSQLStore) -> None:
    folder = family._root / "backups"  # noqa: SLF001 - the project's folder
    folder.mkdir()
    (folder / "d").write_text(
        "create table tag(made timestamptz); insert into tag values (now() - interval '3 hours');", encoding="ascii"
    )
    by = procedure("true", "psql -qX -v ON_ERROR_STOP=1 -f $BACKUP_DIR/d app")
    verdict = family.newest("backups/*", into=store, by=by, fresh="tag.made")
    assert verdict.status is Status.MET, verdict.explain()
    assert 10_700 < verdict.measured["rpo"] < 11_000


def test_role_that_prepare_did_not_make_is_named(recovery: Recovery) -> None:
    store = postgresql(
        role="shop_backup", prepare="psql -c 'create table t(a int primary key); insert into t values (1)'"
    )
    verdict = recovery.round_trip(store, by="pg_dump")
    assert "there is no role shop_backup after prepare, so the backup cannot run as it" in verdict.explain()
    assert not verdict


def test_setting_that_does_not_exist_is_named(recovery: Recovery) -> None:
    verdict = recovery.round_trip(postgresql(settings={"shared_bufers": "1MB"}), by="pg_dump")
    assert verdict.status is Status.UNVERIFIED
    assert 'unrecognized configuration parameter "shared_bufers"' in verdict.explain()


def test_copy_that_cannot_be_made_is_unverified(
    recovery: Recovery, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = tmp_path / "cp"
    full.write_text("#!/bin/sh\necho 'cp: No space left on device' >&2; exit 1\n", encoding="ascii")
    full.chmod(0o755)
    for path, words in ((str(tmp_path), "cp: No space left on device"), (str(tmp_path / "none"), "cp: No such file")):
        monkeypatch.setenv("PATH", path)
        verdict = recovery.round_trip(postgresql(prepare=seed, env=_URL), by="pg_dump")
        assert verdict.status is Status.UNVERIFIED
        assert f"a data directory of the drill cannot be copied: {words}" in verdict.explain()
