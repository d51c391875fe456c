"""``untampered()``: installed files are those that were installed.

Every file that a distribution lists in its ``RECORD`` is hashed and compared, and code that nobody
lists in a distribution's own folders is reported. What this cannot see: a change of file and
``RECORD`` together, and a change of compiled files (``.pyc``), whose hashes no installer records;
their number is in the evidence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pytest_devsecops.core.findings import Finding, Location, Status
from pytest_devsecops.core.text import counted
from pytest_devsecops.core.verdict import Verdict
from pytest_devsecops.dependencies.environment.integrity import Deviation, FileFact, Integrity
from pytest_devsecops.dependencies.judging import in_order, source_evidence
from pytest_devsecops.dependencies.model import Graph

NAME = "dependencies.untampered"

_SHOWN = 3
_REINSTALL = "find out who changed it, then reinstall the distribution from a trusted source"


@dataclass(frozen=True, slots=True)
class _Rule:
    """What one kind of deviation is called; ``what`` completes "a file …", ``many`` "files …"."""

    name: str
    what: str
    many: str
    fix: str
    status: Status = Status.VIOLATED


_RULES = {
    Deviation.CHANGED: _Rule(
        "file-changed", "was changed after its installation", "were changed after their installation", _REINSTALL
    ),
    Deviation.OVERWRITTEN: _Rule(
        "file-overwritten",
        "was overwritten by {note}",
        "were overwritten by {note}",
        "remove one of the two distributions: both bring the same file",
    ),
    Deviation.MISSING: _Rule("file-missing", "is missing", "are missing", "reinstall the distribution"),
    Deviation.UNREADABLE: _Rule(
        "file-unreadable",
        "cannot be read: {note}",
        "cannot be read: {note}",
        "let the tests run as a user who may read it",
        Status.UNVERIFIED,
    ),
    Deviation.NO_HASH: _Rule(
        "file-without-hash",
        "has no hash in RECORD",
        "have no hash in RECORD",
        "reinstall the distribution from a wheel with a current installer",
        Status.UNVERIFIED,
    ),
    Deviation.WEAK_HASH: _Rule(
        "weak-hash",
        "has only a {note} hash in RECORD, which can be forged",
        "have only {note} hashes in RECORD, which can be forged",
        "reinstall the distribution from a wheel with a current installer",
    ),
    Deviation.UNKNOWN_HASH: _Rule(
        "unknown-hash",
        "has a hash of the unknown kind {note} in RECORD",
        "have hashes of the unknown kind {note} in RECORD",
        "reinstall the distribution from a wheel with a current installer",
        Status.UNVERIFIED,
    ),
    Deviation.OUTSIDE: _Rule(
        "file-outside",
        "lies outside of the environment",
        "lie outside of the environment",
        "remove the distribution: no wheel may claim files there",
    ),
    Deviation.UNLISTED: _Rule(
        "unlisted-file",
        "is code that no distribution lists",
        "are code that no distribution lists",
        "find out where it comes from, delete it, and reinstall the distribution",
    ),
    Deviation.SHADOWING: _Rule(
        "shadowing-file",
        "is code that no distribution lists, and can be imported in place of its module",
        "are code that no distribution lists, and can be imported in place of its module",
        "find out where it comes from, and delete it",
    ),
    Deviation.NO_LIST: _Rule(
        "no-record",
        "{note}",
        "{note}",
        "reinstall the distribution from a wheel with a current installer",
        Status.UNVERIFIED,
    ),
}


def untampered(graph: Graph, compared: Sequence[Integrity], shown: Callable[[Path], str]) -> Verdict:
    """Judge what was compared.

    Args:
        graph: the environments, as sources.
        compared: the comparison of each.
        shown: how a path is written in findings.
    """
    facts = [fact for one in compared for fact in one.facts]
    distributions = sum(one.compared for one in compared)
    files = sum(one.hashed for one in compared)
    return Verdict(
        NAME,
        in_order([*_findings(facts, shown), *graph.problems]),
        examined={"distributions": distributions, "files": files, "from": graph.place},
        summary=f"{counted(files, 'file')} of {counted(distributions, 'distribution')} in {graph.place} are unchanged",
        evidence={
            "sources": source_evidence(graph),
            "editable, so with sources that have no hashes": [name for one in compared for name in one.editable],
            "compiled files without a hash": sum(one.bytecode for one in compared),
            "in no distribution": [name for one in compared for name in one.unowned],
        },
    )


def _findings(facts: Iterable[FileFact], shown: Callable[[Path], str]) -> list[Finding]:
    groups: dict[tuple[Deviation, str, str], list[FileFact]] = {}
    for fact in facts:
        groups.setdefault((fact.deviation, fact.subject, fact.note), []).append(fact)
    return [_finding(group, shown) for group in groups.values()]


def _finding(group: Sequence[FileFact], shown: Callable[[Path], str]) -> Finding:
    first = group[0]
    rule = _RULES[first.deviation]
    files = [fact.file for fact in group if fact.file]
    return Finding(
        rule.name,
        first.subject,
        _message(rule, first, files),
        fix=rule.fix,
        location=Location(shown(first.place)),
        status=rule.status,
        detail={"files": files},
    )


def _message(rule: _Rule, first: FileFact, files: Sequence[str]) -> str:
    if not files:
        return rule.what.format(note=first.note)
    if len(files) == 1:
        return f"{first.subject}: {files[0]} {rule.what.format(note=first.note)}"
    names = ", ".join(files[:_SHOWN]) + (", …" if len(files) > _SHOWN else "")
    return f"{first.subject}: {len(files):,} files {rule.many.format(note=first.note)} ({names})"
