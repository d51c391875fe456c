"""What crosses from one part of the plugin, or one process, to another: the names of both ends."""

from __future__ import annotations

import pytest

#: The attribute of a test report that carries what we know of the test, as one JSON string.
ATTRIBUTE = "devsecops_record"
#: The key under which an xdist worker sends its inventory.
WORKER_KEY = "devsecops_inventory"


class Losses:
    """What a session lost before it could be examined.

    Attributes:
        failed_collectors: node ids of what could not be collected.
        workers: how many xdist workers ended without sending their inventory.
    """

    def __init__(self) -> None:
        self.failed_collectors: list[str] = []
        self.workers = 0


LOSSES = pytest.StashKey[Losses]()
