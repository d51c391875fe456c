"""The entry point of ``pytest-devsecops`` and its table of sub-commands.

Exit codes: 0 done, 1 not done, 2 the command line makes no sense (argparse's own), 4 the policy
cannot be used (the code that pytest gives for the same).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from importlib import metadata

from pytest_devsecops.cli import advisories, init, policy, report
from pytest_devsecops.core.errors import DevSecOpsError, PolicyError

EXIT_FAILED = 1
EXIT_BAD_POLICY = 4

#: Every sub-command: adds its parser, whose default ``run`` takes the parsed arguments and returns
#: an exit code.
COMMANDS: tuple[Callable[[argparse._SubParsersAction[argparse.ArgumentParser]], None], ...] = (
    init.add_parsers,
    policy.add_parsers,
    advisories.add_parsers,
    report.add_parsers,
)


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command."""
    parser = argparse.ArgumentParser(
        prog="pytest-devsecops",
        description="Security and recovery requirements as tests: the work around a test run.",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {metadata.version('pytest-devsecops')}")
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for add_parsers in COMMANDS:
        add_parsers(subparsers)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line ``argv`` (by default the process's own) and return the exit code.

    Raises:
        SystemExit: from argparse, for ``--help``, ``--version`` and usage errors.
    """
    arguments = build_parser().parse_args(argv)
    try:
        code: int = arguments.run(arguments)
    except PolicyError as error:
        print(f"error: {error}", file=sys.stderr)
        return EXIT_BAD_POLICY
    except DevSecOpsError as error:
        print(f"error: {error}", file=sys.stderr)
        return EXIT_FAILED
    return code
