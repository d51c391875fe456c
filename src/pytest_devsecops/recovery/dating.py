"""When an artefact was made, by its own header or text, and when a row was, by a column of it."""

from __future__ import annotations

import gzip
import re
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

_HEADER = 65536
_STAMP = re.compile(
    rb"(?:Started on|Dump completed on|Created on)\s+"
    rb"(\d{4}-\d\d-\d\d)[ T]+(\d?\d:\d\d:\d\d)(?:[ \t]+([A-Z]{2,5}|[+-]\d\d))?"
)
_GZIP, _PG_DUMP = b"\x1f\x8b", b"PGDMP"
#: From this version of its format on, a custom dump says which compression it has in one byte.
_PG_ONE_BYTE = (1, 15)
_SECONDS, _MILLISECONDS = 10, 13


def header_time(files: Iterable[Path]) -> float | None:
    """Return when the largest of ``files`` was made by its own account (seconds since the epoch), if it tells.

    Known are gzip (RFC 1952), pg_dump's custom format, and the texts of pg_dump, pg_dumpall, mysqldump and
    mariadb-dump. A time without a zone is one of this machine's zone or of UTC, whichever makes it younger; a time
    of a zone that is not known is not told.
    """
    path = max(files, key=lambda one: one.stat().st_size)
    with path.open("rb") as handle:
        start = handle.read(_HEADER)
        handle.seek(max(0, path.stat().st_size - _HEADER))
        end = handle.read()
    if start.startswith(_GZIP):
        # Section 2.3.1: MTIME, seconds since the epoch, 0 if unknown.
        stamp = int.from_bytes(start[4:8], "little")
        return float(stamp) if stamp else _text_time(_unpacked(path))
    if start.startswith(_PG_DUMP):
        return _custom_dump_time(start)
    return _text_time(start) or _text_time(end)


def row_time(value: str | None) -> datetime | None:
    """Return the moment in a column: ISO 8601, or seconds or milliseconds since the epoch; without a zone it is UTC."""
    text = (value or "").strip("'")
    try:
        whole = text.partition(".")[0]
        if whole.isdigit() and len(whole) in (_SECONDS, _MILLISECONDS):
            return datetime.fromtimestamp(float(text) / (1 if len(whole) == _SECONDS else 1000), UTC)
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _unpacked(path: Path) -> bytes:
    try:
        with gzip.open(path) as handle:
            return handle.read(_HEADER)
    except (OSError, EOFError):
        return b""


def _text_time(text: bytes) -> float | None:
    found = _STAMP.search(text)
    if found is None:
        return None
    day, clock, zone = (part.decode() if part else "" for part in found.groups())
    moment = datetime.fromisoformat(f"{day} {clock.zfill(8)}")
    if zone in ("UTC", "GMT", "Z"):
        return moment.replace(tzinfo=UTC).timestamp()
    if zone.startswith(("+", "-")):
        return datetime.fromisoformat(f"{day} {clock.zfill(8)}{zone}:00").timestamp()
    if not zone:
        return _zoneless(moment)
    return moment.timestamp() if zone in time.tzname else None


def _zoneless(moment: datetime) -> float:
    return max(moment.timestamp(), moment.replace(tzinfo=UTC).timestamp())


def _custom_dump_time(start: bytes) -> float | None:
    """Read pg_backup_archiver's header: version, sizes, format, compression, then a broken-down local time."""
    try:
        width = start[8]
        place = 11 + (1 if (start[5], start[6]) >= _PG_ONE_BYTE else width + 1)
        parts = []
        for _ in range(6):
            sign, number = start[place], int.from_bytes(start[place + 1 : place + 1 + width], "little")
            parts.append(-number if sign else number)
            place += 1 + width
        seconds, minutes, hours, day, month, year = parts
        return _zoneless(datetime(year + 1900, month + 1, day, hours, minutes, min(seconds, 59)))  # noqa: DTZ001 - see there
    except (IndexError, ValueError, OverflowError):
        return None
