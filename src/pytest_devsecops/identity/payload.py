"""How an operation is called that needs more than its path, and what shows that it did something."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any
from urllib.parse import quote, urlencode

from pytest_devsecops.identity.http import Headers, form_body, json_body

_NAMES = re.compile(r"\{(\w+)(?::\w+)?\}")
#: The placeholder for a text that the check makes up anew for each call.
CANARY = "canary"


@dataclass(frozen=True, slots=True)
class Payload:
    """What is sent with an operation.

    In every text, ``{canary}`` stands for a new marker, and the name of a resource in braces, such
    as ``{order}``, for the id of the object that the call is about.

    Attributes:
        json: the body as a JSON value; None if there is none.
        form: the body as an HTML form; None if there is none.
        query: the query string.
        headers: more headers.
        page: a page whose form's hidden fields are sent along, for applications with CSRF tokens.
        observe: reads from the application's store what the operation changes, where no operation
            shows it; two values that are equal mean that nothing happened. For one object read that
            object alone: ``Resource(inspect=…)``.
        shows: a text that only those who may use the operation get to see; placeholders of the path may be in it.
    """

    json: Any = None
    form: Mapping[str, str] | None = None
    query: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    headers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    page: str = ""
    observe: Callable[[], Any] | None = None
    shows: str = ""

    def names(self) -> list[str]:
        """Return the placeholders, without the canary's, in order."""
        found = _names_in([self.json, dict(self.form or {}), dict(self.query), dict(self.headers)])
        return [name for name in found if name != CANARY]

    def takes_marker(self) -> bool:
        """Tell whether a marker is sent along, as to whatever stores a text."""
        return CANARY in _names_in([self.json, dict(self.form or {}), dict(self.query), dict(self.headers)])

    def filled_headers(self, values: Mapping[str, Any]) -> Headers:
        """Return its headers with placeholders filled in."""
        return tuple((name, str(value)) for name, value in fill(dict(self.headers), values).items())

    def body(
        self, values: Mapping[str, Any], hidden: Mapping[str, str], more: Mapping[str, Any]
    ) -> tuple[bytes, Headers]:
        """Return the encoded body and its header.

        Args:
            values: what the placeholders stand for.
            hidden: fields that the application's own form has, such as a CSRF token.
            more: further fields, for attacks on properties.
        """
        if self.json is not None or (more and self.form is None):
            filled = fill(self.json if self.json is not None else {}, values)
            body, header = json_body(with_fields(filled, more) if isinstance(filled, dict) else filled)
            return body, (header,)
        if self.form is not None or hidden:
            fields = {**hidden, **fill(dict(self.form or {}), values), **more}
            body, header = form_body({name: str(value) for name, value in fields.items()})
            return body, (header,)
        return b"", ()

    def address(self, path: str, values: Mapping[str, Any]) -> str:
        """Return the path with its placeholders and the query filled in."""
        filled = _NAMES.sub(lambda match: quote(str(values.get(match[1], match[0])), safe=""), path)
        query = urlencode({name: str(value) for name, value in fill(dict(self.query), values).items()})
        return filled + (("&" if "?" in filled else "?") + query if query else "")


def with_fields(document: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """Return a JSON object with more fields: in the object that it only wraps (``{"order": {…}}``), or in itself."""
    inner = next(iter(document.values()), None)
    if len(document) == 1 and isinstance(inner, Mapping):
        return {name: with_fields(inner, more) for name in document}
    return {**document, **more}


NO_PAYLOAD = Payload()


def names_in_path(path: str) -> list[str]:
    """Return the names of a path's parameters, in order."""
    return _NAMES.findall(path)


def fill(value: Any, values: Mapping[str, Any]) -> Any:  # noqa: ANN401 - any JSON value
    """Return ``value`` with placeholders filled in; a text that is one placeholder keeps the value's type."""
    if isinstance(value, str):
        whole = _NAMES.fullmatch(value)
        if whole and whole[1] in values:
            return values[whole[1]]
        return _NAMES.sub(lambda match: str(values.get(match[1], match[0])), value)
    if isinstance(value, Mapping):
        return {key: fill(item, values) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [fill(item, values) for item in value]
    return value


def _names_in(value: Any) -> list[str]:  # noqa: ANN401 - any JSON value
    if isinstance(value, str):
        return _NAMES.findall(value)
    inside = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
    return list(dict.fromkeys(name for item in inside for name in _names_in(item)))
