"""Where a store is tried: its template, copies and targets of it, and what is left of them."""

from __future__ import annotations

import contextlib
import itertools
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pytest_devsecops.recovery.compare import compare
from pytest_devsecops.recovery.family import Recovery
from pytest_devsecops.recovery.model import Access, Action, Instance, Kind, Snapshot, Store
from pytest_devsecops.recovery.running import Step, run_step
from pytest_devsecops.recovery.section import RecoveryPolicy
from pytest_devsecops.recovery.templates import Template, Templates, store_environment
from pytest_devsecops.recovery.workspace import made, temporary_room

_STEP_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Change:
    """Something that is done to a source, as an accident or a lossy procedure would.

    Attributes:
        action: a command, an argument vector or a callable, as ``prepare=`` takes them.
        names: what a message about it has to contain, such as the table's name.
    """

    action: Action
    names: str


class Stage:
    """Where the tests of one store take place: its template, and instances that are closed at the end.

    Args:
        store: the store.
        root: the project's root.
        room: a folder for the instances.
        templates: where the store is prepared.
        family: the checks of the fixture ``recovery``.
    """

    def __init__(self, store: Store, root: Path, room: Path, templates: Templates, family: Recovery) -> None:
        self.store = store
        self.family = family
        self.root = root
        self.room = room
        self._templates = templates
        self._numbers = itertools.count()
        self._open = ExitStack()

    @property
    def template(self) -> Template:
        """The prepared store."""
        return self._templates.of(self.store)

    def source(self) -> Instance:
        """Return a running copy of the template."""
        instance = self.store.source(self.template.instance, self.folder())
        self._open.callback(instance.close)
        return instance

    def target(self, kind: Kind = "logical") -> Instance:
        """Return a fresh target."""
        instance = self.store.target(self.folder(), kind)
        self._open.callback(instance.close)
        return instance

    def folder(self) -> Path:
        """Return an empty folder of its own."""
        return made(self.room / str(next(self._numbers)))

    def do(self, action: Action, instance: Instance) -> None:
        """Run an action against an instance, as ``prepare=`` is run.

        Raises:
            AssertionError: if it fails.
        """
        access = instance.access(role=False)
        environment = store_environment(self.store.options.env, access)
        result = run_step(Step(action, environment, access, self.root, self.folder(), _STEP_SECONDS))
        if not result.ok:
            raise AssertionError(result.said)

    def differences(self, before: Snapshot, after: Snapshot) -> list[str]:
        """Return how two snapshots differ, without what the store says is harmless."""
        found = compare(before, after, self.store.tolerates, {}).differences
        return [one.message for one in found]

    def close(self) -> None:
        """Close every instance that was made here."""
        self._open.close()


@contextlib.contextmanager
def stage_of(store: Store, root: Path) -> Iterator[Stage]:
    """Prepare a store and clean up after its tests.

    Args:
        store: the store.
        root: the project's root, where ``prepare`` commands run.
    """
    family = Recovery(RecoveryPolicy(), root, today=datetime.now(UTC).date(), record=lambda verdict: verdict)
    with (
        temporary_room("conformance-") as room,
        contextlib.closing(Templates(root)) as templates,
        contextlib.closing(family),
    ):
        stage = Stage(store, root, room, templates, family)
        with contextlib.closing(stage):
            yield stage


def paths_that_exist(access: Access) -> list[str]:
    """Return the files and folders that an access names and that are there."""
    values = {*access.variables.values(), *access.fields.values()}
    return [value for value in sorted(values) if value.startswith("/") and Path(value).exists()]


def ports_that_answer(access: Access) -> list[str]:
    """Return the ports of an access that accept a connection."""
    answering = []
    for port in access.ports:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            answering.append(f"port {port}")
    return answering


def processes_of(folder: Path) -> list[str]:
    """Return the command lines of processes that name something in ``folder``."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            words = entry.read_bytes()
            if f"{folder}/".encode() in words:
                found.append(words.replace(b"\0", b" ").decode("utf-8", "replace"))
    return found
