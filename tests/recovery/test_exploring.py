"""Histories of a store: good procedures survive all of them, lossy ones are told by their smallest one."""

from __future__ import annotations

import re
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import date
from pathlib import Path

import pytest

from pytest_devsecops.core.errors import UsageError
from pytest_devsecops.core.findings import Status
from pytest_devsecops.core.verdict import Verdict
from pytest_devsecops.pytest_plugin.searching import search
from pytest_devsecops.recovery import composite, directory, procedure, sqlite
from pytest_devsecops.recovery.family import Recovery
from pytest_devsecops.recovery.model import Environment
from pytest_devsecops.recovery.section import RecoveryPolicy

pytestmark = pytest.mark.slow

_SCHEMA = """
pragma journal_mode = wal;
create table item(id integer primary key, note text, weight real);
create table part(item integer not null references item(id), label text);
insert into item values (1, 'first', 0.5); insert into part values (1, 'a');
"""


def seed(environment: Environment) -> None:
    with closing(sqlite3.connect(environment["SQLITE_DATABASE"])) as connection:
        connection.executescript(_SCHEMA)


@pytest.fixture
def recovery(tmp_path: Path) -> Iterator[Recovery]:
    family = Recovery(
        RecoveryPolicy(), tmp_path, today=date(2026, 11, 23), record=lambda verdict: verdict, search=search
    )
    yield family
    family.close()


def save(environment: Environment) -> None:
    with (
        closing(sqlite3.connect(environment["SQLITE_DATABASE"])) as source,
        closing(sqlite3.connect(environment["BACKUP_DIR"] + "/db")) as target,
    ):
        source.backup(target)


def load(environment: Environment) -> None:
    Path(environment["SQLITE_DATABASE"]).write_bytes(Path(environment["BACKUP_DIR"], "db").read_bytes())


def changed(statement: str) -> Callable[[Environment], None]:
    """A backup that alters what it saves, as an export that cannot say something would."""

    def lossy(environment: Environment) -> None:
        save(environment)
        with closing(sqlite3.connect(environment["BACKUP_DIR"] + "/db")) as connection:
            connection.execute(statement)
            connection.commit()

    return lossy


def steps_of(verdict: Verdict) -> list[str]:
    found = verdict.evidence["smallest"]
    assert isinstance(found, list)
    return found


def test_a_good_procedure_survives_every_history(recovery: Recovery) -> None:
    verdict = recovery.explore(sqlite(prepare=seed), by=procedure(save, load), examples=6, steps=6, within="60s")
    assert verdict.status is Status.MET, verdict.explain()
    assert int(str(verdict.examined["restores"])) >= int(str(verdict.examined["histories"])) >= 10
    assert verdict.evidence["smallest"] is None


def test_copy_without_its_log_shrinks_to_one_write(recovery: Recovery) -> None:
    by = procedure("cp $SQLITE_DATABASE $BACKUP_DIR/db", load)
    verdict = recovery.explore(sqlite(prepare=seed), by=by)
    assert verdict.status is Status.VIOLATED
    steps = steps_of(verdict)
    assert len(steps) == 3
    assert re.match(r"insert into|migrate", steps[0])
    assert steps[1:] == ["back up", "lose, restore"]
    assert f"1. {steps[0]}; 2. back up; 3. lose, restore" in verdict.findings[0].message


#: What a backup loses -> what it does, and the one step of the smallest history that shows it.
_LOSSES = {
    "empty text": ("update item set note = null where note = ''", r"insert into item \(note = '', weight = NULL\)"),
    "infinity": ("update item set weight = null where weight = 9e999", r"insert into item \(note = NULL, weight = inf\)"),
    "a child": ("delete from part where rowid > 1", r"insert into part \(label = NULL, item = 1\)"),
    "a long text": ("update item set note = substr(note, 1, 255)", r"insert into item \(note = '.*characters\), weight = NULL\)"),
}  # fmt: skip


@pytest.mark.parametrize(("statement", "step"), _LOSSES.values(), ids=_LOSSES)
def test_a_loss_shrinks_to_the_row_that_shows_it(recovery: Recovery, statement: str, step: str) -> None:
    verdict = recovery.explore(sqlite(prepare=seed), by=procedure(changed(statement), load))
    assert verdict.status is Status.VIOLATED
    steps = steps_of(verdict)
    assert len(steps) == 3, steps
    assert re.fullmatch(step, steps[0]), steps


def test_a_table_that_a_migration_adds_and_a_list_of_tables_forgets(recovery: Recovery) -> None:
    lossy = changed("drop table if exists devsecops_new_0")
    verdict = recovery.explore(sqlite(prepare=seed), by=procedure(lossy, load))
    assert [step.partition(" devsecops")[0] for step in steps_of(verdict)] == [
        "migrate: create table", "back up", "lose, restore",
    ]  # fmt: skip


def test_the_project_s_own_migrations_happen_in_their_order(recovery: Recovery) -> None:
    def migration(statement: str) -> list[str]:
        body = f"import os, sqlite3; c = sqlite3.connect(os.environ['SQLITE_DATABASE']); c.execute({statement!r}); c.commit()"
        return [sys.executable, "-c", body]

    steps = [migration("create table extra(a)"), migration("alter table extra add column b default 'x'")]
    lossy = changed("delete from sqlite_master where name = 'nothing'")
    verdict = recovery.explore(
        sqlite(prepare=seed, empty={"extra": "new"}), by=procedure(lossy, load), migrations=steps, examples=5
    )
    # The statement of this backup fails, so the first backup does.
    assert "the backup failed" in verdict.findings[0].message
    assert steps_of(verdict) == ["back up"]
    good = recovery.explore(sqlite(prepare=seed), by=procedure(save, load), migrations=steps, examples=3)
    assert good.status is Status.MET, good.explain()


def test_what_only_a_second_loss_shows(recovery: Recovery) -> None:
    def aging(environment: Environment) -> None:
        save(environment)
        with closing(sqlite3.connect(environment["BACKUP_DIR"] + "/db")) as connection:
            restored = connection.execute("select 1 from sqlite_master where name = 'devsecops_probe'").fetchone()
            if restored:
                connection.execute("delete from part")
                connection.commit()

    verdict = recovery.explore(sqlite(prepare=seed), by=procedure(aging, load))
    assert steps_of(verdict) == ["back up", "lose, restore", "back up", "lose, restore"]


def test_time_that_is_up_before_anything_was_restored_is_unverified(recovery: Recovery) -> None:
    verdict = recovery.explore(sqlite(prepare=seed), by=procedure(save, load), within="0s")
    assert verdict.status is Status.UNVERIFIED
    assert "never restored" in verdict.explain()


def test_fewer_histories_than_were_asked_for_are_unverified(recovery: Recovery) -> None:
    def slow(environment: Environment) -> None:
        time.sleep(0.4)
        save(environment)

    verdict = recovery.explore(sqlite(prepare=seed), by=procedure(slow, load), within="2s")
    assert verdict.status is Status.UNVERIFIED
    assert re.search(
        r"the time of 2s was up after \d histor\w+ of sqlite without a loss, and fewer than 10", verdict.explain()
    )
    verdict = recovery.explore(sqlite(prepare=seed), by=procedure(slow, load), within="2s", examples=2)
    assert verdict.status is Status.MET, verdict.explain()


def test_a_migration_that_fails_is_unverified(recovery: Recovery) -> None:
    verdict = recovery.explore(sqlite(prepare=seed), by=procedure(save, load), migrations=["exit 3"])
    assert verdict.status is Status.UNVERIFIED
    assert "the migration failed: exit 3" in verdict.explain()


def test_a_store_that_nothing_can_happen_to_is_refused(recovery: Recovery) -> None:
    whole = composite(tree=directory(prepare="date > $DIRECTORY_PATH/now"))
    with pytest.raises(UsageError, match="nothing to explore"):
        recovery.explore(whole, by=procedure("true", "true"))


def test_own_writes_do_for_a_store_without_tables(recovery: Recovery) -> None:
    def write(environment: Environment) -> None:
        Path(environment["DIRECTORY_PATH"], f"file-{time.monotonic_ns()}").write_text("x")

    tree = directory(prepare="date > $DIRECTORY_PATH/now", writes=write, ledger=False)
    verdict = recovery.explore(
        tree, by=procedure("cp -a $DIRECTORY_PATH/now $BACKUP_DIR/", "cp -a $BACKUP_DIR/. $DIRECTORY_PATH")
    )
    assert verdict.status is Status.VIOLATED
    assert steps_of(verdict) == ["writes=", "back up", "lose, restore"]
