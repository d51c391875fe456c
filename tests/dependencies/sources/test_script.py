from __future__ import annotations

from pathlib import Path

import pytest

from pytest_devsecops.dependencies.model import Graph, OriginKind, ReadContext, SourceError
from pytest_devsecops.dependencies.sources.script import ScriptReader

HEADER = """\
#!/usr/bin/env python3
# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "requests<3",
#   'rich[jupyter]==13.0; python_version < "4"',
# ]
#
# [tool.uv.sources]
# rich = { git = "https://git.example/rich.git", rev = "v13" }
# ///

import requests
"""


def read(folder: Path, content: str | bytes) -> Graph:
    path = folder / "tool.py"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return ScriptReader().read(path, ReadContext(folder))


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_the_block_gives_the_dependencies_with_their_lines(tmp_path: Path, newline: str) -> None:
    graph = read(tmp_path, HEADER.replace("\n", newline))

    requests, rich = graph.dependencies
    assert (requests.name, requests.specifier, str(requests.location)) == ("requests", "<3", "tool.py:5")
    assert (rich.name, rich.version, set(rich.extras), str(rich.location)) == ("rich", "13.0", {"jupyter"}, "tool.py:6")
    assert (rich.origin.kind, rich.origin.reference) == (OriginKind.VCS, "v13")
    assert graph.problems == ()
    assert graph.sources[0].count == 2


@pytest.mark.parametrize(
    ("content", "place", "cause"),
    [
        ("import requests\n", "tool.py", "no script blocks"),
        ("# /// script\n# dependencies = []\n", "tool.py", "no script blocks"),
        ("#/// script\n# dependencies = []\n# ///\n", "tool.py", "no script blocks"),
        ("# /// script\n#dependencies = []\n# ///\n", "tool.py", "no script blocks"),
        (HEADER + "\n# /// script\n# dependencies = []\n# ///\n", "tool.py:15", "2 script blocks"),
        ("# /// script\n# dependencies = [\n# ///\n", "tool.py", "not TOML"),
        (b"# coding: bogus\n", "tool.py", "decoded"),
    ],
)
def test_anything_but_one_readable_block_is_an_error(
    tmp_path: Path, content: str | bytes, place: str, cause: str
) -> None:
    with pytest.raises(SourceError) as caught:
        read(tmp_path, content)

    assert caught.value.place == place
    assert cause in caught.value.message


def test_blocks_of_other_types_are_no_business_of_ours(tmp_path: Path) -> None:
    graph = read(tmp_path, HEADER + "\n# /// other\n# dependencies = ['flask']\n# ///\n")

    assert {one.name for one in graph.dependencies} == {"requests", "rich"}


def test_a_bad_requirement_is_a_problem_beside_the_good_ones(tmp_path: Path) -> None:
    graph = read(tmp_path, "# /// script\n# dependencies = ['flask', 'a = 1']\n# ///\n")

    assert [one.name for one in graph.dependencies] == ["flask"]
    (problem,) = graph.problems
    assert "a = 1" in problem.message
    assert str(problem.location) == "tool.py:2"


def test_a_value_of_the_wrong_type_is_a_problem(tmp_path: Path) -> None:
    graph = read(tmp_path, "# /// script\n# dependencies = 'flask'\n# ///\n")

    assert graph.dependencies == ()
    assert len(graph.problems) == 1
