"""The supervisor of a step: a small program that runs a command and answers for all of its processes.

``python supervisor.py '{…}' command…`` runs the command in a session of its own and tells on a pipe how
it ended. Whatever descends from it, daemons that left its session and dropped their environment too,
is killed when it ends, when its time is up, and when whoever started the supervisor is gone: a
second pipe, which only that process holds, then reads as ended.

In a network namespace of its own it also brings the loopback up, with forwarders to the drill's own
instance (inside from the port to a Unix socket, outside from that socket to the port, so that the
instance sees a TCP connection as it would without us), puts what the step must not see out of
sight, and makes a disk that is too small. It imports nothing but the standard library.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 0x1
_PR_SET_CHILD_SUBREAPER = 36
_MS_RDONLY, _MS_NOSUID, _MS_NODEV = 1, 2, 4
_CHUNK = 65536
_CLEAN_UP_SECONDS = 10.0


class Bridge:
    """Forwards every connection that a listener takes, until it is closed.

    Args:
        listener: a listening socket; whoever made it closes it after the bridge.
        connect: makes the other end of one connection.
    """

    def __init__(self, listener: socket.socket, connect: Callable[[], socket.socket]) -> None:
        self._listener = listener
        self._connect = connect
        self._lock = threading.Lock()
        self._closing = False
        self._links: dict[threading.Thread, tuple[socket.socket, socket.socket]] = {}
        self._accepting = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self) -> Self:
        self._accepting.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._closing = True
            links = dict(self._links)
        # Closing alone would leave the threads waiting in accept() and recv().
        for one in (self._listener, *(end for pair in links.values() for end in pair)):
            _shut(one, socket.SHUT_RDWR)
        for thread in (self._accepting, *links):
            thread.join()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                # The listener was shut down: the step is over.
                return
            try:
                upstream = self._connect()
            except OSError:
                # The server is down: the client sees its connection closed, as over a real network.
                client.close()
                continue
            self._link(client, upstream)

    def _link(self, client: socket.socket, upstream: socket.socket) -> None:
        thread = threading.Thread(target=self._forward, args=(client, upstream), daemon=True)
        with self._lock:
            if self._closing:
                client.close()
                upstream.close()
                return
            self._links[thread] = (client, upstream)
            thread.start()

    def _forward(self, client: socket.socket, upstream: socket.socket) -> None:
        """Carry one connection in both directions until both sides have ended."""
        with client, upstream:
            back = threading.Thread(target=_pump, args=(upstream, client), daemon=True)
            back.start()
            _pump(client, upstream)
            back.join()
            with self._lock:
                self._links.pop(threading.current_thread(), None)


def _pump(source: socket.socket, sink: socket.socket) -> None:
    # Where one side is gone, the other learns it by its own end of file.
    with contextlib.suppress(OSError):
        while data := source.recv(_CHUNK):
            sink.sendall(data)
    _shut(sink, socket.SHUT_WR)
    _shut(source, socket.SHUT_RD)


def _shut(end: socket.socket, how: int) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(how)


def _unix(path: str) -> socket.socket:
    upstream = socket.socket(socket.AF_UNIX)
    try:
        upstream.connect(path)
    except BaseException:
        upstream.close()
        raise
    return upstream


def _loopback_up() -> None:
    import fcntl

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        request = struct.pack("16sh14x", b"lo", 0)
        flags = struct.unpack("16sh14x", fcntl.ioctl(control, _SIOCGIFFLAGS, request))[1]
        fcntl.ioctl(control, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags | _IFF_UP))


def _mount(place: str, flags: int, options: str) -> None:
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b"devsecops", os.fsencode(place), b"tmpfs", flags | _MS_NOSUID | _MS_NODEV, options.encode()) != 0:
        error = ctypes.get_errno()
        raise OSError(error, f"cannot mount over {place}: {os.strerror(error)}")


@contextlib.contextmanager
def _small_disk(disk: dict[str, Any]) -> Iterator[None]:
    """Put a disk of ``disk["bytes"]`` over a folder; what was written stays in the folder afterwards."""
    place = Path(disk["place"])
    below = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
    try:
        details = place.stat()
        real = f"/proc/self/fd/{below}"
        _mount(str(place), 0, f"size={disk['bytes']},mode={details.st_mode & 0o7777:o}")
        shutil.copytree(real, place, symlinks=True, dirs_exist_ok=True)
        yield
        shutil.copytree(place, real, symlinks=True, dirs_exist_ok=True)
    finally:
        os.close(below)


def _adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent ends, see prctl(2)."""
    import ctypes

    # Elsewhere than on Linux only the process group is known.
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def descendants(pid: int) -> list[int]:
    """Return the processes that descend from ``pid`` and still run."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError, ValueError, IndexError):
            # The name in parentheses may hold spaces; the state and the parent's id follow it.
            state, parent, *_ = entry.read_text().rpartition(")")[2].split()
            if state not in ("Z", "X"):
                parents.setdefault(int(parent), []).append(int(entry.parent.name))
    found, left = [], [pid]
    while left:
        children = parents.get(left.pop(), [])
        found.extend(children)
        left.extend(children)
    return found


def end_descendants() -> int:
    """Kill everything that descends from this process until nothing is left; return how many there were."""
    killed: set[int] = set()
    limit = time.monotonic() + _CLEAN_UP_SECONDS
    while (left := descendants(os.getpid())) and time.monotonic() < limit:
        killed.update(left)
        for pid in left:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        time.sleep(0.002)
    return len(killed)


def _watch(life: int) -> None:
    """Kill everything when the other end of the pipe is gone."""
    while os.read(life, 1):
        pass
    end_descendants()
    os._exit(0)


def _limit_files(size: int) -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def run(spec: dict[str, Any], argv: list[str]) -> dict[str, Any]:
    """Run the command as ``spec`` says and return how it ended.

    Args:
        spec: ``seconds`` that it may take, ``forwards`` (port -> socket) in a network namespace,
            folders to ``hide``, a ``disk`` of ``bytes`` over a ``place``, and ``file_limit`` in bytes.
        argv: the command.
    """
    with contextlib.ExitStack() as stack:
        if spec["forwards"] is not None:
            _loopback_up()
            for port, path in spec["forwards"].items():
                listener = stack.enter_context(socket.create_server(("127.0.0.1", int(port))))
                stack.enter_context(Bridge(listener, functools.partial(_unix, path)))
        for place in spec["hide"]:
            _mount(place, _MS_RDONLY, "size=4k,mode=000")
        if spec["disk"]:
            stack.enter_context(_small_disk(spec["disk"]))
        if spec["file_limit"] is not None:
            _limit_files(spec["file_limit"])
        return _run(argv, spec["seconds"], limited=spec["file_limit"] is not None)


def _run(argv: list[str], seconds: float, *, limited: bool) -> dict[str, Any]:
    # Python ignores both; a program of the user expects a broken pipe to end it. A file that grows too
    # large kills its writer, where a full disk only fails the write: there it stays ignored.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    if not limited:
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    started = time.monotonic()
    try:
        child = subprocess.Popen(  # noqa: S603 - the command that the user gave
            argv, start_new_session=True, restore_signals=False
        )
    except OSError as error:
        sys.stderr.write(f"{argv[0]} cannot be started: {error.strerror or error}\n")
        return {"ended": "exited", "code": 127, "seconds": 0.0, "orphans": 0}
    try:
        child.wait(seconds)
    except subprocess.TimeoutExpired:
        took = time.monotonic() - started
        return {"ended": "timed out", "code": None, "seconds": took, "orphans": end_descendants()}
    took = time.monotonic() - started
    return {"ended": "exited", "code": child.returncode, "seconds": took, "orphans": end_descendants()}


def main(arguments: list[str]) -> int:
    """Run ``arguments[1:]`` as the JSON in ``arguments[0]`` says; the report goes to the pipe ``report``."""
    spec = json.loads(arguments[0])
    _adopt_orphans()
    threading.Thread(target=_watch, args=(spec["life"],), daemon=True).start()
    report = json.dumps(run(spec, arguments[1:])).encode()
    os.write(spec["report"], report)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
