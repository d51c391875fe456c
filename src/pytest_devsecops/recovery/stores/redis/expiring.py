"""Keys that expire: those that ended by themselves between two snapshots are no loss."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field

from pytest_devsecops.recovery.model import Rows

#: Longer than a drill takes: what expires later need not be remembered.
_HORIZON_MS = 6 * 3600 * 1000
_MASK = (1 << 64) - 1


@dataclass(slots=True)
class Expiring:
    """The keys of one snapshot that expire soon, by database: when, and their share of the fingerprint.

    Attributes:
        now: when the snapshot began, in milliseconds since the epoch.
        times: by database, when each key expires.
        marks: by database, the share of each key in the fingerprint.
        counts: by database, how many keys it held, those that expired since an earlier snapshot too.
    """

    now: int = 0
    times: dict[int, array[int]] = field(default_factory=dict)
    marks: dict[int, array[int]] = field(default_factory=dict)
    counts: dict[int, int] = field(default_factory=dict)

    def add(self, database: int, expires: int, mark: int) -> None:
        """Remember one key."""
        if expires - self.now <= _HORIZON_MS:
            self.times.setdefault(database, array("q")).append(expires)
            self.marks.setdefault(database, array("Q")).append(mark)

    def with_expired(self, database: int, rows: Rows, present: Expiring, end: int) -> Rows:
        """Return ``rows`` of a later snapshot with those keys counted in that expired before it.

        Args:
            database: the number of the database.
            rows: what was found.
            present: the keys that the later snapshot saw; it takes over those that expired.
            end: when the later snapshot ended.
        """
        seen = set(zip(present.times.get(database, ()), present.marks.get(database, ()), strict=True))
        count, total = rows.count, int(rows.digest, 16)
        for expires, mark in zip(self.times.get(database, ()), self.marks.get(database, ()), strict=True):
            # One that expired while the snapshot was taken was seen or was not.
            if expires <= end and (expires, mark) not in seen:
                count, total = count + 1, (total + mark) & _MASK
                present.add(database, expires, mark)
        return Rows(count, f"{total:016x}")

    def take(self, database: int, other: Expiring, count: int) -> None:
        """Take over what another one remembers of one database, which held ``count`` keys."""
        self.times[database] = other.times.get(database, array("q"))
        self.marks[database] = other.marks.get(database, array("Q"))
        self.counts[database] = count
