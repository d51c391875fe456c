"""Applications that are given as an object, or as a string that is imported when the target is opened."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from typing import Any

from pytest_devsecops.core.errors import UsageError
from pytest_devsecops.identity.errors import UnreachableError


def lazily(app: object) -> Callable[[], Any]:
    """Return a function that gives the application, and always the same one.

    Args:
        app: the application itself, or ``"package.module:name"``; ``"package.module:create_app()"``
            calls a factory.

    Raises:
        UsageError: if a string names no module and name.
    """
    if not isinstance(app, str):
        return lambda: app
    module, separator, name = app.partition(":")
    if not (module and separator and name):
        raise UsageError(f"{app!r} names no application", remedy="write 'package.module:app' or '…:create_app()'")
    loaded: list[Any] = []

    def load() -> Any:  # noqa: ANN401 - an application of any framework
        if not loaded:
            loaded.append(_import(app, module, name))
        return loaded[0]

    return load


def must_take(app: object, arguments: int, kind: str, others: str) -> None:
    """Refuse an application of another interface.

    Args:
        app: the application.
        arguments: how many its interface calls it with.
        kind: the interface's name.
        others: the targets that may be meant.

    Raises:
        UsageError: if it is certain that it cannot be called so.
    """
    remedy = f"use {others} for an application of the other interface"
    if not callable(app):
        raise UsageError(f"{type(app).__name__} is no {kind} application", remedy="pass the application itself")
    try:
        inspect.signature(app).bind(*range(arguments))
    except TypeError:
        message = f"{type(app).__name__} does not take the {arguments} arguments of {kind}"
        raise UsageError(message, remedy=remedy) from None
    except ValueError:
        return  # nothing tells what it takes


def _import(text: str, module: str, name: str) -> Any:  # noqa: ANN401 - an application of any framework
    try:
        found: Any = importlib.import_module(module)
        for part in name.removesuffix("()").split("."):
            found = getattr(found, part)
        return found() if name.endswith("()") else found
    except Exception as error:
        raise UnreachableError(
            f"the application cannot be imported: {type(error).__name__}: {error}",
            place=text,
            remedy="check the name, and pytest's pythonpath",
        ) from error
