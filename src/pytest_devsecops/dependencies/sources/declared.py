"""What the ``pyproject.toml`` beside a lock file asks for, for locks that do not say what is direct.

Only names, extras, groups and markers are of interest here; ranges are the business of whoever reads
declarations as a source.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name

from pytest_devsecops.core.findings import Finding
from pytest_devsecops.dependencies.model import MAIN, ReadContext, SourceError, unreadable
from pytest_devsecops.dependencies.sources.documents import read_toml

_REQUIREMENT = re.compile(
    r"\s*(?P<name>[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)\s*(?:\[(?P<extras>[^\]]*)\])?(?P<rest>.*)", re.DOTALL
)
_EGG = re.compile(r"[#&]egg=([^&\[]+)")


@dataclass(frozen=True, slots=True)
class Wanted:
    """One thing that a project, or a package, asks for.

    Attributes:
        name: the normalised name.
        extras: the normalised extras of it.
        marker: its marker, as written.
        specifier: the range, as written.
        optional: whether it is asked for only together with an extra.
    """

    name: str
    extras: tuple[str, ...] = ()
    marker: str = ""
    specifier: str = ""
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Declared:
    """What a project asks for.

    Attributes:
        groups: by group; ``main``, ``extra:NAME``, others have their normalised name.
        complete: whether that is everything; otherwise something could not be read from the file alone.
    """

    groups: Mapping[str, tuple[Wanted, ...]] = field(default_factory=dict)
    complete: bool = True

    @property
    def names(self) -> frozenset[str]:
        """The names of everything asked for."""
        return frozenset(one.name for wanted in self.groups.values() for one in wanted)

    def asks_for(self, name: str) -> bool | None:
        """Tell whether the project asks for ``name`` itself; None if that is not known."""
        return True if name in self.names else False if self.complete else None


def read_declared(folder: Path, context: ReadContext, problems: list[Finding]) -> Declared | None:
    """Return what the ``pyproject.toml`` in ``folder`` asks for; None if there is none that does.

    One that cannot be read is a problem.
    """
    path = folder / "pyproject.toml"
    if not path.is_file():
        return None
    try:
        document = read_toml(path, context)
    except SourceError as error:
        problems.append(
            unreadable(
                context.shown(path),
                f"{error.place}: {error.message}, so what is direct is not known",
                fix=error.remedy,
                location=None,
            )
        )
        return None
    return _Reader(document.data).declared()


def parse_wanted(text: str) -> Wanted | None:
    """Return what a requirement (PEP 508, or an editable one with an ``egg``) names; None if nothing."""
    if text.lstrip().startswith("-e"):
        egg = _EGG.search(text)
        return Wanted(canonicalize_name(egg[1].strip())) if egg else None
    found = _REQUIREMENT.match(text)
    if found is None:
        return None
    # After an address the marker needs a space before its semicolon, because addresses may hold one.
    is_address = found["rest"].lstrip().startswith("@")
    specifier, _, marker = found["rest"].partition(" ;" if is_address else ";")
    extras = tuple(canonicalize_name(extra.strip()) for extra in (found["extras"] or "").split(",") if extra.strip())
    written = "" if is_address else specifier.strip().removeprefix("(").removesuffix(")")
    return Wanted(canonicalize_name(found["name"]), extras, marker.strip(), written)


class _Reader:
    """Collects groups from every table that declares some."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        self._project = _table(data, "project")
        self._tool = _table(data, "tool")
        self._groups = _table(data, "dependency-groups")
        self._found: dict[str, list[Wanted]] = {}
        self._complete = True

    def declared(self) -> Declared | None:
        poetry, pdm = _table(self._tool, "poetry"), _table(self._tool, "pdm")
        if not (self._project or self._groups or poetry or pdm):
            return None
        self._read_project()
        for group in self._groups:
            self._add(canonicalize_name(group), self._members(group, ()))
        for group, lines in _table(pdm, "dev-dependencies").items():
            self._add(canonicalize_name(group), self._parsed(lines))
        self._read_poetry(poetry)
        self._unfold_own(canonicalize_name(str(self._project.get("name") or poetry.get("name") or "")))
        return Declared({group: tuple(wanted) for group, wanted in self._found.items()}, self._complete)

    def _read_project(self) -> None:
        """PEP 621; a dynamic field is known only to the build."""
        dynamic = self._project.get("dynamic")
        if isinstance(dynamic, list) and not {"dependencies", "optional-dependencies"}.isdisjoint(map(str, dynamic)):
            self._complete = bool(_table(self._tool, "poetry"))
        self._add(MAIN, self._parsed(self._project.get("dependencies", [])))
        for extra, lines in _table(self._project, "optional-dependencies").items():
            self._add(f"extra:{canonicalize_name(extra)}", self._parsed(lines))

    def _read_poetry(self, poetry: Mapping[str, Any]) -> None:
        # With [project], Poetry takes from its own table only how those are fetched.
        if "dependencies" not in self._project and "optional-dependencies" not in self._project:
            self._add(MAIN, _poetry_wanted(_table(poetry, "dependencies")))
        self._add("dev", _poetry_wanted(_table(poetry, "dev-dependencies")))
        groups = _table(poetry, "group")
        for group in groups:
            for included in _poetry_groups(groups, group):
                self._add(canonicalize_name(group), _poetry_wanted(_table(_table(groups, included), "dependencies")))

    def _members(self, group: str, including: tuple[str, ...]) -> Iterator[Wanted]:
        """PEP 735: a group's requirements and those of the groups that it includes."""
        lines = next((value for key, value in self._groups.items() if _same(key, group)), None)
        if lines is None or group in including:
            self._complete = False
            return
        for line in lines if isinstance(lines, list) else [None]:
            if isinstance(line, dict) and isinstance(line.get("include-group"), str):
                yield from self._members(canonicalize_name(line["include-group"]), (*including, group))
            else:
                yield from self._parsed([line])

    def _parsed(self, lines: object) -> Iterator[Wanted]:
        for line in lines if isinstance(lines, list) else [None]:
            wanted = parse_wanted(line) if isinstance(line, str) else None
            if wanted is None:
                self._complete = False
            else:
                yield wanted

    def _add(self, group: str, wanted: Iterable[Wanted]) -> None:
        found = list(wanted)
        if found:
            self._found.setdefault(group, []).extend(found)

    def _unfold_own(self, own: str) -> None:
        """Replace what asks for the project itself with an extra by what that extra asks for."""
        for group, wanted in self._found.items():
            unfolded: list[Wanted] = []
            waiting, seen = list(reversed(wanted)), set[str]()
            while waiting:
                one = waiting.pop()
                if one.name != own or not own:
                    unfolded.append(one)
                    continue
                fresh = [extra for extra in one.extras if extra not in seen]
                seen.update(fresh)
                waiting.extend(inner for extra in fresh for inner in self._found.get(f"extra:{extra}", ()))
            self._found[group] = unfolded


def _poetry_groups(groups: Mapping[str, Any], group: str) -> list[str]:
    """Return ``group`` with the groups that it includes."""
    found = [group]
    for name in found:  # grows while it is walked
        included = _table(groups, name).get("include-groups")
        names = [one for one in included if isinstance(one, str)] if isinstance(included, list) else []
        found.extend(one for one in dict.fromkeys(names) if one not in found)
    return found


def _poetry_wanted(table: Mapping[str, Any]) -> Iterator[Wanted]:
    for name, constraints in table.items():
        if _same(name, "python"):
            continue
        for constraint in constraints if isinstance(constraints, list) else [constraints]:
            yield poetry_constraint(name, constraint)


def poetry_constraint(name: str, constraint: object) -> Wanted:
    """Return what one of Poetry's constraints asks for: a range, or a table with one."""
    if not isinstance(constraint, dict):
        return Wanted(canonicalize_name(name), specifier=constraint if isinstance(constraint, str) else "")
    extras, marker, version = (constraint.get(key) for key in ("extras", "markers", "version"))
    return Wanted(
        canonicalize_name(name),
        tuple(canonicalize_name(extra) for extra in extras if isinstance(extra, str))
        if isinstance(extras, list)
        else (),
        marker if isinstance(marker, str) else "",
        version if isinstance(version, str) else "",
        optional=constraint.get("optional") is True,
    )


def _same(name: str, other: str) -> bool:
    return canonicalize_name(name) == canonicalize_name(other)


def _table(table: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = table.get(key)
    return value if isinstance(value, dict) else {}
