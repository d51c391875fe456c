"""One server process that a drill owns: how it is started, and how nothing of it remains.

Nothing here ever takes an address: a server is started from a data directory below a drill's room
and only processes that descend from it are killed.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_devsecops.recovery.model import RecoveryError

_NOBODY = 65534
_GONE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Program:
    """A server program that was found: its path and its version, such as ``10.11.19``."""

    path: Path
    version: str

    @property
    def folder(self) -> Path:
        """Where it lies."""
        return self.path.parent

    @property
    def order(self) -> list[int]:
        """The version for comparisons."""
        return [int(part) for part in self.version.split(".")]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which program is looked for.

    Attributes:
        product: its name in messages.
        names: the file names that it has.
        places: patterns of folders below ``/``, beside ``PATH``.
        package: what brings it, as a command.
        pattern: matches what ``--version`` prints of this product; its first group is the version.
    """

    product: str
    names: tuple[str, ...]
    places: tuple[str, ...]
    package: str
    pattern: re.Pattern[str]


def find_program(wanted: Wanted, version: str) -> Program:
    """Return the program of that ``version`` (compared part by part), or the newest if there is none.

    Raises:
        RecoveryError: if there is no such server at all, with the places that were looked at.
    """
    folders = [path for pattern in wanted.places for path in sorted(Path("/").glob(pattern.lstrip("/")))]
    candidates = [folder / name for folder in folders for name in wanted.names]
    candidates += [Path(found) for name in wanted.names if (found := shutil.which(name))]
    known: dict[Path, Program] = {}
    for path in candidates:
        if path.is_file() and path.resolve() not in known:
            told = _version(path, wanted.pattern)
            if told:
                known[path.resolve()] = Program(path, told)
    if not known:
        raise RecoveryError(
            f"no {wanted.product} server was found on this machine",
            remedy=f"install one ({wanted.package}); looked for {', '.join(wanted.names)} in "
            f"{', '.join([*wanted.places, 'PATH'])}",
        )
    parts = version.split(".")
    same = [one for one in known.values() if version and one.version.split(".")[: len(parts)] == parts]
    return max(same or known.values(), key=lambda one: one.order)


def _version(program: Path, pattern: re.Pattern[str]) -> str | None:
    try:
        ended = subprocess.run(  # noqa: S603 - a server that was found
            [str(program), "--version"], capture_output=True, text=True, timeout=20, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    matched = pattern.search(ended.stdout)
    return matched[1] if matched and ended.returncode == 0 else None


class OwnedProcess:
    """A server process with everything that descends from it.

    Args:
        argv: the command.
        log: the file that takes what it prints.
        path: folders that come first in its ``PATH``.
    """

    def __init__(self, argv: Sequence[str], log: Path, path: Sequence[str] = ()) -> None:
        self._log = log
        with log.open("ab") as handle:
            self._process = subprocess.Popen(  # noqa: S603 - the server that was found
                list(argv),
                cwd="/",
                env={"PATH": os.pathsep.join([*path, "/usr/bin:/bin"]), "LC_ALL": "C.UTF-8", "HOME": "/"},
                stdin=subprocess.DEVNULL,
                stdout=handle,
                stderr=handle,
                start_new_session=True,
                **as_server_user(),
            )

    @property
    def running(self) -> bool:
        """Whether the process is there."""
        return self._process.poll() is None

    def end(self, seconds: float, by: signal.Signals = signal.SIGTERM) -> None:
        """Ask it to shut down cleanly, by a signal; kill it after ``seconds``."""
        if self.running:
            self._process.send_signal(by)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(seconds)
        self.kill()

    def kill(self) -> None:
        """Kill it and every process that descends from it, as a host that loses power would."""
        family = [self._process.pid, *_descendants(self._process.pid)] if self.running else []
        for pid in family:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.wait()
        _wait_until_gone(family)

    def log_tail(self) -> str:
        """Return what it said last."""
        lines = self._log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return " | ".join(lines[-6:])[-800:]


def free_port() -> int:
    """Return a loopback port that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def give(path: Path, *, inside: bool = True) -> None:
    """Give a file or folder, with all ``inside`` it, to the user that servers run as, closed to others."""
    if path.is_dir():
        path.chmod(0o700)
    if os.geteuid() == 0:
        for one in [path, *(path.rglob("*") if inside and path.is_dir() else ())]:
            os.lchown(one, _NOBODY, _NOBODY)


def clients_beside(program: Path, place: Path, pattern: str) -> str:
    """Return the folder of a server's own clients, to come first in ``PATH``.

    Where the system keeps everything in one folder, they are linked into ``place`` alone, so that nothing else of that
    folder, such as its ``python3``, comes before the project's own programs.
    """
    if not (program.parent / "python3").exists():
        return str(program.parent)
    place.mkdir(exist_ok=True)
    for one in program.parent.glob(pattern):
        if not (place / one.name).exists():
            (place / one.name).symlink_to(one)
    return str(place)


def held_in(folder: Path) -> frozenset[str]:
    """Return the names in a data directory; none if a restore has removed it."""
    return frozenset(path.name for path in folder.iterdir()) if folder.is_dir() else frozenset()


def as_server_user() -> Mapping[str, Any]:
    """Return how to start a process as the servers' user: a server should not run as root."""
    return {"user": _NOBODY, "group": _NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}


def _descendants(pid: int) -> list[int]:
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError, ValueError, IndexError):
            # The name in parentheses may hold spaces; the parent's id is the second field after it.
            parent = int(entry.read_text().rpartition(")")[2].split()[1])
            parents.setdefault(parent, []).append(int(entry.parent.name))
    found, left = [], [pid]
    while left:
        children = parents.get(left.pop(), [])
        found.extend(children)
        left.extend(children)
    return found


def _wait_until_gone(pids: list[int]) -> None:
    limit = time.monotonic() + _GONE_SECONDS
    while time.monotonic() < limit and any(_alive(pid) for pid in pids):
        time.sleep(0.005)


def _alive(pid: int) -> bool:
    try:
        return Path("/proc", str(pid), "stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    except OSError:
        return False
