"""The name of a local project, as far as it stands in a file and needs no build."""

from __future__ import annotations

import configparser
import tomllib
from pathlib import Path
from typing import Any


def project_name(folder: Path) -> str | None:
    """Return the name that ``pyproject.toml`` or ``setup.cfg`` in ``folder`` states, or None.

    A file that cannot be read states none: the caller reports a project without a name.
    """
    return _from_pyproject(folder / "pyproject.toml") or _from_setup_cfg(folder / "setup.cfg")


def _from_pyproject(path: Path) -> str | None:
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        return None
    poetry = _table(_table(document.get("tool")).get("poetry"))
    names = (_table(document.get("project")).get("name"), poetry.get("name"))
    return next((name for name in names if isinstance(name, str) and name), None)


def _from_setup_cfg(path: Path) -> str | None:
    parser = configparser.RawConfigParser()
    try:
        parser.read(path, encoding="utf-8")
    except (OSError, UnicodeDecodeError, configparser.Error):
        return None
    return parser.get("metadata", "name", fallback="").strip() or None


def _table(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
