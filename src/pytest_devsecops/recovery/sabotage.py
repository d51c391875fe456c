"""What goes wrong on purpose in the middle of a drill, and the hands that do it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from pytest_devsecops.recovery.model import Access

_DAY = 86_400
_WRONG = "not-the-password"


@dataclass(frozen=True, slots=True)
class Sabotage:
    """What goes wrong on purpose in the middle of a drill; by default nothing.

    Attributes:
        kill_backup_after: seconds after which the backup is killed.
        kill_restore_after: seconds after which the first restore is killed; then it runs again.
        file_limit: bytes that a file of the backup may have.
        disk: bytes that fit on the disk of ``BACKUP_DIR`` while the backup runs.
        yesterday: whether an artefact of yesterday lies in ``BACKUP_DIR`` already.
        wrong_password: whether the backup gets a password that the server refuses.
        spoil: damages the artefact after the backup; tells whether there was anything to damage.
    """

    kill_backup_after: float | None = None
    kill_restore_after: float | None = None
    file_limit: int | None = None
    disk: int | None = None
    yesterday: bool = False
    wrong_password: bool = False
    spoil: Callable[[Path], bool] | None = None


NO_SABOTAGE = Sabotage()


def age_files(folder: Path) -> None:
    """Set the times of everything in a folder back by a day."""
    for path in folder.rglob("*"):
        details = path.lstat()
        times = (details.st_atime - _DAY, details.st_mtime - _DAY)
        os.utime(path, times, follow_symlinks=False)


def passwords(access: Access) -> list[str]:
    """Return the passwords among the fields of an access; those of a composite carry its members' names."""
    found = (value for name, value in access.fields.items() if name == "password" or name.endswith("_password"))
    return [value for value in found if value]


def with_wrong_password(access: Access) -> Access:
    """Return ``access`` with another password wherever the right one is written."""
    wrong = access
    for password in passwords(access):
        wrong = replace(
            wrong,
            variables=_without(wrong.variables, password),
            fields=_without(wrong.fields, password),
            home_files=_without(wrong.home_files, password),
        )
    return wrong


def _without(texts: Mapping[str, str], password: str) -> dict[str, str]:
    return {name: text.replace(password, _WRONG) for name, text in texts.items()}
