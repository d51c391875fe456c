"""A test run that is ended from outside, at any moment, leaves neither a server nor a file."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_devsecops.recovery.workspace import temporary_room

pytestmark = [
    pytest.mark.slow,
    pytest.mark.tools(redis_server="redis-server", mariadbd="mariadb-server"),
]

_SUITE = """
    from pytest_devsecops.recovery import mariadb, postgresql, procedure, redis

    stores = {{
        "redis": lambda wait: redis(prepare=["redis-cli -u $REDIS_URL SET a 1", wait]),
        "postgresql": lambda wait: postgresql(prepare=["psql -Xqc 'create table t as select 1 a'", wait]),
        "mariadb": lambda wait: mariadb(prepare=["mariadb app -e 'create table t as select 1 a'", wait]),
    }}
    waits = dict.fromkeys(("prepare", "backup", "restore"), "true") | {{{moment!r}: "touch {marker}; sleep 300"}}

    def test_one(recovery):
        by = procedure(waits["backup"], waits["restore"])
        recovery.round_trip(stores[{store!r}](waits["prepare"]), by=by)
"""


def inside(folder: Path) -> Iterator[str]:
    """Processes that work in a folder, or name it in their command."""
    for place in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            command = (place / "cmdline").read_bytes()
            works = str((place / "cwd").readlink()).startswith(str(folder))
            # The guard that cleans up is no leftover; it ends by itself.
            if (works or str(folder).encode() in command) and b"readlink" not in command:
                yield command.replace(b"\0", b" ").decode(errors="replace")


def segments_named_in(folder: Path) -> set[tuple[str, ...]]:
    """Key and id of the System V segments that PostgreSQL servers in a folder hold, from their ``postmaster.pid``."""
    texts = [path.read_text("utf-8").splitlines() for path in folder.rglob("postmaster.pid")]
    return {tuple(lines[6].split()) for lines in texts}


def segments() -> set[tuple[str, ...]]:
    """Key and id of all System V segments of this machine."""
    lines = Path("/proc/sysvipc/shm").read_text("utf-8").splitlines()
    return {tuple(line.split()[:2]) for line in lines[1:]}


@pytest.mark.parametrize(
    ("store", "moment", "how"),
    [
        ("redis", "prepare", signal.SIGKILL),
        ("redis", "backup", signal.SIGTERM),
        ("redis", "backup", signal.SIGKILL),
        ("postgresql", "prepare", signal.SIGTERM),
        ("postgresql", "restore", signal.SIGKILL),
        ("mariadb", "prepare", signal.SIGTERM),
        ("mariadb", "restore", signal.SIGKILL),
    ],
)
def test_run_that_is_ended_from_outside_leaves_no_server_and_no_file(
    tmp_path: Path, store: str, moment: str, how: signal.Signals
) -> None:
    marker = tmp_path / "begun"
    text = textwrap.dedent(_SUITE).format(store=store, moment=moment, marker=marker)
    (tmp_path / "test_it.py").write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "devsecops", "test_it.py"]
    with temporary_room("ended-") as rooms:
        environ = {**os.environ, "TMPDIR": str(rooms), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
        with subprocess.Popen(command, cwd=tmp_path, env=environ, stdout=subprocess.PIPE) as run:
            limit = time.monotonic() + 60
            while not marker.exists() and run.poll() is None and time.monotonic() < limit:
                time.sleep(0.02)
            assert list(inside(rooms)), "nothing runs that could be left behind"
            held = segments_named_in(rooms)
            assert held & segments() if store == "postgresql" else not held
            run.send_signal(how)
            run.communicate(timeout=60)
        limit = time.monotonic() + 20
        while (list(inside(rooms)) or any(rooms.iterdir())) and time.monotonic() < limit:
            time.sleep(0.05)
        assert list(inside(rooms)) == []
        assert held & segments() == set()
        assert [path.name for path in rooms.iterdir() if not path.name.startswith("pytest-of")] == []
