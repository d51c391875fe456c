"""Decoding OSV records: untrusted JSON objects become frozen advisories.

A record is never lost: a part that cannot be read leaves a ``doubt`` on its package, and a record
whose packages cannot be told raises, so that the import counts and names it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from packaging.utils import canonicalize_name

from pytest_devsecops.dependencies.advisories.intervals import (
    BEFORE_ALL,
    NO_LIMIT,
    Event,
    contains_any,
    intervals_of_events,
)
from pytest_devsecops.dependencies.advisories.model import Advisory, Affected, Interval, UnreadableRecordError
from pytest_devsecops.dependencies.advisories.severity import rate
from pytest_devsecops.dependencies.advisories.versions import canonical, is_ordered, order

ECOSYSTEM = "PyPI"

_EVENT_KINDS = ("introduced", "fixed", "last_affected", "limit")
_SUMMARY_LENGTH = 200
# SemVer 2.0.0, item 9; a pre-release that PEP 440 has as well.
_SEMVER = re.compile(
    r"v?(\d+\.\d+\.\d+)(?:-(?P<kind>alpha|beta|a|b|rc|c|pre|preview|dev)[.-]?(?P<number>\d*))?(?:\+.*)?"
)


def read_record(data: object, place: str, *, now: datetime, source: str = "osv") -> Advisory:
    """Decode one OSV record.

    Args:
        data: the decoded JSON value.
        place: where it stands, for errors.
        now: the time of the import (UTC); a record that is withdrawn later than this is not yet.
        source: the kind of source, kept in the advisory.

    Returns:
        The advisory with its PyPI packages only; ``affected`` is empty if it has none.

    Raises:
        UnreadableRecordError: if it is not a record, or if nobody can tell which packages it concerns.
    """
    if not isinstance(data, Mapping):
        raise UnreadableRecordError("is not an OSV record, which is a JSON object", place=place)
    identity = data.get("id")
    if not isinstance(identity, str) or not identity.strip():
        raise UnreadableRecordError("has no id", place=place)
    place = f"{place}: {identity}"
    entries = data.get("affected")
    if not isinstance(entries, list | None):
        raise UnreadableRecordError("affected: must be a list", place=place)
    packages = [_affected(entry, f"{place}: affected[{index}]") for index, entry in enumerate(entries or [])]
    return Advisory(
        id=identity.strip(),
        aliases=tuple(dict.fromkeys(_strings(data.get("aliases")))),
        summary=_summary(data),
        severity=rate(*_severities(data, entries or [])),
        modified=_time(data.get("modified")),
        withdrawn=_withdrawn(data.get("withdrawn"), place, now),
        source=source,
        affected=tuple(package for package in packages if package is not None),
    )


def _affected(entry: object, place: str) -> Affected | None:
    """Decode one entry of ``affected``; None if its package is not of our ecosystem."""
    package = entry.get("package") if isinstance(entry, Mapping) else None
    if not isinstance(entry, Mapping) or not isinstance(package, Mapping):
        # The schema allows an entry without a package: then it speaks about a repository only.
        if isinstance(entry, Mapping) and package is None:
            return None
        raise UnreadableRecordError("must be a table with a package", place=place)
    ecosystem, name = package.get("ecosystem"), package.get("name")
    if not isinstance(ecosystem, str):
        raise UnreadableRecordError("package.ecosystem: must be a string", place=place)
    if ecosystem.partition(":")[0] != ECOSYSTEM:
        return None
    if not isinstance(name, str) or not name.strip():
        raise UnreadableRecordError("package.name: must be a string", place=place)
    intervals: list[Interval] = []
    doubts: list[str] = []
    ranges, versions = entry.get("ranges"), entry.get("versions")
    for item in _list(ranges, "ranges", doubts):
        intervals.extend(_range(item, doubts))
    listed = _list(versions, "versions", doubts)
    texts = [text for text in listed if isinstance(text, str)]
    if len(texts) < len(listed):
        doubts.append("it lists a version that is not a string")
    if not intervals and not texts and not doubts:
        doubts.append("it names no range and no version that can be compared")
    outside = {canonical(text) for text in texts if not contains_any(intervals, order(text))}
    return Affected(canonicalize_name(name.strip()), tuple(intervals), tuple(sorted(outside)), "; ".join(doubts))


def _range(item: object, doubts: list[str]) -> tuple[Interval, ...]:
    """Decode one range; whatever cannot be compared is noted in ``doubts``."""
    kind = item.get("type") if isinstance(item, Mapping) else None
    if not isinstance(item, Mapping) or kind not in ("ECOSYSTEM", "SEMVER", "GIT"):
        doubts.append(f"it has a range of the unknown type {kind!r}")
        return ()
    if kind == "GIT":
        # Answered only by the repository itself; the ranges and versions beside it still count.
        return ()
    events = [event for entry in _list(item.get("events"), "events", doubts) for event in _events(entry, doubts)]
    if kind == "SEMVER":
        events = [Event(event.kind, _semver(event.version)) for event in events]
    if not any(event.kind == "introduced" for event in events):
        doubts.append("it has a range without an introduced event")
    doubts.extend(
        f"its bound {event.kind} {event.version} is no version that PEP 440 can order"
        for event in events
        if event.version not in (BEFORE_ALL, NO_LIMIT) and not is_ordered(event.version)
    )
    return intervals_of_events(events)


def _events(entry: object, doubts: list[str]) -> list[Event]:
    """Decode one event; the first versions of the schema wrote two kinds into one object."""
    found = [
        Event(kind, entry[kind])
        for kind in _EVENT_KINDS
        if isinstance(entry, Mapping) and isinstance(entry.get(kind), str)
    ]
    if not found or (isinstance(entry, Mapping) and sum(kind in entry for kind in _EVENT_KINDS) > len(found)):
        doubts.append(f"it has an event that cannot be read: {str(entry)[:80]}")
    return found


def _semver(text: str) -> str:
    """Return a semantic version as PEP 440 orders it.

    SemVer's ``1.0.0-1`` comes before 1.0.0 while PEP 440 reads it as a post-release; such a
    pre-release has no place here and is returned with a mark that makes it a version that PEP 440
    cannot order, so that it raises a doubt instead of a wrong answer.
    """
    if text in (BEFORE_ALL, NO_LIMIT):
        return text
    match = _SEMVER.fullmatch(text)
    if match is None:
        return f"semver {text}"
    separator = "." if match["kind"] == "dev" else ""
    return match[1] + (f"{separator}{match['kind']}{match['number'] or 0}" if match["kind"] else "")


def _severities(data: Mapping[str, Any], entries: list[Any]) -> tuple[list[tuple[str, str]], list[str]]:
    """Return every CVSS vector and every word of the database, of the record and of its entries."""
    vectors: list[tuple[str, str]] = []
    words: list[str] = []
    for part in (data, *(entry for entry in entries if isinstance(entry, Mapping))):
        listed = part.get("severity")
        vectors.extend(
            (item["type"], item["score"])
            for item in (listed if isinstance(listed, list) else [])
            if isinstance(item, Mapping) and isinstance(item.get("type"), str) and isinstance(item.get("score"), str)
        )
        specific = part.get("database_specific")
        if isinstance(specific, Mapping) and isinstance(specific.get("severity"), str):
            words.append(specific["severity"])
    return vectors, words


def _withdrawn(value: object, place: str, now: datetime) -> bool:
    if value is None:
        return False
    time = _time(value)
    if time is None:
        raise UnreadableRecordError(f"withdrawn: {value!r} is not a time", place=place)
    return time <= now


def _summary(data: Mapping[str, Any]) -> str:
    """Return the summary, or the first line of the details, on one line."""
    for key in ("summary", "details"):
        text = data.get(key)
        if isinstance(text, str) and text.strip():
            line = " ".join(text.split())
            return line if len(line) <= _SUMMARY_LENGTH else line[: _SUMMARY_LENGTH - 1] + "…"
    return ""


def _time(value: object) -> datetime | None:
    """Return an RFC 3339 time in UTC; None if it is absent or none, so that it makes nothing look fresh."""
    if not isinstance(value, str):
        return None
    try:
        time = datetime.fromisoformat(value)
    except ValueError:
        return None
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC)


def _list(value: object, key: str, doubts: list[str]) -> list[Any]:
    if not isinstance(value, list | None):
        doubts.append(f"its {key} is not a list")
        return []
    return value or []


def _strings(value: object) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []
