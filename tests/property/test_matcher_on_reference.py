"""The matcher over a whole real database, against the naive evaluation of the same records.

Every version that the database mentions for a package is asked about every advisory on it.
"""

from __future__ import annotations

import gzip
import json
import os
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from pytest_devsecops.dependencies.advisories.collect import import_advisories
from pytest_devsecops.dependencies.advisories.index import open_index
from pytest_devsecops.dependencies.advisories.lookup import look_up, question_of
from pytest_devsecops.dependencies.model import Dependency, Graph
from pytest_devsecops.dependencies.ranges import Answer

NOW = datetime(2024, 10, 11, tzinfo=UTC)

Record = dict[str, Any]


@pytest.fixture(scope="module")
def database() -> Path:
    folder = os.environ.get("DEVSECOPS_REFERENCE")
    if not folder and os.environ.get("CI"):
        pytest.fail("DEVSECOPS_REFERENCE is not set, and in CI the reference data must be there")
    if not folder:
        pytest.skip("needs the reference advisories: set DEVSECOPS_REFERENCE to their folder")
    return Path(folder, "pypa-advisories.jsonl.gz")


@pytest.fixture(scope="module")
def expected(database: Path) -> dict[tuple[str, str], set[str]]:
    """What affects every package and version, as the naive evaluation says."""
    with gzip.open(database) as lines:
        records = [json.loads(line) for line in lines]
    return {(name, version): ids for name, version, ids in pairs(records)}


@pytest.fixture(scope="module")
def file(database: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("index") / "advisories.db"
    import_advisories([database], path, now=NOW)
    return path


@cache
def key(text: str) -> tuple[int, Any]:
    try:
        return (1, Version(text))
    except InvalidVersion:
        return (0, text.lower())


def included(version: str, events: list[dict[str, str]]) -> bool:
    """IncludedInRanges of the OSV schema; where versions tie, a range that begins is not ended by one that ends."""
    vulnerable = False
    timeline = sorted(events, key=lambda one: (one.get("introduced") != "0", key(next(iter(one.values())))))
    for event in timeline:
        if "introduced" in event:
            vulnerable |= event["introduced"] == "0" or key(version) >= key(event["introduced"])
        elif "fixed" in event:
            begins_here = any(
                key(other["introduced"]) == key(event["fixed"]) for other in events if "introduced" in other
            )
            vulnerable &= key(version) < key(event["fixed"]) or begins_here
        else:
            vulnerable &= key(version) <= key(event["last_affected"])
    return vulnerable


def is_vulnerable(version: str, affected: Record) -> bool:
    if any(key(version) == key(listed) for listed in affected.get("versions", [])):
        return True
    ranges = (one["events"] for one in affected.get("ranges", []) if one["type"] == "ECOSYSTEM")
    return any(included(version, events) for events in ranges)


def pairs(records: list[Record]) -> Iterator[tuple[str, str, set[str]]]:
    """Yield every package and version that the records mention, with the ids of what affects it."""
    about: dict[str, list[tuple[str, Record]]] = defaultdict(list)
    mentioned: dict[str, set[str]] = defaultdict(set)
    for record in records:
        if "withdrawn" in record:
            continue
        for affected in record["affected"]:
            name = str(canonicalize_name(affected["package"]["name"]))
            about[name].append((record["id"], affected))
            mentioned[name].update(affected.get("versions", []))
            for one in affected.get("ranges", []):
                if one["type"] == "ECOSYSTEM":
                    mentioned[name].update(value for event in one["events"] for value in event.values())
    for name, versions in mentioned.items():
        for version in sorted(versions):
            yield name, version, {identity for identity, affected in about[name] if is_vulnerable(version, affected)}


@pytest.mark.slow
def test_every_version_in_the_database_is_matched_by_exactly_the_advisories_that_affect_it(
    expected: dict[tuple[str, str], set[str]], file: Path
) -> None:
    graph = Graph(tuple(Dependency(name, version) for name, version in expected))
    lookup = look_up(graph, file)
    assert lookup.error is None
    found = {
        (one.name, one.version): {
            hit.advisory.id for hit in lookup.hits.get(question_of(one), ()) if hit.answer is Answer.YES
        }
        for one in graph.dependencies
    }
    differing = {pair: (ids, found[pair]) for pair, ids in expected.items() if ids != found[pair]}
    assert differing == {}
    assert len(expected) > 20_000
    assert sum(len(ids) for ids in expected.values()) > 140_000


@pytest.mark.slow
def test_what_cannot_be_decided_is_unknown_and_has_a_reason(
    expected: dict[tuple[str, str], set[str]], file: Path
) -> None:
    lookup = look_up(Graph(tuple(Dependency(name, version) for name, version in expected)), file)
    unknown = [
        (question, hit) for question, hits in lookup.hits.items() for hit in hits if hit.answer is Answer.UNKNOWN
    ]
    assert unknown
    assert all(hit.affected.doubt or not key(question.version or "")[0] for question, hit in unknown)


def test_the_index_says_what_the_database_has(file: Path) -> None:
    with open_index(file) as index:
        django = index.entries(["django", "no-such-package"])
        advisories = index.advisories(entry.row for entry in django["django"])
    assert index.info.count == 2651
    assert index.info.withdrawn == 10
    assert index.info.dated == datetime(2024, 10, 10, 17, 22, tzinfo=UTC)
    assert set(django) == {"django"}
    assert len(django["django"]) == len({entry.row for entry in django["django"]}) == 116
    assert {"PYSEC-2024-102", "PYSEC-2023-61"} <= {one.id for one in advisories.values()}
