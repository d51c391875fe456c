"""What runs at every start of a Python, before the program does.

Source: the ``site`` module: executable lines of ``.pth`` files in site folders, and the modules
``sitecustomize`` and ``usercustomize`` anywhere on the path.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pytest_devsecops.dependencies.environment.distributions import Installed
from pytest_devsecops.dependencies.environment.integrity import is_intact
from pytest_devsecops.dependencies.environment.known_hooks import recognise
from pytest_devsecops.dependencies.environment.layout import Layout
from pytest_devsecops.dependencies.environment.path_files import PathLine, path_lines
from pytest_devsecops.dependencies.environment.records import Entry, read_record

_CUSTOMIZERS = ("sitecustomize", "usercustomize")
_MODULE_ENDINGS = (".py", ".pyc", ".so", ".pyd")


@dataclass(frozen=True, slots=True)
class Hook:
    """One file that runs code at the start.

    Attributes:
        file: the file.
        sha256: of its content.
        lines: of a ``.pth`` file those that run and are not known to be harmless; empty for a module.
        known: why its other lines are harmless.
        owner: the distribution that lists it, if its content is still the one that it lists.
        owner_version: the version of that distribution.
    """

    file: Path
    sha256: str
    lines: tuple[PathLine, ...] = ()
    known: tuple[str, ...] = ()
    owner: str = ""
    owner_version: str = ""

    @property
    def is_harmless(self) -> bool:
        """Whether every line of it that runs is known to be harmless."""
        return bool(self.known) and not self.lines


@dataclass(frozen=True, slots=True)
class Startup:
    """What was found in one environment.

    Attributes:
        folders: how many folders were searched.
        path_files: how many ``.pth`` files were read.
        hooks: the files that run code, harmless ones included.
        unreadable: files and folders that could not be read, with the reason.
    """

    folders: int
    path_files: int
    hooks: tuple[Hook, ...]
    unreadable: tuple[tuple[Path, str], ...]


class _Owners:
    """Whose file something is; the lists of all distributions are read at the first question."""

    def __init__(self, installed: Sequence[Installed]) -> None:
        self._installed = installed

    @cached_property
    def _entries(self) -> dict[str, tuple[Installed, Entry]]:
        return {entry.path: (one, entry) for one in self._installed for entry in read_record(one).entries}

    def of(self, file: Path) -> Installed | None:
        found = self._entries.get(str(file))
        return found[0] if found is not None and is_intact(found[1]) else None

    def name_of(self, file: Path) -> str | None:
        found = self.of(file)
        return found.name if found else None


def search(installed: Sequence[Installed], layout: Layout) -> Startup:
    """Find everything in an environment that runs code at the start.

    Args:
        installed: its distributions, which may own what is found.
        layout: where to look.
    """
    owners = _Owners(installed)
    hooks: list[Hook] = []
    unreadable: list[tuple[Path, str]] = []
    number = 0
    for file in _candidates(layout, unreadable):
        try:
            if file.suffix == ".pth":
                number += 1
                hook = _path_file_hook(file, owners, _earlier(file.parent, layout))
            else:
                hook = _hook(file, file.read_bytes(), owners)
        except OSError as error:
            unreadable.append((file, error.strerror or str(error)))
            continue
        if hook is not None:
            hooks.append(hook)
    return Startup(len(_searched(layout)), number, tuple(hooks), tuple(unreadable))


def _searched(layout: Layout) -> tuple[Path, ...]:
    return tuple(folder for folder in dict.fromkeys([*layout.site_dirs, *layout.at_start]) if folder.is_dir())


def _earlier(site: Path, layout: Layout) -> tuple[Path, ...]:
    """Return the folders from which a module is imported before one in ``site`` of the same name is."""
    before = layout.site_dirs[: layout.site_dirs.index(site)]
    return tuple(folder for folder in dict.fromkeys([*layout.at_start, *before]) if folder != site)


def _candidates(layout: Layout, unreadable: list[tuple[Path, str]]) -> Iterator[Path]:
    for folder in _searched(layout):
        try:
            names = sorted(entry.name for entry in folder.iterdir())
        except OSError as error:
            unreadable.append((folder, error.strerror or str(error)))
            continue
        for name in names:
            if name.endswith(".pth"):
                # site passes over a link that leads nowhere, and reads such files in site folders only.
                if folder in layout.site_dirs and (folder / name).exists():
                    yield folder / name
            elif name.partition(".")[0] in _CUSTOMIZERS:
                yield from _module_files(folder / name)


def _module_files(path: Path) -> Iterator[Path]:
    if path.is_dir():
        yield from (file for ending in _MODULE_ENDINGS for file in sorted(path.glob(f"__init__*{ending}")))
    elif path.name.endswith(_MODULE_ENDINGS):
        yield path


def _path_file_hook(file: Path, owners: _Owners, earlier: Sequence[Path]) -> Hook | None:
    running = [line for line in path_lines(file) if line.executes]
    if not running:
        return None
    known = [recognise(line.text, file, owners.name_of, earlier) for line in running]
    strange = tuple(line for line, why in zip(running, known, strict=True) if not why)
    return _hook(file, file.read_bytes(), owners, strange, tuple(dict.fromkeys(why for why in known if why)))


def _hook(
    file: Path,
    data: bytes,
    owners: _Owners,
    lines: tuple[PathLine, ...] = (),
    known: tuple[str, ...] = (),
) -> Hook:
    owner = owners.of(file)
    digest = hashlib.sha256(data).hexdigest()
    return Hook(file, digest, lines, known, owner.name if owner else "", owner.version if owner else "")
