"""Rows: the fingerprint, computed in the server, and the ordered stream for a row-by-row comparison.

A row becomes one text in which every cell is exact and which no other row has, and the sum of 64 bits
of its MD5 is the fingerprint. ``CHECKSUM TABLE`` has 32 bits; a FLOAT as text would be rounded to six
digits; a text compared as such would equal another case or another accent.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pytest_devsecops.recovery.model import Row, Rows
from pytest_devsecops.recovery.stores.mariadb.session import Session, quoted, shown

LEDGER, PROBE = "devsecops_ledger", "devsecops_probe"
SYSTEM = ("information_schema", "performance_schema", "mysql", "sys")
#: The engine whose rows end with every restart, so that not even the copy that is lost has them.
MEMORY = "MEMORY"
#: Engines whose rows are somewhere else, or nowhere.
ELSEWHERE = frozenset({"FEDERATED", "CONNECT", "SPIDER", "S3", "MRG_MYISAM"})

_APPROXIMATE = frozenset({"float", "double"})
_LONG = frozenset(
    {
        "tinytext", "text", "mediumtext", "longtext", "tinyblob", "blob", "mediumblob", "longblob", "json", "vector",
        "geometry", "point", "linestring", "polygon", "multipoint", "multilinestring", "multipolygon",
        "geometrycollection", "geomcollection",
    }
)  # fmt: skip
_NUMBERS = frozenset({"bit", "enum", "set"})
_PLAIN = frozenset(
    {"tinyint", "smallint", "mediumint", "int", "bigint", "decimal", "date", "datetime", "timestamp", "time", "year"}
)
_TIMES = frozenset({"date", "datetime", "timestamp", "time"})
_TEXTS = frozenset({"char", "varchar", "tinytext", "text", "mediumtext", "longtext", "enum", "set"})
_BYTES = _LONG - _TEXTS - {"json"} | {"binary", "varbinary"}


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its name and the word for its type."""

    name: str
    kind: str

    @property
    def exact(self) -> str:
        """The SQL for its exact value within a row's text: no comma outside of quotes, never NULL."""
        name = f"t.{quoted(self.name)}"
        if self.kind in _APPROXIMATE:
            return f"ifnull({name} * 1e0, '')"
        if self.kind in _LONG:
            return f"ifnull(md5({name}), '')"
        if self.kind in _NUMBERS:
            # The number, because a wrong value of an ENUM and an empty label look the same.
            return f"ifnull({name} + 0, '')"
        if self.kind in _PLAIN:
            return f"ifnull({name}, '')"
        return f"quote(cast({name} as binary))"

    @property
    def key(self) -> str:
        """The SQL for its value as text that sorts by its code points."""
        name = f"t.{quoted(self.name)}"
        return f"cast({name} as char)" if self.kind in _PLAIN else f"hex(cast({name} as binary))"

    @property
    def told(self) -> str:
        """The SQL for its value as a message shows it."""
        name = f"t.{quoted(self.name)}"
        if self.kind in _APPROXIMATE:
            return f"cast({name} * 1e0 as char)"
        if self.kind == "bit":
            return f"bin({name} + 0)"
        if self.kind in _BYTES:
            return f"concat('x''', hex({name}), '''')"
        if self.kind in _PLAIN:
            return f"concat('''', {name}, '''')" if self.kind in _TIMES else f"cast({name} as char)"
        if self.kind in {"enum", "set"}:
            return f"concat(quote(convert({name} using utf8mb4)), ' (', {name} + 0, ')')"
        return f"concat('''', convert({name} using utf8mb4), '''')"


@dataclass(frozen=True, slots=True)
class Table:
    """A table that holds rows.

    Attributes:
        database: its database.
        name: its name.
        engine: its storage engine.
        versioned: whether it keeps its history.
    """

    database: str
    name: str
    engine: str
    versioned: bool

    @property
    def source(self) -> str:
        """The SQL that names all its rows, those of its history too."""
        history = " for system_time all" if self.versioned else ""
        return f"{quoted(self.database)}.{quoted(self.name)}{history} as t"

    @property
    def quoted(self) -> str:
        """Its full name, quoted."""
        return f"{quoted(self.database)}.{quoted(self.name)}"


def not_system(column: str) -> str:
    """Return the SQL that leaves out the server's own databases."""
    return f"{column} not in ({', '.join(repr(name) for name in SYSTEM)})"


def tables(session: Session) -> list[Table]:
    """Return the tables that hold rows, without ours."""
    found = session.rows(
        "select table_schema, table_name, coalesce(engine, ''), table_type from information_schema.tables"
        f" where table_type in ('BASE TABLE', 'SYSTEM VERSIONED') and {not_system('table_schema')}"
        f" and table_name not in ('{LEDGER}', '{PROBE}') order by table_schema, table_name"
    )
    return [Table(str(a), str(b), str(engine), kind == "SYSTEM VERSIONED") for a, b, engine, kind in found]


def columns(session: Session, table: Table) -> list[Column]:
    """Return the columns of a table, invisible and generated ones too."""
    found = session.rows(
        "select column_name, lower(data_type) from information_schema.columns where"
        f" table_schema = {_text(table.database)} and table_name = {_text(table.name)} order by ordinal_position"
    )
    own = [Column(str(name), str(kind)) for name, kind in found]
    names = {one.name.lower() for one in own}
    # When a row was valid is data; unless the table names these columns itself, they are told nowhere.
    hidden = [Column(name, "timestamp") for name in ("row_start", "row_end")] if table.versioned else []
    explicit = table.versioned and any("ROW START" in str(extra).upper() for extra in _extras(session, table))
    return own if explicit else [*own, *(one for one in hidden if one.name not in names)]


def fingerprint(session: Session, table: Table) -> Rows:
    """Return count and fingerprint of a table: independent of order, and duplicates count."""
    text = _text_of(columns(session, table))
    statement = f"select count(*), sum(cast(conv(left(md5({text}), 16), 16, 10) as unsigned)) from {table.source}"
    count, total = session.rows(statement)[0]
    return Rows(int(count), str(total or 0))


def read_rows(session: Session, table: Table) -> Iterator[Row]:
    """Return a table's rows in the order of their keys' code points."""
    own = columns(session, table)
    identity = _identity(session, table, own)
    keys = [one.key for one in identity] or [f"md5({_text_of(own)})"]
    cells = ", ".join(one.told for one in own)
    order = ", ".join(f"cast({key} as binary)" for key in keys)
    for found in session.stream(f"select {', '.join(keys)}, {cells} from {table.source} order by {order}"):
        key = tuple(str(shown(part)) for part in found[: len(keys)])
        values = {one.name: shown(value) for one, value in zip(own, found[len(keys) :], strict=True)}
        yield Row(key, values, tuple(one.name for one in identity))


def _text_of(own: list[Column]) -> str:
    return f"concat_ws(',', {', '.join(one.exact for one in own)})"


def _identity(session: Session, table: Table, own: list[Column]) -> list[Column]:
    """Return the columns of the primary key; none for a table with a history, which has a row more than once."""
    if table.versioned:
        return []
    found = session.rows(
        "select column_name from information_schema.statistics where index_name = 'PRIMARY' and"
        f" table_schema = {_text(table.database)} and table_name = {_text(table.name)} order by seq_in_index"
    )
    known = {one.name: one for one in own}
    return [known[str(name)] for (name,) in found]


def _extras(session: Session, table: Table) -> list[object]:
    found = session.rows(
        "select concat(extra, ' ', coalesce(generation_expression, '')) from information_schema.columns where"
        f" table_schema = {_text(table.database)} and table_name = {_text(table.name)}"
    )
    return [text for (text,) in found]


def _text(name: str) -> str:
    return "'" + name.replace("\\", "\\\\").replace("'", "''") + "'"
