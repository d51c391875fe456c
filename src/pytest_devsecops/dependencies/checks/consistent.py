"""``consistent()``: what is declared, what is locked and what is installed are the same.

At least two of the three must be there. Compared are names, versions with ranges, commits, archive
hashes, and whether the lock file was made from the declarations as they are now. Policy: the table
``[tool.devsecops.dependencies.consistent]``::

    ignore_installed = [{ name = "debugpy", reason = "on developers' machines" }]

What must be installed are the dependencies of the policy's ``groups``, or of ``main``; other groups
may be missing, but whatever is there must be the locked version. ``pip``, ``setuptools`` and
``wheel`` may always be installed, and so may the project itself and other projects below its root.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from packaging.utils import canonicalize_name

from pytest_devsecops.core.decode import TableReader
from pytest_devsecops.core.findings import Finding, Status
from pytest_devsecops.core.verdict import Verdict
from pytest_devsecops.dependencies.comparing import (
    Expected,
    declared_against_installed,
    declared_against_locked,
    locked_against_installed,
    unexpected_with_lock,
    unexpected_without_lock,
)
from pytest_devsecops.dependencies.judging import in_order, source_evidence
from pytest_devsecops.dependencies.model import Dependency, Graph, OriginKind
from pytest_devsecops.dependencies.names import normalised_pattern
from pytest_devsecops.dependencies.sources.freshness import Freshness

NAME = "dependencies.consistent"

#: What brings and builds distributions; environments have them without anybody declaring them.
_TOOLS = frozenset({"pip", "setuptools", "wheel"})
_FEWEST = 2
_ARCHIVES = (".whl", ".zip", ".tar.gz")


@dataclass(frozen=True, slots=True)
class Ignored:
    """Distributions that may be installed without being locked or declared."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class ConsistencyPolicy:
    """What may differ."""

    ignore_installed: tuple[Ignored, ...] = ()


@dataclass(frozen=True, slots=True)
class Sides:
    """What is compared.

    Attributes:
        declared: what the project asks for; no source if there is no such file.
        locked: what was resolved; likewise.
        installed: what is there; likewise.
        expected: what must be installed.
        own: names of the project itself and of others below its root.
        freshness: what the lock files say of the declarations that they were made from.
        problems: whatever could not be read.
    """

    declared: Graph
    locked: Graph
    installed: Graph
    expected: Expected
    own: frozenset[str] = frozenset()
    freshness: tuple[Freshness, ...] = ()
    problems: tuple[Finding, ...] = field(default=())

    @property
    def present(self) -> dict[str, Graph]:
        """The sides that have a source, by name."""
        sides = {"declared": self.declared, "locked": self.locked, "installed": self.installed}
        return {name: graph for name, graph in sides.items() if graph.sources}


def read_consistency_policy(reader: TableReader) -> ConsistencyPolicy:
    """Decode the table ``consistent``."""
    table = reader.table("consistent")
    ignored = []
    for entry in table.entries("ignore_installed", shorthand="name"):
        name = normalised_pattern(entry.string("name", required=True))
        ignored.append(Ignored(name, entry.string("reason", required=True)))
        entry.finish()
    table.finish()
    return ConsistencyPolicy(tuple(ignored))


def consistent(sides: Sides, policy: ConsistencyPolicy) -> Verdict:
    """Judge whether the sides say the same."""
    present = sides.present
    ignored = {one.name: reason for one in sides.installed.dependencies if (reason := _accepted(one, sides, policy))}
    optional: list[str] = []
    findings = [
        *_missing_sides(present),
        *_stale(sides.freshness),
        *_differences(sides, frozenset(ignored), optional),
        *sides.problems,
    ]
    places = "; ".join(f"{name} in {graph.place}" for name, graph in present.items())
    return Verdict(
        NAME,
        in_order(findings),
        examined={**{name: len(graph.dependencies) for name, graph in present.items()}, "from": places},
        summary=f"{' and '.join(present)} dependencies are the same: {places}",
        evidence={
            "sources": [one for graph in present.values() for one in source_evidence(graph)],
            "lock files": [
                {"lock": one.source, "declarations": one.declared_in, "fresh": one.is_fresh, "note": one.note}
                for one in sides.freshness
            ],
            "groups that must be installed": sorted(sides.expected.groups),
            "not installed, of other groups": optional,
            "installed beside them": dict(sorted(ignored.items())),
        },
    )


def _accepted(one: Dependency, sides: Sides, policy: ConsistencyPolicy) -> str:
    """Return why something may be installed that is neither locked nor declared; empty if it may not."""
    if one.name in sides.own:
        return "a project below the root"
    if one.name in _TOOLS:
        return "installs or builds distributions"
    return next((rule.reason for rule in policy.ignore_installed if fnmatchcase(one.name, rule.name)), "")


def _missing_sides(present: Mapping[str, Graph]) -> Iterator[Finding]:
    if len(present) >= _FEWEST:
        return
    missing = [name for name in ("declared", "locked", "installed") if name not in present]
    has = f"only what is {next(iter(present))} ({next(iter(present.values())).place})" if present else "nothing"
    yield Finding(
        "nothing-to-compare",
        NAME,
        f"{has} is known, and nothing to compare it with: no source says what is {' or '.join(missing)}",
        fix="name at least two of pyproject.toml or requirements, a lock file, and environment with `sources` "
        "in [tool.devsecops.dependencies]",
        status=Status.UNVERIFIED,
    )


def _stale(freshness: Sequence[Freshness]) -> Iterator[Finding]:
    for one in freshness:
        if one.is_fresh is False:
            yield Finding(
                "lock-stale",
                one.source,
                f"{one.source} was not made from {one.declared_in} as it is now: {one.note}",
                fix="lock again, and commit both files together",
            )


def _differences(sides: Sides, ignored: frozenset[str], optional: list[str]) -> Iterator[Finding]:
    present, installed = sides.present, sides.installed
    for source in sides.locked.sources:
        locked = sides.locked.only(one for one in sides.locked.dependencies if one.source == source.name)
        if "declared" in present:
            yield from declared_against_locked(sides.declared, locked, source.name, sides.expected.markers, sides.own)
        if "installed" in present:
            yield from locked_against_installed(locked, installed, sides.expected, optional)
    if "installed" not in present:
        return
    if sides.locked.sources:
        yield from unexpected_with_lock(sides.declared, sides.locked, installed, sides.expected.markers, ignored)
    else:
        yield from declared_against_installed(sides.declared, installed, sides.expected, optional)
        yield from unexpected_without_lock(sides.declared, installed, ignored)


def own_names(installed: Graph, project: str | None, root: str) -> frozenset[str]:
    """Return the names of the project itself and of those that are installed from folders below its root.

    Args:
        installed: what the environment has.
        project: the project's name, if it is known.
        root: the root folder as a ``file:`` URL.
    """
    below = {
        one.name
        for one in installed.dependencies
        if one.origin.kind in (OriginKind.EDITABLE, OriginKind.PATH)
        and f"{one.origin.url.rstrip('/')}/".startswith(f"{root.rstrip('/')}/")
        and not one.origin.url.endswith(_ARCHIVES)
    }
    return frozenset(below | ({canonicalize_name(project)} if project else set()))
