"""The routes of a Starlette or FastAPI application, with mounts, included routers and hosts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from pytest_devsecops.identity.inventory.openapi import operations_of_document
from pytest_devsecops.identity.inventory.paths import ANY, braced, joined, of_methods, shape, unique
from pytest_devsecops.identity.target import Operation

_METHODS = ("get", "post", "put", "patch", "delete")


def operations_of_starlette(app: Any) -> list[Operation] | None:  # noqa: ANN401 - any ASGI application
    """Return every operation of the application, or None if it has no routes that can be read.

    Args:
        app: the application, in any number of ASGI middlewares that keep it as ``app``.
    """
    application = _unwrapped(app)
    routes = getattr(application, "routes", None)
    if routes is None:
        return None
    found = unique(_walk(routes, ""))
    if callable(getattr(application, "openapi", None)):
        # FastAPI knows what each operation takes; that gives the bodies of requests.
        known = {(one.method, shape(one.path)): one.payload for one in operations_of_document(application.openapi())}
        found = [replace(one, payload=known.get((one.method, shape(one.path)))) for one in found]
    return found


def _unwrapped(app: Any) -> Any:  # noqa: ANN401 - any ASGI application
    seen: set[int] = set()
    while getattr(app, "routes", None) is None and getattr(app, "app", None) is not None and id(app) not in seen:
        seen.add(id(app))
        app = app.app
    return app


def _walk(routes: Any, prefix: str) -> Iterator[Operation]:  # noqa: ANN401 - a framework's list of routes
    for route in routes:
        contexts = getattr(route, "effective_route_contexts", None)
        if contexts is not None:  # a router that FastAPI (0.120 and later) includes lazily
            for context in contexts():
                inner = getattr(context, "starlette_route", None)
                yield from _walk([context if inner is None else inner], prefix)
            continue
        path = joined(prefix, braced(getattr(route, "path", "")))
        inside = getattr(_unwrapped(getattr(route, "app", None)), "routes", None)
        if hasattr(route, "host"):
            yield from _walk(route.routes, prefix)
        elif hasattr(route, "methods"):
            yield from of_methods(route.methods or _handlers(route.endpoint), path, provided=_is_documentation(route))
        elif not hasattr(route, "endpoint") and inside:
            yield from _walk(inside, path)
        elif hasattr(route, "endpoint"):
            yield Operation("WEBSOCKET", path)
        else:
            yield from _opaque(route, path)


def _opaque(route: Any, path: str) -> Iterator[Operation]:  # noqa: ANN401 - a mount
    """Yield what stands for a mounted application that shows no routes."""
    app = getattr(route, "app", None)
    static = type(app).__name__ == "StaticFiles"
    yield Operation("GET" if static else ANY, joined(path, "{path}"), provided=static)


def _handlers(endpoint: Any) -> list[str]:  # noqa: ANN401 - a function or an HTTPEndpoint
    return [method for method in _METHODS if hasattr(endpoint, method)]


def _is_documentation(route: Any) -> bool:  # noqa: ANN401 - a route
    """Tell whether FastAPI itself added the route: its documentation pages and their document."""
    return getattr(getattr(route, "endpoint", None), "__module__", "") == "fastapi.applications"
