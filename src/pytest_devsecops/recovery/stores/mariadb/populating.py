"""Which generated values the tables of a MariaDB or MySQL server take."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence

from pytest_devsecops.recovery.model import RecoveryError
from pytest_devsecops.recovery.populating import Column, Reference, Table
from pytest_devsecops.recovery.stores.mariadb import rows
from pytest_devsecops.recovery.stores.mariadb.definitions import Definitions
from pytest_devsecops.recovery.stores.mariadb.rechecking import references
from pytest_devsecops.recovery.stores.mariadb.server import literal_name
from pytest_devsecops.recovery.stores.mariadb.session import Session, is_gone, quoted

#: Bits of integer types.
_INTEGERS = {"tinyint": 8, "smallint": 16, "mediumint": 24, "int": 32, "bigint": 64}
_DOMAINS = {
    **dict.fromkeys(("float", "double"), "real"),
    **dict.fromkeys(("char", "varchar", "tinytext", "text", "mediumtext", "longtext"), "text"),
    **dict.fromkeys(("binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob"), "bytes"),
    **dict.fromkeys(("datetime", "timestamp"), "timestamp"),
    "decimal": "decimal",
    "date": "date",
    "time": "time",
    "uuid": "uuid",
    "json": "json",
}
#: Types whose extremes are not those of a domain: they are told one by one.
_LABELS = {
    "inet4": ("0.0.0.0", "255.255.255.255", "192.0.2.1"),  # noqa: S104 - a value, nobody listens there
    "inet6": ("::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "::ffff:192.0.2.1"),
    "year": ("1901", "2155", "0000"),
}
_INDEXABLE = ("integer", "decimal", "date", "time", "timestamp", "uuid")
_LABEL = re.compile(r"'((?:[^']|'')*)'")
_COLUMNS = (
    "select column_name, lower(data_type), column_type, is_nullable = 'YES', character_maximum_length,"
    " numeric_precision, numeric_scale, extra from information_schema.columns where coalesce(generation_expression, '')"
    " = '' and extra not like '%auto_increment%' and upper(extra) not like '%GENERATED%'"
)
_UNIQUE = "select column_name from information_schema.statistics where non_unique = 0"
_JSON = "select check_clause from information_schema.check_constraints"


class MariaDBTables:
    """The tables of an open server.

    Args:
        session: the connection; its ``sql_mode`` becomes the server's own, which refuses what does not fit.
        database: the store's database, whose tables are named without it.
    """

    def __init__(self, session: Session, database: str) -> None:
        self._session = session
        session.rows("set session sql_mode = @@global.sql_mode")
        names = Definitions(session, database, set())
        self._places = {
            names.name(one.database, one.name): one
            for one in rows.tables(session)
            if one.engine not in {*rows.ELSEWHERE, rows.MEMORY}
        }

    def tables(self) -> Sequence[Table]:
        """Return the tables that take rows."""
        return [self._table(name, place) for name, place in self._places.items()]

    def keys(self, reference: Reference, limit: int) -> Sequence[tuple[object, ...]]:
        """Return values that ``reference`` may have."""
        place = self._places.get(reference.table)
        if place is None:
            return []
        names = ", ".join(quoted(name) for name in reference.targets)
        found = self._session.rows(f"select {names} from {place.quoted} limit {limit}")
        return [tuple(row) for row in found if None not in row]

    def sample(self, table: Table) -> Mapping[str, object] | None:
        """Return a row that is there."""
        names = [column.name for column in table.columns]
        if not names:
            return None
        wanted = ", ".join(quoted(name) for name in names)
        found = self._session.rows(f"select {wanted} from {self._places[table.name].quoted} limit 1")
        return dict(zip(names, found[0], strict=True)) if found else None

    def insert(self, table: Table, row: Mapping[str, object]) -> str | None:
        """Insert a row and commit it."""
        names, values = ", ".join(quoted(name) for name in row), ", ".join(map(_literal, row.values()))
        try:
            self._session.rows(f"insert into {self._places[table.name].quoted} ({names}) values ({values})")
        except RecoveryError as error:
            if is_gone(error):
                raise
            return error.message
        return None

    def indexable(self) -> tuple[str, str]:
        """Return the first table, and a column of it that takes an index without a length; quoted, empty if there is none."""
        for name, place in self._places.items():
            columns = self._table(name, place).columns
            return place.quoted, next((quoted(one.name) for one in columns if one.domain in _INDEXABLE), "")
        return "", ""

    def _table(self, name: str, place: rows.Table) -> Table:
        own = f" and table_schema = {literal_name(place.database)} and table_name = {literal_name(place.name)}"
        unique = {str(column) for (column,) in self._session.rows(f"{_UNIQUE}{own}")}
        found = self._session.rows(f"{_COLUMNS}{own} order by ordinal_position")
        nullable = {str(row[0]): row[3] in ("1", 1) for row in found}
        refers = tuple(self._references(place, nullable))
        referring = {column for one in refers for column in one.columns}
        documents = self._documents(place)
        columns = tuple(
            _column(*row[:7], unique=str(row[0]) in unique, document=str(row[0]) in documents)
            for row in found
            if str(row[0]) not in referring
        )
        return Table(name, columns, refers)

    def _references(self, place: rows.Table, nullable: Mapping[str, bool]) -> list[Reference]:
        names = {(one.database, one.name): name for name, one in self._places.items()}
        return [
            Reference(
                tuple(own for own, *_ in pairs),
                names.get((pairs[0][1], pairs[0][2]), pairs[0][2]),
                tuple(other for *_, other in pairs),
                nullable=all(nullable.get(own, False) for own, *_ in pairs),
            )
            for (database, table, _), pairs in references(self._session).items()
            if (database, table) == (place.database, place.name)
        ]

    def _documents(self, place: rows.Table) -> set[str]:
        """Return the columns that a check keeps to JSON, as MariaDB makes a column of that type."""
        found = self._session.rows(
            f"{_JSON} where constraint_schema = {literal_name(place.database)} and table_name = {literal_name(place.name)}"
        ) if self._knows_checks() else []  # fmt: skip
        clauses = [str(clause) for (clause,) in found]
        return {match[1] for clause in clauses if (match := re.fullmatch(r"json_valid\(`(.+)`\)", clause))}

    def _knows_checks(self) -> bool:
        # MySQL has a type of its own for JSON, and a table of checks without the name of theirs.
        return any(row["Field"].upper() == "TABLE_NAME" for row in self._fields() if row["Field"])

    def _fields(self) -> list[dict[str, str | None]]:
        return self._session.named("show columns from information_schema.check_constraints")


def _column(  # noqa: PLR0913 - one column of the catalog
    name: object,
    kind: object,
    declared: object,
    nullable: object,
    length: object,
    precision: object,
    scale: object,
    *,
    unique: bool,
    document: bool,
) -> Column:
    word, may, text = str(kind), nullable in ("1", 1), str(declared)
    if word in _INTEGERS or word == "bit":
        bits = _INTEGERS.get(word) or int(str(precision or 1))
        signed = word != "bit" and "unsigned" not in text
        low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
        return Column(str(name), "integer", may, unique, low=low, high=high)
    if word in ("enum", "set"):
        labels = tuple(one.replace("''", "'") for one in _LABEL.findall(text))
        return Column(str(name), "enum", may, unique, labels=(*labels, ",".join(labels)) if word == "set" else labels)
    if word in _LABELS:
        return Column(str(name), "enum", may, unique, labels=_LABELS[word])
    domain = "json" if document else _DOMAINS.get(word, "unknown")
    size = int(str(precision or 0)) if domain == "decimal" else int(str(length or 0)) if domain == "text" else 0
    return Column(str(name), domain, may, unique, length=size, scale=int(str(scale or 0)))


def _literal(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, float) and not math.isfinite(value):
        # No number of the server is that; as a text it is refused.
        return f"'{value}'"
    if isinstance(value, bool | int | float):
        return repr(int(value) if isinstance(value, bool) else value)
    if isinstance(value, bytes):
        return f"x'{value.hex()}'"
    return f"_utf8mb4 x'{str(value).encode().hex()}'"
