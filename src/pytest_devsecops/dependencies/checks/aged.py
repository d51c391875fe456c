"""``aged(days=…)``: no release is younger than the days in which bad releases are usually found.

Policy::

    [tool.devsecops.dependencies.cooldown]
    days = 7
    except = [{ name = "django", versions = "==4.2.16", reason = "fixes CVE-2024-45230" }]

Upload times come from the lock file (``uv.lock`` and exported ``pylock.toml`` have them) or from
``index_data``. Days are whole days in UTC.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime

from pytest_devsecops.core.decode import TableReader
from pytest_devsecops.core.errors import UsageError
from pytest_devsecops.core.findings import Finding, Status
from pytest_devsecops.core.text import counted
from pytest_devsecops.core.verdict import NOTHING_EXAMINED, Verdict
from pytest_devsecops.dependencies.exceptions import Excepted, Exceptions, read_exceptions
from pytest_devsecops.dependencies.index_data import IndexData, index_evidence
from pytest_devsecops.dependencies.judging import Paths, judge_each
from pytest_devsecops.dependencies.model import Dependency, Graph
from pytest_devsecops.dependencies.origins import is_local, local_subjects, may_be_from_index

NAME = "dependencies.aged"


@dataclass(frozen=True, slots=True)
class CooldownPolicy:
    """How old a release must be.

    Attributes:
        days: the least number of whole days since the upload; None if the policy names none.
        excepted: releases that need not be that old.
    """

    days: int | None = None
    excepted: tuple[Excepted, ...] = ()


def read_cooldown_policy(reader: TableReader) -> CooldownPolicy:
    """Decode ``[tool.devsecops.dependencies.cooldown]``."""
    table = reader.table("cooldown")
    policy = CooldownPolicy(table.integer("days", minimum=1), read_exceptions(table))
    table.finish()
    return policy


def aged(graph: Graph, policy: CooldownPolicy, data: IndexData | None, *, days: int | None, today: date) -> Verdict:
    """Judge whether the newest file of every release was uploaded at least so many days ago.

    Args:
        graph: what the sources say.
        policy: the policy's table.
        data: what the index says, for upload times that the sources lack.
        days: the number of days that a test asks for; the larger of it and the policy's counts.
        today: the day to count from (UTC).

    Returns:
        Violated for a younger release and for one from the future; unverified where no upload time
        is known. Paths of this machine and exceptions are not counted, and listed in the evidence.

    Raises:
        UsageError: if ``days`` is less than 1.
    """
    if days is not None and days < 1:
        raise UsageError(f"aged(days={days}) asks for nothing", remedy="ask for at least 1 day")
    wanted = max(filter(None, (days, policy.days)), default=0)
    exceptions = Exceptions(policy.excepted)
    paths = Paths(graph)
    return judge_each(
        NAME,
        graph,
        lambda dependency: _judge(dependency, data, wanted, today, paths),
        met=f"are at least {counted(wanted, 'day')} old",
        applies=lambda dependency: not is_local(dependency) and exceptions.reason(dependency) is None,
        findings=[*_no_days(wanted), *(data.problems if data else ())],
        evidence={
            "days": wanted,
            "today": today.isoformat(),
            "excepted": exceptions.evidence(graph),
            "local": local_subjects(graph),
            **index_evidence(data),
        },
    )


def _no_days(days: int) -> list[Finding]:
    if days:
        return []
    return [
        Finding(
            NOTHING_EXAMINED,
            NAME,
            "nobody says how old a release must be",
            fix="write `days = 7` in [tool.devsecops.dependencies.cooldown], or call aged(days=7)",
            status=Status.UNVERIFIED,
        )
    ]


def upload_times(dependency: Dependency, data: IndexData | None) -> list[datetime | None]:
    """Return the upload time of every file of the release, None for one that nobody knows."""
    from_index = may_be_from_index(dependency)
    release = data.release(dependency.name, dependency.version) if data and from_index else ()
    known = {file.name: file.uploaded for file in release}
    # A lock file lists the files that can be installed; the index may have got others later.
    locked = [one.uploaded or known.get(one.name) or known.get("") for one in dependency.artifacts]
    times = locked or [file.uploaded for file in release] or [None]
    return [time and _in_utc(time) for time in times]


def _in_utc(time: datetime) -> datetime:
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


def _judge(dependency: Dependency, data: IndexData | None, days: int, today: date, paths: Paths) -> Iterator[Finding]:
    times = upload_times(dependency, data)
    known = [time for time in times if time is not None]
    newest = max(known).date() if known else None
    if newest is not None and newest > today:
        message = f"was uploaded on {newest}, which is in the future"
        yield _finding("future-upload", dependency, message, "look into the source: its times are wrong", paths)
    elif newest is not None and (today - newest).days < days:
        age = counted((today - newest).days, "day")
        message = f"is {age} old, younger than {counted(days, 'day')} (uploaded on {newest})"
        fix = f"take an older release, or wait until {_until(newest, days)}"
        yield _finding("too-young", dependency, message, fix, paths)
    elif len(known) < len(times):
        missing = f" of {len(times) - len(known)} of {counted(len(times), 'file')}" if known else ""
        message = f"has an unknown age: no source tells the upload time{missing}"
        fix = "lock with a tool that writes upload times (uv), or give `index_data`"
        yield _finding("age-unknown", dependency, message, fix, paths, Status.UNVERIFIED)


def _until(day: date, days: int) -> date:
    return date.fromordinal(day.toordinal() + days)


def _finding(
    rule: str, dependency: Dependency, message: str, fix: str, paths: Paths, status: Status = Status.VIOLATED
) -> Finding:
    return Finding(
        rule,
        dependency.subject,
        f"{dependency.subject} {message}{paths.why(dependency.name)}",
        fix=fix,
        location=dependency.location,
        status=status,
        detail={"path": list(paths.to(dependency.name))},
    )
