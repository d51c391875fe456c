"""Where a drill takes place: the folders of one drill, and what of them a procedure may see."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pytest_devsecops.recovery.templates import Template
from pytest_devsecops.recovery.workspace import made


@dataclass(frozen=True, slots=True)
class Ground:
    """Where a drill takes place.

    Attributes:
        root: the project's root.
        room: a folder of the drill's own.
        backup_dir: where the backup goes.
        lost: where the source lives, and where its remains are; closed while a restore runs.
        hidden: further folders that no procedure may see.
    """

    root: Path
    room: Path
    backup_dir: Path
    lost: Path | None = None
    hidden: tuple[Path, ...] = ()

    @contextlib.contextmanager
    def source_out_of_reach(self) -> Iterator[tuple[str, ...]]:
        """Close the remains of the source, and return the folders that a namespace can hide as well."""
        if self.lost is None:
            yield tuple(str(one) for one in self.hidden)
            return
        self.lost.chmod(0)
        try:
            yield (str(self.lost), *(str(one) for one in self.hidden))
        finally:
            self.lost.chmod(0o711)


def make_ground(root: Path, room: Path, template: Template) -> Ground:
    """Make the folders of a drill in its empty ``room``."""
    backup_dir = made(room / "backup")
    # As open as the umask of the contract makes a folder: the artefact's own modes have to protect it.
    backup_dir.chmod(0o755)
    # Nobody can guess where the source is, and nothing that is near the target leads there.
    return Ground(root, room, backup_dir, made(room / secrets.token_hex(4)), (template.room,))
