"""``licensed()``: the licence of every dependency is known and accepted.

Policy: ``[tool.devsecops.dependencies.licences]`` with the lists ``allow`` and ``deny`` of SPDX
expressions, and ``packages``, which says for single packages what their metadata does not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from pytest_devsecops.core.decode import TableReader
from pytest_devsecops.core.findings import Finding, Status
from pytest_devsecops.core.verdict import Verdict
from pytest_devsecops.dependencies.applying import applies, same_version
from pytest_devsecops.dependencies.judging import judge_each, source_evidence
from pytest_devsecops.dependencies.licences.expressions import Expression, parse, rule
from pytest_devsecops.dependencies.licences.stated import Basis, Stated, read_licence
from pytest_devsecops.dependencies.model import Dependency, Graph
from pytest_devsecops.dependencies.ranges import Answer, lies_within, parse_specifier

NAME = "dependencies.licensed"

_TABLE = "[tool.devsecops.dependencies.licences]"


@dataclass(frozen=True, slots=True)
class Override:
    """What somebody found out about the licence of one package."""

    licence: Expression
    reason: str
    versions: SpecifierSet = field(default_factory=SpecifierSet)


@dataclass(frozen=True, slots=True)
class LicencePolicy:
    """Which licences are accepted: never a denied one, others if the allow list is empty or has them."""

    allow: tuple[Expression, ...] = ()
    deny: tuple[Expression, ...] = ()
    packages: Mapping[str, Override] = field(default_factory=dict)

    @property
    def decides(self) -> bool:
        """Whether there is any list to judge by."""
        return bool(self.allow or self.deny)


@dataclass(frozen=True, slots=True)
class Installed:
    """What the environment says, for sources that have no metadata.

    Attributes:
        graph: what is installed.
        markers: the values of PEP 508 markers there.
    """

    graph: Graph
    markers: Mapping[str, str]


def read_licence_policy(reader: TableReader) -> LicencePolicy:
    """Decode the table ``licences``."""
    table = reader.table("licences")
    policy = LicencePolicy(
        _read_expressions(table, "allow"),
        _read_expressions(table, "deny"),
        {canonicalize_name(name): _read_override(entry) for name, entry in table.tables("packages").items()},
    )
    table.finish()
    return policy


def licensed(graph: Graph, installed: Installed, policy: LicencePolicy) -> Verdict:
    """Judge the licence of every dependency of ``graph``.

    Args:
        graph: the dependencies.
        installed: an environment that has their metadata.
        policy: the lists to judge by.
    """
    known = {one.name: one for one in installed.graph.dependencies}
    absent = [one for one in graph.dependencies if one.licence is None and not applies(one, installed.markers)]
    subjects = [one for one in graph.dependencies if one not in absent]
    stated = {id(one): _stated(one, known, policy) for one in subjects}
    return judge_each(
        NAME,
        graph.only(subjects),
        lambda one: _judge(one, stated[id(one)], policy),
        met="have accepted licences",
        findings=[
            *([] if policy.decides else [_no_policy()]),
            # An environment that could not be read at all is why nothing is known.
            *([] if installed.graph.sources else installed.graph.problems),
        ],
        examined={"licences": len({one.shown for one in stated.values() if one.candidates})},
        evidence={
            "licences": [_evidence(one, stated[id(one)]) for one in subjects],
            "not for this environment": [f"{one.subject}; {one.marker}" for one in absent],
            "metadata from": source_evidence(installed.graph),
        },
    )


def _read_expressions(table: TableReader, key: str) -> tuple[Expression, ...]:
    found = []
    for index, text in enumerate(table.strings(key)):
        try:
            found.append(parse(text))
        except ValueError as error:
            table.problem(key, f"item {index}: {error}; write an SPDX expression such as 'MIT' or 'BSD-3-Clause'")
    return tuple(found)


def _read_override(entry: TableReader) -> Override:
    override = Override(
        # An entry without a valid licence is refused, so what stands in for it is never used.
        licence=entry.parsed("licence", parse, parse("LicenseRef-Unknown")),
        reason=entry.string("reason", required=True),
        versions=entry.parsed("versions", parse_specifier, SpecifierSet()),
    )
    entry.string("licence", required=True)
    entry.finish()
    return override


def _stated(dependency: Dependency, known: Mapping[str, Dependency], policy: LicencePolicy) -> Stated:
    override = policy.packages.get(dependency.name)
    there = known.get(dependency.name)
    if override is not None and lies_within(dependency, [override.versions]) is Answer.YES:
        return Stated((override.licence,), Basis.POLICY, override.reason)
    if dependency.licence is not None:
        return read_licence(dependency.licence)
    if there is None or there.licence is None:
        return Stated((), Basis.UNKNOWN, notes=("it is not installed here, so its metadata cannot be read",))
    if not _is_version_of(dependency, there):
        note = f"{there.subject} is installed here, whose metadata says nothing about {dependency.subject}"
        return Stated((), Basis.UNKNOWN, notes=(note,))
    return read_licence(there.licence)


def _is_version_of(dependency: Dependency, there: Dependency) -> bool:
    if dependency.version is None:
        return lies_within(there, [SpecifierSet(dependency.specifier)]) is Answer.YES
    return same_version(dependency.version, there.version)


def _judge(dependency: Dependency, stated: Stated, policy: LicencePolicy) -> Iterator[Finding]:
    if not stated.candidates:
        yield _unknown(dependency, stated)
        return
    if not policy.decides:
        return
    rulings = [rule(one, policy.allow, policy.deny) for one in stated.candidates]
    refused = [one for one in rulings if not one.accepted]
    if not refused:
        return
    if len(refused) == len(rulings):
        reasons = "; ".join(dict.fromkeys(one.reason for one in refused))
        yield Finding(
            "licence-not-accepted",
            dependency.subject,
            f"{dependency.subject} is licensed under {stated.shown} ({stated.basis}): {reasons}",
            fix=f"ask for clearance and add the licence to `allow` in {_TABLE}, or replace {dependency.name}",
            location=dependency.location,
            detail=_evidence(dependency, stated),
        )
        return
    reasons = "; ".join(dict.fromkeys(one.reason for one in refused))
    yield Finding(
        "licence-ambiguous",
        dependency.subject,
        f"{dependency.subject} says {stated.words!r}, which can mean {stated.shown}, and {reasons}",
        fix=_override_fix(dependency),
        location=dependency.location,
        status=Status.UNVERIFIED,
        detail=_evidence(dependency, stated),
    )


def _unknown(dependency: Dependency, stated: Stated) -> Finding:
    said = "; ".join(stated.notes) or "its metadata names none"
    missing = "installed here" in said
    return Finding(
        "licence-unknown",
        dependency.subject,
        f"the licence of {dependency.subject} is not known: {said}",
        fix=(
            "install it where the tests run, or name an environment that has it as environment:PATH in `sources`; or "
            if missing
            else ""
        )
        + _override_fix(dependency),
        location=dependency.location,
        status=Status.UNVERIFIED,
        detail=_evidence(dependency, stated),
    )


def _override_fix(dependency: Dependency) -> str:
    return (
        f"read its licence file and write what it is into {_TABLE}: "
        f'packages.{dependency.name} = {{ licence = "…", reason = "…" }}'
    )


def _no_policy() -> Finding:
    return Finding(
        "no-licence-policy",
        NAME,
        "the policy says neither which licences are allowed nor which are denied, so none can be judged",
        fix=f'write for example allow = ["MIT", "BSD-3-Clause", "Apache-2.0"] into {_TABLE}',
        status=Status.UNVERIFIED,
    )


def _evidence(dependency: Dependency, stated: Stated) -> dict[str, Any]:
    return {
        "name": dependency.name,
        "version": dependency.version,
        "licence": stated.shown,
        "basis": str(stated.basis),
        "stated": stated.words,
        "notes": list(stated.notes),
    }
