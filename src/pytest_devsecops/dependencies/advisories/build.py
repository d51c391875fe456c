"""Building the advisory file: everything that the sources gave, in one file, or no file at all."""

from __future__ import annotations

import json
import os
import sqlite3
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from pytest_devsecops.core.text import counted
from pytest_devsecops.dependencies.advisories.index import (
    APPLICATION_ID,
    SCHEMA_VERSION,
    IndexInfo,
    SourceInfo,
    contents_digest,
    info_fields,
    packed,
)
from pytest_devsecops.dependencies.advisories.model import Advisory, AdvisoryError

_TABLES = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE advisory (row INTEGER PRIMARY KEY, data TEXT NOT NULL);
CREATE TABLE package (name TEXT PRIMARY KEY, data TEXT NOT NULL) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Harvest:
    """What one source gave.

    Attributes:
        source: what it was.
        advisories: every record that could be read, withdrawn and foreign ones too.
        unreadable: one line per record that could not, with its place.
    """

    source: SourceInfo
    advisories: tuple[Advisory, ...]
    unreadable: tuple[str, ...] = ()


def build_index(harvests: Sequence[Harvest], path: Path, *, now: datetime) -> IndexInfo:
    """Write the advisory file at ``path`` from what the sources gave.

    The file appears whole or not at all: it is written beside its place and then moved there, and
    an existing one stays as it was if anything fails.

    Args:
        harvests: what the sources gave.
        path: where the file belongs; its folder is made.
        now: the build date (UTC).

    Raises:
        AdvisoryError: if there would be no advisory in it, or if it cannot be written.
    """
    everything = [advisory for harvest in harvests for advisory in harvest.advisories]
    here = [advisory for advisory in everything if advisory.affected]
    current = _newest(here)
    active = [advisory for advisory in current if not advisory.withdrawn]
    if not active:
        found = f"{counted(len(everything), 'record')} in {counted(len(harvests), 'source')}"
        message = f"no advisory on a PyPI package that is in force was found ({found}), so no file was written"
        raise AdvisoryError(message, place=str(path), remedy="check that the sources are advisory databases")
    info = IndexInfo(
        built=now.astimezone(UTC).isoformat(timespec="seconds"),
        sha256="",
        count=len(active),
        packages=len({package.name for advisory in active for package in advisory.affected}),
        withdrawn=len(current) - len(active),
        elsewhere=len(everything) - len(here),
        superseded=len(here) - len(current),
        unreadable=tuple(line for harvest in harvests for line in harvest.unreadable),
        sources=tuple(harvest.source for harvest in harvests),
    )
    return _write_atomically(path, active, info)


def newest_date(advisories: Iterable[Advisory], now: datetime) -> str:
    """Return the newest date of the records, ISO 8601; later ones than ``now`` are not believed."""
    dates = [one.modified for one in advisories if one.modified is not None and one.modified <= now]
    return max(dates).isoformat() if dates else ""


def _newest(advisories: Iterable[Advisory]) -> list[Advisory]:
    """Return one record per id and content: of several with one id, those that changed last.

    Two records with one id that differ without a date to choose by both stay: each may be right.
    """
    by_id: dict[str, list[Advisory]] = {}
    for advisory in advisories:
        by_id.setdefault(advisory.id, []).append(advisory)
    oldest = datetime.min.replace(tzinfo=UTC)
    chosen = []
    for _, same in sorted(by_id.items()):
        dated = all(one.modified is not None for one in same)
        latest = max(one.modified or oldest for one in same)
        newest = [one for one in same if not dated or one.modified == latest]
        chosen.extend(sorted(dict.fromkeys(newest), key=repr))
    return chosen


def _write_atomically(path: Path, advisories: Sequence[Advisory], info: IndexInfo) -> IndexInfo:
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
        os.close(handle)
        temporary = Path(name)
        written = _write(temporary, advisories, info)
        temporary.chmod(0o644)  # mkstemp makes files that only their owner can read
        temporary.replace(path)
    except (OSError, sqlite3.Error) as error:
        raise AdvisoryError(f"the advisory file cannot be written: {error}", place=str(path)) from None
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
    return written


def _write(path: Path, advisories: Sequence[Advisory], info: IndexInfo) -> IndexInfo:
    packages: dict[str, list[object]] = {}
    for row, advisory in enumerate(advisories):
        for affected in advisory.affected:
            packages.setdefault(affected.name, []).append(packed(row, affected))
    connection = sqlite3.connect(path)
    try:
        connection.executescript(f"PRAGMA application_id={APPLICATION_ID}; PRAGMA user_version={SCHEMA_VERSION};")
        connection.executescript(_TABLES)
        rows = ((row, _json(advisory.as_dict())) for row, advisory in enumerate(advisories))
        connection.executemany("INSERT INTO advisory VALUES (?, ?)", rows)
        connection.executemany("INSERT INTO package VALUES (?, ?)", ((n, _json(e)) for n, e in packages.items()))
        complete = replace(info, sha256=contents_digest(connection))
        connection.executemany("INSERT INTO meta VALUES (?, ?)", info_fields(complete).items())
        connection.commit()
    finally:
        connection.close()
    return complete


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
