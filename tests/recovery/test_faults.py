"""Faults in the middle: each ends in a clear verdict, with a procedure that takes it well and one that looks away."""

from __future__ import annotations

import sqlite3
import sys
import tempfile
from pathlib import Path

import pytest

from pytest_devsecops.core.errors import UsageError
from pytest_devsecops.core.findings import Status
from pytest_devsecops.recovery import directory, isolation, postgresql, procedure, sqlite
from pytest_devsecops.recovery.artefact import ArtefactReport
from pytest_devsecops.recovery.family import Recovery
from pytest_devsecops.recovery.faults import FAULTS, Control
from pytest_devsecops.recovery.model import Environment
from pytest_devsecops.recovery.procedures import Procedure
from pytest_devsecops.recovery.stores.directory import DirectoryStore
from pytest_devsecops.recovery.stores.sqlite import SQLiteStore

pytestmark = pytest.mark.slow

_WITHOUT_PASSWORD = sorted(FAULTS.keys() - {"wrong-password"})


def seed(environment: Environment) -> None:
    for number in range(5):
        Path(environment["DIRECTORY_PATH"], f"{number}").write_text(f"{number}" * 20_000, encoding="ascii")


def seed_rows(environment: Environment) -> None:
    connection = sqlite3.connect(environment["SQLITE_DATABASE"])
    connection.execute("create table t(id integer primary key, made text)")
    connection.executemany("insert into t(made) values (?)", [(f"row {n}" * 20,) for n in range(500)])
    connection.commit()
    connection.close()


def files() -> DirectoryStore:
    return directory(prepare=seed)


def rows() -> SQLiteStore:
    return sqlite(prepare=seed_rows)


#: It seals the artefact and says when it is not whole; the restore looks at the seal first.
CAREFUL = procedure(
    "set -e; tar -cf $BACKUP_DIR/t -C $DIRECTORY_PATH .; sleep 0.2; cd $BACKUP_DIR; sha256sum t > sums",
    "set -e; cd $BACKUP_DIR; sha256sum --quiet -c sums; tar -xf t -C $DIRECTORY_PATH; sleep 0.2",
)
#: It ends well whatever happens, and takes the oldest artefact that it finds.
CARELESS = procedure(
    "sleep 0.1; tar -cf $BACKUP_DIR/t$(date +%s%N).tar -C $DIRECTORY_PATH . 2>/dev/null; sleep 0.1",
    "tar -xf $(ls $BACKUP_DIR/*.tar | head -1) -C $DIRECTORY_PATH 2>/dev/null; true",
)
#: The second restore finds something there and thinks that it is done.
IMPATIENT = procedure(
    "tar -cf $BACKUP_DIR/t -C $DIRECTORY_PATH .",
    "test -e $DIRECTORY_PATH/0 && exit 0; cd $DIRECTORY_PATH; tar -xf $BACKUP_DIR/t ./0; sleep 0.3; tar -xf $BACKUP_DIR/t",
)


@pytest.mark.parametrize("fault", _WITHOUT_PASSWORD)
def test_builtin_procedure_survives_or_notices_every_fault(recovery: Recovery, fault: str) -> None:
    verdict = recovery.notices(rows(), by="sqlite-backup", fault=fault)
    assert verdict.status is Status.MET, verdict.explain()


@pytest.mark.parametrize("fault", _WITHOUT_PASSWORD)
def test_careful_procedure_survives_or_notices_every_fault(recovery: Recovery, fault: str) -> None:
    verdict = recovery.notices(files(), by=CAREFUL, fault=fault)
    assert verdict.status is Status.MET, verdict.explain()


@pytest.mark.parametrize(
    ("fault", "by"),
    [
        ("truncated", CARELESS),
        ("bit-flipped", CARELESS),
        ("emptied", CARELESS),
        ("removed", CARELESS),
        ("yesterdays-artefact", CARELESS),
        ("disk-full", CARELESS),
        ("backup-killed", CARELESS),
        ("restore-killed", IMPATIENT),
    ],
)
def test_procedure_that_looks_away_does_not_notice(
    recovery: Recovery, fault: str, by: Procedure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    verdict = recovery.notices(files(), by=by, fault=fault)
    assert verdict.status is Status.VIOLATED, verdict.explain()
    assert "the procedure ends as if all were well" in verdict.explain()
    assert {found.rule for found in verdict.findings} == {f"unnoticed-{fault}"}
    recovery.close()
    assert list(place.iterdir()) == []


def test_disk_is_really_full_where_the_machine_can_make_one(recovery: Recovery) -> None:
    by = procedure("cp -a $DIRECTORY_PATH/. $BACKUP_DIR/", "cp -a $BACKUP_DIR/. $DIRECTORY_PATH")
    verdict = recovery.notices(files(), by=by, fault="disk-full")
    assert verdict.status is Status.MET, verdict.explain()
    if isolation.available():
        assert "No space left on device" in verdict.summary
        assert "a disk of" in verdict.evidence["how"]


def test_disk_is_told_full_by_a_limit_elsewhere(recovery: Recovery, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolation, "available", lambda: False)
    verdict = recovery.notices(files(), by=CAREFUL, fault="disk-full")
    assert verdict.status is Status.MET, verdict.explain()
    assert "no file larger than" in verdict.evidence["how"]


def test_fault_that_cannot_strike_is_unverified(recovery: Recovery) -> None:
    def backup(environment: Environment) -> None:
        Path(environment["BACKUP_DIR"], "empty").touch()

    by = procedure(backup, "true")
    for fault in ("truncated", "disk-full", "backup-killed", "wrong-password"):
        verdict = recovery.notices(files(), by=by, fault=fault)
        assert verdict.status is Status.UNVERIFIED
        assert "cannot strike" in verdict.explain()


def test_notice_of_a_procedure_that_always_fails_is_worth_nothing(recovery: Recovery) -> None:
    verdict = recovery.notices(files(), by=procedure("tar -cf $BACKUP_DIR/t .", "exit 1"), fault="truncated")
    assert verdict.status is Status.UNVERIFIED
    assert "the procedure fails without any fault as well" in verdict.explain()


def test_undisturbed_drill_is_run_once_for_all_faults(recovery: Recovery, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    by = procedure(f"echo >> {runs}; {CAREFUL.backup}", CAREFUL.restore)
    store = files()
    for fault in ("truncated", "emptied"):
        assert recovery.notices(store, by=by, fault=fault)
    assert runs.read_text(encoding="ascii").count("\n") == 3


def test_unknown_fault_is_refused_with_the_nearest_name(recovery: Recovery) -> None:
    with pytest.raises(UsageError, match="bit-flipped"):
        recovery.notices(files(), by=CAREFUL, fault="bit-fliped")


def test_hang_after_a_fault_is_noticed_by_its_time_limit(recovery: Recovery) -> None:
    hangs = "sha256sum --quiet -c sums || sleep 9; tar -xf t -C $DIRECTORY_PATH"
    by = procedure(CAREFUL.backup, f"cd $BACKUP_DIR; {hangs}", timeout="1s")
    verdict = recovery.notices(files(), by=by, fault="bit-flipped")
    assert verdict.status is Status.MET, verdict.explain()
    assert "timed out" in verdict.summary


def test_every_fault_says_how_it_strikes_or_why_it_cannot() -> None:
    size = ArtefactReport(files=1, size=10, largest=10, exposed=(), outside=()).size
    able = Control("", 1.0, 1.0, 1, size, size, frozenset(), has_password=True, has_ledger=True, namespaces=True)
    unable = Control(
        "", 1.0, 1.0, 0, 0, 0, frozenset({"backup", "restore"}), has_password=False, has_ledger=False, namespaces=False
    )
    for fault in FAULTS.values():
        assert fault.plan(able).attempts
        assert fault.plan(unable).impossible


@pytest.mark.slow
def test_wrong_password_is_noticed_or_not() -> None:
    from datetime import date

    from pytest_devsecops.recovery.section import RecoveryPolicy

    store = postgresql(
        prepare="psql -Xqc 'create table t as select generate_series(1, 9) as a'",
        env={"DATABASE_URL": "postgresql://{user}:{password}@{host}:{port}/{dbname}"},
    )
    own = Recovery(RecoveryPolicy(), Path(__file__).parent, today=date(2026, 11, 23), record=lambda verdict: verdict)
    load = "psql -qX -v ON_ERROR_STOP=1 -f $BACKUP_DIR/d $DATABASE_URL"
    try:
        noticed = own.notices(
            store, by=procedure("pg_dump -f $BACKUP_DIR/d $DATABASE_URL", load), fault="wrong-password"
        )
        assert noticed.status is Status.MET, noticed.explain()
        assert "password authentication failed" in noticed.summary
        lost = own.notices(
            store, by=procedure("pg_dump $DATABASE_URL | cat > $BACKUP_DIR/d", load), fault="wrong-password"
        )
        assert lost.status is Status.VIOLATED, lost.explain()
        unasked = own.notices(store, by="pg_dump", fault="wrong-password")
        assert unasked.status is Status.UNVERIFIED, unasked.explain()
        assert "it never struck" in unasked.explain()
        lossy = procedure("pg_dump -f $BACKUP_DIR/d", "grep -v '^7' $BACKUP_DIR/d | psql -qX")
        unknown = own.notices(store, by=lossy, fault="wrong-password")
        assert unknown.status is Status.UNVERIFIED, unknown.explain()
        assert "fails without any fault as well" in unknown.explain()
    finally:
        own.close()


def test_artefact_of_yesterday_is_told_from_todays_by_its_age(recovery: Recovery) -> None:
    look = f'{sys.executable} -c "import os, sys, time; sys.exit(time.time() - os.path.getmtime(sys.argv[1]) > 3600)"'
    by = procedure(
        "tar -cf $BACKUP_DIR/$(ls $BACKUP_DIR | wc -l) -C $DIRECTORY_PATH .",
        f"set -e; {look} $BACKUP_DIR/0; tar -xf $BACKUP_DIR/0 -C $DIRECTORY_PATH",
    )
    verdict = recovery.notices(files(), by=by, fault="yesterdays-artefact")
    assert verdict.status is Status.MET, verdict.explain()
    assert verdict.evidence["noticed"] is True
