from __future__ import annotations

from collections.abc import Callable

import pytest
from packaging.specifiers import SpecifierSet

from pytest_devsecops.core.errors import PolicyError
from pytest_devsecops.core.findings import Location, Status
from pytest_devsecops.core.verdict import Verdict
from pytest_devsecops.dependencies.checks.allowed import allowed
from pytest_devsecops.dependencies.model import Dependency, Graph, Origin, OriginKind
from pytest_devsecops.dependencies.section import DependencyPolicy

Decode = Callable[[str], DependencyPolicy]
Lock = Callable[..., Graph]
Rules = Callable[[Verdict], list[tuple[str, str, str]]]

needs_ranges = pytest.mark.skipif(
    not hasattr(SpecifierSet, "to_range"), reason="packaging before 26.3 cannot compare ranges"
)

INDEX = Origin(OriginKind.INDEX, "https://index.example/simple")


def test_every_dependency_on_the_allow_list_is_met_and_counted(lock: Lock, policy: Decode) -> None:
    graph = lock(Dependency("django", "4.2.1"), Dependency("acme-auth", "1"), Dependency("zope-interface", "7"))
    verdict = allowed(graph, policy('allow = [{name = "Django", versions = ">=4.2,<5"}, "acme_*", "zope.i*"]').allow)
    assert verdict.status is Status.MET
    assert verdict.summary == "3 dependencies from uv.lock are cleared by the policy"
    assert dict(verdict.examined) == {"dependencies": 3, "rules": 3, "from": "uv.lock"}
    assert verdict.evidence["sources"] == [
        {"name": "uv.lock", "format": "uv.lock", "kind": "lock", "sha256": "5e" * 32, "dependencies": 3}
    ]
    assert verdict.evidence["rules_that_match_nothing"] == []


def test_one_that_is_not_on_the_list_is_violated_and_tells_why_it_is_there(lock: Lock, policy: Decode) -> None:
    graph = lock(
        Dependency("django", "4.2", direct=True),
        Dependency("asgiref", "3.8", parents=("django",), direct=False, location=Location("uv.lock", 12)),
        Dependency("typing-extensions", "4", parents=("asgiref",), direct=False),
    )
    verdict = allowed(graph, policy('allow = ["django", "asgiref"]').allow)
    assert verdict.explain().splitlines() == [
        "violated: dependencies.allowed",
        "  examined: 3 dependencies, 2 rules, from uv.lock",
        "  - typing-extensions 4 is not on the allow list (needed by django -> asgiref) [not-allowed]",
        "    fix: have it added to `allow`, or remove django, which brings it in",
    ]
    assert verdict.findings[0].detail["path"] == ["django", "asgiref", "typing-extensions"]


def test_a_denied_dependency_is_violated_though_the_allow_list_has_it(lock: Lock, policy: Decode) -> None:
    text = """
    allow = ["*"]
    deny = [{name = "PyCrypto", reason = "unmaintained since 2013", owner = "security", instead = "cryptography"}]
    """
    verdict = allowed(lock(Dependency("pycrypto", "2.6.1", location=Location("uv.lock", 3))), policy(text).allow)
    assert verdict.explain().splitlines()[2:] == [
        "  - pycrypto 2.6.1 is denied by security: unmaintained since 2013 (uv.lock:3) [denied]",
        "    fix: use cryptography instead",
    ]
    found = verdict.findings[0]
    assert found.detail["owner"] == "security"
    assert found.detail["rule"] == "tool.devsecops.dependencies.deny[0] (PyCrypto)"


def test_with_a_deny_list_only_the_others_are_cleared(lock: Lock, policy: Decode) -> None:
    denied = policy('deny = ["pycrypto"]').allow
    assert allowed(lock(Dependency("django", "4.2")), denied).status is Status.MET
    assert allowed(lock(Dependency("pycrypto", "4.2")), denied).status is Status.VIOLATED


def test_without_any_list_the_policy_clears_nothing(lock: Lock, policy: Decode) -> None:
    verdict = allowed(lock(Dependency("django", "4.2")), policy("").allow)
    assert verdict.status is Status.UNVERIFIED
    assert verdict.explain().splitlines()[2:] == [
        "  ? the policy clears nothing: it has neither an allow list nor a deny list [nothing-examined]",
        '    fix: write `allow = ["…"]` or `deny = ["…"]` in [tool.devsecops.dependencies]',
    ]


def test_an_empty_allow_list_allows_nothing(lock: Lock, policy: Decode) -> None:
    verdict = allowed(lock(Dependency("django", "4.2")), policy("allow = []").allow)
    assert verdict.status is Status.VIOLATED


def test_an_empty_graph_is_unverified_and_says_what_was_read(lock: Lock, policy: Decode) -> None:
    verdict = allowed(lock(), policy('allow = ["django"]').allow)
    assert verdict.status is Status.UNVERIFIED
    assert verdict.explain().splitlines() == [
        "unverified: dependencies.allowed",
        "  examined: 0 dependencies, 1 rule, from uv.lock",
        "  ? dependencies.allowed examined nothing: there is no dependency in uv.lock [nothing-examined]",
        "    fix: name its sources with `sources` in [tool.devsecops.dependencies], or remove the requirement",
    ]


def test_what_could_not_be_read_keeps_it_from_being_met(half_read: Graph, policy: Decode) -> None:
    verdict = allowed(half_read, policy('allow = ["*"]').allow)
    assert verdict.status is Status.UNVERIFIED
    assert verdict.summary == "requirements.txt:7: '???' is no requirement"


@pytest.mark.parametrize(
    ("versions", "version", "status"),
    [
        (">=4.2,<5", "4.2", Status.MET),
        (">=4.2,<5", "5.0", Status.VIOLATED),
        # PEP 440: a pre-release is in a range only if the range names one.
        (">=4.2,<5", "4.3rc1", Status.VIOLATED),
        (">=4.2.dev0,<5", "4.3rc1", Status.MET),
        ("==4.3rc1", "4.3rc1", Status.MET),
        (">=4.2,<5", "5.0rc1", Status.VIOLATED),
        # A local version is the public one to a range that names no local version.
        ("==2.0.1", "2.0.1+cu118", Status.MET),
        ("==2.0.1+cu118", "2.0.1+cpu", Status.VIOLATED),
        ("==2.0.1+cu118", "2.0.1", Status.VIOLATED),
        ("", "2.0rc1", Status.MET),
        ("", "not-a-version", Status.MET),
        (">=1", "not-a-version", Status.UNVERIFIED),
        ("===not-a-version", "not-a-version", Status.MET),
        ("===not-a-version", "another", Status.VIOLATED),
    ],
)
def test_the_versions_of_an_allow_rule(lock: Lock, policy: Decode, versions: str, version: str, status: Status) -> None:
    cleared = policy(f'allow = [{{name = "torch", versions = "{versions}"}}]').allow
    assert allowed(lock(Dependency("torch", version)), cleared).status is status


@needs_ranges
@pytest.mark.parametrize(
    ("versions", "specifier", "status"),
    [
        (">=4.2,<5", ">=4.2,<5", Status.MET),
        (">=4.2,<5", "~=4.2", Status.MET),
        (">=4.2,<5", "==4.2.*", Status.MET),
        (">=4.2,<5", ">=4.2", Status.VIOLATED),
        (">=4.2,<5", "", Status.VIOLATED),
        (">=4.2,<5", ">=4.3rc1,<5", Status.VIOLATED),
        (">=4.2rc1,<5", ">=4.3rc1,<5", Status.MET),
        ("", "", Status.MET),
        ("", ">=1", Status.MET),
        (">=4.2,<5", "^4.2", Status.UNVERIFIED),
    ],
)
def test_a_range_is_cleared_only_if_all_of_it_is(
    lock: Lock, policy: Decode, versions: str, specifier: str, status: Status
) -> None:
    cleared = policy(f'allow = [{{name = "django", versions = "{versions}"}}]').allow
    assert allowed(lock(Dependency("django", None, specifier)), cleared).status is status


@needs_ranges
def test_two_rules_together_can_clear_a_range(lock: Lock, policy: Decode) -> None:
    text = 'allow = [{name = "django", versions = "<4.2"}, {name = "dj*", versions = ">=4.2,<6"}]'
    assert allowed(lock(Dependency("django", None, ">=3,<5")), policy(text).allow).status is Status.MET


@needs_ranges
@pytest.mark.parametrize(
    ("versions", "version", "specifier", "rule"),
    [
        ("<2", "1.9", "", "denied"),
        ("<2", "2.0", "", None),
        ("<2", "2.0rc1", "", "denied"),
        (">1", "1.0.post1", "", "denied"),
        ("<=2.0.1", "2.0.1+cu118", "", "denied"),
        ("==2.0.1", "2.0.1+cu118", "", "denied"),
        ("<2", "2.0.1rc2-git", "", "denial-unknown"),
        ("<2", None, ">=1", "denied"),
        ("<2", None, ">=2", None),
        ("<2", None, ">=2.0rc1", "denied"),
        ("<2", None, "", "denied"),
        ("<2", None, "^1", "denial-unknown"),
        ("==1.5", None, ">=1,<2", "denied"),
        ("==1.5", None, ">=1,<2,!=1.5", None),
    ],
)
def test_the_versions_of_a_deny_rule(
    lock: Lock, policy: Decode, versions: str, version: str | None, specifier: str, rule: str | None
) -> None:
    verdict = allowed(
        lock(Dependency("jinja2", version, specifier)),
        policy(f'deny = [{{name = "jinja2", versions = "{versions}"}}]').allow,
    )
    assert [found.rule for found in verdict.findings] == ([rule] if rule else [])


@needs_ranges
def test_a_range_that_may_become_denied_says_so(lock: Lock, policy: Decode) -> None:
    verdict = allowed(
        lock(Dependency("jinja2", None, ">=2"), name="pyproject.toml"),
        policy('deny = [{name = "jinja2", versions = "<3", reason = "sandbox escapes", owner = "web"}]').allow,
    )
    assert verdict.explain().splitlines()[2:] == [
        "  - jinja2 >=2 may become a version that is denied by web (<3): sandbox escapes [denied]",
        "    fix: choose a version outside of <3, or remove it",
    ]


def test_a_version_outside_of_the_cleared_ones_names_them_and_whom_to_ask(lock: Lock, policy: Decode) -> None:
    text = 'allow = [{name = "django", versions = ">=4.2,<5", reason = "LTS", owner = "web"}]'
    verdict = allowed(lock(Dependency("django", "5.1")), policy(text).allow)
    assert verdict.explain().splitlines()[2:] == [
        "  - django 5.1 is on the allow list only as django <5,>=4.2 (LTS) [not-allowed]",
        "    fix: use what is cleared, or ask web for clearance, or remove it",
    ]


def test_a_rule_for_a_group_clears_only_that_group(lock: Lock, policy: Decode, rules: Rules) -> None:
    cleared = policy('allow = [{name = "pytest", groups = ["Test"]}]').allow
    only_test = Dependency("pytest", "9", groups=frozenset({"test"}))
    both = Dependency("pytest", "9", groups=frozenset({"test", "main"}))
    nowhere = Dependency("pytest", "9", groups=frozenset())
    assert allowed(lock(only_test), cleared).status is Status.MET
    assert rules(allowed(lock(both), cleared)) == [("violated", "not-allowed", "pytest 9")]
    assert allowed(lock(nowhere), cleared).status is Status.VIOLATED


def test_a_rule_for_a_group_denies_in_that_group(lock: Lock, policy: Decode, rules: Rules) -> None:
    denied = policy('deny = [{name = "django-debug-toolbar", groups = ["main"]}]').allow
    shipped = Dependency("django-debug-toolbar", "4", groups=frozenset({"main", "dev"}))
    dev = Dependency("django-debug-toolbar", "4", groups=frozenset({"dev"}))
    unknown = Dependency("django-debug-toolbar", "4", groups=frozenset())
    assert rules(allowed(lock(shipped), denied)) == [("violated", "denied", "django-debug-toolbar 4")]
    assert allowed(lock(dev), denied).status is Status.MET
    assert rules(allowed(lock(unknown), denied)) == [("unverified", "denial-unknown", "django-debug-toolbar 4")]


def test_a_rule_can_ask_where_a_dependency_comes_from(lock: Lock, policy: Decode, rules: Rules) -> None:
    cleared = policy('allow = [{name = "tool", from = ["index"]}]').allow
    from_git = Origin(OriginKind.VCS, "https://code.example/tool", commit="5e" * 20)
    assert allowed(lock(Dependency("tool", "1", origin=INDEX)), cleared).status is Status.MET
    assert allowed(lock(Dependency("tool", "1", origin=from_git)), cleared).status is Status.VIOLATED
    unknown = allowed(lock(Dependency("tool", "1")), cleared)
    assert rules(unknown) == [("unverified", "clearance-unknown", "tool 1")]
    assert unknown.summary == "tool 1 cannot be compared with the allow list, which has tool from index"


def test_rules_that_match_no_dependency_are_told_as_stale(lock: Lock, policy: Decode) -> None:
    text = 'allow = ["django", {name = "simplejson", owner = "web"}]\ndeny = ["pycrypto*"]'
    verdict = allowed(lock(Dependency("django", "4.2")), policy(text).allow)
    assert verdict.status is Status.MET
    assert verdict.evidence["rules_that_match_nothing"] == [
        "tool.devsecops.dependencies.allow[1] (simplejson)",
        "tool.devsecops.dependencies.deny[0] (pycrypto*)",
    ]


def test_the_same_dependency_from_two_sources_is_one_subject_with_both_places(lock: Lock, policy: Decode) -> None:
    graph = lock(Dependency("django", "4.2", origin=INDEX, location=Location("uv.lock", 3))) + lock(
        Dependency("django", "4.2", origin=INDEX, location=Location("poetry.lock", 9)), name="poetry.lock"
    )
    verdict = allowed(graph, policy('deny = ["django"]').allow)
    assert verdict.examined["dependencies"] == 1
    assert verdict.examined["from"] == "uv.lock, poetry.lock"
    (found,) = verdict.findings
    assert found.location == Location("uv.lock", 3)
    assert found.detail["places"] == ["uv.lock:3", "poetry.lock:9"]


def test_what_is_violated_comes_before_what_is_unverified(lock: Lock, policy: Decode, rules: Rules) -> None:
    graph = lock(Dependency("b", "wat"), Dependency("a", "1"), Dependency("c", "1"))
    verdict = allowed(graph, policy('deny = ["a", "c", {name = "b", versions = "<2"}]').allow)
    assert rules(verdict) == [
        ("violated", "denied", "a 1"),
        ("violated", "denied", "c 1"),
        ("unverified", "denial-unknown", "b wat"),
    ]


def test_every_mistake_in_the_lists_is_told_with_its_key_path(policy: Decode) -> None:
    text = """
    allow = [7, {versions = ">=1"}, {name = "a", versions = "four"}, {name = "b", verions = "<2"}]
    deny = [{name = "c", from = ["indx"]}]
    """
    with pytest.raises(PolicyError) as caught:
        policy(text)
    place = "tool.devsecops.dependencies"
    assert caught.value.problems == (
        f"{place}.allow: item 0 must be a string or a table, not a whole number",
        f"{place}.allow[1].name: is missing",
        f"{place}.allow[2].versions: Invalid specifier: 'four'; write a version range such as '>=4.2,<5'",
        f"{place}.allow[3].verions: unknown key; did you mean 'versions'?",
        f"{place}.deny[0].from: 'indx' is not one of index, vcs, url, path, editable; did you mean 'index'?",
    )


def test_where_packaging_cannot_compute_with_ranges_a_range_is_unverified(
    lock: Lock, policy: Decode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(SpecifierSet, "to_range", raising=False)
    cleared = policy('allow = [{name = "django", versions = ">=4.2,<5"}]').allow
    denied = policy('deny = [{name = "django", versions = "<4"}]').allow
    declared = lock(Dependency("django", None, ">=4.3,<5"))
    for rules in (cleared, denied):
        verdict = allowed(declared, rules)
        assert verdict.status is Status.UNVERIFIED
        assert verdict.findings[0].fix.startswith("upgrade packaging to 26.3, which can compare ranges, or ")
