from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.markers import Marker

from pytest_devsecops.dependencies.sources.markers import (
    all_markers,
    any_marker,
    environment_part,
    holds_for,
    parse_marker,
    selections,
)

ATOMS = ["os_name == 'nt'", "python_version < '3.12'", 'sys_platform != "win32"', "'linux' in sys_platform"]
EXTRAS = ["extra == 'x'", "'x' in extras", "'dev' not in dependency_groups", "extra != 'y'"]


def markers_of(atoms: list[str]) -> st.SearchStrategy[str]:
    return st.recursive(
        st.sampled_from(atoms),
        lambda inner: st.tuples(inner, st.sampled_from([" and ", " or "]), inner).map(
            lambda parts: f"({parts[0]}){parts[1]}{parts[2]}"
        ),
        max_leaves=8,
    )


@pytest.mark.parametrize(
    ("marker", "environments"),
    [
        ("os_name == 'nt'", "os_name == 'nt'"),
        ("extra == 'x'", ""),
        ("'x' in extras", ""),
        ("os_name == 'nt' and extra == 'x'", "os_name == 'nt'"),
        ("os_name == 'nt' or extra == 'x'", ""),
        (
            "(os_name == 'nt' and 'a' in extras) or (os_name == 'posix' and 'b' in extras)",
            "os_name == 'nt' or os_name == 'posix'",
        ),
        (
            "'dev' in dependency_groups and (os_name == 'nt' or os_name == 'posix')",
            "os_name == 'nt' or os_name == 'posix'",
        ),
        ("'x' not in extras and \"extra\" == os_name", '"extra" == os_name'),
        ("python_version not in '3.8, 3.9' and extra == 'x'", "python_version not in '3.8, 3.9'"),
        (
            "extra == 'x' and os_name=='nt' and (os_name == 'a' or os_name == 'b')",
            "os_name == 'nt' and (os_name == 'a' or os_name == 'b')",
        ),
    ],
)
def test_what_a_marker_says_of_environments(marker: str, environments: str) -> None:
    assert environment_part(marker) == environments


@given(markers_of([*ATOMS, *EXTRAS]), st.sampled_from(["nt", "posix"]), st.sampled_from(["win32", "linux"]))
def test_the_part_holds_wherever_the_whole_can(text: str, os_name: str, platform: str) -> None:
    environment = {"os_name": os_name, "sys_platform": platform, "python_version": "3.11"}
    part = environment_part(text)

    for extras in (set(), {"x"}):
        for groups in (set(), {"dev"}):
            everything = {**environment, "extra": "x" if extras else "", "extras": extras, "dependency_groups": groups}
            if Marker(text).evaluate(everything, context="lock_file"):
                assert not part or Marker(part).evaluate(environment)


@given(markers_of(ATOMS))
def test_a_marker_without_extras_and_groups_stays_as_it_is(text: str) -> None:
    assert environment_part(text) == text


@pytest.mark.parametrize(
    "text", ["", "os_name", "whenever == 'x'", "os_name == 'nt' and", "(" * 5000 + "os_name == 'nt'"]
)
def test_what_is_no_marker_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        environment_part(text)


def test_selections_and_whether_a_marker_can_hold_with_them() -> None:
    tree = parse_marker("os_name == 'nt' and ('x' in extras or 'dev' not in dependency_groups)")

    assert [(one.selection, one.value, one.negated) for one in selections(tree)] == [
        ("extras", "x", False),
        ("dependency_groups", "dev", True),
    ]
    assert holds_for(tree, lambda atom: atom.value == "x")
    assert holds_for(tree, lambda _: False)
    assert not holds_for(tree, lambda atom: atom.value == "dev")


def test_markers_are_joined_without_repetition() -> None:
    assert any_marker(["a", "b", "a"]) == "(a) or (b)"
    assert any_marker(["a", ""]) == ""
    assert any_marker(["a", "a"]) == "a"
    assert all_markers(["a", "", "b", "a"]) == "(a) and (b)"
    assert all_markers(["", ""]) == ""
