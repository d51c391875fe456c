"""The URL map of a Flask application, with applications mounted beside it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pytest_devsecops.identity.inventory.paths import ANY, braced, joined, of_methods, unique
from pytest_devsecops.identity.target import Operation


def operations_of_flask(app: Any) -> list[Operation] | None:  # noqa: ANN401 - any WSGI application
    """Return every operation of the application, or None if it is no Flask application.

    Args:
        app: a ``Flask``, alone, in middlewares that keep it as ``app`` or ``wsgi_app``, or in a
            ``DispatcherMiddleware`` with others.
    """
    found = list(_walk(app, ""))
    return unique(found) if any(one.method != ANY for one in found) else None


def _walk(app: Any, prefix: str) -> Iterator[Operation]:  # noqa: ANN401 - any WSGI application
    mounts = getattr(app, "mounts", None)
    if isinstance(mounts, dict):
        for path, mounted in mounts.items():
            yield from _walk(mounted, joined(prefix, path))
    url_map = getattr(app, "url_map", None)
    if url_map is not None:
        for rule in url_map.iter_rules():
            static = rule.endpoint == "static" or rule.endpoint.endswith(".static")
            yield from of_methods(rule.methods, joined(prefix, braced(rule.rule)), provided=static)
        return
    inner = getattr(app, "app", None) or getattr(app, "wsgi_app", None) or getattr(app, "__self__", None)
    if inner is not None:
        yield from _walk(inner, prefix)
    elif prefix:
        yield Operation(ANY, joined(prefix, "{path}"))
