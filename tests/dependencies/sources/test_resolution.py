from __future__ import annotations

import time

import pytest

from pytest_devsecops.dependencies.sources.resolution import Edge, Node, Placed, place


def chain(*edges: list[Edge], own: int = -1) -> list[Node]:
    return [Node(f"p{number}", {"": one}, own=number == own) for number, one in enumerate(edges)]


def test_groups_parents_and_directness_follow_the_edges() -> None:
    nodes = chain([Edge(1)], [Edge(2)], [], [])

    placed = place(nodes, {"main": [Edge(0)], "dev": [Edge(1)]})

    assert placed == [
        Placed(frozenset({"main"}), (), direct=True, extras=frozenset(), marker=""),
        Placed(frozenset({"main", "dev"}), ("p0",), direct=True, extras=frozenset(), marker=""),
        Placed(frozenset({"main", "dev"}), ("p1",), direct=False, extras=frozenset(), marker=""),
        Placed(frozenset(), (), direct=None, extras=frozenset(), marker=""),
    ]


def test_circles_end() -> None:
    placed = place(chain([Edge(1)], [Edge(0)]), {"main": [Edge(0)]})

    assert [one.parents for one in placed] == [("p1",), ("p0",)]
    assert {one.groups for one in placed} == {frozenset({"main"})}


def test_edges_of_an_extra_count_only_if_it_is_asked_for() -> None:
    nodes = [Node("p0", {"": [], "x": [Edge(1)], "y": [Edge(2)]}), Node("p1", {"": []}), Node("p2", {"": []})]

    placed = place(nodes, {"main": [Edge(0, ("x",))]})

    assert [(sorted(one.groups), one.parents) for one in placed] == [(["main"], ()), (["main"], ("p0",)), ([], ())]
    assert placed[0].extras == {"x"}


def test_what_members_need_is_direct_and_they_are_nobodys_parents() -> None:
    nodes = chain([Edge(1)], [Edge(2)], [], own=1)

    placed = place(nodes, {"main": [Edge(0)]})

    assert (placed[2].direct, placed[2].parents) == (True, ())


@pytest.mark.parametrize(
    ("edges", "marker"),
    [
        ([Edge(0, marker="a")], "a"),
        ([Edge(0, marker="a"), Edge(0, marker="b")], "(a) or (b)"),
        ([Edge(0, marker="a"), Edge(0)], ""),
        ([Edge(1, marker="a")], "(a) and (c)"),
        ([Edge(1, marker="a"), Edge(0, marker="a")], "a"),
        ([Edge(1)], "c"),
        ([Edge(1), Edge(0, marker="c")], "c"),
    ],
)
def test_a_package_is_needed_where_one_path_to_it_holds(edges: list[Edge], marker: str) -> None:
    assert place(chain([], [Edge(0, marker="c")]), {"main": edges})[0].marker == marker


def test_too_many_ways_to_need_a_package_count_as_always() -> None:
    edges = [Edge(0, marker=f"m{number}") for number in range(40)]

    assert place(chain([Edge(1)], []), {"main": edges})[1].marker == ""


@pytest.mark.slow
def test_time_grows_with_packages_and_edges_not_with_their_square() -> None:
    def seconds(size: int) -> float:
        nodes = chain(
            *(
                [Edge(min(size - 1, number + step), marker=f"m{number % 3}") for step in (1, 2, 7)]
                for number in range(size)
            )
        )
        roots = {f"group{number}": [Edge(number)] for number in range(5)}
        runs = []
        for _ in range(2):
            start = time.process_time()
            place(nodes, roots)
            runs.append(time.process_time() - start)
        return min(runs)

    # Ten times the packages may take ten times as long and a bit, not a hundred times.
    assert seconds(10_000) < 30 * seconds(1_000)
