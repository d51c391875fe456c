"""Whether a restored data directory was taken at one moment, or copied while a server changed it.

The files of a running server are usable with the log from where ``backup_label`` says. Without it, where the
recovery begins is a matter of luck, and so is what is missing afterwards.
"""

from __future__ import annotations

import struct
from pathlib import Path

#: src/include/catalog/pg_control.h: after two numbers of 8 and 4 bytes and a version comes the state.
_STATE_AT, _IN_PRODUCTION = 16, 6


def copied_while_running(data: Path) -> bool:
    """Tell whether a data directory, not yet started, is that of a running server and has no ``backup_label``."""
    control = data / "global" / "pg_control"
    if (data / "backup_label").exists() or not control.is_file():
        return False
    with control.open("rb") as handle:
        head = handle.read(_STATE_AT + 4)
    return len(head) == _STATE_AT + 4 and struct.unpack_from("=i", head, _STATE_AT) == (_IN_PRODUCTION,)
