"""One restore that alters everything: each alteration is named, and nothing is named that was not altered.

The twin is the same restore without the alterations. All of them are made in one drill, because a
difference of one thing does not depend on those of others, and a drill each would take minutes.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from pytest_devsecops.core.findings import Finding, Status
from pytest_devsecops.core.verdict import Verdict
from pytest_devsecops.recovery import postgresql, procedure
from pytest_devsecops.recovery.family import Recovery
from pytest_devsecops.recovery.section import RecoveryPolicy
from pytest_devsecops.recovery.stores.postgresql import PostgreSQLStore

pytestmark = pytest.mark.slow

_ASSETS = Path(__file__).parents[2] / "assets" / "recovery"
_RUN = "psql -X -q -v ON_ERROR_STOP=1 -o /dev/null -f"
_BACKUP = "pg_dumpall -f $BACKUP_DIR/all.sql"
_RESTORE = f"""set -e; dropdb app; grep -v -E '^(CREATE|ALTER) ROLE postgres' $BACKUP_DIR/all.sql > $BACKUP_DIR/own.sql
{_RUN} $BACKUP_DIR/own.sql -d postgres"""

#: What is altered -> how, after a complete restore, and the subjects that must be named.
ALTERED: dict[str, tuple[str, set[str]]] = {
    "a value is NULL instead of empty": ("update sales.plain set note = null where id = 1", {"rows:sales.plain"}),
    "a column's default": ("alter table sales.plain alter note drop default", {"column:sales.plain.note"}),
    "a column's type": ("alter table sales.plain alter amount type numeric(9,2)", {"column:sales.plain.amount"}),
    "not null": ("alter table sales.plain alter flag drop not null", {"column:sales.plain.flag"}),
    "a column's storage": ("alter table sales.plain alter big set storage external", {"column:sales.plain.big"}),
    "a column's statistics target": ("alter table sales.plain alter code set statistics 9", {"column:sales.plain.code"}),
    "a storage parameter": ("alter table sales.plain set (autovacuum_enabled = off)", {"table:sales.plain"}),
    "replica identity": ("alter table sales.plain replica identity full", {"table:sales.plain"}),
    "the clustered index": ("alter table sales.customer set without cluster", {"index state:sales.customer_pkey"}),
    "a check constraint": ("alter table sales.part_of drop constraint positive", {"constraint:positive on sales.part_of"}),
    "a constraint is validated": ("alter table sales.orders validate constraint not_checked", {"constraint:not_checked on sales.orders"}),
    "what a foreign key does on update": ("alter table sales.part_of drop constraint part_of_plain_fkey, add constraint part_of_plain_fkey foreign key (plain) references sales.plain", {"constraint:part_of_plain_fkey on sales.part_of"}),
    "when a constraint is checked": ("alter table sales.orders alter constraint orders_customer_fkey deferrable initially immediate", {"constraint:orders_customer_fkey on sales.orders"}),
    "an unlogged table": ("alter table cache set logged", {"table:public.cache", "index:public.cache_pkey"}),
    "a partial index": ("drop index sales.by_note; create index by_note on sales.plain(note)", {"index:sales.by_note"}),
    "an index's parameter": ("alter index sales.by_code reset (fillfactor)", {"index:sales.by_code"}),
    "a view": ("create or replace view sales.seen as select id, note from sales.plain", {"view:sales.seen"}),
    "a view's barrier": ("alter view sales.checked reset (security_barrier)", {"view:sales.checked"}),
    "a materialized view": ("drop materialized view sales.counted", {"materialized view:sales.counted"}),
    "a function's body": ("create or replace function sales.trusted(int) returns boolean language sql immutable as 'select true'", {"function:sales.trusted(integer)"}),
    "a function's owner": ("alter function sales.touch() owner to owner_role", {"function:sales.touch()"}),
    "security definer": ("alter function sales.secret() security invoker", {"function:sales.secret()"}),
    "a procedure": ("drop procedure sales.nothing", {"function:sales.nothing()"}),
    "an aggregate": ("drop aggregate sales.total(int)", {"function:sales.total(integer)"}),
    "an operator": ("drop operator sales.=== (int, int)", {"operator:sales.===(integer,integer)"}),
    "a cast": ("drop cast (sales.address as text)", {"cast:(sales.address AS pg_catalog.text)"}),
    "an enum's new label": ("alter type sales.color add value 'blue'", {"type:sales.color"}),
    "a composite type's attribute": ("alter type sales.address drop attribute zip", {"column:sales.address.zip"}),
    "a domain's constraint": ("alter domain sales.code drop constraint shape", {"constraint:shape on sales.code"}),
    "a domain's default": ("alter domain sales.positive drop default", {"type:sales.positive"}),
    "a range type": ("drop type sales.span", {"type:sales.span", "type:sales.span_multirange", "cast:(sales.span AS sales.span_multirange)", "function:sales.span(double precision,double precision)", "function:sales.span(double precision,double precision,pg_catalog.text)", "function:sales.span_multirange()", "function:sales.span_multirange(sales.span)", "function:sales.span_multirange(sales.span[])"}),
    "a collation": ("drop collation sales.swedish", {"collation:sales.swedish"}),
    "a rule": ("drop rule quiet on sales.part_of", {"rule:quiet on sales.part_of"}),
    "a trigger": ("drop trigger two on sales.plain", {"trigger:two on sales.plain"}),
    "a disabled trigger is enabled": ("alter table sales.plain enable trigger one", {"trigger:one on sales.plain"}),
    "a trigger for replicas too": ("alter table sales.orders enable trigger always", {"trigger:always on sales.orders"}),
    "triggers that enforce references": ("alter table sales.part_of disable trigger all", {"enforcement:part_of_plain_fkey on sales.part_of at sales.part_of", "enforcement:part_of_plain_other_key on sales.part_of at sales.part_of"}),
    "a policy's condition": ("alter policy mine on sales.part_of using (true)", {"policy:mine on sales.part_of"}),
    "row security": ("alter table sales.part_of disable row level security", {"table:sales.part_of"}),
    "row security for the owner": ("alter table sales.customer no force row level security", {"table:sales.customer"}),
    "a partition": ("alter table zone detach partition zone_1", {"table:public.zone_1"}),
    "an heir": ("alter table heir no inherit parent", {"table:public.heir"}),
    "extended statistics": ("drop statistics sales.notes", {"extended statistics:sales.notes"}),
    "a sequence's next value": ("select setval('sales.tickets', 100, false)", {"sequence:sales.tickets"}),
    "a sequence's owner": ("alter sequence sales.down owned by sales.plain.id", {"sequence settings:sales.down"}),
    "an identity's kind": ("alter table sales.orders alter id set generated always", {"column:sales.orders.id"}),
    "an identity's next value": ("alter table sales.orders alter id restart with 7", {"sequence:sales.orders_id_seq"}),
    "a generated column": ("alter table sales.customer alter upper_email drop expression", {"column:sales.customer.upper_email"}),
    "a comment on a table": ("comment on table sales.plain is null", {"comment:table sales.plain"}),
    "a comment on a role": ("comment on role keeper is null", {"comment:role keeper"}),
    "a comment on a database": ("comment on database app is null", {"comment:database app"}),
    "a comment on a schema": ("comment on schema public is 'standard public schema'", {"comment:schema public"}),
    "an event trigger is off": ("alter event trigger dropping disable", {"event trigger:dropping"}),
    "what is published": ("alter publication third set (publish = 'insert')", {"publication:third"}),
    "a published table": ("alter publication third drop table sales.plain", {"published table:sales.plain in publication third"}),
    "a subscription's connection": ("alter subscription sub connection 'host=127.0.0.1 port=2 password=other'", {"subscription:sub"}),
    "a foreign server's host": ("alter server near options (set host 'far')", {"foreign server:near"}),
    "a user mapping's password": ("alter user mapping for public server near options (set password 'wrongsecret')", {"user mapping:public on server near"}),
    "a foreign table's options": ("alter foreign table sales.near_table options (set table_name 'm')", {"foreign table options:sales.near_table"}),
    "a text search mapping": ("alter text search configuration sales.words drop mapping for asciiword", {"text search configuration:sales.words"}),
    "a text search dictionary": ("alter text search dictionary sales.stems (language = 'english')", {"text search dictionary:sales.stems"}),
    "a conversion": ("drop conversion sales.latin", {"conversion:sales.latin"}),
    "an access method": ("drop access method heap2", {"access method:heap2"}),
    "a grant on a table": ("revoke insert on sales.plain from keeper", {"table:sales.plain"}),
    "a grant on a column": ("revoke update (note) on sales.plain from reader", {"column:sales.plain.note"}),
    "a grant on a sequence": ("revoke usage on sequence sales.tickets from keeper", {"sequence:sales.tickets"}),
    "a grant on a function": ("grant execute on function sales.secret to public", {"function:sales.secret()"}),
    "a grant on a type": ("revoke usage on type sales.color from keeper", {"type:sales.color"}),
    "a grant on a schema": ("revoke create on schema sales from keeper", {"schema:sales"}),
    "a grant on a server": ("revoke usage on foreign server near from keeper", {"foreign server:near"}),
    "a grant on a language": ("revoke usage on language plpgsql from keeper", {"privileges of:plpgsql"}),
    "a grant on a setting": ("revoke set on parameter log_min_duration_statement from keeper", {"privileges of a parameter:log_min_duration_statement"}),
    "a grant on a database": ("revoke temporary on database app from keeper", {"database:app"}),
    "a grant on a system function": ("grant execute on function pg_sleep(float8) to public", {"privileges of:pg_catalog.pg_sleep(double precision)"}),
    "a grant on a column of a system table": ("revoke select (rolname) on pg_authid from keeper", {"privileges of:pg_catalog.pg_authid.rolname"}),
    "default privileges": ("alter default privileges in schema sales revoke execute on functions from keeper", {"default privileges:postgres in sales for f"}),
    "an owner": ("alter table sales.orders owner to postgres", {"table:sales.orders", "sequence:sales.orders_id_seq"}),
    "the owner of a schema": ('alter schema "Odd Name" owner to keeper', {'schema:"Odd Name"'}),
    "the content of a large object": ("select lo_put(70001, 0, 'ONE')", {"rows:large objects"}),
    "a grant on a large object": ("revoke select on large object 70002 from keeper", {"large object:70002"}),
    "the owner of a large object": ("alter large object 70003 owner to postgres", {"large object:70003"}),
    "a comment on a large object": ("comment on large object 70003 is null", {"comment:large object 70003"}),
    "a large object": ("select lo_unlink(70004)", {"large object:70004"}),
    "an extension's version": ("drop extension citext; create extension citext version '1.5'", {"extension:citext", "privileges of:public.citext_hash_extended(public.citext,bigint)"}),
    "a role's right": ("alter role keeper nocreatedb", {"role:keeper"}),
    "a role's end": ("alter role reader valid until 'infinity'", {"role:reader"}),
    "a role's connection limit": ("alter role reader connection limit -1", {"role:reader"}),
    "a role's password": ("alter role keeper password null", {"role:keeper"}),
    "a membership": ("revoke keeper from member", {"membership:member in keeper, granted by postgres"}),
    "an admin option": ("revoke admin option for keeper from reader", {"membership:reader in keeper, granted by postgres"}),
    "a role's setting": ("alter role keeper reset all", {"settings:role keeper in every database"}),
    "a role's setting in a database": ("alter role keeper in database app reset all", {"settings:role keeper in database app"}),
    "a database's setting": ("alter database app reset timezone", {"settings:every role in database app"}),
    "a database's connection limit": ("alter database app connection limit -1", {"database:app"}),
    "a template's flag": ("alter database pattern is_template false", {"database:pattern"}),
    "a setting of another database": ("alter database other reset work_mem", {"settings:every role in database other"}),
    "a dependence on an extension": ("alter index sales.by_code no depends on extension hstore", {"dependence on an extension:sales.by_code on hstore"}),
    "parameters of out-of-line values": ("alter table sales.plain reset (toast.autovacuum_enabled)", {"table:sales.plain"}),
    "a database's grant": ("grant connect on database app to public", {"database:app"}),
}  # fmt: skip


@pytest.fixture(scope="module")
def store() -> PostgreSQLStore:
    return postgresql(prepare=[f"{_RUN} {_ASSETS / 'everything.sql'}", f"{_RUN} {_ASSETS / 'more.sql'}"])


@pytest.fixture(scope="module")
def family(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recovery]:
    own = Recovery(
        RecoveryPolicy(), tmp_path_factory.mktemp("project"), today=date(2026, 11, 23), record=lambda verdict: verdict
    )
    yield own
    own.close()


@pytest.fixture(scope="module")
def altered(family: Recovery, store: PostgreSQLStore, tmp_path_factory: pytest.TempPathFactory) -> Verdict:
    """The verdict over the restore that alters everything."""
    sql = tmp_path_factory.mktemp("sql") / "after.sql"
    sql.write_text("".join(f"{one};\n" for one, _ in ALTERED.values()), encoding="utf-8")
    return family.round_trip(store, by=procedure(_BACKUP, f"{_RESTORE}; {_RUN} {sql}"))


def findings(verdict: Verdict, subject: str) -> list[Finding]:
    return [one for one in verdict.findings if one.subject == subject]


@pytest.mark.xdist_group("altered")
@pytest.mark.parametrize("fault", ALTERED)
def test_altered_thing_is_named(altered: Verdict, fault: str) -> None:
    for subject in ALTERED[fault][1]:
        assert findings(altered, subject), altered.explain()
        assert all(one.status is Status.VIOLATED for one in findings(altered, subject))


@pytest.mark.xdist_group("altered")
def test_nothing_else_is_named(altered: Verdict) -> None:
    expected = set().union(*(subjects for _, subjects in ALTERED.values()))
    assert {one.subject for one in altered.findings} == expected


@pytest.mark.xdist_group("altered")
def test_same_restore_without_alterations_is_met(family: Recovery, store: PostgreSQLStore) -> None:
    verdict = family.round_trip(store, by=procedure(_BACKUP, _RESTORE))
    assert verdict.status is Status.MET, verdict.explain()


@pytest.mark.xdist_group("altered")
def test_message_names_table_key_column_old_and_new(altered: Verdict) -> None:
    (found,) = findings(altered, "rows:sales.plain")
    assert "sales.plain row id=1: note was '' and came back as NULL" in found.message


@pytest.mark.xdist_group("altered")
def test_secrets_are_never_shown(altered: Verdict) -> None:
    told = altered.explain() + repr([dict(one.detail) for one in altered.findings])
    assert not any(secret in told for secret in ("topsecret", "wrongsecret", "hidden", "SCRAM-SHA", "password=other"))
