"""What a round trip says beside the comparison: steps that fail, objectives, privacy, what it may not do."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from pytest_devsecops.core.errors import UsageError
from pytest_devsecops.core.findings import Status
from pytest_devsecops.recovery import directory, procedure, round_trip, sqlite
from pytest_devsecops.recovery.family import Recovery
from pytest_devsecops.recovery.model import Access, Environment
from pytest_devsecops.recovery.running import search_path
from pytest_devsecops.recovery.stores.directory import DirectoryStore
from pytest_devsecops.recovery.stores.sqlite import SQLiteStore
from pytest_devsecops.recovery.workspace import place_on_disk

_SAVE = "cp -a $DIRECTORY_PATH/. $BACKUP_DIR/"
_LOAD = "cp -a $BACKUP_DIR/. $DIRECTORY_PATH"


def seed(environment: Environment) -> None:
    for number in range(5):
        Path(environment["DIRECTORY_PATH"], f"{number}").write_text("x" * 20_000, encoding="ascii")


def seed_rows(environment: Environment) -> None:
    connection = sqlite3.connect(environment["SQLITE_DATABASE"])
    connection.execute("pragma journal_mode = wal")
    connection.execute("create table t(id integer primary key, made text)")
    connection.execute("insert into t values (1, datetime('now', '-2 hours'))")
    connection.commit()
    connection.close()


def files() -> DirectoryStore:
    return directory(prepare=seed)


def rows() -> SQLiteStore:
    return sqlite(prepare=seed_rows)


def test_without_a_procedure_it_is_unverified(recovery: Recovery) -> None:
    verdict = recovery.round_trip(files())
    assert verdict.status is Status.UNVERIFIED
    assert "nobody said how directory is backed up" in verdict.explain()


def test_backup_that_fails_is_violated_with_what_it_said(recovery: Recovery) -> None:
    verdict = recovery.round_trip(files(), by=procedure(f"{_SAVE}; echo no space >&2; exit 3", _LOAD))
    assert verdict.status is Status.VIOLATED
    assert "exited with status 3: no space" in verdict.explain()


def test_a_restore_that_failed_is_told_however_much_is_lost(recovery: Recovery) -> None:
    def many(environment: Environment) -> None:
        for number in range(60):
            Path(environment["DIRECTORY_PATH"], f"{number}").write_text("x", encoding="ascii")

    by = procedure(_SAVE, "echo the disk is gone >&2; exit 4")
    lines = recovery.round_trip(directory(prepare=many), by=by).explain().splitlines()
    assert "files lost 60 rows" in lines[2]
    assert any("exited with status 4: the disk is gone" in line for line in lines)


def test_program_that_is_missing_is_unverified(recovery: Recovery) -> None:
    verdict = recovery.round_trip(files(), by=procedure(_SAVE, f"{_LOAD} && no-such-verifier"))
    assert verdict.status is Status.UNVERIFIED


def test_verifier_that_crashes_is_unverified(recovery: Recovery) -> None:
    verdict = recovery.round_trip(files(), by=procedure(_SAVE, f"{_LOAD} && sh -c 'kill -SEGV $$'"))
    assert verdict.status is Status.UNVERIFIED
    assert "status 139" in verdict.explain()


def test_step_that_hangs_times_out_and_leaves_no_process(recovery: Recovery) -> None:
    started = time.monotonic()
    verdict = recovery.round_trip(files(), by=procedure("setsid sleep 313 & sleep 314", _LOAD, timeout="1s"))
    assert verdict.status is Status.VIOLATED
    assert "timed out" in verdict.explain()
    assert time.monotonic() - started < 20
    assert verdict.evidence["orphans"] >= 1
    commands = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()]
    assert not [one for one in commands if one.split(b"\0")[:2] in ([b"sleep", b"313"], [b"sleep", b"314"])]


def test_contract_of_the_environment_is_kept(recovery: Recovery, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_OF_THE_CALLER", "1")
    check = 'test -z "$SECRET_OF_THE_CALLER" && test "$(umask)" = 0022 && test -z "$(cat)" && test -d "$HOME" && '
    by = procedure(f'{check} test "$KEY" = b && {_SAVE}', f'{check} test -z "$KEY" && {_LOAD}', backup_env={"KEY": "b"})
    assert recovery.round_trip(files(), by=by)


def test_programs_beside_the_interpreter_are_found_without_an_activated_environment(
    recovery: Recovery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    beside = str(Path(sys.executable).parent)
    prepare = f'test "$(dirname "$(command -v python)")" = {beside} && echo found > $DIRECTORY_PATH/a'
    store = directory(prepare=prepare)
    by = procedure(f'test "$(dirname "$(command -v python)")" = {beside} && {_SAVE}', _LOAD)
    verdict = recovery.round_trip(store, by=by)
    assert verdict.status is Status.MET, verdict.explain()


def test_clients_in_a_folder_of_the_whole_system_do_not_hide_the_interpreter_of_the_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/bin")
    alone, shared, beside = tmp_path / "alone", tmp_path / "shared", str(Path(sys.executable).parent)
    for folder in (alone, shared):
        folder.mkdir()
    (shared / "python3").touch()
    access = Access({}, {}, {}, (str(shared), str(alone)))
    assert search_path(access) == f"{alone}:{beside}:{shared}:/bin"


def test_failed_backup_is_told_before_what_the_restore_then_misses(recovery: Recovery) -> None:
    by = procedure("echo error: no key >&2; exit 2", "cat $BACKUP_DIR/artefact > $DIRECTORY_PATH/a")
    rules = [one.rule for one in recovery.round_trip(files(), by=by).findings]
    assert rules.index("backup-failed") < rules.index("restore-failed")


def test_restore_that_fails_is_told_once_and_measured_never(recovery: Recovery) -> None:
    store = directory(prepare=seed, production_size="1GB")
    verdict = recovery.round_trip(store, by=procedure(_SAVE, f"{_LOAD}; exit 3"), rto="30m")
    assert [one.rule for one in verdict.findings].count("restore-failed") == 1
    assert "rto" not in verdict.measured
    assert verdict.evidence["restores"] == []


def test_source_is_gone_during_the_restore(recovery: Recovery) -> None:
    by = procedure(
        f"echo $DIRECTORY_PATH > $BACKUP_DIR/../where; {_SAVE}", 'test ! -e "$(cat $BACKUP_DIR/../where)" && ' + _LOAD
    )
    assert recovery.round_trip(files(), by=by)


def test_network_is_out_of_reach_or_the_evidence_says_so(recovery: Recovery) -> None:
    connect = f"{sys.executable} -c \"import socket; socket.create_connection(('127.0.0.1', $PORT), 2)\""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as production:
        by = procedure(
            f"{connect} && touch $DIRECTORY_PATH/reached; {_SAVE}",
            _LOAD,
            backup_env={"PORT": str(production.getsockname()[1])},
        )
        verdict = recovery.leaves_source_alone(files(), by=by)
        isolated = recovery.round_trip(files(), by=by).evidence["network"] == "isolated"
    assert bool(verdict) is isolated


def test_nothing_is_left_behind(recovery: Recovery, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    recovery.round_trip(files(), by=procedure(_SAVE, "mkdir $DIRECTORY_PATH/a; chmod 0 $DIRECTORY_PATH/a; exit 1"))
    recovery.close()
    assert list(place.iterdir()) == []


def test_ignored_difference_needs_a_reason_and_shows_in_the_evidence(recovery: Recovery) -> None:
    with pytest.raises(UsageError, match="gives no reason"):
        directory(ignore={"file:0": " "})
    store = directory(prepare=seed, ignore={"file:0": "a cache"})
    verdict = recovery.round_trip(store, by=procedure(_SAVE, _LOAD + "; rm $DIRECTORY_PATH/0"))
    assert verdict.status is Status.MET, verdict.explain()
    assert {one["reason"] for one in verdict.evidence["ignored"]} == {"a cache"}


@pytest.mark.parametrize("pattern", ["*", "rows:*", "rows:files", "file:*"])
def test_everything_ignored_is_unverified(recovery: Recovery, pattern: str) -> None:
    store = directory(prepare=seed, ignore={pattern: "why not"})
    verdict = recovery.round_trip(store, by=procedure(_SAVE, _LOAD))
    assert verdict.status is Status.UNVERIFIED, verdict.explain()
    assert verdict.examined["rows"] == 0


def test_procedure_that_fails_at_the_ledger_is_told_how_to_do_without(recovery: Recovery) -> None:
    flat = procedure("cp $DIRECTORY_PATH/* $BACKUP_DIR", "cp $BACKUP_DIR/* $DIRECTORY_PATH")
    one = "echo 1 > $DIRECTORY_PATH/one"
    found = recovery.round_trip(directory(prepare=one), by=flat)
    assert "omitting directory" in found.explain()
    assert "ledger=False of the store does without" in found.explain()
    assert recovery.round_trip(directory(prepare=one, ledger=False), by=flat)


def test_backup_that_does_nothing_is_not_said_to_leave_the_source_alone(recovery: Recovery) -> None:
    verdict = recovery.leaves_source_alone(files(), by=procedure("true", "true"))
    assert verdict.status is Status.UNVERIFIED
    assert "wrote no file below BACKUP_DIR" in verdict.explain()


def test_arguments_that_mean_nothing_are_refused(recovery: Recovery) -> None:
    with pytest.raises(UsageError, match="repeat= must be at least 1"):
        recovery.round_trip(files(), by="archive", repeat=0)
    with pytest.raises(UsageError, match="the pattern of newest"):
        recovery.newest("", into=files(), by="archive")
    with pytest.raises(UsageError, match=r"prepare= of directory\(\) must be a command"):
        directory(prepare=3)  # type: ignore[arg-type] # what a user may write


def test_artefact_that_others_can_read_is_not_private(recovery: Recovery) -> None:
    assert recovery.artefact_is_private(files(), by=procedure(_SAVE, _LOAD)).status is Status.VIOLATED
    closed = procedure(
        "umask 077; tar -cf $BACKUP_DIR/t -C $DIRECTORY_PATH .", "tar -xpf $BACKUP_DIR/t -C $DIRECTORY_PATH"
    )
    assert recovery.artefact_is_private(files(), by=closed)


def test_artefact_may_hold_names_that_are_no_text_and_links_that_lead_in_a_circle(recovery: Recovery) -> None:
    def odd(environment: Environment) -> None:
        top = Path(environment["DIRECTORY_PATH"])
        top.joinpath("circle").symlink_to("circle")
        top.joinpath("out").symlink_to(os.fsdecode(b"/caf\xe9"))
        top.joinpath(os.fsdecode(b"caf\xe9")).write_text("x", encoding="ascii")

    copy = procedure(_SAVE, _LOAD)
    verdict = recovery.round_trip(directory(prepare=odd), by=copy)
    assert verdict.status is Status.MET, verdict.explain()
    told = recovery.artefact_is_private(directory(prepare=odd), by=copy)
    assert {"caf\\xe9 (0644)", "out -> /caf\\xe9"} <= {one.subject for one in told.findings}
    for one in (verdict, told):
        # Reports are written as UTF-8.
        assert json.dumps(dict(one.evidence), ensure_ascii=False, default=str).encode()


def test_backup_that_writes_into_the_source_does_not_leave_it_alone(recovery: Recovery) -> None:
    by = procedure(f"touch $DIRECTORY_PATH/.last-backup; {_SAVE}", _LOAD)
    assert recovery.leaves_source_alone(files(), by=by).status is Status.VIOLATED
    # Adding something takes nothing away, so that everything came back all the same.
    assert recovery.round_trip(files(), by=by)


def test_backup_that_fails_is_neither_private_nor_careful(recovery: Recovery) -> None:
    by = procedure("umask 077; touch $BACKUP_DIR/begun; echo no space left; exit 1", _LOAD)
    for verdict in (recovery.leaves_source_alone(files(), by=by), recovery.artefact_is_private(files(), by=by)):
        assert verdict.status is Status.UNVERIFIED
        assert "no space left" in verdict.explain()


def test_rto_without_the_production_size_is_unverified(recovery: Recovery) -> None:
    verdict = recovery.round_trip(files(), by=procedure(_SAVE, _LOAD), rto="30m")
    assert verdict.status is Status.UNVERIFIED
    assert "rto" not in verdict.measured


def test_rto_is_projected_to_the_production_size(recovery: Recovery) -> None:
    store = directory(prepare=seed, production_size="1GB")
    verdict = recovery.round_trip(store, by=procedure(_SAVE, _LOAD), rto="10h", repeat=2)
    assert verdict.status is Status.MET, verdict.explain()
    assert len(verdict.evidence["restores"]) == 4
    assert verdict.measured["rto"] > verdict.evidence["restore_worst_seconds"]
    too_long = recovery.round_trip(store, by=procedure(_SAVE, f"sleep 0.5; {_LOAD}"), rto="400ms")
    assert too_long.status is Status.VIOLATED


def test_a_time_that_was_measured_in_memory_keeps_no_limit(recovery: Recovery, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(round_trip, "place_on_disk", lambda: None)
    store = directory(prepare=seed, production_size="same")
    kept = recovery.round_trip(store, by=procedure(_SAVE, _LOAD), rto="10h")
    assert kept.status is Status.UNVERIFIED
    assert "rto may be at most 10h and is not known: it was measured in memory" in kept.explain()
    assert "rto" not in kept.measured
    too_long = recovery.round_trip(store, by=procedure(_SAVE, f"sleep 0.5; {_LOAD}"), rto="400ms")
    assert too_long.status is Status.VIOLATED


def test_limits_are_measured_on_a_disk(recovery: Recovery, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    monkeypatch.setattr(round_trip, "place_on_disk", lambda: disk)
    seen = []

    def save(environment: Environment) -> None:
        seen.append(Path(environment["BACKUP_DIR"]).is_relative_to(disk))

    recovery.round_trip(files(), by=procedure(save, "true"), rto="10h")
    recovery.round_trip(files(), by=procedure(save, "true"))
    assert seen == [True, False]


def test_a_place_in_memory_is_told_from_one_on_a_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = {}
    for folder in (Path("/dev/shm"), Path("/var/tmp"), tmp_path):  # noqa: S108 - nothing is written there
        asked = subprocess.run(["stat", "-f", "-c", "%T", folder], check=True, capture_output=True, text=True)
        known[folder] = asked.stdout.strip() in ("tmpfs", "ramfs")
    assert True in known.values()
    disks = [folder for folder in (tmp_path, Path("/var/tmp")) if not known[folder]]  # noqa: S108 - see above
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert place_on_disk() == (disks[0] if disks else None)
    monkeypatch.setattr(tempfile, "tempdir", "/dev/shm")  # noqa: S108 - see above
    assert place_on_disk() == (None if known[Path("/var/tmp")] else Path("/var/tmp"))  # noqa: S108 - see above


def test_rpo_is_the_interval_and_the_duration_of_the_backup(recovery: Recovery) -> None:
    verdict = recovery.round_trip(rows(), by="sqlite-backup", rpo="25h")
    assert verdict.status is Status.UNVERIFIED
    backup, restore, _ = rows().builtin("sqlite-backup")
    verdict = recovery.round_trip(rows(), by=procedure(backup, restore, every="24h"), rpo="25h")
    assert verdict.status is Status.MET, verdict.explain()
    assert 86_400 < verdict.measured["rpo"] < 90_000
    assert recovery.round_trip(rows(), by=procedure(backup, restore, every="24h"), rpo="23h").status is Status.VIOLATED


def test_continuous_procedure_is_measured(recovery: Recovery) -> None:
    # What lies outside of the lost host goes on receiving writes after the backup has ended.
    ledger = "$DIRECTORY_PATH/devsecops-ledger"
    link = "$BACKUP_DIR/devsecops-ledger"
    # At one moment (renameat2(2) with RENAME_EXCHANGE), so that no write finds the folder gone.
    swap = "import ctypes, sys; ctypes.CDLL(None).renameat2(-100, sys.argv[1].encode(), -100, sys.argv[2].encode(), 2)"
    swap = f'{sys.executable} -c "{swap}" {link} {ledger}'
    backup = f"cp -a $DIRECTORY_PATH/[0-9] $BACKUP_DIR/; ln -s {link} {link}; {swap}"
    verdict = recovery.round_trip(files(), by=procedure(backup, _LOAD), rpo="5s")
    assert verdict.status is Status.MET, verdict.explain()
    assert verdict.evidence["writes"]["continuous"] is True
    assert verdict.measured["rpo"] == 0.0
    last_but_one = f"cd {ledger} && head -n -2 entries > kept && tail -n 1 entries >> kept && mv kept entries"
    late = recovery.round_trip(files(), by=procedure(backup, f"{_LOAD}; {last_but_one}"))
    assert late.evidence["writes"]["missing"] == 1
    assert late.measured["rpo"] > 0.0


def test_own_writes_are_judged_by_the_ledger_and_the_rest_by_content(recovery: Recovery) -> None:
    def order(environment: Environment) -> None:
        connection = sqlite3.connect(environment["SQLITE_DATABASE"], timeout=10)
        connection.execute("insert into t(made) values ('order')")
        connection.commit()
        connection.close()

    store = sqlite(prepare=seed_rows, writes=order)
    assert recovery.round_trip(store, by="sqlite-backup")
    backup, restore, _ = store.builtin("sqlite-backup")
    assert isinstance(restore, list)
    spoil = "\nc = sqlite3.connect(os.environ['SQLITE_DATABASE']); c.execute('update t set made = 1 where id = 1'); c.commit()"
    verdict = recovery.round_trip(store, by=procedure(backup, [*restore[:-1], restore[-1] + spoil]))
    assert verdict.status is Status.VIOLATED
    assert "1 row that no write touched came back different: t row id=1" in verdict.explain()


def test_open_transaction_of_the_preparation_is_refused_with_the_remedy(recovery: Recovery) -> None:
    held = []

    def hold(environment: Environment) -> None:
        seed_rows(environment)
        connection = sqlite3.connect(environment["SQLITE_DATABASE"], check_same_thread=False)
        connection.execute("insert into t values (2, 'x')")
        held.append(connection)

    verdict = recovery.round_trip(sqlite(prepare=hold), by="sqlite-backup")
    held[0].close()
    assert verdict.status is Status.UNVERIFIED
    assert "still inside a transaction" in verdict.explain()


def test_other_version_is_unverified(recovery: Recovery) -> None:
    assert recovery.round_trip(sqlite(prepare=seed_rows, version="2.8"), by="sqlite-backup").status is Status.UNVERIFIED


def test_newest_artefact_is_restored_and_its_age_told(recovery: Recovery, tmp_path: Path) -> None:
    folder = tmp_path / "backups" / "one"
    folder.mkdir(parents=True)
    artefact = folder / "database.sqlite3"
    seed_rows({"SQLITE_DATABASE": str(artefact)})
    by = procedure("true", "cp $BACKUP_DIR/database.sqlite3 $SQLITE_DATABASE")
    verdict = recovery.newest("backups/*", into=rows(), by=by, fresh="t.made")
    assert verdict.status is Status.MET, verdict.explain()
    assert 7_000 < verdict.measured["rpo"] < 8_000
    os.utime(artefact, (time.time() - 90_000,) * 2)
    assert recovery.newest("backups/*", into=rows(), by=by).measured["rpo"] > 89_000


def test_newest_of_nothing_is_violated_and_a_small_one_too(recovery: Recovery, tmp_path: Path) -> None:
    assert recovery.newest("backups/*", into=rows(), by="sqlite-backup").status is Status.VIOLATED
    (tmp_path / "backups").mkdir()
    (tmp_path / "backups" / "database.sqlite3").write_bytes(b"")
    verdict = recovery.newest("backups/*", into=rows(), by="sqlite-backup", min_size=100)
    assert verdict.status is Status.VIOLATED
    assert "fewer than 100" in verdict.explain()
    assert "fewer than 2,000" in recovery.newest("backups/*", into=rows(), by="sqlite-backup", min_size="2kB").explain()
    for nonsense in ("same", "lots", -1):
        with pytest.raises(UsageError, match="size"):
            recovery.newest("backups/*", into=rows(), by="sqlite-backup", min_size=nonsense)


@pytest.mark.parametrize("command", ["./ops/backup.sh", "exec ./ops/backup.sh"])
def test_script_that_is_not_there_is_the_only_finding(recovery: Recovery, tmp_path: Path, command: str) -> None:
    verdict = recovery.round_trip(files(), by=procedure(command, _LOAD))
    assert verdict.status is Status.UNVERIFIED
    assert [one.rule for one in verdict.findings] == ["backup-failed"]
    assert "./ops/backup.sh: not found" in verdict.explain()
    assert f"paths are relative to the project's root, {tmp_path}" in verdict.explain()


def test_script_that_may_not_be_run_is_told_how(recovery: Recovery, tmp_path: Path) -> None:
    (tmp_path / "backup.sh").write_text("#!/bin/sh\n", encoding="ascii")
    verdict = recovery.round_trip(files(), by=procedure(["./backup.sh"], _LOAD))
    assert verdict.status is Status.UNVERIFIED
    assert "Permission denied" in verdict.explain()
    assert "chmod +x" in verdict.explain()


def test_restore_that_is_not_there_comes_first(recovery: Recovery) -> None:
    verdict = recovery.round_trip(files(), by=procedure(_SAVE, "./restore.sh"))
    assert verdict.findings[0].rule == "restore-failed"
    assert "files lost 5 rows" in verdict.explain()


def test_arguments_in_the_wrong_place_are_refused_with_an_example(recovery: Recovery) -> None:
    by = procedure(_SAVE, _LOAD)
    with pytest.raises(UsageError, match=r"what is lost must be a store, not a Procedure .write for example"):
        recovery.round_trip(by, by=files())  # type: ignore[arg-type] # what a user may write
    with pytest.raises(UsageError, match=r"by= must be a procedure or the name of one, not a tuple"):
        recovery.round_trip(files(), by=(_SAVE, _LOAD))  # type: ignore[arg-type] # what a user may write


def test_unknown_argument_of_a_store_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(UsageError, match=r"directory\(\) has no argument 'prepar': did you mean 'prepare'"):
        directory(prepar=seed)  # type: ignore[call-arg] # what a user may write
    with pytest.raises(UsageError, match=r"sqlite\(\) has no argument 'verson': did you mean 'version'"):
        sqlite(verson="3")  # type: ignore[call-arg] # what a user may write


def test_long_scripts_are_named_in_one_short_line() -> None:
    by = procedure("set -eu\n" * 30, ["sh", "-c", "true\n" * 40])
    assert "\n" not in by.name
    assert len(by.name) < 200
