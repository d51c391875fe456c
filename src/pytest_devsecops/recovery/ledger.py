"""The ledger: writes that the store acknowledged, and what of them came back.

Only what the client saw acknowledged counts, stamped after the write returned: a clock read inside
the transaction would be off by one. Writes go on before, during and after the backup until the loss.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from pytest_devsecops.core.findings import Finding
from pytest_devsecops.core.text import counted
from pytest_devsecops.recovery.model import Instance, LedgerState

_BEFORE, _AFTER = 5, 5
_PAUSE = 0.02


class Phase(StrEnum):
    """When a write was acknowledged, seen from the backup."""

    BEFORE = "before"
    DURING = "during"
    AFTER = "after"


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """One acknowledged write: its number, when it was acknowledged (monotonic seconds), and the phase."""

    number: int
    stamp: float
    phase: Phase


@dataclass(frozen=True, slots=True)
class LedgerResult:
    """What became of the acknowledged writes.

    Attributes:
        acknowledged: how many writes were acknowledged.
        missing: how many of them did not come back.
        lost_seconds: from the first missing one until the loss.
        continuous: whether writes from after the backup came back.
        contiguous: whether only the newest are missing.
        stray: writes that came back although they were never acknowledged.
        brought: whether the procedure brought the ledger back at all.
        findings: what no backup may do to acknowledged writes.
    """

    acknowledged: int
    missing: int
    lost_seconds: float
    continuous: bool
    contiguous: bool
    stray: int
    brought: bool
    findings: tuple[Finding, ...] = ()


class LedgerWriter:
    """Writes entries, one after the other, from a thread while the backup runs.

    Args:
        instance: the source, in which a ledger is opened; None for a store without one.
        operation: the user's own write, done before each entry; an entry then stands for both.
    """

    def __init__(self, instance: Instance | None, operation: Callable[[], object] | None) -> None:
        self.nonce = secrets.token_hex(8)
        self._instance = instance
        self._operation = operation
        self._acknowledged: list[Acknowledged] = []
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._problem: Exception | None = None
        if instance is not None:
            instance.open_ledger(self.nonce)

    @property
    def acknowledged(self) -> tuple[Acknowledged, ...]:
        """What was acknowledged so far."""
        return tuple(self._acknowledged)

    @property
    def problem(self) -> Exception | None:
        """What ended the writes early, if anything did."""
        return self._problem

    def write(self, phase: Phase, count: int) -> None:
        """Write ``count`` entries now; what fails is the ``problem``, after which nothing more is written."""
        for _ in range(count if self._problem is None else 0):
            if not self._try(phase):
                return

    def begin(self) -> None:
        """Write before the backup, and go on during it."""
        self.write(Phase.BEFORE, _BEFORE)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def end(self) -> None:
        """The backup has ended: write some more, which only a continuous procedure can bring back."""
        self.halt()
        self.write(Phase.AFTER, _AFTER)

    def halt(self) -> None:
        """Stop the thread."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _run(self) -> None:
        while self._problem is None and not self._stop.wait(_PAUSE):
            self._try(Phase.DURING)

    def _try(self, phase: Phase) -> bool:
        try:
            self._one(phase)
        except Exception as error:  # noqa: BLE001 - the user's own write may raise anything; the verdict tells it
            self._problem = error
            return False
        return True

    def _one(self, phase: Phase) -> None:
        number = len(self._acknowledged)
        if self._operation is not None:
            self._operation()
        if self._instance is not None:
            self._instance.write_ledger(number)
        self._acknowledged.append(Acknowledged(number, time.monotonic(), phase))


def judge_ledger(writes: tuple[Acknowledged, ...], nonce: str, state: LedgerState, lost_at: float) -> LedgerResult:
    """Tell what became of the acknowledged writes.

    Args:
        writes: what was acknowledged, in order.
        nonce: the ledger of this run.
        state: what the restored target holds.
        lost_at: when the source died (monotonic seconds).
    """
    if state.nonce is None:
        return LedgerResult(len(writes), len(writes), 0.0, False, False, 0, brought=False)  # noqa: FBT003 - field by field
    if state.nonce != nonce:
        stale = Finding(
            "stale-artefact",
            "ledger",
            "the restore brought back the state of another, earlier run: its ledger is not the one of this run",
            fix="let the restore take the artefact that the backup has just made, and fail if there is none",
        )
        return LedgerResult(len(writes), len(writes), 0.0, False, False, 0, brought=True, findings=(stale,))  # noqa: FBT003 - field by field
    missing = [one for one in writes if one.number not in state.numbers]
    known = {one.number for one in writes}
    came_back = [one for one in writes if one.number in state.numbers]
    first = missing[0] if missing else None
    contiguous = first is None or all(one.number < first.number for one in came_back)
    torn = first if state.prefix and not contiguous else None
    return LedgerResult(
        acknowledged=len(writes),
        missing=len(missing),
        lost_seconds=lost_at - first.stamp if first else 0.0,
        continuous=any(one.phase is Phase.AFTER for one in came_back),
        contiguous=contiguous,
        stray=len(state.numbers - known),
        brought=True,
        findings=(*_lost_before(missing), *_torn(torn, came_back)),
    )


def _lost_before(missing: list[Acknowledged]) -> list[Finding]:
    before = [one for one in missing if one.phase is Phase.BEFORE]
    if not before:
        return []
    return [
        Finding(
            "acknowledged-write-lost",
            "ledger",
            f"{counted(len(before), 'write')} that the store acknowledged before the backup began did not come back",
            fix="make the backup read what is committed, such as the write-ahead log beside the file",
        )
    ]


def _torn(missing: Acknowledged | None, came_back: list[Acknowledged]) -> list[Finding]:
    """Tell of a write that is missing although a later one came back: no moment of the source was like that."""
    if missing is None or missing.phase is Phase.BEFORE:
        return []
    message = (
        f"write {missing.number} that the store acknowledged did not come back, but the later write "
        f"{came_back[-1].number} did: the artefact is of no one moment"
    )
    fix = "take a snapshot: the store's own backup command rather than a copy of files that change"
    return [Finding("torn-backup", "ledger", message, fix=fix)]
