"""The network namespace of a step: what it reaches, what it does not, and that nothing of it stays."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_devsecops.recovery import isolation
from pytest_devsecops.recovery.workspace import temporary_room


def serve(listener: socket.socket) -> None:
    """Answer every connection with what it sends, until the listener is closed."""
    while True:
        try:
            client, _ = listener.accept()
        except OSError:
            return
        with client:
            while data := client.recv(100):
                client.sendall(data)


@pytest.fixture
def echo() -> Iterator[int]:
    listener = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=serve, args=(listener,))
    thread.start()
    yield listener.getsockname()[1]
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join()


@pytest.fixture
def room() -> Iterator[Path]:
    with temporary_room() as folder:
        yield folder


def asked(path: str, text: bytes) -> bytes:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(path)
        client.sendall(text)
        client.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: client.recv(100), b""))


def held() -> tuple[int, int]:
    return threading.active_count(), len(list(Path("/proc/self/fd").iterdir()))


def test_bridge_carries_both_directions(echo: int, room: Path) -> None:
    with isolation.bridges((echo,), room) as sockets:
        assert asked(sockets[echo], b"x" * 300_000) == b"x" * 300_000


def test_fifty_bridges_leave_no_thread_and_no_descriptor(echo: int, room: Path) -> None:
    before = held()
    for number in range(50):
        own = room / str(number)
        own.mkdir()
        with isolation.bridges((echo,), own) as sockets, socket.socket(socket.AF_UNIX) as hanging:
            assert asked(sockets[echo], b"a") == b"a"
            hanging.connect(sockets[echo])
            hanging.sendall(b"b")
            assert hanging.recv(1) == b"b"
    # The server of the test closes its own end a moment later.
    limit = time.monotonic() + 5
    while held() != before and time.monotonic() < limit:
        time.sleep(0.01)
    assert held() == before


def test_bridge_to_a_server_that_is_down_closes_the_connection(room: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    with isolation.bridges((port,), room) as sockets, socket.socket(socket.AF_UNIX) as client:
        client.connect(sockets[port])
        assert client.recv(100) == b""
