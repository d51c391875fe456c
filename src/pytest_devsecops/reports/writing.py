"""Writing a rendered report to its file."""

from __future__ import annotations

import os
from pathlib import Path

from pytest_devsecops.core.errors import DevSecOpsError


def write_whole(path: Path, text: str) -> None:
    """Write ``text`` to ``path`` whole or not at all, making its folder.

    Raises:
        DevSecOpsError: if it cannot be written; a file that was there before stays as it was.
    """
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            unfinished.write_text(text, encoding="utf-8", newline="\n")
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)
    except OSError as error:
        raise DevSecOpsError(
            f"the report cannot be written: {error.strerror or error}",
            place=str(path),
            remedy="check that its folder exists and may be written to",
        ) from None
