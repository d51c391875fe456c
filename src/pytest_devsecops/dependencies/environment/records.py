"""The list of its files that a distribution was installed with.

Source: PyPA "Recording installed projects", section "The RECORD file".
"""

from __future__ import annotations

import csv
import io
import os.path
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pytest_devsecops.dependencies.environment.distributions import Installed
from pytest_devsecops.dependencies.environment.layout import installation_root

_FIELDS = 3

#: Written by the installer after the wheel's files, and by some without a hash.
_BY_THE_INSTALLER = frozenset({"RECORD", "RECORD.jws", "RECORD.p7s", "INSTALLER", "REQUESTED", "direct_url.json"})


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a ``RECORD``.

    Attributes:
        name: the path as written, relative to the folder that the distribution is installed in.
        path: the same as an absolute path without ``..``.
        algorithm: the name of the hash, or empty.
        digest: the hash in URL-safe base64 without padding, or empty.
    """

    name: str
    path: str
    algorithm: str = ""
    digest: str = ""

    @property
    def needs_no_hash(self) -> bool:
        """Whether the specification, or installers' practice, lets its hash be left out."""
        folder, _, file = self.name.rpartition("/")
        if file.endswith((".pyc", ".pyo")):
            return True
        return folder.endswith(".dist-info") and file in _BY_THE_INSTALLER


@dataclass(frozen=True, slots=True)
class Record:
    """What a distribution says its files are.

    Attributes:
        installed: the distribution.
        entries: its files.
        outside: names of files that would lie outside of the environment; nobody may touch those.
        problems: what of the list cannot be read, as whole sentences.
    """

    installed: Installed
    entries: tuple[Entry, ...] = ()
    outside: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


def read_record(installed: Installed) -> Record:
    """Read the ``RECORD`` of a distribution, or the ``installed-files.txt`` of an egg, which has no hashes."""
    shown = f"{installed.name} {installed.version}"
    if installed.is_legacy:
        return _read_egg_files(installed, f"{shown} is an egg, whose files have no recorded hashes")
    file = installed.folder / "RECORD"
    try:
        rows = list(csv.reader(io.StringIO(file.read_text(encoding="utf-8"), newline="")))
    except FileNotFoundError:
        return Record(installed, problems=(f"{shown} has no RECORD of its files",))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        return Record(installed, problems=(f"{shown} has a RECORD that cannot be read: {error}",))
    problems = [
        f"{shown} has a RECORD whose line {number} is not path, hash and size"
        for number, row in enumerate(rows, 1)
        if row and (len(row) != _FIELDS or not row[0])
    ]
    good = [row for row in rows if len(row) == _FIELDS and row[0]]
    if not good:
        problems.append(f"{shown} has an empty RECORD")
    entries = [_entry(installed.directory, name, checksum) for name, checksum, _ in good]
    inside, outside = _parted(entries, installed.directory)
    return Record(installed, tuple(inside), tuple(outside), tuple(problems))


def _entry(directory: Path, name: str, checksum: str) -> Entry:
    algorithm, _, digest = checksum.partition("=")
    name = name.replace("\\", "/")
    return Entry(name, os.path.normpath(os.path.join(directory, name)), algorithm.lower(), digest.rstrip("="))  # noqa: PTH118 - a hundred thousand names, and pathlib keeps ".."


def _parted(entries: list[Entry], directory: Path) -> tuple[list[Entry], list[str]]:
    """Part entries in the environment from those outside; links in the folder's own path are no way out."""
    root = installation_root(directory)
    prefixes = tuple(f"{os.path.normpath(place)}{os.sep}" for place in (root, root.resolve()))
    inside = [entry for entry in entries if entry.path.startswith(prefixes)]
    return inside, [entry.name for entry in entries if not entry.path.startswith(prefixes)]


def _read_egg_files(installed: Installed, problem: str) -> Record:
    file = installed.folder / "installed-files.txt"
    names = file.read_text(encoding="utf-8", errors="replace").splitlines() if file.is_file() else []
    # Its paths are relative to the .egg-info folder.
    entries = [_entry(installed.folder, name, "") for name in names if name]
    return Record(installed, tuple(_parted(entries, installed.directory)[0]), problems=(problem,))


def top_level_names(installed: Installed) -> Iterator[str]:
    """Yield the top-level modules that a distribution without a list of files says it has."""
    file = installed.folder / "top_level.txt"
    if installed.folder.is_dir() and file.is_file():
        yield from file.read_text(encoding="utf-8", errors="replace").split()
    else:
        yield installed.name.replace("-", "_")
