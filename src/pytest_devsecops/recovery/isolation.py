"""Running a command apart: under a supervisor, in a network namespace where the machine has one.

In the namespace only the loopback exists, and on it forwarders to the drill's own instance, so that a
drill cannot reach production; and the remains of the lost source are out of sight.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import select
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from pytest_devsecops.recovery import supervisor
from pytest_devsecops.recovery.supervisor import Bridge

_CONNECT_SECONDS = 10.0
_PATIENCE = 20.0


@dataclass(frozen=True, slots=True)
class Apart:
    """What a supervisor does around a command.

    Attributes:
        seconds: how long the command may take.
        forwards: the sockets by port that stay reachable in a network namespace; None for no namespace.
        hide: folders that are out of sight, which only a namespace can do.
        disk: a folder and the bytes that fit on its disk, which only a namespace can do.
        file_limit: bytes that one file may have.
    """

    seconds: float
    forwards: Mapping[int, str] | None = None
    hide: Sequence[str] = ()
    disk: tuple[str, int] | None = None
    file_limit: int | None = None


@functools.cache
def available() -> bool:
    """Tell whether this machine lets us make a network namespace and mount in it."""
    return bool(_prefix()) and _works()


class Supervised:
    """A command that runs under a supervisor; as a context it is over, with all it started, at the end.

    Args:
        argv: the command.
        apart: what is done around it.
        popen: further arguments of ``subprocess.Popen``, such as ``cwd`` and ``env``.

    Raises:
        OSError: if it cannot be started.
    """

    def __init__(self, argv: Sequence[str], apart: Apart, **popen: Any) -> None:  # noqa: ANN401 - whatever Popen takes
        life, self._life = os.pipe()
        self._told, report = os.pipe()
        try:
            self._process = subprocess.Popen(  # noqa: S603 - the user's own command, as they gave it
                _command(argv, apart, life, report),
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                pass_fds=(life, report),
                **popen,
            )
        except BaseException:
            os.close(self._life)
            os.close(self._told)
            raise
        finally:
            os.close(life)
            os.close(report)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        # The supervisor sees that we are done with it, and kills what is left.
        os.close(self._life)
        try:
            self._process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        finally:
            os.close(self._told)

    def report(self, seconds: float) -> dict[str, Any]:
        """Wait for the end and return the supervisor's report; empty if it took too long or was killed."""
        # The pipe wakes us at once, where waiting for a process with a time limit looks up to 50 ms too late. It is
        # closed when the supervisor dies: nothing that it starts inherits it.
        told = select.poll()
        told.register(self._told, select.POLLIN)
        if not told.poll((seconds + _PATIENCE) * 1000):
            return {}
        said: dict[str, Any] = json.loads(os.read(self._told, 10_000) or b"{}")
        return said


def _command(argv: Sequence[str], apart: Apart, life: int, report: int) -> list[str]:
    spec = {
        "life": life,
        "report": report,
        "seconds": apart.seconds,
        "forwards": apart.forwards,
        "hide": list(apart.hide),
        "disk": {"place": apart.disk[0], "bytes": apart.disk[1]} if apart.disk else None,
        "file_limit": apart.file_limit,
    }
    namespace = apart.forwards is not None
    prefix, own_ids = (_prefix(), _own_ids()) if namespace else ([], [])
    return [*prefix, sys.executable, "-I", "-S", supervisor.__file__, json.dumps(spec), *own_ids, *argv]


def _prefix() -> list[str]:
    unshare = shutil.which("unshare")
    if unshare is None:
        return []
    # Only root can make these namespaces alone; others need a user namespace around them.
    return [unshare, "-n", "-m", "--"] if os.geteuid() == 0 else [unshare, "-r", "-n", "-m", "--"]


def _own_ids() -> list[str]:
    """Return how a command gets its own ids back, for programs that refuse to run as root."""
    if os.geteuid() == 0:
        return []
    return [*_prefix()[:1], "-U", f"--map-user={os.geteuid()}", f"--map-group={os.getegid()}", "--"]


def _works() -> bool:
    # Hiding this folder shows that mounting works; nobody in there needs it.
    apart = Apart(_PATIENCE, {}, [os.path.dirname(os.path.realpath(__file__))])  # noqa: PTH120 - a string is wanted
    try:
        with Supervised(["true"], apart, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as running:
            return running.report(_PATIENCE).get("code") == 0
    except OSError:
        return False


@contextlib.contextmanager
def bridges(ports: tuple[int, ...], room: Path) -> Iterator[dict[int, str]]:
    """Serve each loopback port on a Unix socket in ``room``, and return the sockets by port.

    At the end every connection is cut, and every thread and socket is gone.
    """
    paths = {port: str(room / f"b{port}") for port in ports}
    with contextlib.ExitStack() as stack:
        for port, path in paths.items():
            listener = stack.enter_context(socket.socket(socket.AF_UNIX))
            listener.bind(path)
            listener.listen()
            stack.enter_context(Bridge(listener, functools.partial(_tcp, port)))
        yield paths


def _tcp(port: int) -> socket.socket:
    upstream = socket.create_connection(("127.0.0.1", port), _CONNECT_SECONDS)
    upstream.settimeout(None)
    return upstream
