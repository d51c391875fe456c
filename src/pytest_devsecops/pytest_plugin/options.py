"""Options, ini keys and markers: one group, one prefix, only what works."""

from __future__ import annotations

import pytest

#: The names of the markers in this session, in the order security, recovery; a switched-off one is left out.
MARKER_NAMES = pytest.StashKey[dict[str, str]]()

_FAMILIES = {
    "security": "(id=None, title=None, *, owner=None, severity=None, refs=()): this test shows that a security "
    "requirement holds; its verdicts and outcome decide the requirement's state",
    "recovery": "(id=None, title=None, *, owner=None, severity=None, refs=(), rto=None, rpo=None): this test shows "
    "that a recovery requirement holds, within the given objectives (such as rto='30m')",
}

_FLAGS = {
    "--devsecops-report": "write devsecops-report/report.html, report.json and summary.md, and show the "
    "state of every requirement in the terminal",
    "--devsecops-strict": "fail unless this was a whole run in which every requirement is met or waived",
}


def register(parser: pytest.Parser) -> None:
    """Register the option group and the ini keys."""
    group = parser.getgroup("devsecops", "security and recovery requirements")
    for flag, text in _FLAGS.items():
        group.addoption(flag, action="store_true", default=False, help=text)
        parser.addini(_ini(flag), help=text, type="bool", default=False)
    group.addoption(
        "--devsecops-report-to",
        action="append",
        default=[],
        metavar="FORMAT:PATH",
        help="write one report, such as html:build/requirements.html (repeatable)",
    )
    parser.addini("devsecops_report_to", help="reports to write, one FORMAT:PATH a line", type="linelist", default=[])
    group.addoption(
        "--devsecops-policy",
        metavar="FILE",
        default=None,
        help="read the policy from FILE instead of devsecops.toml or [tool.devsecops] in pyproject.toml",
    )
    parser.addini("devsecops_policy", help="the policy file, relative to the root folder", default="")
    group.addoption(
        "--devsecops-today",
        metavar="DATE",
        default=None,
        help="count ages from DATE (YYYY-MM-DD) instead of today in UTC",
    )
    parser.addini("devsecops_today", help="the date that ages are counted from (YYYY-MM-DD)", default="")
    for family in _FAMILIES:
        parser.addini(
            f"devsecops_{family}_marker",
            help=f"the name of the marker for {family} requirements; empty switches it off",
            default=family,
        )


def register_markers(config: pytest.Config) -> None:
    """Register the markers under the names that the ini file gives them."""
    names = {str(config.getini(f"devsecops_{family}_marker")).strip(): family for family in _FAMILIES}
    names.pop("", None)
    config.stash[MARKER_NAMES] = names
    for name, family in names.items():
        config.addinivalue_line("markers", f"{name}{_FAMILIES[family]}")


def any_given(config: pytest.Config) -> bool:
    """Tell whether any option of ours is set, on the command line or in the ini file."""
    return (
        any(flag(config, name) for name in _FLAGS)
        or bool(report_targets(config))
        or any(text(config, name) for name in ("--devsecops-policy", "--devsecops-today"))
    )


def flag(config: pytest.Config, name: str) -> bool:
    """Return whether a flag is set, on the command line or in the ini file."""
    return bool(config.getoption(name)) or bool(config.getini(_ini(name)))


def text(config: pytest.Config, name: str) -> str:
    """Return an option's text; the command line wins over the ini file."""
    given = config.getoption(name)
    return str(given if given is not None else config.getini(_ini(name)))


def report_targets(config: pytest.Config) -> list[str]:
    """Return every ``FORMAT:PATH`` of the command line and the ini file."""
    return [*config.getoption("--devsecops-report-to"), *config.getini("devsecops_report_to")]


def _ini(name: str) -> str:
    return name.removeprefix("--").replace("-", "_")
