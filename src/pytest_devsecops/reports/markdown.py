"""The report as Markdown for a CI step summary (``GITHUB_STEP_SUMMARY``).

GitHub refuses a summary of more than 1 MiB as a whole, so this one stops before and says what it
left out. Requirements that are not met come first.
"""

from __future__ import annotations

import html
import json
from collections.abc import Iterable, Iterator

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
    verdict_of_run,
    waived_text,
)

#: GitHub's limit for one step is 1 MiB; the rest is room for what the step itself writes.
MAX_BYTES = 1_000_000

_MAX_TEXT = 4_000
_FINDINGS = 50
_MARKS = {"met": "✅", "violated": "❌", "waived": "🔷", "unverified": "❔"}
#: Characters that mean something to Markdown, escaped by a backslash. The dollar starts formulas.
_ACTIVE = str.maketrans({char: f"\\{char}" for char in "\\`*_[]~|$#!"} | {"<": "&lt;", ">": "&gt;", "&": "&amp;"})


def render(report: Report) -> str:
    """Return the report as GitHub-flavoured Markdown of at most ``MAX_BYTES`` bytes."""
    requirements = ordered(report["requirements"])
    unmet = [one for one in requirements if one["status"] in NOT_MET]
    good = [one for one in requirements if one["status"] not in NOT_MET]
    page = _Page(MAX_BYTES)
    page.add(_head(report))
    page.add(_provenance(report))
    page.add_table("Not met", unmet, folded=False)
    left_out = sum(not page.add(_details(one)) for one in unmet if _has_details(one))
    page.add_table("Met or waived", good, folded=True)
    return page.finish(left_out)


class _Page:
    """Blocks of Markdown up to a number of bytes; what does not fit is counted.

    Args:
        limit: the most bytes (UTF-8) that the page may have.
    """

    #: Kept free for the sentence about what was left out.
    _RESERVE = 1_000

    def __init__(self, limit: int) -> None:
        self._room = limit - self._RESERVE
        self._parts: list[str] = []
        self._rows_left_out = 0

    def add(self, block: str) -> bool:
        """Add a block, or return False if there is no room for it."""
        size = len(block.encode("utf-8"))
        if size > self._room:
            return False
        self._room -= size
        self._parts.append(block)
        return True

    def add_table(self, title: str, requirements: list[RequirementView], *, folded: bool) -> None:
        """Add a table with as many rows as there is room for."""
        if not requirements:
            return
        heading = f"{title} ({len(requirements):,})"
        start = f"<details><summary>{heading}</summary>\n\n" if folded else f"### {heading}\n\n"
        end = "\n</details>\n\n" if folded else "\n"
        columns = "| | Requirement | Severity | Owner | Why |\n| --- | --- | --- | --- | --- |\n"
        if not self.add(start + columns):
            self._rows_left_out += len(requirements)
            return
        self._room -= len(end)
        for index, requirement in enumerate(requirements):
            if not self.add(_row(requirement)):
                self._rows_left_out += len(requirements) - index
                break
        self._parts.append(end)

    def finish(self, details_left_out: int) -> str:
        """Return the page, with a sentence about what is not in it."""
        cut = []
        if self._rows_left_out:
            cut.append(counted(self._rows_left_out, "requirement"))
        if details_left_out:
            cut.append(f"the findings of {counted(details_left_out, 'requirement')}")
        if cut:
            self._parts.append(
                f"> **Cut here**: {' and '.join(cut)} did not fit into this summary, which may have at most "
                f"{MAX_BYTES:,} bytes. All of them are in `report.html` and `report.json`.\n"
            )
        return "".join(self._parts)


def _head(report: Report) -> str:
    outcome = outcome_of_run(report)
    narrowed = narrowed_text(report["run"])
    warning = f"> **Narrowed run.** {_text(narrowed)}\n\n" if narrowed else ""
    return f"## {_MARKS[outcome]} {verdict_of_run(report)}\n\n{warning}**{headline(report)}**\n\n"


def _provenance(report: Report) -> str:
    run = report["run"]
    facts = [("run", f"{run['started']} to {run['finished']}")]
    if run["commit"]:
        dirty = {True: " with uncommitted changes", False: "", None: " (whether changed is unknown)"}[run["dirty"]]
        facts.append(("commit", run["commit"] + dirty))
    if run["policy"]:
        facts.append(("policy", f"{run['policy']['path']} sha256:{run['policy']['sha256']}"))
    facts.extend((name, _pairs(table)) for name in ("ci", "advisories") if (table := run[name]))
    facts.append(("versions", _pairs(run["versions"])))
    if catalogue := not_exercised_text(report):
        facts.append(("catalogue", catalogue))
    lines = "".join(f"- {name}: {_text(value)}\n" for name, value in facts)
    return f"<details><summary>About this run</summary>\n\n{lines}\n</details>\n\n"


def _row(requirement: RequirementView) -> str:
    status = requirement["status"]
    why = requirement["reason"] or waived_text(requirement)
    if status == "met":
        why = "judged by assertions, no verdict" if requirement["basis"] == "assertions" else _met_because(requirement)
    cells = [
        f"{_MARKS[status]} {status}",
        f"**{_text(requirement['id'])}** {_text(requirement['title'])}",
        requirement["severity"] or "",
        _text(requirement["owner"] or ""),
        _text(why),
    ]
    return f"| {' | '.join(cells)} |\n"


def _met_because(requirement: RequirementView) -> str:
    return "; ".join(verdict["summary"] for test in requirement["tests"] for verdict in test["verdicts"])


def _has_details(requirement: RequirementView) -> bool:
    return bool(requirement["limits"]) or any(findings_of(verdict) for _, verdict in unmet_verdicts(requirement))


def _details(requirement: RequirementView) -> str:
    title = f"{requirement['status']}: {requirement['id']} {requirement['title']}"
    measured = [
        f"- {_text(measurement_text(objective, limit, found))}\n"
        for objective, (limit, found) in measurements(requirement).items()
    ]
    body = "".join([*measured, *_verdicts(requirement)])
    return f"<details><summary>{html.escape(_cut(one_line(title)))}</summary>\n\n{body}\n</details>\n\n"


def _verdicts(requirement: RequirementView) -> Iterator[str]:
    for test, verdict in unmet_verdicts(requirement):
        yield f"- **{_text(verdict['check'])}** in {_text(test['nodeid'])}\n"
        yield f"  - examined {_text(examined_text(verdict))}\n"
        yield from _findings(verdict)


def _findings(verdict: VerdictView) -> Iterable[str]:
    findings = findings_of(verdict)
    for found in findings[:_FINDINGS]:
        yield f"  - {_finding(found)}\n"
    if len(findings) > _FINDINGS:
        yield f"  - … and {counted(len(findings) - _FINDINGS, 'more finding')}, in `report.html`\n"


def _finding(found: FindingView) -> str:
    place = place_of(found)
    parts = [
        f"{_MARKS[found['status']]} {_text(found['message'])}",
        f"({_text(place)})" if place else "",
        f"— fix: {_text(found['fix'])}" if found["fix"] else "",
        f"— see {_text(', '.join(found['refs']))}" if found["refs"] else "",
    ]
    return " ".join(part for part in parts if part)


def _pairs(table: dict[str, object] | dict[str, str]) -> str:
    shown = {name: value if isinstance(value, str) else json.dumps(value) for name, value in table.items()}
    return ", ".join(f"{name} {value}" for name, value in shown.items())


def _text(text: str) -> str:
    """Return ``text`` on one line, saying what it says and nothing to Markdown or HTML."""
    return _cut(one_line(text)).translate(_ACTIVE)


def _cut(text: str) -> str:
    """Return ``text`` without what no table can hold; the whole of it is in the other formats."""
    if len(text) <= _MAX_TEXT:
        return text
    return f"{text[:_MAX_TEXT]} … (cut: {len(text):,} characters, all of them in report.json)"
