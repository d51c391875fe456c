"""Runs a command in a process group of its own and ends the group when the parent goes away.

Executed as a script. The parent holds the other end of standard input: when it closes, for whatever
reason, even by a kill that no exit handler survives, the whole group is ended. Standard library only.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import time

_PATIENCE = 3.0
#: What a shell answers for a command that it does not find.
_NOT_RUN = 127


def main() -> int:
    """Run the command in ``sys.argv``; returns its exit code."""
    try:
        child = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL, start_new_session=True)  # noqa: S603 - the user's own command
    except OSError as error:
        print(f"{sys.argv[1]} cannot be run: {error.strerror}", file=sys.stderr)  # noqa: T201 - read by the parent
        return _NOT_RUN
    read, write = os.pipe()
    os.set_blocking(write, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(write)
    while child.poll() is None:
        ready, _, _ = select.select([sys.stdin.fileno(), read], [], [])
        if read in ready:
            os.read(read, 1024)
        if sys.stdin.fileno() in ready and not os.read(sys.stdin.fileno(), 1):
            break
    _end_group(child)
    return child.returncode


def _end_group(child: subprocess.Popen[bytes]) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, number)
        until = time.monotonic() + _PATIENCE
        while time.monotonic() < until and (child.poll() is None or _group_lives(child.pid)):
            time.sleep(0.01)
    child.wait()


def _group_lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return True


if __name__ == "__main__":
    sys.exit(main())
