from __future__ import annotations

import json
import tempfile
import tomllib
from collections.abc import Mapping
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pytest_devsecops.builtin import SECTIONS
from pytest_devsecops.core.decode import TableReader
from pytest_devsecops.core.errors import PolicyError
from pytest_devsecops.dependencies.section import DependencyPolicy, read_section
from pytest_devsecops.policy.model import Policy
from pytest_devsecops.policy.reading import read_policy

#: Keys that some decoder knows, so that values of every kind end up below them.
KEYS = st.sampled_from(
    [
        *("requirements", "require_verdicts", "redact_environment", "dependencies", "extends", "final"),
        *("title", "family", "owner", "severity", "refs", "rto", "rpo", "DEP-1"),
        *("sources", "groups", "index_data", "allow", "deny", "name", "versions", "from", "reason", "instead"),
        *("pinned", "allow_local", "hashed", "algorithms", "allow_vcs"),
        *("origins", "indexes", "private", "names", "index", "vcs", "urls", "files", "default_index"),
        *("cooldown", "days", "except", "currency", "max_age", "look_at", "accept", "max_data_age"),
        *("licences", "vulnerabilities", "at_least", "advisories"),
    ]
)
WORDS = st.sampled_from(
    [
        *("", " ", "django", "acme-*", "[", ">=1,<2", ">>1", "===x", "7d", "-1d", "1e400d", "high", "index", "md5"),
        *("https://index.example/simple", "https://[::1", "http://x:99999", "git@code.example:a/b", "//", "\0", "a\nb"),
        *(
            "2026-12-31",
            "main",
            "extra:",
            "MIT",
            "AND",
            "MIT AND (",
            "package:",
            "package:.",
            "../x",
            "yanked",
            "sha256",
        ),
    ]
)
SCALARS = st.one_of(
    WORDS,
    st.text(st.characters(codec="utf-8"), max_size=12),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(),
    st.dates(min_value=date(1, 1, 1)),
    st.datetimes(),
    st.times(),
)
NAMES = st.one_of(KEYS, KEYS, st.text(st.characters(codec="utf-8"), max_size=8))
TABLES = st.dictionaries(
    NAMES,
    st.recursive(
        SCALARS,
        lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(NAMES, inner, max_size=5)),
        max_leaves=12,
    ),
    max_size=6,
)


def toml(value: object) -> str:
    """Return ``value`` as TOML writes it."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{toml(key)} = {toml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        # JSON's escapes are TOML's, but for DEL, which TOML wants escaped, and for pairs of surrogates.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    return repr(value)


def outcome(text: str) -> Policy | tuple[str, ...]:
    """Return the policy that ``text`` gives as a file, or the problems for which it is refused."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "devsecops.toml").write_text(text, encoding="utf-8", newline="")
        try:
            return read_policy(root, SECTIONS)
        except PolicyError as error:
            return error.problems


@given(TABLES)
def test_any_table_gives_a_dependency_policy_or_problems_with_key_paths(table: dict[str, Any]) -> None:
    problems: list[str] = []
    policy = read_section(TableReader(table, "tool.devsecops.dependencies", problems))
    assert isinstance(policy, DependencyPolicy)
    assert all(problem.startswith("tool.devsecops.dependencies.") for problem in problems)


@given(TABLES)
def test_any_document_gives_a_policy_or_problems(table: dict[str, Any]) -> None:
    text = "\n".join(f"{toml(key)} = {toml(value)}" for key, value in table.items())
    tomllib.loads(text)  # the document itself is in order
    found = outcome(text)
    assert isinstance(found, Policy) or (found and all(problem.strip() for problem in found))


@given(st.text(st.characters(codec="utf-8"), max_size=60))
def test_any_text_as_a_document_gives_a_policy_or_problems(text: str) -> None:
    found = outcome(text)
    assert isinstance(found, Policy) or found


@given(st.text(st.characters(codec="utf-8"), max_size=20))
def test_an_unknown_key_is_always_refused(key: str) -> None:
    problems: list[str] = []
    reader = TableReader({key: 1}, "", problems)
    reader.finish()
    assert len(problems) == 1
    assert "\n" not in problems[0]
