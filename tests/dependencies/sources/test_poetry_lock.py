from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_devsecops.core.findings import Location
from pytest_devsecops.dependencies.model import Graph, Origin, OriginKind, SourceError, shortest_path
from pytest_devsecops.dependencies.sources.poetry_lock import PoetryLockReader

READER = PoetryLockReader()
ReadAsset = Callable[..., Graph]
ReadText = Callable[..., Graph]


@pytest.fixture
def graph(read_asset: ReadAsset) -> Graph:
    return read_asset(READER, "poetry/poetry.lock", "poetry/pyproject.toml")


def test_every_package_is_read(graph: Graph) -> None:
    assert [one.subject for one in graph.dependencies] == [
        "anchor 2.1.0",
        "bellows 1.0",
        "capstan 1.0",
        "capstan 2.0",
        "derrick 3.0",
        "eyelet 1.1",
        "fairlead 0.1",
        "halyard 0.1",
        "link 4.0",
        "rope 1.0",
    ]
    assert graph.problems == ()
    assert [(one.name, one.format, one.count) for one in graph.sources] == [("poetry.lock", "poetry.lock", 10)]


def test_origins_of_every_kind_without_credentials(graph: Graph) -> None:
    origins = {one.subject: one.origin for one in graph.dependencies}

    assert origins["anchor 2.1.0"] == Origin(OriginKind.INDEX)
    assert origins["bellows 1.0"] == Origin(OriginKind.INDEX, "https://private.example/simple")
    assert origins["derrick 3.0"] == Origin(
        OriginKind.VCS, "https://code.example/derrick", "v3.0", "0123456789abcdef0123456789abcdef01234567"
    )
    assert origins["eyelet 1.1"] == Origin(OriginKind.URL, "https://files.example/eyelet-1.1-py3-none-any.whl")
    assert origins["fairlead 0.1"] == Origin(OriginKind.PATH, "wheels/fairlead-0.1-py3-none-any.whl")
    assert origins["halyard 0.1"] == Origin(OriginKind.EDITABLE, "libs/halyard", editable=True)


def test_files_with_their_hashes(graph: Graph) -> None:
    anchor = graph.dependencies[0]

    assert [(one.name, one.hashes) for one in anchor.artifacts] == [
        ("anchor-2.1.0-py3-none-any.whl", ("sha256:" + "a" * 64,)),
        ("anchor-2.1.0.tar.gz", ("sha256:" + "b" * 64,)),
    ]
    assert anchor.hashes == ("sha256:" + "a" * 64, "sha256:" + "b" * 64)


def test_groups_are_those_of_the_lock_and_the_extras_that_an_optional_package_is_for(graph: Graph) -> None:
    assert {one.subject: sorted(one.groups) for one in graph.dependencies} == {
        "anchor 2.1.0": ["main"],
        "bellows 1.0": ["lint", "main"],
        "capstan 1.0": ["main"],
        "capstan 2.0": ["main"],
        "derrick 3.0": ["lint"],
        "eyelet 1.1": ["extra:fast"],
        "fairlead 0.1": ["main"],
        "halyard 0.1": ["main"],
        "link 4.0": ["main"],
        "rope 1.0": ["lint"],
    }


def test_markers_speak_of_environments_in_any_of_the_groups(graph: Graph) -> None:
    assert {one.subject: one.marker for one in graph.dependencies if one.marker} == {
        "bellows 1.0": '(sys_platform == "linux") or (sys_platform == "darwin")',
        "capstan 1.0": 'python_version < "3.12"',
        "capstan 2.0": 'python_version >= "3.12"',
    }


def test_the_pyproject_file_says_what_is_direct(graph: Graph) -> None:
    assert {one.subject for one in graph.dependencies if one.direct is False} == {
        "fairlead 0.1",
        "link 4.0",
        "rope 1.0",
    }
    assert not [one for one in graph.dependencies if one.direct is None]
    assert shortest_path(graph, "fairlead") == ("halyard", "fairlead")


def test_an_optional_need_counts_only_with_an_extra_that_is_asked_for(graph: Graph) -> None:
    parents = {one.subject: one.parents for one in graph.dependencies}

    assert graph.dependencies[0].extras == {"chain"}
    assert (parents["link 4.0"], parents["rope 1.0"]) == (("anchor",), ())


def test_a_need_leads_to_the_versions_that_fit(graph: Graph) -> None:
    parents = {one.subject: one.parents for one in graph.dependencies}

    assert (parents["capstan 1.0"], parents["capstan 2.0"]) == ((), ("derrick",))


def test_without_a_pyproject_file_nobody_knows_what_is_direct(read_asset: ReadAsset) -> None:
    graph = read_asset(READER, "poetry/poetry.lock")

    assert {one.direct for one in graph.dependencies} == {None}
    assert graph.problems == ()


def test_a_broken_pyproject_file_is_told(tmp_path: Path, read_asset: ReadAsset) -> None:
    (tmp_path / "pyproject.toml").write_text("[project\n", encoding="utf-8")

    graph = read_asset(READER, "poetry/poetry.lock")

    (problem,) = graph.problems
    assert problem.subject == "pyproject.toml"
    assert problem.message.startswith("pyproject.toml:1: is not valid TOML: Expected ']' at the end of a table")
    assert problem.message.endswith(", so what is direct is not known")
    assert len(graph.dependencies) == 10


def test_version_1_keeps_files_apart_and_knows_categories_only(read_asset: ReadAsset) -> None:
    graph = read_asset(READER, "poetry/version-1.poetry.lock")

    assert graph.problems == ()
    assert [(one.name, sorted(one.groups), one.parents, len(one.hashes)) for one in graph.dependencies] == [
        ("anchor", ["main"], (), 1),
        ("bellows", ["dev"], ("anchor",), 0),
        ("eyelet", ["extra:fast"], (), 0),
        ("winch", ["main"], ("anchor",), 0),
    ]


def test_before_groups_were_locked_declarations_give_groups_and_markers(tmp_path: Path, read_asset: ReadAsset) -> None:
    (tmp_path / "pyproject.toml").write_text(
        """
[tool.poetry.dependencies]
python = "*"
eyelet = { version = "*", optional = true }
[tool.poetry.group.ops.dependencies]
anchor = "*"
""",
        encoding="utf-8",
    )

    graph = read_asset(READER, "poetry/version-1.poetry.lock")

    assert [(one.name, sorted(one.groups), one.direct, one.marker) for one in graph.dependencies] == [
        ("anchor", ["ops"], True, ""),
        ("bellows", ["ops"], False, ""),
        ("eyelet", ["extra:fast"], True, ""),
        ("winch", ["ops"], False, 'sys_platform == "win32"'),
    ]


def test_the_first_versions_have_mere_hashes(read_text: ReadText) -> None:
    graph = read_text(
        READER,
        f"""
[[package]]
name = "anchor"
version = "1"
optional = false
category = "main"
[metadata]
content-hash = "x"
[metadata.hashes]
anchor = ["{"a" * 64}", "no hash"]
""",
    )

    assert [(one.artifacts, one.hashes) for one in graph.dependencies] == [((), ("sha256:" + "a" * 64,))]
    assert [problem.message for problem in graph.problems] == [
        "anchor 1: has a hash that is not written as algorithm:hexdigest"
    ]


def test_unknown_sources_versions_and_types_are_told(read_text: ReadText) -> None:
    graph = read_text(
        READER,
        """
[[package]]
name = "anchor"
groups = "main"
dependencies = { bellows = 1, capstan = [">=1", 2] }
source = { type = "carrier-pigeon", url = "https://user:s3cret@host.example/x" }
[metadata]
lock-version = "9.0"
""",
    )

    assert [(problem.location, problem.message) for problem in graph.problems] == [
        (
            Location("poetry.lock", 1),
            "poetry.lock: has lock version 9.0, and only versions 1 and 2 are known",
        ),
        (Location("poetry.lock", 2), "anchor: needs bellows in a number where a range or a table is expected"),
        (Location("poetry.lock", 2), "anchor: needs capstan in a number where a range or a table is expected"),
        (Location("poetry.lock", 2), "anchor: has no version"),
        (Location("poetry.lock", 2), "anchor: has a source of an unknown type 'carrier-pigeon'"),
        (Location("poetry.lock", 2), "anchor: groups holds a string where a list is expected"),
    ]
    assert [(one.name, one.version, one.origin.kind) for one in graph.dependencies] == [
        ("anchor", None, OriginKind.UNKNOWN)
    ]
    assert "s3cret" not in repr(graph)


@pytest.mark.parametrize("text", ["", "version = 1\n", "metadata = 1\n", "package = 1\n[metadata]\n"])
def test_another_file_is_no_lock_file(read_text: ReadText, text: str) -> None:
    with pytest.raises(SourceError, match=r"poetry.lock: is no lock file of Poetry.*poetry lock"):
        read_text(READER, text)


def test_a_lock_without_packages_gives_an_empty_graph(read_text: ReadText) -> None:
    graph = read_text(READER, 'package = []\n[metadata]\nlock-version = "2.1"\n')

    assert (graph.dependencies, graph.problems, graph.sources[0].count) == ((), (), 0)
