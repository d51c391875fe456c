from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime

import pytest

from pytest_devsecops.core.errors import PolicyError
from pytest_devsecops.core.findings import Finding, Location, Status
from pytest_devsecops.core.verdict import Verdict
from pytest_devsecops.dependencies.checks.current import CurrencyPolicy, current
from pytest_devsecops.dependencies.index_data import IndexData, IndexFile, IndexProject
from pytest_devsecops.dependencies.model import Artifact, Dependency, Graph, Origin, OriginKind
from pytest_devsecops.dependencies.section import DependencyPolicy

Decode = Callable[[str], DependencyPolicy]
Lock = Callable[..., Graph]
Rules = Callable[[Verdict], list[tuple[str, str, str]]]

TODAY = date(2026, 11, 23)
YEAR = 365 * 86400.0
DJANGO = Dependency("django", "4.2", artifacts=(Artifact("django-4.2.whl"),), location=Location("uv.lock", 3))
POLICY = CurrencyPolicy()


def data_of(
    status: str | None = "active",
    reason: str = "",
    *,
    yanked: str | bool | None = False,
    uploaded: datetime | None = datetime(2026, 1, 1, tzinfo=UTC),
    as_of: date | None = date(2026, 11, 20),
) -> IndexData:
    release = {
        "4.2": (IndexFile("django-4.2.whl", uploaded, yanked), IndexFile("django-4.2.zip", uploaded, yanked=False))
    }
    return IndexData({"django": IndexProject(status, reason, release)}, as_of=as_of)


def test_a_living_project_with_an_offered_release_is_met(lock: Lock) -> None:
    verdict = current(lock(DJANGO), POLICY, data_of(), max_age=YEAR, today=TODAY)
    assert verdict.status is Status.MET
    assert verdict.summary == "1 dependency from uv.lock is current"
    assert verdict.evidence["looked_at"] == ["status", "yanked", "age"]
    assert verdict.evidence["index_data"] == {"files": [], "projects": 1, "as_of": "2026-11-20"}


@pytest.mark.parametrize(
    ("data", "rule", "message"),
    [
        (data_of(yanked="breaks pickle"), "yanked", "django 4.2 is yanked: breaks pickle"),
        (data_of(yanked=""), "yanked", "django 4.2 is yanked"),
        (data_of("archived"), "archived", "django 4.2 is archived: no release will follow"),
        (
            data_of("quarantined", "malware"),
            "quarantined",
            "django 4.2 is quarantined: its index considers it unsafe (malware)",
        ),
        (data_of("deprecated", "use x"), "deprecated", "django 4.2 is deprecated by its authors (use x)"),
        (
            data_of(uploaded=datetime(2024, 11, 22, tzinfo=UTC)),
            "outdated",
            "django 4.2 was uploaded on 2024-11-22, more than 365d ago",
        ),
        (
            data_of(uploaded=datetime(2026, 11, 24, tzinfo=UTC)),
            "future-upload",
            "django 4.2 was uploaded on 2026-11-24, which is in the future",
        ),
    ],
)
def test_what_is_not_current_is_violated(lock: Lock, data: IndexData, rule: str, message: str) -> None:
    verdict = current(lock(DJANGO), POLICY, data, max_age=YEAR, today=TODAY)
    assert verdict.status is Status.VIOLATED
    assert [(found.rule, found.message) for found in verdict.findings] == [(rule, message)]


def test_the_user_reads_the_reason_and_the_remedy(lock: Lock) -> None:
    verdict = current(lock(DJANGO), POLICY, data_of(yanked="breaks pickle"), max_age=None, today=TODAY)
    assert verdict.explain().splitlines() == [
        "violated: dependencies.current",
        "  examined: 1 dependency, from uv.lock",
        "  - django 4.2 is yanked: breaks pickle (uv.lock:3) [yanked]",
        "    fix: take a release that is not",
    ]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (IndexData(), "whether it is yanked and its project's status and its age"),
        (data_of(None), "its project's status"),
        (data_of("sleeping"), "what its project's status 'sleeping' means"),
        (data_of(yanked=None), "whether it is yanked"),
        (data_of(uploaded=None), "its age"),
    ],
)
def test_what_no_data_tells_is_unverified(lock: Lock, data: IndexData, said: str) -> None:
    verdict = current(lock(DJANGO), POLICY, data, max_age=YEAR, today=TODAY)
    assert verdict.status is Status.UNVERIFIED
    assert [found.message for found in verdict.findings] == [f"django 4.2 has no data about {said}"]
    assert verdict.findings[0].fix == "add django to the index data, or except it with a reason"


def test_a_locked_file_that_the_data_does_not_have_is_unverified(lock: Lock, rules: Rules) -> None:
    another = Dependency("django", "4.2", artifacts=(*DJANGO.artifacts, Artifact("django-4.2-cp311.whl")))
    assert rules(current(lock(another), POLICY, data_of(), max_age=None, today=TODAY)) == [
        ("unverified", "currency-unknown", "django 4.2")
    ]


def test_only_the_locked_files_of_a_release_count_as_yanked(lock: Lock) -> None:
    source = Dependency("django", "4.2", artifacts=(Artifact("django-4.2.zip"),))
    assert current(lock(source), POLICY, data_of(yanked="bad wheel"), max_age=None, today=TODAY).status is Status.MET
    unlisted = Dependency("django", "4.2")
    verdict = current(lock(unlisted), POLICY, data_of(yanked="bad wheel"), max_age=None, today=TODAY)
    assert verdict.status is Status.VIOLATED


def test_without_index_data_one_finding_says_what_is_missing(lock: Lock) -> None:
    verdict = current(lock(DJANGO, Dependency("flask", "3")), POLICY, None, max_age=None, today=TODAY)
    assert verdict.status is Status.UNVERIFIED
    assert verdict.explain().splitlines()[2:] == [
        "  ? without index data nothing tells what is yanked or archived, quarantined or deprecated [no-index-data]",
        "    fix: give `index_data` in [tool.devsecops.dependencies], or leave them out of currency.look_at",
    ]


def test_a_lock_file_alone_can_tell_yanks_and_age(lock: Lock, policy: Decode, rules: Rules) -> None:
    only_age = policy('[currency]\nlook_at = []\nmax_age = "52w"').currency
    young = Dependency("a", "1", artifacts=(Artifact("a.whl", uploaded=datetime(2026, 1, 1, tzinfo=UTC)),))
    old = Dependency("b", "1", artifacts=(Artifact("b.whl", uploaded=datetime(2020, 1, 1, tzinfo=UTC)),))
    assert current(lock(young), only_age, None, max_age=None, today=TODAY).status is Status.MET
    assert rules(current(lock(young, old), only_age, None, max_age=None, today=TODAY)) == [
        ("violated", "outdated", "b 1")
    ]
    withdrawn = Dependency("c", "1", yanked="")
    assert rules(current(lock(withdrawn), POLICY, None, max_age=None, today=TODAY))[0] == ("violated", "yanked", "c 1")


def test_the_smaller_of_argument_and_policy_counts(lock: Lock) -> None:
    data = data_of(uploaded=datetime(2025, 11, 23, tzinfo=UTC))
    lax, strict = CurrencyPolicy(max_age=9 * YEAR), CurrencyPolicy(max_age=YEAR / 2)
    assert current(lock(DJANGO), lax, data, max_age=2 * YEAR, today=TODAY).status is Status.MET
    assert current(lock(DJANGO), lax, data, max_age=YEAR / 2, today=TODAY).status is Status.VIOLATED
    assert current(lock(DJANGO), strict, data, max_age=2 * YEAR, today=TODAY).status is Status.VIOLATED


@pytest.mark.parametrize(
    ("as_of", "rule"),
    [
        (date(2026, 11, 1), None),
        (date(2026, 10, 1), "old-index-data"),
        (None, "index-data-age-unknown"),
        (date(2026, 11, 24), "future-index-data"),
    ],
)
def test_old_index_data_is_not_believed(lock: Lock, policy: Decode, as_of: date | None, rule: str | None) -> None:
    wanted = policy('[currency]\nmax_data_age = "30d"').currency
    verdict = current(lock(DJANGO), wanted, data_of(as_of=as_of), max_age=None, today=TODAY)
    assert [found.rule for found in verdict.findings] == ([rule] if rule else [])
    assert verdict.status is (Status.UNVERIFIED if rule else Status.MET)


@pytest.mark.parametrize(("day", "status"), [(23, Status.MET), (22, Status.VIOLATED)])
def test_a_release_may_be_exactly_as_old_as_the_limit(lock: Lock, day: int, status: Status) -> None:
    data = data_of(uploaded=datetime(2025, 11, day, 23, 59, tzinfo=UTC))
    assert current(lock(DJANGO), POLICY, data, max_age=YEAR, today=TODAY).status is status


def test_statuses_can_be_accepted_and_dependencies_excepted(lock: Lock, policy: Decode) -> None:
    accepting = policy('[currency]\naccept = ["deprecated"]').currency
    assert current(lock(DJANGO), accepting, data_of("deprecated"), max_age=None, today=TODAY).status is Status.MET
    excepting = policy('[currency]\nexcept = [{name = "six", reason = "finished"}]').currency
    verdict = current(lock(DJANGO, Dependency("six", "1")), excepting, data_of(), max_age=None, today=TODAY)
    assert verdict.status is Status.MET
    assert verdict.evidence["excepted"] == {"six 1": "finished"}
    assert verdict.examined["dependencies"] == 1


def test_looking_at_nothing_is_unverified(lock: Lock, policy: Decode) -> None:
    nothing = policy("[currency]\nlook_at = []").currency
    verdict = current(lock(DJANGO), nothing, data_of(), max_age=None, today=TODAY)
    assert verdict.status is Status.UNVERIFIED
    assert verdict.summary == "the policy looks at nothing: neither at age, yanks nor statuses"


def test_the_index_says_nothing_about_a_repository_of_the_same_name(lock: Lock) -> None:
    forked = Dependency("django", "4.2", origin=Origin(OriginKind.VCS, "https://code.example/django", "", "5e" * 20))
    for data in (data_of(), data_of("archived", yanked="broken")):
        assert current(lock(forked), POLICY, data, max_age=None, today=TODAY).status is Status.UNVERIFIED


def test_unreadable_data_nothing_and_half_read_sources_are_unverified(lock: Lock, half_read: Graph) -> None:
    broken = Finding("unreadable-index-data", "index.json", "is not JSON", status=Status.UNVERIFIED)
    data = IndexData(data_of().projects, problems=(broken,))
    assert current(lock(DJANGO), POLICY, data, max_age=None, today=TODAY).summary == "is not JSON"
    nothing = current(lock(), POLICY, data_of(), max_age=None, today=TODAY)
    assert nothing.summary == "dependencies.current examined nothing: there is no dependency in uv.lock"
    assert nothing.status is Status.UNVERIFIED
    half = current(half_read, POLICY, data_of(), max_age=None, today=TODAY)
    assert "unreadable-source" in [found.rule for found in half.findings]


def test_mistakes_in_the_table_are_told(policy: Decode) -> None:
    with pytest.raises(PolicyError) as caught:
        policy('[currency]\nmax_age = "2y"\nlook_at = ["yank"]\naccept = ["active"]')
    place = "tool.devsecops.dependencies.currency"
    assert caught.value.problems == (
        f"{place}.max_age: '2y' is not a duration; write for example '30m', '25h' or '7d'",
        f"{place}.look_at: 'yank' is not one of yanked, status; did you mean 'yanked'?",
        f"{place}.accept: 'active' is not one of archived, quarantined, deprecated; did you mean 'archived'?",
    )
