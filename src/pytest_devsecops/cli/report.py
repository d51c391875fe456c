"""``pytest-devsecops report render``: make any format from a report that a test run left as JSON."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import NamedTuple

from pytest_devsecops import builtin
from pytest_devsecops.core.errors import UsageError
from pytest_devsecops.core.redaction import Redactor
from pytest_devsecops.core.registry import Registry
from pytest_devsecops.reports.model import ReportFormat
from pytest_devsecops.reports.reading import read_report
from pytest_devsecops.reports.writing import write_whole

#: In place of a path: print instead of writing.
STANDARD_OUTPUT = "-"


class Target(NamedTuple):
    """One file to write.

    Attributes:
        format: what to write.
        path: where to; None for standard output.
    """

    format: ReportFormat
    path: Path | None


def add_parsers(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``report`` with its sub-commands."""
    group = subparsers.add_parser("report", help="work with reports").add_subparsers(
        title="commands", metavar="COMMAND", required=True
    )
    render = group.add_parser(
        "render",
        help="make other formats from a report in JSON",
        description="Reads the report.json of a test run and writes it in other formats.",
    )
    render.add_argument("input", type=Path, metavar="INPUT", help="the report in JSON")
    render.add_argument(
        "--to",
        action="append",
        required=True,
        metavar="FORMAT:PATH",
        help=f"what to write where, repeatable; FORMAT is one of {', '.join(builtin.REPORT_FORMATS)}; "
        f"PATH {STANDARD_OUTPUT} prints",
    )
    render.set_defaults(run=run_render)


def run_render(arguments: argparse.Namespace) -> int:
    """Write every target and return 0.

    Raises:
        UsageError: if a target makes no sense; then nothing is read or written.
        DevSecOpsError: if the input is no report, or if a file cannot be written.
    """
    formats = Registry("report format", builtin.REPORT_FORMATS)
    targets = [parse_target(text, formats) for text in arguments.to]
    _refuse_collisions(targets, arguments.input)
    # Secrets by value were redacted when the report was made; their shapes are looked for again,
    # because the file may come from elsewhere.
    report = Redactor().redact(read_report(arguments.input))
    for target in targets:
        text = target.format.render(report)
        if target.path is None:
            _print(text)
        else:
            write_whole(target.path, text)
            print(f"wrote    {target.path}")
    return 0


def parse_target(text: str, formats: Registry[ReportFormat]) -> Target:
    """Return the target that ``FORMAT:PATH`` names; the path may hold further colons.

    Raises:
        UsageError: if it has not that form, or if there is no such format.
    """
    name, separator, path = text.partition(":")
    if not separator or not path:
        raise UsageError(f"--to {text}: there is no path in it", remedy=f"write --to {name or 'html'}:PATH")
    return Target(formats.find(name), None if path == STANDARD_OUTPUT else Path(path))


def _refuse_collisions(targets: list[Target], source: Path) -> None:
    """Refuse two targets in one file, and a target that would overwrite the input."""
    taken = {source.resolve(): "the report that is read"}
    for target in targets:
        if target.path is None:
            continue
        place = target.path.resolve()
        if place in taken:
            raise UsageError(f"--to {target.format.name}:{target.path}: this file is also {taken[place]}")
        taken[place] = f"written as {target.format.name}"


def _print(text: str) -> None:
    """Print ``text`` whatever the terminal can show: what it cannot becomes an escape."""
    encoding = sys.stdout.encoding or "utf-8"
    print(text.encode(encoding, "backslashreplace").decode(encoding), end="")
