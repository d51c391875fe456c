from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from pytest_devsecops.core.errors import UsageError
from pytest_devsecops.core.requirement import Requirement, as_dict, from_dict, is_requirement_id, merge

MARKER = Requirement("DEP-1", "Pinned", "security", declared_at="test_a.py:3")
POLICY = Requirement("DEP-1", "All is pinned", "security", owner="ops", declared_at="pyproject.toml", declared=True)


@pytest.mark.parametrize("text", ["DEP-1", "a", "1", "asvs.9_1-x"])
def test_ids(text: str) -> None:
    assert is_requirement_id(text)


@pytest.mark.parametrize("text", ["", "-a", ".a", "a b", "a/b", "ä", "a\n", "some prose"])
def test_what_is_no_id(text: str) -> None:
    assert not is_requirement_id(text)


def test_one_definition_is_itself() -> None:
    assert merge([MARKER]) == MARKER


@pytest.mark.parametrize("order", [(MARKER, POLICY), (POLICY, MARKER)])
def test_the_policy_wins_over_a_marker_in_any_order(order: tuple[Requirement, Requirement]) -> None:
    merged = merge(order)
    assert merged.title == "All is pinned"
    assert merged.owner == "ops"
    assert merged.declared
    assert merged.declared_at == "pyproject.toml"


def test_a_marker_fills_what_the_policy_leaves_open() -> None:
    marker = replace(MARKER, severity="high", refs=("b",), limits={"rto": 5.0, "rpo": 9.0})
    merged = merge([replace(POLICY, refs=("a",), limits={"rto": 3.0}), marker])
    assert merged.severity == "high"
    assert merged.refs == ("a", "b")
    assert dict(merged.limits) == {"rto": 3.0, "rpo": 9.0}


def test_markers_can_complete_each_other() -> None:
    merged = merge([MARKER, replace(MARKER, title="", owner="dev", declared_at="test_b.py:9")])
    assert (merged.title, merged.owner, merged.declared_at) == ("Pinned", "dev", "test_a.py:3")


@pytest.mark.parametrize(
    ("field", "one", "two", "said"),
    [
        ("title", "A", "B", "'A' at here, 'B' at there"),
        ("family", "security", "recovery", "'security' at here, 'recovery' at there"),
        ("owner", "a", "b", "'a' at here, 'b' at there"),
        ("severity", "low", "high", "'low' at here, 'high' at there"),
        ("refs", ("a",), ("b",), "['a'] at here, ['b'] at there"),
        ("limits", {"rto": 1.0}, {"rto": 2.0}, "{'rto': 1.0} at here, {'rto': 2.0} at there"),
    ],
)
@pytest.mark.parametrize("declared", [True, False])
def test_two_definitions_of_one_kind_that_disagree_are_an_error(
    field: str, one: object, two: object, said: str, *, declared: bool
) -> None:
    base = Requirement("DEP-1", "", "security", declared=declared)
    kept: dict[str, Any] = {field: one}
    other: dict[str, Any] = {field: two}
    first, second = replace(base, declared_at="here", **kept), replace(base, declared_at="there", **other)
    with pytest.raises(UsageError) as caught:
        merge([first, second])
    assert f"disagree about its {field}: {said}" in str(caught.value)
    assert "define it once" in caught.value.remedy


def test_markers_disagree_about_what_the_policy_leaves_open_only() -> None:
    one, two = replace(MARKER, severity="low", owner="a"), replace(MARKER, severity="high", owner="b")
    with pytest.raises(UsageError, match="disagree about its severity"):
        merge([POLICY, one, two])
    assert merge([replace(POLICY, severity="critical"), one, two]).severity == "critical"


def test_a_third_definition_is_compared_with_the_first() -> None:
    with pytest.raises(UsageError, match="disagree about its owner"):
        merge([replace(MARKER, owner="a"), MARKER, replace(MARKER, owner="b")])


def test_a_requirement_survives_json() -> None:
    whole = replace(POLICY, severity="high", refs=("a", "b"), limits={"rto": 1800.0})
    assert from_dict(json.loads(json.dumps(as_dict(whole)))) == whole
