"""Reading everything that the system catalogs tell, generically, with names instead of numbers."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from pytest_devsecops.recovery.stores.postgresql.catalogs import CATALOGS, SHARED, SYSTEM_ACLS, WORDS, Catalog
from pytest_devsecops.recovery.stores.postgresql.server import OUR_NAMES, SUPERUSER

if TYPE_CHECKING:
    import psycopg

LEDGER, PROBE = "devsecops_ledger", "devsecops_probe"
Named = dict[str, dict[str, str | None]]

_OTHERS: dict[str, str] = {
    "prepared transaction": "select gid, jsonb_build_object('owner', owner, 'database', database) from pg_catalog.pg_prepared_xacts",
    "replication slot": "select slot_name::text, jsonb_build_object('plugin', plugin, 'type', slot_type, 'database', database) from pg_catalog.pg_replication_slots where not temporary",
}
_INTERNAL_TRIGGERS = """
select coalesce(k.conname || ' on ' || k.conrelid::regclass::text, t.tgfoid::regproc::text) || ' at ' || t.tgrelid::regclass::text,
       jsonb_build_object('states', jsonb_agg(distinct t.tgenabled order by t.tgenabled))
from pg_catalog.pg_trigger t left join pg_catalog.pg_constraint k on k.oid = t.tgconstraint
where t.tgisinternal group by 1
"""
_DEPENDS = """
select (pg_identify_object(d.classid, d.objid, d.objsubid)).identity || ' on ' || e.extname, '{}'::jsonb
from pg_catalog.pg_depend d join pg_catalog.pg_extension e on e.oid = d.refobjid
where d.refclassid = 'pg_catalog.pg_extension'::regclass and d.deptype = 'x'
"""
#: Grants on columns of system tables that ``initdb`` did not make; those of other tables are their columns' own.
_SYSTEM_COLUMNS = """
select (pg_identify_object('pg_catalog.pg_class'::regclass, a.attrelid, a.attnum)).identity, a.attacl::text[]
from pg_catalog.pg_attribute a left join pg_catalog.pg_init_privs p
  on p.classoid = 'pg_catalog.pg_class'::regclass and p.objoid = a.attrelid and p.objsubid = a.attnum
where a.attrelid < 16384 and a.attacl is not null and a.attacl is distinct from p.initprivs
"""
_MEMBERS = "select classid::regclass::text, objid::text from pg_catalog.pg_depend where deptype = 'e'"
#: Settings of the cluster's own files; what only describes this one directory is no setting.
_SETTINGS = """
select name, jsonb_build_object('value', setting) from pg_catalog.pg_file_settings f
where applied and not exists (select from pg_catalog.pg_file_settings l where l.name = f.name and l.seqno > f.seqno)
"""


class CatalogReader:
    """Reads the catalogs of one database.

    Args:
        connection: a superuser's connection inside a snapshot.
        prefix: what comes before the names of things, such as ``other:``; empty for the store's own database.
    """

    def __init__(self, connection: psycopg.Connection[Any], prefix: str) -> None:
        self._connection = connection
        self._prefix = prefix
        self._references = self._read_references()
        self._members = set(connection.execute(_MEMBERS).fetchall())
        self._columns = self._read_columns()
        self._names: dict[tuple[str, str], str] = {}

    def database(self) -> dict[str, Named]:
        """Return everything of this database by kind and name."""
        things: dict[str, Named] = {}
        for catalog in CATALOGS:
            self._read(catalog, things)
        for kind, statement in (("enforcement", _INTERNAL_TRIGGERS), ("dependence on an extension", _DEPENDS)):
            for name, properties in self._connection.execute(statement).fetchall():
                self._add(things, kind, name, properties)
        self._system_privileges(things)
        return {kind: {self._prefix + name: one for name, one in names.items()} for kind, names in things.items()}

    def cluster(self) -> dict[str, Named]:
        """Return what all databases share: roles, memberships, settings, tablespaces and the rest."""
        things: dict[str, Named] = {}
        for catalog in SHARED:
            self._read(catalog, things)
        for kind, statement in {**_OTHERS, "server setting": _SETTINGS}.items():
            for name, properties in self._connection.execute(statement).fetchall():
                if not (kind == "server setting" and name in OUR_NAMES):
                    self._add(things, kind, name, properties)
        # The password of the drill's own superuser was made for this cluster.
        things.get("role", {}).get(SUPERUSER, {}).pop("password", None)
        return things

    def _read(self, catalog: Catalog, things: dict[str, Named]) -> None:
        columns = self._columns.get(catalog.table)
        if columns is None:
            # An older server does not have this catalog, so it holds nothing.
            return
        own = "oid" in columns
        name = catalog.name or "(pg_identify_object(c.tableoid, c.oid, 0)).identity"
        kind = catalog.kind if catalog.kind.startswith("case") else f"'{catalog.kind}'"
        extras = ", ".join(f"'{label}', {expression}" for label, expression in catalog.extra)
        acl = _acl_expression(catalog)
        statement = (
            f"select {kind}, {name}, {'c.oid::text' if own else 'null'}, to_jsonb(c), jsonb_build_object({extras}), {acl}"
            f" from pg_catalog.{catalog.table} c where {catalog.condition}"
        )
        found = self._connection.execute(statement).fetchall()
        rows = [row for row in found if (catalog.table, row[2]) not in self._members]
        self._resolve(catalog.table, [row[3] for row in rows])
        left_out = {"oid", *catalog.leave_out, *((catalog.acl[0],) if catalog.acl else ())}
        for kind_name, identity, _, raw, extra, privileges in rows:
            properties = {
                key: self._named(catalog.table, key, value) for key, value in raw.items() if key not in left_out
            }
            for secret in catalog.secret:
                properties[secret] = _digest(properties.get(secret))
            properties.update({key: value for key, value in extra.items() if value is not None})
            if catalog.acl:
                properties["privileges"] = sorted(privileges or [])
            if kind_name == "index":
                # An index belongs to whom its table belongs to.
                properties = {key: value for key, value in properties.items() if key not in ("relowner", "privileges")}
            self._add(things, kind_name, identity, properties)

    def _add(self, things: dict[str, Named], kind: str, name: str | None, properties: Mapping[str, Any]) -> None:
        shown = name or "(unnamed)"
        if LEDGER in shown or PROBE in shown or (kind == "comment" and LEDGER in shown):
            return
        things.setdefault(kind, {})[shown] = {_word(key): _text(value) for key, value in properties.items()}

    def _system_privileges(self, things: dict[str, Named]) -> None:
        """Add grants on objects that ``initdb`` or an extension made, where somebody changed them."""
        for table, column in SYSTEM_ACLS:
            statement = (
                f"select (pg_identify_object(c.tableoid, c.oid, 0)).identity, c.{column}::text[]"
                f" from pg_catalog.{table} c left join pg_catalog.pg_init_privs p"
                f" on p.objoid = c.oid and p.classoid = c.tableoid and p.objsubid = 0"
                f" where c.{column} is distinct from p.initprivs and (c.oid < 16384 or exists"
                f" (select from pg_catalog.pg_depend d where d.classid = c.tableoid and d.objid = c.oid and d.deptype = 'e'))"
            )
            for identity, privileges in self._connection.execute(statement).fetchall():
                if identity != "public":
                    self._add(things, "privileges of", identity, {"privileges": sorted(privileges or [])})
        for identity, privileges in self._connection.execute(_SYSTEM_COLUMNS).fetchall():
            self._add(things, "privileges of", identity, {"privileges": sorted(privileges)})

    def _read_references(self) -> dict[tuple[str, str], str]:
        found = self._connection.execute(
            "select fktable::text, fkcols[1], pktable::text from pg_catalog.pg_get_catalog_foreign_keys()"
            " where cardinality(fkcols) = 1 and pktable <> 'pg_catalog.pg_attribute'::regclass"
        ).fetchall()
        return {(_bare(table), column): _bare(target) for table, column, target in found}

    def _read_columns(self) -> dict[str, set[str]]:
        found = self._connection.execute(
            "select c.relname::text, array_agg(a.attname::text) from pg_catalog.pg_class c join pg_catalog.pg_attribute a"
            " on a.attrelid = c.oid where c.relnamespace = 'pg_catalog'::regnamespace and c.relkind = 'r' group by 1"
        ).fetchall()
        return {table: set(columns) for table, columns in found}

    def _resolve(self, table: str, rows: list[dict[str, Any]]) -> None:
        """Ask the server once per catalog for the names of all numbers in ``rows``."""
        wanted: dict[str, set[str]] = {}
        for row in rows:
            for column, value in row.items():
                target = self._references.get((table, column))
                if target:
                    wanted.setdefault(target, set()).update(
                        one for one in _numbers(value) if (target, one) not in self._names
                    )
        for target, numbers in wanted.items():
            statement = (
                "select n::text, (pg_identify_object(%s::regclass, n::oid, 0)).identity from unnest(%s::text[]) n"
            )
            found = self._connection.execute(statement, (f"pg_catalog.{target}", sorted(numbers))).fetchall()
            self._names.update({(target, number): name or "none" for number, name in found})

    def _named(self, table: str, column: str, value: object) -> object:
        target = self._references.get((table, column))
        if target is None or value is None or (isinstance(value, str) and not value.replace(" ", "").isdigit()):
            # No reference, or one that the server writes as a name already (regproc).
            return value
        names = [self._names.get((target, number), "none") for number in _numbers(value)]
        return names if isinstance(value, list) else names[0] if names else "none"


def _acl_expression(catalog: Catalog) -> str:
    """Return the SQL for privileges with their default filled in: NULL and the default mean the same."""
    if catalog.acl is None:
        return "null"
    column, letter, owner = catalog.acl
    # The owner of a column's privileges does not matter: a column's default is empty.
    holder = owner if owner.endswith("::oid") else f"c.{owner}"
    return f'coalesce(c.{column}, acldefault(({letter})::"char", {holder}))::text[]'


def _numbers(value: object) -> Iterator[str]:
    parts = value if isinstance(value, list) else str(value or "").split()
    # A regproc column is text already, its name; zero stands for nothing.
    yield from (str(part) for part in parts if str(part).isdigit() and str(part) != "0")


def _word(column: str) -> str:
    return "owner" if column.endswith("owner") else WORDS.get(column, column)


def _bare(table: str) -> str:
    return table.rpartition(".")[2]


def _digest(value: object) -> str | None:
    # Options in an order that nobody chose; the digest only has to tell whether they are the same.
    same = sorted(map(str, value)) if isinstance(value, list) else value
    return None if value is None else f"(secret {hashlib.sha256(repr(same).encode()).hexdigest()[:12]})"


def _text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, list) and value and all(isinstance(one, str) and "=" in one for one in value):
        # Privileges and options: an order that nobody chose.
        value = sorted(value)
    return json.dumps(value, sort_keys=True, ensure_ascii=False)
