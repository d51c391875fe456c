"""Tablespaces: parts of a cluster that lie outside of its data directory, at paths that all its copies share.

The copies of a drill take turns at such a path. While a template rests its part is stowed inside its own
folder; a source gets a copy of it put to the path; when the source is lost the path is emptied, as a new
host would have it, so that a restored link into the lost source leads nowhere.

Only what a server of the drill made there is ever touched: ``PG_*`` folders at paths to which the
template's own data directory links, and ``CREATE TABLESPACE`` refuses a path that has one already.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from pytest_devsecops.recovery.model import RecoveryError
from pytest_devsecops.recovery.stores.serving import give

_VERSION = "PG_*"

#: The name of the link (an object id) and the path that it had in the template.
Places = Mapping[str, Path]


def outside_places(data: Path) -> dict[str, Path]:
    """Return where the tablespaces of a data directory lie outside of it."""
    links = sorted((data / "pg_tblspc").iterdir()) if (data / "pg_tblspc").is_dir() else []
    return {link.name: link.readlink() for link in links if link.is_symlink()}


def stow(data: Path, shelf: Path, places: Places) -> None:
    """Move what is at ``places`` into ``shelf`` and let the data directory's links follow."""
    for name, place in places.items():
        inside = shelf / name
        inside.mkdir(parents=True, mode=0o711)
        for part in sorted(place.glob(_VERSION)):
            shutil.move(part, inside / part.name)
        _link(data, name, inside)


def put_copies(data: Path, shelf: Path, places: Places) -> None:
    """Copy what a template stowed in ``shelf`` back to ``places``, and link a copied data directory to it.

    Raises:
        RecoveryError: if something else is there.
    """
    for name, place in places.items():
        if any(place.glob(_VERSION)):
            raise RecoveryError(
                f"the tablespace's folder {place} is in use by another server",
                remedy="give every process a folder of its own, and remove what an earlier run left there",
            )
        for part in sorted((shelf / name).iterdir()):
            subprocess.run(["cp", "-a", "--reflink=auto", str(part), str(place)], check=True)  # noqa: S603, S607 - coreutils; it keeps owners
        _link(data, name, place)


def give_parts(place: Path) -> None:
    """Give what a restore put to a tablespace's path to the user that the server runs as, and the path itself."""
    give(place, inside=False)
    for part in place.glob(_VERSION):
        give(part)


def clear(places: Places) -> None:
    """Remove what the drill's servers left at ``places``."""
    for place in places.values():
        for part in place.glob(_VERSION):
            shutil.rmtree(part, ignore_errors=True)


def _link(data: Path, name: str, target: Path) -> None:
    link = data / "pg_tblspc" / name
    link.unlink(missing_ok=True)
    link.symlink_to(target)
