"""The one place that knows the HTTP client library (httpx2, or httpx where only that is installed)."""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any

from pytest_devsecops.core.errors import MissingExtraError
from pytest_devsecops.identity.http import Request, Response


def load_client() -> Any:  # noqa: ANN401 - one of two modules with the same interface
    """Return the client library.

    Raises:
        MissingExtraError: if neither is installed.
    """
    for name in ("httpx2", "httpx"):
        if importlib.util.find_spec(name) is not None:
            return importlib.import_module(name)
    raise MissingExtraError("talking to an application", "identity")


def encoded(library: Any, request: Request, *more: tuple[str, str]) -> Any:  # noqa: ANN401 - the client's request
    """Return our request as the library's, its headers as raw bytes so that hostile ones pass unchanged."""
    headers = [(raw(name), raw(value)) for name, value in (*request.headers, *more)]
    return library.Request(request.method, request.url, headers=headers, content=request.body)


def decoded(response: Any, body: bytes) -> Response:  # noqa: ANN401 - the client's response
    """Return the library's response as ours."""
    headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in response.headers.raw)
    return Response(response.status_code, headers, body, str(response.request.url))


def raw(text: str) -> bytes:
    """Return the bytes of a header's name or value; a text that is not latin-1 goes as UTF-8."""
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return text.encode("utf-8", errors="surrogatepass")
