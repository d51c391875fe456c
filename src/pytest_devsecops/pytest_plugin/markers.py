"""From marks on a test to the requirements that it claims."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_devsecops.core.records import Claim
from pytest_devsecops.core.requirement import SEVERITIES, Requirement, is_requirement_id
from pytest_devsecops.core.text import did_you_mean, parse_duration

if TYPE_CHECKING:
    # Nodes between items and collectors have no public name in pytest yet.
    from _pytest.nodes import Node

_LIMITS = ("rto", "rpo")
_TEXTS = ("id", "title", "owner", "severity")


@dataclass(frozen=True, slots=True)
class MarkedTest:
    """What the marks on one test say.

    Attributes:
        claims: the requirements that it claims.
        explicit: whether the claims name ids, rather than take theirs from the test.
        problems: what is wrong with the marks, one sentence each.
        place: ``file:line`` of the test.
    """

    claims: tuple[Claim, ...]
    explicit: bool
    problems: tuple[str, ...]
    place: str


def read_marks(item: pytest.Item, names: Mapping[str, str]) -> MarkedTest:
    """Read every mark of ours on ``item``.

    Args:
        item: the test.
        names: the requirement family of each marker name.

    Returns:
        One claim for each id; if no mark has an id, one bare claim, whose id is the node id of
        whatever carries the closest mark (without parameters). A first argument that cannot be an id is a title.
    """
    place = _place(item)
    problems: list[str] = []
    explicit: dict[str, Claim] = {}
    bare: list[Claim] = []
    for name, family in names.items():
        for node, mark in item.iter_markers_with_node(name):
            arguments = _arguments(mark, problems)
            identity = arguments.get("id")
            requirement = _requirement(identity or _bare_id(node, item), family, arguments, place)
            claim = Claim(item.nodeid, requirement, _default_title(node, item))
            if identity is None:
                bare.append(claim)
            else:
                explicit.setdefault(identity, claim)
    claims = tuple(explicit.values()) or tuple(bare[:1])
    return MarkedTest(claims, bool(explicit), tuple(problems), place)


def _arguments(mark: pytest.Mark, problems: list[str]) -> dict[str, Any]:
    """Return the mark's arguments by name, leaving out and noting what cannot be used."""
    known = (*_TEXTS, "refs", *(_LIMITS if mark.name != "security" else ()))
    found: dict[str, Any] = {}
    positional = list(mark.args)
    if positional and not (isinstance(positional[0], str) and is_requirement_id(positional[0])):
        positional.insert(0, None)
    extra = positional[2:]
    if extra:
        problems.append(f"@pytest.mark.{mark.name} takes an id and a title, not also {', '.join(map(repr, extra))}")
    given = {**dict(zip(("id", "title"), positional, strict=False)), **mark.kwargs}
    for key, value in given.items():
        problem = _problem(key, value, known)
        if problem:
            problems.append(f"@pytest.mark.{mark.name}: {problem}")
        elif value is not None:
            found[key] = value
    return found


def _problem(key: str, value: object, known: tuple[str, ...]) -> str:
    if key not in known:
        return f"unknown argument {key!r}; {did_you_mean(key, known)}"
    if value is None:
        return ""
    if key == "refs":
        is_texts = isinstance(value, list | tuple) and all(isinstance(one, str) for one in value)
        return "" if is_texts else f"refs must be a list of strings, not {value!r}"
    if not isinstance(value, str):
        return f"{key} must be a string, not {value!r}"
    return _text_problem(key, value)


def _text_problem(key: str, value: str) -> str:
    if key == "id" and not is_requirement_id(value):
        return f"{value!r} is no id; an id has letters, digits, dots, dashes and underscores only"
    if key == "severity" and value not in SEVERITIES:
        return f"severity {value!r} is not one of {', '.join(SEVERITIES)}"
    if key in _LIMITS:
        try:
            parse_duration(value)
        except ValueError as error:
            return f"{key}: {error}"
    return ""


def _requirement(identity: str, family: str, arguments: Mapping[str, Any], place: str) -> Requirement:
    return Requirement(
        id=identity,
        title=arguments.get("title", ""),
        family=family,
        owner=arguments.get("owner"),
        severity=arguments.get("severity"),
        refs=tuple(arguments.get("refs", ())),
        declared_at=place,
        limits={name: parse_duration(arguments[name]) for name in _LIMITS if name in arguments},
    )


def _bare_id(node: Node, item: pytest.Item) -> str:
    if node is not item:
        return node.nodeid
    original = getattr(item, "originalname", None) or item.name
    parent = item.parent.nodeid if item.parent is not None else ""
    return f"{parent}::{original}" if parent else original


def _default_title(node: Node, item: pytest.Item) -> str:
    """Return the docstring's first line, or the name in words."""
    documented = getattr(node, "obj", None)
    lines = (getattr(documented, "__doc__", None) or "").strip().splitlines()
    if lines:
        return lines[0].strip()
    name = getattr(item, "originalname", None) or item.name if node is item else Path(node.name).stem
    return name.removeprefix("test_").removeprefix("Test").replace("_", " ").strip() or name


def _place(item: pytest.Item) -> str:
    path, line, _ = item.location
    return path if line is None else f"{Path(path).as_posix()}:{line + 1}"
