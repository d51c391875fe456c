"""From named sources to one advisory file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path

from pytest_devsecops.dependencies.advisories.build import build_index
from pytest_devsecops.dependencies.advisories.index import IndexInfo
from pytest_devsecops.dependencies.advisories.model import AdvisoryError
from pytest_devsecops.dependencies.advisories.sources.osv_files import OsvFiles
from pytest_devsecops.dependencies.advisories.sources.osv_zip import OsvZip
from pytest_devsecops.dependencies.advisories.sources.pypa_tree import PypaTree
from pytest_devsecops.dependencies.advisories.sources.records import AdvisorySource, ReadOptions
from pytest_devsecops.dependencies.advisories.sources.safety_db import SafetyDatabase

#: Formats of advisories. The first one that recognises a path reads it. Adding one is one line here.
SOURCES: tuple[AdvisorySource, ...] = (SafetyDatabase(), OsvZip(), OsvFiles(), PypaTree())


def import_advisories(paths: Sequence[Path], to: Path, *, now: datetime, undated: Iterable[Path] = ()) -> IndexInfo:
    """Read every source and write the advisory file.

    Args:
        paths: files and folders of any known format.
        to: where the file belongs.
        now: the time of the import (UTC).
        undated: more sources, such as an organisation's own few advisories, whose dates do not count
            for the age of the file.

    Raises:
        AdvisoryError: if a source is missing, unknown or damaged, or if there is nothing to write;
            an existing file is left as it was.
        MissingExtraError: if a source needs a package that is not installed.
    """
    wanted = [(path, True) for path in paths] + [(path, False) for path in undated]
    if not wanted:
        raise AdvisoryError("nothing to import", remedy="name at least one advisory database")
    harvests = [_source_of(path).read(path, ReadOptions(now, ages)) for path, ages in wanted]
    return build_index(harvests, to, now=now)


def _source_of(path: Path) -> AdvisorySource:
    if not path.exists():
        raise AdvisoryError("there is no such file or folder", place=str(path))
    fitting = [source for source in SOURCES if source.recognises(path)]
    if not fitting:
        remedy = (
            "known are: an OSV ecosystem zip; OSV records as .json, .jsonl or .jsonl.gz, or a folder of them; "
            "a folder of YAML records; safety's database"
        )
        raise AdvisoryError("is in no known format of advisories", place=str(path), remedy=remedy)
    if path.is_dir() and len(fitting) > 1 and not isinstance(fitting[0], SafetyDatabase):
        # Reading one of them would leave the others out in silence.
        names = " and ".join(source.name for source in fitting)
        raise AdvisoryError(
            f"has files of several formats ({names})", place=str(path), remedy="name its folders singly"
        )
    return fitting[0]
