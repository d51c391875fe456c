"""Whether the advisory file can be relied on: it is there, it is young enough, nothing in it is unread."""

from __future__ import annotations

from datetime import date
from typing import Any

from pytest_devsecops.core.findings import Finding, Status
from pytest_devsecops.core.text import counted, format_duration
from pytest_devsecops.dependencies.advisories.index import IndexInfo
from pytest_devsecops.dependencies.advisories.lookup import Lookup

IMPORT = "pytest-devsecops advisories import SOURCE…"

_DAY = 86400.0


def age_in_days(info: IndexInfo, today: date) -> int | None:
    """Return how many days the advisories are old at ``today`` (UTC); None if they have no date."""
    return (today - info.dated.date()).days if info.dated else None


def is_too_old(info: IndexInfo, max_age: float, today: date) -> bool:
    """Tell whether the advisories are older than ``max_age`` seconds, or of unknown age."""
    age = age_in_days(info, today)
    return age is None or age * _DAY > max_age


def file_findings(lookup: Lookup, max_age: float, today: date) -> list[Finding]:
    """Return why the advisory file itself keeps a verdict from being met.

    Args:
        lookup: what was asked of it.
        max_age: how old the advisories may be, in seconds.
        today: the date that their age is counted from (UTC).
    """
    info = lookup.info
    if info is None:
        error = lookup.error
        cause = error.message if error else "there is no advisory file"
        remedy = error.remedy if error else IMPORT
        return [_finding("advisories-unusable", lookup, f"no advisory was looked at: {cause}", remedy)]
    found = []
    if info.dated is None:
        message = "nobody can tell how old the advisories are: a source of them has no date"
        fix = "import at least one dated database, and name own collections with --undated"
        found.append(_finding("advisories-undated", lookup, message, fix))
    elif is_too_old(info, max_age, today):
        age, limit = counted(age_in_days(info, today) or 0, "day"), format_duration(max_age)
        source = info.stalest.name if info.stalest else ""
        message = (
            f"the newest advisory from {source} is of {info.dated:%Y-%m-%d}, {age} old; at most {limit} is allowed"
        )
        fix = f"fetch a fresh database and import it: {IMPORT}"
        found.append(_finding("advisories-too-old", lookup, message, fix))
    if info.unreadable:
        more = f" (and {len(info.unreadable) - 1:,} more)" if len(info.unreadable) > 1 else ""
        message = f"an advisory that could not be read may concern any dependency: {info.unreadable[0]}{more}"
        found.append(_finding("unreadable-advisory", lookup, message, "repair its source and import it again"))
    return found


def file_evidence(lookup: Lookup) -> dict[str, Any] | None:
    """Return what the file says about itself, for the evidence; None if it cannot be used."""
    if lookup.info is None:
        return None
    dated = lookup.info.dated
    return {"file": lookup.path, **lookup.info.as_dict(), "dated": dated.isoformat() if dated else None}


def _finding(rule: str, lookup: Lookup, message: str, fix: str) -> Finding:
    return Finding(rule, lookup.path, f"{lookup.path}: {message}", fix=fix, status=Status.UNVERIFIED)
