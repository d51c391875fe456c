"""Which system catalogs are compared, and how. One line per catalog; a new one is one more line.

Columns are read as they are. Those that name other objects by their number are resolved by the
server's own list of references (``pg_get_catalog_foreign_keys``); trees are replaced by their text.
What a column says about the physical state of this one cluster is left out, by name.
"""

from __future__ import annotations

from dataclasses import dataclass

#: Objects made by ``initdb`` have smaller numbers (src/include/access/transam.h).
_FIRST = 16384


@dataclass(frozen=True, slots=True)
class Catalog:
    """How one catalog is read.

    Attributes:
        table: the catalog.
        kind: what its rows are called, or an SQL expression over ``c`` if it starts with ``case``.
        where: which rows count.
        leave_out: columns that say nothing about what was there.
        extra: SQL expressions over ``c`` by the name that messages use.
        acl: the column with privileges and the letter (an expression) of their default, see ``acldefault``.
        name: SQL for the row's name; by default what ``pg_identify_object`` says.
        secret: columns whose values are only ever shown as a digest.
    """

    table: str
    kind: str
    where: str = ""
    leave_out: tuple[str, ...] = ()
    extra: tuple[tuple[str, str], ...] = ()
    acl: tuple[str, str, str] | None = None
    name: str = ""
    secret: tuple[str, ...] = ()

    @property
    def condition(self) -> str:
        """The SQL condition for the rows of the user."""
        return self.where or f"c.oid >= {_FIRST}"


_RELATION = (
    "case c.relkind when 'r' then 'table' when 'p' then 'table' when 'i' then 'index' when 'I' then 'index'"
    " when 'S' then 'sequence' when 'v' then 'view' when 'm' then 'materialized view' when 'f' then 'foreign table'"
    " else 'composite type' end"
)
_NOT_SYSTEM = "nspname !~ '^pg_(catalog|toast|temp|toast_temp)' and nspname <> 'information_schema'"
_IN_USER_SCHEMA = f"relnamespace in (select oid from pg_catalog.pg_namespace where {_NOT_SYSTEM})"
#: An index whose building failed serves nobody, and no dump brings it.
_FAILED = "exists (select from pg_catalog.pg_index i where i.indexrelid = {} and not i.indisvalid)"
#: What an extension puts into its families comes and goes with it.
_OWN_FAMILY = (
    f"c.oid >= {_FIRST} and not exists (select from pg_catalog.pg_depend d where d.classid = 'pg_catalog.pg_opfamily'::regclass"
    " and d.objid = {} and d.deptype = 'e')"
)
#: Hints that PostgreSQL sets lazily, numbers of files, statistics, transaction ids.
_PHYSICAL = (
    "relfilenode", "relpages", "reltuples", "relallvisible", "relallfrozen", "relfrozenxid", "relminmxid",
    "relhasindex", "relhasrules", "relhastriggers", "relhassubclass", "reltoastrelid", "reltype", "relrewrite",
    "relchecks", "relnatts", "relpartbound",
)  # fmt: skip

#: Per database.
CATALOGS = (
    Catalog(
        "pg_class", _RELATION, f"c.relkind <> 't' and not (c.relkind = 'i' and {_FAILED.format('c.oid')}) and c.{_IN_USER_SCHEMA}", _PHYSICAL,
        (
            ("definition", "case when c.relkind in ('v', 'm') then pg_get_viewdef(c.oid) when c.relkind in ('i', 'I') then pg_get_indexdef(c.oid) end"),
            ("parameters of its out-of-line values", "(select to_jsonb(o.reloptions) from pg_catalog.pg_class o where o.oid = c.reltoastrelid)"),
            ("partition bound", "pg_get_expr(c.relpartbound, c.oid)"),
            ("partition key", "case c.relkind when 'p' then pg_get_partkeydef(c.oid) end"),
            ("inherits", "(select jsonb_agg(i.inhparent::regclass::text order by i.inhseqno) from pg_catalog.pg_inherits i where i.inhrelid = c.oid)"),
            ("statistics targets", "case when c.relkind in ('i', 'I') then (select jsonb_agg(coalesce(a.attstattarget, -1) order by a.attnum) from pg_catalog.pg_attribute a where a.attrelid = c.oid) end"),
        ),
        ("relacl", "case c.relkind when 'S' then 's' else 'r' end", "relowner"),
    ),
    Catalog(
        "pg_attribute", "column",
        f"c.attnum > 0 and not c.attisdropped and exists (select from pg_catalog.pg_class r where r.oid = c.attrelid and r.relkind in ('r', 'p', 'v', 'm', 'f', 'c') and r.{_IN_USER_SCHEMA})",
        ("attnum", "attcacheoff", "attlen", "attbyval", "attalign", "atthasmissing", "attmissingval", "attinhcount", "attislocal", "atttypmod", "attisdropped", "atthasdef", "attname", "attrelid", "attstattarget", "attndims"),
        (
            ("type", "format_type(c.atttypid, c.atttypmod)"),
            ("position", "case when not exists (select from pg_catalog.pg_inherits i where i.inhrelid = c.attrelid) then (select count(*) from pg_catalog.pg_attribute o where o.attrelid = c.attrelid and o.attnum between 1 and c.attnum and not o.attisdropped) end"),
            ("default", "(select pg_get_expr(d.adbin, d.adrelid) from pg_catalog.pg_attrdef d where d.adrelid = c.attrelid and d.adnum = c.attnum)"),
            ("statistics target", "coalesce(c.attstattarget, -1)"),
        ),
        ("attacl", "'c'", "10::oid"),
        "c.attrelid::regclass::text || '.' || quote_ident(c.attname)",
    ),
    Catalog(
        "pg_constraint", "constraint", "",
        ("conbin", "conkey", "confkey", "conislocal", "coninhcount", "connoinherit", "conindid", "conparentid", "conpfeqop", "conppeqop", "conffeqop", "conexclop", "confdelsetcols"),
        (("definition", "pg_get_constraintdef(c.oid)"), ("no inherit", "case c.contype when 'c' then c.connoinherit end")),
    ),
    Catalog(
        "pg_index", "index state", f"exists (select from pg_catalog.pg_class r where r.oid = c.indexrelid and (c.indisvalid or r.relkind = 'I') and r.{_IN_USER_SCHEMA})",
        ("indcheckxmin", "indkey", "indexprs", "indpred", "indoption", "indclass", "indcollation", "indrelid", "indexrelid"),
        name="c.indexrelid::regclass::text",
    ),
    Catalog("pg_trigger", "trigger", f"not c.tgisinternal and c.oid >= {_FIRST}", ("tgqual", "tgattr", "tgargs", "tgparentid", "tgconstrindid"), (("definition", "pg_get_triggerdef(c.oid)"),)),
    Catalog("pg_rewrite", "rule", "c.rulename <> '_RETURN'", ("ev_qual", "ev_action"), (("definition", "pg_get_ruledef(c.oid)"),)),
    Catalog(
        "pg_proc", "function", "", ("prosqlbody", "proargdefaults", "proacl", "prosrc"),
        (("definition", "case when c.prokind <> 'a' then pg_get_functiondef(c.oid) end"), ("aggregate", "(select to_jsonb(a) - 'aggfnoid' from pg_catalog.pg_aggregate a where a.aggfnoid = c.oid)")),
        ("proacl", "'f'", "proowner"),
    ),
    Catalog(
        "pg_type", "type",
        f"c.oid >= {_FIRST} and (c.typrelid = 0 or exists (select from pg_catalog.pg_class r where r.oid = c.typrelid and r.relkind = 'c')) and not exists (select from pg_catalog.pg_type e where e.typarray = c.oid)",
        ("typarray", "typrelid", "typdefaultbin", "typacl"),
        (
            ("labels", "(select jsonb_agg(e.enumlabel order by e.enumsortorder) from pg_catalog.pg_enum e where e.enumtypid = c.oid)"),
            ("range of", "(select format_type(r.rngsubtype, null) from pg_catalog.pg_range r where r.rngtypid = c.oid)"),
            ("base type", "format_type(c.typbasetype, c.typtypmod)"),
        ),
        ("typacl", "'T'", "typowner"),
    ),
    Catalog("pg_namespace", "schema", f"c.{_NOT_SYSTEM}", acl=("nspacl", "'n'", "nspowner")),
    Catalog(
        "pg_policy", "policy", "", ("polqual", "polwithcheck"),
        (("using", "pg_get_expr(c.polqual, c.polrelid)"), ("with check", "pg_get_expr(c.polwithcheck, c.polrelid)")),
    ),
    Catalog(
        "pg_sequence", "sequence settings", "true", ("seqrelid",),
        (("owned by", "(select d.refobjid::regclass || '.' || quote_ident(a.attname) from pg_catalog.pg_depend d join pg_catalog.pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid where d.classid = 'pg_catalog.pg_class'::regclass and d.objid = c.seqrelid and d.refclassid = d.classid and d.deptype in ('a', 'i'))"),),
        name="c.seqrelid::regclass::text",
    ),
    Catalog("pg_statistic_ext", "extended statistics", "", ("stxkeys", "stxexprs"), (("definition", "pg_get_statisticsobjdef(c.oid)"),)),
    Catalog("pg_extension", "extension", "true", ("extconfig", "extcondition")),
    Catalog("pg_language", "language", "true", ("lanacl",), acl=("lanacl", "'l'", "lanowner")),
    Catalog("pg_event_trigger", "event trigger", ""),
    Catalog("pg_publication", "publication", ""),
    Catalog("pg_publication_rel", "published table", "", ("prqual", "prattrs"), (("rows", "pg_get_expr(c.prqual, c.prrelid)"), ("columns", "(select jsonb_agg(a.attname order by a.attname) from pg_catalog.pg_attribute a where a.attrelid = c.prrelid and a.attnum = any (c.prattrs))"))),
    Catalog("pg_publication_namespace", "published schema", ""),
    # A restored subscription is off until somebody turns it on: pg_dump makes it so on purpose.
    Catalog("pg_subscription", "subscription", "c.subdbid = (select oid from pg_catalog.pg_database where datname = current_database())", ("subenabled", "subskiplsn", "subdbid"), secret=("subconninfo",)),
    Catalog("pg_foreign_data_wrapper", "foreign data wrapper", "", acl=("fdwacl", "'F'", "fdwowner")),
    Catalog("pg_foreign_server", "foreign server", "", acl=("srvacl", "'S'", "srvowner")),
    Catalog("pg_foreign_table", "foreign table options", "true", name="c.ftrelid::regclass::text", leave_out=("ftrelid",)),
    Catalog("pg_user_mapping", "user mapping", "", secret=("umoptions",)),
    Catalog("pg_cast", "cast", ""),
    Catalog("pg_operator", "operator", ""),
    Catalog("pg_opclass", "operator class", ""),
    Catalog("pg_opfamily", "operator family", ""),
    Catalog("pg_amop", "operator of a family", _OWN_FAMILY.format("c.amopfamily"), ("amoplefttype", "amoprighttype")),
    Catalog("pg_amproc", "function of a family", _OWN_FAMILY.format("c.amprocfamily")),
    Catalog("pg_am", "access method", ""),
    Catalog("pg_collation", "collation", "", ("collversion",)),
    Catalog("pg_conversion", "conversion", ""),
    Catalog("pg_transform", "transform", ""),
    Catalog("pg_ts_config", "text search configuration", "", (), (("mapping", "(select jsonb_agg(jsonb_build_array(m.maptokentype, m.mapseqno, m.mapdict::regdictionary::text) order by m.maptokentype, m.mapseqno) from pg_catalog.pg_ts_config_map m where m.mapcfg = c.oid)"),)),
    Catalog("pg_ts_dict", "text search dictionary", ""),
    Catalog("pg_ts_parser", "text search parser", ""),
    Catalog("pg_ts_template", "text search template", ""),
    Catalog("pg_default_acl", "default privileges", "true", ("defaclrole", "defaclnamespace"), name="format('%s in %s for %s', c.defaclrole::regrole, case when c.defaclnamespace = 0 then 'every schema' else c.defaclnamespace::regnamespace::text end, c.defaclobjtype)"),
    Catalog("pg_largeobject_metadata", "large object", "true", name="c.oid::text", acl=("lomacl", "'L'", "lomowner")),
    Catalog("pg_description", "comment", f"(c.objoid >= {_FIRST} or c.classoid in ('pg_catalog.pg_namespace'::regclass, 'pg_catalog.pg_extension'::regclass, 'pg_catalog.pg_language'::regclass))", ("objoid", "classoid", "objsubid"), name="(pg_identify_object(c.classoid, c.objoid, c.objsubid)).type || ' ' || (pg_identify_object(c.classoid, c.objoid, c.objsubid)).identity"),
    Catalog("pg_seclabel", "security label", "true", ("objoid", "classoid", "objsubid"), name="c.provider || ' on ' || (pg_identify_object(c.classoid, c.objoid, c.objsubid)).identity"),
)  # fmt: skip

#: Of the whole cluster; read once, in any database.
SHARED = (
    Catalog("pg_authid", "role", "c.rolname !~ '^pg_'", secret=("rolpassword",), name="c.rolname::text"),
    Catalog("pg_auth_members", "membership", "(c.roleid >= 16384 or c.member >= 16384)", ("roleid", "member"), name="format('%s in %s, granted by %s', c.member::regrole, c.roleid::regrole, c.grantor::regrole)"),
    Catalog("pg_database", "database", "c.datname <> 'template0'", ("datlastsysoid", "datfrozenxid", "datminmxid", "datcollversion", "dathasloginevt"), acl=("datacl", "'d'", "datdba"), name="c.datname::text"),
    Catalog("pg_tablespace", "tablespace", "true", acl=("spcacl", "'t'", "spcowner"), name="c.spcname::text"),
    Catalog("pg_db_role_setting", "settings", "true", ("setrole", "setdatabase"), name="format('%s in %s', case when c.setrole = 0 then 'every role' else 'role ' || c.setrole::regrole end, coalesce((select 'database ' || datname from pg_catalog.pg_database where oid = c.setdatabase), 'every database'))"),
    Catalog("pg_shdescription", "comment", "c.objoid >= 16384 or c.objoid in (select oid from pg_catalog.pg_database)", ("objoid", "classoid"), name="(pg_identify_object(c.classoid, c.objoid, 0)).type || ' ' || (pg_identify_object(c.classoid, c.objoid, 0)).identity"),
    Catalog("pg_shseclabel", "security label", "true", ("objoid", "classoid"), name="c.provider || ' on ' || (pg_identify_object(c.classoid, c.objoid, 0)).identity"),
    Catalog("pg_parameter_acl", "privileges of a parameter", "true", name="c.parname"),
    Catalog("pg_replication_origin", "replication origin", "c.roname !~ '^pg_[0-9]+$'", ("roident",), name="c.roname"),
)  # fmt: skip

#: What messages call the columns that people know by other names; anything that ends in "owner" is the owner.
WORDS = {
    "relrowsecurity": "row security",
    "relforcerowsecurity": "row security for the owner",
    "relreplident": "replica identity",
    "relpersistence": "persistence",
    "relispopulated": "populated",
    "reloptions": "storage parameters",
    "attnotnull": "not null",
    "attstorage": "storage",
    "attidentity": "identity",
    "attgenerated": "generated",
    "convalidated": "validated",
    "indisclustered": "clustered",
    "tgenabled": "enabled",
    "evtenabled": "enabled",
    "prosecdef": "security definer",
    "extversion": "version",
    "rolpassword": "password",
    "rolsuper": "superuser",
    "rolcanlogin": "login",
    "rolconnlimit": "connection limit",
    "rolvaliduntil": "valid until",
    "datconnlimit": "connection limit",
    "datistemplate": "template",
    "datallowconn": "allows connections",
    "datcollate": "collation",
    "datctype": "character types",
    "setconfig": "settings",
    "description": "text",
}

#: Catalogs whose system rows can be granted and revoked: column and letter of the privileges.
SYSTEM_ACLS = (
    ("pg_class", "relacl"),
    ("pg_proc", "proacl"),
    ("pg_type", "typacl"),
    ("pg_namespace", "nspacl"),
    ("pg_language", "lanacl"),
    ("pg_foreign_data_wrapper", "fdwacl"),
)
