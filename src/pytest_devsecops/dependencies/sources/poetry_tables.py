"""Poetry's own tables in ``pyproject.toml``."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from packaging.markers import InvalidMarker, Marker
from packaging.utils import canonicalize_name

from pytest_devsecops.core.decode import TableReader
from pytest_devsecops.core.findings import Location
from pytest_devsecops.core.redaction import without_credentials
from pytest_devsecops.dependencies.model import MAIN, Dependency, OptionName, Origin, OriginKind
from pytest_devsecops.dependencies.sources.artifacts import vcs_origin
from pytest_devsecops.dependencies.sources.declarations import Declarations, extra_group
from pytest_devsecops.dependencies.sources.markers import all_markers
from pytest_devsecops.dependencies.sources.poetry_constraints import (
    platform_marker,
    python_marker,
    translate_constraint,
)
from pytest_devsecops.dependencies.sources.specifiers import exact_version
from pytest_devsecops.dependencies.sources.toml_lines import line_of_key

_DEFAULT_INDEX = ("primary", "default")


def read_poetry(poetry: TableReader, project: Mapping[str, Any], found: Declarations) -> None:
    """Read ``[tool.poetry]``.

    Args:
        poetry: its reader.
        project: the table ``[project]``. Where that has dependencies and does not call them dynamic,
            Poetry takes from its own main table only where those come from.
        found: what to add to.
    """
    tables = _PoetryTables(found, _indexes(poetry, found))
    main = list(tables.read(poetry.table("dependencies")))
    dynamic = project.get("dynamic") or ()
    static = {"dependencies", "optional-dependencies"} & project.keys() - set(dynamic)
    if static:
        found.adapt.append(_Enriching(main))
    else:
        _add_main(main, poetry.table("extras"), found)
    found.add("dev", (one.dependency for one in tables.read(poetry.table("dev-dependencies"))))
    for name, group in poetry.tables("group").items():
        key = canonicalize_name(name)
        found.add(key, (one.dependency for one in tables.read(group.table("dependencies"))))
        for other in group.strings("include-groups"):
            found.include(key, canonicalize_name(other))


@dataclass(frozen=True, slots=True)
class _Declared:
    dependency: Dependency
    optional: bool


class _PoetryTables:
    """Reads tables of dependencies.

    Args:
        found: where problems go, and whose document the tables are of.
        indexes: the addresses of the indexes that the document names.
    """

    def __init__(self, found: Declarations, indexes: Mapping[str, str]) -> None:
        self._found = found
        self._indexes = indexes

    def read(self, table: TableReader) -> Iterator[_Declared]:
        for name in table.keys:
            if name == "python":
                continue
            value = table.raw(name)
            alternatives = value if isinstance(value, list) else [value]
            location = Location(self._found.document.name, line_of_key(self._found.document.text, table.path, name))
            for alternative in alternatives:
                details = {"version": alternative} if isinstance(alternative, str) else alternative
                if not isinstance(details, dict):
                    table.problem(name, "must be a constraint or a table")
                    continue
                yield from self._declared(name, TableReader(details, table.key_path(name), []), location)

    def _declared(self, name: str, details: TableReader, location: Location) -> Iterator[_Declared]:
        try:
            marker = _marker(details)
            # A dependency with an address of its own needs no version.
            specifiers = translate_constraint(details.string("version", "*"))
            origin = self._origin(details)
        except ValueError as error:
            fix = "correct it as Poetry's documentation has it"
            self._found.problem(name, f"{details.path}: {error}", fix, location)
            return
        for specifier in specifiers:
            yield _Declared(
                Dependency(
                    name=canonicalize_name(name),
                    version=exact_version(specifier),
                    specifier=str(specifier),
                    origin=origin,
                    extras=frozenset(canonicalize_name(extra) for extra in details.strings("extras")),
                    marker=marker,
                    direct=True,
                    location=location,
                    source=location.path,
                ),
                optional=details.boolean("optional", default=False),
            )

    def _origin(self, details: TableReader) -> Origin:
        editable = details.boolean("develop", default=False)
        for key, kind in (("url", OriginKind.URL), ("file", OriginKind.PATH), ("path", OriginKind.PATH)):
            if details.has(key):
                kind = OriginKind.EDITABLE if editable and kind is OriginKind.PATH else kind  # noqa: PLW2901 - refined
                return Origin(kind, without_credentials(details.string(key)), editable=editable)
        if details.has("git"):
            rev = details.string("rev")
            reference = rev or details.string("tag") or details.string("branch")
            return replace(vcs_origin(details.string("git"), reference, rev), editable=editable)
        name = details.string("source")
        if name and name.lower() not in self._indexes:
            raise ValueError(f"the source {name!r} is not in [[tool.poetry.source]]")
        return Origin(OriginKind.INDEX, self._indexes.get(name.lower(), ""))


@dataclass(frozen=True, slots=True)
class _Enriching:
    """Says of dependencies from ``[project]`` what Poetry's own table says of the same names."""

    tables: list[_Declared]

    def __call__(self, group: str, dependency: Dependency) -> Iterator[Dependency]:
        """Yield ``dependency`` once for each of Poetry's entries on it, or as it is."""
        own_table = group == MAIN or group.startswith("extra:")
        entries = [one.dependency for one in self.tables if own_table and one.dependency.name == dependency.name]
        for entry in entries:
            marker = all_markers([dependency.marker, entry.marker])
            yield replace(dependency, origin=entry.origin, marker=marker)
        if not entries:
            yield dependency


def _add_main(main: list[_Declared], extras: TableReader, found: Declarations) -> None:
    groups: dict[str, list[str]] = defaultdict(list)
    for extra in extras.keys:
        for name in extras.strings(extra):
            groups[canonicalize_name(name)].append(extra_group(extra))
    for one in main:
        if not one.optional:
            found.add(MAIN, [one.dependency])
        # Optional and in no extra: nothing installs it, and nobody may say that it is not there.
        for group in groups.get(one.dependency.name, []) or ([""] if one.optional else []):
            found.add(group, [one.dependency])


def _indexes(poetry: TableReader, found: Declarations) -> dict[str, str]:
    indexes = {"pypi": ""}
    primary = OptionName.INDEX_URL
    for source in poetry.entries("source", "url"):
        url = without_credentials(source.string("url"))
        priority = source.string("priority", "primary").lower()
        if source.boolean("secondary", default=False):
            priority = "supplemental"
        indexes[source.string("name").lower()] = url
        if not url:
            continue
        if priority == "explicit":
            found.option(OptionName.EXPLICIT_INDEX_URL, url)
        elif priority in _DEFAULT_INDEX:
            found.option(primary, url)
            primary = OptionName.EXTRA_INDEX_URL
        else:
            found.option(OptionName.EXTRA_INDEX_URL, url)
    return indexes


def _marker(details: TableReader) -> str:
    written = details.string("markers")
    try:
        marker = str(Marker(written)) if written else ""
    except InvalidMarker as error:
        raise ValueError(f"the marker {written!r} is not valid") from error
    python, platform = details.string("python"), details.string("platform")
    return all_markers(
        [marker, python_marker(python) if python else "", platform_marker(platform) if platform else ""],
    )
