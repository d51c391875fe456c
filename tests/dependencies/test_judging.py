from __future__ import annotations

import pytest

from pytest_devsecops.core.findings import Finding, Location, Status
from pytest_devsecops.dependencies.judging import Paths, in_order, judge_each, subjects
from pytest_devsecops.dependencies.model import Dependency, Graph, Origin, OriginKind, SourceKind, SourceRead

LOCK = SourceRead("uv.lock", "uv.lock", SourceKind.LOCK)


def test_subjects_differ_by_name_version_origin_and_marker() -> None:
    index = Origin(OriginKind.INDEX, "https://index.example/simple")
    same = [Dependency("a", "1", origin=index, location=Location(place)) for place in ("uv.lock", "poetry.lock")]
    others = [
        Dependency("a", "2", origin=index),
        Dependency("a", "1"),
        Dependency("a", "1", origin=index, marker="os_name == 'nt'"),
        Dependency("a", None, ">=1", origin=index),
    ]
    assert subjects(Graph((*same, *others))) == [same[0], *others]


def test_findings_that_say_the_same_are_joined_and_others_are_not() -> None:
    here, there = Location("uv.lock", 3), Location("poetry.lock", 9)
    found = in_order(
        [
            Finding("rule", "a 1", "is wrong", location=here, detail={"x": 1}),
            Finding("rule", "a 1", "is wrong", location=there),
            Finding("rule", "a 1", "is wrong otherwise", location=there),
            Finding("other", "a 1", "is wrong", location=there),
        ]
    )
    assert [(one.rule, one.message, one.location) for one in found] == [
        ("rule", "is wrong", here),
        ("rule", "is wrong otherwise", there),
        ("other", "is wrong", there),
    ]
    assert found[0].detail == {"x": 1, "places": ["uv.lock:3", "poetry.lock:9"]}
    assert "places" not in found[1].detail


def test_what_is_violated_comes_first_and_the_order_is_kept_otherwise() -> None:
    found = [
        Finding("r", "b", "b", status=Status.UNVERIFIED),
        Finding("r", "c", "c"),
        Finding("r", "a", "a", status=Status.UNVERIFIED),
        Finding("r", "d", "d"),
    ]
    assert [one.subject for one in in_order(found)] == ["c", "d", "b", "a"]


def test_a_path_is_the_shortest_way_from_what_the_project_asks_for() -> None:
    graph = Graph(
        (
            Dependency("app", "1", direct=True),
            Dependency("lib", "1", direct=True),
            Dependency("long", "1", parents=("app",)),
            Dependency("deep", "1", parents=("long", "lib")),
            Dependency("loop-a", "1", parents=("loop-b",)),
            Dependency("loop-b", "1", parents=("loop-a",)),
        )
    )
    paths = Paths(graph)
    assert paths.to("deep") == ("lib", "deep")
    assert paths.to("app") == ("app",)
    assert paths.to("loop-a") == ("loop-a",)
    assert paths.to("nowhere") == ("nowhere",)
    assert paths.why("deep") == " (needed by lib)"
    assert paths.why("app") == ""
    assert paths.removal("deep") == "remove lib, which brings it in"
    assert paths.removal("app") == "remove it"


@pytest.mark.parametrize(
    ("number", "met", "summary"),
    [
        (1, "are fine", "1 dependency from uv.lock is fine"),
        (2, "are fine", "2 dependencies from uv.lock are fine"),
        (1, "have hashes", "1 dependency from uv.lock has hashes"),
        (1, "come from here", "1 dependency from uv.lock comes from here"),
    ],
)
def test_the_summary_agrees_with_the_number(number: int, met: str, summary: str) -> None:
    graph = Graph(tuple(Dependency(f"d{index}", "1") for index in range(number)), (LOCK,))
    assert judge_each("check", graph, lambda _: (), met=met).summary == summary


def test_what_a_check_does_not_apply_to_is_not_counted() -> None:
    graph = Graph((Dependency("a", "1"), Dependency("b", "1")), (LOCK,))
    one = judge_each("check", graph, lambda _: (), met="are fine", applies=lambda dependency: dependency.name == "a")
    assert one.examined["dependencies"] == 1
    assert one.status is Status.MET
    none = judge_each("check", graph, lambda _: (), met="are fine", applies=lambda _: False)
    assert none.status is Status.UNVERIFIED
    assert none.summary == "check examined nothing: it applies to none of 2 dependencies from uv.lock"


def test_two_lock_files_are_both_named() -> None:
    other = SourceRead("poetry.lock", "poetry.lock", SourceKind.LOCK)
    verdict = judge_each("check", Graph((Dependency("a", "1"),), (LOCK, other)), lambda _: (), met="are fine")
    assert verdict.examined["from"] == "uv.lock, poetry.lock"
    assert [source["name"] for source in verdict.evidence["sources"]] == ["uv.lock", "poetry.lock"]
