"""What only works if a restored database behaves: next ids, refused roles, references that hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_devsecops.core.findings import Finding
from pytest_devsecops.recovery.model import Behaviours
from pytest_devsecops.recovery.stores.postgresql.server import driver

if TYPE_CHECKING:
    import psycopg

#: Columns with a sequence of their own (serial or identity), that hold whole numbers.
_OWNED = """
select d.objid::regclass::text, d.refobjid::regclass::text, quote_ident(a.attname)
from pg_catalog.pg_depend d
join pg_catalog.pg_class s on s.oid = d.objid and s.relkind = 'S'
join pg_catalog.pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
where d.classid = 'pg_catalog.pg_class'::regclass and d.refclassid = 'pg_catalog.pg_class'::regclass
  and d.deptype in ('a', 'i') and d.refobjsubid > 0
  and exists (select from pg_catalog.pg_index i where i.indrelid = d.refobjid and i.indisunique and i.indnatts = 1 and i.indkey[0] = a.attnum)
order by 1 limit 50
"""
_FORBIDDEN = """
select r.rolname::text, c.oid::regclass::text from pg_catalog.pg_roles r cross join pg_catalog.pg_class c
where r.oid >= 16384 and not r.rolsuper and c.relkind = 'r' and c.oid >= 16384
  and c.relnamespace not in (select oid from pg_catalog.pg_namespace where nspname ~ '^pg_')
  and not has_any_column_privilege(r.oid, c.oid, 'select')
order by 1, 2 limit 50
"""
_REFERENCES = """
select k.conname::text, k.conrelid::regclass::text, quote_ident(a.attname), k.confrelid::regclass::text, quote_ident(b.attname)
from pg_catalog.pg_constraint k
join pg_catalog.pg_attribute a on a.attrelid = k.conrelid and a.attnum = k.conkey[1]
join pg_catalog.pg_attribute b on b.attrelid = k.confrelid and b.attnum = k.confkey[1]
where k.contype = 'f' and cardinality(k.conkey) = 1 and a.atttypid in (20, 21, 23) and k.conparentid = 0
  and not exists (select from pg_catalog.pg_trigger g where g.tgconstraint = k.oid and g.tgenabled not in ('O', 'A'))
order by 1 limit 50
"""


def try_behaviours(connection: psycopg.Connection[Any]) -> Behaviours:
    """Try what the catalogs alone cannot promise; everything is rolled back but sequences.

    Args:
        connection: a superuser's connection that does not commit by itself.
    """
    findings: list[Finding] = []
    tried = 1
    for sequence, table, column in connection.execute(_OWNED).fetchall():
        tried += 1
        findings.extend(_next_id(connection, sequence, table, column))
    for role, table in connection.execute(_FORBIDDEN).fetchall():
        tried += 1
        state = _state_of(connection, f"set local role {_quoted(role)}", f"select from {table} limit 1")
        if state is None:
            message = f"role {role} may read {table}, although nothing grants it"
            findings.append(
                Finding("not-refused", f"role:{role}", message, fix="look at the schema's and the role's rights")
            )
    for name, table, column, parent, key in connection.execute(_REFERENCES).fetchall():
        tried += 1
        if _accepts_a_dangling_reference(connection, table, column, parent, key):
            message = f"{table} accepts a reference to a row of {parent} that does not exist: {name} does not hold"
            findings.append(
                Finding("reference-not-enforced", f"constraint:{name}", message, fix="enable its triggers, validate it")
            )
    connection.rollback()
    return Behaviours(tried, tuple(findings))


def taken_ids(connection: psycopg.Connection[Any]) -> frozenset[str]:
    """Return the subjects of sequences whose next value is taken already, without using the value up."""
    taken = set()
    for sequence, table, column in connection.execute(_OWNED).fetchall():
        found = connection.execute(
            f"select exists (select from {table} where {column} = (select s.last_value + case when s.is_called"
            f" then (select seqincrement from pg_catalog.pg_sequence where seqrelid = '{sequence}'::regclass) else 0 end from {sequence} s))"
        ).fetchone()
        if found == (True,):
            taken.add(f"sequence:{sequence}")
    return frozenset(taken)


def _accepts_a_dangling_reference(
    connection: psycopg.Connection[Any], table: str, column: str, parent: str, key: str
) -> bool:
    module = driver()
    dangling = f"(select coalesce(max({key}) + 1, 1) from {parent})"
    try:
        with connection.transaction(force_rollback=True):
            # A trigger of the user may skip or change the update; then nothing was tried.
            changed = connection.execute(
                f"update {table} set {column} = {dangling} where ctid = (select ctid from only {table} limit 1)"
                f" returning {column} = {dangling}"
            ).fetchone()
            connection.execute("set constraints all immediate")
    except module.Error:
        return False
    return changed == (True,)


def _next_id(connection: psycopg.Connection[Any], sequence: str, table: str, column: str) -> list[Finding]:
    module = driver()
    try:
        with connection.transaction():
            found = connection.execute(
                # Names of the user's columns must not catch ours.
                f"select x.v, exists (select from {table} t where t.{column} = x.v) from nextval('{sequence}') x(v)"
            ).fetchone()
    except module.Error as error:
        message = f"an insert into {table} gets no next {column}: {str(error).strip()}"
        return [Finding("no-next-id", f"sequence:{sequence}", message, fix="restore the sequence with its value")]
    if found is None or not found[1]:
        return []
    message = f"the next insert into {table} would get {column} = {found[0]}, which exists already"
    return [Finding("next-id-taken", f"sequence:{sequence}", message, fix="restore the sequence's value (setval)")]


def _state_of(connection: psycopg.Connection[Any], *statements: str) -> str | None:
    """Run statements and undo them; return the SQLSTATE of their error, or None if they worked."""
    module = driver()
    try:
        with connection.transaction(force_rollback=True):
            for one in statements:
                connection.execute(one.encode())
    except module.Error as error:
        return error.sqlstate or "unknown"
    return None


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
