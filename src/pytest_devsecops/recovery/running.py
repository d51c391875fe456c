"""Running a step of the user: a clean environment, an owned process group, a time limit.

The contract that ``procedure()`` documents is kept here. Whatever a step leaves behind, in its
process group or out of it, is killed when the step ends, however it ends.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pytest_devsecops.recovery import isolation
from pytest_devsecops.recovery.model import Access, Action, Environment
from pytest_devsecops.recovery.procedures import action_name
from pytest_devsecops.recovery.workspace import remove

_MARK = "DEVSECOPS_STEP"
_SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_TAIL = 4000
_MISSING = (126, 127)
_CALLABLE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Step:
    """How a step is run.

    Attributes:
        action: what the user gave.
        environment: all variables that it gets, without ``PATH`` and ``HOME``.
        access: the store that it may reach.
        root: the working directory.
        room: an empty folder for its HOME.
        timeout: seconds.
        isolate: whether to cut it off the network where the machine allows it.
        kill_after: seconds after which it is killed on purpose; None for a drill without that fault.
        file_limit: bytes that a file of it may have; None for no limit.
        disk: a folder and the bytes that fit on its disk; only where there is a namespace.
        hide: folders that it must not see; only where there is a namespace.
    """

    action: Action
    environment: Environment
    access: Access
    root: Path
    room: Path
    timeout: float
    isolate: bool = False
    kill_after: float | None = None
    file_limit: int | None = None
    disk: tuple[str, int] | None = None
    hide: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StepResult:
    """How a step ended.

    Attributes:
        name: the command.
        exit_code: its exit status, or None if it did not end by itself.
        seconds: how long it took.
        output: the end of what it printed, both streams.
        ended: ``exited``, ``timed out`` or ``killed``.
        isolated: whether it ran without a network.
        orphans: processes that it left behind and that were killed.
    """

    name: str
    exit_code: int | None
    seconds: float
    output: str
    ended: str
    isolated: bool
    orphans: int = 0

    @property
    def ok(self) -> bool:
        """Whether the step claims to have worked."""
        return self.ended == "exited" and self.exit_code == 0

    @property
    def missing(self) -> bool:
        """Whether a shell would say that there was nothing to run: no such program, or none that may be run."""
        return self.exit_code in _MISSING

    @property
    def said(self) -> str:
        """How it ended, in words, with the last line that it printed about an error, or its last line."""
        lines = self.output.strip().splitlines() or ["it printed nothing"]
        last = next((line for line in reversed(lines) if "error" in line.lower()), lines[-1])[-300:]
        how = f"exited with status {self.exit_code}" if self.ended == "exited" else f"was {self.ended}"
        if self.ended == "timed out":
            how = f"timed out after {self.seconds:.1f}s"
        return f"{self.name} {how}: {last}"


def run_step(step: Step) -> StepResult:
    """Run one step to its end and clean up after it."""
    home = step.room / "home"
    home.mkdir(parents=True, mode=0o700)
    for name, text in step.access.home_files.items():
        (home / name).write_text(text, encoding="utf-8")
        (home / name).chmod(0o600)
    mark = secrets.token_hex(8)
    environment = {
        "HOME": str(home),
        "PATH": search_path(step.access),
        "LC_ALL": "C.UTF-8",
        "TMPDIR": str(_made(step.room / "tmp")),
        **step.environment,
        _MARK: mark,
    }
    try:
        if callable(step.action):
            return _call(step.action, environment, step)
        isolated = step.isolate and isolation.available()
        with isolation.bridges(step.access.ports if isolated else (), step.room) as sockets:
            return _spawn(step.action, environment, step, sockets if isolated else None)
    finally:
        # A supervisor that was killed itself cannot have cleaned up; the mark finds what it left.
        _kill_marked(mark)
        # What a backup left in its HOME died with its host.
        remove(step.room)


def search_path(access: Access) -> str:
    """Return the ``PATH`` of every step: the store's own clients, the programs beside this interpreter, the caller's.

    Who runs ``.venv/bin/pytest`` has not activated the environment, and means its ``python`` and ``alembic`` all the
    same. Clients that lie where the system keeps everything, such as in ``/usr/bin``, come after them, or that
    folder's ``python3`` would be found instead.
    """
    beside = Path(sys.executable).parent
    shared = [one for one in access.path if Path(one) != beside and Path(one, "python3").exists()]
    own = [one for one in access.path if one not in shared]
    return os.pathsep.join([*own, str(beside), *shared, os.environ.get("PATH", _SYSTEM_PATH)])


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _spawn(action: Action, environment: dict[str, str], step: Step, sockets: Mapping[int, str] | None) -> StepResult:
    argv = ["/bin/sh", "-c", action] if isinstance(action, str) else [str(part) for part in action]  # type: ignore[union-attr] # a callable went elsewhere
    isolated, name = sockets is not None, action_name(action)
    seconds = step.timeout if step.kill_after is None else min(step.timeout, step.kill_after)
    apart = isolation.Apart(
        seconds, sockets, step.hide if isolated else (), step.disk if isolated else None, step.file_limit
    )
    with tempfile.TemporaryFile() as output:
        try:
            with isolation.Supervised(
                argv, apart, cwd=step.root, env=environment, stdout=output, stderr=subprocess.STDOUT, umask=0o022
            ) as running:
                said = running.report(seconds)
        except OSError as error:
            message = f"cannot be started: {error.strerror or error}"
            return StepResult(name, 127, 0.0, message, "exited", isolated=isolated)
        ended = said.get("ended", "killed")
        if ended == "timed out" and seconds < step.timeout:
            ended = "killed"
        code = said.get("code")
        return StepResult(
            name,
            # A shell tells death by a signal as 128 + its number.
            128 - code if code is not None and code < 0 else code,
            float(said.get("seconds", seconds)),
            _tail(output),
            ended,
            isolated=isolated,
            orphans=int(said.get("orphans", 0)),
        )


def _kill_marked(mark: str) -> int:
    """Kill what left the process group (a daemon's ``setsid``), known by the step's own mark."""
    wanted = f"{_MARK}={mark}".encode()
    killed = 0
    for _ in range(3):
        found = list(_marked(wanted))
        for pid in found:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
                killed += 1
        if not found:
            break
        time.sleep(0.02)
    return killed


def _marked(wanted: bytes) -> Iterator[int]:
    for entry in Path("/proc").glob("[0-9]*/environ"):
        # Processes of others, and those that have just ended, cannot be read and are not ours.
        with contextlib.suppress(OSError):
            if wanted in entry.read_bytes().split(b"\0"):
                yield int(entry.parent.name)


def _tail(output: object) -> str:
    handle = output
    handle.seek(0, os.SEEK_END)  # type: ignore[attr-defined] # a binary file object
    handle.seek(max(0, handle.tell() - _TAIL))  # type: ignore[attr-defined] # see above
    text: bytes = handle.read()  # type: ignore[attr-defined] # see above
    return text.decode("utf-8", "replace")


def _call(action: Callable[[Environment], object], environment: Mapping[str, str], step: Step) -> StepResult:
    """Run a callable in a thread of this process, in which an exception is raised when its time is up."""
    problem: list[BaseException] = []

    def run() -> None:
        try:
            action(environment)
        except BaseException as error:  # noqa: BLE001 - whatever the user's code raises is its answer
            problem.append(error)

    started = time.monotonic()
    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        thread.join(step.timeout)
        late = thread.is_alive()
    finally:
        if thread.is_alive():
            _interrupt(thread)
    seconds = time.monotonic() - started
    name = action_name(action)
    if late:
        return StepResult(name, None, seconds, "", "timed out", isolated=False)
    output = f"{type(problem[0]).__name__}: {problem[0]}" if problem else ""
    return StepResult(name, 1 if problem else 0, seconds, output, "exited", isolated=False)


def _interrupt(thread: threading.Thread) -> None:
    """End a thread between two of its bytecodes; one that waits in C code ends when it comes back."""
    import ctypes

    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident or 0), ctypes.py_object(SystemExit))
    thread.join(_CALLABLE_SECONDS)
