"""safety's database, read without safety: the public flat layout, and the one of schema 2.

Flat: ``{"$meta": {…}, NAME: [SPEC, …]}`` (``insecure.json``) or ``{"$meta": {…}, NAME: [ENTRY, …]}``
(``insecure_full.json``). Schema 2: ``{"meta": {…}, "vulnerable_packages": {NAME: […]}}``, likewise.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name

from pytest_devsecops.dependencies.advisories.build import Harvest
from pytest_devsecops.dependencies.advisories.intervals import intervals_of_specifier
from pytest_devsecops.dependencies.advisories.model import (
    Advisory,
    AdvisoryError,
    Affected,
    Interval,
    Severity,
    UnreadableRecordError,
)
from pytest_devsecops.dependencies.advisories.severity import highest, level_of
from pytest_devsecops.dependencies.advisories.sources.records import (
    Item,
    ReadOptions,
    file_digest,
    harvest,
    parse_json,
    read_bytes,
)

FULL, SHORT = "insecure_full.json", "insecure.json"
_SUMMARY_LENGTH = 200


@dataclass(frozen=True, slots=True)
class _Entry:
    """One entry of the database with what is needed to understand it."""

    name: str
    value: object
    modified: datetime | None
    severities: Mapping[str, Any]


class SafetyDatabase:
    """Reads a database folder, or one of its two files."""

    name = "safety-db"

    def recognises(self, path: Path) -> bool:
        """Tell whether it is a folder with one of the two files, or a JSON file in one of the layouts."""
        if path.is_dir():
            return (path / FULL).is_file() or (path / SHORT).is_file()
        if not path.name.endswith(".json"):
            return False
        data = read_bytes(path)
        return b'"$meta"' in data or (b'"vulnerable_packages"' in data and b'"schema_version"' in data)

    def read(self, path: Path, options: ReadOptions) -> Harvest:
        """Read every entry; see ``AdvisorySource``.

        The full file tells everything; what stands in the short one alone is taken from there, so
        that nothing is lost where the two differ.
        """
        files = [path / FULL, path / SHORT] if path.is_dir() else [path]
        items = _all_items([file for file in files if file.is_file()])
        digest = partial(file_digest, path)
        return harvest(items, _decode, options, name=path.name, form=self.name, digest=digest)


def _all_items(files: list[Path]) -> Iterator[Item]:
    seen: set[tuple[str, str]] = set()
    for file in files:
        for place, entry in _items(file):
            if isinstance(entry.value, str) and (canonicalize_name(entry.name), entry.value) in seen:
                continue
            if isinstance(entry.value, Mapping):
                specs = entry.value.get("specs")
                texts = [spec for spec in specs if isinstance(spec, str)] if isinstance(specs, list) else []
                seen.update((canonicalize_name(entry.name), spec) for spec in texts)
            yield place, entry


def _items(file: Path) -> Iterator[tuple[str, _Entry]]:
    data = parse_json(read_bytes(file), str(file))
    if not isinstance(data, dict):
        raise AdvisoryError("is not a safety database, which is a JSON object", place=str(file))
    flat = "vulnerable_packages" not in data
    meta = data.get("$meta" if flat else "meta")
    packages = {name: value for name, value in data.items() if name != "$meta"} if flat else data["vulnerable_packages"]
    if not isinstance(meta, dict) or not isinstance(packages, dict):
        raise AdvisoryError("is in neither layout of safety's database", place=str(file))
    severities = meta.get("severities")
    for name, entries in packages.items():
        for index, value in enumerate(entries if isinstance(entries, list) else [entries]):
            known = severities if isinstance(severities, dict) else {}
            yield f"{file}: {name}[{index}]", _Entry(name, value, _timestamp(meta), known)


def _decode(entry: _Entry, place: str) -> Advisory:
    """Decode one entry; anything wrong with its ranges becomes a doubt on its package."""
    name = canonicalize_name(entry.name)
    if isinstance(entry.value, str):
        affected = _affected(name, [entry.value])
        return Advisory(f"safety:{name}:{entry.value}", modified=entry.modified, source="safety", affected=(affected,))
    if not isinstance(entry.value, Mapping):
        raise UnreadableRecordError("is neither a range nor an entry", place=place)
    own, others = _ids(entry.value)
    specs = entry.value.get("specs")
    affected = _affected(name, specs if isinstance(specs, list) else [specs])
    text = entry.value.get("advisory")
    summary = " ".join(text.split()) if isinstance(text, str) else ""
    return Advisory(
        id=own or next(iter(others), f"safety:{name}:{affected.ranges}"),
        aliases=tuple(others if own else others[1:]),
        summary=summary if len(summary) <= _SUMMARY_LENGTH else summary[: _SUMMARY_LENGTH - 1] + "…",
        severity=highest([_severity(entry.severities.get(other)) for other in others]),
        modified=entry.modified,
        source="safety",
        affected=(affected,),
    )


def _affected(name: str, specs: list[Any]) -> Affected:
    intervals: list[Interval] = []
    doubts: list[str] = []
    for spec in specs:
        try:
            intervals.extend(intervals_of_specifier(spec if isinstance(spec, str) else repr(spec)))
        except ValueError as error:
            doubts.append(f"its range {spec!r} cannot be compared: {error}")
    if not specs:
        doubts.append("it names no range")
    return Affected(name, tuple(intervals), doubt="; ".join(doubts))


def _ids(value: Mapping[str, Any]) -> tuple[str, list[str]]:
    """Return safety's own id, spelled as in the flat layout, and all others (CVE, PVE)."""
    own, others = "", []
    for item in value.get("ids") or []:
        if isinstance(item, Mapping) and isinstance(item.get("id"), str | int):
            if item.get("type") == "pyup":
                own = f"pyup.io-{item['id']}"
            else:
                others.append(str(item["id"]))
    if isinstance(value.get("id"), str):
        own = value["id"]
    if isinstance(value.get("cve"), str):
        others.extend(part.strip() for part in value["cve"].split(",") if part.strip())
    return own, list(dict.fromkeys(others))


def _severity(rating: object) -> Severity:
    found = []
    for version in ("cvssv3", "cvssv2"):
        scores = rating.get(version) if isinstance(rating, Mapping) else None
        score = scores.get("base_score") if isinstance(scores, Mapping) else None
        try:
            number = float(str(score))
        except ValueError:
            continue
        if 0 <= number <= 10:  # noqa: PLR2004 - the scale of CVSS
            found.append(Severity(level_of(number), number, f"the database's {version} base score"))
    return highest(found)


def _timestamp(meta: Mapping[str, Any]) -> datetime | None:
    value = meta.get("timestamp")
    if not isinstance(value, int | float):
        return None
    try:
        return datetime.fromtimestamp(value, UTC)
    except (OverflowError, OSError, ValueError):
        return None
