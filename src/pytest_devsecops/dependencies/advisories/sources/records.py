"""What all sources share: their interface, reading bytes with limits, and losing no record in silence."""

from __future__ import annotations

import gzip
import hashlib
import json
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from pytest_devsecops.dependencies.advisories.build import Harvest, newest_date
from pytest_devsecops.dependencies.advisories.index import SourceInfo
from pytest_devsecops.dependencies.advisories.model import Advisory, AdvisoryError, UnreadableRecordError

#: The most bytes that one document may have when unpacked; a bomb has more than any database.
LARGEST_DOCUMENT = 1 << 30
WHOLE = "fetch it again; nothing was written"


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """How to read a source.

    Attributes:
        now: the time of the import (UTC).
        ages: whether the source's date counts for the age of the advisory file.
    """

    now: datetime
    ages: bool = True


class AdvisorySource(Protocol):
    """One format. A source is a stateless object with a name and two functions."""

    @property
    def name(self) -> str:
        """The format's name."""

    def recognises(self, path: Path) -> bool:
        """Tell whether the file or folder at ``path`` looks like this format."""

    def read(self, path: Path, options: ReadOptions) -> Harvest:
        """Read everything at ``path``.

        Raises:
            AdvisoryError: if a file is damaged, with its place. A record that is whole but cannot be
                understood is counted in the harvest instead.
        """


#: A decoded record, and the place where it stands.
Item = tuple[str, Any]


def harvest(
    items: Iterable[Item],
    decode: Callable[[Any, str], Advisory],
    options: ReadOptions,
    *,
    name: str,
    form: str,
    digest: Callable[[], str],
) -> Harvest:
    """Decode every item, and count and name those that cannot be understood.

    Args:
        items: decoded documents with their places.
        decode: turns one into an advisory.
        options: how to read.
        name: the source's file or folder name.
        form: the name of its format.
        digest: gives its SHA-256; called after everything was read.
    """
    advisories, unreadable = [], []
    for place, value in items:
        try:
            advisories.append(decode(value, place))
        except UnreadableRecordError as error:
            unreadable.append(str(error))
    records = len(advisories) + len(unreadable)
    newest = newest_date(advisories, options.now)
    return Harvest(
        SourceInfo(name, form, digest(), records, newest, options.ages), tuple(advisories), tuple(unreadable)
    )


def read_bytes(path: Path) -> bytes:
    """Return the file's bytes, unpacked if its name ends in ``.gz``.

    Raises:
        AdvisoryError: if it cannot be read to its end.
    """
    try:
        if path.suffix == ".gz":
            with gzip.open(path) as file:
                return bounded(file.read(LARGEST_DOCUMENT + 1), str(path))
        return path.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise AdvisoryError(f"cannot be read whole: {error}", place=str(path), remedy=WHOLE) from None


def bounded(data: bytes, place: str) -> bytes:
    """Return ``data`` unless it has more bytes than a document may have."""
    if len(data) > LARGEST_DOCUMENT:
        raise AdvisoryError(f"unpacks to more than {LARGEST_DOCUMENT:,} bytes", place=place)
    return data


def parse_json(data: bytes, place: str, *, first_line: int = 1) -> Any:  # noqa: ANN401 - any JSON value
    """Return the JSON value in ``data``, which begins at ``first_line`` of its file.

    Raises:
        AdvisoryError: if it is not JSON, with the line where that shows.
    """
    try:
        return json.loads(data)
    except json.JSONDecodeError as error:
        where = f"{place}:{first_line + error.lineno - 1}"
        raise AdvisoryError(f"is not JSON: {error.msg} (column {error.colno})", place=where, remedy=WHOLE) from None
    except UnicodeDecodeError as error:
        raise AdvisoryError(f"is not UTF-8 (byte {error.start})", place=place, remedy=WHOLE) from None
    except RecursionError:
        raise AdvisoryError("is nested too deeply to be an advisory", place=place) from None


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file, or of the sorted names and digests of the files in a folder."""
    if path.is_file():
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    digest = hashlib.sha256()
    for file_path in files_below(path):
        digest.update(f"{file_path.relative_to(path).as_posix()}\0{file_digest(file_path)}\n".encode())
    return digest.hexdigest()


def files_below(folder: Path, *endings: str) -> list[Path]:
    """Return the files in a folder and below it, by path, those whose name ends so; hidden ones are left out."""
    found = (path for path in folder.rglob("*") if path.is_file() and path.name.endswith(endings or ("",)))
    return sorted(path for path in found if not any(part.startswith(".") for part in path.relative_to(folder).parts))
