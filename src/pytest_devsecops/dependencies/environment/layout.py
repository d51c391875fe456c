"""Where an environment keeps what is installed, found without running its Python.

Rules: the ``site`` module's documentation, PEP 405 (``pyvenv.cfg``).
"""

from __future__ import annotations

import os
import re
import site
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pytest_devsecops.dependencies.environment.path_files import path_lines
from pytest_devsecops.dependencies.model import SourceError

RUNNING = "environment"

_SITE_NAMES = frozenset({"site-packages", "dist-packages"})
_VERSIONED = re.compile(r"(?P<implementation>python|pypy)(?P<version>\d+\.\d+)")
_REMEDY = "name a virtual environment's folder, its python, or a site-packages folder"


@dataclass(frozen=True, slots=True)
class Layout:
    """Where one environment keeps what is installed.

    Attributes:
        name: ``environment``, or ``environment:PATH`` as the policy names it.
        path: every place that modules are imported from, in the order of ``sys.path``.
        site_dirs: those of ``path`` in which ``site`` reads ``.pth`` files.
        at_start: further folders that are on the path when Python starts: its standard library, those of
            ``PYTHONPATH``, and those that ``.pth`` files add.
        markers: what is known about its Python, for PEP 508 markers; the running one's otherwise.
    """

    name: str
    path: tuple[Path, ...]
    site_dirs: tuple[Path, ...]
    at_start: tuple[Path, ...] = ()
    markers: Mapping[str, str] = field(default_factory=dict)


def running_layout() -> Layout:
    """Return the layout of the environment that this process runs in."""
    candidates = [*site.getsitepackages(), *([site.getusersitepackages()] if site.ENABLE_USER_SITE else [])]
    path = _existing(Path(entry) if entry else Path.cwd() for entry in sys.path)
    known = {entry.resolve(): entry for entry in path}
    site_dirs = [known[entry.resolve()] for entry in _existing(map(Path, candidates)) if entry.resolve() in known]
    added = [target for folder in site_dirs for target in _added_by_path_files(folder)]
    at_start = [*_python_path(), Path(os.__file__).parent, *added, *_imported_customizers()]
    return Layout(RUNNING, path, tuple(site_dirs), _existing(at_start))


def layout_at(place: Path, name: str) -> Layout:
    """Return the layout of the environment at ``place``.

    Args:
        place: a virtual environment's (or a Python installation's) folder, its python, or a folder
            that distributions are installed into.
        name: how the policy calls it.

    Raises:
        SourceError: if there is no environment, or if it cannot be told which of several is meant.
    """
    if place.is_dir():
        site_dirs = [place] if _holds_distributions(place) else _prefix_site_dirs(place, None, name)
    elif place.exists():
        site_dirs = _executable_site_dirs(place, name)
    else:
        raise SourceError(f"there is no environment at {place}", place=name, remedy=_REMEDY)
    # A .pth file of a site folder adds further folders; those are not searched for .pth files in turn.
    added = [target for folder in site_dirs for target in _added_by_path_files(folder)]
    path, at_start = _existing([*site_dirs, *added]), _existing([*_library(site_dirs), *added])
    return Layout(name, path, tuple(site_dirs), at_start, _markers(site_dirs[0]))


def _python_path() -> list[Path]:
    """Return the folders of ``PYTHONPATH``, unless Python was told to ignore it."""
    if sys.flags.ignore_environment:
        return []
    return [Path(entry or ".") for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]


def _imported_customizers() -> list[Path]:
    """Return where this process found what ``site`` imports, wherever that was."""
    modules = [sys.modules.get(name) for name in ("sitecustomize", "usercustomize")]
    return [Path(module.__file__).parent for module in modules if module is not None and module.__file__]


def _library(site_dirs: Sequence[Path]) -> list[Path]:
    """Return the folders of the standard library that go with site-packages folders, where they are found."""
    roots = [installation_root(folder) for folder in site_dirs]
    homes = [config["home"] for root in roots if (config := _read_config(root / "pyvenv.cfg")) and "home" in config]
    names = [folder.parent.name for folder in site_dirs if _VERSIONED.fullmatch(folder.parent.name)]
    bases = [*roots, *(Path(home).parent for home in homes)]
    folders = [folder for base in bases for folder in (*(base / "lib" / name for name in names), base / "Lib")]
    return [folder for folder in folders if (folder / "os.py").is_file()]


def installation_root(folder: Path) -> Path:
    """Return the folder below which files of a distribution in ``folder`` may lie.

    A wheel's scripts and data go to the installation's prefix; files in a folder that is no
    ``site-packages`` (``pip install --target``) stay in it.
    """
    if folder.name not in _SITE_NAMES:
        return folder
    # Windows has PREFIX/Lib/site-packages, everybody else PREFIX/lib/pythonX.Y/site-packages.
    depth = 1 if folder.parent.name == "Lib" else 2
    return folder.parents[min(depth, len(folder.parents) - 1)]


def _existing(paths: Iterable[Path]) -> tuple[Path, ...]:
    found: dict[Path, Path] = {}
    for path in paths:
        if path.exists():
            found.setdefault(path.resolve(), path)
    return tuple(found.values())


def _holds_distributions(folder: Path) -> bool:
    if (folder / "pyvenv.cfg").exists() or _lib_folders(folder):
        return False
    return folder.name in _SITE_NAMES or any(folder.glob("*.dist-info")) or any(folder.glob("*.egg-info"))


def _executable_site_dirs(python: Path, name: str) -> list[Path]:
    prefix = python.absolute().parent.parent
    if (prefix / "pyvenv.cfg").is_file():
        return _prefix_site_dirs(prefix, None, name)
    # An installation's python is often a link such as python3 -> python3.12.
    real = python.resolve()
    found = _VERSIONED.search(real.name)
    return _prefix_site_dirs(real.parent.parent, found["version"] if found else None, name)


def _prefix_site_dirs(prefix: Path, version: str | None, name: str) -> list[Path]:
    config = _read_config(prefix / "pyvenv.cfg")
    if config is not None and version is None:
        version = ".".join(config.get("version", config.get("version_info", "")).split(".")[:2]) or None
    found = _site_dirs_below(prefix, version, name)
    if config is None or config.get("include-system-site-packages", "").lower() != "true":
        return found
    base = Path(config.get("home", ""))
    base_dirs = _site_dirs_below(base.parent, version, name) if base.is_absolute() else []
    user = Path.home() / ".local/lib" / f"python{version}" / "site-packages"
    return [*found, *_existing([user]), *base_dirs]


def _site_dirs_below(prefix: Path, version: str | None, name: str) -> list[Path]:
    folders = _lib_folders(prefix)
    if version is not None:
        # Debian's python3 and Windows' Lib carry no version.
        wanted = {f"python{version}", f"pypy{version}", "python3", "Lib"}
        folders = [folder for folder in folders if folder.name in wanted]
    versions = {folder.name for folder in folders if _VERSIONED.fullmatch(folder.name)}
    if len(versions) > 1:
        message = f"{prefix} has several Pythons: {', '.join(sorted(versions))}"
        raise SourceError(message, place=name, remedy="name the site-packages folder of one of them")
    found = _existing(folder / inner for folder in folders for inner in sorted(_SITE_NAMES))
    if not found:
        raise SourceError(f"{prefix} has no site-packages folder", place=name, remedy=_REMEDY)
    return list(found)


def _lib_folders(prefix: Path) -> list[Path]:
    """Return the folders of ``prefix`` that can hold a site-packages; Debian's local one comes first."""
    patterns = ("local/lib/python3.*", "lib/python3.*", "lib64/python3.*", "lib/pypy3.*", "lib/python3")
    found = [folder for pattern in patterns for folder in sorted(prefix.glob(pattern))]
    windows = prefix / "Lib"
    candidates = [*found, *([windows] if (windows / "site-packages").is_dir() else [])]
    with_site = [one for one in candidates if any((one / inner).is_dir() for inner in _SITE_NAMES)]
    return list(_existing(with_site))


def _read_config(file: Path) -> dict[str, str] | None:
    """Return the keys of a ``pyvenv.cfg``, or None if there is none (PEP 405)."""
    if not file.is_file():
        return None
    lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    pairs = (line.partition("=") for line in lines if "=" in line)
    return {key.strip().lower(): value.strip() for key, _, value in pairs}


def _added_by_path_files(folder: Path) -> list[Path]:
    files = [file for file in sorted(folder.glob("*.pth")) if file.is_file()]
    return [folder / line.text for file in files for line in path_lines(file) if not line.executes]


def _markers(folder: Path) -> dict[str, str]:
    """Return what the folder's place says about its Python; empty if it says nothing."""
    prefix = installation_root(folder)
    found = _VERSIONED.fullmatch(folder.parent.name)
    config = _read_config(prefix / "pyvenv.cfg") or {}
    numbers = config.get("version", config.get("version_info", "")).split(".")[:3]
    version = found["version"] if found else ".".join(numbers[:2])
    if not version:
        return {}
    full = ".".join(numbers) if numbers[:2] == version.split(".") else f"{version}.0"
    pypy = found is not None and found["implementation"] == "pypy"
    implementation = {"implementation_name": "pypy", "platform_python_implementation": "PyPy"}
    cpython = {"implementation_name": "cpython", "platform_python_implementation": "CPython"}
    known = {"python_version": version, "python_full_version": full}
    return {**known, **implementation} if pypy else {**known, "implementation_version": full, **cpython}
