"""What a snapshot tells of a server's files: taken at one moment, or copied one after the other while they changed.

By its name it can be ignored, by those who take atomic snapshots of a disk.
"""

from __future__ import annotations

KIND = "data directory"
_KEY = "taken at one moment"


def told(name: str, torn: str) -> dict[str, dict[str, str | None]]:
    """Return the thing that a snapshot has of kind ``KIND``.

    Args:
        name: what it is the data directory of, such as ``of the server``.
        torn: how it is known that the files are of no one moment; empty if nothing says so.
    """
    return {name: {_KEY: f"no: {torn}" if torn else "yes"}}
