from __future__ import annotations

import sys
from pathlib import Path

import pytest

from pytest_devsecops.core.findings import Status
from pytest_devsecops.dependencies.model import Dependency, Graph, Origin, OriginKind, ReadContext
from pytest_devsecops.dependencies.sources.environment import EnvironmentReader
from pytest_devsecops.testing.environments import FakeEnvironment

COMMIT = "2b1c1f3a0d2e4f5061728394a5b6c7d8e9f00112"


def read(environment: FakeEnvironment, context: ReadContext) -> Graph:
    return EnvironmentReader().read(environment.root, context)


def by_name(graph: Graph) -> dict[str, Dependency]:
    return {one.name: one for one in graph.dependencies}


def messages(graph: Graph) -> list[str]:
    assert all(problem.status is Status.UNVERIFIED for problem in graph.problems)
    return [problem.message for problem in graph.problems]


def test_each_distribution_is_one_dependency_with_normalised_name(
    environment: FakeEnvironment, context: ReadContext
) -> None:
    folder = environment.install("Zope.Interface", "7.0")
    graph = read(environment, context)
    assert [(one.name, one.version) for one in graph.dependencies] == [("zope-interface", "7.0")]
    assert graph.dependencies[0].installed_at == folder
    assert graph.dependencies[0].source == graph.place == "environment:.venv"
    assert graph.sources[0].count == 1
    assert graph.problems == ()


def test_the_running_environment_is_named_environment_and_has_pytest(context: ReadContext) -> None:
    graph = EnvironmentReader().read(Path(sys.prefix), context)
    assert graph.place == "environment"
    assert by_name(graph)["pytest"].version == pytest.__version__


def test_an_empty_environment_has_no_dependency_and_no_problem(
    environment: FakeEnvironment, context: ReadContext
) -> None:
    graph = read(environment, context)
    assert (graph.dependencies, graph.problems) == ((), ())


@pytest.mark.parametrize(
    ("direct_url", "origin", "hashes"),
    [
        pytest.param(None, Origin(), (), id="from an index, or by an installer that keeps no note"),
        pytest.param(
            {
                "url": "https://joe:secret@git.example/a.git",
                "vcs_info": {"vcs": "git", "commit_id": COMMIT, "requested_revision": "v1"},
            },
            Origin(OriginKind.VCS, "https://git.example/a.git", "v1", COMMIT),
            (),
            id="git without the login",
        ),
        pytest.param(
            {"url": "https://files.example/a-1.0.whl", "archive_info": {"hash": "sha256=ab12"}},
            Origin(OriginKind.URL, "https://files.example/a-1.0.whl"),
            ("sha256:ab12",),
            id="archive with the old key for its hash",
        ),
        pytest.param(
            {"url": "file:///wheels/a-1.0.whl", "archive_info": {"hashes": {"sha512": "cd", "sha256": "ab"}}},
            Origin(OriginKind.PATH, "file:///wheels/a-1.0.whl"),
            ("sha256:ab", "sha512:cd"),
            id="local archive",
        ),
        pytest.param(
            {"url": "file:///src/a", "dir_info": {}}, Origin(OriginKind.PATH, "file:///src/a"), (), id="folder"
        ),
        pytest.param(
            {"url": "file:///src/a", "dir_info": {"editable": True}},
            Origin(OriginKind.EDITABLE, "file:///src/a", editable=True),
            (),
            id="editable",
        ),
        pytest.param(
            {"url": "https://svn.example/a", "vcs_info": {"vcs": "svn", "commit_id": "1234"}},
            Origin(OriginKind.VCS, "https://svn.example/a", "1234"),
            (),
            id="a revision number is no content",
        ),
    ],
)
def test_origin_and_hashes_come_from_direct_url(
    environment: FakeEnvironment,
    context: ReadContext,
    direct_url: dict[str, object] | None,
    origin: Origin,
    hashes: tuple[str, ...],
) -> None:
    environment.install("a", direct_url=direct_url)
    found = read(environment, context).dependencies[0]
    assert (found.origin, found.hashes) == (origin, hashes)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "not JSON"),
        ("[]", "without a url"),
        ('{"url": "https://x.example"}', "none or several"),
        ('{"url": "https://x.example", "vcs_info": {"vcs": "git"}}', "no commit_id"),
    ],
)
def test_a_broken_direct_url_is_a_problem_and_the_distribution_stays(
    environment: FakeEnvironment, context: ReadContext, text: str, said: str
) -> None:
    folder = environment.install("a")
    (folder / "direct_url.json").write_text(text)
    graph = read(environment, context)
    assert len(graph.dependencies) == 1
    assert said in messages(graph)[0]


def test_parents_follow_markers_of_that_environment_not_of_this_one(tmp_path: Path, context: ReadContext) -> None:
    environment = FakeEnvironment(tmp_path / "old", version="3.8.18")
    environment.install("app", requires=['backport; python_version < "3.9"', 'modern; python_version >= "3.9"'])
    environment.install("backport")
    environment.install("modern")
    found = by_name(read(environment, context))
    assert found["backport"].parents == ("app",)
    assert found["modern"].parents == ()


def test_requirements_of_an_extra_count_where_another_distribution_asks_for_it(
    environment: FakeEnvironment, context: ReadContext
) -> None:
    environment.install("app", requires=["web[fast]"])
    environment.install("web", requires=['speedups; extra == "fast"', 'docs; extra == "doc"'])
    environment.install("speedups")
    environment.install("docs")
    found = by_name(read(environment, context))
    assert found["speedups"].parents == ("web",)
    assert found["docs"].parents == ()
    assert found["web"].extras == {"fast"}


def test_an_extra_that_asks_for_itself_ends(environment: FakeEnvironment, context: ReadContext) -> None:
    environment.install("app", requires=['app[a,b]; extra == "all"', 'x; extra == "a"'])
    environment.install("user", requires=["app[all]"])
    environment.install("x")
    found = by_name(read(environment, context))
    assert found["x"].parents == ("app",)
    assert found["app"].parents == ("user",)


@pytest.mark.parametrize(
    ("installer", "requested", "needed", "direct"),
    [
        ("pip", True, False, True),
        ("pip", True, True, True),
        ("pip", False, True, False),
        pytest.param("pip", False, False, None, id="pip, left over from something that was removed"),
        pytest.param("uv", True, True, None, id="uv notes REQUESTED for everything"),
        ("uv", True, False, True),
        pytest.param("conda", False, False, True, id="an installer without the note: a root of the graph"),
        pytest.param("", False, True, None, id="nobody says anything"),
    ],
)
def test_direct_is_told_by_requested_where_the_installer_means_it(
    environment: FakeEnvironment,
    context: ReadContext,
    installer: str,
    *,
    requested: bool,
    needed: bool,
    direct: bool | None,
) -> None:
    environment.install("a", installer=installer, requested=requested)
    if needed:
        environment.install("b", requires=["a"])
    assert by_name(read(environment, context))["a"].direct is direct


def test_licence_metadata_is_kept_as_it_stands(environment: FakeEnvironment, context: ReadContext) -> None:
    classifier = "License :: OSI Approved :: MIT License"
    environment.install(
        "a",
        headers=[
            "License-Expression: MIT",
            "License: MIT License",
            "        ",
            "        Permission is granted",
            f"Classifier: {classifier}",
            "Classifier: Typing :: Typed",
        ],
        requires=["b"],
    )
    environment.install("b")
    graph = read(environment, context)
    licence = by_name(graph)["a"].licence
    assert licence is not None
    assert licence.expression == "MIT"
    assert licence.classifiers == (classifier,)
    assert licence.text.splitlines()[0] == "MIT License"
    assert by_name(graph)["b"].parents == ("a",)
    assert graph.problems == ()


def test_metadata_that_ends_in_the_middle_of_the_headers_is_a_problem(
    environment: FakeEnvironment, context: ReadContext
) -> None:
    environment.install("a", headers=["License: three clauses", "Redistribution in any form", "Home-page: x"])
    assert "no header" in messages(read(environment, context))[0]


@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        (None, "no readable metadata"),
        ("Metadata-Version: 2.1\nName: a\n", "without a version"),
        ("Metadata-Version: 2.1\n", "without a name and version"),
    ],
)
def test_a_folder_that_cannot_be_used_is_a_problem(
    environment: FakeEnvironment, context: ReadContext, metadata: str | None, said: str
) -> None:
    file = environment.install("a") / "METADATA"
    file.unlink()
    if metadata is not None:
        file.write_text(metadata)
    graph = read(environment, context)
    assert graph.dependencies == ()
    assert said in messages(graph)[0]


def test_metadata_about_another_distribution_than_its_folder_is_a_problem(
    environment: FakeEnvironment, context: ReadContext
) -> None:
    environment.install("harmless").rename(environment.site / "other-1.0.dist-info")
    assert messages(read(environment, context)) == [
        "harmless 1.0: its metadata names harmless 1.0, but its folder is other-1.0.dist-info"
    ]


def test_a_requirement_that_does_not_parse_is_a_problem(environment: FakeEnvironment, context: ReadContext) -> None:
    environment.install("a", requires=["b (>=1.0,<2"])
    assert "'b (>=1.0,<2'" in messages(read(environment, context))[0]


def test_two_versions_in_one_folder_are_a_problem(environment: FakeEnvironment, context: ReadContext) -> None:
    environment.install("a", "1.0")
    environment.install("a", "2.0")
    graph = read(environment, context)
    assert len(graph.dependencies) == 1
    assert "in the same folder was not examined" in messages(graph)[0]


def test_what_an_interrupted_uninstall_leaves_is_a_problem(environment: FakeEnvironment, context: ReadContext) -> None:
    environment.install("pip").rename(environment.site / "~ip-1.0.dist-info")
    graph = read(environment, context)
    assert graph.dependencies == ()
    assert "interrupted uninstall" in messages(graph)[0]


def test_a_legacy_egg_is_read_with_its_own_list_of_requirements(
    environment: FakeEnvironment, context: ReadContext
) -> None:
    egg = environment.site / "old_tool-0.3-py3.11.egg-info"
    egg.mkdir()
    (egg / "PKG-INFO").write_text("Metadata-Version: 1.0\nName: old-tool\nVersion: 0.3\nLicense: BSD\n")
    (egg / "requires.txt").write_text("a\n\n[:python_version<'3']\nb\n")
    (environment.site / "older-0.1-py3.11.egg-info").write_text("Metadata-Version: 1.0\nName: older\nVersion: 0.1\n")
    environment.install("a")
    environment.install("b")
    found = by_name(read(environment, context))
    assert found["old-tool"].version == "0.3"
    assert found["older"].version == "0.1"
    assert (found["a"].parents, found["b"].parents) == (("old-tool",), ())


def test_a_development_link_is_an_editable_installation(environment: FakeEnvironment, context: ReadContext) -> None:
    project = context.root / "project"
    (project / "mine.egg-info").mkdir(parents=True)
    (project / "mine.egg-info" / "PKG-INFO").write_text("Name: mine\nVersion: 0.1\n")
    (environment.site / "mine.egg-link").write_text(f"{project}\n.")
    (environment.site / "easy-install.pth").write_text(f"{project}\n")
    graph = read(environment, context)
    assert [(one.name, one.origin.kind, one.origin.url) for one in graph.dependencies] == [
        ("mine", OriginKind.EDITABLE, project.as_uri())
    ]
    assert graph.problems == ()


def test_a_development_link_to_nothing_is_a_problem(environment: FakeEnvironment, context: ReadContext) -> None:
    (environment.site / "gone.egg-link").write_text("/missing\n.")
    assert "has no gone.egg-info" in messages(read(environment, context))[0]


def test_build_metadata_in_an_editable_projects_sources_is_no_second_version(
    environment: FakeEnvironment, context: ReadContext
) -> None:
    source = context.root / "project" / "src"
    (source / "mine.egg-info").mkdir(parents=True)
    (source / "mine.egg-info" / "PKG-INFO").write_text("Name: mine\nVersion: 0.1\n")
    (environment.site / "mine.pth").write_text(f"{source}\n")
    uri = (context.root / "project").as_uri()
    environment.install("mine", "0.2", files={}, direct_url={"url": uri, "dir_info": {"editable": True}})
    graph = read(environment, context)
    assert [(one.name, one.version) for one in graph.dependencies] == [("mine", "0.2")]
    assert graph.problems == ()


def test_an_archive_on_the_path_that_holds_distributions_is_a_problem(
    environment: FakeEnvironment, context: ReadContext
) -> None:
    import zipfile

    with zipfile.ZipFile(context.root / "bundle.zip", "w") as archive:
        archive.writestr("a-1.0.dist-info/METADATA", "Name: a\nVersion: 1.0\n")
    (environment.site / "bundle.pth").write_text(f"{context.root / 'bundle.zip'}\n")
    assert "archive on the path" in messages(read(environment, context))[0]
