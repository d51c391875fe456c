"""The contract of procedures, clause by clause: what a backup and a restore may rely on, and what they cannot see."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from pytest_devsecops.core.findings import Status
from pytest_devsecops.recovery import directory, isolation, postgresql, procedure
from pytest_devsecops.recovery.family import Recovery
from pytest_devsecops.recovery.model import Environment
from pytest_devsecops.recovery.stores.directory import DirectoryStore

_SAVE = "cp -a $DIRECTORY_PATH/. $BACKUP_DIR/"
_LOAD = "cp -a $BACKUP_DIR/. $DIRECTORY_PATH"
_KNOWN = "BACKUP_DIR|DIRECTORY_PATH|DEVSECOPS_STEP|HOME|LC_ALL|OLDPWD|PATH|PROJECT|PWD|SHLVL|TMPDIR|_"


def seed(environment: Environment) -> None:
    for number in range(3):
        Path(environment["DIRECTORY_PATH"], f"{number}").write_text(f"content {number}", encoding="ascii")


def files() -> DirectoryStore:
    return directory(prepare=seed)


@pytest.fixture
def caller(monkeypatch: pytest.MonkeyPatch) -> None:
    """A caller whose environment is full of things that no drill may see."""
    for name in ("AWS_SECRET_ACCESS_KEY", "PGPASSWORD", "PGSERVICE", "SSH_AUTH_SOCK", "DATABASE_URL", "PYTHONPATH"):
        monkeypatch.setenv(name, "of-the-caller")


@pytest.mark.usefixtures("caller")
@pytest.mark.parametrize(
    "clause",
    [
        'test -z "$(cat)"',
        'test "$(umask)" = 0022',
        'test "$PWD" = "$PROJECT"',
        'test -d "$BACKUP_DIR" && test -w "$BACKUP_DIR"',
        'test "$(stat -c %a "$HOME")" = 700 && test -z "$(ls -A "$HOME")"',
        'test "$(stat -c %u "$HOME")" = "$(id -u)"',
        'test -w "$TMPDIR" && test -z "$(ls -A "$TMPDIR")"',
        "! env | grep -q of-the-caller",
        f'test -z "$(env | cut -d= -f1 | grep -vxE "{_KNOWN}")"',
    ],
)
def test_both_steps_can_rely_on(recovery: Recovery, tmp_path: Path, clause: str) -> None:
    own = {"PROJECT": str(tmp_path)}
    by = procedure(f"{clause} && {_SAVE}", f"{clause} && {_LOAD}", backup_env=own, restore_env=own)
    verdict = recovery.round_trip(files(), by=by)
    assert verdict.status is Status.MET, verdict.explain()


def test_variables_of_one_step_do_not_reach_the_other(recovery: Recovery) -> None:
    by = procedure(
        f'test "$KEY" = b && test -z "$OTHER" && {_SAVE}',
        f'test "$OTHER" = r && test -z "$KEY" && {_LOAD}',
        backup_env={"KEY": "b"},
        restore_env={"OTHER": "r"},
    )
    assert recovery.round_trip(files(), by=by)


@pytest.mark.tools(openssl="openssl")
@pytest.mark.parametrize("place", ["$HOME/key", "$TMPDIR/key", "$DIRECTORY_PATH/../key"])
def test_key_that_only_the_lost_host_had_fails_the_restore(recovery: Recovery, place: str) -> None:
    cipher = "openssl enc -aes-256-cbc -pbkdf2"
    make = f"key={place}; head -c 32 /dev/urandom > $key; echo $key > $BACKUP_DIR/where"
    save = f"{make}; tar -c -C $DIRECTORY_PATH . | {cipher} -pass file:$key > $BACKUP_DIR/t"
    load = f"set -e; key=$(cat $BACKUP_DIR/where); {cipher} -d -pass file:$key -in $BACKUP_DIR/t | tar -x -C $DIRECTORY_PATH"
    verdict = recovery.round_trip(files(), by=procedure(save, load))
    assert verdict.status is Status.VIOLATED
    assert "the restore failed" in verdict.explain()
    # Its repaired twin has the key at hand when the host is gone.
    key = {"KEY": "k" * 32}
    given = procedure(
        f"tar -c -C $DIRECTORY_PATH . | {cipher} -pass env:KEY > $BACKUP_DIR/t",
        f"{cipher} -d -pass env:KEY -in $BACKUP_DIR/t | tar -x -C $DIRECTORY_PATH",
        backup_env=key,
        restore_env=key,
    )
    assert recovery.round_trip(files(), by=given)


@pytest.mark.parametrize(
    "reach",
    [
        "test ! -e $(cat $BACKUP_DIR/../where)",
        "test ! -e $(dirname $(cat $BACKUP_DIR/../where))/../source",
        # Nothing that looks like the tree can be found from where the target is.
        "test -z \"$(find $DIRECTORY_PATH/../../.. -name 1 -not -path '*/backup/*' 2>/dev/null)\"",
    ],
)
def test_source_is_out_of_reach_during_the_restore(recovery: Recovery, reach: str) -> None:
    if "find" in reach and not isolation.available():
        pytest.skip("this machine makes no namespaces, and a superuser sees everything")
    by = procedure(f"echo $DIRECTORY_PATH > $BACKUP_DIR/../where; {_SAVE}", f"{reach} && {_LOAD}")
    verdict = recovery.round_trip(files(), by=by)
    assert verdict.status is Status.MET, verdict.explain()


@pytest.mark.parametrize("link", ["cp -al $DIRECTORY_PATH/. $BACKUP_DIR/", "ln -s $DIRECTORY_PATH $BACKUP_DIR/tree"])
def test_artefact_that_points_into_the_lost_source_is_lost_with_it(recovery: Recovery, link: str) -> None:
    verdict = recovery.round_trip(files(), by=procedure(link, "cp -aL $BACKUP_DIR/. $DIRECTORY_PATH"))
    assert verdict.status is Status.VIOLATED, verdict.explain()


def running(text: str) -> list[str]:
    """Processes with ``text`` as one of their arguments."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if text.encode() in path.read_bytes().split(b"\0"):
                found.append(path.parent.name)
    return found


@pytest.mark.parametrize("end", ["", "exit 3;", "kill -9 $$;", "kill -9 0;", "sleep 30;"])
@pytest.mark.parametrize(
    "start",
    [
        "sleep {} &",
        "setsid sleep {} &",
        "env -i setsid sleep {} &",
        "(env -i setsid sh -c 'sleep {} & sleep {}' &) ; sleep 0.1;",
        "nohup sleep {} >/dev/null 2>&1 &",
    ],
)
def test_no_process_outlives_its_step(recovery: Recovery, start: str, end: str) -> None:
    # A number that no other test sleeps for, so that its processes are known.
    number = f"44.{time.time_ns()}"
    by = procedure(f"{start.format(number, number)} {end} {_SAVE}", _LOAD, timeout="1s")
    verdict = recovery.round_trip(files(), by=by)
    assert running(number) == []
    assert verdict.evidence["orphans"] >= (0 if end.startswith("kill -9 0") else 1)
    assert verdict.status is (Status.VIOLATED if end else Status.MET), verdict.explain()


def test_callable_that_hangs_is_ended_too(recovery: Recovery) -> None:
    rounds: list[float] = []

    started: list[subprocess.Popen[bytes]] = []

    def hang(environment: Environment) -> None:
        started.append(subprocess.Popen(["sleep", "4406"], env=dict(environment)))
        while True:
            rounds.append(time.monotonic())
            time.sleep(0.01)

    verdict = recovery.round_trip(files(), by=procedure(hang, _LOAD, timeout="300ms"))
    assert "timed out" in verdict.explain()
    seen = len(rounds)
    time.sleep(0.1)
    assert len(rounds) == seen
    assert started[0].wait(5) == -signal.SIGKILL


_SUITE = """
    import signal, subprocess, sys
    import pytest
    from pytest_devsecops.recovery import directory, procedure

    # What runs in the background of a script has it ignored, and hands that down.
    signal.signal(signal.SIGINT, signal.default_int_handler)

    def seed(environment):
        with open(environment["DIRECTORY_PATH"] + "/a", "w") as handle:
            handle.write("a")

    def test_one(recovery):
        marker = {marker!r}
        backup = f"cp -a $DIRECTORY_PATH/. $BACKUP_DIR/; env -i setsid sleep {number} & touch {{marker}}; sleep {number}"
        recovery.round_trip(directory(prepare=seed), by=procedure(backup, "true"))
"""


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL, signal.SIGALRM])
def test_run_that_is_ended_from_outside_leaves_nothing(tmp_path: Path, how: signal.Signals) -> None:
    number, marker, rooms = f"45{how:02}", tmp_path / "begun", tmp_path / "rooms"
    rooms.mkdir()
    text = textwrap.dedent(_SUITE).format(marker=str(marker), number=number)
    if how is signal.SIGALRM:
        # What pytest-timeout does by default: an exception in the main thread.
        text += "signal.signal(signal.SIGALRM, lambda *_: pytest.fail('timeout'))\n"
    (tmp_path / "test_it.py").write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "devsecops", "test_it.py"]
    environ = {**os.environ, "TMPDIR": str(rooms), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    with subprocess.Popen(command, cwd=tmp_path, env=environ, stdout=subprocess.PIPE) as run:
        limit = time.monotonic() + 60
        while not marker.exists() and run.poll() is None and time.monotonic() < limit:
            time.sleep(0.02)
        time.sleep(0.2)
        assert running(number)
        run.send_signal(how)
        try:
            run.communicate(timeout=60)
        finally:
            run.kill()
    limit = time.monotonic() + 20
    while (running(number) or _left_in(rooms)) and time.monotonic() < limit:
        time.sleep(0.05)
    assert running(number) == []
    assert _left_in(rooms) == []


def _left_in(rooms: Path) -> list[str]:
    return [path.name for path in rooms.iterdir() if not path.name.startswith("pytest-of")]


@pytest.mark.slow
def test_clauses_that_need_a_server(recovery: Recovery) -> None:
    """The clients' own files and programs, and nobody but the restore on the target."""
    store = postgresql(prepare="psql -Xqc 'create table t as select generate_series(1, 9) as a'")
    clients = (
        "set -e; test -s $HOME/.pgpass; test $(stat -c %a $HOME/.pgpass) = 600;"
        'test "$(dirname $(command -v psql))" = "${PATH%%:*}"; test "$(psql -h 127.0.0.1 -XAtc "select 1")" = 1;'
    )
    alone = "select count(*) from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()"
    by = procedure(
        f"{clients} echo $PGPORT > $BACKUP_DIR/port; pg_dump -Fc -f $BACKUP_DIR/d app",
        f'{clients} test "$(psql -XAtc "{alone}")" = 0; ! psql -h 127.0.0.1 -p $(cat $BACKUP_DIR/port) -c "select 1";'
        "dropdb app; createdb app; pg_restore -e -d app $BACKUP_DIR/d",
    )
    verdict = recovery.round_trip(store, by=by)
    assert verdict.status is Status.MET, verdict.explain()


def test_secrets_of_a_procedure_are_not_in_what_pytest_shows_of_it() -> None:
    by = procedure("save", "load", backup_env={"KEY": "hunter2"}, restore_env={"KEY": "hunter3"})
    assert "hunter" not in repr(by)
    assert "save" in repr(by)
