"""``pytest-devsecops policy check``: read the policy as a test run would, and say what it is."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path

from pytest_devsecops import builtin
from pytest_devsecops.core.errors import DevSecOpsError
from pytest_devsecops.core.requirement import Requirement
from pytest_devsecops.core.text import counted
from pytest_devsecops.policy.model import Policy
from pytest_devsecops.policy.reading import read_policy


def add_parsers(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``policy`` with its sub-commands."""
    group = subparsers.add_parser("policy", help="work with the policy").add_subparsers(
        title="commands", metavar="COMMAND", required=True
    )
    check = group.add_parser(
        "check",
        help="read the policy, with all errors at once",
        description="Reads the policy of the project in the current folder, as a test run would.",
    )
    check.add_argument("--file", type=Path, metavar="FILE", help="the policy file (default: the project's own)")
    check.set_defaults(run=run_check)


def run_check(arguments: argparse.Namespace) -> int:
    """Print what the policy says and where it comes from; return 0.

    Raises:
        PolicyError: with every problem, if the policy cannot be used.
        DevSecOpsError: if there is no policy to check.
    """
    root = Path.cwd()
    policy = read_policy(root, builtin.SECTIONS, file=arguments.file)
    if not policy.exists:
        raise DevSecOpsError(
            "there is no policy here: neither devsecops.toml nor [tool.devsecops] in pyproject.toml",
            place=str(root),
            remedy="run `pytest-devsecops init`, or name one with --file",
        )
    print("\n".join(describe(policy)))
    return 0


def describe(policy: Policy) -> list[str]:
    """Return the lines that tell a reader what ``policy`` is: files, replacements, requirements."""
    lines = [f"policy: {counted(len(policy.files), 'file')}, the most general first"]
    lines.extend(f"  {file.path}  sha256:{file.sha256}" for file in policy.files)
    if policy.replaced:
        lines.append("values of an extended policy that were replaced")
        lines.extend(f"  {line}" for line in policy.replaced)
    if not policy.requirements:
        return [*lines, "requirements: none declared; those of the tests' markers count"]
    lines.append(f"requirements: {len(policy.requirements)} declared")
    lines.extend(f"  {line}" for line in _table(policy.requirements.values()))
    return lines


def _table(requirements: Iterable[Requirement]) -> list[str]:
    rows = [("id", "family", "severity", "owner", "title")]
    rows.extend((one.id, one.family, one.severity or "-", one.owner or "-", one.title) for one in requirements)
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
