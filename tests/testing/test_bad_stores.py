"""The conformance suite goes red over stores that would make round trips lie: one per way of lying."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from _pytest.outcomes import Failed

from pytest_devsecops.core.findings import Finding
from pytest_devsecops.recovery.model import (
    Action,
    Behaviours,
    Environment,
    Instance,
    Kind,
    LedgerState,
    Row,
    Snapshot,
    Store,
)
from pytest_devsecops.recovery.procedures import procedure
from pytest_devsecops.recovery.stores.directory import DirectoryInstance, DirectoryStore, directory
from pytest_devsecops.testing.recovery import Change, StoreConformance
from pytest_devsecops.testing.stage import stage_of


def seed(environment: Environment) -> None:
    for name in ("a", "b", "c"):
        Path(environment["DIRECTORY_PATH"], name).write_text(name * 9, encoding="ascii")


class Suite(StoreConformance):
    by = procedure("cp -a $DIRECTORY_PATH/. $BACKUP_DIR", "cp -a $BACKUP_DIR/. $DIRECTORY_PATH")
    changes = {  # noqa: RUF012 - a ClassVar of the base
        "content": Change("echo x > $DIRECTORY_PATH/a", "file a"),
        "mode": Change("chmod 600 $DIRECTORY_PATH/b", "file b: mode"),
    }


class Wrapped(DirectoryInstance):
    """A directory that does everything right; each lie changes one thing."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, "DIRECTORY_PATH", times=False)


class Lying(DirectoryStore):
    """A store whose instances are of a lying kind."""

    instances: type[Wrapped] = Wrapped

    def __init__(self) -> None:
        super().__init__(directory(prepare=seed).options, variable="DIRECTORY_PATH", times=False)

    def source(self, template: Instance, room: Path) -> DirectoryInstance:
        return self.instances(super().source(template, room).folder)

    def target(self, room: Path, kind: Kind) -> DirectoryInstance:
        return self.instances(super().target(room, kind).folder)

    def template(self, room: Path) -> DirectoryInstance:
        return self.instances(super().template(room).folder)


class SharesFiles(Lying):
    def source(self, template: Instance, room: Path) -> DirectoryInstance:
        assert isinstance(template, DirectoryInstance)
        (room / "tree").symlink_to(template.path)
        return Wrapped(room)


class TargetKnowsTheSource(Lying):
    def target(self, room: Path, kind: Kind) -> DirectoryInstance:
        instance = super().target(room, kind)
        seed({"DIRECTORY_PATH": str(instance.path)})
        return instance


class ToleratesEverything(Lying):
    def tolerates(self, kind: str, key: str, before: str | None, after: str | None) -> bool:  # noqa: ARG002 - lies
        return True


class KnowsEveryProcedure(Lying):
    def builtin(self, name: str) -> tuple[Action, Action, Kind]:  # noqa: ARG002 - lies
        return "true", "true", "logical"


class ComesHalfFilled(Lying):
    def template(self, room: Path) -> DirectoryInstance:
        instance = super().template(room)
        seed({"DIRECTORY_PATH": str(instance.path)})
        return instance


class Incomplete(Lying):
    def completeness(self, template: Instance) -> Iterable[Finding]:
        yield from super().completeness(template)
        yield Finding("own", "x", "a table is empty")


_ticks = itertools.count()


class Unstable(Wrapped):
    def snapshot(self) -> Snapshot:
        found = super().snapshot()
        return replace(found, things={**found.things, "clock": {"now": {"tick": str(next(_ticks))}}})


class CountsOnly(Wrapped):
    def snapshot(self) -> Snapshot:
        found = super().snapshot()
        return replace(found, things={}, rows={name: replace(rows, digest="") for name, rows in found.rows.items()})


class NamesNothing(Wrapped):
    def snapshot(self) -> Snapshot:
        return replace(super().snapshot(), things={})


class UnwritableNames(Wrapped):
    def snapshot(self) -> Snapshot:
        found = super().snapshot()
        return replace(found, things={**found.things, "odd": {"\udcff": {}}})


class NoFacts(Wrapped):
    def snapshot(self) -> Snapshot:
        return replace(super().snapshot(), facts={})


class Unordered(Wrapped):
    def read_rows(self, container: str) -> Iterator[Row]:
        return iter(list(super().read_rows(container))[::-1])


class SkipsRows(Wrapped):
    def read_rows(self, container: str) -> Iterator[Row]:
        return itertools.islice(super().read_rows(container), 2)


class ProbeLeavesATrace(Wrapped):
    def probe(self) -> None:
        (self.path / "probed").touch()


class Misbehaves(Wrapped):
    def behaviours(self) -> Behaviours:
        return Behaviours(1, (Finding("own", "x", "always wrong"),))


class LedgerIsData(Wrapped):
    def open_ledger(self, nonce: str) -> None:
        super().open_ledger(nonce)
        (self.path / "ledger-too").touch()


class LedgerForgets(Wrapped):
    def read_ledger(self) -> LedgerState:
        found = super().read_ledger()
        return replace(found, numbers=found.numbers - {3})


class LedgerWithoutNonce(Wrapped):
    def read_ledger(self) -> LedgerState:
        return replace(super().read_ledger(), nonce="always")


class StaysAfterTheLoss(Wrapped):
    def lose(self) -> None:
        """Nothing happens."""


class LosesTheRemains(Wrapped):
    def lose(self) -> None:
        super().lose()
        shutil.rmtree(self.path)
        self.path.mkdir()


class LeavesFiles(Wrapped):
    def close(self) -> None:
        """Nothing is removed."""


class GrowsNot(Wrapped):
    def grow(self) -> None:
        """Nothing is added."""


def with_instances(kind: type[Wrapped]) -> type[Lying]:
    return type(kind.__name__, (Lying,), {"instances": kind})


LIES: Mapping[str, tuple[type[Lying], str]] = {
    "test_it_says_what_it_is": (with_instances(NoFacts), "facts"),
    "test_what_is_prepared_is_there_and_complete": (Incomplete, "a table is empty"),
    "test_what_is_empty_is_told": (ComesHalfFilled, "holds 3 rows"),
    "test_a_snapshot_is_stable": (with_instances(Unstable), "clock now"),
    "test_a_snapshot_can_be_written_down": (with_instances(UnwritableNames), "surrogates not allowed"),
    "test_a_copy_is_independent": (SharesFiles, "shows in"),
    "test_every_change_is_seen_and_named": (with_instances(CountsOnly), "does not see content"),
    "test_a_target_is_empty": (TargetKnowsTheSource, "a fresh target holds rows"),
    "test_rows_come_in_the_order_of_their_keys": (with_instances(Unordered), "not in the order"),
    "test_the_probe_works_and_leaves_no_trace": (with_instances(ProbeLeavesATrace), "probed"),
    "test_a_sound_store_behaves": (with_instances(Misbehaves), "always wrong"),
    "test_the_ledger_keeps_acknowledged_writes": (with_instances(LedgerForgets), "frozenset"),
    "test_what_is_lost_is_out_of_reach": (with_instances(StaysAfterTheLoss), "can still be reached"),
    "test_closing_leaves_nothing": (with_instances(LeavesFiles), "files stay behind"),
    "test_growing_doubles_the_data": (with_instances(GrowsNot), "3 rows became 3"),
    "test_an_unknown_builtin_procedure_is_refused": (KnowsEveryProcedure, "DID NOT RAISE"),
    "test_the_procedure_brings_everything_back": (with_instances(Misbehaves), "always wrong"),
    "test_a_restore_that_does_nothing_is_not_met": (TargetKnowsTheSource, "met"),
}
#: Further lies that one of the tests has to see.
MORE = {
    "names nothing": ("test_every_change_is_seen_and_named", with_instances(NamesNothing), "is not named"),
    "tolerates everything": ("test_every_change_is_seen_and_named", ToleratesEverything, "is not named"),
    "skips rows": ("test_rows_come_in_the_order_of_their_keys", with_instances(SkipsRows), "3 rows are counted and 2"),
    "ledger is data": ("test_the_ledger_keeps_acknowledged_writes", with_instances(LedgerIsData), "ledger-too"),
    "ledger of nobody": ("test_the_ledger_keeps_acknowledged_writes", with_instances(LedgerWithoutNonce), "always"),
    "loses the remains": ("test_what_is_lost_is_out_of_reach", with_instances(LosesTheRemains), "do not hold"),
}


def play(store: Store, test: str, root: Path) -> None:
    with stage_of(store, root) as stage:
        method: Any = getattr(Suite(), test)
        method(stage)


def test_every_test_of_the_suite_has_a_store_that_fails_it() -> None:
    assert set(LIES) == {name for name in dir(StoreConformance) if name.startswith("test_")}


@pytest.mark.parametrize("test", LIES)
def test_the_suite_is_green_over_a_good_store(test: str, tmp_path: Path) -> None:
    play(Lying(), test, tmp_path)


@pytest.mark.parametrize(
    ("test", "lying", "words"), [*((name, *lie) for name, lie in LIES.items()), *MORE.values()], ids=[*LIES, *MORE]
)
def test_the_suite_goes_red_over_a_lying_store(test: str, lying: type[Lying], words: str, tmp_path: Path) -> None:
    with pytest.raises((AssertionError, Failed, UnicodeEncodeError), match=words):
        play(lying(), test, tmp_path)
