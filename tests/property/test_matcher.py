"""The matcher against a second implementation, written from the text of the OSV schema alone."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from itertools import groupby, permutations, product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.specifiers import SpecifierSet
from packaging.version import InvalidVersion, Version

from pytest_devsecops.dependencies.advisories.intervals import contains_any, intervals_of_specifier
from pytest_devsecops.dependencies.advisories.matcher import judge_range, judge_version, smallest_fix
from pytest_devsecops.dependencies.advisories.model import Affected, Interval, UnreadableRecordError
from pytest_devsecops.dependencies.advisories.osv import read_record
from pytest_devsecops.dependencies.advisories.versions import order, point
from pytest_devsecops.dependencies.ranges import Answer

NOW = datetime(2026, 1, 1, tzinfo=UTC)

Event = dict[str, str]


# --- the naive implementation: OSV schema, section "Evaluation", line by line -----------------------


def naive_key(text: str) -> tuple[int, Any]:
    """Versions in the order of the ecosystem; what PEP 440 does not know is before all others."""
    try:
        return (1, Version(text))
    except InvalidVersion:
        return (0, text.lower())


def naive_event_key(event: Event) -> tuple[int, Any]:
    [(kind, value)] = event.items()
    return (-1, "") if kind == "introduced" and value == "0" else naive_key(value)


def all_orders(events: list[Event]) -> list[list[Event]]:
    """Every result that sorting may have, since the schema does not say which of two equal events is first."""
    ordered = sorted((one for one in events if "limit" not in one), key=naive_event_key)
    ties = [list(permutations(group)) for _, group in groupby(ordered, key=naive_event_key)]
    return [[event for group in choice for event in group] for choice in product(*ties)]


def naive_included(version: str, events: list[Event]) -> set[bool]:
    """IncludedInRanges for one range: the answers that the schema allows."""
    limits = [event["limit"] for event in events if "limit" in event]
    if limits and not any(limit == "*" or naive_key(version) < naive_key(limit) for limit in limits):
        return {False}
    answers = set()
    for timeline in all_orders(events):
        vulnerable = False
        for event in timeline:
            if "introduced" in event and (
                event["introduced"] == "0" or naive_key(version) >= naive_key(event["introduced"])
            ):
                vulnerable = True
            elif "fixed" in event and naive_key(version) >= naive_key(event["fixed"]):  # noqa: SIM114 - the schema's lines
                vulnerable = False
            elif "last_affected" in event and naive_key(version) > naive_key(event["last_affected"]):
                vulnerable = False
        answers.add(vulnerable)
    return answers


def naive_is_vulnerable(version: str, affected: dict[str, Any]) -> set[bool]:
    """IsVulnerable for one package: the answers that the schema allows."""
    if any(naive_key(version) == naive_key(listed) for listed in affected.get("versions", [])):
        return {True}
    ranges = [item["events"] for item in affected.get("ranges", []) if item["type"] != "GIT"]
    answers = [naive_included(version, events) for events in ranges]
    if {True} in answers:
        return {True}
    return {any(choice) for choice in product(*answers)} if answers else {False}


def naive_with_public(version: str, affected: dict[str, Any]) -> set[bool]:
    """The same, and a local build is as vulnerable as what it is a build of."""
    answers = naive_is_vulnerable(version, affected)
    key = naive_key(version)
    if key[0] and key[1].local:
        public = naive_is_vulnerable(key[1].public, affected)
        return {one or other for one in answers for other in public}
    return answers


# --- generated records ------------------------------------------------------------------------------

small = st.integers(0, 3).map(str)
releases = st.lists(small, min_size=1, max_size=3).map(".".join)
suffixes = st.sampled_from(["", "", "", "a1", "b2", "rc1", ".post1", ".dev1", "rc1.dev2", ".post1.dev1"])
epochs = st.sampled_from(["", "", "", "", "1!"])
public_versions = st.tuples(epochs, releases, suffixes).map("".join)
local_versions = st.tuples(public_versions, st.sampled_from(["", "", "", "+cu118"])).map("".join)
strange_versions = st.sampled_from(["0.8.3p1", "2.0.1rc2-git", "2019-09-12", "1.0-SNAPSHOT", "v1.0.0", "1.0 "])
versions = st.one_of(local_versions, local_versions, strange_versions)
events = st.one_of(
    st.one_of(versions, st.just("0")).map(lambda text: {"introduced": text}),
    versions.map(lambda text: {"fixed": text}),
    versions.map(lambda text: {"last_affected": text}),
)
limits = st.one_of(versions, st.just("*")).map(lambda text: {"limit": text})
commits = st.just([{"introduced": "0"}, {"fixed": "b42dd4badf803bb9fb71ac34cd9cb0c249262f2c"}])
version_ranges = st.fixed_dictionaries(
    {
        "type": st.just("ECOSYSTEM"),
        "events": st.tuples(st.lists(events, min_size=1, max_size=4), st.lists(limits, max_size=1)).map(
            lambda parts: parts[0] + parts[1]
        ),
    }
)
git_ranges = st.fixed_dictionaries({"type": st.just("GIT"), "events": commits})
affected_entries = st.fixed_dictionaries(
    {
        "package": st.just({"ecosystem": "PyPI", "name": "Zope.Interface"}),
        "ranges": st.lists(st.one_of(version_ranges, version_ranges, git_ranges), max_size=3),
        "versions": st.lists(versions, max_size=3),
    }
)


def decoded(entry: dict[str, Any]) -> Affected:
    [affected] = read_record({"id": "T-1", "affected": [entry]}, "test", now=NOW).affected
    return affected


def may_doubt(entry: dict[str, Any], version: str) -> bool:
    """Whether there is a reason to answer "unknown": something that no order of versions has a place for."""
    ranges = [item["events"] for item in entry["ranges"] if item["type"] != "GIT"]
    bounds = [value for events in ranges for event in events for value in event.values() if value not in ("0", "*")]
    strange = any(naive_key(bound.strip())[0] == 0 for bound in [*bounds, version])
    never_begins = any(not any("introduced" in event for event in events) for events in ranges)
    return strange or never_begins or not any(True for events in ranges for _ in events) or not decoded(entry).intervals


@settings(max_examples=500)
@given(affected_entries, versions)
def test_generated_records_are_judged_as_the_schema_says(entry: dict[str, Any], version: str) -> None:
    version = version.strip()
    entry["versions"] = [text.strip() for text in entry["versions"]]
    allowed = naive_with_public(version, entry)
    answer = judge_version(decoded(entry), point(version))
    if answer is Answer.UNKNOWN:
        assert False in allowed
        assert may_doubt(entry, version)
    else:
        assert (answer is Answer.YES) in allowed


@given(st.lists(st.tuples(public_versions, public_versions), min_size=1, max_size=3), local_versions)
def test_intervals_that_touch_or_overlap_lose_no_version(pairs: list[tuple[str, str]], version: str) -> None:
    """The events of several sound intervals in one range, in any order, cover what each interval covers."""
    # "0" as a first event would be before everything, so those intervals would not be disjoint.
    sound = [(low, high) for low, high in pairs if naive_key(low) < naive_key(high) and low != "0"]
    sound.sort(key=lambda pair: naive_key(pair[0]))
    disjoint: list[tuple[str, str]] = []
    for low, high in sound:
        if not disjoint or naive_key(disjoint[-1][1]) <= naive_key(low):
            disjoint.append((low, high))
    timeline = [event for low, high in reversed(disjoint) for event in ({"introduced": low}, {"fixed": high})]
    entry = {
        "package": {"ecosystem": "PyPI", "name": "x"},
        "ranges": [{"type": "ECOSYSTEM", "events": timeline}] if timeline else [],
    }
    expected = any(
        naive_key(low) <= naive_key(text) < naive_key(high)
        for low, high in disjoint
        for text in (version, version.partition("+")[0])
    )
    assert (judge_version(decoded(entry), point(version)) is Answer.YES) == expected


KEYS = [
    *("id", "affected", "package", "ecosystem", "name", "ranges", "events", "type", "versions", "introduced", "fixed"),
    *("limit", "severity", "score", "withdrawn", "modified", "aliases", "database_specific"),
]
json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-2, 2), st.text(max_size=5), st.just("PyPI"), versions),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(
                KEYS,
            ),
            inner,
            max_size=4,
        ),
    ),
    max_leaves=20,
)


@settings(max_examples=300)
@given(json_values)
def test_any_json_is_an_advisory_or_an_unreadable_record_and_nothing_else(value: object) -> None:
    for data in (value, {"id": "T-1", "affected": [{"package": {"ecosystem": "PyPI", "name": "x"}, "ranges": value}]}):
        with suppress(UnreadableRecordError):
            for affected in read_record(data, "test", now=NOW).affected:
                assert affected.intervals or affected.versions or affected.doubt


# --- ranges -----------------------------------------------------------------------------------------

operators = st.sampled_from([">=", ">", "<", "<=", "==", "!=", "~="])
clauses = st.one_of(
    st.tuples(operators, public_versions).filter(lambda pair: pair[0] != "~=" or "." in pair[1].split("!")[-1][:2]),
    st.tuples(st.sampled_from(["==", "!="]), releases.map(lambda text: f"{text}.*")),
).map("".join)


def specifier_or_none(parts: list[str]) -> SpecifierSet | None:
    try:
        return SpecifierSet(",".join(parts))
    except ValueError:
        return None


specifier_sets = st.lists(clauses, max_size=3).map(specifier_or_none).filter(lambda found: found is not None)
bounds = st.one_of(st.none(), public_versions)
intervals = st.builds(Interval, bounds, bounds, st.booleans(), st.booleans())


def as_specifier(interval: Interval) -> str:
    """The interval in PEP 440's words; ``<`` and ``>`` there leave out more than the plain order does."""
    parts = []
    if interval.lower is not None:
        parts.append(f">={interval.lower}" + (f",!={interval.lower}" if interval.above else ""))
    if interval.upper is not None:
        parts.append(f"<={interval.upper}" + ("" if interval.through else f",!={interval.upper}"))
    return ",".join(parts)


@settings(max_examples=500)
@given(specifier_sets, intervals)
def test_ranges_meet_intervals_where_packaging_says_so(allowed: SpecifierSet, interval: Interval) -> None:
    pytest.importorskip("packaging.ranges", reason="packaging computes with ranges from 26.3 on")
    affected = Affected("x", (interval,))
    both = f"{allowed},{as_specifier(interval)}".strip(",")
    shared = not SpecifierSet(both).to_range().is_empty
    assert (judge_range(affected, allowed, prereleases=True) is Answer.YES) == shared

    # Without pre-releases: they count only where no final release is left to choose.
    final = not SpecifierSet(both, prereleases=False).to_range().is_empty
    bounds = [bound for bound in interval[:2] if bound is not None]
    known = any(not Version(bound).is_prerelease and allowed.contains(bound) for bound in bounds)
    expected = final or (shared and (bool(allowed.prereleases) or not known))
    assert (judge_range(affected, allowed) is Answer.YES) == expected


@settings(max_examples=300)
@given(specifier_sets, intervals, public_versions)
def test_a_range_that_allows_an_affected_version_is_never_cleared(
    allowed: SpecifierSet, interval: Interval, version: str
) -> None:
    """The same without packaging's own ranges: whatever version anybody can name is a counterexample."""
    if allowed.contains(version, prereleases=True) and contains_any([interval], order(version)):
        assert judge_range(Affected("x", (interval,)), allowed, prereleases=True) is Answer.YES
        if not Version(version).is_prerelease:
            assert judge_range(Affected("x", (interval,)), allowed) is Answer.YES


def naive_clause(clause: str, version: Version) -> bool:
    """One clause of an advisory's specifier, by plain order where PEP 440's ``<`` and ``>`` leave something out."""
    if clause.startswith("<") and not clause.startswith("<="):
        return version < Version(clause[1:])
    if clause.startswith(">") and not clause.startswith(">="):
        return version > Version(clause[1:])
    return SpecifierSet(clause).contains(version, prereleases=True)


@settings(max_examples=500)
@given(specifier_sets, public_versions)
def test_specifiers_of_an_advisory_are_read_by_plain_order(specifiers: SpecifierSet, version: str) -> None:
    parsed = Version(version)
    expected = all(naive_clause(str(clause), parsed) for clause in specifiers)
    found = intervals_of_specifier(str(specifiers))
    assert contains_any(found, order(version)) == expected


def test_equal_versions_of_different_length_end_different_prefixes() -> None:
    everything = Affected("x", (Interval(None, None),))
    assert judge_range(everything, SpecifierSet("!=0.*,!=0.0.*")) is Answer.YES
    assert judge_range(everything, SpecifierSet("!=0.0.*,!=0.*")) is Answer.YES


@settings(max_examples=300)
@given(st.lists(affected_entries, min_size=1, max_size=3), public_versions)
def test_a_fix_is_above_the_version_and_repairs_everything(entries: list[dict[str, Any]], version: str) -> None:
    everything = [decoded(entry) for entry in entries]
    concerned = [one for one in everything if judge_version(one, point(version)) is Answer.YES]
    fix = smallest_fix(concerned, version)
    if not concerned or fix is None:
        assert fix is None
        return
    assert order(fix) > order(version)
    assert all(judge_version(one, point(fix)) is Answer.NO for one in concerned)
    ends = [bound for one in concerned for bound in (interval.upper for interval in one.intervals) if bound]
    smaller = [end for end in ends if order(version) < order(end) < order(fix)]
    assert all(any(judge_version(one, point(end)) is not Answer.NO for one in concerned) for end in smaller)
