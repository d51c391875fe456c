"""Generated rows fill a PostgreSQL schema: hostile, valid, and lossy procedures that tame rows hide show."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import psycopg
import pytest

from pytest_devsecops.core.findings import Status
from pytest_devsecops.pytest_plugin.hostile import generate
from pytest_devsecops.recovery import postgresql, procedure
from pytest_devsecops.recovery.exploring import Watch
from pytest_devsecops.recovery.family import Recovery
from pytest_devsecops.recovery.living import Move, Setting
from pytest_devsecops.recovery.model import Environment
from pytest_devsecops.recovery.populating import PopulatedStore
from pytest_devsecops.recovery.section import RecoveryPolicy
from pytest_devsecops.recovery.stores.postgresql import PostgreSQLStore
from pytest_devsecops.recovery.stores.postgresql.populating import literal
from pytest_devsecops.recovery.templates import Templates

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("postgresql-populated")]

_SCHEMA = """
create schema shop; set search_path = shop, public;
create extension citext with schema public; create extension hstore with schema public;
create collation nocase (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
create type color as enum ('red', 'green', 'odd "one"'); create domain price as numeric(8,2) check (value >= 0 or value = 'NaN');
create domain code as varchar(3) not null; create type place as (street text, number int, tags text[]);
create type span as range (subtype = float8);
create table country(code code primary key, name text collate nocase unique, old citext);
insert into country values ('aa', 'First', 'x'), ('bb', 'Second', 'y');
create table person(
  id bigint generated always as identity primary key, number serial, email varchar(40) not null unique, country varchar(3) references country,
  boss bigint references person, born date, seen timestamptz, local timestamp, wakes time, zone timetz, tired interval,
  small int2, normal int4, big int8, f4 float4, f8 float8, exact numeric, price price, cash money, picture bytea, active bool default true,
  about json, facts jsonb, hair color, hairs color[], home place, homes place[], words text[], numbers int[], bits bit(3), more varbit, net inet, block cidr,
  key uuid default gen_random_uuid(), during tstzrange, part int4range, days datemultirange, width span, spot point, doc xml, ts tsvector, extra hstore,
  fixed char(5), n name, shout text generated always as (upper(email)) stored, unique (country, big));
create table visit(person bigint not null references person, number int not null, primary key (person, number));
create table zone(at date not null, v text) partition by range (at);
create table zone_old partition of zone for values from (minvalue) to ('1970-01-01'); create table zone_new partition of zone default;
create table parent(a text); create table heir(b float8) inherits (parent);
create table narrow(n int not null check (n between 1 and 3), t text check (t <> ''));
create function check_visit() returns trigger language plpgsql as $$ begin if new.number < 0 then raise 'no negative visits'; end if; perform 1 from country; return new; end $$;
create trigger guard before insert on visit for each row execute function check_visit();
alter database app set search_path = shop, public;
"""
_WHOLE = "pg_dump -Fc -C -f $BACKUP_DIR/d app"
_BACK = "dropdb app && pg_restore -e -C -d postgres $BACKUP_DIR/d"


def seed(environment: Environment) -> None:
    with psycopg.connect(host=environment["PGHOST"], port=environment["PGPORT"], user="postgres", dbname="app") as one:
        one.execute(_SCHEMA)


@pytest.fixture(scope="module")
def recovery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recovery]:
    folder = tmp_path_factory.mktemp("project")
    own = Recovery(
        RecoveryPolicy(),
        folder,
        today=date(2026, 11, 23),
        record=lambda verdict: verdict,
        generate=generate,
    )
    yield own
    own.close()


@pytest.fixture(scope="module")
def tame() -> PostgreSQLStore:
    return postgresql(prepare=seed)


@pytest.fixture(scope="module")
def populated(recovery: Recovery) -> PopulatedStore:
    return recovery.populate(postgresql(prepare=seed), rows=5)


def test_a_whole_dump_is_met_over_hostile_rows(recovery: Recovery, populated: PopulatedStore) -> None:
    verdict = recovery.round_trip(populated, by=procedure(_WHOLE, _BACK))
    assert verdict.status is Status.MET, verdict.explain()
    inserted = populated.population.inserted
    assert {"shop.country", "shop.person", "shop.visit", "shop.zone", "shop.heir", "shop.narrow"} <= set(inserted)
    assert inserted["shop.person"] > 40
    assert populated.population.refused["shop.narrow"] > 0


#: What the rows must hold: each of these finds at least one row.
_HELD = {
    "empty beside NULL": "select from shop.person where email = '' or exists (select from shop.parent where a is null)",
    "infinity": "select from shop.person where f8 = 'Infinity'",
    "not a number": "select from shop.person where f8 = 'NaN' or exact = 'NaN'",
    "negative zero": "select from shop.person where f8 = 0 and f8::text = '-0'",
    "a date before Christ": "select from shop.person where born < '0001-01-01' and born > '-infinity'",
    "an endless time": "select from shop.person where seen = 'infinity'",
    "4-byte text": "select from shop.parent where a ~ U&'\\+01F600'",
    "a long value": "select from shop.parent where length(a) >= 10000",
    "bytes that are no text": "select from shop.person where picture = '\\x00'",
    "an empty array": "select from shop.person where words = '{}'",
    "NULL in an array": "select from shop.person where null = any (words) is null and array_position(words, null) is not null",
    "an array of enums with a quote": "select from shop.person where 'odd \"one\"' = any (hairs)",
    "a composite value with an array": "select from shop.person where (home).tags <> '{}'",
    "a composite value of nothing": "select from shop.person where home is null and num_nulls(home) = 0",
    "an array of composite values": "select from shop.person where cardinality(homes) > 1",
    "an unbounded range": "select from shop.person where lower_inf(during) and upper_inf(during)",
    "an empty range": "select from shop.person where isempty(part)",
    "a largest integer": "select from shop.person where big = 9223372036854775807",
    "a document with a key twice": 'select from shop.person where about::text like \'%"a": 1, "a": 2%\'',
    "a reference": "select from shop.person where boss is not null",
    "old rows in their partition": "select from shop.zone_old",
    "hstore with NULL": "select from shop.person where extra::text like '%NULL%'",
}


@pytest.fixture(scope="module")
def held(recovery: Recovery, populated: PopulatedStore) -> set[str]:
    found: set[str] = set()
    queries = _HELD.items()

    def restore(environment: Environment) -> None:
        with psycopg.connect(
            host=environment["PGHOST"], port=environment["PGPORT"], user="postgres", dbname="app"
        ) as one:
            found.update(
                name for name, query in queries if one.execute(query.encode() + b" limit 1").fetchone() is not None
            )

    recovery.leaves_source_alone(populated, by=procedure(restore, "true"))
    return found


@pytest.mark.parametrize("what", _HELD)
def test_rows_hold_what_procedures_lose(held: set[str], what: str) -> None:
    assert what in held


#: A column-wise repair of a good restore stands for an export that cannot say a value.
LOSSY = {
    "NULL and empty are one": "update shop.parent set a = null where a = ''",
    "floats with 15 digits": "update shop.person set f8 = round(f8::numeric, 15)::float8 where abs(f8) < 1e6 and abs(f8) > 1e-3",
    "no negative zero": "update shop.person set f8 = 0 where f8 = 0",
    "no infinity": "update shop.person set seen = null where seen = 'infinity'",
    "BMP only": "update shop.parent set a = replace(a, U&'\\+01F600', '?')",
    "line ends": "update shop.parent set a = replace(a, chr(13), '')",
    "trimmed": "update shop.parent set a = btrim(a)",
    "dates before Christ": "update shop.person set born = null where born < '0001-01-01' and born > '-infinity'",
    "JSON through a parser": "update shop.person set about = about::jsonb::json where about::text not like '%u0000%'",
    "arrays without NULL": "update shop.person set words = array_remove(words, null)",
    "an empty composite value": "update shop.person set home = null where home is null",
}  # fmt: skip


def test_faults_that_tame_rows_hide_show(recovery: Recovery, tame: PostgreSQLStore, populated: PopulatedStore) -> None:
    faults = " ".join(f'-c "{sql}"'.replace("$", "\\$") for sql in LOSSY.values())
    by = procedure(_WHOLE, f"{_BACK} && psql -qX -v ON_ERROR_STOP=1 {faults}")
    quiet = recovery.round_trip(tame, by=by)
    assert not any("born" in one.message or "f8" in one.message for one in quiet.findings), quiet.explain()
    verdict = recovery.round_trip(populated, by=by)
    assert verdict.status is Status.VIOLATED
    assert {"rows:shop.parent", "rows:shop.person"} <= {one.subject for one in verdict.findings}


_ITEMS = "create table item(id serial primary key, note text, at timestamptz); insert into item(note) values ('first')"


_SAVE = "pg_dump -s -f $BACKUP_DIR/s app; psql -qXc 'copy (select * from item) to stdout' | sed 's/\\t\\t/\\t\\\\N\\t/' > $BACKUP_DIR/c"
_LOAD = "psql -qX -o /dev/null -v ON_ERROR_STOP=1 -f $BACKUP_DIR/s; psql -qXc 'copy item from stdin' < $BACKUP_DIR/c; psql -qXtAc \"select setval('item_id_seq', max(id)) from item\""


def moves(note: str) -> list[Move]:
    return [Move("write", "public.item", {"note": note, "at": None}), Move("back_up"), Move("lose")]


def test_a_life_goes_on_after_a_loss_and_tells_its_steps(tmp_path: Path) -> None:
    templates = Templates(tmp_path)
    template = templates.of(postgresql(prepare=f'psql -qXc "{_ITEMS}"'))
    try:
        whole = Watch(Setting(template, procedure(_WHOLE, _BACK), tmp_path))
        evolved = [*(Move("migrate") for _ in range(3)), Move("checkpoint")]
        assert not whole.play([*evolved, *moves(""), *moves("x")])
        assert (whole.lives, whole.restores) == (1, 2)
        lossy = Watch(Setting(template, procedure(_SAVE, _LOAD), tmp_path))
        assert lossy.play(moves(""))
        assert lossy.smallest is not None
        assert lossy.smallest.steps == ("insert into public.item (note = '', at = NULL)", "back up", "lose, restore")
        assert "note was '' and came back as NULL" in lossy.smallest.findings[0].message
    finally:
        templates.close()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "t"),
        (-0.0, "-0.0"),
        (float("nan"), "NaN"),
        (float("-inf"), "-Infinity"),
        (b"\x00\xff", "\\x00ff"),
        ([None, "", "NULL", 'a"b\\'], '{NULL,"","NULL","a\\"b\\\\"}'),
        ((None, 'a"b', ["x y"]), '(,"a""b","{""x y""}")'),
    ],
)
def test_values_are_written_as_the_server_reads_them(value: object, text: str) -> None:
    assert literal(value) == text
