"""What the formats share: order, words for states, safe characters, wrapping."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence

from pytest_devsecops.core.text import counted, format_duration
from pytest_devsecops.reports.model import FindingView, Report, RequirementView, RunView, TestView, VerdictView

#: What needs somebody comes first.
STATUS_ORDER = ("violated", "unverified", "waived", "met")
SEVERITY_ORDER = ("critical", "high", "medium", "low", None)
NOT_MET = ("violated", "unverified")

_KEPT_CONTROLS = "\n\t"


def visible(text: str) -> str:
    """Return ``text`` with every character that hides itself or moves others written as an escape.

    Those are control, format (bidirectional overrides among them), separator and unpaired
    surrogate characters. Line feeds and tabs stay. The result can be encoded as UTF-8.
    """
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() or char in _KEPT_CONTROLS else _shown(char) for char in text.replace("\r\n", "\n")
    )


def one_line(text: str) -> str:
    """Return ``visible(text)`` with every run of white space as one space."""
    if text.isprintable() and "  " not in text:
        return text.strip()
    return " ".join(visible(text).split())


def ordered(requirements: Sequence[RequirementView]) -> list[RequirementView]:
    """Return the requirements with those first that need somebody, the most severe first in each state."""
    return sorted(
        requirements,
        key=lambda one: (STATUS_ORDER.index(one["status"]), SEVERITY_ORDER.index(one["severity"]), one["id"]),
    )


def outcome_of_run(report: Report) -> str:
    """Return the state of the whole run: its worst requirement's.

    It is ``unverified`` if there is no requirement, and for a narrowed run at best: what did not run
    may be anything.
    """
    worst = next((status for status, number in numbers(report).items() if number), "unverified")
    narrowed = not report["run"]["selection"]["complete"]
    return "unverified" if narrowed and worst != "violated" else worst


def verdict_of_run(report: Report) -> str:
    """Return the state of the whole run in one short sentence without a full stop."""
    if not report["requirements"]:
        return "Nothing is known"
    found = numbers(report)
    bad = next((status for status in NOT_MET if found[status]), None)
    if bad is not None:
        number = found[bad]
        return f"{counted(number, 'requirement')} {'is' if number == 1 else 'are'} {bad}"
    which = "requirement" if report["run"]["selection"]["complete"] else "requirement that ran"
    return f"Every {which} is met" + (" or waived" if found["waived"] else "")


def headline(report: Report) -> str:
    """Return the counts as one line, the worst first: ``3 requirements: 1 violated, 2 met``."""
    total = len(report["requirements"])
    if not total:
        return "no requirement was declared or claimed, so nothing is known"
    return f"{counted(total, 'requirement')}: {', '.join(counts(report))}"


def counts(report: Report) -> list[str]:
    """Return ``1 violated``, ``2 met`` and so on, the worst first, without those that are zero."""
    return [f"{number:,} {status}" for status, number in numbers(report).items() if number]


def numbers(report: Report) -> dict[str, int]:
    """Return how many requirements have each status, the worst first."""
    summary = report["summary"]
    return {
        "violated": summary["violated"],
        "unverified": summary["unverified"],
        "waived": summary["waived"],
        "met": summary["met"],
    }


def narrowed_text(run: RunView) -> str:
    """Return the sentence about a run that did not cover the whole suite; empty for a whole run."""
    selection = run["selection"]
    if selection["complete"]:
        return ""
    why = "; ".join(one_line(reason) for reason in selection["narrowed_by"]) or "no reason was recorded"
    return f"This run was narrowed ({why}): it says nothing about what it did not run."


def not_exercised_text(report: Report) -> str:
    """Return which requirements of ASVS the run exercised and which not; empty if no check tells.

    Checks tell in their evidence, under ``asvs``: what they exercised, and what checks of their
    family can reach at all.
    """
    told = [
        table
        for requirement in report["requirements"]
        for test in requirement["tests"]
        for verdict in test["verdicts"]
        if isinstance(table := verdict["evidence"].get("asvs"), dict)
    ]
    exercised = {one for table in told for one in _ids(table.get("exercised"))}
    reach = list(dict.fromkeys(one for table in told for one in _ids(table.get("within_reach"))))
    left = [one for one in reach if one not in exercised]
    if not reach:
        return ""
    version = one_line(str(told[0].get("version", "")))
    start = f"ASVS {version}: {len(reach) - len(left)} of the {len(reach)} requirements within reach were exercised"
    return f"{start}; not exercised: {', '.join(left)}" if left else start


def findings_of(verdict: VerdictView) -> list[FindingView]:
    """Return the findings that no waiver accepts, violated ones first."""
    unwaived = [found for found in verdict["findings"] if found["waived_by"] is None]
    return sorted(unwaived, key=lambda found: found["status"] != "violated")


def unmet_verdicts(requirement: RequirementView) -> Iterator[tuple[TestView, VerdictView]]:
    """Yield the verdicts that keep ``requirement`` from being met, each with its test."""
    for test in requirement["tests"]:
        for verdict in test["verdicts"]:
            if verdict["status"] in NOT_MET:
                yield test, verdict


def place_of(finding: FindingView) -> str:
    """Return where the finding was seen, as ``path:line``; empty if nobody said."""
    where = finding["location"]
    if where is None:
        return ""
    return where["path"] if where["line"] is None else f"{where['path']}:{where['line']}"


def waived_text(requirement: RequirementView) -> str:
    """Return which waivers accept how many findings of the requirement; empty if none does."""
    waivers = [
        found["waived_by"]
        for test in requirement["tests"]
        for verdict in test["verdicts"]
        for found in verdict["findings"]
        if found["waived_by"] is not None
    ]
    if not waivers:
        return ""
    return f"{counted(len(waivers), 'finding')} waived by {', '.join(dict.fromkeys(waivers))}"


def examined_text(verdict: VerdictView) -> str:
    """Return what was looked at, as ``143 dependencies, from uv.lock``; ``nothing`` if so."""
    things, places = [], []
    for name, value in verdict["examined"].items():
        if isinstance(value, str):
            places.append(f"{name} {value}")
        elif isinstance(value, list):
            things.append(f"{len(value):,} {name}" + (f" ({', '.join(value)})" if value else ""))
        else:
            things.append(f"{value:,} {name}")
    return ", ".join([*things, *places]) or "nothing"


def measurements(requirement: RequirementView) -> dict[str, tuple[float | None, float | None]]:
    """Return, by objective, the limit and the worst measurement in seconds; None where there is none."""
    worst: dict[str, float] = {}
    for test in requirement["tests"]:
        for verdict in test["verdicts"]:
            for objective, seconds in verdict["measured"].items():
                worst[objective] = max(seconds, worst.get(objective, seconds))
    limits = requirement["limits"]
    return {name: (limits.get(name), worst.get(name)) for name in (*limits, *(set(worst) - set(limits)))}


def measurement_text(objective: str, limit: float | None, measured: float | None) -> str:
    """Return one measurement in words: ``rto: 41m measured, limit 30m``."""
    found = "not measured" if measured is None else f"{format_duration(measured)} measured"
    bound = "no limit" if limit is None else f"limit {format_duration(limit)}"
    return f"{objective}: {found}, {bound}"


def width_of(text: str) -> int:
    """Return how many columns of a terminal ``text`` takes."""
    if text.isascii():
        return len(text)
    return sum(_columns(char) for char in text)


def wrap(text: str, width: int) -> list[str]:
    """Break ``text`` into lines of at most ``width`` columns; nothing of it but white space is lost.

    Args:
        text: one or more lines; each starts a line of its own.
        width: columns, at least 1; a wide character alone may exceed a width of 1.
    """
    lines: list[str] = []
    for paragraph in text.splitlines() or [""]:
        line = ""
        for word in (part for whole in paragraph.split() for part in _pieces(whole, width)):
            joined = f"{line} {word}" if line else word
            if line and width_of(joined) > width:
                lines.append(line)
                line = word
            else:
                line = joined
        lines.append(line)
    return lines


def _ids(value: object) -> list[str]:
    """Return the texts of a list; evidence may be anything."""
    return [one_line(one) for one in value if isinstance(one, str)] if isinstance(value, list) else []


def _pieces(word: str, width: int) -> Iterator[str]:
    """Yield ``word`` in pieces that each fit into ``width`` columns."""
    if width_of(word) <= width:
        yield word
        return
    start = columns = 0
    for index, char in enumerate(word):
        taken = _columns(char)
        if columns + taken > width and index > start:
            yield word[start:index]
            start, columns = index, 0
        columns += taken
    yield word[start:]


def _columns(char: str) -> int:
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def _shown(char: str) -> str:
    if unicodedata.category(char) == "Zs":
        return " "
    point = ord(char)
    if point <= 0xFF:  # noqa: PLR2004 - the last character that \x can write
        return f"\\x{point:02x}"
    return f"\\u{point:04x}" if point <= 0xFFFF else f"\\U{point:08x}"  # noqa: PLR2004 - the last of the basic plane
