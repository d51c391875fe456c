"""An OSV ecosystem archive: ``all.zip`` with one JSON record per member."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from pytest_devsecops.dependencies.advisories.build import Harvest
from pytest_devsecops.dependencies.advisories.model import AdvisoryError
from pytest_devsecops.dependencies.advisories.osv import read_record
from pytest_devsecops.dependencies.advisories.sources.records import (
    LARGEST_DOCUMENT,
    WHOLE,
    Item,
    ReadOptions,
    bounded,
    file_digest,
    harvest,
    parse_json,
)


class OsvZip:
    """Reads an OSV ecosystem archive."""

    name = "osv-zip"

    def recognises(self, path: Path) -> bool:
        """Tell whether it is named like an archive."""
        return path.is_file() and path.suffix == ".zip"

    def read(self, path: Path, options: ReadOptions) -> Harvest:
        """Read every JSON member; see ``AdvisorySource``."""
        decode = partial(read_record, now=options.now)
        digest = partial(file_digest, path)
        return harvest(_members(path), decode, options, name=path.name, form=self.name, digest=digest)


def _members(path: Path) -> Iterator[Item]:
    place = str(path)
    try:
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                if member.is_dir() or not member.filename.endswith(".json"):
                    continue
                place = f"{path}!{member.filename}"
                with archive.open(member) as file:
                    data = bounded(file.read(LARGEST_DOCUMENT + 1), place)
                yield place, parse_json(data, place)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError) as error:
        # RuntimeError: the member is encrypted. NotImplementedError: an unknown compression.
        raise AdvisoryError(f"cannot be read whole: {error}", place=place, remedy=WHOLE) from None
