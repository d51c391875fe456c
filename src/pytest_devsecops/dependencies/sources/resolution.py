"""What the edges of a lock file say of each package: groups, parents, markers, extras asked for.

A package is a number, its place in the file, because one name can occur with several versions. An
extra of a package brings further edges, so what is walked are pairs of a package and an extra; the
extra ``""`` is the package itself. Every function takes time in proportion to packages and edges
(once per group).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from pytest_devsecops.dependencies.sources.markers import all_markers, any_marker

#: How many different paths to one package keep their markers apart. Beyond, it counts as needed always.
_MOST_TERMS = 12

#: The markers on one path, all of which must hold; on any path at all, one of several such sets.
Term = frozenset[str]
_ALWAYS: frozenset[Term] = frozenset({frozenset()})


@dataclass(frozen=True, slots=True)
class Edge:
    """One package needs another.

    Attributes:
        target: the number of the package that is needed.
        extras: the extras of it that are needed.
        marker: the environments in which it is needed; empty for all.
    """

    target: int
    extras: tuple[str, ...] = ()
    marker: str = ""


@dataclass(frozen=True, slots=True)
class Node:
    """One package of a lock file.

    Attributes:
        name: its normalised name.
        edges: what it needs, by extra; ``""`` is what it needs in any case.
        own: whether it is the project itself or a member of its workspace.
    """

    name: str
    edges: Mapping[str, Sequence[Edge]]
    own: bool = False


@dataclass(frozen=True, slots=True)
class Placed:
    """What the edges say of one package.

    Attributes:
        groups: the groups that reach it; empty if none does.
        parents: names of the packages that need it, the project's own left out.
        direct: whether the project asks for it; None if nothing that is known reaches it.
        extras: the extras of it that are asked for.
        marker: where it is needed; empty for everywhere.
    """

    groups: frozenset[str]
    parents: tuple[str, ...]
    direct: bool | None
    extras: frozenset[str]
    marker: str


_State = tuple[int, str]


def place(nodes: Sequence[Node], roots: Mapping[str, Sequence[Edge]]) -> list[Placed]:
    """Return what the edges say of each of ``nodes``.

    Args:
        nodes: the packages; an edge's target is a place in this list.
        roots: what the project asks for, by group.
    """
    following = {
        (number, extra): list(_states(edges))
        for number, node in enumerate(nodes)
        for extra, edges in node.edges.items()
    }
    groups: list[set[str]] = [set() for _ in nodes]
    direct = {edge.target for edges in roots.values() for edge in edges}
    reached: set[_State] = {(number, "") for number, node in enumerate(nodes) if not node.own}
    for group, edges in roots.items():
        for state in _closure(following, _states(edges)):
            groups[state[0]].add(group)
            reached.add(state)
    reached.update(_closure(following, reached))
    parents: list[dict[str, None]] = [{} for _ in nodes]
    extras: list[set[str]] = [set() for _ in nodes]
    for number, extra in sorted(reached):
        if extra:
            extras[number].add(extra)
        for edge in nodes[number].edges.get(extra, ()):
            if nodes[number].own:
                direct.add(edge.target)
            elif edge.target != number:
                parents[edge.target][nodes[number].name] = None
    markers = _markers(nodes, roots, reached)
    return [
        Placed(
            frozenset(groups[number]),
            tuple(parents[number]),
            number in direct if groups[number] else None,
            frozenset(extras[number]),
            markers[number],
        )
        for number in range(len(nodes))
    ]


def _states(edges: Iterable[Edge]) -> Iterator[_State]:
    for edge in edges:
        yield edge.target, ""
        for extra in edge.extras:
            yield edge.target, extra


def _closure(following: Mapping[_State, list[_State]], start: Iterable[_State]) -> set[_State]:
    waiting, seen = list(start), set[_State]()
    while waiting:
        state = waiting.pop()
        if state not in seen:
            seen.add(state)
            waiting.extend(following.get(state, ()))
    return seen


def _markers(nodes: Sequence[Node], roots: Mapping[str, Sequence[Edge]], reached: set[_State]) -> list[str]:
    """Return where each package is needed: in the environments of at least one path from a root.

    The first walk settles what is needed everywhere, so that the second has little left to do.
    """
    leaving: list[list[Edge]] = [[] for _ in nodes]
    for number, extra in sorted(reached):
        leaving[number].extend(nodes[number].edges.get(extra, ()))
    terms: list[frozenset[Term]] = [frozenset() for _ in nodes]
    asked = [edge for edges in roots.values() for edge in edges]
    waiting: deque[int] = deque()
    for always in (True, False):
        for edge in asked:
            _widen(terms, waiting, edge, _ALWAYS, unconditional=always)
        if not always:
            waiting.extend(number for number, known in enumerate(terms) if known)
        while waiting:
            number = waiting.popleft()
            for edge in leaving[number]:
                _widen(terms, waiting, edge, terms[number], unconditional=always)
    return [any_marker(sorted(all_markers(sorted(term)) for term in known)) if known else "" for known in terms]


def _widen(
    terms: list[frozenset[Term]],
    waiting: deque[int],
    edge: Edge,
    source: frozenset[Term],
    *,
    unconditional: bool,
) -> None:
    known = terms[edge.target]
    if known == _ALWAYS or (unconditional and edge.marker):
        return
    added = frozenset(term | {edge.marker} for term in source) if edge.marker else source
    if added <= known:
        return
    # A path whose markers include all those of another adds nothing to it.
    candidates = known | added
    kept = frozenset(term for term in candidates if not any(other < term for other in candidates))
    if len(kept) > _MOST_TERMS:
        kept = _ALWAYS
    if kept != known:
        terms[edge.target] = kept
        waiting.append(edge.target)
