"""What an index says about projects and releases, read from local files; nothing is ever fetched.

The policy's ``index_data`` names a JSON file, or a folder of JSON files (at any depth). Each is one of:

1. a project page of the simple repository API as JSON (PEP 691, with the upload times of PEP 700 and
   the project status of PEP 792), or a list of such pages;
2. our own format, for data from elsewhere::

       {
         "schema": "pytest-devsecops/index/1",
         "as_of": "2026-11-01",
         "projects": {
           "django": {
             "status": "active",
             "reason": "",
             "releases": {
               "4.2": { "uploaded": "2023-04-03T08:36:16Z", "yanked": false },
               "4.2.1": { "uploaded": "2023-05-03T12:58:43Z", "yanked": "broken wheel" }
             }
           }
         }
       }

   ``status`` is one of PEP 792 (``active``, ``archived``, ``quarantined``, ``deprecated``); without it,
   and without ``uploaded`` or ``yanked``, the fact is unknown, which no check takes for good news.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)
from packaging.version import InvalidVersion, Version

from pytest_devsecops.core.decode import TableReader
from pytest_devsecops.core.findings import Finding, Status
from pytest_devsecops.dependencies.model import ReadContext

SCHEMA = "pytest-devsecops/index/1"

#: From this version of the API on, a page without a status means an active project (PEP 792).
_STATUS_SINCE = (1, 4)


@dataclass(frozen=True, slots=True)
class IndexFile:
    """What is known about one file of a release.

    Attributes:
        name: its file name; empty if the data is about the release as a whole.
        uploaded: when the index received it, in UTC; None if unknown.
        yanked: why it was withdrawn (PEP 592), empty without a reason; False if it was not; None if
            unknown.
    """

    name: str = ""
    uploaded: datetime | None = None
    yanked: str | bool | None = None


@dataclass(frozen=True, slots=True)
class IndexProject:
    """What is known about one project.

    Attributes:
        status: its status (PEP 792); None if unknown.
        reason: why it has it.
        releases: the files of each release, by normalised version.
    """

    status: str | None = None
    reason: str = ""
    releases: Mapping[str, tuple[IndexFile, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class IndexData:
    """Everything that the local files say.

    Attributes:
        projects: by normalised name.
        files: every file that was read, with its digest, for the evidence.
        as_of: the oldest date that a file gives for itself; None if one gives none.
        problems: whatever could not be read.
    """

    projects: Mapping[str, IndexProject] = field(default_factory=dict)
    files: tuple[Mapping[str, str], ...] = ()
    as_of: date | None = None
    problems: tuple[Finding, ...] = ()

    def release(self, name: str, version: str | None) -> tuple[IndexFile, ...]:
        """Return what is known about the files of a release; nothing if nothing is."""
        project = self.projects.get(name)
        return project.releases.get(normalised_version(version), ()) if project and version else ()


def normalised_version(text: str) -> str:
    """Return the normal form of a version (PEP 440), or the text itself if it has none."""
    try:
        return str(Version(text))
    except InvalidVersion:
        return text


def read_index_data(path: Path, context: ReadContext) -> IndexData:
    """Read a file or every ``*.json`` below a folder.

    What cannot be read is a problem of the data and never left out in silence.
    """
    files = sorted(path.rglob("*.json")) if path.is_dir() else [path]
    projects: dict[str, IndexProject] = {}
    read: list[Mapping[str, str]] = []
    dates: list[date | None] = []
    problems: list[Finding] = []
    if not files:
        problems.append(_unusable(context.shown(path), "has no .json file"))
    for file in files:
        shown = context.shown(file)
        try:
            content = file.read_bytes()
            document = json.loads(content)
        except (OSError, ValueError, RecursionError) as error:
            problems.append(_unusable(shown, _why_unreadable(error)))
            continue
        complaints: list[str] = []
        for name, project in _projects(document, complaints):
            if name in projects and projects[name] != project:
                complaints.append(f"{name} is in another file already, with other data")
            projects[name] = project
        dates.append(_as_of(document, complaints))
        problems.extend(_unusable(shown, text) for text in complaints)
        read.append({"path": shown, "sha256": hashlib.sha256(content).hexdigest()})
    known = [one for one in dates if one is not None]
    oldest = min(known) if known and len(known) == len(dates) else None
    return IndexData(projects, tuple(read), oldest, tuple(problems))


def _why_unreadable(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return "does not exist"
    if isinstance(error, OSError):
        return f"cannot be read: {error.strerror or error}"
    return f"is not JSON: {error}"


def _projects(document: object, complaints: list[str]) -> Iterator[tuple[str, IndexProject]]:
    if isinstance(document, dict) and document.get("schema") == SCHEMA:
        reader = TableReader(document, "", complaints)
        for name, project in reader.tables("projects").items():
            yield canonicalize_name(name), _own_project(project)
        return
    pages = document if isinstance(document, list) else [document]
    for index, page in enumerate(pages):
        if not isinstance(page, dict) or not isinstance(page.get("files"), list):
            place = f"[{index}] " if isinstance(document, list) else ""
            complaints.append(f"{place}is neither a project page (PEP 691) nor of the schema {SCHEMA!r}")
            continue
        reader = TableReader(_without_nulls(page), f"[{index}]" if isinstance(document, list) else "", complaints)
        name = reader.string("name", required=True)
        yield canonicalize_name(name), _page_project(reader)


def _own_project(reader: TableReader) -> IndexProject:
    releases = {}
    for version, release in reader.tables("releases").items():
        file = IndexFile("", release.parsed("uploaded", _time, None), _yanked(release))
        release.finish()
        releases[normalised_version(version)] = (file,)
    project = IndexProject(reader.optional_string("status"), reader.string("reason"), releases)
    reader.finish()
    return project


def _page_project(reader: TableReader) -> IndexProject:
    releases: dict[str, list[IndexFile]] = {}
    for file in reader.entries("files", shorthand="filename"):
        name = file.string("filename", required=True)
        version = _version_of(name)
        if version is not None:
            # A page that does not mention `yanked` says that the file is not (PEP 691).
            yanked = _yanked(file) if file.has("yanked") else False
            releases.setdefault(version, []).append(IndexFile(name, file.parsed("upload-time", _time, None), yanked))
    status = reader.table("project-status")
    stated = status.optional_string("status") or ("active" if _api_version(reader) >= _STATUS_SINCE else None)
    return IndexProject(stated, status.string("reason"), {version: tuple(files) for version, files in releases.items()})


def _without_nulls(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """Return ``value`` without the nulls that some mirrors write for what they do not know."""
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value


def _version_of(file_name: str) -> str | None:
    """Return the version in a file's name; None for eggs and installers, which nobody installs any more."""
    try:
        if file_name.endswith(".whl"):
            return str(parse_wheel_filename(file_name)[1])
        return str(parse_sdist_filename(file_name)[1])
    except (InvalidWheelFilename, InvalidSdistFilename):
        return None


def _api_version(reader: TableReader) -> tuple[int, ...]:
    text = reader.table("meta").string("api-version", "1.0")
    return tuple(map(int, text.split("."))) if re.fullmatch(r"[0-9]+(\.[0-9]+)*", text) else (1, 0)


def _yanked(reader: TableReader) -> str | bool | None:
    value = reader.raw("yanked")
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "" if value else False
    if value is not None:
        reader.problem("yanked", "must be true, false or a reason")
    return None


def _time(text: str) -> datetime:
    time = datetime.fromisoformat(text)
    try:
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except OverflowError as error:
        raise ValueError(f"{text!r} is out of range") from error


def _as_of(document: object, complaints: list[str]) -> date | None:
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        return None
    reader = TableReader(document, "", complaints)
    for known in ("schema", "projects"):
        reader.raw(known)
    found = reader.day("as_of")
    if found is None and not reader.has("as_of"):
        reader.problem("as_of", "is missing")
    reader.finish()
    return found


def _unusable(place: str, text: str) -> Finding:
    return Finding(
        "unreadable-index-data",
        place,
        f"the index data {place}: {text}",
        fix="correct `index_data` in [tool.devsecops.dependencies], or the file",
        status=Status.UNVERIFIED,
    )


def index_evidence(data: IndexData | None) -> dict[str, Any]:
    """Return what was read, as evidence."""
    if data is None:
        return {"index_data": None}
    as_of = data.as_of.isoformat() if data.as_of else None
    return {"index_data": {"files": list(data.files), "projects": len(data.projects), "as_of": as_of}}
