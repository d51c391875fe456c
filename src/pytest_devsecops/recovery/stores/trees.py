"""Trees of files: reading everything that an entry is, and copying a tree with all of it.

Times are read only where somebody asks; the numbers of inodes, holes in sparse files, sockets (which
live only as long as their program) and the file system's own flags say nothing about data.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pytest_devsecops.core.text import shown_path
from pytest_devsecops.recovery.compare import reason_to_ignore
from pytest_devsecops.recovery.model import RecoveryError, Rows, Snapshot

LEDGER = "devsecops-ledger"
PROBE = "devsecops-probe"
_BLOCK = 1 << 20
#: FS_IOC_SETFLAGS of linux/fs.h, for a long of eight bytes.
_SET_FLAGS = 0x40086602
#: Labels that the machine sets by its own rules, different from place to place.
_OF_THE_MACHINE = ("security.selinux", "security.ima", "security.evm", "trusted.overlay.")

#: Called with an entry that cannot be read and why.
OnError = Callable[[Path, OSError], None]


@dataclass(frozen=True, slots=True)
class Reading:
    """How a tree is read.

    Attributes:
        top: its top folder.
        place: what stands for the top folder in links that lead into the tree itself.
        times: whether the files' times of modification count.
        ignore: patterns ``file:name`` of files that are not in the container of files, with the reason.
    """

    top: Path
    place: str
    times: bool
    ignore: Mapping[str, str]


def snapshot(reading: Reading) -> Snapshot:
    """Return every entry with its mode, owner, link and attributes, and the files' contents."""
    things: dict[str, dict[str, dict[str, str | None]]] = {}
    unread: list[str] = []
    files, size, total = 0, 0, hashlib.blake2b(digest_size=16)
    inodes: dict[tuple[int, int], list[str]] = {}

    def failed(path: Path, error: OSError) -> None:
        unread.append(f"{shown_path(path.relative_to(reading.top))}: {error.strerror}")

    for path in [reading.top, *walk(reading.top, failed)]:
        name = shown_path(path.relative_to(reading.top))
        try:
            details = path.lstat()
            properties = _properties(path, details, reading)
        except OSError as error:
            failed(path, error)
            continue
        kind = _kind(details.st_mode)
        things.setdefault(kind, {})[name] = properties
        if kind == "file":
            size += details.st_size
            if reason_to_ignore(f"file:{name}", reading.ignore) is None:
                files += 1
                total.update(f"{name}\0{properties['content']}\0".encode())
            if details.st_nlink > 1:
                inodes.setdefault((details.st_dev, details.st_ino), []).append(name)
    things["hard link"] = {" = ".join(names): {"names": str(len(names))} for names in inodes.values() if len(names) > 1}
    return Snapshot(things, {"files": Rows(files, total.hexdigest())}, (), {"tree": "posix"}, size, tuple(unread))


def regular_files(top: Path) -> Iterator[Path]:
    """Return the regular files below ``top`` that can be found."""
    return (path for path in walk(top, lambda _path, _error: None) if stat.S_ISREG(path.lstat().st_mode))


def walk(top: Path, failed: OnError) -> Iterator[Path]:
    """Return everything below ``top`` but sockets and our own ledger, folders before what is in them."""
    left = [top]
    while left:
        folder = left.pop()
        try:
            entries = sorted(os.scandir(folder), key=lambda one: os.fsencode(one.name))
        except OSError as error:
            failed(folder, error)
            continue
        below = []
        for entry in entries:
            if (folder == top and entry.name in (LEDGER, PROBE)) or _is_socket(entry):
                continue
            yield Path(entry.path)
            if entry.is_dir(follow_symlinks=False):
                below.append(Path(entry.path))
        left.extend(reversed(below))


def copy_tree(source: Path, target: Path) -> None:
    """Copy a tree with modes, owners, links, hard links and attributes.

    Links that name places in the tree by their full path lead into the copy afterwards, as those of the
    original led into the original.

    Raises:
        RecoveryError: if an entry cannot be read.
    """
    seen: dict[tuple[int, int], Path] = {}
    target.mkdir(exist_ok=True)
    entries = list(walk(source, _refuse))
    for path in entries:
        place = target / path.relative_to(source)
        details = path.lstat()
        inode = (details.st_dev, details.st_ino)
        if stat.S_ISLNK(details.st_mode):
            place.symlink_to(_moved(path.readlink(), source, target))
        elif stat.S_ISDIR(details.st_mode):
            place.mkdir()
        elif not stat.S_ISREG(details.st_mode):
            _make_special(path, place, details)
        elif inode in seen:
            place.hardlink_to(seen[inode])
        else:
            shutil.copyfile(path, place)
            seen[inode] = place
    # From the inside out, so that a folder without the right to write is closed last.
    for path in sorted([source, *entries], key=lambda one: len(one.parts), reverse=True):
        place = target / path.relative_to(source)
        details = path.lstat()
        if os.geteuid() == 0:
            os.lchown(place, details.st_uid, details.st_gid)
        shutil.copystat(path, place, follow_symlinks=False)


def make_changeable(top: Path) -> None:
    """Take the flags ``immutable`` and ``append only`` from everything below ``top``, so that it can be removed."""
    import fcntl

    for folder, _, names in os.walk(top):
        for path in (Path(folder), *(Path(folder, name) for name in names)):
            # Only regular files and folders have flags, and only root may take them.
            with contextlib.suppress(OSError):
                handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
                try:
                    fcntl.ioctl(handle, _SET_FLAGS, bytes(8))
                finally:
                    os.close(handle)


def digest(path: Path) -> str:
    """Return the digest of a file's content, read in blocks."""
    found = hashlib.blake2b(digest_size=16)
    with path.open("rb") as handle:
        while block := handle.read(_BLOCK):
            found.update(block)
    return found.hexdigest()


def _is_socket(entry: os.DirEntry[str]) -> bool:
    try:
        return stat.S_ISSOCK(entry.stat(follow_symlinks=False).st_mode)
    except OSError:
        # Gone in the meantime; whoever reads it will say so.
        return False


def _refuse(path: Path, error: OSError) -> None:
    message = f"{shown_path(path)} cannot be read: {error.strerror}"
    raise RecoveryError(message, remedy="let prepare= make entries that this user can read") from error


def _moved(link: Path, source: Path, target: Path) -> Path:
    return target / link.relative_to(source) if link.is_relative_to(source) else link


def _make_special(path: Path, place: Path, details: os.stat_result) -> None:
    try:
        os.mknod(place, details.st_mode, details.st_rdev)
    except OSError as error:
        message = f"{shown_path(path)} is a device that cannot be copied: {error.strerror}"
        raise RecoveryError(message, remedy="leave devices out of the template, or run as root") from error


def _kind(mode: int) -> str:
    if stat.S_ISREG(mode):
        return "file"
    if stat.S_ISDIR(mode):
        return "folder"
    return "symbolic link" if stat.S_ISLNK(mode) else "special file"


def _properties(path: Path, details: os.stat_result, reading: Reading) -> dict[str, str | None]:
    properties: dict[str, str | None] = {"owner": f"{details.st_uid}:{details.st_gid}"}
    for name, value in _attributes(path):
        properties[f"attribute {name}"] = value
    if stat.S_ISLNK(details.st_mode):
        # A link has no mode of its own.
        return {**properties, "leads to": _destination(path.readlink(), reading)}
    properties["mode"] = f"{stat.S_IMODE(details.st_mode):04o}"
    if stat.S_ISREG(details.st_mode):
        properties["size"] = str(details.st_size)
        properties["content"] = digest(path)
        if reading.times:
            # Many formats keep whole seconds only.
            properties["modified"] = str(details.st_mtime_ns // 1_000_000_000)
    elif not stat.S_ISDIR(details.st_mode):
        properties["type"] = f"{stat.S_IFMT(details.st_mode):o}"
        properties["device"] = f"{os.major(details.st_rdev)}:{os.minor(details.st_rdev)}"
    return properties


def _destination(link: Path, reading: Reading) -> str:
    """Return where a link leads; into the tree itself it is told from the top, wherever the tree lies."""
    return shown_path(_moved(link, reading.top, Path(reading.place)))


def _attributes(path: Path) -> Iterator[tuple[str, str]]:
    try:
        names = os.listxattr(path, follow_symlinks=False)
    except OSError as error:
        if error.errno in (errno.ENOTSUP, errno.EOPNOTSUPP):
            return
        raise
    for name in sorted(names):
        if not name.startswith(_OF_THE_MACHINE):
            yield name, os.getxattr(path, name, follow_symlinks=False).hex()
