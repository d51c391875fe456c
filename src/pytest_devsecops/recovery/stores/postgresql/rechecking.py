"""Constraints and indexes, checked again over the rows that came back.

A constraint in the catalogs is a claim. Rows that were loaded with triggers off, tables that were
dumped at different moments and files that were copied while they changed can all break it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from pytest_devsecops.core.findings import Finding, Status
from pytest_devsecops.core.text import counted
from pytest_devsecops.recovery.model import Behaviours
from pytest_devsecops.recovery.stores.postgresql.behaviour import taken_ids, try_behaviours
from pytest_devsecops.recovery.stores.postgresql.server import Server, driver
from pytest_devsecops.recovery.stores.postgresql.snapshotting import AT_ONCE, databases
from pytest_devsecops.recovery.stores.postgresql.unchanged import indexes

if TYPE_CHECKING:
    import psycopg

#: Validated foreign keys as an anti-join, with the operators that the constraint itself uses (MATCH SIMPLE).
_REFERENCES = """
select k.conname || ' on ' || k.conrelid::regclass, k.conrelid::regclass::text, k.confrelid::regclass::text,
  format('select count(*) from %s c where %s and not exists (select from %s p where %s)',
    case r.relkind when 'r' then 'only ' else '' end || k.conrelid::regclass,
    (select string_agg(format('c.%I is not null', a.attname), ' and ') from pg_catalog.pg_attribute a where a.attrelid = k.conrelid and a.attnum = any (k.conkey)),
    case f.relkind when 'r' then 'only ' else '' end || k.confrelid::regclass,
    (select string_agg(format('p.%I operator(%I.%s) c.%I', b.attname, n.nspname, o.oprname, a.attname), ' and ')
     from unnest(k.conkey, k.confkey, k.conpfeqop) u(own, other, op)
     join pg_catalog.pg_attribute a on a.attrelid = k.conrelid and a.attnum = u.own
     join pg_catalog.pg_attribute b on b.attrelid = k.confrelid and b.attnum = u.other
     join pg_catalog.pg_operator o on o.oid = u.op join pg_catalog.pg_namespace n on n.oid = o.oprnamespace))
from pg_catalog.pg_constraint k join pg_catalog.pg_class r on r.oid = k.conrelid join pg_catalog.pg_class f on f.oid = k.confrelid
where k.contype = 'f' and k.convalidated and k.conparentid = 0 order by 1
"""
#: Validated checks: what is not true and not NULL breaks them.
_CHECKS = """
select k.conname || ' on ' || k.conrelid::regclass, k.conrelid::regclass::text, null,
  format('select count(*) from only %s where not (%s)', k.conrelid::regclass, pg_get_expr(k.conbin, k.conrelid))
from pg_catalog.pg_constraint k join pg_catalog.pg_class r on r.oid = k.conrelid
where k.contype = 'c' and k.convalidated and r.relkind = 'r' and k.oid >= 16384 order by 1
"""
_COLLATIONS = """
select 'collation ' || c.oid::regcollation, c.collversion, pg_collation_actual_version(c.oid) from pg_catalog.pg_collation c
where c.collversion is distinct from pg_collation_actual_version(c.oid) and c.collversion is not null
"""
_DATABASE_COLLATION = """
select 'database ' || datname, datcollversion, pg_database_collation_actual_version(oid) from pg_catalog.pg_database
where datname = current_database() and datcollversion is not null and datcollversion is distinct from pg_database_collation_actual_version(oid)
"""
_AMCHECK = "select quote_ident(n.nspname) from pg_catalog.pg_extension e join pg_catalog.pg_namespace n on n.oid = e.extnamespace where e.extname = 'amcheck'"


def try_everything(server: Server, first: str, *, physical: bool, proven: Mapping[str, Collection[str]]) -> Behaviours:
    """Try what a restored cluster has to do, and check every database's constraints again.

    Args:
        server: the running server.
        first: the store's own database.
        physical: whether its files were copied, so that indexes can be out of step with tables.
        proven: by the prefix of the database, the indexes that match their tables for certain.
    """

    def tried_in(database: str) -> Behaviours:
        findings: list[Finding] = []
        tried = 0
        with server.connect(database, autocommit=False) as connection:
            if database == first:
                own = try_behaviours(connection)
                tried = own.tried
                findings.extend(own.findings)
            findings.extend(broken_constraints(connection))
            findings.extend(other_collations(connection))
            if physical:
                known = proven.get("" if database == first else f"{database}:", ())
                findings.extend(damaged_indexes(connection, [one for one in indexes(connection) if one not in known]))
            connection.rollback()
        return Behaviours(tried, tuple(findings))

    names = databases(server, first)
    with ThreadPoolExecutor(min(len(names), AT_ONCE)) as pool:
        found = list(pool.map(tried_in, names))
    return Behaviours(sum(one.tried for one in found), tuple(finding for one in found for finding in one.findings))


def misbehaving(server: Server, first: str) -> frozenset[str]:
    """Return the subjects of what does not behave in a prepared cluster, and change nothing."""
    found: set[str] = set()
    for database in databases(server, first):
        with server.connect(database, autocommit=False) as connection:
            found.update(one.subject for one in broken_constraints(connection))
            found.update(one.subject for one in other_collations(connection))
            if database == first:
                found.update(taken_ids(connection))
            connection.rollback()
    return frozenset(found)


def broken_constraints(connection: psycopg.Connection[Any]) -> Iterator[Finding]:
    """Return the validated foreign keys and checks that rows do not satisfy."""
    for name, table, parent, statement in [
        *connection.execute(_REFERENCES).fetchall(),
        *connection.execute(_CHECKS).fetchall(),
    ]:
        found = _count(connection, statement)
        if isinstance(found, str):
            message = f"constraint {name} of {table} could not be checked again: {found}"
            fix = "make it hold without the settings of one session, or name it in ignore={…} with the reason"
            yield Finding("constraint-unexamined", f"constraint:{name}", message, fix=fix, status=Status.UNVERIFIED)
            continue
        if not found:
            continue
        what = f"refer to rows of {parent} that are not there" if parent else "do not satisfy it"
        message = f"constraint {name} does not hold: {counted(found, 'row')} of {table} {what}"
        fix = "dump all tables in one snapshot, and load them with triggers and checks on"
        yield Finding("constraint-broken", f"constraint:{name}", message, fix=fix)


def other_collations(connection: psycopg.Connection[Any]) -> Iterator[Finding]:
    """Return the collations whose recorded version is not the one of this machine: their indexes may be wrong."""
    for statement in (_COLLATIONS, _DATABASE_COLLATION):
        for name, recorded, actual in _rows(connection, statement):
            message = f"{name} was made with version {recorded} of its rules, this machine has {actual}: its indexes may be out of order"
            yield Finding(
                "collation-version", name.replace(" ", ":", 1), message, fix="reindex, then ALTER … REFRESH VERSION"
            )


def damaged_indexes(connection: psycopg.Connection[Any], doubtful: list[str]) -> Iterator[Finding]:
    """Return the B-tree indexes that do not match their tables, as ``amcheck`` sees them; without it, that nobody looked."""
    if not doubtful:
        return
    module = driver()
    try:
        with connection.transaction(force_rollback=True):
            place = connection.execute(_AMCHECK).fetchone()
            if place is None:
                place = ("devsecops_amcheck",)
                connection.execute("create schema devsecops_amcheck")
                connection.execute("create extension amcheck schema devsecops_amcheck")
            for index in doubtful:
                problem = _index_problem(connection, place[0], index)
                if problem:
                    message = f"index {index} is damaged: {problem}"
                    fix = "copy a data directory only with its backup label and all of its log"
                    yield Finding("index-damaged", f"index:{index}", message, fix=fix)
    except module.Error as error:
        message = f"whether indexes match their tables is not known: {str(error).strip().splitlines()[0]}"
        fix = "install the extension amcheck (postgresql-contrib) where the drill runs"
        yield Finding("indexes-unexamined", "indexes", message, fix=fix, status=Status.UNVERIFIED)


def _index_problem(connection: psycopg.Connection[Any], place: str, index: str) -> str:
    module = driver()
    try:
        with connection.transaction():
            connection.execute(f"select {place}.bt_index_check(%s::regclass, true)", (index,))
    except module.Error as error:
        return str(error).strip().splitlines()[0]
    return ""


def _count(connection: psycopg.Connection[Any], statement: str) -> int | str:
    """Return how many rows break a constraint, or why that cannot be told."""
    module = driver()
    try:
        with connection.transaction():
            found = connection.execute(statement.encode()).fetchone()
    except module.Error as error:
        return str(error).strip().splitlines()[0]
    return int(found[0]) if found else 0


def _rows(connection: psycopg.Connection[Any], statement: str) -> list[tuple[Any, ...]]:
    module = driver()
    try:
        with connection.transaction():
            return connection.execute(statement.encode()).fetchall()
    except module.Error:
        # A column that an older server does not have: it records no such version.
        return []
