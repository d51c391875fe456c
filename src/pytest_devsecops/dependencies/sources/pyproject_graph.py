"""Everything that a ``pyproject.toml`` declares: PEP 518, 621, 735, and the tables of tools."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from packaging.utils import canonicalize_name

from pytest_devsecops.core.decode import TableReader
from pytest_devsecops.core.redaction import without_credentials
from pytest_devsecops.dependencies.model import MAIN, Graph, OptionName, ReadContext, SourceError
from pytest_devsecops.dependencies.sources.declarations import Declarations, dependency_of, extra_group
from pytest_devsecops.dependencies.sources.documents import Document, read_toml
from pytest_devsecops.dependencies.sources.poetry_tables import read_poetry
from pytest_devsecops.dependencies.sources.project_name import project_name
from pytest_devsecops.dependencies.sources.requirement_forms import read_editable
from pytest_devsecops.dependencies.sources.requirement_graph import requirements_graph
from pytest_devsecops.dependencies.sources.requirement_options import BadLineError
from pytest_devsecops.dependencies.sources.uv_tables import read_uv

#: The group of what is needed to build the project.
BUILD = "build"


def pyproject_graph(path: Path, context: ReadContext, format_name: str) -> Graph:
    """Read a ``pyproject.toml``.

    Args:
        path: the file.
        context: the project's root and environment variables.
        format_name: the name of the reader, for the evidence.

    Raises:
        SourceError: if it is not TOML, or if its groups include each other in a circle.
    """
    document = _read(path, context)
    own_name = canonicalize_name(project_name(path.parent) or "")
    found = Declarations(document, context, own_name)
    problems: list[str] = []
    root = TableReader(document.data, "", problems)
    tools, project = root.table("tool"), _table(document.data, "project")
    _read_project(root.table("project"), tools, found)
    if tools.has("poetry"):
        read_poetry(tools.table("poetry"), project, found)
    _read_groups(root.table("dependency-groups"), found)
    _read_pdm(tools.table("pdm"), found)
    read_uv(tools.table("uv"), found)
    for text in root.table("build-system").strings("requires"):
        found.requirement(BUILD, text, "build-system", "requires")
    _check_legacy(project, tools, found)
    for problem in problems:
        found.problem(document.name, problem, "correct the value")
    return found.finished(format_name)


def _read(path: Path, context: ReadContext) -> Document:
    try:
        return read_toml(path, context)
    except SourceError as error:
        raise SourceError(error.message, place=error.place, remedy="correct the file by hand") from error


def _read_project(project: TableReader, tools: TableReader, found: Declarations) -> None:
    for text in project.strings("dependencies"):
        found.requirement(MAIN, text, "project", "dependencies")
    extras = project.table("optional-dependencies")
    for extra in extras.keys:
        for text in extras.strings(extra):
            found.requirement(extra_group(extra), text, extras.path, extra)
    dynamic = set(project.strings("dynamic")) & {"dependencies", "optional-dependencies"}
    if not dynamic or tools.table("poetry").has("dependencies"):
        return
    setuptools = tools.table("setuptools").table("dynamic")
    for field in sorted(dynamic):
        if setuptools.has(field):
            _read_setuptools(field, setuptools, found)
        else:
            found.problem(
                found.document.name,
                f"project.{field} is dynamic, so only the build backend knows what the project asks for",
                "declare it in the file, or name the lock file or environment in `sources`",
                found.place_of("project", "dynamic", field),
            )


def _read_setuptools(field: str, dynamic: TableReader, found: Declarations) -> None:
    """Read the requirements files that ``[tool.setuptools.dynamic]`` names."""
    if field == "dependencies":
        _read_files(MAIN, dynamic.table(field), found)
        return
    extras = dynamic.table(field)
    for extra in extras.keys:
        _read_files(extra_group(extra), extras.table(extra), found)


def _read_files(group: str, table: TableReader, found: Declarations) -> None:
    value = table.raw("file")
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        table.problem("file", "must be a path or a list of paths")
        return
    for name in names:
        path = Path(os.path.normpath(found.document.path.parent.absolute() / name))
        found.read_from(requirements_graph(path, found.context, "requirements.txt"), group)


def _read_groups(groups: TableReader, found: Declarations) -> None:
    """Read ``[dependency-groups]`` (PEP 735)."""
    names = {canonicalize_name(key): key for key in groups.keys}
    includes: dict[str, list[str]] = {}
    for name, key in names.items():
        members = groups.raw(key)
        if not isinstance(members, list):
            groups.problem(key, "must be a list")
            continue
        found.add(name, ())
        for index, member in enumerate(members):
            place = f"{groups.key_path(key)}[{index}]"
            if isinstance(member, str):
                found.requirement(name, member, groups.path, key)
            elif isinstance(member, dict) and list(member) == ["include-group"]:
                other = canonicalize_name(str(member["include-group"]))
                includes.setdefault(name, []).append(other)
                found.include(name, other)
                if other not in names:
                    found.problem(other, f"{place} includes the group {other!r}, which is not there", "add the group")
            else:
                found.problem(name, f"{place} must be a requirement or an include-group", "correct the entry")
    _check_circle(includes, found.document)


def _check_circle(includes: Mapping[str, Sequence[str]], document: Document) -> None:
    done: set[str] = set()

    def visit(name: str, above: tuple[str, ...]) -> None:
        if name in above:
            circle = " -> ".join((*above[above.index(name) :], name))
            raise SourceError(
                f"dependency-groups: groups include each other: {circle}",
                place=document.name,
                remedy="remove one of the includes",
            )
        if name not in done:
            for other in includes.get(name, ()):
                visit(other, (*above, name))
            done.add(name)

    for name in includes:
        visit(name, ())


def _read_pdm(pdm: TableReader, found: Declarations) -> None:
    """Read ``[tool.pdm]``: ``dev-dependencies`` and ``[[tool.pdm.source]]``."""
    groups = pdm.table("dev-dependencies")
    for key in groups.keys:
        group = canonicalize_name(key)
        for text in groups.strings(key):
            if text.startswith("-e "):
                _read_pdm_editable(group, text, key, found)
            else:
                found.requirement(group, text, groups.path, key)
    for source in pdm.entries("source", "url"):
        url = without_credentials(source.string("url"))
        # To PDM the default index is the source of this name.
        default = source.string("name") == "pypi"
        found.option(OptionName.INDEX_URL if default else OptionName.EXTRA_INDEX_URL, url)
        if not source.boolean("verify_ssl", default=True):
            found.option(OptionName.TRUSTED_HOST, urlsplit(url).netloc)


def _read_pdm_editable(group: str, text: str, key: str, found: Declarations) -> None:
    folder = found.document.path.parent.absolute()
    location = found.place_of("tool.pdm.dev-dependencies", key, text)
    address = text.removeprefix("-e ").strip().replace("${PROJECT_ROOT}", folder.as_posix().lstrip("/"))
    try:
        form = read_editable(address, (folder,))
    except BadLineError as error:
        found.problem(text, f"tool.pdm.dev-dependencies.{key}: {error}", error.remedy, location)
        return
    found.add(group, [dependency_of(form, hashes=form.hashes, location=location, context=found.context)])


def _check_legacy(project: Mapping[str, Any], tools: TableReader, found: Declarations) -> None:
    """Note declarations in files that only running them would read."""
    if project or tools.has("poetry"):
        return
    folder = found.document.path.parent
    legacy = [
        name
        for name, declares in (("setup.py", ""), ("setup.cfg", r"(?m)^\[options"))
        if _holds(folder / name, declares)
    ]
    if legacy:
        found.problem(
            found.document.name,
            f"it has no [project], and what stands in {' and '.join(legacy)} is not read",
            "move the metadata to [project], or name a lock file or environment in `sources`",
        )


def _holds(path: Path, pattern: str) -> bool:
    return path.is_file() and re.search(pattern, path.read_text(encoding="utf-8", errors="replace")) is not None


def _table(table: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = table.get(key)
    return value if isinstance(value, dict) else {}
