"""OSV records in files: single JSON, a JSON list, JSON lines, each also gzipped, or a folder of them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from pytest_devsecops.dependencies.advisories.build import Harvest
from pytest_devsecops.dependencies.advisories.osv import read_record
from pytest_devsecops.dependencies.advisories.sources.records import (
    Item,
    ReadOptions,
    file_digest,
    files_below,
    harvest,
    parse_json,
    read_bytes,
)

_LINES = (".jsonl", ".jsonl.gz", ".ndjson", ".ndjson.gz")
_ENDINGS = (".json", ".json.gz", *_LINES)


class OsvFiles:
    """Reads OSV records from a file or from a folder."""

    name = "osv-files"

    def recognises(self, path: Path) -> bool:
        """Tell whether it is named like JSON, or is a folder that has such a file."""
        return bool(files_below(path, *_ENDINGS)) if path.is_dir() else path.name.endswith(_ENDINGS)

    def read(self, path: Path, options: ReadOptions) -> Harvest:
        """Read every record; see ``AdvisorySource``."""
        files = files_below(path, *_ENDINGS) if path.is_dir() else [path]
        items = (item for file in files for item in _records(file))
        decode = partial(read_record, now=options.now)
        digest = partial(file_digest, path)
        return harvest(items, decode, options, name=path.name, form=self.name, digest=digest)


def _records(path: Path) -> Iterator[Item]:
    data = read_bytes(path)
    if path.name.endswith(_LINES):
        for number, line in enumerate(data.split(b"\n"), start=1):
            if line.strip():
                yield f"{path}:{number}", parse_json(line, str(path), first_line=number)
        return
    value = parse_json(data, str(path))
    if isinstance(value, list):
        yield from ((f"{path}[{index}]", item) for index, item in enumerate(value))
    else:
        yield str(path), value
