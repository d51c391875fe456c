"""The report as one HTML file: no network, no build step, readable without scripts.

The page is a template with a style sheet and a script, all package data. What others can choose
(titles, messages, file names) goes in as escaped text or as JSON; the content security policy lets
no other script or style run than the two whose digests it names.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from string import Template

from pytest_devsecops.core.text import counted
from pytest_devsecops.reports.compact import compact, shown
from pytest_devsecops.reports.model import Report, RequirementView, RunView
from pytest_devsecops.reports.text import (
    headline,
    narrowed_text,
    not_exercised_text,
    numbers,
    ordered,
    outcome_of_run,
    verdict_of_run,
    waived_text,
)

_FOLDER = "page"
_SCRIPTS = ("data.js", "details.js", "table.js")

#: Rows of the plain table that is shown when scripts are switched off.
_PLAIN_ROWS = 1_000


def render(report: Report) -> str:
    """Return the report as a self-contained HTML page."""
    style = _asset("report.css")
    script = "".join(_asset(name) for name in _SCRIPTS)
    verdict = verdict_of_run(report)
    narrowed = narrowed_text(report["run"])
    return Template(_asset("report.html")).substitute(
        policy=_policy(script, style),
        title=_escaped(f"{verdict} | {headline(report)}"),
        style=style,
        outcome=outcome_of_run(report),
        verdict=_escaped(verdict),
        narrowed=f'<p class="narrowed"><strong>Narrowed run.</strong> {_escaped(narrowed)}</p>' if narrowed else "",
        when=_escaped(_when(report)),
        facts="\n".join(f"<dt>{_escaped(name)}</dt><dd>{_escaped(value)}</dd>" for name, value in _facts(report)),
        counts="\n".join(_count(status, number) for status, number in numbers(report).items()),
        plain=_plain_table(report),
        data=_script_safe(compact(report)),
        script=script,
    )


def _asset(name: str) -> str:
    from importlib import resources

    return resources.files(__package__).joinpath(_FOLDER, name).read_text(encoding="utf-8")


def _script_safe(document: str) -> str:
    """Return the JSON ``document`` without what could end a script element or begin a comment in it.

    HTML, section 4.12.1.3. The escapes mean the same inside JSON's strings, where alone they stand.
    """
    return document.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _policy(script: str, style: str) -> str:
    """Return a content security policy (CSP level 3) that lets these two run and nothing else."""
    return (
        f"default-src 'none'; script-src '{_digest(script)}'; style-src '{_digest(style)}'; "
        "base-uri 'none'; form-action 'none'"
    )


def _digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode('utf-8')).digest()).decode('ascii')}"


def _escaped(text: str) -> str:
    return html.escape(shown(text))


def _when(report: Report) -> str:
    run = report["run"]
    parts = [headline(report), f"run {_moment(run['started'])}"]
    if run["commit"]:
        parts.append(f"commit {run['commit'][:12]}{' with uncommitted changes' if run['dirty'] else ''}")
    return " · ".join(parts)


def _moment(text: str) -> str:
    """Return an ISO 8601 time in UTC as people read it; anything else as it is."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return text
    return (
        f"{moment:%Y-%m-%d %H:%M:%S} {'UTC' if moment.utcoffset() == timedelta(0) else moment.strftime('%z')}".strip()
    )


def _facts(report: Report) -> Iterator[tuple[str, str]]:
    """Yield what an auditor asks for first: when, of what, by which policy and advisories."""
    run = report["run"]
    yield "Time", f"{_moment(run['started'])} to {_moment(run['finished'])}"
    yield "Commit", run["commit"] or "unknown"
    yield "Working tree", {True: "has uncommitted changes", False: "clean", None: "unknown"}[run["dirty"]]
    yield "Selection", _selection(run)
    yield "Arguments", " ".join(run["selection"]["args"]) or "none"
    yield from _policy_facts(run)
    yield "Advisories", _pairs(run["advisories"]) if run["advisories"] else "none were used"
    yield "CI", _pairs(run["ci"]) if run["ci"] else "not a CI run"
    yield "Versions", _pairs(dict(run["versions"]))
    if catalogue := not_exercised_text(report):
        yield "Catalogue", catalogue
    yield "Format", report["schema"]


def _selection(run: RunView) -> str:
    selection = run["selection"]
    if selection["complete"]:
        return "the whole suite ran"
    dropped = counted(selection["deselected"], "linked test")
    return f"narrowed: {'; '.join(selection['narrowed_by'])}. {dropped} deselected."


def _policy_facts(run: RunView) -> Iterator[tuple[str, str]]:
    policy = run["policy"]
    if policy is None:
        yield "Policy", "none"
        return
    yield "Policy", f"{policy['path']}, sha256 {policy['sha256']}"
    for base in policy["extends"]:
        yield "extends", f"{base['path']}, sha256 {base['sha256']}"
    for line in policy["replaced"]:
        yield "replaced", line


def _pairs(table: dict[str, object]) -> str:
    return ", ".join(
        f"{name} {value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}"
        for name, value in table.items()
    )


def _count(status: str, number: int) -> str:
    label = f'<span class="number">{number:,}</span> {_icon(status)}{status}'
    return f'<div class="count {status}" data-status="{status}">{label}</div>'


def _icon(status: str) -> str:
    """Return the shape that stands beside the word of a status."""
    return f'<svg class="icon" aria-hidden="true"><use href="#i-{status}"/></svg>'


def _plain_table(report: Report) -> str:
    requirements = ordered(report["requirements"])
    rows = "\n".join(_plain_row(one) for one in requirements[:_PLAIN_ROWS])
    head = "".join(f'<th scope="col">{name}</th>' for name in ("Status", "Requirement", "Severity", "Owner", "Why"))
    left_out = len(requirements) - _PLAIN_ROWS
    rest = f"<p>{counted(left_out, 'more requirement')}, in report.json.</p>" if left_out > 0 else ""
    return f"<table><thead><tr>{head}</tr></thead><tbody>\n{rows}\n</tbody></table>{rest}"


def _plain_row(requirement: RequirementView) -> str:
    cells = (
        requirement["severity"] or "",
        requirement["owner"] or "",
        requirement["reason"] or waived_text(requirement),
    )
    status = requirement["status"]
    return (
        f'<tr><td class="{status}">{_icon(status)}{status}</td>'
        f'<th scope="row"><strong>{_escaped(requirement["id"])}</strong> {_escaped(requirement["title"])}</th>'
        f"{''.join(f'<td>{_escaped(cell)}</td>' for cell in cells)}</tr>"
    )
