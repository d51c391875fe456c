"""One life of a store: it is written to, migrated, backed up, lost and restored, again and again.

What restores is the next source, so a life also shows what only a second loss brings to light. Every loss
comes right after a backup: then everything has to come back, whatever the procedure's interval is.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol, runtime_checkable

from pytest_devsecops.core.findings import Finding, Status
from pytest_devsecops.recovery.compare import shortened
from pytest_devsecops.recovery.ground import make_ground
from pytest_devsecops.recovery.judging import judge_content
from pytest_devsecops.recovery.loss import Loss, backup_step, step_findings
from pytest_devsecops.recovery.model import Action, Environment, Instance, RecoveryError, Snapshot
from pytest_devsecops.recovery.populating import Fillable, Table, Tables, referring
from pytest_devsecops.recovery.procedures import Procedure, action_name
from pytest_devsecops.recovery.restoring import restore
from pytest_devsecops.recovery.running import Step, StepResult, run_step
from pytest_devsecops.recovery.sabotage import NO_SABOTAGE
from pytest_devsecops.recovery.templates import Template, bound, preparing_step, store_environment
from pytest_devsecops.recovery.workspace import made, temporary_room

_SHOWN = 40


@runtime_checkable
class Evolving(Protocol):
    """What an instance may be able to do besides, so that lives differ in more than their rows; optional."""

    def evolve(self, number: int) -> str:
        """Change the schema as the user's migration number ``number`` might, and say how."""


@runtime_checkable
class Checkpointing(Protocol):
    """What an instance may be able to do besides; optional."""

    def checkpoint(self) -> None:
        """Write what is in the log to the files, as the store does from time to time."""


class LossyError(Exception):
    """Something did not come back.

    Attributes:
        findings: what.
    """

    def __init__(self, findings: Sequence[Finding]) -> None:
        super().__init__(findings[0].message)
        self.findings = tuple(findings)


@dataclass(frozen=True, slots=True)
class Move:
    """One thing that happens.

    Attributes:
        kind: ``write`` (a row into a table), ``use`` (the user's own write), ``migrate``, ``checkpoint``,
            ``back_up`` or ``lose``.
        table: where a row goes.
        row: the row.
    """

    kind: str
    table: str = ""
    row: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Setting:
    """What all lives of a search share: the prepared store, the procedure, the project's root and its migrations."""

    template: Template
    by: Procedure
    root: Path
    migrations: tuple[Action, ...] = ()


class Life:
    """A source that is driven step by step.

    Args:
        setting: what it begins with.

    Raises:
        RecoveryError: if it does not start.
    """

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._store = setting.template.store
        self._rooms = ExitStack()
        room = self._rooms.enter_context(temporary_room())
        self._ground = make_ground(setting.root, room, setting.template)
        self._place = self._ground.lost or room
        #: The steps so far, in words.
        self.told: list[str] = []
        #: The same as what happened.
        self.moves: list[Move] = []
        #: What could not be judged.
        self.unknown: list[Finding] = []
        #: How often it was lost and came back.
        self.restores = 0
        self._migrated = self._backups = self._written = 0
        self._kept: tuple[Snapshot, StepResult] | None = None
        self._came_back = False
        self._open = ExitStack()
        self._tables: Tables | None = None
        try:
            self._instance = self._store.source(setting.template.instance, made(self._place / "source"))
        except BaseException:
            self._rooms.close()
            raise

    @property
    def backed_up(self) -> bool:
        """Whether nothing happened since the last backup."""
        return self._kept is not None

    @property
    def has_writes(self) -> bool:
        """Whether the user gave a write of their own."""
        return self._store.options.writes is not None

    @property
    def can_checkpoint(self) -> bool:
        """Whether the store can."""
        return isinstance(self._instance, Checkpointing)

    @property
    def can_migrate(self) -> bool:
        """Whether there is a migration left: the user's, or the store's own, of which there is no end."""
        if self._setting.migrations:
            return self._migrated < len(self._setting.migrations)
        return isinstance(self._instance, Evolving)

    def tables(self) -> Sequence[Table]:
        """Return the tables that take generated rows; none if the store cannot be filled."""
        opened = self._opened()
        return opened.tables() if opened else ()

    def play(self, move: Move) -> None:
        """Let one thing happen; what cannot happen now, such as a row of a table that is not there, is no step.

        Raises:
            LossyError: if something was lost.
            RecoveryError: if it cannot go on.
        """
        self.moves.append(move)
        if move.kind == "write":
            table = next((one for one in self.tables() if one.name == move.table), None)
            if table is not None:
                self._write(table, move.row)
        else:
            steps = {
                "use": self._use,
                "migrate": self._migrate,
                "checkpoint": self._checkpoint,
                "back_up": self._back_up,
                "lose": self._lose_and_restore,
            }
            steps[move.kind]()

    def end(self) -> None:
        """Let it end with a loss, if there is anything that no loss followed; this is no move of it.

        Raises:
            LossyError: if something was lost.
        """
        if self._came_back:
            return
        if not self.backed_up:
            self._back_up()
        self._lose_and_restore()

    def close(self) -> None:
        """Remove everything of it."""
        try:
            self._shut()
            self._instance.close()
        finally:
            self._rooms.close()

    def _environment(self) -> Environment:
        return store_environment(self._store.options.env, self._instance.access(role=False))

    def _write(self, table: Table, row: Mapping[str, object]) -> None:
        """Insert a row; one that the schema refuses is no step."""
        opened = self._opened()
        if opened is None:
            return
        whole = {**row, **referring(opened, table, self._written)}
        if opened.insert(table, whole) is None:
            self._written += 1
            self._tell(f"insert into {table.name} {_shown(whole)}")

    def _use(self) -> None:
        """Let the user's own write happen.

        Raises:
            RecoveryError: if it fails.
        """
        write = bound(self._store.options.writes, self._environment())
        if write is not None:
            self._tell("writes=")
            try:
                write()
            except Exception as error:
                raise RecoveryError(f"writes= failed: {type(error).__name__}: {error}") from error

    def _migrate(self) -> None:
        """Let the next migration happen.

        Raises:
            RecoveryError: if it fails.
        """
        number = self._migrated
        if not self.can_migrate:
            return
        self._migrated += 1
        if self._setting.migrations:
            action = self._setting.migrations[number]
            result = run_step(self._migration(action, number))
            self._tell(f"migrate: {action_name(action)}")
            if not result.ok:
                raise RecoveryError(f"the migration failed: {result.said}", remedy="give migrations= that work")
        elif isinstance(self._instance, Evolving):
            self._tell(f"migrate: {self._instance.evolve(number)}")

    def _checkpoint(self) -> None:
        """Let the store write its log to its files; what it holds stays the same."""
        if isinstance(self._instance, Checkpointing):
            self._instance.checkpoint()
            self._tell("checkpoint")

    def _back_up(self) -> None:
        """Run the backup into an empty folder.

        Raises:
            LossyError: if it fails.
        """
        self._backups += 1
        folder = made(self._ground.room / f"backup-{self._backups}")
        folder.chmod(0o755)
        self._ground = replace(self._ground, backup_dir=folder)
        step = backup_step(
            self._store, self._instance, self._setting.by, self._ground, NO_SABOTAGE, f"step-{self._backups}"
        )
        result = run_step(step)
        self._tell("back up")
        self._judge(step_findings("backup", result, self._ground.root))
        self._kept = (self._instance.snapshot(), result)

    def _lose_and_restore(self) -> None:
        """Lose the source and go on with what was restored; right after a backup only.

        Raises:
            LossyError: if something did not come back.
        """
        if self._kept is None:
            return
        baseline, backup = self._kept
        source = self._instance
        source.lose()
        self._shut()
        self._tell("lose, restore")
        loss = Loss(source, baseline, backup, changed=(), writes=(), nonce="", lost_at=time.monotonic())
        content: list[Finding] = []

        def examine(target: Instance, after: Snapshot) -> None:
            content.extend(judge_content(self._setting.template, loss, target, after)[0])

        try:
            name = f"life-{self._backups}"
            restored = restore(self._store, self._setting.by, self._ground, name, NO_SABOTAGE, examine=examine)
            self._instance = restored.target
        finally:
            source.close()
        self.restores += 1
        self._came_back = True
        self._judge([*content, *restored.findings])

    def _migration(self, action: Action, number: int) -> Step:
        room = self._ground.room / f"migration-{self._backups}-{number}"
        return preparing_step(self._store, self._instance, action, self._setting.root, room)

    def _opened(self) -> Tables | None:
        if self._tables is None and isinstance(self._instance, Fillable):
            self._tables = self._open.enter_context(self._instance.open_tables())
        return self._tables

    def _shut(self) -> None:
        self._tables = None
        self._open.close()

    def _tell(self, step: str) -> None:
        self.told.append(step)
        # Whatever comes after a backup is not in it.
        self._kept, self._came_back = None, False

    def _judge(self, findings: Sequence[Finding]) -> None:
        violated = [one for one in findings if one.status is Status.VIOLATED]
        if violated:
            raise LossyError(violated)
        self.unknown.extend(findings)


def _shown(row: Mapping[str, object]) -> str:
    return "(" + ", ".join(f"{name} = {_value(value)}" for name, value in row.items()) + ")"


def _value(value: object) -> str:
    if value is None:
        return "NULL"
    text = shortened(repr(value))
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}… ({len(str(value)):,} characters)"
