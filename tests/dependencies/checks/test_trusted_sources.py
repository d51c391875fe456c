from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from pytest_devsecops.core.errors import PolicyError
from pytest_devsecops.core.findings import Location, Status
from pytest_devsecops.core.verdict import Verdict
from pytest_devsecops.dependencies.checks.trusted_sources import from_trusted_sources
from pytest_devsecops.dependencies.model import (
    Artifact,
    Dependency,
    Graph,
    OptionName,
    Origin,
    OriginKind,
    SourceOption,
)
from pytest_devsecops.dependencies.section import DependencyPolicy

Decode = Callable[[str], DependencyPolicy]
Lock = Callable[..., Graph]
Rules = Callable[[Verdict], list[tuple[str, str, str]]]

PUBLIC = "https://index.example/simple"
PRIVATE = "https://pypi.acme.example/simple"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
POLICY = f"""
[origins]
indexes = ["{PUBLIC}"]
private = [{{ names = ["acme-*"], index = "{PRIVATE}" }}]
vcs = ["code.example/acme"]
urls = ["https://files.example/wheels"]
"""


def from_index(name: str, url: str = PUBLIC, version: str = "1") -> Dependency:
    return Dependency(name, version, origin=Origin(OriginKind.INDEX, url), source="requirements.txt")


def option(name: OptionName, value: str = "") -> SourceOption:
    return SourceOption(name, value, "requirements.txt", Location("requirements.txt", 1))


@pytest.mark.parametrize(
    "dependency",
    [
        from_index("django"),
        from_index("django", "HTTPS://user:secret@INDEX.example:443/simple/"),
        from_index("acme-auth", PRIVATE + "/"),
        Dependency("tool", origin=Origin(OriginKind.VCS, "https://code.example/acme/tool.git", "main", COMMIT)),
        Dependency("tool", origin=Origin(OriginKind.VCS, "ssh://git@code.example/acme/tool", COMMIT)),
        Dependency("tool", "1", origin=Origin(OriginKind.URL, "https://files.example/wheels/tool-1.whl")),
    ],
)
def test_trusted_places_are_met(lock: Lock, policy: Decode, dependency: Dependency) -> None:
    verdict = from_trusted_sources(lock(dependency), policy(POLICY).origins)
    assert verdict.status is Status.MET, verdict.explain()
    assert verdict.summary == "1 dependency from uv.lock comes from trusted sources"


@pytest.mark.parametrize(
    ("dependency", "rule", "message"),
    [
        (
            from_index("django", "https://index.example.evil/simple"),
            "untrusted-index",
            "django 1 comes from the index https://index.example.evil/simple, which is not trusted",
        ),
        (
            # The private index may give its own names only.
            from_index("django", PRIVATE),
            "untrusted-index",
            f"django 1 comes from the index {PRIVATE}, which is not trusted",
        ),
        (
            from_index("django", "./mirror"),
            "local-path",
            "django 1 comes from the path ./mirror",
        ),
        (
            from_index("acme-auth"),
            "dependency-confusion",
            f"acme-auth 1 is reserved for {PRIVATE}, but comes from {PUBLIC}",
        ),
        (
            Dependency("tool", origin=Origin(OriginKind.VCS, "https://code.example/acme-evil/tool", "", COMMIT)),
            "untrusted-repository",
            "tool comes from the repository https://code.example/acme-evil/tool, which is not trusted",
        ),
        (
            Dependency("tool", origin=Origin(OriginKind.VCS, "https://code.example/acme/tool", "v1")),
            "moving-reference",
            "tool comes from https://code.example/acme/tool at v1, which can move",
        ),
        (
            Dependency("tool", origin=Origin(OriginKind.VCS, "git://code.example/acme/tool", "", COMMIT)),
            "insecure-transport",
            "tool is fetched from git://code.example/acme/tool, which anybody on the way can change",
        ),
        (
            Dependency("tool", origin=Origin(OriginKind.VCS, "file:///srv/tool", "", COMMIT)),
            "local-path",
            "tool comes from the path file:///srv/tool",
        ),
        (
            Dependency("tool", "1", origin=Origin(OriginKind.URL, "https://elsewhere.example/tool-1.whl")),
            "untrusted-url",
            "tool 1 comes from https://elsewhere.example/tool-1.whl, which is not trusted",
        ),
        (
            Dependency("tool", "1", origin=Origin(OriginKind.PATH, "../tool")),
            "local-path",
            "tool 1 comes from the path ../tool",
        ),
        (
            Dependency("tool", "1", origin=Origin(OriginKind.EDITABLE, ".", editable=True)),
            "editable",
            "tool 1 is editable",
        ),
        (
            Dependency(
                "django",
                "1",
                origin=Origin(OriginKind.INDEX, PUBLIC),
                artifacts=(Artifact("a.whl", "http://f.example/a.whl"),),
            ),
            "insecure-transport",
            "django 1 is fetched from http://f.example/a.whl, which anybody on the way can change",
        ),
    ],
)
def test_any_other_place_is_violated(
    lock: Lock, policy: Decode, dependency: Dependency, rule: str, message: str
) -> None:
    verdict = from_trusted_sources(lock(dependency), policy(POLICY).origins)
    assert verdict.status is Status.VIOLATED
    assert [(found.rule, found.message) for found in verdict.findings] == [(rule, message)]


def test_an_unknown_origin_is_unverified(lock: Lock, policy: Decode) -> None:
    graph = lock(Dependency("django", "4.2", source="environment"), name="environment")
    verdict = from_trusted_sources(graph, policy(POLICY).origins)
    assert verdict.status is Status.UNVERIFIED
    assert verdict.explain().splitlines()[2:] == [
        "  ? django 4.2 may come from anywhere: environment does not say [origin-unknown]",
        "    fix: name the lock file that it is installed from in `sources`",
    ]


def test_a_source_that_names_no_index_is_told_once_for_all_its_dependencies(lock: Lock, policy: Decode) -> None:
    graph = lock(from_index("django", ""), from_index("flask", ""), name="requirements.txt")
    (found,) = from_trusted_sources(graph, policy(POLICY).origins).findings
    assert found.status is Status.UNVERIFIED
    assert found.message == (
        "requirements.txt does not name the index that its dependencies come from; nobody knows the installer's default"
    )
    assert found.fix == (
        'name it in the source, or write `default_index = "https://…"` in [tool.devsecops.dependencies.origins]'
    )


def test_a_default_index_that_nobody_names_is_unverified_until_the_policy_names_it(
    lock: Lock, policy: Decode, rules: Rules
) -> None:
    graph = lock(from_index("django", ""), name="requirements.txt")
    assert rules(from_trusted_sources(graph, policy(POLICY).origins)) == [
        ("unverified", "index-unknown", "requirements.txt")
    ]
    named = policy(f'{POLICY}default_index = "{PUBLIC}"').origins
    assert from_trusted_sources(graph, named).status is Status.MET
    other = policy(f'{POLICY}default_index = "https://other.example/simple"').origins
    assert rules(from_trusted_sources(graph, other)) == [("violated", "untrusted-index", "django 1")]


def test_an_extra_index_beside_private_names_is_dependency_confusion(lock: Lock, policy: Decode) -> None:
    graph = lock(
        from_index("acme-auth", ""),
        from_index("django", ""),
        name="requirements.txt",
        options=[option(OptionName.INDEX_URL, PUBLIC), option(OptionName.EXTRA_INDEX_URL, PRIVATE)],
    )
    verdict = from_trusted_sources(graph, policy(POLICY).origins)
    assert verdict.explain().splitlines()[2:] == [
        f"  - acme-auth 1 is reserved for {PRIVATE}, but may come from {PUBLIC} [dependency-confusion]",
        f"    fix: let acme-auth come from {PRIVATE} alone: of several indexes, anybody's copy can win",
    ]


def test_of_several_index_urls_the_last_one_counts(lock: Lock, policy: Decode, rules: Rules) -> None:
    private, public = option(OptionName.INDEX_URL, PRIVATE), option(OptionName.INDEX_URL, PUBLIC)
    for options, expected in (
        ([private, public], [("violated", "dependency-confusion", "acme-auth 1")]),
        ([public, private], []),
    ):
        graph = lock(from_index("acme-auth", ""), name="requirements.txt", options=options)
        assert rules(from_trusted_sources(graph, policy(POLICY).origins)) == expected


def test_a_private_extra_index_beside_the_unnamed_default_is_dependency_confusion(
    lock: Lock, policy: Decode, rules: Rules
) -> None:
    graph = lock(
        from_index("acme-auth", ""),
        name="requirements.txt",
        options=[option(OptionName.EXTRA_INDEX_URL, PRIVATE)],
    )
    verdict = from_trusted_sources(graph, policy(POLICY).origins)
    assert rules(verdict) == [("violated", "dependency-confusion", "acme-auth 1")]
    assert "but may come from the installer's default index" in verdict.summary


def test_a_private_name_from_an_index_that_nobody_names_is_unverified(lock: Lock, policy: Decode, rules: Rules) -> None:
    graph = lock(from_index("acme-auth", ""), name="requirements.txt")
    assert rules(from_trusted_sources(graph, policy(POLICY).origins)) == [
        ("unverified", "index-unknown", "acme-auth 1")
    ]


def test_options_of_an_included_file_bear_on_the_files_that_include_it(
    lock: Lock, policy: Decode, rules: Rules
) -> None:
    graph = lock(from_index("acme-auth", ""), name="requirements.txt")
    included = replace(graph.sources[0], name="base.txt", included_by="requirements.txt")
    extra = replace(option(OptionName.EXTRA_INDEX_URL, PUBLIC), source="base.txt")
    whole = replace(graph, sources=(*graph.sources, included), options=(extra,))
    assert rules(from_trusted_sources(whole, policy(POLICY).origins)) == [
        ("violated", "dependency-confusion", "acme-auth 1")
    ]


@pytest.mark.parametrize(
    ("name", "value", "rule"),
    [
        (OptionName.TRUSTED_HOST, "index.example", "unchecked-certificate"),
        (OptionName.INDEX_URL, "https://other.example/simple", "untrusted-index"),
        (OptionName.EXTRA_INDEX_URL, "https://other.example/simple", "untrusted-index"),
        (OptionName.EXPLICIT_INDEX_URL, "https://other.example/simple", "untrusted-index"),
        (OptionName.FIND_LINKS, "https://other.example/links", "untrusted-find-links"),
        (OptionName.FIND_LINKS, "./wheels", "untrusted-find-links"),
    ],
)
def test_an_option_that_leads_elsewhere_is_violated_once(
    lock: Lock, policy: Decode, rules: Rules, name: OptionName, value: str, rule: str
) -> None:
    graph = lock(from_index("django"), from_index("flask", ""), name="requirements.txt", options=[option(name, value)])
    known = policy(f'{POLICY}default_index = "{PUBLIC}"').origins
    verdict = from_trusted_sources(graph, known)
    assert rules(verdict) == [("violated", rule, value)]
    assert verdict.findings[0].location == Location("requirements.txt", 1)


def test_an_unencrypted_index_is_violated_though_it_is_listed(lock: Lock, policy: Decode, rules: Rules) -> None:
    text = '[origins]\nindexes = ["http://index.example/simple", "http://localhost:3141/root"]'
    remote, local = (
        from_index("django", "http://index.example/simple"),
        from_index("flask", "http://localhost:3141/root"),
    )
    verdict = from_trusted_sources(lock(remote, local), policy(text).origins)
    assert rules(verdict) == [("violated", "insecure-transport", "django 1")]


def test_no_index_and_no_links_leaves_nowhere_to_come_from(lock: Lock, policy: Decode, rules: Rules) -> None:
    graph = lock(from_index("django", ""), name="requirements.txt", options=[option(OptionName.NO_INDEX)])
    assert rules(from_trusted_sources(graph, policy(POLICY).origins)) == [
        ("unverified", "index-unknown", "requirements.txt")
    ]


def test_paths_and_editables_can_be_allowed_each(lock: Lock, policy: Decode, rules: Rules) -> None:
    graph = lock(
        Dependency("a", "1", origin=Origin(OriginKind.PATH, "../a")),
        Dependency("b", "1", origin=Origin(OriginKind.EDITABLE, ".", editable=True)),
        Dependency("c", "1", origin=Origin(OriginKind.VCS, "https://code.example/acme/c", "", COMMIT, editable=True)),
    )
    paths = policy(f"{POLICY}allow_paths = true").origins
    assert rules(from_trusted_sources(graph, paths)) == [
        ("violated", "editable", "b 1"),
        ("violated", "editable", "c 1"),
    ]
    both = policy(f"{POLICY}allow_paths = true\nallow_editable = true").origins
    assert from_trusted_sources(graph, both).status is Status.MET


def test_files_that_a_lock_file_names_are_judged_if_the_policy_says_where_they_are(lock: Lock, policy: Decode) -> None:
    files = (Artifact("a.whl", "https://files.example/packages/a.whl"), Artifact("a.zip", "https://evil.example/a.zip"))
    graph = lock(replace(from_index("django"), artifacts=files))
    silent = from_trusted_sources(graph, policy(POLICY).origins)
    assert silent.status is Status.MET
    assert silent.evidence["file_hosts"] == ["evil.example", "files.example"]
    assert silent.evidence["files_judged"] is False
    verdict = from_trusted_sources(graph, policy(f'{POLICY}files = ["https://files.example/packages"]').origins)
    assert verdict.summary == (
        "django 1 has 1 of 2 files outside of the places where its index keeps them, such as https://evil.example/a.zip"
    )


def test_the_evidence_counts_dependencies_by_place(lock: Lock, policy: Decode) -> None:
    graph = lock(from_index("django"), from_index("flask"), from_index("acme-auth", PRIVATE))
    verdict = from_trusted_sources(graph, policy(POLICY).origins)
    assert verdict.evidence["places"] == {f"index: {PUBLIC}": 2, f"index: {PRIVATE}": 1}


def test_without_the_table_the_policy_trusts_nothing(lock: Lock, policy: Decode) -> None:
    verdict = from_trusted_sources(lock(Dependency("a", "1", origin=Origin(OriginKind.PATH, "."))), policy("").origins)
    assert "the policy trusts no source: it has no table `origins`" in [found.message for found in verdict.findings]
    local = policy("[origins]\nallow_paths = true").origins
    assert (
        from_trusted_sources(lock(Dependency("a", "1", origin=Origin(OriginKind.PATH, "."))), local).status
        is Status.MET
    )


def test_nothing_to_look_at_and_half_read_sources_are_unverified(lock: Lock, half_read: Graph, policy: Decode) -> None:
    nothing = from_trusted_sources(lock(), policy(POLICY).origins)
    assert nothing.status is Status.UNVERIFIED
    assert nothing.summary == "dependencies.from_trusted_sources examined nothing: there is no dependency in uv.lock"
    half = from_trusted_sources(half_read, policy(POLICY).origins)
    assert half.status is Status.UNVERIFIED
    assert "requirements.txt:7: '???' is no requirement" in [found.message for found in half.findings]


def test_every_mistake_in_the_table_is_told(policy: Decode) -> None:
    text = """
    [origins]
    indexes = ["index.example/simple", "https://index.example/../simple"]
    private = [{names = ["a"]}, {index = "https://i.example"}, {names = ["b"], index = "wat"}]
    vcs = ["https://"]
    alow_paths = true
    """
    with pytest.raises(PolicyError) as caught:
        policy(text)
    place = "tool.devsecops.dependencies.origins"
    assert caught.value.problems == (
        f"{place}.private[0].index: is missing",
        f"{place}.private[1].names: must name at least one dependency",
        f"{place}.private[2].index: 'wat' is not a URL; write for example https://index.example/simple",
        f"{place}.indexes: 'index.example/simple' is not a URL; write for example https://index.example/simple",
        f"{place}.indexes: 'https://index.example/../simple' has a path that can be read in more than one way",
        f"{place}.vcs: 'https://' has no host; write for example https://index.example/simple",
        f"{place}.alow_paths: unknown key; did you mean 'allow_paths'?",
    )
