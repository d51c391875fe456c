"""Hostile but valid values, drawn with hypothesis: extremes first, then whatever it thinks of.

Values are what a store's ``insert`` takes: None, bool, int, float, str, bytes, lists of them for arrays and
tuples for composite values; dates, numbers of any size, ranges and documents are text.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pytest_devsecops.core.errors import MissingExtraError
from pytest_devsecops.recovery.populating import Column

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

_LONG = 10_000
_FEW, _SHORT = 5, 16
_TEXTS = (
    "", " ", "  two  ", "NULL", "\\N", "\\", "'", '"', "a,b", "a;b", "line\nbreak", "return\r\nfeed", "tab\tstop",
    "\U0001f600 \U00020bb7", "e\u0301 \u00e9", "stra\u00dfe", "STRASSE", "\u0130i", "i\u0131",
    "\u202eright to left", "\ufeffmark",
    "0", "1e5", "00123", "true", "{}", "$1 %s {x}", "--", "/* */", "\x01\x7f", "L" * _LONG,
)  # fmt: skip
_DATES = ("0001-01-01", "1582-10-10", "1900-02-28", "1970-01-01", "2000-02-29", "2038-01-20", "9999-12-31")
_TIMES = ("00:00:00", "23:59:59.999999", "12:00:00.1")
_JSON = (
    "null", "0", '""', "[]", "{}",
    '{"a": null, "": [1, 2.50, 1e20, -0.0]}', '{"\\u00e9": "\U0001f600", "n": "\\\\ \\" \\n"}',
    '[[[[[[[["deep"]]]]]]]]',
)  # fmt: skip


def generate(columns: Sequence[Column], rows: int, seed: int) -> Iterator[Mapping[str, object]]:
    """Return rows with the extremes of every column, then ``rows`` drawn ones.

    Args:
        columns: what to make values for.
        rows: how many rows to draw.
        seed: the same seed gives the same rows.

    Raises:
        MissingExtraError: if hypothesis is not installed.
    """
    known = {column.name: extremes(column) for column in columns}
    for number in range(max((len(values) for values in known.values()), default=0)):
        # Each column begins elsewhere, so that extremes do not always meet the same neighbours.
        yield {
            name: values[(number + place) % len(values)] for place, (name, values) in enumerate(known.items()) if values
        }
    yield from _drawn(columns, rows, seed)


def extremes(column: Column) -> list[object]:
    """Return the values of a column at which procedures fail, None among them if it may be."""
    values: list[object] = [None] if column.nullable else []
    values.extend(_EXTREMES.get(column.domain, _unknown)(column))
    if column.domain != "enum":
        values.extend(column.labels)
    return values or [None]


def simpler(column: Column, value: object) -> Iterator[object]:
    """Return values of a column that are easier to read than ``value``, the easiest first."""
    if column.nullable:
        yield None
    if isinstance(value, str | bytes | list):
        yield from _cut(value)
    plain = extremes(column)
    known = next((place for place, one in enumerate(plain) if repr(one) == repr(value)), _FEW)
    yield from (one for one in plain[:known][:_FEW] if one is not None)


def _cut(value: str | bytes | list[object]) -> Iterator[object]:
    """Return shorter ones: what is in the middle is the rest of both ends."""
    size = len(value)
    cuts = [size // part for part in (2, 4, 8, 16)] if size > _SHORT else [1]
    parts = [value[:1], *(value[:-cut] for cut in cuts), *(value[cut:] for cut in cuts[:1])]
    yield from (part for part in parts if 0 < len(part) < size)


def _unknown(_column: Column) -> list[object]:
    return []


def _integers(column: Column) -> list[object]:
    wanted = (0, 1, -1, column.low, column.high, 1 << 31, (1 << 53) + 1)
    return [one for one in dict.fromkeys(wanted) if column.low <= one <= column.high]


def _reals(_column: Column) -> list[object]:
    largest, smallest = 1.7976931348623157e308, 2.2250738585072014e-308
    numbers = (0.0, -0.0, 0.1, 1 / 3, largest, -largest, smallest, 123456789.12345679, math.inf, -math.inf, math.nan)
    return list(numbers)


def _decimals(column: Column) -> list[object]:
    if not column.length:
        return ["0", "-1", f"{'9' * 40}.{'1' * 30}", "0.10", "1e-20"]
    whole, part = "9" * (column.length - column.scale) or "0", "9" * column.scale
    largest = f"{whole}.{part}" if part else whole
    return ["0", largest, f"-{largest}", "1" if column.length > column.scale else "0.1"]


def _texts(column: Column) -> list[object]:
    return list(dict.fromkeys(text[: column.length] if column.length else text for text in _TEXTS))


def _bytes(_column: Column) -> list[object]:
    return [b"", b"\x00", b"\xff\xfe\x00\x01", b"\\x00", bytes(range(256)), b"\r\n\x1a"]


def _dates(_column: Column) -> list[object]:
    return list(_DATES)


def _timestamps(_column: Column) -> list[object]:
    return [f"{date} {time}" for date, time in zip(_DATES, _TIMES * 3, strict=False)]


def _bits(column: Column) -> list[object]:
    return ["0" * (column.length or 3), "1" * (column.length or 5)]


def _arrays(column: Column) -> list[object]:
    inner = extremes(column.element) if column.element else []
    return [[], inner[:1], inner[:12], [None, *inner[1:2]]]


def _composites(column: Column) -> list[object]:
    inner = [extremes(part) for part in column.parts]
    longest = max((len(values) for values in inner), default=0)
    # Nothing in it is not the same as nothing at all.
    nothing: list[object] = [(None,) * len(inner)]
    return [*nothing, *(tuple(values[number % len(values)] for values in inner) for number in range(longest))]


def _ranges(column: Column) -> list[object]:
    dates = column.element is not None and column.element.domain in ("date", "timestamp")
    low, high = ("2026-01-01", "2026-12-31") if dates else ("1", "9")
    return ["empty", "(,)", f"[{low},)", f"(,{high}]", f"[{low},{high}]", f"({low},{high})"]


def _anything(column: Column) -> list[object]:
    return [*_texts(column), *_integers(column), *_reals(column)[:-1], *_bytes(column)]


_EXTREMES: Mapping[str, Callable[[Column], list[object]]] = {
    "integer": _integers,
    "real": _reals,
    "decimal": _decimals,
    "text": _texts,
    "bytes": _bytes,
    "boolean": lambda _column: [True, False],
    "date": _dates,
    "timestamp": _timestamps,
    "time": lambda _column: list(_TIMES),
    "interval": lambda _column: ["0", "1 year -1 month", "-1 day 00:00:00.000001", "100000 years"],
    "uuid": lambda _column: ["00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"],
    "json": lambda _column: list(_JSON),
    "network": lambda _column: ["0.0.0.0/0", "192.0.2.1/32", "::/0", "2001:db8::1/128"],
    "bits": _bits,
    "enum": lambda column: list(column.labels),
    "array": _arrays,
    "range": _ranges,
    "composite": _composites,
    "any": _anything,
}


def _drawn(columns: Sequence[Column], rows: int, seed: int) -> list[dict[str, object]]:
    try:
        import hypothesis
        from hypothesis import strategies
    except ImportError:
        raise MissingExtraError("generating data (populate(), explore())", "hypothesis") from None
    found: list[dict[str, object]] = []
    if not columns or not rows:
        return found
    row = strategies.fixed_dictionaries({column.name: strategy(column) for column in columns})

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=rows,
        database=None,
        deadline=None,
        phases=[hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(row)
    def take(values: dict[str, object]) -> None:
        found.append(values)

    take()
    return found


def strategy(column: Column) -> SearchStrategy[Any]:
    """Return the strategy for the values of a column: the extremes among others, plain ones first."""
    from hypothesis import strategies

    # No store keeps surrogates, and few keep a NUL in text.
    letters = strategies.characters(exclude_categories=["Cs"], exclude_characters="\x00")
    drawn: Mapping[str, SearchStrategy[Any]] = {
        "integer": strategies.integers(column.low, column.high),
        "real": strategies.floats(allow_subnormal=False),
        "text": strategies.text(letters, max_size=column.length or 200),
        "bytes": strategies.binary(max_size=500),
        "date": strategies.dates().map(str),
        "timestamp": strategies.datetimes().map(str),
        "uuid": strategies.uuids().map(str),
    }
    known = strategies.sampled_from(extremes(column))
    return known | drawn[column.domain] if column.domain in drawn else known
