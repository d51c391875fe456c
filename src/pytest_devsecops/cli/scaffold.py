"""The text of the files that ``init`` writes; pure functions of what was found in the project."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

_WIDTH = 100


@dataclass(frozen=True, slots=True)
class Starter:
    """One requirement that every project can start with.

    Attributes:
        id: its id in the policy.
        title: what must hold.
        severity: how bad it is if it does not.
        call: the check on the fixture ``dependencies``.
        test: the name of the test function.
    """

    id: str
    title: str
    severity: str
    call: str
    test: str


STARTERS = (
    Starter("DEP-1", "Only allowed dependencies ship", "high", "allowed()", "test_only_allowed_dependencies"),
    Starter(
        "DEP-2",
        "No dependency has a known vulnerability of severity high or critical",
        "critical",
        'vulnerability_free(at_least="high")',
        "test_no_known_vulnerabilities",
    ),
    Starter("DEP-3", "Every dependency stands for one exact release", "medium", "pinned()", "test_pinned"),
)

_POLICY_HEAD = """\
# What this project demands of itself. `pytest-devsecops policy check` reads it;
# `pytest --devsecops-report` says which of it is met, violated or unverified.
# An organisation's shared policy comes first:
#   extends = ["package:our_policy"]
"""

_VULNERABILITIES = """

# DEP-2 is unverified until `pytest-devsecops advisories import SOURCE` has written the advisory file
# from a database that you have; nothing is fetched.
[dependencies.vulnerabilities]
# max_age = "7d"
"""

_TESTS_HEAD = """\
# The requirements of this project, as tests. What they demand stands in the policy.
import pytest
"""


def policy_text(sources: Sequence[str], names: Sequence[str]) -> str:
    """Return a ``devsecops.toml`` that declares the starters.

    Args:
        sources: the files that say what the project depends on, relative to its root.
        names: what they name now; offered for the allow list, in comments, because being there
            already is no clearance.
    """
    parts = [_POLICY_HEAD, *(_requirement(starter) for starter in STARTERS), _dependencies(sources, names)]
    return "\n".join(parts)


def tests_text(*, declared: bool) -> str:
    """Return the first test file.

    Args:
        declared: whether the policy beside it declares the starters. Otherwise the tests carry
            the bare marker, which fits every policy.
    """
    return "\n".join([_TESTS_HEAD, *(_test(starter, declared=declared) for starter in STARTERS)])


def _requirement(starter: Starter) -> str:
    return (
        f"[requirements.{starter.id}]\n"
        f'title = "{starter.title}"\n'
        f'severity = "{starter.severity}"\n'
        '# owner = "security"\n'
    )


def _dependencies(sources: Sequence[str], names: Sequence[str]) -> str:
    lines = ["[dependencies]"]
    if sources:
        lines.append("# Found here. Without this key, every file of a known format in this folder is read.")
        lines.append(f"sources = [{', '.join(_quoted(source) for source in sources)}]")
    else:
        lines.append('# No lock file was found. Name what says what you depend on: sources = ["uv.lock"]')
    lines.append("# What the team is cleared to use: nothing yet, so DEP-1 fails. Being there already is no")
    lines.append("# clearance; uncomment what you clear, one by one.")
    lines.append("allow = [")
    offered = ", ".join(_quoted(name) for name in names)
    wrapped = textwrap.wrap(offered, _WIDTH, break_long_words=False, break_on_hyphens=False)
    lines.extend(f"  # {line}" for line in wrapped)
    lines.append("]")
    lines.append('# deny = [{ name = "example-package", reason = "why not", instead = "another-package" }]')
    return "\n".join(lines) + _VULNERABILITIES


def _test(starter: Starter, *, declared: bool) -> str:
    mark = f'@pytest.mark.security("{starter.id}")' if declared else "@pytest.mark.security"
    return (
        f"\n{mark}\ndef {starter.test}(dependencies):\n"
        f'    """{starter.title}."""\n'
        f"    assert dependencies.{starter.call}\n"
    )


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
