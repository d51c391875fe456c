"""The state machine of ``recovery.explore()``; imported when it is used, because all of it is hypothesis."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from typing import ClassVar, TypeVar

from hypothesis import strategies
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from pytest_devsecops.core.errors import DevSecOpsError
from pytest_devsecops.pytest_plugin import hostile
from pytest_devsecops.recovery.exploring import Watch
from pytest_devsecops.recovery.living import Move

T = TypeVar("T")


class StopError(Exception):
    """Ends the drawing: it cannot go on, which ``Machine.trouble`` tells, or the time is up."""


class Machine(RuleBasedStateMachine):
    """Each rule is one step of a life.

    Attributes:
        watch: gives the lives.
        limit: when to stop, in monotonic seconds.
        trouble: why it could not go on.
    """

    watch: ClassVar[Watch]
    limit: ClassVar[float]
    trouble: ClassVar[list[DevSecOpsError]]

    def __init__(self) -> None:
        super().__init__()
        if time.monotonic() > self.limit:
            self.watch.late = True
            raise StopError
        self.lost = False
        self.life = self.or_stop(self.watch.begin)
        self.tables = self.or_stop(self.life.tables)

    def do(self, move: Move | None) -> None:
        """Let something happen, or the end; after a loss there is nothing left to end."""
        step = self.life.end if move is None else functools.partial(self.life.play, move)
        try:
            self.or_stop(lambda: self.watch.step(self.life, step))
        except BaseException:
            self.lost = True
            raise

    @precondition(lambda self: bool(self.tables))
    @rule(data=strategies.data())
    def write(self, data: strategies.DataObject) -> None:
        """Insert a row that the schema may refuse."""
        table = data.draw(strategies.sampled_from(self.tables))
        columns = {column.name: hostile.strategy(column) for column in table.columns}
        row = data.draw(strategies.fixed_dictionaries(columns))
        self.do(Move("write", table.name, row))

    @precondition(lambda self: self.life.has_writes)
    @rule()
    def use(self) -> None:
        """Let the user's own write happen."""
        self.do(Move("use"))

    @precondition(lambda self: self.life.can_migrate)
    @rule()
    def migrate(self) -> None:
        """Let the next migration happen."""
        self.do(Move("migrate"))
        self.tables = self.or_stop(self.life.tables)

    @precondition(lambda self: self.life.can_checkpoint)
    @rule()
    def checkpoint(self) -> None:
        """Let the store write its log to its files."""
        self.do(Move("checkpoint"))

    @precondition(lambda self: not self.life.backed_up)
    @rule()
    def back_up(self) -> None:
        """Run the backup."""
        self.do(Move("back_up"))

    @precondition(lambda self: self.life.backed_up)
    @rule()
    def lose_and_restore(self) -> None:
        """Lose it right after a backup, and go on with what was restored."""
        self.do(Move("lose"))
        self.tables = self.or_stop(self.life.tables)

    def teardown(self) -> None:
        """End it with a loss, so that no history is in vain."""
        try:
            if not self.lost:
                self.do(None)
        finally:
            self.watch.over(self.life)

    def or_stop(self, do: Callable[[], T]) -> T:
        """Do something that a store may refuse; then nothing more is drawn."""
        try:
            return do()
        except DevSecOpsError as error:
            self.trouble.append(error)
            raise StopError from error
