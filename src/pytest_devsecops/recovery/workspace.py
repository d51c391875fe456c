"""Rooms: folders of a drill's own, short enough for Unix sockets, gone when the drill is over."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from pytest_devsecops.recovery.model import RecoveryError

#: File systems that write to no disk.
_IN_MEMORY = ("tmpfs", "ramfs")
#: Waits until the room is done with, or until our process is gone: then what still works in the room (a
#: server, a step) is killed and the room removed. It is a shell because one starts in a millisecond. A killed
#: PostgreSQL leaves a System V segment, which line 7 of its postmaster.pid names; it goes if its key is
#: the same and nobody is attached to it, so that no other server's can be meant.
_GUARD = """
read -r done && exit 0
for one in /proc/[0-9]*; do
  case "$(readlink "$one/cwd" 2>/dev/null)" in "$1"/*) kill -9 "${one#/proc/}" 2>/dev/null;; esac
done
chmod -R u+rwx "$1" 2>/dev/null
find "$1" -name postmaster.pid -type f -exec sed -n 7p {} \\; 2>/dev/null | while read -r key id rest; do
  for _ in 1 2 3 4 5 6 7 8 9 10; do
    attached=$(while read -r k i _ _ _ _ n _; do [ "$k $i" = "$key $id" ] && echo "$n"; done </proc/sysvipc/shm)
    case "$attached" in "") break;; 0) ipcrm -m "$id" 2>/dev/null; break;; esac
    sleep 0.1
  done
done
for _ in 1 2 3 4 5; do rm -rf -- "$1" && exit 0; sleep 0.2; done
"""


def copy_data(source: Path, target: Path, *options: str) -> None:
    """Copy a data directory of a server that is down, with owners and modes.

    Args:
        source: the directory.
        target: its copy, which is not there yet.
        *options: further ones of cp, such as ``--sparse=always``.

    Raises:
        RecoveryError: if it cannot be copied, such as onto a full disk.
    """
    argv = ["cp", "-a", "--reflink=auto", *options, str(source), str(target)]
    try:
        # From coreutils, because shutil is five times slower here.
        ended = subprocess.run(argv, capture_output=True, text=True, check=False)  # noqa: S603 - our own paths
        said = "" if ended.returncode == 0 else ended.stderr.strip()[-400:] or f"cp ended with {ended.returncode}"
    except OSError as error:
        said = f"cp: {error.strerror}"
    if said:
        raise RecoveryError(
            f"a data directory of the drill cannot be copied: {said}",
            remedy="the drill needs cp of coreutils on PATH, and room in the folder for temporary files (TMPDIR)",
        )


@contextlib.contextmanager
def temporary_room(prefix: str = "drill-", place: Path | None = None) -> Iterator[Path]:
    """Make an empty folder in ``place`` and remove it at the end, whatever its files' modes are.

    Without a place it lies in the system's folder for temporary files, because a path below a project or
    pytest's own folder is soon longer than the 107 bytes that a Unix socket may have.
    """
    room = Path(tempfile.mkdtemp(prefix=prefix, dir=place))
    # A server that runs as another user has to come in; its own folders are closed below this one.
    room.chmod(0o711)
    with _guarded(room):
        try:
            yield room
        finally:
            remove(room)


@contextlib.contextmanager
def _guarded(room: Path) -> Iterator[None]:
    """Have the room cleaned up by another process if this one is killed before it can do so."""
    guard = subprocess.Popen(  # noqa: S603 - our own script
        ["/bin/sh", "-c", _GUARD, "sh", str(room)],
        cwd="/",
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        # The terminal's Ctrl-C is for us; it has to outlive us.
        start_new_session=True,
    )
    try:
        yield
    finally:
        guard.communicate(b"done\n")


def place_on_disk() -> Path | None:
    """Return the folder for temporary files, or ``/var/tmp`` if that one lies in memory; None if both do.

    What is written to memory is durable at no cost, so that a time measured there is none of production's.
    """
    places = (Path(tempfile.gettempdir()), Path("/var/tmp"))  # noqa: S108 - a room of its own is made in it
    return next((one for one in places if os.access(one, os.W_OK) and not _in_memory(one)), None)


def _in_memory(folder: Path) -> bool:
    """Tell whether a folder's file system keeps everything in memory; no where nothing tells."""
    try:
        lines = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return False
    place, found = folder.resolve(), (0, "")
    for line in lines:
        # proc(5): the mount point is the fifth field, the type the first after a lone hyphen.
        before, _, after = line.partition(" - ")
        point = before.split(" ")[4].encode().decode("unicode_escape")
        if place.is_relative_to(point) and len(point) >= found[0]:
            found = (len(point), after.split(" ")[0])
    return found[1] in _IN_MEMORY


def remove(folder: Path) -> None:
    """Remove a folder with everything in it, also where modes forbid it."""
    if not folder.exists():
        return
    for inside in [folder, *folder.rglob("*")]:
        if inside.is_dir() and not inside.is_symlink():
            with contextlib.suppress(OSError):
                inside.chmod(0o700)
    shutil.rmtree(folder, ignore_errors=True)


def made(folder: Path) -> Path:
    """Make a folder inside a room and return it; a server that runs as another user may pass through."""
    folder.mkdir()
    folder.chmod(0o711)
    return folder


def move_away(folder: Path) -> Path:
    """Move what is lost to a place that no procedure was ever told, and return it.

    It stays in the drill's room, so that it goes with it.
    """
    hidden = folder.parent / f".{secrets.token_hex(8)}"
    hidden.mkdir(mode=0o700)
    return folder.rename(hidden / folder.name)
