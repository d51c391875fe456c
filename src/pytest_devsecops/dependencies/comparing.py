"""Where declarations, a lock file and an environment disagree: one finding for each difference."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

from pytest_devsecops.core.findings import Finding, Status
from pytest_devsecops.dependencies.applying import applies, same_version
from pytest_devsecops.dependencies.merging import normalised_group
from pytest_devsecops.dependencies.model import Dependency, Graph, OriginKind, walk_reachable


@dataclass(frozen=True, slots=True)
class Expected:
    """What must be installed.

    Attributes:
        groups: the normalised groups whose dependencies must be.
        markers: the values of PEP 508 markers in the environment.
        needed: names that installed distributions, or declarations of the groups, need there.
    """

    groups: frozenset[str]
    markers: Mapping[str, str]
    needed: frozenset[str] = frozenset()


_LOCAL = (OriginKind.PATH, OriginKind.EDITABLE)
#: What is needed to build the project is in no lock file.
_BUILD = "build"

_INSTALL = "install what is locked (`uv sync`, `poetry sync`, `pip install -r`), or lock again"
_LOCK = "lock again, and commit both files together"


def declared_against_locked(
    declared: Graph, locked: Graph, lock: str, markers: Mapping[str, str], own: frozenset[str]
) -> Iterator[Finding]:
    """Yield what a lock file lacks of the declarations, and what it holds outside of their ranges.

    A declaration for other environments may be missing, because some lock files are for one only.
    """
    by_name = _by_name(locked.dependencies)
    for one in declared.dependencies:
        if one.groups == {_BUILD} or one.origin.kind in _LOCAL or one.name in own:
            continue
        there = by_name.get(one.name, [])
        if not there:
            if applies(one, markers):
                message = f"{one.subject} is declared in {one.source}, and {lock} does not have it"
                yield _finding("declared-not-locked", one, message, _LOCK)
        elif not any(_in_range(other, one) for other in there):
            versions = ", ".join(dict.fromkeys(str(other.version) for other in there))
            message = f"{lock} has {one.name} {versions}, and {one.source} allows {one.specifier or one.version} only"
            yield _finding("locked-outside-declaration", one, message, _LOCK)


def locked_against_installed(
    locked: Graph, installed: Graph, expected: Expected, optional: list[str]
) -> Iterator[Finding]:
    """Yield where an environment differs from one lock file.

    Args:
        locked: what the lock file has.
        installed: what the environment has.
        expected: what must be installed.
        optional: where names are noted that are of other groups, and not installed.
    """
    there = {one.name: one for one in installed.dependencies}
    for name, entries in _by_name(locked.dependencies).items():
        wanted = [one for one in entries if applies(one, expected.markers)]
        if not wanted:
            continue
        if name not in there:
            yield from _not_installed("locked", wanted[0], installed, expected, optional)
        elif not any(one.version is None or same_version(one.version, there[name].version) for one in wanted):
            versions = " or ".join(dict.fromkeys(str(one.version) for one in wanted))
            message = (
                f"{there[name].subject} is installed in {installed.place}, and {wanted[0].source} locks {versions}"
            )
            yield _finding("installed-differs", there[name], message, _INSTALL)
        else:
            yield from _other_content(there[name], wanted, installed)


def declared_against_installed(
    declared: Graph, installed: Graph, expected: Expected, optional: list[str]
) -> Iterator[Finding]:
    """Yield where an environment differs from declarations, where there is no lock file between them."""
    there = {one.name: one for one in installed.dependencies}
    for one in declared.dependencies:
        if one.groups == {_BUILD} or not applies(one, expected.markers):
            continue
        if one.name not in there:
            yield from _not_installed("declared", one, installed, expected, optional)
        elif not _in_range(there[one.name], one):
            message = (
                f"{there[one.name].subject} is installed in {installed.place}, "
                f"and {one.source} allows {one.specifier or one.version} only"
            )
            yield _finding(
                "installed-outside-declaration", there[one.name], message, "install again from the declarations"
            )


def unexpected_with_lock(
    declared: Graph, locked: Graph, installed: Graph, markers: Mapping[str, str], ignored: frozenset[str]
) -> Iterator[Finding]:
    """Yield what is installed, and neither locked for this environment nor declared."""
    known = {one.name for one in (*locked.dependencies, *declared.dependencies) if applies(one, markers)}
    elsewhere = {one.name: one.marker for one in locked.dependencies}
    for one in installed.dependencies:
        if one.name in known or one.name in ignored:
            continue
        marker = elsewhere.get(one.name)
        why = f"{locked.place} locks it for {marker} only" if marker else f"{locked.place} does not have it"
        message = f"{one.subject} is installed in {installed.place}, and {why}"
        fix = f"uninstall it, or declare and lock it, or name it in {_IGNORE}"
        yield _finding("installed-not-locked", one, message, fix)


def unexpected_without_lock(declared: Graph, installed: Graph, ignored: frozenset[str]) -> Iterator[Finding]:
    """Yield what somebody installed by name, and nobody declared.

    Declarations name direct dependencies only, so others are expected as far as a declared one, or
    something else that is expected, needs them.
    """
    children: dict[str, list[str]] = defaultdict(list)
    for one in installed.dependencies:
        for parent in one.parents:
            children[parent].append(one.name)
    expected = set(walk_reachable(children, [*(one.name for one in declared.dependencies), *ignored]))
    for one in installed.dependencies:
        if one.direct and one.name not in expected:
            message = f"{one.subject} was installed in {installed.place} by name, and {declared.place} does not have it"
            yield _finding("installed-not-declared", one, message, f"uninstall it, declare it, or name it in {_IGNORE}")


_IGNORE = "`ignore_installed` in [tool.devsecops.dependencies.consistent]"


def _by_name(dependencies: Iterable[Dependency]) -> dict[str, list[Dependency]]:
    found: dict[str, list[Dependency]] = defaultdict(list)
    for one in dependencies:
        found[one.name].append(one)
    return found


def _in_range(one: Dependency, declaration: Dependency) -> bool:
    """Tell whether a version is one that a declaration allows; pre-releases count as their versions.

    A resolver may have been told to take them, and what it may take is not this check's question.
    """
    if one.version is None or not (declaration.specifier or declaration.version):
        return True
    try:
        allowed = SpecifierSet(declaration.specifier or f"=={declaration.version}")
        return allowed.contains(Version(one.version), prereleases=True)
    except (InvalidSpecifier, InvalidVersion):
        return same_version(one.version, declaration.version)


def _not_installed(
    stated: str, one: Dependency, installed: Graph, expected: Expected, optional: list[str]
) -> Iterator[Finding]:
    own = {normalised_group(group) for group in one.groups}
    # A lock file gives one marker for all groups. Of a package that others need as well, that marker
    # may be theirs; what is installed knows whether it needs the package here.
    surely = own <= expected.groups or (not own.isdisjoint(expected.groups) and one.name in expected.needed)
    if own and not surely:
        optional.append(one.subject)
        return
    message = f"{one.subject} is {stated} in {one.source}, and not installed in {installed.place}"
    if not own:
        message += "; whether it has to be is not known, because it belongs to no known group"
    status = Status.VIOLATED if own else Status.UNVERIFIED
    yield _finding(f"{stated}-not-installed", one, message, _INSTALL, status)


def _other_content(there: Dependency, wanted: list[Dependency], installed: Graph) -> Iterator[Finding]:
    """Yield where the same version comes from somewhere else than the lock file says."""
    lock = wanted[0].source
    commits = {one.origin.commit for one in wanted if one.origin.commit}
    if commits and there.origin.kind is OriginKind.VCS and there.origin.commit not in commits:
        locked = " or ".join(sorted(commits))
        message = (
            f"{there.subject} is installed in {installed.place} from commit {there.origin.commit or 'unknown'}, "
            f"and {lock} locks {locked}"
        )
        yield _finding("installed-commit-differs", there, message, _INSTALL)
        return
    kinds = {_fetched(one.origin.kind) for one in wanted}
    if _fetched(there.origin.kind) not in kinds and OriginKind.UNKNOWN not in {one.origin.kind for one in wanted}:
        locked = " or ".join(sorted(str(one.origin.kind) for one in wanted))
        stated = there.origin.kind if there.origin.url else "an index"
        message = f"{there.subject} is installed in {installed.place} from {stated}, and {lock} locks it from {locked}"
        yield _finding("installed-origin-differs", there, message, _INSTALL)
        return
    locked_hashes = {digest.lower() for one in wanted for digest in one.hashes}
    own_hashes = {digest.lower() for digest in there.hashes}
    algorithms = {digest.partition(":")[0] for digest in locked_hashes}
    comparable = {digest for digest in own_hashes if digest.partition(":")[0] in algorithms}
    if comparable and comparable.isdisjoint(locked_hashes):
        message = f"{there.subject} is installed in {installed.place} from an archive whose hash {lock} does not have"
        yield _finding("installed-hash-differs", there, message, _INSTALL)


def _fetched(kind: OriginKind) -> str:
    """Return what an environment can tell apart: it keeps no note of an index."""
    if kind in (OriginKind.INDEX, OriginKind.UNKNOWN):
        return "index"
    return "local" if kind in _LOCAL else str(kind)


def _finding(rule: str, one: Dependency, message: str, fix: str, status: Status = Status.VIOLATED) -> Finding:
    return Finding(rule, one.subject, message, fix=fix, location=one.location, status=status)
