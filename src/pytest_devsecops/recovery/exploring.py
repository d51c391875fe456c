"""``explore()``: many lives of a store, and the smallest one in which the procedure loses something."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from pytest_devsecops.core.errors import UsageError
from pytest_devsecops.core.findings import Finding, Status
from pytest_devsecops.core.text import counted
from pytest_devsecops.core.verdict import Verdict
from pytest_devsecops.recovery.compare import without_ignored
from pytest_devsecops.recovery.living import Life, LossyError, Move, Setting
from pytest_devsecops.recovery.objectives import spoken
from pytest_devsecops.recovery.populating import Fillable, Table, parents_first

NAME = "recovery.explore"
_UNKNOWN = 5


@dataclass(frozen=True, slots=True)
class Failure:
    """A life in which something was lost: what happened, its steps in words, and what did not come back."""

    moves: tuple[Move, ...]
    steps: tuple[str, ...]
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Extent:
    """How far a search goes.

    Attributes:
        examples: how many lives to look at.
        steps: how many steps a life has at most.
        seconds: after which it ends, whatever it has found until then.
        seed: the same seed gives the same lives.
        fewest: how many lives have to be looked at for an answer if the time is up.
    """

    examples: int
    steps: int
    seconds: float
    seed: int
    fewest: int


class Search(Protocol):
    """Draws lives until one loses something, and then makes that one smaller."""

    def __call__(self, watch: Watch, extent: Extent) -> None:
        """Drive lives that ``watch`` begins, step by step or at once, and let it note how they end.

        Raises:
            RecoveryError: if a life cannot go on, with what it said.
        """


class Watch:
    """Gives lives to a search and keeps count of what becomes of them.

    Args:
        setting: what every life begins with.
    """

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self.lives = self.steps = self.restores = 0
        self.smallest: Failure | None = None
        self.unknown: dict[str, Finding] = {}
        #: Whether the time was up before the search was done.
        self.late = False

    def begin(self) -> Life:
        """Return a new life; close it with ``over``.

        Raises:
            RecoveryError: if it does not start.
        """
        return Life(self._setting)

    def step(self, life: Life, do: Callable[[], None]) -> None:
        """Let one step happen.

        Raises:
            LossyError: if the procedure lost something; it is noted.
            RecoveryError: if the life cannot go on.
        """
        try:
            do()
        except LossyError as lossy:
            self.smallest = Failure(tuple(life.moves), tuple(life.told), lossy.findings)
            raise

    def play(self, moves: Sequence[Move]) -> bool:
        """Live through ``moves`` and a loss at the end; tell whether something was lost, which is noted.

        Raises:
            RecoveryError: if the life cannot go on.
        """
        life = self.begin()
        try:
            for move in moves:
                self.step(life, functools.partial(life.play, move))
            self.step(life, life.end)
        except LossyError:
            return True
        finally:
            self.over(life)
        return False

    def tables(self) -> list[Table]:
        """Return the tables of the prepared store, parents before children.

        Raises:
            RecoveryError: if no life starts.
        """
        life = self.begin()
        try:
            return list(parents_first(life.tables()))
        finally:
            life.close()

    def over(self, life: Life) -> None:
        """Count a life and remove what is left of it."""
        self.lives += 1
        self.steps += len(life.told)
        self.restores += life.restores
        self.unknown.update({one.message: one for one in life.unknown})
        life.close()


def explore(setting: Setting, search: Search, extent: Extent) -> Verdict:
    """Tell whether the store survives whatever happens to it between its backups.

    Raises:
        RecoveryError: if the drill itself cannot be run.
        UsageError: if nothing can happen to such a store.
    """
    store = setting.template.store
    if not isinstance(setting.template.instance, Fillable) and store.options.writes is None:
        remedy = "give it writes=, the application's own write; or let its instances have open_tables()"
        raise UsageError(f"{store.label} takes no generated rows, so there is nothing to explore", remedy=remedy)
    watch = Watch(setting)
    search(watch, extent)
    unknown = [*watch.unknown.values()][:_UNKNOWN]
    return Verdict(
        NAME,
        [
            *_findings(watch.smallest, store.label),
            *unknown,
            *setting.template.findings,
            *_too_few(watch, store.label, extent),
        ],
        examined={
            "histories": watch.lives,
            "steps": watch.steps,
            "restores": watch.restores,
            "rows at the start": without_ignored(setting.template.snapshot, store.options.ignore).row_count,
            "store": store.label,
        },
        summary=_summary(watch),
        evidence={
            "procedure": setting.by.name,
            "asked_for": extent.examples,
            "ended_early": watch.late,
            "seed": extent.seed,
            "smallest": list(watch.smallest.steps) if watch.smallest else None,
        },
    )


def _summary(watch: Watch) -> str:
    lives, restores = counted(watch.lives, "history", "histories"), counted(watch.restores, "restore")
    early = ", before the time was up" if watch.late else ""
    return f"{lives} of writes, migrations, checkpoints, backups and losses: each of {restores} brought all back{early}"


def _findings(failure: Failure | None, label: str) -> list[Finding]:
    if failure is None:
        return []
    history = "; ".join(f"{number}. {step}" for number, step in enumerate(failure.steps, 1))
    first, *others = failure.findings
    told = replace(
        first,
        rule="lossy-history",
        subject=first.subject or label,
        message=f"{first.message} (the smallest history that was found: {history})",
    )
    return [told, *others]


def _too_few(watch: Watch, label: str, extent: Extent) -> list[Finding]:
    """Say so if the time was up before anything, or enough, was restored: that is not success."""
    if watch.smallest or (watch.restores and not (watch.late and watch.lives < extent.fewest)):
        return []
    message = f"{label} was never restored: the time was up before the first history ended"
    if watch.restores:
        looked = counted(watch.lives, "history", "histories")
        message = (
            f"the time of {spoken(extent.seconds)} was up after {looked} of {label} without a loss, "
            f"and fewer than {extent.fewest} say little"
        )
    fix = "give it more time: within='5m', or say with examples= how many are enough"
    return [Finding("too-little-explored", label, message, fix=fix, status=Status.UNVERIFIED)]
