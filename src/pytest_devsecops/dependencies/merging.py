"""How the graphs of several sources come together, and how parts of a graph are taken."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from packaging.utils import canonicalize_name

from pytest_devsecops.core.findings import Finding, Status
from pytest_devsecops.core.text import counted, did_you_mean
from pytest_devsecops.dependencies.model import Graph, SourceKind

#: The rule of the finding for a source that is asked for or looked for, and not there.
MISSING_SOURCE = "missing-source"


def of_kinds(graph: Graph, kinds: Collection[SourceKind]) -> Graph:
    """Return the part of ``graph`` that comes from sources of ``kinds``, with all its problems."""
    kept = tuple(source for source in graph.sources if source.kind in kinds)
    dropped = {source.name for source in graph.sources} - {source.name for source in kept}
    return replace(
        graph,
        dependencies=tuple(one for one in graph.dependencies if one.source not in dropped),
        sources=kept,
        options=tuple(one for one in graph.options if one.source not in dropped),
    )


def only_groups(graph: Graph, groups: Sequence[str]) -> Graph:
    """Return the part of ``graph`` that belongs to ``groups``; all of it if there is none.

    A group that no source has, and a source that has dependencies but none in the groups, are
    problems: either would leave something unexamined in silence.
    """
    if not groups:
        return graph
    wanted = {normalised_group(name): name for name in groups}
    found = {normalised_group(name): name for one in graph.dependencies for name in one.groups}
    kept = [
        one
        for one in graph.dependencies
        # Of one without a group nobody knows that it may be left out.
        if not one.groups or any(normalised_group(name) in wanted for name in one.groups)
    ]
    problems = [
        missing_source(
            name,
            f"no dependency from {graph.place} belongs to the group {name!r}; {did_you_mean(name, found.values())}",
            "correct `groups` in [tool.devsecops.dependencies]",
        )
        for key, name in wanted.items()
        if key not in found
    ]
    left = {one.source for one in kept}
    for source in dict.fromkeys(one.source for one in graph.dependencies):
        if source not in left:
            number = counted(sum(one.source == source for one in graph.dependencies), "dependency", "dependencies")
            message = f"{source} has {number}, and none belongs to {', '.join(groups)}"
            fix = "leave the source out of `sources`, or the filter `groups`, in [tool.devsecops.dependencies]"
            problems.append(missing_source(source, message, fix))
    return replace(graph.only(kept), problems=(*graph.problems, *problems))


def normalised_group(name: str) -> str:
    """Return the normalised name of a group (PEP 735), or of an extra as ``extra:NAME`` (PEP 685)."""
    return ":".join(canonicalize_name(part) for part in name.split(":"))


def includes(graph: Graph, name: str) -> bool:
    """Tell whether another source of ``graph`` pulled in the source called ``name``."""
    return any(source.name == name and source.included_by for source in graph.sources)


def joined(graphs: Sequence[Graph]) -> Graph:
    """Return the sum of ``graphs`` in which whatever two of them include stands once."""
    if len(graphs) == 1:
        return graphs[0]
    whole = sum(graphs, Graph())
    return Graph(
        tuple(dict.fromkeys(whole.dependencies)),
        tuple({source.name: source for source in whole.sources}.values()),
        whole.problems,
        tuple(dict.fromkeys(whole.options)),
    )


def missing_source(subject: str, message: str, fix: str) -> Finding:
    """Return the finding for something that was asked for and is not there."""
    return Finding(MISSING_SOURCE, subject, message, fix=fix, status=Status.UNVERIFIED)
