from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pytest_devsecops.core.findings import Location, Status
from pytest_devsecops.dependencies.model import (
    Artifact,
    Dependency,
    Graph,
    Origin,
    OriginKind,
    ReadContext,
    SourceError,
    shortest_path,
)
from pytest_devsecops.dependencies.sources.uv_lock import UvLockReader

ASSETS = Path(__file__).parents[2] / "assets" / "locks" / "uv"


def read(path: Path) -> Graph:
    return UvLockReader().read(path, ReadContext(path.parent))


def written(folder: Path, text: str) -> Graph:
    path = folder / "uv.lock"
    path.write_text(text, encoding="utf-8")
    return read(path)


@pytest.fixture(scope="module")
def graph() -> Graph:
    return read(ASSETS / "uv.lock")


@pytest.fixture(scope="module")
def by_subject(graph: Graph) -> Mapping[str, Dependency]:
    return {dependency.subject: dependency for dependency in graph.dependencies}


def test_every_package_is_read_except_the_project_and_its_members(graph: Graph) -> None:
    assert [dependency.subject for dependency in graph.dependencies] == [
        "anchor 2.1.0",
        "bellows 1.0",
        "capstan 1.0",
        "capstan 2.0+cpu",
        "derrick 3.0",
        "eyelet 1.1",
        "fairlead 0.1",
        "gasket 0.1",
        "halyard",
        "link 4.0",
        "winch 5.0",
    ]
    assert graph.problems == ()
    assert [(one.name, one.format, one.count, len(one.sha256)) for one in graph.sources] == [
        ("uv.lock", "uv.lock", 11, 64)
    ]


def test_origins_of_every_kind(by_subject: Mapping[str, Dependency]) -> None:
    origins = {subject: dependency.origin for subject, dependency in by_subject.items()}

    assert origins["anchor 2.1.0"] == Origin(OriginKind.INDEX, "https://index.example/simple")
    assert origins["derrick 3.0"] == Origin(
        OriginKind.VCS, "https://code.example/derrick", "v3.0", "0123456789abcdef0123456789abcdef01234567"
    )
    assert origins["eyelet 1.1"] == Origin(OriginKind.URL, "https://files.example/eyelet-1.1-py3-none-any.whl")
    assert origins["fairlead 0.1"] == Origin(OriginKind.PATH, "wheels/fairlead-0.1-py3-none-any.whl")
    assert origins["gasket 0.1"] == Origin(OriginKind.PATH, "libs/gasket")
    assert origins["halyard"] == Origin(OriginKind.EDITABLE, "libs/halyard", editable=True)
    assert origins["winch 5.0"] == Origin(OriginKind.INDEX, "../flat-index")


def test_credentials_in_addresses_are_left_behind(graph: Graph, by_subject: Mapping[str, Dependency]) -> None:
    assert by_subject["bellows 1.0"].origin.url == "https://private.example/simple"
    assert by_subject["bellows 1.0"].artifacts[0].url == "https://private.example/files/bellows-1.0.tar.gz"
    assert "s3cret" not in repr(graph)


def test_files_with_hashes_and_upload_times(by_subject: Mapping[str, Dependency]) -> None:
    anchor = by_subject["anchor 2.1.0"]

    assert anchor.artifacts == (
        Artifact(
            "anchor-2.1.0.tar.gz",
            "https://files.example/packages/anchor-2.1.0.tar.gz",
            ("sha256:" + "a" * 64,),
            datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC),
        ),
        Artifact(
            "anchor-2.1.0-py3-none-any.whl",
            "https://files.example/packages/anchor-2.1.0-py3-none-any.whl",
            ("sha256:" + "b" * 64,),
            datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        ),
    )
    assert anchor.hashes == ("sha256:" + "a" * 64, "sha256:" + "b" * 64)
    assert anchor.uploaded == datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)


def test_missing_hashes_and_times_stay_missing(by_subject: Mapping[str, Dependency]) -> None:
    link = by_subject["link 4.0"]

    assert (link.hashes, link.uploaded) == ((), None)
    assert [artifact.hashes for artifact in link.artifacts] == [()]


def test_file_names_are_unquoted(by_subject: Mapping[str, Dependency]) -> None:
    assert by_subject["capstan 2.0+cpu"].artifacts[0].name == "capstan-2.0+cpu-py3-none-any.whl"


def test_groups_reach_down_through_extras_and_members(by_subject: Mapping[str, Dependency]) -> None:
    groups = {subject: set(dependency.groups) for subject, dependency in by_subject.items()}

    assert groups == {
        "anchor 2.1.0": {"main"},
        "bellows 1.0": {"main", "lint"},
        "capstan 1.0": {"main"},
        "capstan 2.0+cpu": {"main"},
        "derrick 3.0": {"main"},
        "eyelet 1.1": {"extra:fast"},
        "fairlead 0.1": {"main"},
        "gasket 0.1": {"main"},
        "halyard": {"lint"},
        "link 4.0": {"main"},
        "winch 5.0": {"main"},
    }
    assert by_subject["anchor 2.1.0"].extras == {"chain"}


def test_direct_ones_parents_and_the_shortest_path(graph: Graph, by_subject: Mapping[str, Dependency]) -> None:
    assert {dependency.name for dependency in graph.dependencies if not dependency.direct} == {
        "bellows",
        "link",
        "winch",
    }
    assert by_subject["bellows 1.0"].parents == ("anchor", "halyard")
    assert by_subject["gasket 0.1"].parents == ()
    assert shortest_path(graph, "link") == ("anchor", "link")


def test_markers_of_edges_and_forks(by_subject: Mapping[str, Dependency]) -> None:
    markers = {subject: dependency.marker for subject, dependency in by_subject.items() if dependency.marker}

    assert markers == {
        "capstan 1.0": "python_full_version < '3.12'",
        "capstan 2.0+cpu": "python_full_version >= '3.12'",
        "eyelet 1.1": "sys_platform == 'linux'",
        "winch 5.0": "sys_platform == 'win32'",
    }


def test_each_package_has_its_line(by_subject: Mapping[str, Dependency]) -> None:
    lines = (ASSETS / "uv.lock").read_text(encoding="utf-8").splitlines()

    for dependency in by_subject.values():
        assert dependency.location is not None
        assert dependency.location.line is not None
        assert lines[dependency.location.line - 1 :][:2] == ["[[package]]", f'name = "{dependency.name}"']


def test_the_lock_file_of_a_script_starts_at_its_requirements() -> None:
    graph = read(ASSETS / "tool.py.lock")

    assert [(one.name, one.direct, one.parents) for one in graph.dependencies] == [
        ("anchor", True, ()),
        ("bellows", False, ("anchor",)),
    ]


def test_a_workspace_without_a_root_package_starts_at_its_groups(tmp_path: Path) -> None:
    graph = written(
        tmp_path,
        """
version = 1
[manifest.dependency-groups]
dev = [{ name = "anchor", marker = "os_name == 'nt'" }]
[[package]]
name = "anchor"
version = "1"
source = { registry = "https://index.example/simple" }
""",
    )

    assert [(sorted(one.groups), one.direct, one.marker) for one in graph.dependencies] == [
        (["dev"], True, "os_name == 'nt'")
    ]


def test_what_nothing_reaches_is_kept_without_a_group(tmp_path: Path) -> None:
    graph = written(
        tmp_path,
        """
version = 1
[[package]]
name = "stray"
version = "1"
source = { registry = "https://index.example/simple" }
""",
    )

    assert [(one.name, one.direct, sorted(one.groups)) for one in graph.dependencies] == [("stray", None, [])]


def test_whatever_cannot_be_understood_is_told_with_its_line(tmp_path: Path) -> None:
    graph = written(tmp_path, (ASSETS / "broken-entries.uv.lock").read_text(encoding="utf-8"))

    told = [(problem.location, problem.message) for problem in graph.problems]
    assert {problem.status for problem in graph.problems} == {Status.UNVERIFIED}
    assert told == [
        (Location("uv.lock", 4), "package 1: has no name"),
        (Location("uv.lock", 8), "package 2: has the name '-not a name-', which no package can have"),
        (Location("uv.lock", 13), "unversioned: has no version"),
        (Location("uv.lock", 17), "teleported 1.0: has a source of an unknown kind (teleporter)"),
        (Location("uv.lock", 22), "sourceless 1.0: has no source"),
        (Location("uv.lock", 26), "numeric: version is a number where a string is expected"),
        (Location("uv.lock", 26), "numeric: has no version"),
        (Location("uv.lock", 31), "careless 1.0: wheels holds a string where a list is expected"),
        (Location("uv.lock", 31), "careless 1.0: has a hash that is not written as algorithm:hexdigest"),
        (Location("uv.lock", 31), "careless 1.0: upload-time is not a time"),
        (Location("uv.lock", 1), "uv.lock: has lock version 2, and only 1 is known"),
        (Location("uv.lock", 31), "careless 1.0: dependencies holds a string where a table is expected"),
        (Location("uv.lock", 31), "careless 1.0: needs 'nowhere', which the lock file does not have"),
        (
            Location("uv.lock", 31),
            "careless 1.0: has a marker that is none: Expected a marker variable or quoted string",
        ),
    ]
    assert [one.name for one in graph.dependencies] == [
        "unversioned",
        "teleported",
        "sourceless",
        "numeric",
        "careless",
    ]


@pytest.mark.parametrize("text", ["", "[[package]]\nname = 'x'\n", "version = '1'\n", "version = 1\npackage = 'x'\n"])
def test_another_file_is_no_lock_file(tmp_path: Path, text: str) -> None:
    with pytest.raises(SourceError, match=r"uv.lock: is no lock file of uv.*uv lock"):
        written(tmp_path, text)


def test_a_lock_without_packages_gives_an_empty_graph(tmp_path: Path) -> None:
    graph = written(tmp_path, 'version = 1\nrequires-python = ">=3.11"\n')

    assert (graph.dependencies, graph.problems, graph.sources[0].count) == ((), (), 0)
