"""The report as JSON: what programs read, and what every other format can be made from later."""

from __future__ import annotations

import json
import re

from pytest_devsecops.reports.model import Report

SCHEMA_FILE = "schema/report-1.schema.json"

#: Characters that JSON allows but that deceive a reader of the file: controls, bidirectional
#: marks and overrides, line separators, unpaired surrogates. In JSON they stand in strings only,
#: where an escape means the same.
_DECEPTIVE = re.compile("[\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]")

_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def render(report: Report) -> str:
    """Return the report as JSON with one requirement a line, so that two reports can be compared."""
    head = {name: value for name, value in report.items() if name != "requirements"}
    lines = ",\n".join(_ENCODER.encode(requirement) for requirement in report["requirements"])
    requirements = f"[\n{lines}\n]" if lines else "[]"
    members = [
        *(f"{_ENCODER.encode(name)}:{_ENCODER.encode(value)}" for name, value in head.items()),
        f'"requirements":{requirements}',
    ]
    text = "{\n" + ",\n".join(members) + "\n}\n"
    return text if text.isascii() else _DECEPTIVE.sub(_escape, text)


def schema_text() -> str:
    """Return the published JSON Schema (draft 2020-12) of the report, version 1."""
    from importlib import resources

    return resources.files(__package__).joinpath(SCHEMA_FILE).read_text(encoding="utf-8")


def _escape(match: re.Match[str]) -> str:
    return f"\\u{ord(match[0]):04x}"
