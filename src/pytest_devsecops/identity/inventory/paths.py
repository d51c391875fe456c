"""Paths as frameworks write them, brought into one form."""

from __future__ import annotations

import re
from collections.abc import Iterable

from pytest_devsecops.identity.target import Operation

#: Every method; what a framework does not say.
ANY = "*"
_PARAMETER = re.compile(r"\{[^{}]*\}")
_CONVERTED = re.compile(r"\{(\w+):[^{}]*\}")
#: ``<name>``, ``<int:name>``, ``<regex("[a-z]+"):name>`` in Flask and Django.
_ANGLED = re.compile(r"<(?:[^<>]*:)?(\w+)>")
#: Frameworks answer these by themselves wherever there is a GET (RFC 9110, sections 9.3.2 and 9.3.7).
_IMPLIED = {"HEAD", "OPTIONS"}


def shape(path: str) -> str:
    """Return a path with its parameters' names and its trailing slash taken away, to compare by."""
    return _PARAMETER.sub("{}", path.partition("?")[0]).rstrip("/") or "/"


def braced(path: str) -> str:
    """Return a path with its parameters as ``{name}``, however its framework writes them."""
    return _CONVERTED.sub(r"{\1}", _ANGLED.sub(r"{\1}", path))


def joined(prefix: str, path: str) -> str:
    """Return ``path`` below ``prefix``, with one slash between them."""
    return f"{prefix.rstrip('/')}/{path.lstrip('/')}" if path else prefix.rstrip("/") or "/"


def of_methods(methods: Iterable[str] | None, path: str, *, provided: bool = False) -> list[Operation]:
    """Return an operation for each method; without methods, one for any."""
    given = {method.upper() for method in methods or ()}
    wanted = sorted(given - _IMPLIED) or sorted(given)
    return [Operation(method, path, provided=provided) for method in wanted or [ANY]]


def unique(operations: Iterable[Operation]) -> list[Operation]:
    """Return the operations without repetitions, the first of each."""
    found: dict[tuple[str, str], Operation] = {}
    for operation in operations:
        found.setdefault((operation.method, shape(operation.path)), operation)
    return list(found.values())
