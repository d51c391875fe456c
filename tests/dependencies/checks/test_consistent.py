from __future__ import annotations

from collections.abc import Callable

import pytest

from pytest_devsecops.core.findings import Status
from pytest_devsecops.core.verdict import Verdict
from pytest_devsecops.dependencies.checks.consistent import Sides, consistent
from pytest_devsecops.dependencies.comparing import Expected
from pytest_devsecops.dependencies.model import (
    Dependency,
    Graph,
    Origin,
    OriginKind,
    SourceKind,
)
from pytest_devsecops.dependencies.section import DependencyPolicy
from pytest_devsecops.dependencies.sources.freshness import Freshness

Decode = Callable[[str], DependencyPolicy]
Lock = Callable[..., Graph]
Rules = Callable[[Verdict], list[tuple[str, str, str]]]
Compare = Callable[..., Verdict]

LINUX = {"sys_platform": "linux", "extra": ""}
INDEX = Origin(OriginKind.INDEX, "https://index.example/simple")
COMMITS = ("a" * 40, "b" * 40)


def git(commit: str) -> Origin:
    return Origin(OriginKind.VCS, "https://git.example/a", commit=commit)


@pytest.fixture
def compare(lock: Lock, policy: Decode) -> Compare:
    """Return a function that compares lists of dependencies; None stands for a side that is not there."""

    def run(
        declared: list[Dependency] | None,
        locked: list[Dependency] | None,
        installed: list[Dependency] | None,
        *,
        text: str = "",
        needed: frozenset[str] = frozenset(),
        own: frozenset[str] = frozenset(),
        freshness: tuple[Freshness, ...] = (),
    ) -> Verdict:
        names = {"pyproject.toml": SourceKind.DECLARATION, "uv.lock": SourceKind.LOCK}
        names["environment"] = SourceKind.ENVIRONMENT
        graphs = [
            Graph() if some is None else lock(*(_from(one, name) for one in some), name=name, kind=kind)
            for some, (name, kind) in zip((declared, locked, installed), names.items(), strict=True)
        ]
        expected = Expected(frozenset({"main"}), LINUX, needed)
        return consistent(Sides(graphs[0], graphs[1], graphs[2], expected, own, freshness), policy(text).consistency)

    return run


def _from(one: Dependency, source: str) -> Dependency:
    from dataclasses import replace

    return replace(one, source=source)


def test_three_sides_that_say_the_same_are_met(compare: Compare) -> None:
    verdict = compare(
        [Dependency("flask", specifier=">=3,<4")],
        [Dependency("flask", "3.0.0"), Dependency("jinja2", "3.1")],
        [Dependency("flask", "3.0"), Dependency("jinja2", "3.1")],
    )
    assert verdict.status is Status.MET
    assert dict(verdict.examined) == {
        "declared": 1,
        "locked": 2,
        "installed": 2,
        "from": "declared in pyproject.toml; locked in uv.lock; installed in environment",
    }


DECLARED, LOCKED, INSTALLED = (
    [Dependency("a", specifier=">=1")],
    [Dependency("a", "1.0", origin=INDEX)],
    [Dependency("a", "1.0")],
)


@pytest.mark.parametrize(
    ("declared", "locked", "installed", "found"),
    [
        pytest.param(
            [*DECLARED, Dependency("b", specifier=">=1")],
            LOCKED,
            INSTALLED,
            ("declared-not-locked", "b >=1"),
            id="declared and not locked",
        ),
        pytest.param(
            [Dependency("a", specifier=">=2")],
            LOCKED,
            INSTALLED,
            ("locked-outside-declaration", "a >=2"),
            id="locked outside of the declared range",
        ),
        pytest.param(
            DECLARED,
            LOCKED,
            [Dependency("a", "1.1")],
            ("installed-differs", "a 1.1"),
            id="another version is installed",
        ),
        pytest.param(
            DECLARED,
            [*LOCKED, Dependency("b", "2")],
            INSTALLED,
            ("locked-not-installed", "b 2"),
            id="locked and not installed",
        ),
        pytest.param(
            DECLARED,
            LOCKED,
            [*INSTALLED, Dependency("b", "2")],
            ("installed-not-locked", "b 2"),
            id="installed and not locked",
        ),
        pytest.param(
            DECLARED,
            [*LOCKED, Dependency("w", "1", marker="sys_platform == 'win32'")],
            [*INSTALLED, Dependency("w", "1")],
            ("installed-not-locked", "w 1"),
            id="installed, and locked for another platform only",
        ),
        pytest.param(
            DECLARED,
            [Dependency("a", "1.0", origin=git(COMMITS[0]))],
            [Dependency("a", "1.0", origin=git(COMMITS[1]))],
            ("installed-commit-differs", "a 1.0"),
            id="another commit",
        ),
        pytest.param(
            DECLARED,
            [Dependency("a", "1.0", origin=git(COMMITS[0]))],
            INSTALLED,
            ("installed-origin-differs", "a 1.0"),
            id="from an index where a commit is locked",
        ),
        pytest.param(
            DECLARED,
            LOCKED,
            [Dependency("a", "1.0", origin=Origin(OriginKind.EDITABLE, "file:///src/a"))],
            ("installed-origin-differs", "a 1.0"),
            id="editable where an index is locked",
        ),
        pytest.param(
            DECLARED,
            [Dependency("a", "1.0", origin=Origin(OriginKind.URL, "https://x.example/a.whl"), hashes=("sha256:aa",))],
            [Dependency("a", "1.0", origin=Origin(OriginKind.URL, "https://x.example/a.whl"), hashes=("sha256:bb",))],
            ("installed-hash-differs", "a 1.0"),
            id="another archive",
        ),
        pytest.param(
            DECLARED,
            None,
            [Dependency("a", "0.9")],
            ("installed-outside-declaration", "a 0.9"),
            id="without a lock file: outside of the range",
        ),
        pytest.param(
            [*DECLARED, Dependency("b", "2")],
            None,
            INSTALLED,
            ("declared-not-installed", "b 2"),
            id="without a lock file: not installed",
        ),
        pytest.param(
            DECLARED,
            None,
            [*INSTALLED, Dependency("b", "2", direct=True)],
            ("installed-not-declared", "b 2"),
            id="without a lock file: installed by name and not declared",
        ),
    ],
)
def test_each_difference_is_violated(
    compare: Compare,
    rules: Rules,
    declared: list[Dependency] | None,
    locked: list[Dependency] | None,
    installed: list[Dependency] | None,
    found: tuple[str, str],
) -> None:
    assert rules(compare(declared, locked, installed)) == [("violated", *found)]


@pytest.mark.parametrize(
    ("declared", "locked", "installed"),
    [
        pytest.param(
            [*DECLARED, Dependency("w", marker="sys_platform == 'win32'")],
            LOCKED,
            INSTALLED,
            id="declared for another platform, in a lock file for this one",
        ),
        pytest.param(
            [*DECLARED, Dependency("hatchling", groups=frozenset({"build"}))],
            LOCKED,
            INSTALLED,
            id="what builds the project is in no lock file",
        ),
        pytest.param(
            [*DECLARED, Dependency("part", origin=Origin(OriginKind.PATH, "packages/part"))],
            LOCKED,
            INSTALLED,
            id="a member of the workspace is in no lock file",
        ),
        pytest.param(
            DECLARED,
            [*LOCKED, Dependency("w", "1", marker="sys_platform == 'win32'")],
            INSTALLED,
            id="locked for another platform",
        ),
        pytest.param(
            DECLARED,
            [
                Dependency("a", "0.9", marker="sys_platform == 'win32'"),
                Dependency("a", "1.0", marker="sys_platform != 'win32'"),
            ],
            INSTALLED,
            id="two versions for two platforms",
        ),
        pytest.param(
            DECLARED,
            [Dependency("a", None, origin=git(COMMITS[0]))],
            [Dependency("a", "1.1", origin=git(COMMITS[0]))],
            id="a commit without a version",
        ),
        pytest.param(
            DECLARED, [Dependency("a", "2.0rc1")], [Dependency("a", "2.0rc1")], id="a pre-release that was resolved"
        ),
        pytest.param(
            DECLARED,
            None,
            [*INSTALLED, Dependency("b", "2", parents=("a",), direct=True)],
            id="without a lock file: what a declared dependency needs",
        ),
    ],
)
def test_what_is_no_difference_is_met(
    compare: Compare,
    declared: list[Dependency] | None,
    locked: list[Dependency] | None,
    installed: list[Dependency] | None,
) -> None:
    verdict = compare(declared, locked, installed)
    assert verdict.status is Status.MET, verdict.explain()


def test_other_groups_may_be_missing_and_are_in_the_evidence(compare: Compare) -> None:
    locked = [*LOCKED, Dependency("pytest", "8", groups=frozenset({"dev"}))]
    verdict = compare(DECLARED, locked, INSTALLED)
    assert verdict.status is Status.MET
    assert verdict.evidence["not installed, of other groups"] == ["pytest 8"]
    assert compare(DECLARED, locked, [*INSTALLED, Dependency("pytest", "9")]).status is Status.VIOLATED


def test_a_package_of_several_groups_must_be_there_if_something_installed_needs_it(
    compare: Compare, rules: Rules
) -> None:
    locked = [*LOCKED, Dependency("colorama", "0.4", groups=frozenset({"main", "dev"}))]
    assert compare(DECLARED, locked, INSTALLED).status is Status.MET
    verdict = compare(DECLARED, locked, INSTALLED, needed=frozenset({"colorama"}))
    assert rules(verdict) == [("violated", "locked-not-installed", "colorama 0.4")]


def test_a_missing_package_of_an_unknown_group_is_unverified(compare: Compare, rules: Rules) -> None:
    verdict = compare(DECLARED, [*LOCKED, Dependency("b", "1", groups=frozenset())], INSTALLED)
    assert rules(verdict) == [("unverified", "locked-not-installed", "b 1")]


def test_installers_the_project_and_what_the_policy_names_may_be_installed(compare: Compare) -> None:
    installed = [*INSTALLED, *(Dependency(name, "1") for name in ("pip", "wheel", "shop", "debugpy", "acme-x"))]
    text = 'consistent.ignore_installed = [{name = "DebugPy", reason = "IDE"}, {name = "acme-*", reason = "agents"}]'
    verdict = compare(DECLARED, LOCKED, installed, text=text, own=frozenset({"shop"}))
    assert verdict.status is Status.MET
    assert verdict.evidence["installed beside them"] == {
        "acme-x": "agents",
        "debugpy": "IDE",
        "pip": "installs or builds distributions",
        "shop": "a project below the root",
        "wheel": "installs or builds distributions",
    }


def test_a_stale_lock_file_is_violated(compare: Compare, rules: Rules) -> None:
    stale = Freshness("uv.lock", "pyproject.toml", is_fresh=False, note="they differ in flask")
    verdict = compare(DECLARED, LOCKED, INSTALLED, freshness=(stale,))
    assert rules(verdict) == [("violated", "lock-stale", "uv.lock")]
    assert "they differ in flask" in verdict.summary


def test_a_lock_file_that_does_not_tell_is_in_the_evidence(compare: Compare) -> None:
    silent = Freshness("pylock.toml", "pyproject.toml", is_fresh=None, note="no hash")
    verdict = compare(DECLARED, LOCKED, INSTALLED, freshness=(silent,))
    assert verdict.status is Status.MET
    assert verdict.evidence["lock files"][0]["note"] == "no hash"


@pytest.mark.parametrize(
    ("declared", "locked", "installed", "said"),
    [
        (DECLARED, None, None, "no source says what is locked or installed"),
        (None, LOCKED, None, "no source says what is declared or installed"),
        (None, None, INSTALLED, "no source says what is declared or locked"),
    ],
)
def test_one_side_alone_is_unverified_and_names_what_is_missing(
    compare: Compare,
    declared: list[Dependency] | None,
    locked: list[Dependency] | None,
    installed: list[Dependency] | None,
    said: str,
) -> None:
    verdict = compare(declared, locked, installed)
    assert verdict.status is Status.UNVERIFIED
    assert said in verdict.summary


def test_nothing_at_all_is_unverified(compare: Compare) -> None:
    assert compare(None, None, None).status is Status.UNVERIFIED


def test_a_side_without_any_dependency_is_nothing_examined(compare: Compare) -> None:
    verdict = compare([], [], [Dependency("pip", "1")])
    assert verdict.status is Status.UNVERIFIED
    assert "no declared and no locked" in verdict.summary
