from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from pytest_devsecops.dependencies.model import Dependency
from pytest_devsecops.dependencies.ranges import Answer, lies_within, may_be_in

RELEASES = st.sampled_from(["0", "1", "1.0", "1.1", "1.2", "2", "2.0.1", "3"])
SUFFIXES = st.sampled_from(["", "", "", "a1", "rc1", ".dev1", ".post1"])
VERSIONS = st.builds(lambda release, suffix: release + suffix, RELEASES, SUFFIXES)
OPERATORS = st.sampled_from(["<", "<=", ">", ">=", "==", "!="])
CLAUSES = st.one_of(
    st.builds(lambda operator, version: operator + version, OPERATORS, VERSIONS),
    st.sampled_from(["~=1.0", "~=1.1", "~=2.0.1", "~=1.1rc1", "==1.*", "!=1.*", "==1.1.*", "!=1.1.*", "!=2.*"]),
)
RANGES = st.lists(CLAUSES, max_size=3).map(lambda clauses: SpecifierSet(",".join(clauses)))

#: Every version that the clauses mention, and neighbours of each.
ALL = [
    Version(release + suffix)
    for release in ("0", "0.9", "1", "1.0.1", "1.1", "1.1.5", "1.2", "2", "2.0.1", "2.0.2", "2.5", "3", "4")
    for suffix in ("", "a1", "rc1", "rc2", ".dev0", ".dev1", ".post0", ".post1", ".post2", "+local")
]


@given(RANGES, st.lists(RANGES, max_size=3))
def test_a_range_that_lies_within_others_has_no_version_outside_of_them(
    declared: SpecifierSet, allowed: list[SpecifierSet]
) -> None:
    if lies_within(Dependency("a", None, str(declared)), allowed) is not Answer.YES:
        return
    for version in ALL:
        # What an installer takes without being told to take pre-releases.
        if declared.contains(version, prereleases=bool(declared.prereleases)):
            assert any(
                not str(one) or one.contains(version, prereleases=bool(declared.prereleases)) for one in allowed
            ), version


@given(VERSIONS, st.lists(RANGES, max_size=3))
def test_an_exact_version_lies_within_ranges_as_packaging_says(version: str, allowed: list[SpecifierSet]) -> None:
    expected = any(not str(one) or one.contains(Version(version), prereleases=bool(one.prereleases)) for one in allowed)
    assert (lies_within(Dependency("a", version), allowed) is Answer.YES) is expected


@given(RANGES, RANGES)
def test_a_range_that_cannot_be_in_another_shares_no_version_with_it(
    declared: SpecifierSet, forbidden: SpecifierSet
) -> None:
    if may_be_in(Dependency("a", None, str(declared)), forbidden) is not Answer.NO:
        return
    allowed = [one for one in ALL if declared.contains(one, prereleases=True)]
    shared = [one for one in allowed if forbidden.contains(one, prereleases=True)]
    assert shared == []


@given(VERSIONS, RANGES)
def test_a_version_of_a_forbidden_range_is_always_forbidden(version: str, forbidden: SpecifierSet) -> None:
    if forbidden.contains(Version(version), prereleases=True):
        assert may_be_in(Dependency("a", version), forbidden) is Answer.YES


@given(VERSIONS, VERSIONS)
def test_below_and_above_compare_by_order_alone(version: str, bound: str) -> None:
    below = may_be_in(Dependency("a", version), SpecifierSet(f"<{bound}")) is Answer.YES
    above = may_be_in(Dependency("a", version), SpecifierSet(f">{bound}")) is Answer.YES
    assert below is (Version(version) < Version(bound))
    assert above is (Version(version) > Version(bound))


@given(st.text(max_size=12), st.text(max_size=12), RANGES)
def test_any_text_as_version_or_specifier_gets_an_answer(version: str, specifier: str, some: SpecifierSet) -> None:
    for dependency in (Dependency("a", version), Dependency("a", None, specifier)):
        assert lies_within(dependency, [some]) in Answer
        assert may_be_in(dependency, some) in Answer
