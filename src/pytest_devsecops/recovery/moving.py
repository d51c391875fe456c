"""What the application's own writes moved while the backup ran: the ledger judges it, not the comparison.

A write may have been made before or after the backup looked, so that either state of what it touched
is right. Whatever no write touched has to come back as it was. Pure.
"""

from __future__ import annotations

from pytest_devsecops.recovery.model import Difference, Snapshot


def moved(one: Difference, quiet: Snapshot, lost: Snapshot, restored: Snapshot) -> bool:
    """Tell whether a difference may be due to the writes alone.

    Args:
        one: how the target differs from the source.
        quiet: what the store held before any write.
        lost: the source at the moment of loss.
        restored: the target.
    """
    if one.kind == "rows":
        # Rows within a container are told apart one by one; here only containers that come and go.
        return one.change != "altered" and (one.name in quiet.rows) != (one.name in lost.rows)
    start, end = quiet.things.get(one.kind, {}).get(one.name), lost.things.get(one.kind, {}).get(one.name)
    if start is None or end is None:
        # The writes made it or removed it.
        return start is not end
    if one.change != "altered":
        return False
    key = one.detail["property"]
    now = restored.things.get(one.kind, {}).get(one.name, {}).get(key)
    return _between(start.get(key), end.get(key), now)


def _between(start: str | None, end: str | None, now: str | None) -> bool:
    """Tell whether ``now`` can lie between two different values; numbers have an order, other values have none."""
    if start == end:
        return False
    numbers = [int(part) for part in (start, end, now) if part is not None and part.lstrip("-").isdecimal()]
    if len(numbers) != len((start, end, now)):
        return True
    low, high = sorted(numbers[:2])
    return low <= numbers[2] <= high
