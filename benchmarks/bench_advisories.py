"""Matching locked packages against the reference advisories: the advisory file, a straight scan, safety.

``DEVSECOPS_REFERENCE`` names the folder of the reference advisories. With ``DEVSECOPS_SAFETY_PYTHON``,
the Python of an environment that has safety, its ``check`` is timed on the same advisories and packages.

CPU seconds, the best of several rounds; all in one run, so the ratios hold whatever else the machine does.
Each lock has the same share of packages with advisories: every fifteenth, which is all 660 of them among 10,000.
"""

from __future__ import annotations

import gzip
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, cast

from packaging.specifiers import SpecifierSet

from pytest_devsecops.dependencies.advisories import versions
from pytest_devsecops.dependencies.advisories.build import Harvest, build_index
from pytest_devsecops.dependencies.advisories.index import SourceInfo
from pytest_devsecops.dependencies.advisories.lookup import look_up
from pytest_devsecops.dependencies.advisories.matcher import judge_version
from pytest_devsecops.dependencies.advisories.model import Advisory
from pytest_devsecops.dependencies.advisories.osv import read_record
from pytest_devsecops.dependencies.checks.vulnerability_free import VulnerabilityPolicy, vulnerability_free
from pytest_devsecops.dependencies.model import Dependency, Graph, SourceKind, SourceRead
from pytest_devsecops.dependencies.ranges import Answer

SIZES = (100, 1_000, 10_000)
SCANNED = SIZES[:2]
ROUNDS = 5
BUDGET_SECONDS = 0.3
TIMES_LARGER = 10
NOW = datetime(2024, 10, 11, tzinfo=UTC)

_SAFETY = Path(__file__).with_name("safety_check.py")


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: what was timed, and its CPU seconds per size; None where it was not run."""

    name: str
    seconds: dict[int, float]


def main() -> None:
    """Print seconds, ratios to the advisory file, and the growth from one size to the next."""
    reference = os.environ.get("DEVSECOPS_REFERENCE")
    if not reference:
        print("advisories: not measured, DEVSECOPS_REFERENCE is not set")
        return
    records = _records(Path(reference, "pypa-advisories.jsonl.gz"))
    advisories = [read_record(record, "reference", now=NOW) for record in records]
    locks = {size: _lock(size, advisories, records) for size in SIZES}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        small, large = folder / "advisories.db", folder / "large.db"
        _write(advisories, small)
        _write(_multiplied(advisories), large)
        rows = [
            Row("match", {size: _best(partial(look_up, lock, small)) for size, lock in locks.items()}),
            Row(
                f"match, {TIMES_LARGER}x data",
                {size: _best(partial(look_up, lock, large)) for size, lock in locks.items()},
            ),
            Row("match and verdict", {size: _best(partial(_verdict, lock, small)) for size, lock in locks.items()}),
            Row(
                "straight scan",
                {size: _best(partial(_scan, locks[size], advisories), rounds=1) for size in SCANNED},
            ),
        ]
        rows.extend(_safety_rows(folder, advisories, locks))
    _print(rows, len(advisories))


def _print(rows: Sequence[Row], count: int) -> None:
    ours = rows[0].seconds
    print(f"advisories: {count:,} of them, CPU seconds, best of {ROUNDS} rounds (ratio to the first line)")
    print(f"  {'packages':<20}" + "".join(f"{size:>18,}" for size in SIZES))
    for row in rows:
        cells = [
            f"{row.seconds[size]:.4f} ({row.seconds[size] / ours[size]:.1f}x)" if size in row.seconds else "-"
            for size in SIZES
        ]
        print(f"  {row.name:<20}" + "".join(f"{cell:>18}" for cell in cells))
    growth = ours[10_000] / ours[1_000]
    print(f"  ten times the packages cost {growth:.1f} times the time, {_word(growth <= TIMES_LARGER)} linear")
    print(f"  10,000 packages are {_word(ours[10_000] <= BUDGET_SECONDS)} the budget of {BUDGET_SECONDS:g} s")


def _word(within: bool) -> str:  # noqa: FBT001 - one word for one fact
    return "within" if within else "ABOVE"


def _records(path: Path) -> list[dict[str, Any]]:
    with gzip.open(path) as lines:
        return [json.loads(line) for line in lines]


def _lock(size: int, advisories: Sequence[Advisory], records: Sequence[dict[str, Any]]) -> Graph:
    """Return a lock of ``size`` packages, every fifteenth with advisories, in a version that one of them mentions."""
    chosen = random.Random(size)  # noqa: S311 - a repeatable choice
    mentioned: dict[str, set[str]] = {}
    for advisory, record in zip(advisories, records, strict=True):
        for affected, entry in zip(advisory.affected, record["affected"], strict=True):
            mentioned.setdefault(affected.name, {"1.0"}).update(entry.get("versions", []))
    names = sorted(mentioned)
    chosen.shuffle(names)
    dependencies = [
        Dependency(names[number // 15], chosen.choice(sorted(mentioned[names[number // 15]])), source="uv.lock")
        if number % 15 == 0 and number // 15 < len(names)
        else Dependency(f"package-{number}", f"{number % 7}.{number % 11}.{number % 5}", source="uv.lock")
        for number in range(size)
    ]
    return Graph(tuple(dependencies), (SourceRead("uv.lock", "uv.lock", SourceKind.LOCK, count=size),))


def _write(advisories: Sequence[Advisory], path: Path) -> None:
    source = SourceInfo("reference", "osv-files", "0" * 64, len(advisories), NOW.isoformat())
    build_index([Harvest(source, tuple(advisories))], path, now=NOW)


def _multiplied(advisories: Sequence[Advisory]) -> list[Advisory]:
    """Return the advisories, and copies on packages that nothing depends on: ten times as many in all."""
    copies = [
        replace(
            one,
            id=f"{one.id}-{number}",
            affected=tuple(replace(affected, name=f"{affected.name}-copy{number}") for affected in one.affected),
        )
        for number in range(1, TIMES_LARGER)
        for one in advisories
    ]
    return [*advisories, *copies]


def _best(action: Callable[[], object], *, rounds: int = ROUNDS) -> float:
    """Return the least CPU seconds of ``action``, with nothing remembered from the round before."""
    times = []
    for _ in range(rounds):
        for cached in (versions.order, versions.canonical, versions.point):
            cached.cache_clear()
        start = time.process_time()
        action()
        times.append(time.process_time() - start)
    return min(times)


def _verdict(lock: Graph, path: Path) -> object:
    return vulnerability_free(lock, VulnerabilityPolicy(), look_up(lock, path), today=NOW.date()).as_dict()


def _scan(lock: Graph, advisories: Sequence[Advisory]) -> list[str]:
    """Return what a look at every advisory for every package finds, the way a tool without an index works."""
    return [
        advisory.id
        for dependency in lock.dependencies
        for advisory in advisories
        for affected in advisory.affected
        if affected.name == dependency.name
        and judge_version(affected, versions.point(dependency.version or "")) is Answer.YES
    ]


def _safety_rows(folder: Path, advisories: Sequence[Advisory], locks: dict[int, Graph]) -> list[Row]:
    python = os.environ.get("DEVSECOPS_SAFETY_PYTHON")
    if not python:
        print("advisories: safety is not measured, DEVSECOPS_SAFETY_PYTHON is not set", file=sys.stderr)
        return []
    _write_safety_database(folder, advisories)
    pins = {size: [[one.name, one.version] for one in lock.dependencies] for size, lock in locks.items()}
    request = json.dumps({"database": str(folder), "pins": pins, "rounds": ROUNDS})
    done = subprocess.run([python, str(_SAFETY)], input=request, capture_output=True, text=True, check=True)
    answer = cast("dict[str, Any]", json.loads(done.stdout.splitlines()[-1]))
    seconds = {int(size): value for size, value in answer["seconds"].items()}
    return [
        Row("safety check()", seconds),
        Row("  with its import", {size: value + answer["import"] for size, value in seconds.items()}),
    ]


def _write_safety_database(folder: Path, advisories: Sequence[Advisory]) -> None:
    """Write the same advisories as safety's database of schema 2, without what its engine raises on."""
    short: dict[str, list[str]] = {}
    full: dict[str, list[dict[str, Any]]] = {}
    for advisory in advisories:
        for affected in () if advisory.withdrawn else advisory.affected:
            specs = [text for interval in affected.intervals if _is_specifier(text := str(interval))]
            entry = {"specs": specs, "advisory": advisory.summary, "ids": [{"type": "pyup", "id": advisory.id}]}
            short.setdefault(affected.name, []).extend(specs)
            full.setdefault(affected.name, []).append(entry)
    for name, packages in (("insecure.json", short), ("insecure_full.json", full)):
        meta = {
            "schema_version": "2.0.0",
            "timestamp": int(NOW.timestamp()),
            "base_domain": "https://advisories.example",
        }
        (folder / name).write_text(json.dumps({"meta": meta, "vulnerable_packages": packages}))


def _is_specifier(text: str) -> bool:
    try:
        SpecifierSet(text)
    except ValueError:
        return False
    return True


if __name__ == "__main__":
    main()
