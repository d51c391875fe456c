"""The report as the little JSON that the HTML page carries.

Ten thousand tests say the same few things over and over. So every record becomes a row of values,
whose order the ``layout`` tells, and every text and every open object is a number: its index in
``pool``. The script of the page unfolds a requirement when somebody opens it.
"""

from __future__ import annotations

import json
import typing
from collections.abc import Callable, Mapping
from operator import itemgetter
from typing import Any

from pytest_devsecops.reports.model import (
    FindingView,
    LocationView,
    Report,
    RequirementView,
    TestView,
    VerdictView,
)
from pytest_devsecops.reports.text import ordered, visible

#: A longer text is cut in the page, with its length and where the whole of it is.
MAX_TEXT = 20_000

#: How a field is written: a text or an open object by its index in the pool, a list of texts, the
#: value itself, or rows of another record.
_TEXT, _TEXTS, _OBJECT, _PLAIN = "text", "texts", "object", "plain"
_ROWS = {"tests": "test", "verdicts": "verdict", "findings": "finding"}
_RECORDS: dict[str, Any] = {
    "requirement": RequirementView,
    "test": TestView,
    "verdict": VerdictView,
    "finding": FindingView,
    "location": LocationView,
}

_Encode = Callable[[Any], Any]

_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def compact(report: Report) -> str:
    """Return ``{"requirements": [[…], …], "layout": …, "pool": […]}`` as JSON, those not met first."""
    layout = _layout()
    pool = _Pool()
    row = _encoder("requirement", layout, pool)
    # Each row becomes text at once: ten thousand nested lists would keep the garbage collector busy.
    rows = [_JSON.encode(row(requirement)) for requirement in ordered(report["requirements"])]
    rest = f'"layout":{_JSON.encode(layout)},"pool":{_JSON.encode(pool.values)}'
    return f'{{"requirements":[{",".join(rows)}],{rest}}}'


class _Pool:
    """Every distinct text and open object once.

    Attributes:
        values: what is in the pool.
        texts: the index of a text; asking for a new one adds it. None stays None.
    """

    def __init__(self) -> None:
        self.values: list[object] = []
        self.texts = _Texts(self.values)
        self._tables: dict[str, int] = {}

    def table(self, value: Mapping[str, object] | None) -> int | None:
        """Return the index of an open object; a new one is added."""
        if value is None:
            return None
        key = repr(value)
        if key not in self._tables:
            self._tables[key] = len(self.values)
            self.values.append(_cleaned(value))
        return self._tables[key]


class _Texts(dict[str | None, int | None]):
    """A dictionary rather than a method, because nearly every look-up is a hit."""

    def __init__(self, values: list[object]) -> None:
        super().__init__({None: None})
        self._values = values

    def __missing__(self, text: str) -> int:
        self[text] = index = len(self._values)
        self._values.append(shown(text))
        return index


def shown(text: str) -> str:
    """Return ``text`` with nothing hidden in it, cut if it is huge."""
    if len(text) <= MAX_TEXT:
        return visible(text)
    return f"{visible(text[:MAX_TEXT])} … (cut: {len(text):,} characters, all of them in report.json)"


def _layout() -> dict[str, list[tuple[str, str]]]:
    return {
        name: [(field, _form(field, hint)) for field, hint in typing.get_type_hints(record).items()]
        for name, record in _RECORDS.items()
    }


def _form(field: str, hint: object) -> str:
    if field in _ROWS or field == "location":
        return _ROWS.get(field, field)
    kinds = [hint, *typing.get_args(hint)]
    if any(typing.get_origin(kind) is dict for kind in kinds):
        return _OBJECT
    if hint == list[str]:
        return _TEXTS
    return _PLAIN if {bool, int, float} & {kind for kind in kinds if isinstance(kind, type)} else _TEXT


def _encoder(record: str, layout: Mapping[str, list[tuple[str, str]]], pool: _Pool) -> _Encode:
    """Return the function that turns one such record into a row."""
    fields = [field for field, _ in layout[record]]
    values_of = itemgetter(*fields)
    encoders = [_field_encoder(form, layout, pool) for _, form in layout[record]]
    return lambda value: [encode(part) for encode, part in zip(encoders, values_of(value), strict=True)]


def _field_encoder(form: str, layout: Mapping[str, list[tuple[str, str]]], pool: _Pool) -> _Encode:
    texts = pool.texts
    if form == _TEXT:
        return texts.__getitem__
    if form == _TEXTS:
        return lambda value: [texts[item] for item in value]
    if form == _OBJECT:
        return pool.table
    if form == _PLAIN:
        return lambda value: value
    row = _encoder(form, layout, pool)
    if form in _ROWS.values():
        return lambda value: [row(item) for item in value]
    return lambda value: None if value is None else row(value)


def _cleaned(value: object) -> object:
    if isinstance(value, str):
        return shown(value)
    if isinstance(value, Mapping):
        return {shown(name): _cleaned(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_cleaned(item) for item in value]
    return value
