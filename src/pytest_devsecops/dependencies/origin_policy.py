"""The policy table ``origins``: where dependencies may come from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pytest_devsecops.core.decode import TableReader
from pytest_devsecops.dependencies.addresses import Address, parse_address, repository_address
from pytest_devsecops.dependencies.asked_indexes import is_url
from pytest_devsecops.dependencies.names import normalised_pattern


@dataclass(frozen=True, slots=True)
class Reserved:
    """Names that only one index may give.

    Attributes:
        names: normalised names or globs.
        index: the index.
    """

    names: tuple[str, ...]
    index: Address


@dataclass(frozen=True, slots=True)
class OriginPolicy:
    """Where dependencies may come from.

    Attributes:
        indexes: indexes that may give any dependency that is not reserved.
        default_index: the index that the installer asks where a source names none; None if unknown.
        private: reserved names with their index.
        vcs: hosts or prefixes of repositories.
        urls: prefixes of archives and find-links pages.
        files: prefixes of the files that an index links to; empty if they are not judged.
        allow_editable: whether editable installations are accepted.
        allow_paths: whether paths of this machine are accepted.
        exists: whether the policy has the table at all.
    """

    indexes: tuple[Address, ...] = ()
    default_index: Address | None = None
    private: tuple[Reserved, ...] = ()
    vcs: tuple[Address, ...] = ()
    urls: tuple[Address, ...] = ()
    files: tuple[Address, ...] = ()
    allow_editable: bool = False
    allow_paths: bool = False
    exists: bool = False


def read_origin_policy(reader: TableReader) -> OriginPolicy:
    """Decode ``[tool.devsecops.dependencies.origins]``."""
    table = reader.table("origins")
    private = []
    for entry in table.entries("private", shorthand="names"):
        names = tuple(map(normalised_pattern, entry.strings("names")))
        if not names:
            entry.problem("names", "must name at least one dependency")
        index = entry.parsed("index", _url, None) if entry.has("index") else None
        if not entry.has("index"):
            entry.problem("index", "is missing")
        if index is not None:
            private.append(Reserved(names, index))
        entry.finish()
    policy = OriginPolicy(
        indexes=_addresses(table, "indexes", _url),
        default_index=table.parsed("default_index", _url, None),
        private=tuple(private),
        vcs=_addresses(table, "vcs", repository_address),
        urls=_addresses(table, "urls", _url),
        files=_addresses(table, "files", _url),
        allow_editable=table.boolean("allow_editable", default=False),
        allow_paths=table.boolean("allow_paths", default=False),
        exists=reader.has("origins"),
    )
    table.finish()
    return policy


def _url(text: str) -> Address:
    if not is_url(text):
        raise ValueError(f"{text!r} is not a URL; write for example https://index.example/simple")
    return parse_address(text)


def _addresses(table: TableReader, key: str, parse: Callable[[str], Address]) -> tuple[Address, ...]:
    found = []
    for text in table.strings(key):
        try:
            found.append(parse(text))
        except ValueError as error:
            table.problem(key, str(error))
    return tuple(found)
