"""The URL configuration of a Django project."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from pytest_devsecops.identity.inventory.paths import braced, joined, of_methods, unique
from pytest_devsecops.identity.target import Operation

#: The same view of Django REST framework under a second path, which says the format of the answer.
_FORMAT = re.compile(r"\.?\{format\}/?$")
_METHODS = ("get", "post", "put", "patch", "delete")


def operations_of_django(urlconf: str | None = None) -> list[Operation]:
    """Return every operation of the configured project.

    Args:
        urlconf: the module; the setting ``ROOT_URLCONF`` by default.
    """
    views = list(views_of_django(urlconf))
    plain = {(path.rstrip("/"), _source(view)) for path, view in views}

    def provided(path: str, view: Any) -> bool:  # noqa: ANN401 - any view
        without = _FORMAT.sub("", path)
        return _is_static(view) or (without != path and (without.rstrip("/"), _source(view)) in plain)

    return unique(
        operation
        for path, view in views
        for operation in of_methods(_methods(view), path, provided=provided(path, view))
    )


def views_of_django(urlconf: str | None = None) -> Iterator[tuple[str, Any]]:
    """Yield the path and the view of every pattern of the configured project.

    Args:
        urlconf: the module; the setting ``ROOT_URLCONF`` by default.
    """
    from django.urls import get_resolver

    return _walk(get_resolver(urlconf).url_patterns, "")


def _walk(patterns: Any, prefix: str) -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - Django's patterns
    for entry in patterns:
        path = prefix + _text(entry.pattern)
        if hasattr(entry, "url_patterns"):
            yield from _walk(entry.url_patterns, path)
        else:
            yield joined("/", path), entry.callback


def _text(pattern: Any) -> str:  # noqa: ANN401 - a RoutePattern, RegexPattern or LocalePrefixPattern
    regex = getattr(pattern, "_regex", None)
    if not isinstance(regex, str):
        return braced(str(pattern))
    from django.utils.regex_helper import normalize

    possibilities = normalize(regex)
    return re.sub(r"%\((\w+)\)s", r"{\1}", possibilities[0][0]) if possibilities else braced(regex)


def _methods(view: Any) -> list[str]:  # noqa: ANN401 - any view
    """Return the methods that a view says it takes; none if it does not say."""
    actions = getattr(view, "actions", None)  # a view set of Django REST framework
    if isinstance(actions, dict):
        return list(actions)
    handlers = getattr(view, "view_class", None) or getattr(view, "cls", None)
    if handlers is not None:
        allowed = getattr(handlers, "http_method_names", _METHODS)
        return [method for method in _METHODS if method in allowed and hasattr(handlers, method)]
    while view is not None:
        code, cells = getattr(view, "__code__", None), getattr(view, "__closure__", None)
        # django.views.decorators.http.require_http_methods keeps its list nowhere else.
        if code is not None and cells and "request_method_list" in code.co_freevars:
            return list(cells[code.co_freevars.index("request_method_list")].cell_contents)
        view = getattr(view, "__wrapped__", None)
    return []


def _source(view: Any) -> tuple[object, str]:  # noqa: ANN401 - any view
    """Return what a view is made from: a class with its actions, or the function itself."""
    return getattr(view, "cls", view), repr(getattr(view, "actions", None))


def _is_static(view: Any) -> bool:  # noqa: ANN401 - any view
    return getattr(view, "__module__", "") in ("django.views.static", "django.contrib.staticfiles.views")
