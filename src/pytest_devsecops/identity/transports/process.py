"""An application in a process of our own: started at the first use, ended on every way out."""

from __future__ import annotations

import os
import shlex
import socket
import subprocess
import sys
import tempfile
import time
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from pytest_devsecops.identity.errors import UnreachableError
from pytest_devsecops.identity.http import Request
from pytest_devsecops.identity.transports.url import UrlTransport

_SHOWN_OUTPUT = 4000
_POLL_SECONDS = 0.02
_GATEWAY_ERRORS = (502, 503, 504)
_SUPERVISOR = Path(__file__).with_name("supervisor.py")


@dataclass(frozen=True, slots=True)
class Command:
    """How an application is started.

    Attributes:
        words: the command; ``{port}`` and ``{base_url}`` stand for the address it has to serve.
        port: the port, chosen when the target was described.
        base_url: the address.
        env: more environment variables, formatted in the same way.
        cwd: the folder it runs in; empty for the current one.
        ready: the path that is asked until it answers.
        patience: seconds it may take to answer for the first time.
        timeout: seconds after which a request counts as hanging.
        verify: as in ``UrlTransport``.
    """

    words: tuple[str, ...]
    port: int
    base_url: str
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: str = ""
    ready: str = "/"
    patience: float = 30.0
    timeout: float = 10.0
    verify: bool | str = True

    def formatted(self, text: str) -> str:
        """Return ``text`` with the address filled in; other braces (JSON) stay as they are."""
        return text.replace("{port}", str(self.port)).replace("{base_url}", self.base_url)


class ProcessKeeper:
    """Keeps the process of one target from its first use until the target is given up or Python ends.

    Args:
        command: what to start.
    """

    def __init__(self, command: Command) -> None:
        self._command = command
        self._process: subprocess.Popen[bytes] | None = None
        self._output: IO[bytes] | None = None
        self._end: weakref.finalize[Any, Any] | None = None

    def open(self) -> UrlTransport:
        """Start the process unless it runs, wait until it answers, and return the way to it.

        Raises:
            UnreachableError: if it ends or does not answer in time, with the end of its output.
        """
        command = self._command
        transport = UrlTransport(
            timeout=command.timeout, verify=command.verify, explain=self.output, home=command.base_url
        )
        if self._process is not None and self._process.poll() is None:
            return transport
        try:
            self._start()
            self._wait_until_ready()
        except BaseException:
            transport.close()
            self.stop()
            raise
        return transport

    def stop(self) -> None:
        """End the process group and forget it."""
        if self._end is not None:
            self._end()
        self._process = self._output = self._end = None

    def restart(self) -> None:
        """End the process and start it anew.

        Raises:
            UnreachableError: as ``open`` does.
        """
        self.stop()
        self.open().close()

    def output(self) -> str:
        """Return the end of what the process wrote, for error messages."""
        if self._output is None:
            return ""
        self._output.flush()
        size = os.fstat(self._output.fileno()).st_size
        tail = os.pread(self._output.fileno(), _SHOWN_OUTPUT, max(0, size - _SHOWN_OUTPUT))
        text = tail.decode("utf-8", errors="replace").strip()
        return f"output of the process:\n{text}" if text else "the process wrote nothing"

    def _start(self) -> None:
        command = self._command
        scripts = str(Path(sys.executable).parent)
        path = os.pathsep.join(part for part in (scripts, os.environ.get("PATH", "")) if part)
        own = {name: command.formatted(text) for name, text in command.env.items()}
        # Held open as long as the process writes to it.
        self._output = tempfile.TemporaryFile()  # noqa: SIM115
        self._process = subprocess.Popen(  # noqa: S603 - the user's own command, without a shell
            [sys.executable, "-I", "-S", str(_SUPERVISOR), *(command.formatted(word) for word in command.words)],
            stdin=subprocess.PIPE,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            cwd=command.cwd or None,
            env={**os.environ, "PATH": path, "PYTHONUNBUFFERED": "1", **own},
            start_new_session=True,
        )
        self._end = weakref.finalize(self, _end, self._process, self._output)

    def _wait_until_ready(self) -> None:
        command = self._command
        until = time.monotonic() + command.patience
        probe = UrlTransport(timeout=command.timeout, verify=command.verify, home=command.base_url)
        try:
            while time.monotonic() < until:
                self._must_live()
                if self._listens() and self._answers(probe):
                    self._must_live()
                    return
                time.sleep(_POLL_SECONDS)
        finally:
            probe.close()
        raise UnreachableError(
            f"the process did not answer at {command.ready} within {command.patience:g} seconds\n{self.output()}",
            place=shlex.join(command.words),
            remedy="check that it serves {port}, or say ready='/health'",
        )

    def _must_live(self) -> None:
        assert self._process is not None  # noqa: S101 - _start came first
        code = self._process.poll()
        if code is not None:
            raise UnreachableError(
                f"the process ended with exit code {code} before it answered\n{self.output()}",
                place=shlex.join(self._command.words),
                remedy="run the command by hand, with a port for {port}, until it serves; env= gives it variables",
            )

    def _listens(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self._command.port), timeout=1).close()
        except OSError:
            return False
        return True

    def _answers(self, probe: UrlTransport) -> bool:
        url = self._command.base_url.rstrip("/") + self._command.ready
        try:
            return probe.send(Request("GET", url, (("Accept", "*/*"),))).status not in _GATEWAY_ERRORS
        except UnreachableError:
            return False


def free_port() -> int:
    """Return a port of the loopback interface that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def split(command: str | Sequence[str]) -> tuple[str, ...]:
    """Return the words of a command; no shell reads it."""
    return tuple(shlex.split(command)) if isinstance(command, str) else tuple(command)


def _end(process: subprocess.Popen[bytes], output: IO[bytes]) -> None:
    if process.stdin is not None:
        process.stdin.close()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    output.close()
