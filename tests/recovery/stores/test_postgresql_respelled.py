"""No false alarm over definitions that PostgreSQL itself spells otherwise once they were dumped and restored."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_devsecops.core.findings import Status
from pytest_devsecops.recovery import postgresql, procedure
from pytest_devsecops.recovery.family import Recovery
from pytest_devsecops.recovery.stores.postgresql.definitions import same_definition

_SEED = Path(__file__).parents[2] / "assets" / "recovery" / "respelled.sql"
#: An index whose building fails is part of the seed, so psql must not stop at it.
_PREPARE = f"psql -X -q -o /dev/null -f {_SEED}"
_EMPTY = {"public.c1": "its checks refuse a generated row", "public.c2": "its checks refuse a generated row"}

_VARCHAR = "CHECK (((s)::text = ANY ((ARRAY['a'::character varying, 'b'::character varying])::text[])))"
_VARCHAR_AGAIN = "CHECK (((s)::text = ANY (ARRAY[('a'::character varying)::text, ('b'::character varying)::text])))"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["pg_dump", "basebackup"])
def test_whole_restore_is_met(recovery: Recovery, name: str) -> None:
    verdict = recovery.round_trip(postgresql(prepare=[_PREPARE], empty=_EMPTY), by=name)
    assert verdict.status is Status.MET, verdict.explain()


@pytest.mark.slow
def test_restore_that_drops_a_respelled_check_is_still_violated(recovery: Recovery) -> None:
    backup = "pg_dumpall -f $BACKUP_DIR/all.sql"
    restore = (
        "dropdb app; grep -v -E '^(CREATE|ALTER) ROLE postgres' $BACKUP_DIR/all.sql | psql -X -q -d postgres -o /dev/null"
        " && psql -X -q -c 'alter table c1 drop constraint c1_s_check'"
    )
    verdict = recovery.round_trip(postgresql(prepare=[_PREPARE], empty=_EMPTY), by=procedure(backup, restore))
    assert [one.subject for one in verdict.findings] == ["constraint:c1_s_check on public.c1"], verdict.explain()


@pytest.mark.slow
def test_restore_through_another_superuser_is_met_and_one_without_owners_is_not(recovery: Recovery) -> None:
    seed = (
        "create role boss superuser login; create role lead; create role hand; grant lead to hand with admin option;"
        "create extension citext; create table item(id serial primary key, name citext); insert into item values (1, 'a');"
        "alter table item owner to lead; create function one() returns int language sql as 'select 1';"
        "select lo_from_bytea(7, 'x'); alter default privileges for role lead grant select on tables to hand"
    )
    store = postgresql(prepare=f'psql -X -q -o /dev/null -v ON_ERROR_STOP=1 -c "{seed}"')
    backup = "set -e; pg_dumpall -g -f $BACKUP_DIR/g; pg_dump -Fc -C -f $BACKUP_DIR/d app"
    restore = (
        "set -e; dropdb app; grep -v -E '^(CREATE|ALTER) ROLE postgres' $BACKUP_DIR/g | psql -X -q -d postgres -o /dev/null;"
        "export PGUSER=boss; pg_restore -e -C -d postgres {options} $BACKUP_DIR/d"
    )
    verdict = recovery.round_trip(store, by=procedure(backup, restore.format(options="")))
    assert verdict.status is Status.MET, verdict.explain()
    verdict = recovery.round_trip(store, by=procedure(backup, restore.format(options="--no-owner")))
    told = {one.subject for one in verdict.findings}
    assert {"table:public.item", "function:public.one()", "large object:7"} <= told, verdict.explain()
    assert not [subject for subject in told if subject.startswith("extension")], verdict.explain()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (_VARCHAR, _VARCHAR_AGAIN),
        ("CHECK ((((n >= 1) AND (n <= 2)) AND (n > 0)))", "CHECK (((n >= 1) AND (n <= 2) AND (n > 0)))"),
        ("((a OR b) OR c.d)", "(a OR b OR c.d)"),
        ("SELECT 'x'::text;", "SELECT 'x'::text AS text;"),
        ("SELECT 1, 'x'::character varying FROM a", "SELECT 1, 'x'::character varying AS \"varchar\" FROM a"),
        ("SELECT ( SELECT NULL::integer)", "SELECT ( SELECT NULL::integer AS int4) AS int4"),
        ("RETURNING '1'::numeric(5,2)", "RETURNING '1'::numeric(5,2) AS \"numeric\""),
    ],
)
def test_known_respelling_is_the_same(before: str, after: str) -> None:
    assert same_definition(before, after)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (_VARCHAR, _VARCHAR_AGAIN.replace("'b'", "'c'")),
        ("CHECK (((a OR b) AND c))", "CHECK ((a OR (b AND c)))"),
        ("(a = '1  2')", "(a = '1 2')"),
        ('("A" = 1)', "(a = 1)"),
        ("((a AND b) AND c)", "(a AND b)"),
        ("SELECT 'x'::text AS text", "SELECT 'x'::text AS name"),
        ("SELECT 'x'::text", "SELECT 'y'::text AS text"),
        ("SELECT a", "SELECT a AS text"),
    ],
)
def test_other_definition_is_not_the_same(before: str, after: str) -> None:
    assert not same_definition(before, after)
