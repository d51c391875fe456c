from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from pytest_devsecops.core.errors import PolicyError, UsageError
from pytest_devsecops.core.findings import Finding, Location, Status
from pytest_devsecops.core.verdict import Verdict
from pytest_devsecops.dependencies.checks.aged import CooldownPolicy, aged
from pytest_devsecops.dependencies.index_data import IndexData, IndexFile, IndexProject
from pytest_devsecops.dependencies.model import Artifact, Dependency, Graph, Origin, OriginKind
from pytest_devsecops.dependencies.section import DependencyPolicy

Decode = Callable[[str], DependencyPolicy]
Lock = Callable[..., Graph]
Rules = Callable[[Verdict], list[tuple[str, str, str]]]

TODAY = date(2026, 11, 23)
WEEK = CooldownPolicy(days=7)


def uploaded(*days_ago: float | None, name: str = "django") -> Dependency:
    noon = datetime(2026, 11, 23, 12, tzinfo=UTC)
    times = [None if days is None else noon - timedelta(days=days) for days in days_ago]
    files = tuple(Artifact(f"{name}-{index}.whl", uploaded=time) for index, time in enumerate(times))
    return Dependency(name, "4.2", artifacts=files, location=Location("uv.lock", 3))


def index_of(**files: datetime | None) -> IndexData:
    releases = {"4.2": tuple(IndexFile(name.replace("_", "-") + ".whl", time) for name, time in files.items())}
    return IndexData({"django": IndexProject("active", "", releases)})


@pytest.mark.parametrize("days_ago", [(7,), (7.4,), (800, 7), (7.4, 400)])
def test_a_release_of_the_wanted_age_is_met(lock: Lock, days_ago: tuple[float, ...]) -> None:
    verdict = aged(lock(uploaded(*days_ago)), WEEK, None, days=None, today=TODAY)
    assert verdict.status is Status.MET
    assert verdict.summary == "1 dependency from uv.lock is at least 7 days old"
    assert verdict.evidence["days"] == 7
    assert verdict.evidence["today"] == "2026-11-23"


@pytest.mark.parametrize(
    ("days_ago", "age"), [((6.4,), "6 days"), ((800, 1), "1 day"), ((0,), "0 days"), ((3, None), "3 days")]
)
def test_the_newest_file_decides(lock: Lock, days_ago: tuple[float | None, ...], age: str) -> None:
    verdict = aged(lock(uploaded(*days_ago)), WEEK, None, days=None, today=TODAY)
    assert verdict.status is Status.VIOLATED
    assert f"django 4.2 is {age} old, younger than 7 days" in verdict.summary


def test_the_user_reads_when_it_will_be_old_enough(lock: Lock) -> None:
    assert aged(lock(uploaded(3)), WEEK, None, days=None, today=TODAY).explain().splitlines() == [
        "violated: dependencies.aged",
        "  examined: 1 dependency, from uv.lock",
        "  - django 4.2 is 3 days old, younger than 7 days (uploaded on 2026-11-20) (uv.lock:3) [too-young]",
        "    fix: take an older release, or wait until 2026-11-27",
    ]


def test_an_upload_in_the_future_is_violated(lock: Lock, rules: Rules) -> None:
    verdict = aged(lock(uploaded(-2, 400)), WEEK, None, days=None, today=TODAY)
    assert rules(verdict) == [("violated", "future-upload", "django 4.2")]
    assert verdict.summary == "django 4.2 was uploaded on 2026-11-25, which is in the future"


@pytest.mark.parametrize(
    ("dependency", "said"),
    [
        (Dependency("django", "4.2"), "no source tells the upload time"),
        (uploaded(None), "no source tells the upload time"),
        (uploaded(400, None), "no source tells the upload time of 1 of 2 files"),
        (Dependency("t", origin=Origin(OriginKind.VCS, "https://code.example/t", "", "5e" * 20)), "no source tells"),
    ],
)
def test_an_unknown_upload_time_is_unverified(lock: Lock, dependency: Dependency, said: str) -> None:
    verdict = aged(lock(dependency), WEEK, None, days=None, today=TODAY)
    assert verdict.status is Status.UNVERIFIED
    assert said in verdict.summary
    assert verdict.findings[0].fix == "lock with a tool that writes upload times (uv), or give `index_data`"


def test_index_data_fills_the_times_that_the_lock_file_lacks(lock: Lock, rules: Rules) -> None:
    old, young = datetime(2020, 1, 1, tzinfo=UTC), datetime(2026, 11, 22, tzinfo=UTC)
    graph = lock(uploaded(400, None))
    assert aged(graph, WEEK, index_of(django_1=old), days=None, today=TODAY).status is Status.MET
    assert rules(aged(graph, WEEK, index_of(django_1=young), days=None, today=TODAY)) == [
        ("violated", "too-young", "django 4.2")
    ]
    # A file that came later and is not locked cannot be installed.
    assert aged(graph, WEEK, index_of(django_1=old, other=young), days=None, today=TODAY).status is Status.MET


def test_index_data_serves_a_dependency_without_files(lock: Lock) -> None:
    plain = lock(Dependency("django", "4.2.0"), name="environment")
    data = IndexData({"django": IndexProject(releases={"4.2.0": (IndexFile("", datetime(2020, 1, 1, tzinfo=UTC)),)})})
    assert aged(plain, WEEK, data, days=None, today=TODAY).status is Status.MET


def test_index_data_says_nothing_about_what_comes_from_elsewhere(lock: Lock) -> None:
    elsewhere = Dependency("django", "4.2", origin=Origin(OriginKind.URL, "https://files.example/django-4.2.zip"))
    data = index_of(django=datetime(2020, 1, 1, tzinfo=UTC))
    assert aged(lock(elsewhere), WEEK, data, days=None, today=TODAY).status is Status.UNVERIFIED


@pytest.mark.parametrize(
    ("asked", "policy_days", "status"), [(3, 7, Status.VIOLATED), (7, 3, Status.VIOLATED), (4, 5, Status.MET)]
)
def test_the_larger_of_argument_and_policy_counts(lock: Lock, asked: int, policy_days: int, status: Status) -> None:
    verdict = aged(lock(uploaded(5)), CooldownPolicy(days=policy_days), None, days=asked, today=TODAY)
    assert verdict.status is status


def test_without_a_number_of_days_nothing_is_asked(lock: Lock) -> None:
    verdict = aged(lock(uploaded(400)), CooldownPolicy(), None, days=None, today=TODAY)
    assert verdict.status is Status.UNVERIFIED
    assert verdict.summary == "nobody says how old a release must be"
    with pytest.raises(UsageError, match="asks for nothing"):
        aged(lock(uploaded(400)), WEEK, None, days=0, today=TODAY)


def test_exceptions_and_paths_are_not_counted_but_told(lock: Lock, policy: Decode) -> None:
    text = '[cooldown]\ndays = 7\nexcept = [{name = "django", versions = "==4.2", reason = "fixes a hole"}]'
    local = Dependency("app", "1", origin=Origin(OriginKind.EDITABLE, "."))
    verdict = aged(
        lock(uploaded(1), uploaded(400, name="flask"), local), policy(text).cooldown, None, days=None, today=TODAY
    )
    assert verdict.status is Status.MET
    assert verdict.examined["dependencies"] == 1
    assert verdict.evidence["excepted"] == {"django 4.2": "fixes a hole"}
    assert verdict.evidence["local"] == ["app 1"]
    alone = aged(lock(uploaded(1)), policy(text).cooldown, None, days=None, today=TODAY)
    assert alone.status is Status.UNVERIFIED
    other = Dependency("django", "4.2.1", artifacts=uploaded(1).artifacts)
    assert aged(lock(other), policy(text).cooldown, None, days=None, today=TODAY).status is Status.VIOLATED


def test_days_are_counted_in_utc_whatever_the_offset_of_an_upload(lock: Lock) -> None:
    late = datetime(2026, 11, 16, 23, 30, tzinfo=timezone(timedelta(hours=-5)))  # the 17th in UTC
    dependency = Dependency("django", "4.2", artifacts=(Artifact("django.whl", uploaded=late),))
    assert aged(lock(dependency), WEEK, None, days=None, today=TODAY).status is Status.VIOLATED


def test_unreadable_index_data_keeps_it_from_being_met(lock: Lock, rules: Rules) -> None:
    broken = Finding("unreadable-index-data", "index.json", "is not JSON", status=Status.UNVERIFIED)
    verdict = aged(lock(uploaded(400)), WEEK, IndexData(problems=(broken,)), days=None, today=TODAY)
    assert rules(verdict) == [("unverified", "unreadable-index-data", "index.json")]


def test_nothing_to_look_at_and_half_read_sources_are_unverified(lock: Lock, half_read: Graph) -> None:
    nothing = aged(lock(), WEEK, None, days=None, today=TODAY)
    assert nothing.summary == "dependencies.aged examined nothing: there is no dependency in uv.lock"
    assert nothing.status is Status.UNVERIFIED
    half = aged(half_read, WEEK, None, days=None, today=TODAY)
    assert "unreadable-source" in [found.rule for found in half.findings]


def test_mistakes_in_the_table_are_told(policy: Decode) -> None:
    with pytest.raises(PolicyError) as caught:
        policy('[cooldown]\ndays = 0\nexcept = ["django", {name = "flask", reason = " "}]')
    place = "tool.devsecops.dependencies.cooldown"
    assert caught.value.problems == (
        f"{place}.days: must be at least 1, not 0",
        f"{place}.except[0].reason: is missing",
        f"{place}.except[1].reason: must not be empty",
    )
