from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_devsecops.dependencies.model import (
    Dependency,
    Graph,
    OptionName,
    OriginKind,
    ReadContext,
    SourceError,
    SourceKind,
)
from pytest_devsecops.dependencies.sources.requirements_txt import RequirementsReader

COMMIT = "0123456789abcdef0123456789abcdef01234567"

Read = Callable[..., Graph]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Write files, the first being the one that is read; ``__`` in a keyword is a folder's separator."""

    def run(environ: dict[str, str] | None = None, /, **files: str | bytes) -> Graph:
        paths = []
        for name, content in files.items():
            path = tmp_path / f"{name.replace('__', '/')}.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
            paths.append(path)
        return RequirementsReader().read(paths[0], ReadContext(tmp_path, environ or {}))

    return run


def only(graph: Graph) -> Dependency:
    (dependency,) = graph.dependencies
    return dependency


def test_a_plain_entry_keeps_name_range_extras_marker_and_place(read: Read) -> None:
    graph = read(requirements='\n# tools\nMy.Tool[Cli,web] >=1,<2 ; python_version < "4"\n')

    entry = only(graph)
    assert (entry.name, entry.version, entry.specifier) == ("my-tool", None, "<2,>=1")
    assert entry.extras == {"cli", "web"}
    assert entry.marker == 'python_version < "4"'
    assert str(entry.location) == "requirements.txt:3"
    assert entry.direct is True
    assert graph.sources[0].kind is SourceKind.DECLARATION


def test_exact_pins_with_hashes_over_several_lines_make_a_lock(read: Read) -> None:
    graph = read(
        requirements=(
            "a==1.0 \\\n    --hash=sha256:aa \\\n    --hash=sha512:bb\n    # via b\nb===2.0+local --hash=sha256:cc\n"
        )
    )

    first, second = graph.dependencies
    assert (first.version, first.specifier, first.hashes) == ("1.0", "==1.0", ("sha256:aa", "sha512:bb"))
    assert (second.version, second.specifier) == ("2.0+local", "===2.0+local")
    assert (first.parents, first.direct) == (("b",), False)
    assert second.direct is True
    assert graph.sources[0].kind is SourceKind.LOCK
    assert graph.sources[0].hash_checking is True


def test_a_wildcard_is_no_exact_version(read: Read) -> None:
    graph = read(requirements="a==1.*\n")

    assert only(graph).version is None
    assert graph.sources[0].kind is SourceKind.DECLARATION


def test_included_files_are_read_in_place_and_named_as_included(read: Read) -> None:
    graph = read(requirements="-r sub/base.txt\nb\n", sub__base="--requirement=more.txt\na\n", sub__more="c\n")

    assert [(one.name, one.source) for one in graph.dependencies] == [
        ("c", "sub/more.txt"),
        ("a", "sub/base.txt"),
        ("b", "requirements.txt"),
    ]
    assert [(one.name, one.included_by, one.count) for one in graph.sources] == [
        ("requirements.txt", "", 1),
        ("sub/base.txt", "requirements.txt", 1),
        ("sub/more.txt", "sub/base.txt", 1),
    ]


def test_a_constraint_narrows_what_is_asked_for_and_adds_nothing(read: Read) -> None:
    graph = read(requirements="-c pins.txt\na>=1\nb\n", pins="a==1.5 --hash=sha256:aa\nunused==3\n")

    first, second = graph.dependencies
    assert (first.version, first.specifier, first.hashes) == ("1.5", "==1.5,>=1", ("sha256:aa",))
    assert (second.version, second.specifier) == (None, "")


def test_credentials_never_reach_the_graph(read: Read) -> None:
    graph = read(
        {"TOKEN": "hunter2"},
        requirements=(
            "-i https://me:${TOKEN}@index.example/simple\n"
            "a @ https://${TOKEN}@files.example/a-1.0.tar.gz\n"
            "b @ git+https://${TOKEN}@git.example/b.git\n"
        ),
    )

    assert "hunter2" not in repr(graph)
    assert [(one.name, one.value) for one in graph.options] == [(OptionName.INDEX_URL, "https://index.example/simple")]


def test_a_vcs_entry_tells_repository_reference_and_full_commit(read: Read) -> None:
    graph = read(requirements=f"-e git+ssh://git@git.example/b.git@{COMMIT}#egg=b\n")

    origin = only(graph).origin
    assert (origin.kind, origin.url) == (OriginKind.VCS, "ssh://git@git.example/b.git")
    assert (origin.reference, origin.commit, origin.editable) == (COMMIT, COMMIT, True)


@pytest.mark.parametrize(
    ("files", "place", "cause"),
    [
        ({"requirements": "a\nflask==3.0#x\n"}, "requirements.txt:2", "flask==3.0#x"),
        ({"requirements": "-r missing.txt\n"}, "requirements.txt:1", "missing.txt"),
        ({"requirements": "-r b.txt\n", "b": "-r requirements.txt\n"}, "b.txt:1", "included by requirements.txt:1"),
        ({"requirements": "-r b.txt\n", "b": "a\na = 1\n"}, "b.txt:2", "included by requirements.txt:1"),
        ({"requirements": "a --global-option=x\n"}, "requirements.txt:1", "no longer has"),
        ({"requirements": "-c b.txt\n", "b": "a[x]==1\n"}, "b.txt:1", "extras"),
        ({"requirements": b"\xef\xbb\xbfa\n\xff"}, "requirements.txt", "decoded"),
    ],
)
def test_what_pip_refuses_is_an_error_with_file_line_and_includer(
    read: Read, files: dict[str, str | bytes], place: str, cause: str
) -> None:
    with pytest.raises(SourceError) as caught:
        read(**files)

    assert caught.value.place == place
    assert cause in caught.value.message
    assert caught.value.remedy


def test_a_remote_include_is_a_problem_because_nobody_fetched_it(read: Read) -> None:
    graph = read(requirements="a\n-r https://name:secret@files.example/more.txt\n")

    (problem,) = graph.problems
    assert "https://files.example/more.txt" in problem.message
    assert "secret" not in repr(graph)
    assert len(graph.dependencies) == 1
