from __future__ import annotations

from collections.abc import Callable

import pytest

from pytest_devsecops.core.findings import Location
from pytest_devsecops.dependencies.model import Graph, Origin, OriginKind, SourceError
from pytest_devsecops.dependencies.sources.pdm_lock import PdmLockReader

READER = PdmLockReader()
ReadAsset = Callable[..., Graph]
ReadText = Callable[..., Graph]


@pytest.fixture
def graph(read_asset: ReadAsset) -> Graph:
    return read_asset(READER, "pdm/pdm.lock", "pdm/pyproject.toml")


def test_every_package_but_the_project_is_read_once(graph: Graph) -> None:
    assert [(one.subject, one.location) for one in graph.dependencies] == [
        ("anchor 2.1.0", Location("pdm.lock", 12)),
        ("bellows 1.0", Location("pdm.lock", 43)),
        ("derrick 3.0", Location("pdm.lock", 52)),
        ("eyelet 1.1", Location("pdm.lock", 61)),
        ("halyard 0.1", Location("pdm.lock", 71)),
        ("link 4.0", Location("pdm.lock", 79)),
        ("winch 5.0", Location("pdm.lock", 94)),
    ]
    assert graph.problems == ()
    assert graph.sources[0].count == 7


def test_origins_of_every_kind_without_credentials(graph: Graph) -> None:
    origins = {one.name: one.origin for one in graph.dependencies}

    assert origins["anchor"] == Origin(OriginKind.INDEX)
    assert origins["derrick"] == Origin(
        OriginKind.VCS, "https://code.example/derrick", "v3.0", "0123456789abcdef0123456789abcdef01234567"
    )
    assert origins["eyelet"] == Origin(OriginKind.URL, "https://files.example/eyelet-1.1-py3-none-any.whl")
    assert origins["halyard"] == Origin(OriginKind.EDITABLE, "./libs/halyard", editable=True)


def test_files_with_static_addresses_or_names(graph: Graph) -> None:
    files = {one.name: [(file.name, file.url) for file in one.artifacts] for one in graph.dependencies}

    assert files["anchor"] == [
        ("anchor-2.1.0.tar.gz", "https://files.example/packages/anchor-2.1.0.tar.gz"),
        ("anchor-2.1.0-py3-none-any.whl", "https://files.example/packages/anchor-2.1.0-py3-none-any.whl"),
    ]
    assert files["bellows"] == [("bellows-1.0.tar.gz", "")]
    assert graph.dependencies[0].hashes == ("sha256:" + "a" * 64, "sha256:" + "b" * 64)


def test_groups_extras_markers_and_parents(graph: Graph) -> None:
    assert [(one.name, sorted(one.groups), one.direct, one.parents, one.marker) for one in graph.dependencies] == [
        ("anchor", ["main"], True, (), ""),
        ("bellows", ["lint", "main"], True, ("anchor",), ""),
        ("derrick", ["main"], True, (), ""),
        ("eyelet", ["extra:all", "extra:fast"], True, (), ""),
        ("halyard", ["lint", "local"], True, (), ""),
        ("link", ["main"], False, ("anchor",), 'python_version >= "3.12"'),
        ("winch", ["main"], False, ("anchor",), 'sys_platform == "win32"'),
    ]
    assert graph.dependencies[0].extras == {"chain"}


def test_without_declarations_an_extra_cannot_be_told_from_a_group(read_asset: ReadAsset) -> None:
    graph = read_asset(READER, "pdm/pdm.lock")

    assert [(one.name, sorted(one.groups)) for one in graph.dependencies if one.name == "eyelet"] == [
        ("eyelet", ["all", "fast"])
    ]
    assert {one.direct for one in graph.dependencies} == {None}


def test_old_versions_keep_files_apart_and_have_no_groups(read_asset: ReadAsset) -> None:
    graph = read_asset(READER, "pdm/version-2.pdm.lock")

    assert graph.problems == ()
    assert [(one.name, one.groups, one.parents, len(one.hashes)) for one in graph.dependencies] == [
        ("anchor", frozenset(), (), 1),
        ("bellows", frozenset(), ("anchor",), 0),
    ]


def test_without_inherited_metadata_declarations_give_groups_and_markers(read_asset: ReadAsset) -> None:
    graph = read_asset(READER, "pdm/version-2.pdm.lock", "pdm/pyproject.toml")

    assert [(one.name, sorted(one.groups), one.marker) for one in graph.dependencies] == [
        ("anchor", ["main"], ""),
        ("bellows", ["lint", "main"], "(sys_platform == 'linux') or (sys_platform == 'win32')"),
    ]


def test_whatever_cannot_be_understood_is_told(read_text: ReadText) -> None:
    graph = read_text(
        READER,
        """
[metadata]
lock_version = "9"
[[package]]
name = "anchor"
dependencies = ["@nothing", 1]
marker = "whenever"
[[package]]
version = "1"
""",
    )

    assert [(str(problem.location), problem.message) for problem in graph.problems] == [
        ("pdm.lock:8", "package 2: has no name"),
        ("pdm.lock:1", "pdm.lock: has lock version 9, and only versions 2 to 4 are known"),
        ("pdm.lock:4", "anchor: dependencies holds a number where a string is expected"),
        ("pdm.lock:4", "anchor: needs something that has no name"),
        ("pdm.lock:4", "anchor: has no version"),
        ("pdm.lock:4", "anchor: has a marker that is none: Expected a marker variable or quoted string"),
    ]
    assert [one.name for one in graph.dependencies] == ["anchor"]


@pytest.mark.parametrize("text", ["", "version = 1\n", "metadata = 1\n", "package = 1\n[metadata]\n"])
def test_another_file_is_no_lock_file(read_text: ReadText, text: str) -> None:
    with pytest.raises(SourceError, match=r"pdm.lock: is no lock file of PDM.*pdm lock"):
        read_text(READER, text)


def test_a_lock_without_packages_gives_an_empty_graph(read_text: ReadText) -> None:
    graph = read_text(READER, '[metadata]\nlock_version = "4.5.0"\n')

    assert (graph.dependencies, graph.problems, graph.sources[0].count) == ((), (), 0)
