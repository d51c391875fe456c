"""From what databases write (OSV events, PEP 440 specifiers) to intervals of versions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import groupby

from packaging.specifiers import InvalidSpecifier, Specifier, SpecifierSet
from packaging.version import Version

from pytest_devsecops.dependencies.advisories.model import Interval
from pytest_devsecops.dependencies.advisories.versions import Key, order

#: OSV schema, "Special values": sorts before any other version.
BEFORE_ALL = "0"
#: OSV schema, "Special values": infinity, in ``limit`` only.
NO_LIMIT = "*"

EVERYTHING = Interval(None, None)


@dataclass(frozen=True, slots=True)
class Event:
    """One event of an OSV range: ``kind`` is ``introduced``, ``fixed``, ``last_affected`` or ``limit``."""

    kind: str
    version: str


def intervals_of_events(events: Sequence[Event]) -> tuple[Interval, ...]:
    """Return the stretches that OSV's evaluation calls vulnerable.

    This is ``IncludedInRanges`` and ``BeforeLimits`` of the OSV schema, section "Evaluation", run
    once over all versions instead of once for each version.

    The schema leaves open what happens where two events have one version. Here an interval that
    begins where another one ends continues it (``fixed 3.1.1`` of one branch beside ``introduced
    3.1.1`` of the next), and one that begins and is fixed at the same version is empty.
    """
    timeline = sorted((event for event in events if event.kind != "limit"), key=_event_key)
    found: list[Interval] = []
    start: str | None = None
    inside = False
    for _, tied in groupby(timeline, key=_event_key):
        group = list(tied)
        kinds = {event.kind for event in group}
        version = group[0].version
        ends = bool(kinds & {"fixed", "last_affected"})
        through = "fixed" not in kinds
        if "introduced" in kinds and not inside:
            start = None if _event_key(group[0])[0] < 0 else version
            inside = not ends
            if ends and through:
                found.append(Interval(start, version, through=True))
        elif inside and ends and "introduced" not in kinds:
            found.append(Interval(start, version, through=through))
            inside = False
    if inside:
        found.append(Interval(start, None))
    return _before_limits(found, [event.version for event in events if event.kind == "limit"])


def intervals_of_specifier(text: str) -> tuple[Interval, ...]:
    """Return the versions that an advisory means by a PEP 440 specifier such as ``>=1.0,<2.0``.

    An advisory's ``<2.0`` means everything before the repaired release, so ``2.0rc1`` is inside,
    although PEP 440 keeps an installer from choosing it for ``<2.0``. Hence the plain order decides,
    not ``SpecifierSet.contains``.

    Raises:
        ValueError: if the text is not a specifier, or compares with what PEP 440 cannot order.
    """
    try:
        specifiers = SpecifierSet(text)
    except InvalidSpecifier as error:
        raise ValueError(str(error)) from None
    parts = [_intervals_of_one(specifier) for specifier in specifiers]
    return reduce(_intersect_all, parts, (EVERYTHING,))


def contains(interval: Interval, key: Key) -> bool:
    """Tell whether the version at ``key`` lies in the interval."""
    lower, upper, above, through = interval
    if lower is not None:
        start = order(lower)
        if key < start or (above and key == start):
            return False
    if upper is None:
        return True
    end = order(upper)
    return key < end or (through and key == end)


def contains_any(intervals: Iterable[Interval], key: Key) -> bool:
    """Tell whether the version at ``key`` lies in one of the intervals."""
    # A plain loop: a generator would cost more than most of the comparisons.
    for interval in intervals:  # noqa: SIM110 - see above
        if contains(interval, key):
            return True
    return False


def _event_key(event: Event) -> tuple[int, Key]:
    if event.kind == "introduced" and event.version == BEFORE_ALL:
        return (-1, order(BEFORE_ALL))
    return (0, order(event.version))


def _before_limits(found: list[Interval], limits: list[str]) -> tuple[Interval, ...]:
    # BeforeLimits asks for one limit above the version, so only the highest limit counts.
    if not limits or NO_LIMIT in limits:
        return tuple(found)
    highest = Interval(None, max(limits, key=order))
    return _intersect_all(tuple(found), (highest,))


def _intersect_all(left: tuple[Interval, ...], right: tuple[Interval, ...]) -> tuple[Interval, ...]:
    return tuple(both for one in left for other in right if (both := _intersect(one, other)) is not None)


def _intersect(one: Interval, other: Interval) -> Interval | None:
    starts = [item for item in (one, other) if item.lower is not None]
    ends = [item for item in (one, other) if item.upper is not None]
    first = max(starts, key=lambda item: (order(item.lower or ""), item.above), default=EVERYTHING)
    last = min(ends, key=lambda item: (order(item.upper or ""), item.through), default=EVERYTHING)
    both = Interval(first.lower, last.upper, first.above, last.through)
    if both.lower is None or both.upper is None or order(both.lower) < order(both.upper):
        return both
    same = order(both.lower) == order(both.upper)
    return both if same and both.through and not both.above else None


def _intervals_of_one(specifier: Specifier) -> tuple[Interval, ...]:
    operator, text = specifier.operator, specifier.version
    if operator == "===":
        msg = f"'{specifier}' compares texts, which has no place in the order of versions"
        raise ValueError(msg)
    if operator in ("==", "!="):
        inside = _prefix(text.removesuffix(".*")) if text.endswith(".*") else Interval(text, text, through=True)
        return (inside,) if operator == "==" else _outside(inside)
    if operator == "~=":
        # PEP 440, "Compatible release": >= V.N, == V.*
        release = Version(text)
        series = ".".join(str(number) for number in release.release[:-1])
        epoch = f"{release.epoch}!" if release.epoch else ""
        return (Interval(text, _prefix(epoch + series).upper),)
    return {
        "<": (Interval(None, text),),
        "<=": (Interval(None, text, through=True),),
        ">": (Interval(text, None, above=True),),
        ">=": (Interval(text, None),),
    }[operator]


def _prefix(text: str) -> Interval:
    """Return every version that ``== text.*`` matches: from its first pre-release to the next prefix's."""
    version = Version(text)
    *head, last = version.release
    epoch = f"{version.epoch}!" if version.epoch else ""
    following = ".".join(str(number) for number in (*head, last + 1))
    return Interval(f"{version.base_version}.dev0", f"{epoch}{following}.dev0")


def _outside(inside: Interval) -> tuple[Interval, ...]:
    before = Interval(None, inside.lower)
    after = Interval(inside.upper, None, above=inside.through)
    return (before, after)
