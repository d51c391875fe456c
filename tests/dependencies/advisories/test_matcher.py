"""The traps of matching, one by one. The whole is proved in ``tests/property/test_matcher.py``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from packaging.specifiers import SpecifierSet

from pytest_devsecops.dependencies.advisories.matcher import (
    judge_range,
    judge_version,
    smallest_fix,
    smallest_lower_bound,
)
from pytest_devsecops.dependencies.advisories.model import Affected
from pytest_devsecops.dependencies.advisories.versions import point
from pytest_devsecops.dependencies.ranges import Answer

Decode = Callable[..., Affected]


def ecosystem(*events: str) -> dict[str, Any]:
    pairs = (event.split("=") for event in events)
    return {"type": "ECOSYSTEM", "events": [{kind: value} for kind, value in pairs]}


def answers(affected: Affected, *versions: str) -> str:
    """One letter a version: Y(es), N(o) or U(nknown)."""
    return "".join(judge_version(affected, point(version)).name[0] for version in versions)


def test_listed_versions_and_ranges_are_united(affected: Decode) -> None:
    one = affected(ranges=[ecosystem("introduced=1.0", "fixed=1.2")], versions=["3.0"])
    assert answers(one, "0.9", "1.0", "1.1", "1.2", "3.0.0", "3.1") == "NYYNYN"


def test_fixed_is_exclusive_and_last_affected_inclusive(affected: Decode) -> None:
    assert answers(affected(ranges=[ecosystem("introduced=0", "fixed=2.0")]), "1.9", "2.0") == "YN"
    assert answers(affected(ranges=[ecosystem("introduced=0", "last_affected=2.0")]), "2.0", "2.0.1") == "YN"


def test_unsorted_events_make_the_same_intervals(affected: Decode) -> None:
    one = affected(ranges=[ecosystem("introduced=5.0", "fixed=5.2", "introduced=4.0", "fixed=4.3")])
    assert answers(one, "3.9", "4.0", "4.2", "4.3", "5.0", "5.1", "5.2") == "NYYNYYN"


def test_an_interval_that_begins_where_another_ends_continues_it(affected: Decode) -> None:
    one = affected(ranges=[ecosystem("introduced=3.1.1", "fixed=3.1.3", "introduced=0", "fixed=3.1.1")])
    assert answers(one, "3.1.0", "3.1.1", "3.1.2", "3.1.3") == "YYYN"


def test_an_interval_that_begins_and_is_fixed_at_one_version_is_empty(affected: Decode) -> None:
    one = affected(ranges=[ecosystem("introduced=1.0", "fixed=1.0")], versions=["0.5"])
    assert answers(one, "0.9", "1.0", "2.0") == "NNN"


def test_an_interval_of_a_single_version_ends_there(affected: Decode) -> None:
    one = affected(ranges=[ecosystem("introduced=1.0", "last_affected=1.0")])
    assert answers(one, "0.9", "1.0", "1.0.1") == "NYN"


def test_a_limit_ends_the_range_and_the_highest_one_counts(affected: Decode) -> None:
    one = affected(ranges=[ecosystem("introduced=1.0", "limit=2.0", "limit=3.0")])
    assert answers(one, "1.0", "2.5", "3.0") == "YYN"
    assert answers(affected(ranges=[ecosystem("introduced=1.0", "limit=*")]), "99") == "Y"


def test_git_ranges_are_skipped_and_what_stands_beside_them_is_not(affected: Decode) -> None:
    git = {"type": "GIT", "repo": "https://git.example/x", "events": [{"introduced": "0"}, {"fixed": "b" * 40}]}
    assert answers(affected(ranges=[git, ecosystem("introduced=1.0", "fixed=2.0")]), "0.9", "1.0") == "NY"


def test_an_entry_with_nothing_but_git_ranges_leaves_every_version_undecided(affected: Decode) -> None:
    git = {"type": "GIT", "repo": "https://git.example/x", "events": [{"introduced": "0"}, {"fixed": "b" * 40}]}
    assert answers(affected(ranges=[git]), "1.0", "99") == "UU"
    assert answers(affected(), "1.0") == "U"


def test_pre_releases_development_versions_and_post_releases_keep_their_order(affected: Decode) -> None:
    one = affected(ranges=[ecosystem("introduced=1.0", "fixed=2.0")])
    assert answers(one, "1.0rc1", "1.0.dev1", "1.0.post1", "2.0rc1", "2.0.dev5", "2.0.post1", "1!0.1") == "NNYYYNN"


def test_a_local_build_is_as_vulnerable_as_its_public_version(affected: Decode) -> None:
    one = affected(ranges=[ecosystem("introduced=0", "last_affected=2.0.1")])
    assert answers(one, "2.0.1+cu118", "2.0.2+cu118") == "YN"
    assert answers(affected(versions=["2.0.1"]), "2.0.1+cu118") == "Y"


def test_a_version_that_pep_440_does_not_know_matches_by_equality_and_by_the_open_start(affected: Decode) -> None:
    assert answers(affected(versions=["0.8.3p1"]), "0.8.3p1", "0.8.3P1 ", "0.8.3p2") == "YYN"
    assert answers(affected(ranges=[ecosystem("introduced=0", "fixed=1.0")]), "0.8.3p1") == "Y"


def test_a_version_that_pep_440_does_not_know_is_never_cleared_by_a_range(affected: Decode) -> None:
    assert answers(affected(ranges=[ecosystem("introduced=0.8", "fixed=0.9")]), "0.8.3p1") == "U"


def test_a_bound_that_pep_440_does_not_know_clears_nothing(affected: Decode) -> None:
    one = affected(ranges=[ecosystem("introduced=0", "fixed=0.2.0-n653")], versions=["0.1"])
    assert answers(one, "0.1", "0.2.0", "0.3") == "YUU"


def test_semver_ranges_are_compared_as_semver_means_them(affected: Decode) -> None:
    semver = {"type": "SEMVER", "events": [{"introduced": "1.0.0-alpha.1"}, {"fixed": "1.2.0-rc.2"}]}
    assert answers(affected(ranges=[semver]), "1.0.0.dev1", "1.0a1", "1.1", "1.2.0rc1", "1.2.0rc2") == "NYYYN"
    # SemVer's 1.0.0-1 is before 1.0.0; PEP 440 would read a post-release.
    odd = {"type": "SEMVER", "events": [{"introduced": "0"}, {"fixed": "1.0.0-1"}]}
    assert answers(affected(ranges=[odd]), "0.9", "1.0.0") == "UU"


@pytest.mark.parametrize(
    ("allowed", "expected"),
    [
        (">=1,<3", Answer.YES),
        (">=2.0,<3", Answer.NO),
        ("<1.0", Answer.NO),
        ("==1.*", Answer.YES),
        ("==2.*", Answer.NO),  # its pre-releases are affected, and 2.0 is there to be chosen
        ("==2.*,!=2.0", Answer.YES),  # perhaps nothing else is there
        (">=2.0rc1", Answer.YES),  # asks for pre-releases
        ("~=1.4", Answer.YES),
        ("~=2.4", Answer.NO),
        (">1.9", Answer.YES),  # 1.9.0.1 may exist
        ("", Answer.YES),
    ],
)
def test_a_range_is_affected_if_it_allows_an_affected_version(allowed: str, expected: Answer, affected: Decode) -> None:
    one = affected(ranges=[ecosystem("introduced=1.0", "fixed=2.0")])
    assert judge_range(one, SpecifierSet(allowed)) is expected


def test_a_range_has_pre_releases_where_they_are_asked_for(affected: Decode) -> None:
    one = affected(ranges=[ecosystem("introduced=1.0", "fixed=2.0")])
    assert judge_range(one, SpecifierSet("==2.*"), prereleases=True) is Answer.YES


def test_a_range_is_affected_by_a_listed_version(affected: Decode) -> None:
    one = affected(versions=["1.5", "0.8.3p1"])
    assert judge_range(one, SpecifierSet(">=1,<2")) is Answer.YES
    assert judge_range(one, SpecifierSet(">=2")) is Answer.NO


def test_a_range_is_not_cleared_where_the_advisory_is_in_doubt(affected: Decode) -> None:
    one = affected(ranges=[ecosystem("introduced=0", "fixed=0.2.0-n653")])
    assert judge_range(one, SpecifierSet(">=1")) is Answer.UNKNOWN


def test_the_smallest_fix_repairs_everything_that_is_found(affected: Decode) -> None:
    first = affected(ranges=[ecosystem("introduced=0", "fixed=1.5", "introduced=2.0", "fixed=2.3")])
    second = affected(ranges=[ecosystem("introduced=1.0", "fixed=1.8")])
    assert smallest_fix([first], "1.0") == "1.5"
    assert smallest_fix([first, second], "1.0") == "1.8"
    assert smallest_fix([first], "2.1") == "2.3"


def test_a_fix_avoids_other_advisories_where_it_can(affected: Decode) -> None:
    first = affected(ranges=[ecosystem("introduced=0", "fixed=1.5")])
    other = affected(ranges=[ecosystem("introduced=1.5", "fixed=1.6")])
    forever = affected(ranges=[ecosystem("introduced=1.5")])
    assert smallest_fix([first], "1.0", [other]) == "1.6"
    assert smallest_fix([first], "1.0", [forever]) == "1.5"


def test_there_is_no_fix_where_none_is_named(affected: Decode) -> None:
    assert smallest_fix([affected(ranges=[ecosystem("introduced=0")])], "1.0") is None
    assert smallest_fix([affected(ranges=[ecosystem("introduced=0", "last_affected=2")])], "1.0") is None


def test_the_smallest_lower_bound_makes_a_range_free_of_everything(affected: Decode) -> None:
    first = affected(ranges=[ecosystem("introduced=0", "fixed=1.5", "introduced=2.0", "fixed=2.3")])
    assert smallest_lower_bound([first], SpecifierSet(">=1")) == "2.3"
    assert smallest_lower_bound([first], SpecifierSet(">=1,<2.0")) == "1.5"
    assert smallest_lower_bound([first], SpecifierSet(">=1,<1.4")) is None
