"""What a store must do, as tests that the author of one runs on their own.

Subclass ``StoreConformance`` in a test module and say what the store is; pytest does the rest::

    class TestMyStore(StoreConformance):
        by = "my-dump"
        changes = {"a note": Change(add_note, names="notes")}

        @classmethod
        def make_store(cls):
            return my_store(prepare=seed)

Each test says what would go wrong in a round trip if the store did not do it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import ClassVar

import pytest

from pytest_devsecops.core.errors import UsageError
from pytest_devsecops.core.findings import Status
from pytest_devsecops.recovery.model import RecoveryError, Snapshot, Store, StoreOptions
from pytest_devsecops.recovery.procedures import Procedure, procedure
from pytest_devsecops.testing.stage import (
    Change,
    Stage,
    paths_that_exist,
    ports_that_answer,
    processes_of,
    stage_of,
)

__all__ = ["Change", "StoreConformance"]

_ENTRIES = 5
_STAGE = pytest.StashKey[Stage]()


class StoreConformance:
    """The tests. A subclass gives ``make_store()`` and the attributes.

    Attributes:
        by: a procedure that brings everything back, or the name of a built-in one.
        changes: what a snapshot has to see, by a name for the test's output; one for every kind of thing.
    """

    by: ClassVar[Procedure | str] = ""
    changes: ClassVar[Mapping[str, Change]] = {}

    @classmethod
    def make_store(cls) -> Store:
        """Return the store under test, with a ``prepare=`` that puts something into it; called once."""
        pytest.fail(f"{cls.__name__} has to define make_store()")

    @pytest.fixture
    def stage(self, request: pytest.FixtureRequest) -> Stage:
        """Give the prepared store and a place for its instances, the same for all tests of the class."""
        node = request.node.getparent(pytest.Class)
        if _STAGE not in node.stash:
            context = stage_of(self.make_store(), request.config.rootpath)
            node.stash[_STAGE] = context.__enter__()
            node.addfinalizer(lambda: context.__exit__(None, None, None))
        stage: Stage = node.stash[_STAGE]
        return stage

    def test_it_says_what_it_is(self, stage: Stage) -> None:
        """Messages and evidence need a label; every check needs the options."""
        assert isinstance(stage.store.options, StoreOptions)
        assert stage.store.label.strip()
        assert stage.template.snapshot.facts, "a snapshot has to tell the version in its facts, for the evidence"

    def test_what_is_prepared_is_there_and_complete(self, stage: Stage) -> None:
        """A round trip over nothing proves nothing."""
        assert stage.template.snapshot.row_count > 0, "no rows: let prepare= of the fixture write some"
        assert [one.message for one in stage.template.findings] == []
        assert stage.template.snapshot.size > 0
        assert not stage.template.snapshot.unread
        assert not stage.template.snapshot.problems

    def test_what_is_empty_is_told(self, stage: Stage) -> None:
        """A round trip over a store that nobody filled must not look complete."""
        unprepared = stage.store.template(stage.folder())
        try:
            told = [one for one in stage.store.completeness(unprepared) if one.status is Status.UNVERIFIED]
            rows = unprepared.snapshot().row_count
        except RecoveryError:
            return
        finally:
            unprepared.close()
        assert told or not rows, f"a store that nobody filled holds {rows} rows"

    def test_a_snapshot_is_stable(self, stage: Stage) -> None:
        """What changes by itself would be reported as lost."""
        source = stage.source()
        first = source.snapshot()
        _same(stage, first, source.snapshot(), "two snapshots of one moment differ")
        _same(stage, stage.template.snapshot, first, "a source is not what was prepared")
        _same(stage, first, stage.source().snapshot(), "two copies of one template differ")

    def test_a_snapshot_can_be_written_down(self, stage: Stage) -> None:
        """Names and values end in reports, which are UTF-8 and JSON."""
        for kind, names in stage.template.snapshot.things.items():
            for name, properties in names.items():
                for part in (kind, name, *properties, *(value or "" for value in properties.values())):
                    assert isinstance(part, str)
                    part.encode()

    def test_a_copy_is_independent(self, stage: Stage) -> None:
        """A drill destroys its source; neither the template nor another copy may notice."""
        assert self.changes, "give changes = {…}: what a snapshot has to see"
        source, other = stage.source(), stage.source()
        before = other.snapshot()
        for change in self.changes.values():
            with contextlib.suppress(AssertionError):
                stage.do(change.action, source)
        source.lose()
        _same(stage, before, other.snapshot(), "a change of one copy shows in another")
        _same(stage, before, stage.source().snapshot(), "a change of a copy shows in the template")

    def test_every_change_is_seen_and_named(self, stage: Stage) -> None:
        """What a snapshot does not tell can be lost in silence."""
        assert self.changes, "give changes = {…}: what a snapshot has to see"
        for name, change in self.changes.items():
            source = stage.source()
            before = source.snapshot()
            stage.do(change.action, source)
            told = "\n".join(stage.differences(before, source.snapshot()))
            assert told, f"the snapshot does not see {name}"
            assert change.names in told, f"{name}: {change.names!r} is not named in: {told}"
            source.close()

    def test_a_target_is_empty(self, stage: Stage) -> None:
        """A target that knows the source's data would make every restore look good."""
        try:
            found = stage.target().snapshot()
        except RecoveryError:
            return
        rows = {name: rows.count for name, rows in found.rows.items() if rows.count}
        assert not rows, "a fresh target holds rows"
        assert stage.differences(stage.template.snapshot, found), "a fresh target is the same as what was prepared"

    def test_rows_come_in_the_order_of_their_keys(self, stage: Stage) -> None:
        """The comparison of rows merges two streams; out of order it would name the wrong ones."""
        source = stage.source()
        for name, rows in source.snapshot().rows.items():
            found = list(source.read_rows(name))
            keys = [row.key for row in found]
            assert len(found) == rows.count, f"{name}: {rows.count} rows are counted and {len(found)} are read"
            assert keys == sorted(keys), f"{name}: the rows are not in the order of their keys"
            assert all(isinstance(part, str) for key in keys for part in key)

    def test_the_probe_works_and_leaves_no_trace(self, stage: Stage) -> None:
        """The probe ends the time that a restore takes; it must not look like something that was added."""
        source = stage.source()
        before = source.snapshot()
        source.probe()
        source.probe()
        _same(stage, before, source.snapshot(), "what was tried shows in the snapshot")

    def test_a_sound_store_behaves(self, stage: Stage) -> None:
        """What is tried on a sound store must not fail, and must not change it."""
        source = stage.source()
        before = source.snapshot()
        found = source.behaviours()
        assert [one.message for one in found.findings] == []
        _same(stage, before, source.snapshot(), "what was tried shows in the snapshot")

    def test_the_ledger_keeps_acknowledged_writes(self, stage: Stage) -> None:
        """The RPO is counted with it, and it is no data of the user."""
        source = stage.source()
        before = source.snapshot()
        source.open_ledger("nonce-1")
        for number in range(_ENTRIES):
            source.write_ledger(number)
        state = source.read_ledger()
        assert state.nonce == "nonce-1"
        assert state.numbers == frozenset(range(_ENTRIES))
        _same(stage, before, source.snapshot(), "the ledger shows in the snapshot")
        assert stage.source().read_ledger().nonce is None, "a copy has a ledger before it is opened"

    def test_what_is_lost_is_out_of_reach(self, stage: Stage) -> None:
        """A restore that still reads the source proves nothing; the comparison alone may read the remains."""
        source = stage.source()
        rows = {name: list(source.read_rows(name)) for name in source.snapshot().rows}
        access = source.access(role=False)
        source.lose()
        reachable = [*paths_that_exist(access), *ports_that_answer(access)]
        assert not reachable, "the lost source can still be reached"
        source.revive()
        source.revive()
        assert {name: list(source.read_rows(name)) for name in rows} == rows, "the remains do not hold what was there"

    def test_closing_leaves_nothing(self, stage: Stage) -> None:
        """Neither processes nor files, however often, and also after a loss."""
        for lost in (False, True):
            folder = stage.folder()
            instance = stage.store.source(stage.template.instance, folder)
            access = instance.access(role=False)
            instance.open_ledger("nonce-2")
            if lost:
                instance.lose()
            instance.close()
            instance.close()
            left = [path.name for path in folder.rglob("*") if not path.is_dir()] if folder.exists() else []
            assert not left, "files stay behind"
            assert not ports_that_answer(access), "a server goes on"
            assert not processes_of(folder), "processes go on"

    def test_growing_doubles_the_data(self, stage: Stage) -> None:
        """The time of a restore in production is projected from two sizes."""
        source = stage.source()
        before = source.snapshot().row_count
        source.grow()
        after = source.snapshot().row_count
        assert after >= 2 * before * 0.9, f"{before} rows became {after}"
        source.grow()
        assert source.snapshot().row_count > after

    def test_an_unknown_builtin_procedure_is_refused(self, stage: Stage) -> None:
        """A misspelt name must not become a procedure that does nothing."""
        with pytest.raises(UsageError):
            stage.store.builtin("no-such-procedure")

    def test_the_procedure_brings_everything_back(self, stage: Stage) -> None:
        """The store's own procedure is met, and a store without one cannot be used."""
        verdict = stage.family.round_trip(stage.store, by=self._procedure(stage))
        assert verdict.status is Status.MET, verdict.explain()

    def test_a_restore_that_does_nothing_is_not_met(self, stage: Stage) -> None:
        """The plainest fault of all."""
        nothing = procedure("true", "true", kind=self._procedure(stage).kind)
        verdict = stage.family.round_trip(stage.store, by=nothing)
        assert verdict.status is Status.VIOLATED, verdict.explain()

    def _procedure(self, stage: Stage) -> Procedure:
        assert self.by, "give by = the procedure, or the name of a built-in one"
        if isinstance(self.by, Procedure):
            return self.by
        backup, restore, kind = stage.store.builtin(self.by)
        return Procedure(backup, restore, kind=kind)


def _same(stage: Stage, before: Snapshot, after: Snapshot, why: str) -> None:
    told = stage.differences(before, after)
    assert not told, f"{why}: {'; '.join(told)}"
