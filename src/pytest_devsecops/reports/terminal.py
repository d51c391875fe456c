"""The summary at the end of a test run: every requirement, and for those not met why and what to do.

Causes are wrapped, never cut. What is left out (findings beyond the first, requirements in good
order beyond a screen) is counted.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pytest_devsecops.core.text import counted
from pytest_devsecops.reports.model import FindingView, Report, RequirementView, VerdictView
from pytest_devsecops.reports.text import (
    NOT_MET,
    examined_text,
    findings_of,
    headline,
    measurement_text,
    measurements,
    narrowed_text,
    not_exercised_text,
    one_line,
    ordered,
    outcome_of_run,
    place_of,
    unmet_verdicts,
    waived_text,
    wrap,
)

TEXT_WIDTH = 100

_FINDINGS = 3
_DETAILED = 25
_GOOD = 40
_STYLES = {"met": "green", "violated": "red bold", "waived": "cyan", "unverified": "yellow bold"}
_SYMBOLS = {"met": "✓", "violated": "✗", "waived": "◇", "unverified": "?"}
_ASCII_SYMBOLS = {"met": "+", "violated": "x", "waived": "~", "unverified": "?"}
_STATUS_COLUMN = len("? unverified  ")
_LEAST_WIDTH = 40


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the summary.

    Attributes:
        text: without a line feed.
        style: names of pytest's terminal mark-up, separated by spaces, such as ``red bold``.
    """

    text: str
    style: str = ""


def summary_lines(report: Report, width: int, encoding: str = "utf-8") -> list[Line]:
    """Return the summary.

    Args:
        report: the redacted report.
        width: columns of the terminal; less than 40 is taken as 40.
        encoding: the terminal's; where it lacks the symbols or a character, ASCII stands for it.
    """
    symbols = _SYMBOLS if _can_say("".join(_SYMBOLS.values()), encoding) else _ASCII_SYMBOLS
    columns = max(width, _LEAST_WIDTH)
    return [Line(_said(line.text, encoding), line.style) for line in _summary(report, columns, symbols)]


def render(report: Report) -> str:
    """Return the summary as plain text for a file."""
    return "".join(f"{line.text}\n" for line in summary_lines(report, TEXT_WIDTH))


def _summary(report: Report, width: int, symbols: dict[str, str]) -> Iterator[Line]:
    requirements = ordered(report["requirements"])
    unmet = [one for one in requirements if one["status"] in NOT_MET]
    good = [one for one in requirements if one["status"] not in NOT_MET]
    for index, requirement in enumerate(unmet):
        yield from _row(requirement, width, symbols)
        yield from _why(requirement, width, detailed=index < _DETAILED)
    for requirement in good[:_GOOD]:
        yield from _row(requirement, width, symbols)
    if len(good) > _GOOD:
        yield from _indented(f"... and {counted(len(good) - _GOOD, 'more requirement')} met or waived", 2, width)
    yield from (Line(line) for line in wrap(not_exercised_text(report), width) if line)
    narrowed = narrowed_text(report["run"])
    yield from (Line(line, "yellow") for line in wrap(narrowed, width) if narrowed)
    yield from (Line(line, _STYLES[outcome_of_run(report)]) for line in wrap(headline(report), width))


def _row(requirement: RequirementView, width: int, symbols: dict[str, str]) -> Iterator[Line]:
    """Yield the status, the id and the title; what does not fit goes on below the id."""
    status = requirement["status"]
    head = f"{symbols[status]} {status}".ljust(_STATUS_COLUMN)
    about = [requirement["severity"], requirement["owner"]] if status in NOT_MET else []
    known = ", ".join(one_line(part) for part in about if part)
    title = f"{one_line(requirement['id'])}: {one_line(requirement['title'])}"
    if status == "met" and requirement["basis"] == "assertions":
        title += " (by assertions, no verdict)"
    if status == "waived":
        title += f" ({one_line(waived_text(requirement))})"
    texts = wrap(title + (f" [{known}]" if known else ""), width - _STATUS_COLUMN)
    for index, text in enumerate(texts):
        yield Line((head if index == 0 else " " * _STATUS_COLUMN) + text, _STYLES[status])


def _why(requirement: RequirementView, width: int, *, detailed: bool) -> Iterator[Line]:
    reason = one_line(requirement["reason"])
    yield from _indented(reason or "no reason was recorded", 2, width)
    if not detailed:
        return
    for objective, (limit, measured) in measurements(requirement).items():
        yield from _indented(one_line(measurement_text(objective, limit, measured)), 2, width)
    for _, verdict in unmet_verdicts(requirement):
        yield from _verdict(verdict, reason, width)


def _verdict(verdict: VerdictView, reason: str, width: int) -> Iterator[Line]:
    check = one_line(verdict["check"])
    said = "" if f"{check}: " in reason else f"{check} "
    yield from _indented(f"{said}examined {one_line(examined_text(verdict))}", 4, width)
    findings = findings_of(verdict)
    for found in findings[:_FINDINGS]:
        yield from _finding(found, reason, width)
    if len(findings) > _FINDINGS:
        more = counted(len(findings) - _FINDINGS, "more finding")
        yield from _indented(f"... and {more}, all of them in the report", 4, width)


def _finding(found: FindingView, reason: str, width: int) -> Iterator[Line]:
    """Yield the finding; the message is left out where the reason above has just said it."""
    message, place, fix = one_line(found["message"]), one_line(place_of(found)), one_line(found["fix"])
    mark = "-" if found["status"] == "violated" else "?"
    if message in reason:
        texts = [f"at {place}" if place else "", f"fix: {fix}" if fix else ""]
    else:
        texts = [message + (f" ({place})" if place else ""), f"fix: {fix}" if fix else ""]
    for index, text in enumerate(part for part in texts if part):
        yield from _indented(text, 6, width, first=f"    {mark} " if index == 0 else "")


def _indented(text: str, indent: int, width: int, *, first: str = "") -> Iterator[Line]:
    """Yield ``text`` wrapped below an indentation; ``first``, as wide as it, begins the first line."""
    for index, line in enumerate(wrap(text, width - indent)):
        yield Line((first if first and index == 0 else " " * indent) + line)


def _can_say(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _said(text: str, encoding: str) -> str:
    if text.isascii() or _can_say(text, encoding):
        return text
    return text.encode("ascii", "backslashreplace").decode("ascii")
