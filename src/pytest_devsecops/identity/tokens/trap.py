"""An address on this machine that notices whoever comes to it, and answers with the attacker's keys.

A verifier that fetches what a token tells it to fetch is a way into the network behind it, whether or
not it believes what it gets (ASVS 5.0 V9.1.3; RFC 8725, section 3.10).
"""

from __future__ import annotations

import contextlib
import socket
import threading
from types import TracebackType
from typing import Self

_LONGEST_REQUEST = 8192
_SECONDS = 2.0


class FetchTrap:
    """Listens on a loopback port until it is closed. Any connection counts, whatever it says."""

    def __init__(self) -> None:
        self._server = socket.create_server(("127.0.0.1", 0))
        self._port: int = self._server.getsockname()[1]
        self._pages: dict[str, tuple[bytes, str]] = {}
        self._visits: list[str] = []
        self._thread = threading.Thread(target=self._listen, name="devsecops-trap", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def url(self, scheme: str = "http") -> str:
        """Return its address without a path."""
        return f"{scheme}://127.0.0.1:{self._port}"

    def serve(self, path: str, body: bytes, kind: str = "application/json") -> None:
        """Answer with ``body`` at ``path``; a query is ignored."""
        self._pages[path] = (body, kind)

    def visits(self) -> list[str]:
        """Return what came in since the last call: the first line of each request."""
        seen, self._visits = self._visits, []
        return seen

    def close(self) -> None:
        """Stop listening."""
        # Closing alone does not wake a thread that waits in accept().
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._thread.join(_SECONDS)

    def _listen(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            note = len(self._visits)
            self._visits.append("a connection")
            connection.settimeout(_SECONDS)
            line = connection.recv(_LONGEST_REQUEST).split(b"\r\n")[0].decode("latin-1")
            words = line.split(" ")
            if len(words) != 3:  # noqa: PLR2004 - RFC 9112, section 3: method, target, version
                return
            if note < len(self._visits):
                self._visits[note] = line
            body, kind = self._pages.get(words[1].partition("?")[0], (b"{}", "application/json"))
            head = (
                f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
            )
            connection.sendall(head.encode() + body)
