"""A database with one of everything: whole procedures are met, and what each leaves out is named."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from pytest_devsecops.core.findings import Status
from pytest_devsecops.recovery import postgresql, procedure
from pytest_devsecops.recovery.family import Recovery
from pytest_devsecops.recovery.section import RecoveryPolicy
from pytest_devsecops.recovery.stores.postgresql import PostgreSQLStore

pytestmark = pytest.mark.slow

_SEED = Path(__file__).parents[2] / "assets" / "recovery" / "everything.sql"


_PREPARE = f"psql -X -q -v ON_ERROR_STOP=1 -f {_SEED}"


@pytest.fixture(scope="module")
def everything() -> PostgreSQLStore:
    return postgresql(prepare=[_PREPARE, "psql -Xqc \"alter system set work_mem = '9MB'\""], ignore=_OURS)


#: A logical backup never holds the server's own configuration.
_OURS = {"server setting:work_mem": "configuration management brings it"}


@pytest.fixture(scope="module")
def family(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recovery]:
    """One family for all tests here, so that the store is prepared once."""
    folder = tmp_path_factory.mktemp("project")
    own = Recovery(RecoveryPolicy(), folder, today=date(2026, 11, 23), record=lambda verdict: verdict)
    yield own
    own.close()


def test_dump_with_globals_is_met(family: Recovery, everything: PostgreSQLStore) -> None:
    verdict = family.round_trip(everything, by="pg_dump")
    assert verdict.status is Status.MET, verdict.explain()


def test_base_backup_loses_only_the_unlogged_rows(family: Recovery, everything: PostgreSQLStore) -> None:
    verdict = family.round_trip(everything, by="basebackup")
    assert verdict.status is Status.VIOLATED
    assert [found.subject for found in verdict.findings] == ["rows:public.cache"], verdict.explain()


def test_setting_of_the_server_that_a_dump_does_not_hold_is_named(recovery: Recovery) -> None:
    store = postgresql(prepare=["psql -Xqc \"alter system set work_mem = '9MB'\" -c 'create table t as select 1 as a'"])
    verdict = recovery.round_trip(store, by="pg_dump")
    assert [found.subject for found in verdict.findings] == ["server setting:work_mem"], verdict.explain()


_GLOBALS = "pg_dumpall -g > $BACKUP_DIR/g.sql && pg_dump -C -Fc {options} app -f $BACKUP_DIR/d"
_WHOLE = (
    "dropdb app; grep -v -E '^(CREATE|ALTER) ROLE postgres' $BACKUP_DIR/g.sql | psql -Xqd postgres;"
    "pg_restore -C -d postgres {options} $BACKUP_DIR/d"
)

#: What is left out -> options of pg_dump, what is done after the restore, and the subjects that must be named.
LEFT_OUT = {
    "unlogged rows": ("--no-unlogged-table-data", "", ["rows:public.cache"]),
    "comments": ("--no-comments", "", ["comment:function sales.add(integer,integer)"]),
    "publications": ("--no-publications", "", ["publication:everything", "publication:partly", "published table:sales.orders in publication partly"]),
    "subscriptions": ("--no-subscriptions", "", ["subscription:sub"]),
    "one table": ("-T sales.orders", "", ["table:sales.orders", "rows:sales.orders"]),
    "data of one table": ("--exclude-table-data=parent --exclude-table-data=child", "", ["rows:public.child"]),
    "large objects": ("--no-blobs", "", ["rows:large objects"]),
    "a trigger is enabled": ("", "alter table sales.customer enable trigger off", ["trigger:off on sales.customer"]),
    "references are not enforced": ("", "alter table sales.orders disable trigger all", ["enforcement:orders_customer_fkey on sales.orders at sales.orders"]),
    "row security off": ("", "alter table sales.customer disable row level security", ["table:sales.customer"]),
    "a policy": ("", "drop policy own on sales.customer", ["policy:own on sales.customer"]),
    "a password": ("", "alter role reader password null", ["role:reader"]),
    "an attribute of a role": ("", "alter role reader superuser", ["role:reader"]),
    "a membership": ("", "revoke reader from writer", ["membership:writer in reader, granted by postgres"]),
    "a setting of a role": ("", "alter role reader reset all", ["settings:role reader in every database"]),
    "a sequence": ("", "select setval('sales.down', 100, false)", ["sequence:sales.down"]),
    "an identity": ("", "alter sequence sales.orders_id_seq increment 1", ["sequence settings:sales.orders_id_seq"]),
    "a column privilege": ("", "revoke select (email) on sales.customer from reader", ["column:sales.customer.email"]),
    "a default privilege": ("", "alter default privileges for role owner_role in schema sales revoke select on tables from reader", ["default privileges:owner_role in sales for r"]),
    "a revoked system function": ("", "grant execute on function pg_sleep(float8) to public", ["privileges of:pg_catalog.pg_sleep(double precision)"]),
    "an index": ("", "drop index sales.lower_email", ["index:sales.lower_email"]),
    "a partition elsewhere": ("", "alter table measure detach partition measure_2025", ["table:public.measure_2025"]),
    "a materialized view without data": ("", "refresh materialized view sales.totals with no data", ["materialized view:sales.totals"]),
    "an event trigger on": ("", "alter event trigger ddl enable", ["event trigger:ddl"]),
    "a value": ("", "update sales.customer set f = 0 where id = 3", ["rows:sales.customer"]),
    "a duplicate": ("", "set search_path = 'Odd Name'; truncate \"t \"\"q\"\"\"; insert into \"t \"\"q\"\"\" values (1, 'a')", ['rows:"Odd Name"."t ""q"""']),
    "an enum's order": ("", "alter type sales.mood rename value 'meh' to 'hem'", ["type:sales.mood"]),
    "a generated column": ("", "alter table sales.customer alter column upper_email drop expression", ["column:sales.customer.upper_email"]),
    "an owner": ("", "alter table sales.orders owner to postgres", ["table:sales.orders"]),
}  # fmt: skip


@pytest.mark.parametrize("case", LEFT_OUT)
def test_what_is_left_out_is_named(family: Recovery, everything: PostgreSQLStore, tmp_path: Path, case: str) -> None:
    options, after, subjects = LEFT_OUT[case]
    restore = _WHOLE.format(options="")
    if after:
        sql = tmp_path / "after.sql"
        sql.write_text(after, encoding="utf-8")
        restore += f"; psql -X -q -v ON_ERROR_STOP=1 -f {sql}"
    verdict = family.round_trip(everything, by=procedure(_GLOBALS.format(options=options), restore))
    assert verdict.status is Status.VIOLATED
    assert set(subjects) <= {one.subject for one in verdict.findings}, verdict.explain()
