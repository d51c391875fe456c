"""What only works if a restored database behaves: next ids, refused accounts, references that hold."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from pytest_devsecops.core.findings import Finding
from pytest_devsecops.recovery.model import Behaviours, RecoveryError
from pytest_devsecops.recovery.stores.mariadb.accounts import account_name, accounts
from pytest_devsecops.recovery.stores.mariadb.rechecking import references
from pytest_devsecops.recovery.stores.mariadb.rows import Table, not_system, tables
from pytest_devsecops.recovery.stores.mariadb.server import literal_name
from pytest_devsecops.recovery.stores.mariadb.session import Session, number_of, quoted

_LIMIT = 40
_SCRATCH = "devsecops_scratch"
#: A view whose definer may not do what it says; access denied; the definer is no account in force.
_REFUSED = frozenset({1142, 1143, 1356, 1370, 1449})
#: To whom is granted what every account may do.
_PUBLIC = "PUBLIC"
_NUMBERS = frozenset({"tinyint", "smallint", "mediumint", "int", "bigint"})


def try_behaviours(session: Session) -> Behaviours:
    """Try what the catalogs alone cannot promise; what is written for that is undone."""
    ids = _next_ids(session)
    refused = _refused(session)
    held = _references(session)
    tried = 1 + len(ids) + len(refused) + len(held)
    return Behaviours(tried, tuple(one for one in [*ids, *refused, *held] if one is not None))


def _next_ids(session: Session) -> list[Finding | None]:
    """Compare the next automatic id of each table with the ids that exist."""
    statement = (
        "select c.table_schema, c.table_name, c.column_name, t.auto_increment from information_schema.columns c"
        " join information_schema.tables t using (table_schema, table_name)"
        f" where c.extra like '%auto_increment%' and t.auto_increment is not null and {not_system('c.table_schema')}"
        f" order by 1, 2 limit {_LIMIT}"
    )
    found: list[Finding | None] = []
    for database, table, column, following in session.rows(statement):
        place = f"{quoted(str(database))}.{quoted(str(table))}"
        taken = session.value(f"select max({quoted(str(column))}) >= {following} from {place}") == "1"
        message = f"the next insert into {database}.{table} would get {column} = {following}, which exists already"
        fix = "restore the table's AUTO_INCREMENT"
        found.append(Finding("next-id-taken", f"auto increment:{table}", message, fix=fix) if taken else None)
    return found


def _refused(session: Session) -> list[Finding | None]:
    """Read tables with the rights of accounts that have none on them: a view works with its definer's rights."""
    granted = _granted(session)
    found: list[Finding | None] = []
    session.rows(f"create database if not exists {_SCRATCH}")
    try:
        for user, host, role in accounts(session):
            name = account_name(user, host)
            if role:
                continue
            for table in tables(session):
                if len(found) < _LIMIT and not granted.covers(name, table):
                    found.append(_reads(session, user, host, table.quoted))
    finally:
        session.rows(f"drop database {_SCRATCH}")
    return found


def _reads(session: Session, user: str, host: str, table: str) -> Finding | None:
    definer = f"{literal_name(user)}@{literal_name(host)}"
    try:
        session.rows(
            f"create or replace definer = {definer} sql security definer view {_SCRATCH}.v as select 1 from {table}"
        )
        session.rows(f"select * from {_SCRATCH}.v limit 0")
    except RecoveryError as error:
        if number_of(error) in _REFUSED:
            return None
        raise
    message = f"account {user}@{host} may read {table}, although nothing grants it"
    return Finding("not-refused", f"user:{user}@{host}", message, fix="look at what is granted to PUBLIC and to it")


@dataclass(frozen=True, slots=True)
class _Granted:
    """What may be read somehow.

    Attributes:
        everywhere: accounts that may read every database.
        databases: accounts with the databases that they may read, which a grant names by a pattern.
        tables: accounts with the quoted tables of which they may read something.
    """

    everywhere: frozenset[str]
    databases: tuple[tuple[str, re.Pattern[str]], ...]
    tables: frozenset[tuple[str, str]]

    def covers(self, account: str, table: Table) -> bool:
        """Tell whether a grant to an account, or to all of them, lets it read something of a table."""
        who = (account, _PUBLIC)
        return (
            any(one in self.everywhere or (one, table.quoted) in self.tables for one in who)
            or any(one in who and pattern.fullmatch(table.database) for one, pattern in self.databases)
        )  # fmt: skip


def _granted(session: Session) -> _Granted:
    def found(columns: str, level: str) -> Iterator[tuple[str, ...]]:
        statement = (
            f"select grantee, {columns} from information_schema.{level}_privileges where privilege_type = 'SELECT'"
        )
        for grantee, *place in session.rows(statement):
            yield str(grantee).replace("'@'", "@").strip("'").removesuffix("@"), *map(str, place)

    named = "table_schema, table_name"
    return _Granted(
        frozenset(account for account, _ in found("'*'", "user")),
        tuple((account, _like(database)) for account, database in found("table_schema", "schema")),
        frozenset(
            (account, f"{quoted(database)}.{quoted(table)}")
            for level in ("table", "column")
            for account, database, table in found(named, level)
        ),
    )


def _like(pattern: str) -> re.Pattern[str]:
    """Return what the database's name of a grant matches: it has the wildcards of LIKE."""
    parts = (
        re.escape(one[1:]) if len(one) > 1 else {"%": ".*", "_": "."}.get(one, re.escape(one))
        for one in re.findall(r"\\.|.", pattern, re.DOTALL)
    )
    return re.compile("".join(parts), re.DOTALL)


def _references(session: Session) -> list[Finding | None]:
    """Let a row refer to nothing: the server has to refuse it. Tables with triggers are left alone."""
    triggered = {
        (str(database), str(table))
        for database, table in session.rows(
            "select distinct event_object_schema, event_object_table from information_schema.triggers"
        )
    }
    found: list[Finding | None] = []
    for (database, table, name), pairs in list(references(session).items())[:_LIMIT]:
        column, parent_database, parent, other = pairs[0]
        place, above = f"{quoted(database)}.{quoted(table)}", f"{quoted(parent_database)}.{quoted(parent)}"
        numeric = _kind(session, database, table, column) in _NUMBERS
        if len(pairs) > 1 or (database, table) in triggered or not numeric:
            continue
        # One more than the highest id, computed first: MySQL reads no table inside an update of itself.
        following = session.value(f"select coalesce(max({quoted(other)}), 0) + 1 from {above}")
        if not session.rows(f"select 1 from {place} limit 1"):
            continue
        error = session.refusal(f"update {place} set {quoted(column)} = {following} limit 1")
        message = (
            f"{database}.{table} accepts a reference to a row of {parent} that does not exist: {name} does not hold"
        )
        fix = "restore with foreign_key_checks on, or check the references afterwards"
        found.append(Finding("reference-not-enforced", f"table:{table}", message, fix=fix) if error == 0 else None)
    return found


def _kind(session: Session, database: str, table: str, column: str) -> str | None:
    return session.value(
        "select lower(data_type) from information_schema.columns where"
        f" table_schema = {literal_name(database)} and table_name = {literal_name(table)}"
        f" and column_name = {literal_name(column)}"
    )
