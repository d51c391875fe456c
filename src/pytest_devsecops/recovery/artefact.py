"""What a backup left below ``BACKUP_DIR``: how much, and who may read it."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_devsecops.core.text import shown_path


@dataclass(frozen=True, slots=True)
class ArtefactReport:
    """The files of a backup.

    Attributes:
        files: how many there are.
        size: their bytes.
        largest: the bytes of the largest.
        exposed: those that users other than the owner can reach and read, with their modes.
        outside: symbolic links that lead out of ``BACKUP_DIR``, with where they lead.
    """

    files: int
    size: int
    largest: int
    exposed: tuple[str, ...]
    outside: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return it as evidence."""
        return {
            "files": self.files,
            "bytes": self.size,
            "readable_by_others": list(self.exposed),
            "outside": list(self.outside),
        }


def inspect_artefact(folder: Path) -> ArtefactReport:
    """Look at every file below ``folder``; a closed folder protects what is in it."""
    files, size, largest = 0, 0, 0
    exposed: list[str] = []
    outside: list[str] = []
    for place, folders, names in os.walk(folder):
        here = Path(place)
        closed = _closed_above(here, folder)
        for name in [*names, *(one for one in folders if (here / one).is_symlink())]:
            path = here / name
            if path.is_symlink():
                # Unlike Path.resolve(), this follows links that lead in a circle as far as they go.
                if not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder)):
                    outside.append(f"{shown_path(path.relative_to(folder))} -> {shown_path(path.readlink())}")
                continue
            details = path.stat()
            files += 1
            size += details.st_size
            largest = max(largest, details.st_size)
            mode = stat.S_IMODE(details.st_mode)
            if mode & (stat.S_IRGRP | stat.S_IROTH) and not closed:
                exposed.append(f"{shown_path(path.relative_to(folder))} ({mode:04o})")
    return ArtefactReport(files, size, largest, tuple(exposed), tuple(outside))


def on_the_lost_disk(artefact: Path, lost: Path) -> list[str]:
    """Return the files of the artefact that are hard links to files of the lost source."""
    linked = [path for path in _regular(artefact) if path.lstat().st_nlink > 1]
    if not linked:
        return []
    sources = {_inode(path) for path in _regular(lost)}
    return [shown_path(path.relative_to(artefact)) for path in linked if _inode(path) in sources]


def _regular(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]


def _inode(path: Path) -> tuple[int, int]:
    details = path.lstat()
    return details.st_dev, details.st_ino


def _closed_above(place: Path, top: Path) -> bool:
    steps = [place, *place.parents]
    inside = steps[: steps.index(top) + 1]
    return any(not stat.S_IMODE(step.stat().st_mode) & (stat.S_IXGRP | stat.S_IXOTH) for step in inside)
