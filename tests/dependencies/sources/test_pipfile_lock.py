from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_devsecops.core.findings import Location
from pytest_devsecops.dependencies.model import Artifact, Graph, OptionName, Origin, OriginKind, SourceError
from pytest_devsecops.dependencies.sources.pipfile_lock import PipfileLockReader

READER = PipfileLockReader()
ReadAsset = Callable[..., Graph]
ReadText = Callable[..., Graph]


@pytest.fixture
def graph(read_asset: ReadAsset) -> Graph:
    return read_asset(READER, "pipenv/Pipfile.lock", "pipenv/Pipfile")


def test_every_package_but_the_project_is_read_once(graph: Graph) -> None:
    assert [(one.subject, one.location) for one in graph.dependencies] == [
        ("anchor 2.1.0", Location("Pipfile.lock", 22)),
        ("bellows 1.0", Location("Pipfile.lock", 34)),
        ("derrick", Location("Pipfile.lock", 41)),
        ("halyard", Location("Pipfile.lock", 59)),
        ("eyelet", Location("Pipfile.lock", 65)),
        ("fairlead", Location("Pipfile.lock", 71)),
    ]
    assert graph.problems == ()
    assert graph.sources[0].count == 6


def test_origins_of_every_kind_without_credentials(graph: Graph) -> None:
    assert {one.name: one.origin for one in graph.dependencies} == {
        "anchor": Origin(OriginKind.INDEX, "https://index.example/simple"),
        "bellows": Origin(OriginKind.INDEX, "https://private.example/simple"),
        "derrick": Origin(
            OriginKind.VCS, "https://code.example/derrick", "", "0123456789abcdef0123456789abcdef01234567"
        ),
        "halyard": Origin(OriginKind.EDITABLE, "libs/halyard", editable=True),
        "eyelet": Origin(OriginKind.URL, "https://files.example/eyelet-1.1-py3-none-any.whl"),
        "fairlead": Origin(OriginKind.PATH, "./wheels/fairlead-0.1-py3-none-any.whl"),
    }
    assert "s3cret" not in repr(graph)


def test_indexes_are_options_of_the_source(graph: Graph) -> None:
    assert [(one.name, one.value) for one in graph.options] == [
        (OptionName.INDEX_URL, "https://index.example/simple"),
        (OptionName.EXPLICIT_INDEX_URL, "https://private.example/simple"),
        (OptionName.TRUSTED_HOST, "private.example"),
    ]


def test_hashes_stand_for_files_that_only_an_archive_names(graph: Graph) -> None:
    found = {one.name: (one.hashes, one.artifacts) for one in graph.dependencies}

    assert found["anchor"] == (("sha256:" + "a" * 64, "sha256:" + "b" * 64), ())
    assert found["eyelet"][1] == (
        Artifact(
            "eyelet-1.1-py3-none-any.whl",
            "https://files.example/eyelet-1.1-py3-none-any.whl",
            ("sha256:" + "d" * 64,),
        ),
    )


def test_categories_are_groups_and_the_pipfile_says_what_is_direct(graph: Graph) -> None:
    assert [(one.name, sorted(one.groups), one.direct, one.marker) for one in graph.dependencies] == [
        ("anchor", ["main"], True, "python_version >= '3.11'"),
        ("bellows", ["develop", "main"], False, ""),
        ("derrick", ["main"], True, ""),
        ("halyard", ["develop"], True, ""),
        ("eyelet", ["docs"], True, ""),
        ("fairlead", ["docs"], False, ""),
    ]
    assert graph.dependencies[0].extras == {"chain"}


def test_without_a_pipfile_nobody_knows_what_is_direct(read_asset: ReadAsset) -> None:
    assert {one.direct for one in read_asset(READER, "pipenv/Pipfile.lock").dependencies} == {None}


def test_a_broken_pipfile_is_told(tmp_path: Path, read_asset: ReadAsset) -> None:
    (tmp_path / "Pipfile").write_text("[packages\n", encoding="utf-8")

    graph = read_asset(READER, "pipenv/Pipfile.lock")

    assert [problem.subject for problem in graph.problems] == ["Pipfile"]
    assert len(graph.dependencies) == 6


def test_ranges_stay_ranges_and_oddities_are_told(read_text: ReadText) -> None:
    graph = read_text(
        READER,
        """{"_meta": {"pipfile-spec": 7, "sources": [{"name": "a", "url": "https://index.example/simple"}]},
"default": {
 "anchor": {"version": ">=1"},
 "bellows": {"version": "*"},
 "capstan": {"hashes": ["abc", 1], "markers": "whenever"},
 "derrick": {"version": "==1.0", "index": "elsewhere"},
 "not a name": {},
 "eyelet": "==1"},
"develop": []}""",
    )

    assert [(one.name, one.version, one.specifier, one.origin.url) for one in graph.dependencies] == [
        ("anchor", None, ">=1", "https://index.example/simple"),
        ("bellows", None, "", "https://index.example/simple"),
        ("capstan", None, "", "https://index.example/simple"),
        ("derrick", "1.0", "", ""),
    ]
    assert [(str(problem.location), problem.message) for problem in graph.problems] == [
        ("Pipfile.lock:1", "Pipfile.lock: has pipfile-spec 7, and only 6 is known"),
        ("Pipfile.lock:7", "'not a name': is a name that no package can have"),
        ("Pipfile.lock:8", "eyelet: is a string where an object is expected"),
        ("Pipfile.lock:1", "Pipfile.lock: develop is a list where an object is expected"),
        ("Pipfile.lock:5", "capstan: has no version"),
        ("Pipfile.lock:5", "capstan: hashes holds a number where a string is expected"),
        ("Pipfile.lock:5", "capstan: has a hash that is not written as algorithm:hexdigest"),
        ("Pipfile.lock:5", "capstan: has a marker that is none: Expected a marker variable or quoted string"),
        (
            "Pipfile.lock:6",
            "derrick: comes from the index 'elsewhere', which _meta.sources does not have",
        ),
    ]


@pytest.mark.parametrize("text", ["{}", '{"default": {}}', '{"_meta": []}'])
def test_another_file_is_no_lock_file(read_text: ReadText, text: str) -> None:
    with pytest.raises(SourceError, match=r"Pipfile.lock: is no lock file of Pipenv.*pipenv lock"):
        read_text(READER, text)


def test_a_lock_without_packages_gives_an_empty_graph(read_text: ReadText) -> None:
    graph = read_text(READER, '{"_meta": {"pipfile-spec": 6}, "default": {}, "develop": {}}')

    assert (graph.dependencies, graph.problems, graph.sources[0].count) == ((), (), 0)
