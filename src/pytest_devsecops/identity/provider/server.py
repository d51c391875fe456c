"""A minimal HTTP/1.1 server on loopback for one ASGI application, on an asyncio thread of its own.

RFC 9112: request line, headers, bodies by ``Content-Length`` or chunked, persistent connections. It
serves a test's provider and nothing else, hence no limits, no pipelining across errors, no upgrade.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import threading
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote

AsgiApp = Callable[[Any, Any, Any], Awaitable[None]]

_STOP_SECONDS = 5.0
_ROUNDS = 5


class LoopbackServer:
    """Serves an ASGI application on ``localhost``; start it, and close it.

    Args:
        app: the application; it gets no lifespan.
    """

    def __init__(self, app: AsgiApp) -> None:
        self._app = app
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="devsecops-idp", daemon=True)
        self._thread.start()
        self._servers: list[asyncio.Server] = []
        self._connections: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    def listen(self, tls: ssl.SSLContext | None) -> int:
        """Open a port on 127.0.0.1, with TLS if there is a context for it; returns the port."""
        scheme = "http" if tls is None else "https"

        async def opened() -> asyncio.Server:
            return await asyncio.start_server(
                lambda reader, writer: self._accepted(reader, writer, scheme), "127.0.0.1", 0, ssl=tls
            )

        server = asyncio.run_coroutine_threadsafe(opened(), self._loop).result(_STOP_SECONDS)
        self._servers.append(server)
        return int(server.sockets[0].getsockname()[1])

    def close(self) -> None:
        """Close every port and connection, and end the thread."""

        async def stop() -> None:
            for server in self._servers:
                for listener in server.sockets:
                    self._loop.remove_reader(listener.fileno())
            # Whoever was accepted a moment ago needs a transport before the server is closed or the task is
            # cancelled: asyncio drops the bare socket otherwise.
            await _rounds()
            for server in self._servers:
                server.close()
            while tasks := asyncio.all_tasks() - {asyncio.current_task()}:
                for writer in self._connections.values():
                    # A client that keeps its connection need not answer TLS's farewell, so nobody waits for it.
                    writer.transport.abort()
                for task in tasks - self._connections.keys():  # handshakes that may never end
                    task.cancel()
                await asyncio.wait(tasks, timeout=_STOP_SECONDS / 10)
            await _rounds()

        asyncio.run_coroutine_threadsafe(stop(), self._loop).result(2 * _STOP_SECONDS)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_STOP_SECONDS)
        self._loop.close()

    def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, scheme: str) -> None:
        task = self._loop.create_task(self._serve(reader, writer, scheme))
        self._connections[task] = writer
        task.add_done_callback(self._connections.pop)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, scheme: str) -> None:
        try:
            while await self._one_request(reader, writer, scheme):
                pass
        except (OSError, ValueError, asyncio.IncompleteReadError, asyncio.CancelledError):
            # The client went away, spoke no HTTP, or the server closes: there is nobody to tell.
            pass
        finally:
            writer.close()
            with contextlib.suppress(OSError, asyncio.CancelledError):
                await writer.wait_closed()

    async def _one_request(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, scheme: str) -> bool:
        """Answer one request; returns whether the connection stays open."""
        line = await reader.readline()
        if not line:
            return False
        method, target, version = line.decode("latin-1").split()
        headers = await _headers(reader)
        fields = {name: value for name, value in headers}  # noqa: C416 - the last of each name counts
        body = await _body(reader, fields)
        path, _, query = target.partition("?")
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": version.rpartition("/")[2],
            "method": method,
            "scheme": scheme,
            "path": unquote(path),
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": headers,
        }
        keep = fields.get(b"connection", b"").lower() != b"close" and version == "HTTP/1.1"
        await self._app(scope, _receive(body), _send(writer, keep=keep, head=method == "HEAD"))
        await writer.drain()
        return keep


async def _rounds() -> None:
    """Let the loop do what it has already been given."""
    for _ in range(_ROUNDS):
        await asyncio.sleep(0)


async def _headers(reader: asyncio.StreamReader) -> list[tuple[bytes, bytes]]:
    headers = []
    while (line := (await reader.readline()).rstrip(b"\r\n")) != b"":
        name, _, value = line.partition(b":")
        headers.append((name.strip().lower(), value.strip()))
    return headers


async def _body(reader: asyncio.StreamReader, fields: dict[bytes, bytes]) -> bytes:
    if fields.get(b"transfer-encoding", b"").lower() == b"chunked":
        parts = []
        while size := int((await reader.readline()).split(b";")[0], 16):
            parts.append(await reader.readexactly(size))
            await reader.readline()
        await _headers(reader)
        return b"".join(parts)
    return await reader.readexactly(int(fields.get(b"content-length", b"0")))


def _receive(body: bytes) -> Callable[[], Awaitable[dict[str, Any]]]:
    messages = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> dict[str, Any]:
        return messages.pop() if messages else {"type": "http.disconnect"}

    return receive


def _send(writer: asyncio.StreamWriter, *, keep: bool, head: bool) -> Callable[[Any], Awaitable[None]]:
    async def send(message: Any) -> None:  # noqa: ANN401 - an ASGI message
        if message["type"] == "http.response.start":
            status = message["status"]
            lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}".encode()]
            lines += [name + b": " + value for name, value in message["headers"]]
            lines.append(b"connection: " + (b"keep-alive" if keep else b"close"))
            writer.write(b"\r\n".join([*lines, b"", b""]))
        elif not head:
            writer.write(message.get("body", b""))

    return send
