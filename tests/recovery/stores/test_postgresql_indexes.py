"""Indexes of a copied data directory: out of step with their tables although all files can be read."""

from __future__ import annotations

import pytest

from pytest_devsecops.core.findings import Status
from pytest_devsecops.recovery import postgresql, procedure
from pytest_devsecops.recovery.family import Recovery

pytestmark = pytest.mark.slow

_SEED = (
    'psql -X -q -c "create table item (id int primary key, note text); create table other (id int primary key);'
    " insert into item select i, repeat(md5(i::text), 100) from generate_series(1, 500) i;"
    ' insert into other select generate_series(5001, 5500)"'
)
_PATHS = "for one in item other; do psql -XAtc \"select pg_relation_filepath('${one}_pkey')\" > $BACKUP_DIR/$one; done"
_BACKUP = f"set -e; pg_basebackup -c fast -D $BACKUP_DIR/base; {_PATHS}"
_RESTORE = "set -e; cp -R $BACKUP_DIR/base/. $PGDATA"
#: The table is the same bit for bit; its index is that of another table, which a server reads without complaint.
_WRONG_INDEX = f"{_RESTORE}; cp $PGDATA/$(cat $BACKUP_DIR/other) $PGDATA/$(cat $BACKUP_DIR/item)"
_NO_INDEX = f"{_RESTORE}; : > $PGDATA/$(cat $BACKUP_DIR/item)"


def test_a_directory_that_is_copied_whole_is_met(recovery: Recovery) -> None:
    verdict = recovery.round_trip(postgresql(prepare=_SEED), by=procedure(_BACKUP, _RESTORE, kind="physical"))

    assert verdict.status is Status.MET, verdict.explain()


def test_a_folder_of_segments_that_no_backup_holds_may_be_left_out(recovery: Recovery) -> None:
    by = procedure(_BACKUP, f"{_RESTORE}; rm -r $PGDATA/pg_dynshmem", kind="physical")

    verdict = recovery.round_trip(postgresql(prepare=_SEED), by=by)

    assert verdict.status is Status.MET, verdict.explain()


@pytest.mark.parametrize("restore", [_WRONG_INDEX, _NO_INDEX], ids=["of another table", "empty"])
def test_an_index_that_does_not_match_its_table_is_named(recovery: Recovery, restore: str) -> None:
    verdict = recovery.round_trip(postgresql(prepare=_SEED), by=procedure(_BACKUP, restore, kind="physical"))

    assert verdict.status is Status.VIOLATED
    assert ("index-damaged", "index:public.item_pkey") in {(one.rule, one.subject) for one in verdict.findings}
    assert not any("other_pkey" in one.subject for one in verdict.findings), verdict.explain()
