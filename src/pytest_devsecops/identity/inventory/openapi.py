"""The operations of an OpenAPI document (OpenAPI 3.0 and 3.1, Swagger 2.0), with what their bodies look like."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pytest_devsecops.core.errors import UsageError
from pytest_devsecops.identity.inventory.paths import joined, unique
from pytest_devsecops.identity.payload import CANARY, Payload
from pytest_devsecops.identity.target import Operation

_METHODS = ("get", "post", "put", "patch", "delete", "trace", "query")
_DEEPEST = 6
_FORMATS = {
    "email": f"{{{CANARY}}}@mail.example",
    "date": "2030-01-01",
    "date-time": "2030-01-01T00:00:00Z",
    "uri": "https://page.example/",
    "uuid": "3f2b8a52-5b8e-4d52-9f2f-8c9a5c3f1d10",
}
_JSON, _FORM = "application/json", "application/x-www-form-urlencoded"


def operations_of_openapi(document: Mapping[str, Any] | str | Path) -> list[Operation]:
    """Return every operation of a document.

    Args:
        document: the decoded document, or the path of a JSON file.

    Raises:
        UsageError: if it is no OpenAPI document.
    """
    if isinstance(document, str | Path):
        document = json.loads(Path(document).read_text(encoding="utf-8"))
    return operations_of_document(document)


def operations_of_document(document: object) -> list[Operation]:
    """Return every operation of a decoded document; see ``operations_of_openapi``."""
    if not isinstance(document, Mapping) or not isinstance(document.get("paths"), Mapping):
        raise UsageError("this is no OpenAPI document: it has no 'paths'", remedy="pass the decoded openapi.json")
    return unique(_Document(document).operations())


class _Document:
    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document
        servers = document.get("servers") or [{"url": document.get("basePath", "")}]
        self._prefix = urlsplit(str(servers[0].get("url", ""))).path

    def operations(self) -> Iterator[Operation]:
        for path, item in self._document["paths"].items():
            entry = self._resolved(item)
            for method in (name for name in _METHODS if name in entry):
                payload = self._payload(self._resolved(entry[method]), entry.get("parameters", []))
                yield Operation(method.upper(), joined(self._prefix, path), payload=payload)

    def _payload(self, operation: Mapping[str, Any], shared: list[Any]) -> Payload | None:
        parameters = [self._resolved(one) for one in (*shared, *operation.get("parameters", []))]
        query = {
            one["name"]: str(self._example(one["name"], self._resolved(one.get("schema", one)), 0))
            for one in parameters
            if one.get("in") == "query" and one.get("required")
        }
        content = self._resolved(operation.get("requestBody", {})).get("content", {})
        body = next((one["schema"] for one in parameters if one.get("in") == "body" and "schema" in one), None)
        if _JSON in content:
            body = content[_JSON].get("schema", {})
        if body is not None:
            return Payload(json=self._example("", self._resolved(body), 0), query=query)
        if _FORM in content:
            fields = self._example("", self._resolved(content[_FORM].get("schema", {})), 0)
            return Payload(form={name: str(value) for name, value in dict(fields or {}).items()}, query=query)
        return Payload(query=query) if query else None

    def _example(self, name: str, schema: Mapping[str, Any], depth: int) -> Any:  # noqa: ANN401 - any JSON value
        """Return the smallest value that the schema takes, with placeholders where it can be chosen."""
        for key in ("const", "default", "example"):
            if key in schema and schema[key] is not None:
                return schema[key]
        if schema.get("enum"):
            return schema["enum"][0]
        if depth > _DEEPEST:
            return None
        parts = [self._resolved(one) for key in ("allOf", "oneOf", "anyOf") for one in schema.get(key, [])]
        if "allOf" in schema:
            merged = [self._example(name, part, depth + 1) for part in parts]
            return {key: value for part in merged if isinstance(part, dict) for key, value in part.items()}
        if parts:
            return self._example(name, next((one for one in parts if one.get("type") != "null"), parts[0]), depth + 1)
        return self._plain(name, schema, depth)

    def _plain(self, name: str, schema: Mapping[str, Any], depth: int) -> Any:  # noqa: ANN401 - any JSON value
        kinds = schema.get("type", "object" if "properties" in schema else "string")
        kind = next((one for one in kinds if one != "null"), "string") if isinstance(kinds, list) else kinds
        if kind == "object":
            return self._object(schema, depth)
        if name.endswith(("_id", "Id")):
            return f"{{{name}}}"
        if kind == "array":
            needed = int(schema.get("minItems", 0))
            return [self._example(name, self._resolved(schema.get("items", {})), depth + 1)] * needed
        if kind in ("integer", "number"):
            lowest = schema.get("minimum", schema.get("exclusiveMinimum", 0))
            return max(1, int(lowest) + 1) if "exclusiveMinimum" in schema else max(1, int(lowest))
        if kind == "boolean":
            return True
        longest = schema.get("maxLength", 100)
        return _FORMATS.get(str(schema.get("format")), f"{{{CANARY}}}" if longest > 20 else "x" * longest)  # noqa: PLR2004 - a canary's length

    def _object(self, schema: Mapping[str, Any], depth: int) -> dict[str, Any]:
        properties = {name: self._resolved(one) for name, one in schema.get("properties", {}).items()}
        required = schema.get("required", [])
        # Without a required one, any text may be what the operation changes (PATCH).
        wanted = [name for name in properties if name in required] or [
            name for name, one in properties.items() if _is_free_text(one)
        ]
        return {name: self._example(name, properties[name], depth + 1) for name in wanted}

    def _resolved(self, value: Any) -> Mapping[str, Any]:  # noqa: ANN401 - any part of the document
        for _ in range(_DEEPEST):
            if not isinstance(value, Mapping):
                return {}
            reference = value.get("$ref")
            if not isinstance(reference, str) or not reference.startswith("#/"):
                return value
            value = self._document
            for part in reference[2:].split("/"):
                value = value.get(part.replace("~1", "/").replace("~0", "~"), {}) if isinstance(value, Mapping) else {}
        return {}


def _is_free_text(schema: Mapping[str, Any]) -> bool:
    kinds = [schema.get("type"), *(one.get("type") for one in schema.get("anyOf", []) if isinstance(one, Mapping))]
    return "string" in kinds and not schema.get("enum") and not schema.get("readOnly")
