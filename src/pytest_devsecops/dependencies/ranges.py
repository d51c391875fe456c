"""Whether a dependency's versions lie in a range (PEP 440), for ranges as well as for exact versions.

Answers are three-valued: what cannot be told is ``Answer.UNKNOWN``, and a check must not pass it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import Enum
from functools import reduce
from typing import TYPE_CHECKING

from packaging.specifiers import InvalidSpecifier, Specifier, SpecifierSet
from packaging.version import InvalidVersion, Version

from pytest_devsecops.dependencies.model import Dependency

if TYPE_CHECKING:
    from packaging.ranges import VersionRange


class Answer(Enum):
    """Yes, no, or that nobody can tell."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


def parse_specifier(text: str) -> SpecifierSet:
    """Return the range that ``text`` writes.

    Raises:
        ValueError: if it is not a PEP 440 specifier, with an example of one.
    """
    try:
        return SpecifierSet(text)
    except InvalidSpecifier as error:
        msg = f"{error}; write a version range such as '>=4.2,<5'"
        raise ValueError(msg) from None


def can_compare_ranges() -> bool:
    """Tell whether the installed packaging computes with ranges (26.3 and newer)."""
    return hasattr(SpecifierSet, "to_range")


def names_prerelease(specifiers: SpecifierSet) -> bool:
    """Tell whether a range names a pre-release, so that it has pre-releases at all."""
    try:
        return bool(specifiers.prereleases)
    except InvalidVersion:  # packaging before 26 reads what ``===`` compares as text
        return False


def lies_within(dependency: Dependency, ranges: Sequence[SpecifierSet]) -> Answer:
    """Tell whether every version that ``dependency`` may have is in one of ``ranges``.

    Of no range nothing is within. An empty range has every version; any other has pre-releases only
    if it names one, as installers read it (PEP 440, "Handling of pre-releases").
    """
    if not ranges:
        return Answer.NO
    if any(not str(one) for one in ranges):
        return Answer.YES
    if dependency.version is not None:
        return _any_of(_has(one, dependency.version, prereleases=names_prerelease(one)) for one in ranges)
    declared = _declared(dependency)
    return Answer.UNKNOWN if declared is None else _is_within(declared, ranges)


def _is_within(declared: SpecifierSet, ranges: Sequence[SpecifierSet]) -> Answer:
    if not str(declared):
        return Answer.NO  # any version, where no range is empty
    if declared in ranges:
        return Answer.YES
    # A declaration that names a pre-release asks for them, and a range that names none has none. One
    # that names none gets final releases, and only those are compared.
    final = not names_prerelease(declared)
    outer = [_range(one, final=final) for one in ranges if names_prerelease(one) or final]
    inner = _range(declared, final=final)
    known = [one for one in outer if one is not None]
    if inner is None or len(known) < len(outer):
        return Answer.UNKNOWN
    return Answer.YES if known and inner.is_subset(_union(known)) else Answer.NO


def may_be_in(dependency: Dependency, forbidden: SpecifierSet) -> Answer:
    """Tell whether some version that ``dependency`` may have is in ``forbidden``.

    Pre-releases count by their order alone: ``2.0rc1`` is below ``2.0``, so ``<2.0`` forbids it,
    although an installer would not choose it for that range.
    """
    wide = _by_order(forbidden)
    if not str(wide):
        return Answer.YES
    if dependency.version is not None:
        return _has(wide, dependency.version, prereleases=True)
    declared = _declared(dependency)
    if declared is None:
        return Answer.UNKNOWN
    if not str(declared):
        return Answer.YES
    inner, outer = _range(declared), _range(wide)
    if inner is None or outer is None:
        return Answer.UNKNOWN
    return Answer.NO if inner.is_disjoint(outer) else Answer.YES


def _declared(dependency: Dependency) -> SpecifierSet | None:
    try:
        return SpecifierSet(dependency.specifier)
    except InvalidSpecifier:
        return None


def _has(specifiers: SpecifierSet, text: str, *, prereleases: bool) -> Answer:
    """Tell whether the version written as ``text`` is in ``specifiers``."""
    try:
        version = Version(text)
    except InvalidVersion:
        # ``===`` compares texts; no other operator can place a version that PEP 440 does not know.
        verbatim = [one for one in specifiers if one.operator == "==="]
        if any(one.version.lower() != text.lower() for one in verbatim):
            return Answer.NO
        return Answer.YES if len(verbatim) == len(list(specifiers)) else Answer.UNKNOWN
    return Answer.YES if specifiers.contains(version, prereleases=prereleases) else Answer.NO


def _by_order(specifiers: SpecifierSet) -> SpecifierSet:
    """Return the range in which ``<`` and ``>`` compare by order alone.

    PEP 440 leaves the pre-releases of V out of ``<V``, and the post-releases out of ``>V``.
    """
    return SpecifierSet(",".join(_ordered(one) for one in specifiers))


def _ordered(one: Specifier) -> str:
    if one.operator in ("<", ">"):
        return f"{one.operator}={one.version},!={one.version}"
    return str(one)


def _range(specifiers: SpecifierSet, *, final: bool = False) -> VersionRange | None:
    """Return the set of (final) versions, or None where packaging cannot compute with them (before 26.3)."""
    if not can_compare_ranges():
        return None
    return SpecifierSet(str(specifiers), prereleases=False if final else None).to_range()


def _union(ranges: Sequence[VersionRange]) -> VersionRange:
    return reduce(lambda one, other: one.union(other), ranges)


def _any_of(answers: Iterable[Answer]) -> Answer:
    found = set(answers)
    return next((one for one in (Answer.YES, Answer.UNKNOWN) if one in found), Answer.NO)
