"""A WSGI application in this process and thread (PEP 3333)."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Coroutine, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from types import FrameType
from typing import Any, TypeVar

from pytest_devsecops.identity.errors import UnreachableError
from pytest_devsecops.identity.http import Request, Response
from pytest_devsecops.identity.transports.client import decoded, encoded, load_client, raw
from pytest_devsecops.identity.transports.loop import LoopThread

T = TypeVar("T")
WsgiApp = Callable[..., Iterable[bytes]]


class WsgiTransport:
    """Sends requests into a WSGI application, in the caller's thread, where the suite's database connection is.

    Args:
        app: the application.
        timeout: seconds after which a request counts as hanging. It needs POSIX signals and the main
            thread, and stands back when somebody else (pytest-timeout) watches the clock.
    """

    def __init__(self, app: WsgiApp, *, timeout: float = 10.0) -> None:
        self._library: Any = load_client()
        self._app = app
        self._timeout = timeout
        self._loop = LoopThread()

    def send(self, request: Request) -> Response:
        """Send one request; an exception in the application is the 500 that a server makes of it."""
        bridge = _Bridge(self._app, request)
        sent = encoded(self._library, bridge.plain)
        transport = self._library.WSGITransport(app=bridge, remote_addr=request.client or "127.0.0.1")
        try:
            with _time_limit(self._timeout):
                response = transport.handle_request(sent)
                body = response.read()
        except _TimeIsUpError:
            what = f"{request.method} {request.url}: the application"
            raise UnreachableError(f"{what} did not answer within {self._timeout:g} seconds") from None
        except Exception:  # noqa: BLE001 - whatever an application raises, a server answers 500
            return Response(500, (), b"Internal Server Error", request.url)
        response.request = sent
        return replace(decoded(response, body), headers=tuple(bridge.answered))

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run ``work`` on a loop of our own and wait for it."""
        return self._loop.run(work)

    def close(self) -> None:
        """End the loop, if anything used it."""
        self._loop.close()


class _Bridge:
    """Carries header values that are not ASCII, at which the client library fails in either direction.

    PEP 3333, "Unicode Issues": a value is a text whose characters are the bytes that were sent (latin-1).
    """

    def __init__(self, app: WsgiApp, request: Request) -> None:
        self._app = app
        self._strange = [(name, value) for name, value in request.headers if not value.isascii()]
        plain = tuple(pair for pair in request.headers if pair[1].isascii())
        self.plain = replace(request, headers=plain)
        self.answered: list[tuple[str, str]] = []

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Serve the request with the headers as they were meant."""
        for name, value in self._strange:
            environ[f"HTTP_{name.upper().replace('-', '_')}"] = raw(value).decode("latin-1")

        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:  # noqa: ANN401 - PEP 3333
            self.answered = list(headers)
            readable = [(name, value.encode("ascii", "replace").decode()) for name, value in headers]
            return start_response(status, readable, exc_info)

        return self._app(environ, start)


class _TimeIsUpError(BaseException):
    """Not an ``Exception``, so that no handler of the application takes it for one of its own."""


@contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "setitimer"):
        yield
        return
    if signal.getitimer(signal.ITIMER_REAL) != (0.0, 0.0):
        yield
        return
    before = signal.signal(signal.SIGALRM, _time_is_up)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _time_is_up(_number: int, _frame: FrameType | None) -> None:
    raise _TimeIsUpError
