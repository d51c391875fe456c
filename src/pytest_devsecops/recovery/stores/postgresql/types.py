"""Which generated values a PostgreSQL type takes, as ``populating.Column`` says it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pytest_devsecops.recovery.populating import Column

if TYPE_CHECKING:
    import psycopg

_TYPES = """
select t.oid, t.typname::text, t.typtype::text, t.typcategory::text, t.typelem, t.typbasetype, t.typtypmod, t.typrelid
from pg_catalog.pg_type t
"""
_LABELS = "select enumlabel::text from pg_catalog.pg_enum where enumtypid = %s order by enumsortorder"
_SUBTYPE = "select rngsubtype from pg_catalog.pg_range where rngtypid = %s"
_PARTS = """
select quote_ident(attname), atttypid, atttypmod from pg_catalog.pg_attribute
where attrelid = %s and attnum > 0 and not attisdropped order by attnum
"""
_HEADER = 4
_INTEGERS = {
    "int2": (-(1 << 15), (1 << 15) - 1),
    "int4": (-(1 << 31), (1 << 31) - 1),
    "int8": (-(1 << 63), (1 << 63) - 1),
    "oid": (0, (1 << 32) - 1),
}
_DOMAINS = {
    "float4": "real", "float8": "real", "numeric": "decimal", "money": "decimal", "text": "text", "varchar": "text",
    "bpchar": "text", "name": "text", "citext": "text", "bytea": "bytes", "bool": "boolean", "date": "date",
    "timestamp": "timestamp", "timestamptz": "timestamp", "time": "time", "timetz": "time", "interval": "interval",
    "uuid": "uuid", "json": "json", "jsonb": "json", "inet": "network", "cidr": "network", "bit": "bits",
    "varbit": "bits",
}  # fmt: skip
#: Values of a domain that only PostgreSQL has.
_MORE = {
    "numeric": ("NaN", "Infinity", "-Infinity", "0.000", "1e1000"),
    "date": ("infinity", "-infinity", "4713-01-01 BC", "0044-03-15 BC", "5874897-12-31"),
    "timestamp": ("infinity", "-infinity", "4713-01-01 00:00:00 BC", "294276-12-31 23:59:59.999999"),
    "timestamptz": ("infinity", "-infinity", "0044-03-15 10:00:00+00 BC", "2026-10-25 02:30:00+01", "1883-11-18 12:00:00-04:56:02"),
    "timetz": ("00:00:00+15:59", "24:00:00-12"),
    "time": ("24:00:00",),
    "interval": ("-178000000 years", "1 mon -1 day +00:00:00.000001"),
    "inet": ("192.0.2.1/8", "::ffff:192.0.2.1"),
    "jsonb": ('{"b": 1, "a": 2}', "1e400", "0.10"),
    "json": ('{"a": 1, "a": 2}', '{ "spaces" :  1 }', '"\\u0000"'),
}  # fmt: skip
#: Types of which a handful of values says enough.
_VALUES = {
    "xml": ("<a/>", '<a b="c">x &amp; y</a>', "text <b/> and more"),
    "point": ("(0,0)", "(-1.5,1e300)", "(NaN,Infinity)", "(0.1,-0)"),
    "box": ("(1,1),(0,0)", "(Infinity,1),(-Infinity,-1)"),
    "circle": ("<(0,0),1>", "<(0.1,-0.2),1e-300>"),
    "line": ("{1,-1,0}", "{0.1,0.2,0.3}"),
    "lseg": ("[(0,0),(1,1)]",),
    "path": ("[(0,0),(1,1)]", "((0,0),(1,1),(0.1,2))"),
    "polygon": ("((0,0),(1,1),(0.1,2))",),
    "macaddr": ("00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff"),
    "macaddr8": ("00:00:00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff:ff:ff"),
    "tsvector": ("", "'a':1A,3 'it''s':2", "'\\\\back'"),
    "tsquery": ("'a' & !'b' | 'c':*A", "'a' <2> 'b'"),
    "pg_lsn": ("0/0", "FFFFFFFF/FFFFFFFF"),
    "hstore": ("", '"a"=>NULL, "b"=>"", "c,\\"d"=>"=>"'),
    "ltree": ("", "a.b_1.C"),
    "char": ("a", "\\377"),
    "jsonpath": ('$."a"[*] ? (@ > 1)',),
}  # fmt: skip
#: Length and scale of types that have no modifier; a name has 63 bytes.
_LENGTHS = {"money": (17, 2), "name": (15, 0)}


@dataclass(frozen=True, slots=True)
class _Type:
    name: str
    kind: str
    category: str
    element: int
    base: int
    modifier: int
    relation: int


class Types:
    """The types of one database.

    Args:
        connection: an open connection.
    """

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection
        self._known = {oid: _Type(*rest) for oid, *rest in connection.execute(_TYPES).fetchall()}

    def column(self, name: str, oid: int, modifier: int, *, nullable: bool, unique: bool) -> Column:
        """Return what the column ``name`` of a type with its modifier (``atttypmod``) takes."""
        return replace(self._described(name, oid, modifier), nullable=nullable, unique=unique)

    def _described(self, name: str, oid: int, modifier: int) -> Column:
        known = self._known[oid]
        if known.kind == "d":
            return self._described(name, known.base, known.modifier)
        if known.kind == "r":
            ((subtype,),) = self._ask(_SUBTYPE, oid)
            return Column(name, "range", element=self._described(name, subtype, -1))
        if known.kind == "c":
            parts = tuple(self._described(part, *rest) for part, *rest in self._ask(_PARTS, known.relation))
            return Column(name, "composite", parts=parts)
        if known.category == "A" and known.element:
            return Column(name, "array", element=self._described(name, known.element, modifier))
        labels = [label for (label,) in self._ask(_LABELS, oid)] if known.kind == "e" else _VALUES.get(known.name)
        if known.kind == "m":
            labels = ["{}", "{(,)}", "{empty}"]
        return Column(name, "enum", labels=tuple(labels)) if labels else _plain(name, known.name, modifier)

    def _ask(self, statement: str, oid: int) -> list[tuple[Any, ...]]:
        return self._connection.execute(statement.encode(), (oid,)).fetchall()


def _plain(name: str, kind: str, modifier: int) -> Column:
    if kind in _INTEGERS:
        low, high = _INTEGERS[kind]
        return Column(name, "integer", low=low, high=high)
    column = Column(name, _DOMAINS.get(kind, "unknown"), labels=_MORE.get(kind, ()))
    if kind == "numeric" and modifier >= _HEADER:
        # Precision and scale in one number, the scale with 11 bits and a sign (numeric_typmod_scale).
        bits = (modifier - _HEADER) & 0x7FF
        scale = (bits ^ 1024) - 1024
        return replace(column, length=((modifier - _HEADER) >> 16) & 0xFFFF, scale=max(scale, 0), labels=("NaN",))
    if kind in _LENGTHS:
        length, scale = _LENGTHS[kind]
        return replace(column, length=length, scale=scale)
    length = modifier if column.domain == "bits" else modifier - _HEADER if column.domain == "text" else 0
    return replace(column, length=max(length, 0))
