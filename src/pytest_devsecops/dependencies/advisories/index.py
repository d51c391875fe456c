"""The advisory file: one sqlite database, written once and then only read.

Tables: ``meta`` (facts about the file), ``advisory`` (one row per advisory, in the order of their
ids) and ``package`` (one row per package name, with every advisory on it, so that matching a name
costs one look-up). The digest covers every row of the last two, so equal contents have equal digests.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_devsecops.dependencies.advisories.model import Advisory, AdvisoryError, Affected, Interval

if TYPE_CHECKING:
    import sqlite3

#: Marks the file as ours in sqlite's header ("psec").
APPLICATION_ID = 0x70736563
#: Raised whenever older files would be read wrongly, or newer ones were decoded better.
SCHEMA_VERSION = 1

REBUILD = "build it anew with 'pytest-devsecops advisories import'"

#: Every row that the digest covers, in a fixed order.
_CONTENTS = ("SELECT row, data FROM advisory ORDER BY row", "SELECT name, data FROM package ORDER BY name")
_NAMES_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """One source that went into the file.

    Attributes:
        name: its file or folder name.
        format: what it was read as.
        sha256: of the file, or of the sorted names and digests of a folder's files.
        records: how many records it had.
        newest: the newest date in its records, ISO 8601 in UTC; empty if they have none.
        ages: whether its date counts for the age of the file; not for an own collection that changes
            seldom.
    """

    name: str
    format: str
    sha256: str
    records: int
    newest: str = ""
    ages: bool = True


@dataclass(frozen=True, slots=True)
class IndexInfo:
    """What the file says about itself.

    Attributes:
        built: when it was written, ISO 8601 in UTC.
        sha256: the digest of its contents.
        count: advisories that can match; withdrawn ones are not among them.
        packages: how many package names they concern.
        withdrawn: records that their database took back.
        elsewhere: records that concern no PyPI package.
        superseded: records for which a newer one with the same id was taken.
        unreadable: one line per record that could not be read, and that may concern any package.
        sources: what it was made from.
    """

    built: str
    sha256: str
    count: int
    packages: int
    withdrawn: int
    elsewhere: int
    superseded: int
    unreadable: tuple[str, ...]
    sources: tuple[SourceInfo, ...]

    @property
    def stalest(self) -> SourceInfo | None:
        """The source whose newest record is the oldest, or which has no date at all; own collections aside.

        One fresh source does not hide that another one is stale.
        """
        return min((source for source in self.sources if source.ages), key=lambda one: one.newest, default=None)

    @property
    def dated(self) -> datetime | None:
        """The date up to which the file knows advisories: that of its stalest source's newest record.

        Building a file anew from old data makes nothing newer, so the build date does not count.
        """
        return datetime.fromisoformat(self.stalest.newest) if self.stalest and self.stalest.newest else None

    def as_dict(self) -> dict[str, Any]:
        """Return the report's ``run.advisories`` object."""
        return {
            "source": ", ".join(source.name for source in self.sources),
            "built": self.built,
            "sha256": self.sha256,
            "count": self.count,
        }


@dataclass(frozen=True, slots=True)
class Entry:
    """What one advisory, by its row, says about one package."""

    row: int
    affected: Affected


class AdvisoryIndex:
    """An open advisory file. Use ``open_index``.

    Args:
        connection: a read-only connection.
        info: what the file says about itself, checked against its contents.
    """

    def __init__(self, connection: sqlite3.Connection, info: IndexInfo) -> None:
        self._connection = connection
        self.info = info

    def entries(self, names: Iterable[str]) -> dict[str, tuple[Entry, ...]]:
        """Return what the advisories say about each of the normalised ``names`` that they know."""
        known = {row[0] for row in self._connection.execute("SELECT name FROM package")}
        wanted = sorted(known.intersection(names))
        found: dict[str, tuple[Entry, ...]] = {}
        for chunk in _chunks(wanted):
            marks = ",".join("?" * len(chunk))
            query = f"SELECT name, data FROM package WHERE name IN ({marks})"  # noqa: S608 - question marks only
            for name, data in self._connection.execute(query, chunk):
                found[name] = tuple(_entry(name, item) for item in json.loads(data))
        return found

    def advisories(self, rows: Iterable[int]) -> dict[int, Advisory]:
        """Return the advisories in ``rows``, without their packages."""
        found: dict[int, Advisory] = {}
        for chunk in _chunks(sorted(set(rows))):
            marks = ",".join("?" * len(chunk))
            query = f"SELECT row, data FROM advisory WHERE row IN ({marks})"  # noqa: S608 - question marks only
            for row, data in self._connection.execute(query, chunk):
                found[row] = Advisory.from_dict(json.loads(data))
        return found


@contextmanager
def open_index(path: Path) -> Iterator[AdvisoryIndex]:
    """Open the advisory file at ``path`` for reading and check it against its digest.

    Raises:
        AdvisoryError: if it is missing, empty, not ours, of another schema, or damaged.
    """
    import sqlite3  # only a session that asks for advisories pays for it

    if not path.is_file():
        remedy = f"make it with 'pytest-devsecops advisories import SOURCE… --to {path}'"
        raise AdvisoryError("there is no advisory file", place=str(path), remedy=remedy)
    # Immutable: sqlite takes no lock and writes no journal beside a file that never changes.
    try:
        connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True)
    except sqlite3.Error as error:
        raise _damaged(path, error) from None
    try:
        info = _read_info(connection, path)
        yield AdvisoryIndex(connection, info)
    except sqlite3.Error as error:
        raise _damaged(path, error) from None
    finally:
        connection.close()


def _damaged(path: Path, cause: object) -> AdvisoryError:
    return AdvisoryError(f"the advisory file is damaged or is none: {cause}", place=str(path), remedy=REBUILD)


def contents_digest(connection: sqlite3.Connection) -> str:
    """Return the SHA-256 of everything that matching reads, in hexadecimal digits."""
    digest = hashlib.sha256()
    for query in _CONTENTS:
        for key, data in connection.execute(query):
            digest.update(f"{key}\0{data}\n".encode())
    return digest.hexdigest()


def packed(row: int, affected: Affected) -> list[Any]:
    """Return an entry as the JSON value that ``package.data`` holds."""
    intervals = [[item.lower, item.upper, int(item.above), int(item.through)] for item in affected.intervals]
    return [row, intervals, list(affected.versions), affected.doubt]


def info_fields(info: IndexInfo) -> Mapping[str, str]:
    """Return the rows of ``meta``."""
    return {name: json.dumps(value) for name, value in asdict(info).items()}


def _read_info(connection: sqlite3.Connection, path: Path) -> IndexInfo:
    [application] = connection.execute("PRAGMA application_id").fetchone()
    [schema] = connection.execute("PRAGMA user_version").fetchone()
    if application != APPLICATION_ID:
        raise AdvisoryError("is not an advisory file, or an empty one", place=str(path), remedy=REBUILD)
    if schema != SCHEMA_VERSION:
        message = f"has schema {schema}, and this version of pytest-devsecops reads schema {SCHEMA_VERSION}"
        raise AdvisoryError(message, place=str(path), remedy=REBUILD)
    try:
        fields = {name: json.loads(value) for name, value in connection.execute("SELECT name, value FROM meta")}
        sources = tuple(SourceInfo(**source) for source in fields.pop("sources"))
        info = IndexInfo(**fields | {"sources": sources, "unreadable": tuple(fields["unreadable"])})
    except (ValueError, KeyError, TypeError) as error:
        raise _damaged(path, error) from None
    if contents_digest(connection) != info.sha256:
        raise _damaged(path, "its contents do not match its digest")
    return info


def _entry(name: str, item: Sequence[Any]) -> Entry:
    row, intervals, versions, doubt = item
    unpacked = tuple(Interval(lower, upper, bool(above), bool(through)) for lower, upper, above, through in intervals)
    return Entry(row, Affected(name, unpacked, tuple(versions), doubt))


def _chunks(items: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(items), _NAMES_AT_ONCE):
        yield items[start : start + _NAMES_AT_ONCE]
