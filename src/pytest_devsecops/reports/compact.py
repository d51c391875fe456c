"""The report as the little JSON that the HTML page carries.

Ten thousand tests say the same few things over and over. So every record becomes a row of values,
whose order the ``layout`` tells, and every text and every open object is a number: its index in
``pool``. The script of the page unfolds a requirement when somebody opens it.
"""

from __future__ import annotations

import json
import typing
from collections.abc import Mapping
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


def compact(report: Report) -> dict[str, Any]:
    """Return ``{"layout": …, "pool": […], "requirements": [[…], …]}``, those not met first."""
    layout = _layout()
    pool = _Pool()
    rows = [_row("requirement", requirement, layout, pool) for requirement in ordered(report["requirements"])]
    return {"layout": layout, "pool": pool.values, "requirements": rows}


class _Pool:
    """Every distinct text and open object once."""

    def __init__(self) -> None:
        self.values: list[object] = []
        self._index: dict[object, int] = {}

    def text(self, text: str) -> int:
        found = self._index.get(text)
        return self._add(text, shown(text)) if found is None else found

    def table(self, value: Mapping[str, object]) -> int:
        # The key is a tuple, so that no text can be taken for the object that it describes.
        key = (json.dumps(value, ensure_ascii=False),)
        found = self._index.get(key)
        return self._add(key, _cleaned(value)) if found is None else found

    def _add(self, key: object, value: object) -> int:
        self.values.append(value)
        self._index[key] = len(self.values) - 1
        return self._index[key]


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


def _row(name: str, record: Any, layout: dict[str, list[tuple[str, str]]], pool: _Pool) -> list[Any]:  # noqa: ANN401 - any record of the layout
    row: list[Any] = []
    for field, form in layout[name]:
        value = record[field]
        if value is None or form == _PLAIN:
            row.append(value)
        elif form == _TEXT:
            row.append(pool.text(value))
        elif form == _TEXTS:
            row.append([pool.text(item) for item in value])
        elif form == _OBJECT:
            row.append(pool.table(value))
        elif form in _ROWS.values():
            row.append([_row(form, item, layout, pool) for item in value])
        else:
            row.append(_row(form, value, layout, pool))
    return row


def _cleaned(value: object) -> object:
    if isinstance(value, str):
        return shown(value)
    if isinstance(value, Mapping):
        return {shown(name): _cleaned(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_cleaned(item) for item in value]
    return value
