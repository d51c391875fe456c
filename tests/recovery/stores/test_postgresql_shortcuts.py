"""Shortcuts that procedures really take, all in one: each thing that they leave behind is named; the twin is met."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_devsecops.core.findings import Status
from pytest_devsecops.recovery import postgresql, procedure
from pytest_devsecops.recovery.family import Recovery

pytestmark = pytest.mark.slow

_SEED = """
create role app1 login password 'pw1'; create role bk login; grant pg_read_all_data to bk; alter role app1 in database app set work_mem = '7MB';
create table item(id bigserial primary key, note text); insert into item(note) select i::text from generate_series(1, 50) i; create index by_note on item(note);
create table part(id int generated always as identity primary key, item bigint not null references item); insert into part(item) select generate_series(1, 50);
create function touch() returns trigger language plpgsql as 'begin return new; end'; create trigger t1 before update on part for each row execute function touch();
create materialized view counted as select count(*) from item;
create table own(id int primary key, who text); insert into own values (1, 'bk'), (2, 'other'); alter table own enable row level security; create policy mine on own to bk using (who = 'bk');
create database other; alter database other set timezone = 'Asia/Tokyo';
\\c other
create table o(a int primary key); insert into o values (1);
"""
_ROLES = "grep -v -E '^(CREATE|ALTER) ROLE postgres' $BACKUP_DIR/g.sql | psql -Xqd postgres -o /dev/null"
_BACKUP = "set -e; pg_dumpall -g {globals} > $BACKUP_DIR/g.sql; pg_dump -C -Fc {dump} -f $BACKUP_DIR/app app; pg_dump -C -Fc -f $BACKUP_DIR/other other"
_TWIN = f"set -e; dropdb app; {_ROLES}; pg_restore -e -C -d postgres $BACKUP_DIR/app; pg_restore -e -C -d postgres $BACKUP_DIR/other"
_SHORT = f"dropdb app; {_ROLES}; createdb -E SQL_ASCII -T template0 --locale=C app; pg_restore --section=pre-data --section=data -d app $BACKUP_DIR/app; true"

LOST = {
    "a role's password (--no-role-passwords)": "role:app1",
    "another database": "database:other",
    "its rows": "rows:other:public.o",
    "its settings": "settings:every role in database other",
    "settings of a role in the database (no -C)": "settings:role app1 in database app",
    "the encoding and the locale (createdb by hand)": "database:app",
    "rows that a policy hides (--enable-row-security)": "rows:public.own",
    "the policy (--section)": "policy:mine on public.own",
    "row security": "table:public.own",
    "a primary key": "constraint:item_pkey on public.item",
    "a foreign key": "constraint:part_item_fkey on public.part",
    "an index": "index:public.by_note",
    "a trigger": "trigger:t1 on public.part",
    "the content of a materialized view": "materialized view:public.counted",
}


def test_every_shortcut_is_named_and_the_twin_is_met(recovery: Recovery, tmp_path: Path) -> None:
    seed = tmp_path / "seed.sql"
    seed.write_text(_SEED, encoding="utf-8")
    store = postgresql(prepare=f"psql -X -q -v ON_ERROR_STOP=1 -o /dev/null -f {seed}")
    twin = recovery.round_trip(store, by=procedure(_BACKUP.format(globals="", dump=""), _TWIN))
    assert twin.status is Status.MET, twin.explain()
    short = _BACKUP.format(globals="--no-role-passwords", dump="-U bk --enable-row-security")
    verdict = recovery.round_trip(store, by=procedure(short, _SHORT))
    assert verdict.status is Status.VIOLATED
    told = {one.subject for one in verdict.findings}
    assert {what for what, subject in LOST.items() if subject not in told} == set(), verdict.explain()
