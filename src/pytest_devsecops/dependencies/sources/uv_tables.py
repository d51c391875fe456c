"""uv's tables in ``pyproject.toml``: indexes, and where single dependencies come from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from packaging.utils import canonicalize_name

from pytest_devsecops.core.decode import TableReader
from pytest_devsecops.core.redaction import without_credentials
from pytest_devsecops.dependencies.model import Dependency, OptionName, Origin, OriginKind
from pytest_devsecops.dependencies.sources.artifacts import vcs_origin
from pytest_devsecops.dependencies.sources.declarations import Declarations, extra_group
from pytest_devsecops.dependencies.sources.markers import all_markers
from pytest_devsecops.dependencies.sources.project_name import project_name


def read_uv(uv: TableReader, found: Declarations) -> None:
    """Read ``[tool.uv]``: ``dev-dependencies``, indexes and ``sources``."""
    for text in uv.strings("dev-dependencies"):
        found.requirement("dev", text, uv.path, "dev-dependencies")
    for key in ("override-dependencies", "constraint-dependencies"):
        if uv.raw(key):
            uv.problem(key, "changes what the declarations allow and is not applied here; uv.lock has the result")
    indexes = _read_indexes(uv, found)
    members = _members(uv.table("workspace"), found)
    sources = uv.table("sources")
    by_name: dict[str, list[_Source]] = {}
    for name in sources.keys:
        value = sources.raw(name)
        for details in value if isinstance(value, list) else [value]:
            if not isinstance(details, dict):
                sources.problem(name, "must be a table or a list of tables")
                continue
            reader = TableReader(details, sources.key_path(name), [])
            origin = _origin(reader, indexes, members.get(canonicalize_name(name), ""))
            if origin is None:
                sources.problem(name, "names no place that is known here: git, url, path, index or workspace")
                continue
            by_name.setdefault(canonicalize_name(name), []).append(_source(reader, origin))
    if by_name:
        found.adapt.append(_Sources(by_name))


@dataclass(frozen=True, slots=True)
class _Source:
    """One place of a dependency: where it applies (``marker``, one group), and what it is."""

    origin: Origin
    marker: str
    group: str


@dataclass(frozen=True, slots=True)
class _Sources:
    by_name: dict[str, list[_Source]]

    def __call__(self, group: str, dependency: Dependency) -> Iterator[Dependency]:
        """Yield ``dependency`` once for each place it can come from.

        Where every place has a marker, the index serves the environments that none of them covers.
        """
        if dependency.origin.kind is not OriginKind.INDEX:
            yield dependency
            return
        sources = [one for one in self.by_name.get(dependency.name, ()) if one.group in ("", group)]
        for one in sources:
            marker = all_markers([dependency.marker, one.marker])
            yield replace(dependency, origin=one.origin, marker=marker)
        if all(one.marker for one in sources):
            yield dependency


def _source(details: TableReader, origin: Origin) -> _Source:
    extra, group = details.string("extra"), details.string("group")
    where = extra_group(extra) if extra else canonicalize_name(group)
    return _Source(origin, details.string("marker"), where)


def _origin(details: TableReader, indexes: dict[str, str], member: str) -> Origin | None:
    editable = details.boolean("editable", default=False)
    if details.has("git"):
        rev = details.string("rev")
        return vcs_origin(details.string("git"), rev or details.string("tag") or details.string("branch"), rev)
    if details.has("url"):
        return Origin(OriginKind.URL, without_credentials(details.string("url")))
    if details.has("path"):
        kind = OriginKind.EDITABLE if editable else OriginKind.PATH
        return Origin(kind, details.string("path"), editable=editable)
    if details.boolean("workspace", default=False):
        # Members of a workspace are editable unless said otherwise.
        editable = details.boolean("editable", default=True)
        return Origin(OriginKind.EDITABLE if editable else OriginKind.PATH, member, editable=editable)
    name = details.string("index")
    return Origin(OriginKind.INDEX, indexes[name]) if name in indexes else None


def _read_indexes(uv: TableReader, found: Declarations) -> dict[str, str]:
    indexes = {}
    for index in uv.entries("index", "url"):
        url = without_credentials(index.string("url"))
        indexes[index.string("name")] = url
        if index.boolean("explicit", default=False):
            found.option(OptionName.EXPLICIT_INDEX_URL, url)
        else:
            default = index.boolean("default", default=False)
            found.option(OptionName.INDEX_URL if default else OptionName.EXTRA_INDEX_URL, url)
    if uv.has("index-url"):
        found.option(OptionName.INDEX_URL, without_credentials(uv.string("index-url")))
    for url in uv.strings("extra-index-url"):
        found.option(OptionName.EXTRA_INDEX_URL, without_credentials(url))
    for url in uv.strings("find-links"):
        found.option(OptionName.FIND_LINKS, without_credentials(url))
    for host in uv.strings("allow-insecure-host"):
        found.option(OptionName.TRUSTED_HOST, host)
    if uv.boolean("no-index", default=False):
        found.option(OptionName.NO_INDEX)
    return indexes


def _members(workspace: TableReader, found: Declarations) -> dict[str, str]:
    """Return the folders of the workspace's members by name, from the folder of the document."""
    folder = found.document.path.parent
    folders: dict[str, str] = {}
    for pattern in workspace.strings("members"):
        for member in sorted(folder.glob(pattern)):
            name = project_name(member)
            if name:
                folders[canonicalize_name(name)] = found.context.shown(Path(member))
    return folders
