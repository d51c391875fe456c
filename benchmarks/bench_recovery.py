"""What the proof of a restore costs beyond the backup and the restore themselves, and what a fingerprint costs.

One table of about 130 bytes a row, on PostgreSQL and SQLite, each with its built-in procedures. ``RECOVERY_ROWS``
names other sizes than 10,000 and 1,000,000, such as ``10000,1000000,10000000`` (some minutes). The wall time of a
round trip is told in three parts, all of the same run:

- procedure: the backup and the restore, as the steps took them;
- stage: what anybody who tries a restore has to do as well: a copy of the source, a fresh target, servers that start
  and die, a process apart for each step, tidying up;
- proof: all the rest, that is snapshots, comparison, ledger, probe and behaviours. Its share is of the procedure.

The template, which is built once per session, is in none of them. "peak" is the most memory of this process, "server"
the most that the processes it started had for themselves (not shared), sampled.
"""

from __future__ import annotations

import contextlib
import os
import resource
import sqlite3
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any

from pytest_devsecops.recovery import isolation, loss, postgresql, restoring, sqlite, workspace
from pytest_devsecops.recovery.model import RecoveryError, Store
from pytest_devsecops.recovery.procedures import Procedure
from pytest_devsecops.recovery.round_trip import run_drill
from pytest_devsecops.recovery.stores.postgresql import rows as postgresql_rows
from pytest_devsecops.recovery.stores.postgresql.binaries import find_binaries
from pytest_devsecops.recovery.stores.postgresql.instance import PostgreSQLInstance
from pytest_devsecops.recovery.stores.postgresql.store import PostgreSQLStore
from pytest_devsecops.recovery.stores.sqlite.instance import SQLiteInstance
from pytest_devsecops.recovery.stores.sqlite.store import SQLiteStore
from pytest_devsecops.recovery.templates import Template, Templates

SIZES = tuple(int(text) for text in os.environ.get("RECOVERY_ROWS", "10000,1000000").split(","))
#: What a proof may cost at a million rows, as a share of the procedure.
LIMIT = 0.25
LIMITED_FROM = 1_000_000
_MEBIBYTE = 2**20
_STAGE = ("source", "target", "finish", "lose", "close")

_POSTGRESQL = """psql -q -c "create table item (id bigint primary key, name text not null, price numeric, note text);
insert into item select i, 'item ' || i, i / 7.0, repeat(md5(i::text), 2) from generate_series(1, {rows}) i;
analyze item" """
_SQLITE = """python -c "
import sqlite3, os
from hashlib import md5
connection = sqlite3.connect(os.environ['SQLITE_DATABASE'])
connection.execute('create table item (id integer primary key, name text not null, price real, note text)')
rows = ((i, f'item {{i}}', i / 7, md5(str(i).encode()).hexdigest() * 2) for i in range(1, {rows} + 1))
connection.executemany('insert into item values (?, ?, ?, ?)', rows)
connection.commit()" """


@dataclass(frozen=True, slots=True)
class Case:
    """A store, its recipe for a number of rows, and its built-in procedures."""

    name: str
    store: Callable[[int], Store]
    procedures: tuple[str, ...]


CASES = (
    Case("postgresql", lambda rows: postgresql(prepare=_POSTGRESQL.format(rows=rows)), ("pg_dump", "basebackup")),
    Case("sqlite", lambda rows: sqlite(prepare=_SQLITE.format(rows=rows)), ("sqlite-backup",)),
)


@dataclass(slots=True)
class Stopwatch:
    """Seconds spent in what it wraps, counted once where one wrapped call makes another."""

    seconds: float = 0.0
    depth: int = 0

    def wrap(self, call: Callable[..., Any], *, without: Callable[[Any], float] = lambda _: 0.0) -> Callable[..., Any]:
        """Return ``call``, timed; ``without`` tells from its result what of the time does not count."""

        @wraps(call)
        def timed(*args: object, **options: object) -> object:
            started = time.monotonic()
            self.depth += 1
            try:
                result = call(*args, **options)
            finally:
                self.depth -= 1
                spent = time.monotonic() - started
                if not self.depth:
                    self.seconds += spent
            if not self.depth:
                self.seconds -= without(result)
            return result

        return timed


def main() -> None:
    """Print, per store, procedure and size, the three parts, the proof's share, memory, and rows per second."""
    head = f"{'procedure':>11}{'stage':>9}{'proof':>9}{'share':>8}{'peak MiB':>10}{'server':>8}"
    print(f"{'round trip':26}{'rows':>12}{head}")
    rates: list[str] = []
    isolation.available()  # found out once per process, like the template
    for case in CASES:
        if case.name == "postgresql" and not _has_postgresql():
            print(f"{case.name:26} not measured: no PostgreSQL server was found")
            continue
        for rows in SIZES:
            rates.extend(_measure(case, rows))
    print(f"\n{'fingerprint':26}{'rows':>12}{'rows/s':>12}{'scan rows/s':>14}{'ratio':>8}")
    print("\n".join(rates))


def _measure(case: Case, rows: int) -> Iterator[str]:
    """Print a line for each procedure over one template; yield the line of the fingerprint."""
    with tempfile.TemporaryDirectory() as name, contextlib.closing(Templates(Path(name))) as templates:
        template = templates.of(case.store(rows))
        for by in case.procedures:
            print(f"{f'{case.name}, {by}':26}{rows:>12,}{_round_trip(template, by, Path(name), rows)}", flush=True)
        fingerprint, scan = _fingerprint(template)
    yield f"{case.name:26}{rows:>12,}{rows / fingerprint:>12,.0f}{rows / scan:>14,.0f}{scan / fingerprint:>8.2f}"


def _round_trip(template: Template, by: str, root: Path, rows: int) -> str:
    backup, restore, kind = template.store.builtin(by)
    with _stage() as stage, _server_memory() as server:
        started = time.monotonic()
        drill = run_drill(template, Procedure(backup, restore, kind=kind, timeout=3600), root)
        total = time.monotonic() - started
    wrong = [one.message for one in drill.findings]
    assert not wrong, wrong
    procedure = drill.loss.backup.seconds + sum(step.seconds for step in drill.restored.steps)
    proof = total - procedure - stage.seconds
    share = proof / procedure
    over = "  above the limit" if rows >= LIMITED_FROM and share > LIMIT else ""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / _MEBIBYTE
    times = f"{procedure:>10.2f}s{stage.seconds:>8.2f}s{proof:>8.2f}s"
    return f"{times}{share:>8.2f}{peak:>10.0f}{max(server, default=0) / _MEBIBYTE:>8.0f}{over}"


@contextlib.contextmanager
def _stage() -> Iterator[Stopwatch]:
    """Time what belongs to the stage, wherever a drill calls it."""
    watch = Stopwatch()
    with contextlib.ExitStack() as undo:

        def put(place: object, name: str, **options: Callable[[Any], float]) -> None:
            undo.callback(setattr, place, name, getattr(place, name))
            setattr(place, name, watch.wrap(getattr(place, name), **options))

        for place in (PostgreSQLStore, SQLiteStore, PostgreSQLInstance, SQLiteInstance):
            for name in _STAGE:
                if hasattr(place, name):
                    put(place, name)
        for module in (loss, restoring):
            put(module, "run_step", without=lambda result: float(result.seconds))
        put(workspace, "remove")
        yield watch


@contextlib.contextmanager
def _server_memory() -> Iterator[list[int]]:
    """Sample the anonymous memory of all processes below this one, in bytes."""
    seen: list[int] = []
    done = threading.Event()

    def sample() -> None:
        while not done.wait(0.1):
            seen.append(sum(map(_own_memory, _below(os.getpid()))))

    thread = threading.Thread(target=sample, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        done.set()
        thread.join()


def _below(parent: int) -> list[int]:
    found, left = [], [parent]
    while left:
        for task in Path("/proc", str(left.pop()), "task").glob("*/children"):
            with contextlib.suppress(OSError):
                children = [int(one) for one in task.read_text().split()]
                found.extend(children)
                left.extend(children)
    return found


def _own_memory(process: int) -> int:
    with contextlib.suppress(OSError):
        for line in Path("/proc", str(process), "status").read_text().splitlines():
            if line.startswith("RssAnon:"):
                return int(line.split()[1]) * 1024
    return 0


def _fingerprint(template: Template) -> tuple[float, float]:
    """Return the seconds of a fingerprint of all rows and those of a scan that reads them, the best of three.

    A server's are wall time; SQLite works in this process, whose CPU time a busy machine does not change.
    """
    instance = template.instance
    if isinstance(instance, PostgreSQLInstance):
        instance.revive()
        with instance.server.connect("app") as connection:
            tables = postgresql_rows.tables(connection)
            scan = "select count(*) from public.item where note is not null"
            return (
                _best(lambda: postgresql_rows.fingerprint(connection, "public.item", tables["public.item"])),
                _best(lambda: connection.execute(scan).fetchone()),
            )
    assert isinstance(instance, SQLiteInstance)
    with contextlib.closing(sqlite3.connect(instance.path)) as connection:
        return (
            _best(instance.snapshot, time.process_time),
            _best(
                lambda: connection.execute("select count(*), max(length(note)) from item").fetchone(),
                time.process_time,
            ),
        )


def _best(call: Callable[[], object], clock: Callable[[], float] = time.monotonic) -> float:
    times = []
    for _ in range(3):
        started = clock()
        call()
        times.append(clock() - started)
    return min(times)


def _has_postgresql() -> bool:
    try:
        find_binaries("")
    except RecoveryError:
        return False
    return True


if __name__ == "__main__":
    main()
