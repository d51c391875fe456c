"""``current(…)``: nothing is withdrawn, given up by its authors, or older than the policy allows.

Policy::

    [tool.devsecops.dependencies]
    index_data = "index-data"          # a JSON file or a folder of them; see `index_data`

    [tool.devsecops.dependencies.currency]
    max_age = "104w"                   # of the release that is used; without it age is not judged
    look_at = ["yanked", "status"]     # default; leave out what your data cannot tell
    accept = ["deprecated"]            # project statuses (PEP 792) besides `active`
    max_data_age = "30d"               # older index data is not believed
    except = [{ name = "six", reason = "finished, not dead" }]
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from pytest_devsecops.core.decode import TableReader
from pytest_devsecops.core.findings import Finding, Status
from pytest_devsecops.core.text import did_you_mean, format_duration
from pytest_devsecops.core.verdict import NOTHING_EXAMINED, Verdict
from pytest_devsecops.dependencies.checks.aged import upload_times
from pytest_devsecops.dependencies.exceptions import Excepted, Exceptions, read_exceptions
from pytest_devsecops.dependencies.index_data import IndexData, IndexFile, index_evidence
from pytest_devsecops.dependencies.judging import Paths, judge_each
from pytest_devsecops.dependencies.model import Dependency, Graph
from pytest_devsecops.dependencies.origins import is_local, local_subjects, may_be_from_index

NAME = "dependencies.current"

_DAY = 86400.0
_ASPECTS = ("yanked", "status")
#: What a project can be besides ``active`` (PEP 792), as the end of a sentence.
_STATUSES = {
    "archived": "is archived: no release will follow",
    "quarantined": "is quarantined: its index considers it unsafe",
    "deprecated": "is deprecated by its authors",
}


@dataclass(frozen=True, slots=True)
class CurrencyPolicy:
    """What counts as current.

    Attributes:
        max_age: the most seconds since the release was uploaded; None to leave age out.
        look_at: what is judged besides: ``yanked``, ``status``.
        accept: project statuses besides ``active`` that are accepted.
        max_data_age: the most seconds since the index data was taken; None for any.
        excepted: releases that are not judged.
    """

    max_age: float | None = None
    look_at: frozenset[str] = frozenset(_ASPECTS)
    accept: frozenset[str] = frozenset()
    max_data_age: float | None = None
    excepted: tuple[Excepted, ...] = ()


def read_currency_policy(reader: TableReader) -> CurrencyPolicy:
    """Decode ``[tool.devsecops.dependencies.currency]``."""
    table = reader.table("currency")
    policy = CurrencyPolicy(
        max_age=table.duration("max_age"),
        look_at=_choices(table, "look_at", _ASPECTS, _ASPECTS),
        accept=_choices(table, "accept", (), tuple(_STATUSES)),
        max_data_age=table.duration("max_data_age"),
        excepted=read_exceptions(table),
    )
    table.finish()
    return policy


def current(
    graph: Graph, policy: CurrencyPolicy, data: IndexData | None, *, max_age: float | None, today: date
) -> Verdict:
    """Judge whether every release is still offered, its project alive, and its age within the limit.

    Args:
        graph: what the sources say.
        policy: the policy's table.
        data: what the index says; None if the policy names no ``index_data``.
        max_age: seconds that a test asks for; the smaller of it and the policy's counts.
        today: the day to count from (UTC).

    Returns:
        Violated for what is yanked, archived, quarantined, deprecated or too old; unverified for
        whatever no data tells, and if the data is older than the policy allows.
    """
    limit = min((age for age in (max_age, policy.max_age) if age is not None), default=None)
    exceptions = Exceptions(policy.excepted)
    judge = _Judge(graph, policy, data, limit, today)
    return judge_each(
        NAME,
        graph,
        judge.dependency,
        met="are current",
        applies=lambda dependency: not is_local(dependency) and exceptions.reason(dependency) is None,
        findings=judge.data(),
        evidence={
            "today": today.isoformat(),
            "looked_at": [*sorted(policy.look_at), *(["age"] if limit is not None else [])],
            "excepted": exceptions.evidence(graph),
            "local": local_subjects(graph),
            **index_evidence(data),
        },
    )


def _choices(table: TableReader, key: str, default: tuple[str, ...], known: tuple[str, ...]) -> frozenset[str]:
    names = table.strings(key, default)
    for name in names:
        if name not in known:
            table.problem(key, f"{name!r} is not one of {', '.join(known)}; {did_you_mean(name, known)}")
    return frozenset(names)


class _Judge:
    """The policy and the data, ready to be asked about one dependency after the other."""

    def __init__(
        self, graph: Graph, policy: CurrencyPolicy, data: IndexData | None, limit: float | None, today: date
    ) -> None:
        self._policy = policy
        self._data = data
        self._limit = limit
        self._today = today
        self._paths = Paths(graph)

    def data(self) -> Iterator[Finding]:
        """Judge the index data as a whole."""
        if not self._policy.look_at and self._limit is None:
            fix = "set max_age, or name something in look_at, in [tool.devsecops.dependencies.currency]"
            yield _about_data(NOTHING_EXAMINED, "the policy looks at nothing: neither at age, yanks nor statuses", fix)
        if self._data is None:
            if self._policy.look_at:
                wanted = " or ".join(_WANTED[name] for name in _ASPECTS if name in self._policy.look_at)
                fix = "give `index_data` in [tool.devsecops.dependencies], or leave them out of currency.look_at"
                yield _about_data("no-index-data", f"without index data nothing tells what is {wanted}", fix)
            return
        yield from self._data.problems
        yield from self._data_age(self._data)

    def _data_age(self, data: IndexData) -> Iterator[Finding]:
        fix = "take the index data again"
        if data.as_of is not None and data.as_of > self._today:
            yield _about_data("future-index-data", f"the index data is of {data.as_of}, in the future", fix)
        elif self._policy.max_data_age is not None:
            limit = format_duration(self._policy.max_data_age)
            if data.as_of is None:
                message = f"the index data does not say how old it is, and it may be {limit} old"
                yield _about_data(
                    "index-data-age-unknown", message, "use the format with `as_of`, or drop max_data_age"
                )
            elif (self._today - data.as_of).days * _DAY > self._policy.max_data_age:
                yield _about_data("old-index-data", f"the index data is of {data.as_of}, older than {limit}", fix)

    def dependency(self, one: Dependency) -> Iterator[Finding]:
        """Judge one dependency."""
        unknown: list[str] = []
        if "yanked" in self._policy.look_at:
            yield from self._yanked(one, unknown)
        if "status" in self._policy.look_at:
            yield from self._status(one, unknown)
        if self._limit is not None:
            yield from self._age(one, self._limit, unknown)
        if unknown:
            message = f"has no data about {' and '.join(unknown)}"
            fix = f"add {one.name} to the index data, or except it with a reason"
            yield self._finding("currency-unknown", one, message, fix, Status.UNVERIFIED)

    def _yanked(self, one: Dependency, unknown: list[str]) -> Iterator[Finding]:
        reason = one.yanked
        if reason is None and self._data is not None:
            files = self._files(one, self._data)
            reason = _yank_of(files)
            if reason is None and any(file.yanked is None for file in files):
                unknown.append("whether it is yanked")
        if reason is not None:
            said = f": {reason}" if reason else ""
            yield self._finding("yanked", one, f"is yanked{said}", "take a release that is not")

    def _files(self, one: Dependency, data: IndexData) -> list[IndexFile]:
        """Return what is known of each file that can be installed: those that are locked, or all."""
        release = {file.name: file for file in data.release(one.name, one.version)} if may_be_from_index(one) else {}
        nothing = release.get("", IndexFile())  # data about the release as a whole is about each file
        locked = [release.get(artifact.name, nothing) for artifact in one.artifacts]
        return locked or list(release.values()) or [nothing]

    def _status(self, one: Dependency, unknown: list[str]) -> Iterator[Finding]:
        if self._data is None:
            return
        project = self._data.projects.get(one.name) if may_be_from_index(one) else None
        status = project.status if project else None
        if project is None or status is None:
            unknown.append("its project's status")
        elif status in _STATUSES and status not in self._policy.accept:
            said = f" ({project.reason})" if project.reason else ""
            yield self._finding(status, one, f"{_STATUSES[status]}{said}", "move to something that is maintained")
        elif status != "active" and status not in _STATUSES:
            unknown.append(f"what its project's status {status!r} means")

    def _age(self, one: Dependency, limit: float, unknown: list[str]) -> Iterator[Finding]:
        known = [time for time in upload_times(one, self._data) if time is not None]
        if not known:
            unknown.append("its age")
            return
        newest = max(known).date()
        if newest > self._today:
            fix = "look into the source: its times are wrong"
            yield self._finding("future-upload", one, f"was uploaded on {newest}, which is in the future", fix)
        elif (self._today - newest).days * _DAY > limit:
            message = f"was uploaded on {newest}, more than {format_duration(limit)} ago"
            yield self._finding("outdated", one, message, "take a newer release, or except it with a reason")

    def _finding(self, rule: str, one: Dependency, message: str, fix: str, status: Status = Status.VIOLATED) -> Finding:
        return Finding(
            rule,
            one.subject,
            f"{one.subject} {message}{self._paths.why(one.name)}",
            fix=fix,
            location=one.location,
            status=status,
            detail={"path": list(self._paths.to(one.name))},
        )


_WANTED = {"yanked": "yanked", "status": "archived, quarantined or deprecated"}


def _yank_of(files: list[IndexFile]) -> str | None:
    """Return why files of a release are yanked; None if none of them is."""
    reasons = [file.yanked for file in files if isinstance(file.yanked, str)]
    return next((reason for reason in reasons if reason), reasons[0] if reasons else None)


def _about_data(rule: str, message: str, fix: str) -> Finding:
    return Finding(rule, "index data", message, fix=fix, status=Status.UNVERIFIED)
