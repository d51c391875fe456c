"""The matcher: is this version, or one that this range allows, affected? Pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from pytest_devsecops.dependencies.advisories.intervals import contains_any
from pytest_devsecops.dependencies.advisories.model import Affected
from pytest_devsecops.dependencies.advisories.versions import Point, is_ordered, order, point
from pytest_devsecops.dependencies.ranges import Answer

_FIRST = Version("0.dev0")


def judge_version(affected: Affected, version: Point) -> Answer:
    """Tell whether one exact version is affected.

    OSV schema, section "Evaluation": it is if it is listed or lies in a range. A version that
    PEP 440 cannot order is before all others, which decides only for ranges that begin there.
    """
    if any(spelling in affected.versions for spelling in version.spellings):
        return Answer.YES
    if any(contains_any(affected.intervals, key) for key in version.keys):
        return Answer.YES
    if affected.doubt or (affected.intervals and not version.ordered):
        return Answer.UNKNOWN
    return Answer.NO


def judge_range(affected: Affected, allowed: SpecifierSet, *, prereleases: bool = False) -> Answer:
    """Tell whether a range allows a version that is affected.

    Every version that PEP 440 can write may exist, so ``!=4.2.9`` does not take away the chance of a
    4.2.9.post1. If nothing but pre-releases is shared, they count where installers would take them
    (PEP 440, "Handling of pre-releases"): if they are asked for, or if no final release is known that
    the range allows. So ``==4.2.*`` is free of what 4.2 repaired.

    Args:
        affected: what an advisory says about the package.
        allowed: the range.
        prereleases: whether they are asked for besides, as by pip's ``--pre``.
    """
    listed = [order(text)[1] for text in affected.versions if is_ordered(text)]
    ends = (one for one in _lower_ends(affected, allowed) if contains_any(affected.intervals, order(str(one))))
    shared = [one for one in (*listed, *ends) if allowed.contains(one, prereleases=True)]
    if any(not one.is_prerelease for one in shared):
        return Answer.YES
    if shared and (prereleases or allowed.prereleases or not _has_final(affected, allowed)):
        return Answer.YES
    return Answer.UNKNOWN if affected.doubt else Answer.NO


def smallest_fix(concerned: Iterable[Affected], version: str, others: Iterable[Affected] = ()) -> str | None:
    """Return the smallest known version above ``version`` that none of the advisories affects.

    Args:
        concerned: what affects ``version``; a fix must repair all of it.
        version: the version in use.
        others: more about the same package, which the fix is not to run into if that can be.

    Returns:
        A version that an advisory names as the end of an affected stretch; None if none helps.
    """
    needed, wanted = list(concerned), list(others)
    key = order(version)
    ends = sorted({end for one in needed for end in _ends(one) if order(end) > key}, key=order)
    more = sorted({end for one in wanted for end in _ends(one) if order(end) > key}, key=order)
    repaired = [end for end in ends if _is_clear(needed, end)]
    best = next((end for end in sorted({*repaired, *more}, key=order) if _is_clear([*needed, *wanted], end)), None)
    return best or next(iter(repaired), None)


def smallest_lower_bound(
    concerned: Iterable[Affected], allowed: SpecifierSet, *, prereleases: bool = False
) -> str | None:
    """Return the smallest version from which on the range allows nothing affected; None if there is none.

    See ``judge_range`` for the arguments.
    """
    needed = list(concerned)
    ends = sorted({end for one in needed for end in _ends(one) if is_ordered(end)}, key=order)
    for end in ends:
        raised = allowed & SpecifierSet(f">={Version(end).public}")
        if allowed.contains(end, prereleases=True) and all(
            judge_range(one, raised, prereleases=prereleases) is Answer.NO for one in needed
        ):
            return end
    return None


def _is_clear(all_affected: list[Affected], version: str) -> bool:
    candidate = point(version)
    return all(judge_version(one, candidate) is Answer.NO for one in all_affected)


def _ends(affected: Affected) -> Iterator[str]:
    """Yield the versions that end a stretch without belonging to it: the fixing ones."""
    for interval in affected.intervals:
        if interval.upper is not None and not interval.through:
            yield interval.upper


def _has_final(affected: Affected, allowed: SpecifierSet) -> bool:
    """Tell whether the advisory names a final release that the range allows, such as the fixing one."""
    bounds = (bound for interval in affected.intervals for bound in interval[:2] if bound is not None)
    versions = (order(text)[1] for text in bounds if is_ordered(text))
    return any(not one.is_prerelease and allowed.contains(one) for one in versions)


def _lower_ends(affected: Affected, allowed: SpecifierSet) -> Iterator[Version]:
    """Yield versions of which one is both affected and allowed, if any version is; the same for final ones.

    Both sets are made of finitely many stretches, so what they share begins at the lower end of one
    of them: at a bound itself, or at the least version above a bound that is excluded.
    """
    texts = [specifier.version.removesuffix(".*") for specifier in allowed]
    texts.extend(bound for interval in affected.intervals for bound in interval[:2] if bound is not None)
    # Not a set of versions: 0 and 0.0 are equal, yet what comes after `0.*` and after `0.0.*` differs.
    versions = [order(text)[1] for text in dict.fromkeys(texts) if is_ordered(text)]
    zeros = max((len(version.release) for version in versions), default=0)
    for end in (_FIRST, *(end for version in versions for end in _ends_at(version, zeros))):
        yield end
        if end.is_prerelease:
            post = f".post{end.post}" if end.post is not None else ""
            yield Version(f"{end.base_version}{post}")  # the first final release from there on


def _ends_at(version: Version, zeros: int) -> Iterator[Version]:
    """Yield every version at which a stretch can begin that a specifier with ``version`` bounds."""
    public = version.public
    release = ".".join(str(number) for number in version.release)
    epoch = f"{version.epoch}!" if version.epoch else ""
    yield version
    if version.dev is not None:
        # Above `!=` and `>`: nothing but local versions lies between two development releases.
        stem = public.rsplit(".dev", 1)[0]
        yield Version(f"{stem}.dev{version.dev + 1}")
        return
    yield Version(f"{public}.dev0")  # `== V.*`, and `<` of a range that begins with its pre-releases
    if version.post is not None:
        yield Version(f"{public.rsplit('.post', 1)[0]}.post{version.post + 1}.dev0")
        return
    yield Version(f"{public}.post0.dev0")  # above `!= V`
    if version.pre is not None:
        kind, number = version.pre
        yield Version(f"{epoch}{release}{kind}{number + 1}.dev0")  # above `> V`, which excludes post-releases
        return
    yield Version(f"{epoch}{release}{'.0' * (zeros + 1)}.1.dev0")  # above `> V`
    *head, last = version.release
    yield Version(f"{epoch}{'.'.join(str(number) for number in (*head, last + 1))}.dev0")  # above `!= V.*`
