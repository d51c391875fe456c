"""Asking the advisory file about every dependency of a graph. This is where the file is read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from pytest_devsecops.dependencies.advisories.index import Entry, IndexInfo, open_index
from pytest_devsecops.dependencies.advisories.matcher import judge_range, judge_version
from pytest_devsecops.dependencies.advisories.model import Advisory, AdvisoryError, Affected
from pytest_devsecops.dependencies.advisories.versions import point
from pytest_devsecops.dependencies.model import Dependency, Graph, OptionName, SourceKind
from pytest_devsecops.dependencies.ranges import Answer


class Question(NamedTuple):
    """What is asked about a package: one version, or what a range allows. A tuple, to hash fast."""

    name: str
    version: str | None = None
    specifier: str = ""


@dataclass(frozen=True, slots=True)
class Hit:
    """One advisory that concerns a question.

    Attributes:
        advisory: the advisory.
        affected: what it says about the package.
        answer: ``YES``, or ``UNKNOWN`` if nobody can tell.
    """

    advisory: Advisory
    affected: Affected
    answer: Answer


@dataclass(frozen=True, slots=True)
class Lookup:
    """What the advisory file says about a graph.

    Attributes:
        path: the file.
        info: what it says about itself; None if it cannot be used.
        error: why it cannot be used.
        hits: the advisories that concern each question; a question without any is not in it.
        known: everything that the file says about each package that has a hit.
        prereleases: whether a source asks for pre-releases, as pip's ``--pre`` does.
    """

    path: str
    info: IndexInfo | None = None
    error: AdvisoryError | None = None
    hits: Mapping[Question, tuple[Hit, ...]] = field(default_factory=dict)
    known: Mapping[str, tuple[Affected, ...]] = field(default_factory=dict)
    prereleases: bool = False


def question_of(dependency: Dependency) -> Question:
    """Return what there is to ask about a dependency; ``==4.2`` in a declaration is a version as well."""
    if dependency.version is not None:
        return Question(dependency.name, dependency.version)
    text = dependency.specifier.strip()
    exact = text.startswith("==") and "," not in text and not text.endswith("*")
    return Question(dependency.name, text.strip("= ")) if exact else Question(dependency.name, None, text)


def look_up(graph: Graph, path: Path, *, shown: str = "") -> Lookup:
    """Ask the file at ``path`` about every dependency of ``graph``.

    Returns:
        What it says, or why it says nothing; this does not raise for a file that cannot be used.
    """
    questions = dict.fromkeys(question_of(dependency) for dependency in graph.dependencies)
    place = shown or str(path)
    prereleases = any(option.name is OptionName.PRE for option in graph.options)
    try:
        with open_index(path) as index:
            entries = index.entries({question.name for question in questions})
            answers = {
                question: found
                for question in questions
                if question.name in entries
                and (found := _ask(question, entries[question.name], prereleases=prereleases))
            }
            advisories = index.advisories(entry.row for found in answers.values() for entry, _ in found)
            info = index.info
    except AdvisoryError as error:
        return Lookup(place, error=error)
    hits = {
        question: tuple(Hit(advisories[entry.row], entry.affected, answer) for entry, answer in found)
        for question, found in answers.items()
    }
    known = {question.name: tuple(entry.affected for entry in entries[question.name]) for question in hits}
    return Lookup(place, info, hits=hits, known=known, prereleases=prereleases)


def decided_by_pins(graph: Graph) -> frozenset[Dependency]:
    """Return the declarations that say a range from which another source of the graph chose a version.

    Such a range may allow what is affected, yet the chosen version is what is used, and it is asked
    about by itself. A range that does not allow the chosen version is not decided by it.
    """
    choosing = {source.name for source in graph.sources if source.kind is not SourceKind.DECLARATION}
    chosen: dict[str, list[str]] = {}
    for one in graph.dependencies:
        if one.version is not None and one.source in choosing:
            chosen.setdefault(one.name, []).append(one.version)
    return frozenset(
        one
        for one in graph.dependencies
        if question_of(one).version is None
        and one.source not in choosing
        and _allows_one_of(one.specifier, chosen.get(one.name, ()))
    )


def _ask(question: Question, entries: Iterable[Entry], *, prereleases: bool) -> list[tuple[Entry, Answer]]:
    if question.version is not None:
        version = point(question.version)
        answers = [(entry, judge_version(entry.affected, version)) for entry in entries]
    else:
        allowed = _specifiers(question.specifier)
        answers = [(entry, _judge(entry, allowed, prereleases=prereleases)) for entry in entries]
    return [(entry, answer) for entry, answer in answers if answer is not Answer.NO]


def _judge(entry: Entry, allowed: SpecifierSet | None, *, prereleases: bool) -> Answer:
    """Judge a range; one that cannot be read allows nobody knows what."""
    return Answer.UNKNOWN if allowed is None else judge_range(entry.affected, allowed, prereleases=prereleases)


def _specifiers(text: str) -> SpecifierSet | None:
    try:
        return SpecifierSet(text)
    except InvalidSpecifier:
        return None


def _allows_one_of(text: str, versions: Iterable[str]) -> bool:
    allowed = _specifiers(text)
    if allowed is None:
        return False
    return any(point(version).ordered and allowed.contains(version, prereleases=True) for version in versions)
