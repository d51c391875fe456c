"""``pytest-devsecops advisories``: make the advisory file, and say what is in it."""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path

from pytest_devsecops import builtin
from pytest_devsecops.core.text import counted, format_duration
from pytest_devsecops.dependencies.advisories.collect import SOURCES, import_advisories
from pytest_devsecops.dependencies.advisories.freshness import age_in_days, is_too_old
from pytest_devsecops.dependencies.advisories.index import IndexInfo, SourceInfo, open_index
from pytest_devsecops.dependencies.checks.vulnerability_free import VulnerabilityPolicy
from pytest_devsecops.policy.reading import read_policy

_SHOWN = 20


def add_parsers(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``advisories`` with its sub-commands."""
    group = subparsers.add_parser("advisories", help="work with the advisory file").add_subparsers(
        title="commands", metavar="COMMAND", required=True
    )
    load = group.add_parser(
        "import",
        help="read advisory databases and write the advisory file",
        description=f"Reads advisory databases ({', '.join(source.name for source in SOURCES)}) into one file. "
        "Nothing is fetched: name files and folders that you have.",
    )
    load.add_argument("sources", nargs="*", type=Path, metavar="SOURCE", help="a file or a folder of advisories")
    load.add_argument(
        "--undated",
        action="append",
        default=[],
        type=Path,
        metavar="SOURCE",
        help="an own collection that seldom changes: its dates do not count for the age of the file",
    )
    load.add_argument("--to", type=Path, metavar="FILE", help="the file to write (default: the policy's)")
    load.set_defaults(run=import_command)
    tell = group.add_parser("info", help="say what is in the advisory file, and whether it is too old")
    tell.add_argument("file", nargs="?", type=Path, metavar="FILE", help="the file (default: the policy's)")
    tell.set_defaults(run=info_command)


def import_command(arguments: argparse.Namespace) -> int:
    """Write the advisory file and print what is in it; return 0.

    Records that could not be read are named on standard error: checks are unverified because of them.

    Raises:
        PolicyError: if the policy that names the file cannot be used.
        DevSecOpsError: if a source cannot be read; then nothing is written.
    """
    path = arguments.to or Path.cwd() / _policy().advisories
    info = import_advisories(arguments.sources, path, now=datetime.now(UTC), undated=arguments.undated)
    print("\n".join([f"wrote {path}", *_describe(info)]))
    for line in info.unreadable[:_SHOWN]:
        print(f"not read: {line}", file=sys.stderr)
    if len(info.unreadable) > _SHOWN:
        print(f"not read: {len(info.unreadable) - _SHOWN:,} more", file=sys.stderr)
    return 0


def info_command(arguments: argparse.Namespace) -> int:
    """Print what the advisory file says about itself.

    Returns:
        0 if checks can rely on it, 1 if it is older than the policy allows or has unread records.

    Raises:
        PolicyError: if the policy cannot be used.
        DevSecOpsError: if the file is missing or damaged.
    """
    policy = _policy()
    path = arguments.file or Path.cwd() / policy.advisories
    with open_index(path) as index:
        info = index.info
    today = datetime.now(UTC).date()
    age, limit = age_in_days(info, today), format_duration(policy.max_age)
    too_old = is_too_old(info, policy.max_age, today)
    verdict = "too old" if too_old else "fresh enough"
    shown_age = "unknown" if age is None else counted(age, "day")
    print("\n".join([str(path), *_describe(info), f"age       {shown_age}, {verdict}: at most {limit} is allowed"]))
    return 1 if too_old or info.unreadable else 0


def _policy() -> VulnerabilityPolicy:
    policy = read_policy(Path.cwd(), builtin.SECTIONS)
    vulnerabilities: VulnerabilityPolicy = policy.sections["dependencies"].vulnerabilities
    return vulnerabilities


def _describe(info: IndexInfo) -> list[str]:
    """Return the lines that tell a reader what is in the file."""
    left_out = (
        f"{info.withdrawn:,} withdrawn, {info.elsewhere:,} for other ecosystems,"
        f" {info.superseded:,} superseded, {len(info.unreadable):,} not readable"
    )
    return [
        f"count     {counted(info.count, 'advisory', 'advisories')} on {counted(info.packages, 'package')}",
        f"left out  {left_out}",
        f"newest    {info.dated.isoformat() if info.dated else 'unknown'}",
        f"built     {info.built}",
        f"sha256    {info.sha256}",
        *(f"source    {_source_line(source)}" for source in info.sources),
    ]


def _source_line(source: SourceInfo) -> str:
    date = "undated" if not source.ages else f"newest {source.newest or 'unknown'}"
    return f"{source.name} ({source.format}, {counted(source.records, 'record')}, {date}, sha256:{source.sha256})"
