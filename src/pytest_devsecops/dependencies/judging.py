"""What the checks on a graph share: one verdict from a judgement of each dependency.

A check is a pure function ``(graph, policy) -> Verdict``. Most judge one dependency at a time; they
hand that judgement to ``judge_each`` and get counting, grouping, order and evidence the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from pytest_devsecops.core.findings import WORST_FIRST, Finding, Status
from pytest_devsecops.core.text import counted
from pytest_devsecops.core.verdict import NOTHING_EXAMINED, Verdict
from pytest_devsecops.dependencies.model import Dependency, Graph


def judge_each(
    check: str,
    graph: Graph,
    judge: Callable[[Dependency], Iterable[Finding]],
    *,
    met: str,
    applies: Callable[[Dependency], bool] = lambda _: True,
    findings: Iterable[Finding] = (),
    examined: Mapping[str, int | str | list[str]] | None = None,
    evidence: Mapping[str, Any] | None = None,
) -> Verdict:
    """Return the verdict of a check that looks at every dependency of ``graph`` by itself.

    Args:
        check: the check's name, such as ``dependencies.allowed``.
        graph: what the sources say; its problems become findings of the verdict.
        judge: what is wrong with one dependency; nothing if it is in order.
        met: the end of the sentence "143 dependencies from uv.lock …" for a verdict that is met; it
            begins with a verb in the plural.
        applies: whether the check has anything to say about a dependency; others are neither judged
            nor counted, and a graph in which it applies to none is unverified.
        findings: what is wrong with the graph as a whole.
        examined: what else was looked at, besides the dependencies and their sources.
        evidence: what else an auditor may ask for, besides the sources.
    """
    judged = graph.only(filter(applies, graph.dependencies))
    number = len(subjects(judged))
    seen: dict[str, int | str | list[str]] = {"dependencies": number, **(examined or {}), "from": graph.place}
    found = [*findings, *(one for dependency in judged.dependencies for one in judge(dependency))]
    return Verdict(
        check,
        in_order([*found, *graph.problems, *_nothing(check, graph, number)]),
        examined=seen,
        summary=f"{counted(number, 'dependency', 'dependencies')} from {graph.place} {_agreeing(met, number)}",
        evidence={"sources": source_evidence(graph), **(evidence or {})},
    )


def subjects(graph: Graph) -> list[Dependency]:
    """Return one dependency for each that differs in name, version, origin or marker.

    Two sources that state the same dependency count once.
    """
    kept: dict[tuple[object, ...], Dependency] = {}
    for one in graph.dependencies:
        kept.setdefault((one.name, one.version, one.specifier, one.origin, one.marker), one)
    return list(kept.values())


def in_order(findings: Iterable[Finding]) -> list[Finding]:
    """Return ``findings`` with the violated ones first and those that say the same joined.

    Two findings that differ in their place only become one, which has the first place as its
    location and all of them as ``places`` in its detail.
    """
    groups: dict[tuple[object, ...], list[Finding]] = {}
    for found in findings:
        groups.setdefault((found.rule, found.subject, found.status, found.message), []).append(found)
    joined = [_join(group) for group in groups.values()]
    return sorted(joined, key=lambda found: WORST_FIRST.index(found.status))


def source_evidence(graph: Graph) -> list[dict[str, Any]]:
    """Return what was read, as evidence: name, format, kind, digest and count of each source."""
    return [
        {
            "name": source.name,
            "format": source.format,
            "kind": str(source.kind),
            "sha256": source.sha256,
            "dependencies": source.count,
        }
        for source in graph.sources
    ]


class Paths:
    """How each dependency of a graph comes in: the shortest way down from one that the project asks for.

    Args:
        graph: the graph; it is walked at the first question, once.
    """

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._parent: dict[str, str | None] | None = None

    def to(self, name: str) -> tuple[str, ...]:
        """Return names from a direct dependency down to ``name``; ``(name,)`` if it is direct or unreachable."""
        if self._parent is None:
            self._parent = _shortest_parents(self._graph)
        path = [name]
        while (parent := self._parent.get(path[0])) is not None:
            path.insert(0, parent)
        return tuple(path)

    def why(self, name: str) -> str:
        """Return how ``name`` comes in as the end of a sentence; empty if the project asks for it itself."""
        path = self.to(name)
        return f" (needed by {' -> '.join(path[:-1])})" if len(path) > 1 else ""

    def removal(self, name: str) -> str:
        """Return what to do to be rid of ``name``."""
        path = self.to(name)
        return f"remove {path[0]}, which brings it in" if len(path) > 1 else "remove it"


def _shortest_parents(graph: Graph) -> dict[str, str | None]:
    """Return the parent of each name on its shortest way down; None for one that is direct."""
    children: dict[str, list[str]] = {}
    for dependency in graph.dependencies:
        for parent in dependency.parents:
            children.setdefault(parent, []).append(dependency.name)
    found: dict[str, str | None] = {one.name: None for one in graph.dependencies if one.direct}
    waiting = sorted(found)
    for name in waiting:  # grows while it is walked: breadth first
        for child in sorted(children.get(name, ())):
            if child not in found:
                found[child] = name
                waiting.append(child)
    return found


def _agreeing(predicate: str, number: int) -> str:
    verb, space, rest = predicate.partition(" ")
    return {"are": "is", "have": "has"}.get(verb, f"{verb}s") + space + rest if number == 1 else predicate


def _join(group: list[Finding]) -> Finding:
    first = group[0]
    places = dict.fromkeys(str(found.location) for found in group if found.location)
    if len(places) < 2:  # noqa: PLR2004 - one place is the finding's own location
        return first
    return replace(first, detail={**first.detail, "places": list(places)})


def _nothing(check: str, graph: Graph, judged: int) -> list[Finding]:
    """Say what was read, where the bare fact that nothing was examined would leave the reader puzzled."""
    if judged or graph.problems:
        return []
    number = counted(len(graph.dependencies), "dependency", "dependencies")
    why = f"it applies to none of {number} from" if graph.dependencies else "there is no dependency in"
    return [
        Finding(
            NOTHING_EXAMINED,
            check,
            f"{check} examined nothing: {why} {graph.place}",
            fix="name its sources with `sources` in [tool.devsecops.dependencies], or remove the requirement",
            status=Status.UNVERIFIED,
        )
    ]
