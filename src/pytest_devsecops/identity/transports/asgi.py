"""An ASGI application in this process, on one event loop of its own where its lifespan runs once.

ASGI specification, versions 3.0 (HTTP) and lifespan 2.0.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine, MutableMapping
from typing import Any, TypeVar

from pytest_devsecops.identity.errors import UnreachableError
from pytest_devsecops.identity.http import Request, Response
from pytest_devsecops.identity.transports.client import decoded, encoded, load_client
from pytest_devsecops.identity.transports.loop import LoopThread

T = TypeVar("T")
AsgiApp = Callable[..., Awaitable[None]]

_STARTUP_SECONDS = 30.0
_CLIENT_PORT = 50000


class AsgiTransport:
    """Sends requests into an ASGI application.

    Args:
        app: the application.
        timeout: seconds after which a request counts as hanging.

    Raises:
        UnreachableError: if the application's lifespan fails to start.
    """

    def __init__(self, app: AsgiApp, *, timeout: float = 10.0) -> None:
        self._library = load_client()
        self._timeout = timeout
        self._loop = LoopThread()
        self._lifespan = _Lifespan(app)
        try:
            self._loop.run(self._lifespan.start(), timeout=_STARTUP_SECONDS, what="the application's lifespan")
        except BaseException:
            self._loop.close()
            raise

    def send(self, request: Request) -> Response:
        """Send one request; an exception in the application is the 500 that a server makes of it."""
        what = f"{request.method} {request.url}: the application"
        return self._loop.run(self._send(request), timeout=self._timeout, what=what)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run ``work`` on the application's own loop and wait for it."""
        return self._loop.run(work)

    def close(self) -> None:
        """Run the application's shutdown and end the loop."""
        with contextlib.suppress(UnreachableError):
            self._loop.run(self._lifespan.stop(), timeout=_STARTUP_SECONDS, what="the application's shutdown")
        self._loop.close()

    async def _send(self, request: Request) -> Response:
        transport = self._library.ASGITransport(
            app=self._lifespan.serve,
            raise_app_exceptions=False,
            client=(request.client or "127.0.0.1", _CLIENT_PORT),
        )
        sent = encoded(self._library, request)
        response = await transport.handle_async_request(sent)
        body = await response.aread()
        response.request = sent
        return decoded(response, body)


class _Lifespan:
    """The lifespan protocol; an application that does not know it is served without."""

    def __init__(self, app: AsgiApp) -> None:
        self._app = app
        self._state: dict[str, Any] = {}
        self._task: asyncio.Future[None] | None = None

    async def serve(self, scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:  # noqa: ANN401 - ASGI's own callables
        """Serve one request with a copy of the state that the lifespan left (section "Lifespan State")."""
        await self._app({**scope, "state": dict(self._state)}, receive, send)

    async def start(self) -> None:
        self._inbox: asyncio.Queue[MutableMapping[str, Any]] = asyncio.Queue()
        self._outbox: asyncio.Queue[MutableMapping[str, Any]] = asyncio.Queue()
        scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": self._state}
        self._task = asyncio.ensure_future(self._app(scope, self._inbox.get, self._outbox.put))
        await self._inbox.put({"type": "lifespan.startup"})
        answer = asyncio.ensure_future(self._outbox.get())
        await asyncio.wait({answer, self._task}, return_when=asyncio.FIRST_COMPLETED)
        if not answer.done():
            # The specification: an application that raises on a lifespan scope does not support it.
            answer.cancel()
            with contextlib.suppress(Exception):
                self._task.result()
            self._task = None
            return
        message = answer.result()
        if message["type"] == "lifespan.startup.failed":
            await asyncio.wait({self._task}, timeout=1)
            raise UnreachableError(f"the application's lifespan failed to start: {message.get('message', '')}")

    async def stop(self) -> None:
        if self._task is None or self._task.done():
            return
        await self._inbox.put({"type": "lifespan.shutdown"})
        await asyncio.wait({self._task})
        with contextlib.suppress(Exception):
            self._task.result()
