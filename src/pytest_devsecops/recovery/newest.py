"""``newest()``: the artefact that production really made restores, and is as young as it must be."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path

from pytest_devsecops.core.findings import Finding, Status
from pytest_devsecops.core.text import counted, format_duration, shown_path
from pytest_devsecops.core.verdict import Verdict
from pytest_devsecops.recovery.agreeing import judge_agreement
from pytest_devsecops.recovery.dating import header_time, row_time
from pytest_devsecops.recovery.ground import Ground
from pytest_devsecops.recovery.model import Instance, RecoveryError, Snapshot, Store, Versioned
from pytest_devsecops.recovery.procedures import Procedure
from pytest_devsecops.recovery.restoring import Restored, restore
from pytest_devsecops.recovery.sabotage import NO_SABOTAGE
from pytest_devsecops.recovery.templates import store_environment
from pytest_devsecops.recovery.workspace import copy_data, made, temporary_room

NAME = "recovery.newest"
#: Seconds by which the clocks of two hosts may differ.
_AHEAD = 300.0


@dataclass(frozen=True, slots=True)
class Expected:
    """What is demanded of the newest artefact.

    Attributes:
        pattern: a glob, from the project's root if it is not absolute.
        fresh: ``table.column`` with the time of the newest row; empty for none.
        expect: looks at the restored store; returns False or 0, or fails an assertion, if it misses something.
        min_size: bytes that an artefact has at least.
    """

    pattern: str
    fresh: str = ""
    expect: Callable[[dict[str, str]], object] | None = None
    min_size: int = 1


@dataclass(slots=True)
class _Seen:
    """What the restored target holds, looked at before the probe writes into it."""

    store: Store
    expected: Expected
    findings: list[Finding] = field(default_factory=list)
    row_age: float | None = None

    def examine(self, target: Instance, snapshot: Snapshot) -> None:
        """Look for damage, ask ``agrees=`` and ``expect=``, and find the newest row."""
        if isinstance(self.store, Versioned):
            self.findings.extend(self.store.other_version(target))
        fix = "restore from an intact artefact"
        for problem in snapshot.problems:
            message = f"what was restored is damaged: {problem}"
            self.findings.append(Finding("damaged", "target", message, fix=fix))
        for line in snapshot.unread:
            message = f"what was restored cannot be read: {line}"
            self.findings.append(Finding("unreadable", "target", message, fix=fix, status=Status.UNVERIFIED))
        environment = store_environment(self.store.options.env, target.access(role=False))
        self.findings.extend(judge_agreement(self.store, environment))
        self.findings.extend(self._unexpected(environment))
        if self.expected.fresh:
            self._find_newest_row(target, snapshot)

    def _unexpected(self, environment: dict[str, str]) -> Iterator[Finding]:
        pattern, own = self.expected.pattern, self.expected.expect
        if own is None:
            return
        why = ""
        try:
            answer = own(environment)
            missed = answer is not None and not answer
        except AssertionError as error:
            missed, why = True, f": {error}".rstrip(": ")
        except Exception as error:  # noqa: BLE001 - the user's check may raise anything; that is told
            message = f"expect= could not look at what was restored: {type(error).__name__}: {error}"
            fix = "let it return False for what it misses; if what it looks for is gone, see the other findings"
            yield Finding("expectation-unknown", pattern, message, fix=fix, status=Status.UNVERIFIED)
            return
        if missed:
            message = f"what the artefact brought back is not what expect= wants{why}"
            yield Finding("unexpected", pattern, message, fix="look at what the backup leaves out")

    def _find_newest_row(self, target: Instance, snapshot: Snapshot) -> None:
        fresh = self.expected.fresh
        table, _, column = fresh.rpartition(".")
        found = next((name for name in snapshot.rows if _is_called(name, table)), None)
        if found is None:
            known = ", ".join(sorted(snapshot.rows)) or "nothing"
            self.findings.append(_unknown_age(fresh, f"there is no {table} in what came back: {known}"))
            return
        newest_time: datetime | None = None
        columns: dict[str, None] = {}
        try:
            for row in target.read_rows(found):
                columns |= dict.fromkeys(row.values)
                moment = row_time(row.values.get(column))
                if moment is not None and (newest_time is None or moment > newest_time):
                    newest_time = moment
        except RecoveryError as error:
            self.findings.append(_unknown_age(fresh, f"{found} cannot be read: {error.message}"))
            return
        if newest_time is None:
            has = "" if column in columns or not columns else f", but it has the columns {', '.join(columns)}"
            self.findings.append(_unknown_age(fresh, f"no row of {found} has a time in {column}{has}"))
            return
        self.row_age = time.time() - newest_time.timestamp()


def _is_called(container: str, table: str) -> bool:
    """Tell whether a table goes by this name, without the name of its schema, database or member as well."""
    # Of a server with several databases, those of another one are called database:table.
    return table in (container, container.replace(":", ".")) or container.endswith(
        (f".{table}", f"/{table}", f":{table}")
    )


def newest(store: Store, by: Procedure, root: Path, expected: Expected, *, today: date) -> Verdict:
    """Restore the newest artefact into a fresh target and tell its age.

    Raises:
        RecoveryError: if no empty target can be made.
    """
    artefact = _newest(root, expected.pattern)
    if artefact is None:
        message = f"no file matches {expected.pattern} (from the project's root), so nothing can be restored"
        found = Finding(
            "no-artefact", expected.pattern, message, fix="correct the pattern, or fetch the artefact first"
        )
        return Verdict(NAME, [found], examined={"artefacts": 0})
    size = sum(path.stat().st_size for path in _files(artefact))
    findings: list[Finding] = []
    if size < expected.min_size:
        name = shown_path(Path(artefact.name))
        message = f"{name} has {size:,} bytes, fewer than {expected.min_size:,}"
        findings.append(Finding("too-small", name, message, fix="look at the job that made it"))
    with temporary_room() as room:
        backup_dir = made(room / "backup")
        _copy(artefact, backup_dir)
        seen = _Seen(store, expected, findings)
        ground = Ground(root, room, backup_dir)
        restored = restore(store, by, ground, "target", NO_SABOTAGE, examine=seen.examine)
        try:
            return _judged(seen, artefact, restored, size, today)
        finally:
            restored.target.close()


def _judged(seen: _Seen, artefact: Path, restored: Restored, size: int, today: date) -> Verdict:
    findings = [*seen.findings, *restored.findings]
    rows = restored.snapshot.row_count if restored.snapshot else 0
    name = shown_path(Path(artefact.name))
    if restored.snapshot and not rows:
        message = f"{name} was restored, and not one row came back from it"
        fix = "look at what the backup leaves out, and whether the restore reads this artefact"
        findings.append(Finding("nothing-came-back", name, message, fix=fix))
    ages = {"file": time.time() - max(path.stat().st_mtime for path in _files(artefact))}
    header = header_time(_files(artefact))
    if header is not None:
        ages["header"] = time.time() - header
    if seen.row_age is not None:
        ages["newest row"] = seen.row_age
    which = max(ages, key=lambda name: ages[name])
    hours = f"{ages[which] / 3600:.1f}h"
    if ages[which] < -_AHEAD:
        findings.append(_from_the_future(name, which, -ages[which]))
    return Verdict(
        NAME,
        findings,
        examined={"rows": rows, "bytes": size, "artefact": name},
        summary=f"{name} restores with {counted(rows, 'row')}; by its {which} it is {hours} old",
        evidence={"ages_seconds": {name: round(age) for name, age in ages.items()}, "today": today.isoformat()},
        measured={"rpo": max(0.0, ages[which])},
    )


def _from_the_future(name: str, which: str, seconds: float) -> Finding:
    message = f"by its {which} {name} was made {format_duration(seconds)} from now, so its age is not known"
    fix = "set the clocks of the hosts that make and check backups, and keep the times of files when they are copied"
    return Finding("age-unknown", name, message, fix=fix, status=Status.UNVERIFIED)


def _newest(root: Path, pattern: str) -> Path | None:
    # Production's folder of backups may lie outside of the project.
    top = Path(Path(pattern).anchor) if Path(pattern).is_absolute() else root
    found = [
        path
        for path in top.glob(str(Path(pattern).relative_to(top)) if top != root else pattern)
        if path.exists() and list(_files(path))
    ]
    return max(found, key=lambda path: path.stat().st_mtime, default=None)


def _files(path: Path) -> list[Path]:
    return [path] if path.is_file() else [one for one in path.rglob("*") if one.is_file()]


def _copy(artefact: Path, backup_dir: Path) -> None:
    # A copy, so that a restore that moves or unpacks cannot hurt the only artefact there is.
    if artefact.is_dir():
        backup_dir.rmdir()
        copy_data(artefact.resolve(), backup_dir)
    else:
        shutil.copy2(artefact, backup_dir / artefact.name)


def _unknown_age(fresh: str, why: str) -> Finding:
    message = f"the age of the newest row by {fresh} is not known: {why}"
    return Finding(
        "age-unknown", fresh, message, fix="name a column with a time, as table.column", status=Status.UNVERIFIED
    )
