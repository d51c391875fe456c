"""A checkout of the PyPA advisory database: a folder of OSV records in YAML. Needs the extra ``yaml``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from pytest_devsecops.core.errors import MissingExtraError
from pytest_devsecops.dependencies.advisories.build import Harvest
from pytest_devsecops.dependencies.advisories.model import AdvisoryError
from pytest_devsecops.dependencies.advisories.osv import read_record
from pytest_devsecops.dependencies.advisories.sources.records import (
    WHOLE,
    Item,
    ReadOptions,
    file_digest,
    files_below,
    harvest,
    read_bytes,
)

_ENDINGS = (".yaml", ".yml")
_NULL = "tag:yaml.org,2002:null"


class PypaTree:
    """Reads a tree of YAML records, or one such file."""

    name = "pypa-yaml"

    def recognises(self, path: Path) -> bool:
        """Tell whether it is named like YAML, or is a folder that has such a file."""
        return bool(files_below(path, *_ENDINGS)) if path.is_dir() else path.name.endswith(_ENDINGS)

    def read(self, path: Path, options: ReadOptions) -> Harvest:
        """Read every record; see ``AdvisorySource``.

        A checkout keeps its records in ``vulns``, and other things in YAML beside it.
        """
        records = path / "vulns" if (path / "vulns").is_dir() else path
        decode = partial(read_record, now=options.now, source="pypa")
        digest = partial(file_digest, records)
        return harvest(_records(records), decode, options, name=path.name, form=self.name, digest=digest)


def _records(path: Path) -> Iterator[Item]:
    parse = _parser()
    for file in files_below(path, *_ENDINGS) if path.is_dir() else [path]:
        yield str(file), parse(file)


def _parser() -> Callable[[Path], Any]:
    """Return a function that parses a file and leaves every scalar but null as text.

    YAML would read the version ``1.10`` as the number 1.1, and a time as a time.

    Raises:
        MissingExtraError: if PyYAML is not installed.
    """
    try:
        import yaml
    except ModuleNotFoundError:
        raise MissingExtraError("reading advisories in YAML", "yaml") from None

    class TextLoader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
        """The safe loader, knowing null and text only."""

        yaml_implicit_resolvers = _only_null(yaml.SafeLoader.yaml_implicit_resolvers)

    def parse(file: Path) -> Any:  # noqa: ANN401 - any YAML value
        try:
            return yaml.load(read_bytes(file), Loader=TextLoader)  # noqa: S506 - derived from the safe loader
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            mark = getattr(error, "problem_mark", None)
            place = f"{file}:{mark.line + 1}" if mark is not None else str(file)
            cause = getattr(error, "problem", None) or error
            raise AdvisoryError(f"is not YAML: {cause}", place=place, remedy=WHOLE) from None

    return parse


def _only_null(resolvers: Mapping[str, list[tuple[str, Any]]]) -> dict[str, list[tuple[str, Any]]]:
    return {first: [item for item in tags if item[0] == _NULL] for first, tags in resolvers.items()}
