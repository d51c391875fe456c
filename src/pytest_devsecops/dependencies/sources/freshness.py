"""Whether a lock file still belongs to the declarations beside it, told by what the lock file keeps of them.

uv keeps the requirements themselves. Poetry, PDM and Pipenv keep a hash of what they locked for; it
is computed here as they do, from the decoded files, so nobody has to be run.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name

from pytest_devsecops.dependencies.model import Graph, ReadContext, SourceError
from pytest_devsecops.dependencies.sources.declared import parse_wanted, read_declared
from pytest_devsecops.dependencies.sources.documents import read_json, read_toml

_POETRY_LEGACY_KEYS = ("dependencies", "source", "extras", "dev-dependencies")
_POETRY_KEYS = (*_POETRY_LEGACY_KEYS, "group")
_PROJECT_KEYS = ("requires-python", "dependencies", "optional-dependencies")
_PIPFILE_OWN = frozenset({"source", "packages", "dev-packages", "requires", "scripts", "pipfile", "pipenv"})

#: One requirement as far as it can be compared: its name and its range, None where it has an address.
_Asked = tuple[str, SpecifierSet | None]


@dataclass(frozen=True, slots=True)
class Freshness:
    """What one lock file says about the declarations that it was made from.

    Attributes:
        source: the lock file.
        declared_in: the file with the declarations.
        is_fresh: whether it was made from them as they are now; None if that cannot be told.
        note: what differs, or why it cannot be told.
    """

    source: str
    declared_in: str
    is_fresh: bool | None
    note: str = ""


def freshness_of(graph: Graph, context: ReadContext) -> list[Freshness]:
    """Return what each lock file of ``graph`` says; nothing for formats that keep nothing."""
    found: list[Freshness] = []
    for source in graph.sources:
        check = _CHECKS.get(source.format)
        if check is None:
            continue
        try:
            found.extend(check(context.root / source.name, context))
        except SourceError as error:
            found.append(Freshness(source.name, "", None, str(error)))
    return found


def _uv(path: Path, context: ReadContext) -> Iterator[Freshness]:
    """Compare ``metadata.requires-dist`` and ``requires-dev`` of every local package with its own file."""
    packages = read_toml(path, context).data.get("package", [])
    for package in packages if isinstance(packages, list) else []:
        metadata, source = _table(package, "metadata"), _table(package, "source")
        folder = next((source[key] for key in ("editable", "virtual", "directory") if key in source), None)
        if not metadata or not isinstance(folder, str):
            continue
        own = canonicalize_name(str(package.get("name", "")))
        yield _uv_package(path, path.parent / folder, _uv_asked(metadata, own), own, context)


def _uv_package(path: Path, folder: Path, locked: set[_Asked], own: str, context: ReadContext) -> Freshness:
    shown, project = context.shown(path), context.shown(folder / "pyproject.toml")
    declared = read_declared(folder, context, [])
    if declared is None or not declared.complete:
        return Freshness(shown, project, None, f"{project} does not say everything that {own} needs")
    asked = {_asked(one.name, one.specifier) for wanted in declared.groups.values() for one in wanted}
    legacy = _table(_table(read_toml(folder / "pyproject.toml", context).data, "tool"), "uv").get("dev-dependencies")
    for text in legacy if isinstance(legacy, list) else []:
        wanted_one = parse_wanted(str(text))
        asked.update({_asked(wanted_one.name, wanted_one.specifier)} if wanted_one else ())
    # An address in either file hides the range in the other: uv writes no range beside a source.
    addressed = {name for name, specifier in locked | asked if specifier is None}
    differing = {one for one in (locked ^ asked) if one[0] not in addressed and one[0] != own}
    differing |= {(name, None) for name in addressed if len({name} & _names(locked)) != len({name} & _names(asked))}
    return Freshness(shown, project, not differing, _shown(differing))


def _uv_asked(metadata: Mapping[str, Any], own: str) -> set[_Asked]:
    needed = list(_tables(metadata.get("requires-dist")))
    for group in _table(metadata, "requires-dev").values():
        needed.extend(_tables(group))
    asked = set()
    for one in needed:
        name = canonicalize_name(str(one.get("name", "")))
        if name != own:
            has_address = not one.keys().isdisjoint({"git", "url", "path", "directory", "editable", "virtual"})
            asked.add((name, None) if has_address else _asked(name, str(one.get("specifier", ""))))
    return asked


def _asked(name: str, specifier: str) -> _Asked:
    try:
        return name, SpecifierSet(specifier)
    except InvalidSpecifier:
        return name, None


def _names(asked: Iterable[_Asked]) -> set[str]:
    return {name for name, _ in asked}


def _shown(differing: Iterable[_Asked]) -> str:
    texts = sorted({f"{name}{specifier or ''}" for name, specifier in differing})
    return f"they differ in {', '.join(texts)}" if texts else ""


def _poetry(path: Path, context: ReadContext) -> Iterator[Freshness]:
    """``metadata.content-hash``; before Poetry 2.3 it did not cover ``[dependency-groups]``."""
    kept = _table(read_toml(path, context).data, "metadata").get("content-hash")
    project = path.parent / "pyproject.toml"
    data = read_toml(project, context).data
    hashes = {_poetry_hash(data, with_groups=True), _poetry_hash(data, with_groups=False)}
    yield _by_hash(path, project, kept, hashes, context)


def _poetry_hash(data: Mapping[str, Any], *, with_groups: bool) -> str:
    poetry, project = _table(_table(data, "tool"), "poetry"), _table(data, "project")
    groups = _table(data, "dependency-groups") if with_groups else {}
    from_project = {key: project[key] for key in _PROJECT_KEYS if key in project}
    has_standard = bool(from_project or groups)
    from_poetry = {
        key: poetry.get(key)
        for key in _POETRY_KEYS
        # Without any standard table, its four oldest keys are hashed as null where they are absent.
        if key in poetry or (key in _POETRY_LEGACY_KEYS and not has_standard)
    }
    if not has_standard:
        return _sha256(from_poetry)
    content: dict[str, Any] = {"tool": {"poetry": from_poetry}}
    content.update({"project": from_project} if from_project else {})
    content.update({"dependency-groups": groups} if groups else {})
    return _sha256(content)


def _pdm(path: Path, context: ReadContext) -> Iterator[Freshness]:
    """``metadata.content_hash``; older PDM hashed the overrides where newer ones hash all of ``resolution``."""
    kept = _table(read_toml(path, context).data, "metadata").get("content_hash")
    project_file = path.parent / "pyproject.toml"
    data = read_toml(project_file, context).data
    pdm, project = _table(_table(data, "tool"), "pdm"), _table(data, "project")
    resolution = _table(pdm, "resolution")
    content = {
        "sources": pdm.get("source", []),
        "dependencies": project.get("dependencies", []),
        "dev-dependencies": _pdm_groups(data, pdm),
        "optional-dependencies": project.get("optional-dependencies", {}),
        "requires-python": project.get("requires-python", ""),
    }
    hashes = {
        _sha256({**content, "resolution": resolution}),
        _sha256({**content, "overrides": resolution.get("overrides", {})}),
    }
    yield _by_hash(path, project_file, str(kept).removeprefix("sha256:") if kept else None, hashes, context)


def _pdm_groups(data: Mapping[str, Any], pdm: Mapping[str, Any]) -> dict[str, list[Any]]:
    groups: dict[str, list[Any]] = {
        canonicalize_name(name): list(lines) for name, lines in _table(data, "dependency-groups").items()
    }
    for name, lines in _table(pdm, "dev-dependencies").items():
        groups.setdefault(canonicalize_name(name), []).extend(lines)
    return groups


def _pipenv(path: Path, context: ReadContext) -> Iterator[Freshness]:
    """``_meta.hash.sha256`` of the ``Pipfile``; one without a source was given the lock file's."""
    meta = _table(read_json(path, context).data, "_meta")
    pipfile = path.parent / "Pipfile"
    data = read_toml(pipfile, context).data
    content = {
        "_meta": {"sources": data.get("source", meta.get("sources", [])), "requires": data.get("requires", {})},
        "default": data.get("packages", {}),
        "develop": data.get("dev-packages", {}),
        **{key: value for key, value in data.items() if key not in {*_PIPFILE_OWN, "default", "develop"}},
    }
    digest = hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
    yield _by_hash(path, pipfile, _table(meta, "hash").get("sha256"), {digest}, context)


def _by_hash(path: Path, declared: Path, kept: object, hashes: set[str], context: ReadContext) -> Freshness:
    shown, project = context.shown(path), context.shown(declared)
    if not isinstance(kept, str) or not kept:
        return Freshness(shown, project, None, "it keeps no hash of what it was locked for")
    return Freshness(shown, project, kept in hashes, "" if kept in hashes else "its hash is that of other declarations")


def _sha256(content: object) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _table(table: object, key: str) -> dict[str, Any]:
    value = table.get(key) if isinstance(table, Mapping) else None
    return value if isinstance(value, dict) else {}


def _tables(value: object) -> Iterator[Mapping[str, Any]]:
    for one in value if isinstance(value, list) else []:
        if isinstance(one, Mapping):
            yield one


#: What a format keeps of the declarations, by the name of its reader.
_CHECKS = {"uv.lock": _uv, "poetry.lock": _poetry, "pdm.lock": _pdm, "Pipfile.lock": _pipenv}
