from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from pytest_devsecops.dependencies.model import Graph, Origin, OriginKind, SourceError
from pytest_devsecops.dependencies.sources.pylock import PylockReader

READER = PylockReader()
ReadAsset = Callable[..., Graph]
ReadText = Callable[..., Graph]


@pytest.fixture
def graph(read_asset: ReadAsset) -> Graph:
    return read_asset(READER, "pylock/pylock.toml")


def test_every_package_but_the_project_is_read(graph: Graph) -> None:
    assert [(one.subject, str(one.location)) for one in graph.dependencies] == [
        ("anchor 2.1.0", "pylock.toml:8"),
        ("bellows 1.0", "pylock.toml:19"),
        ("capstan 1.0", "pylock.toml:25"),
        ("capstan 2.0", "pylock.toml:32"),
        ("derrick 3.0", "pylock.toml:39"),
        ("eyelet", "pylock.toml:44"),
        ("fairlead", "pylock.toml:49"),
        ("halyard", "pylock.toml:53"),
    ]
    assert graph.problems == ()
    assert graph.sources[0].count == 8


def test_origins_of_every_kind_without_credentials(graph: Graph) -> None:
    assert {one.subject: one.origin for one in graph.dependencies} == {
        "anchor 2.1.0": Origin(OriginKind.INDEX, "https://index.example/simple"),
        "bellows 1.0": Origin(OriginKind.INDEX, "https://private.example/simple"),
        "capstan 1.0": Origin(OriginKind.INDEX, "https://index.example/simple"),
        "capstan 2.0": Origin(OriginKind.INDEX, "https://index.example/simple"),
        "derrick 3.0": Origin(
            OriginKind.VCS, "https://code.example/derrick", "v3.0", "0123456789abcdef0123456789abcdef01234567"
        ),
        "eyelet": Origin(OriginKind.URL, "https://files.example/eyelet-1.1-py3-none-any.whl"),
        "fairlead": Origin(OriginKind.PATH, "wheels/fairlead-0.1-py3-none-any.whl"),
        "halyard": Origin(OriginKind.EDITABLE, "libs/halyard", editable=True),
    }
    assert "s3cret" not in repr(graph)


def test_files_with_every_hash_and_upload_times_in_utc(graph: Graph) -> None:
    anchor = graph.dependencies[0]

    assert [(one.name, one.hashes) for one in anchor.artifacts] == [
        ("anchor-2.1.0.tar.gz", ("sha256:" + "a" * 64,)),
        ("anchor-2.1.0-py3-none-any.whl", ("sha256:" + "b" * 64, "sha512:" + "b" * 128)),
    ]
    assert {one.uploaded for one in anchor.artifacts} == {datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)}


def test_groups_are_those_for_which_the_marker_can_hold(graph: Graph) -> None:
    assert {one.subject: (sorted(one.groups), one.marker) for one in graph.dependencies} == {
        "anchor 2.1.0": (["lint", "main"], ""),
        "bellows 1.0": (["main"], ""),
        "capstan 1.0": (["extra:fast"], "python_version < '3.12'"),
        "capstan 2.0": (["main"], "python_version >= '3.12'"),
        "derrick 3.0": (["main"], ""),
        "eyelet": ([], ""),
        "fairlead": (["main"], ""),
        "halyard": (["main"], ""),
    }


def test_edges_go_to_the_version_that_they_name(graph: Graph) -> None:
    found = {one.subject: (one.parents, one.direct) for one in graph.dependencies}

    assert found["bellows 1.0"] == (("anchor",), False)
    assert found["capstan 1.0"] == ((), None)
    assert found["capstan 2.0"] == (("anchor",), False)


def test_what_declarations_ask_for_is_direct(read_asset: ReadAsset) -> None:
    graph = read_asset(READER, "pylock/pylock.toml", "pdm/pyproject.toml")

    assert [one.subject for one in graph.dependencies if one.direct] == [
        "anchor 2.1.0",
        "bellows 1.0",
        "derrick 3.0",
        "eyelet",
        "halyard",
    ]


def test_deviations_are_told_and_the_rest_is_read(read_asset: ReadAsset) -> None:
    graph = read_asset(READER, "pylock/broken-entries.toml", name="pylock.dev.toml")

    assert [(str(problem.location), problem.message) for problem in graph.problems] == [
        ("pylock.dev.toml:1", "pylock.dev.toml: has lock-version 2.0, and only 1.0 is known"),
        ("pylock.dev.toml:12", "unversioned: needs 'absent', which the lock file does not have"),
        (
            "pylock.dev.toml:3",
            "nowhere 1.0: names nothing to install it from: no vcs, directory, archive, sdist, wheels or index",
        ),
        ("pylock.dev.toml:7", "placeless 1.0: lists the sdist placeless-1.0.tar.gz without url or path"),
        ("pylock.dev.toml:7", "placeless 1.0: has a hash that is a number where a string is expected"),
        ("pylock.dev.toml:12", "unversioned: has a hash that is not written as algorithm:hexdigest"),
        ("pylock.dev.toml:12", "unversioned: upload-time is not a time"),
        ("pylock.dev.toml:12", "unversioned: has no version"),
        ("pylock.dev.toml:12", "unversioned: has a marker that is none: Expected a marker variable or quoted string"),
    ]
    assert [one.name for one in graph.dependencies] == ["nowhere", "placeless", "unversioned"]
    assert graph.dependencies[1].artifacts[0].name == "placeless-1.0.tar.gz"


@pytest.mark.parametrize("text", ["", "version = 1\n", 'lock-version = "1.0"\npackages = 1\n'])
def test_another_file_is_no_lock_file(read_text: ReadText, text: str) -> None:
    with pytest.raises(SourceError, match=r"pylock.toml: is no lock file \(PEP 751\)"):
        read_text(READER, text)


def test_a_lock_without_packages_gives_an_empty_graph(read_text: ReadText) -> None:
    graph = read_text(READER, 'lock-version = "1.0"\npackages = []\n')

    assert (graph.dependencies, graph.problems, graph.sources[0].count) == ((), (), 0)
