"""From a report file to the typed report, with every problem and its place.

The checks follow the types in ``model``, so that there is one definition of the format in code.
"""

from __future__ import annotations

import json
import types
import typing
from collections import Counter
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal, NoReturn, cast

from pytest_devsecops.core.assessment import SCHEMA
from pytest_devsecops.core.errors import DevSecOpsError, ProblemsError
from pytest_devsecops.core.text import did_you_mean
from pytest_devsecops.reports.model import Report
from pytest_devsecops.reports.text import STATUS_ORDER, numbers

_FAMILY = "pytest-devsecops/report/"
_SHOWN_PROBLEMS = 20

#: Looks at a value at a key path and appends to the problems.
_Check = Callable[[object, str, list[str]], None]

#: ``X | None`` is the second where X is a Literal.
_UNIONS = (types.UnionType, typing.Union)

_KINDS: dict[type, str] = {
    str: "a string",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    list: "a list",
    dict: "an object",
    types.NoneType: "null",
}


class ReportError(ProblemsError):
    """The file is no report of a version that can be read; every problem has its key path."""


def read_report(path: Path) -> Report:
    """Read the report file at ``path``.

    Raises:
        DevSecOpsError: if it cannot be read.
        ReportError: if it is not a whole report of a supported version.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise DevSecOpsError("there is no such file", place=str(path), remedy="check the path of the report") from None
    except OSError as error:
        raise DevSecOpsError(f"cannot be read: {error.strerror or error}", place=str(path)) from None
    except UnicodeDecodeError as error:
        raise ReportError(str(path), [f"is not UTF-8 (byte {error.start}); the file is damaged"]) from None
    return parse_report(text, str(path))


def parse_report(text: str, place: str) -> Report:
    """Return the report that ``text`` is.

    Args:
        text: the JSON document.
        place: the file's name, for messages.

    Raises:
        ReportError: if it is not JSON, of another version, has a field that is missing, unknown or
            of another type, or contradicts itself.
    """
    data = _load(text, place)
    _check_version(data, place)
    problems: list[str] = []
    _check_of(Report)(data, "", problems)
    if not problems:
        problems.extend(_contradictions(cast("Report", data)))
    if len(problems) > _SHOWN_PROBLEMS:
        problems[_SHOWN_PROBLEMS:] = [f"... and {len(problems) - _SHOWN_PROBLEMS} more"]
    if problems:
        raise ReportError(place, problems)
    return cast("Report", data)


def _load(text: str, place: str) -> object:
    try:
        return json.loads(text, object_pairs_hook=_without_duplicates, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        where = f"{place}:{error.lineno}:{error.colno}"
        raise ReportError(where, [f"is not JSON, or not whole: {error.msg}; the file is damaged"]) from None
    except ValueError as error:
        raise ReportError(place, [f"is damaged: {error}"]) from None
    except RecursionError:
        raise ReportError(place, ["is damaged: it is nested too deeply to be read"]) from None


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) < len(pairs):
        twice = next(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)
        raise ValueError(f"an object has the key {twice!r} twice")
    return table


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _check_version(data: object, place: str) -> None:
    version = data.get("schema") if isinstance(data, dict) else None
    if version == SCHEMA:
        return
    if isinstance(version, str) and version.startswith(_FAMILY):
        problem = f"schema: {version!r} is not supported; this version reads {SCHEMA!r}. Install one that reads it"
    else:
        problem = f"is no report of pytest-devsecops: its key 'schema' must be {SCHEMA!r}, not {version!r}"
    raise ReportError(place, [problem])


def _contradictions(report: Report) -> list[str]:
    """Return where a report that is well-formed says two different things."""
    seen = Counter(requirement["id"] for requirement in report["requirements"])
    problems = [f"requirements: {identity!r} is there {count} times" for identity, count in seen.items() if count > 1]
    statuses = Counter(requirement["status"] for requirement in report["requirements"])
    actual = {status: statuses[cast("Any", status)] for status in STATUS_ORDER}
    said = numbers(report)
    problems.extend(
        f"summary.{status}: says {said[status]}, but {actual[status]} requirements have that status"
        for status in STATUS_ORDER
        if said[status] != actual[status]
    )
    return problems


@cache
def _check_of(kind: Any) -> _Check:  # noqa: ANN401 - typing's forms have no common type
    """Return the check for a type of ``model``: a TypedDict, a generic, a Literal, a union, a class."""
    if typing.is_typeddict(kind):
        return _object_check({name: _check_of(hint) for name, hint in typing.get_type_hints(kind).items()})
    parts = typing.get_args(kind)
    match typing.get_origin(kind):
        case origin if origin is Literal:
            check = _literal_check(parts)
        case origin if origin in _UNIONS:
            check = _union_check(parts)
        case origin if origin is list:
            check = _list_check(_check_of(parts[0]))
        case origin if origin is dict:
            check = _mapping_check(_check_of(parts[1]))
        case _:
            check = _anything if kind is Any else _class_check(kind)
    return check


def _anything(value: object, path: str, problems: list[str]) -> None:
    """Accept ``value``: it came from JSON and its meaning is somebody else's."""


def _class_check(kind: type) -> _Check:
    # JSON writes the number 1.0 as 1 too; and bool is an int to Python, but not to JSON.
    accepted = (int, float) if kind is float else (kind,)

    def check(value: object, path: str, problems: list[str]) -> None:
        if not isinstance(value, accepted) or (isinstance(value, bool) and kind is not bool):
            problems.append(f"{path}: must be {_KINDS[kind]}, not {_kind(value)}")

    return check


def _literal_check(choices: tuple[Any, ...]) -> _Check:
    def check(value: object, path: str, problems: list[str]) -> None:
        if value not in choices:
            problems.append(f"{path}: {value!r} is not one of {', '.join(map(str, choices))}")

    return check


def _list_check(item: _Check) -> _Check:
    def check(value: object, path: str, problems: list[str]) -> None:
        if not isinstance(value, list):
            problems.append(f"{path}: must be a list, not {_kind(value)}")
            return
        for index, part in enumerate(value):
            item(part, f"{path}[{index}]", problems)

    return check


def _mapping_check(item: _Check) -> _Check:
    def check(value: object, path: str, problems: list[str]) -> None:
        if not isinstance(value, dict):
            problems.append(f"{path}: must be an object, not {_kind(value)}")
            return
        for name, part in value.items():
            item(part, _join(path, name), problems)

    return check


def _object_check(fields: Mapping[str, _Check]) -> _Check:
    def check(value: object, path: str, problems: list[str]) -> None:
        if not isinstance(value, dict):
            problems.append(f"{path}: must be an object, not {_kind(value)}")
            return
        problems.extend(f"{_join(path, name)}: is missing" for name in fields if name not in value)
        for name, part in value.items():
            if name in fields:
                fields[name](part, _join(path, name), problems)
            else:
                problems.append(f"{_join(path, name)}: unknown key; {did_you_mean(name, fields)}")

    return check


def _union_check(kinds: tuple[Any, ...]) -> _Check:
    """Accept what one of ``kinds`` accepts; complain for the one that the value's JSON type points to."""
    checks = [_check_of(kind) for kind in kinds]

    def check(value: object, path: str, problems: list[str]) -> None:
        attempts: list[list[str]] = []
        for one in checks:
            attempt: list[str] = []
            one(value, path, attempt)
            if not attempt:
                return
            attempts.append(attempt)
        # A complaint below the value's own path means that its outer type was right.
        inner = next((found for found in attempts if not found[0].startswith(f"{path}: must be")), attempts[0])
        problems.extend(inner)

    return check


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _kind(value: object) -> str:
    return _KINDS.get(type(value), type(value).__name__)
