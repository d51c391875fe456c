"""Any requirements file: pip and we read the same entries and options from it, or both refuse it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

COMMIT = "0123456789abcdef0123456789abcdef01234567"
ENVIRON = {"HOST": "index.example", "NAME": "from-environment", "EMPTY": "", "SPACE": " x ", "TWICE": "${NAME}"}


class Oracle(Protocol):
    def disagreement(self, path: Path, root: Path, environ: dict[str, str]) -> str: ...


NAMES = st.sampled_from(
    ["a", "Foo", "foo.bar", "zope.interface", "x_y-z", "A1", "a-", "${NAME}", "${EMPTY}b", "$NAME", "é"]
)
EXTRAS = st.sampled_from(["", "", "[x]", "[X, y_z]", "[]", "[x", " [a.b]"])
SPECIFIERS = st.sampled_from(
    [
        "",
        "==1.0",
        "===1.0-weird",
        ">=1,<2",
        " ~= 1.4 ",
        "==1.*",
        "!=1.5",
        "(>=1)",
        "=1",
        ">1.*",
        "==1.0+cu118",
        "<2dev",
        "== 1.0 , > 0",
    ]
)
MARKERS = st.sampled_from(
    [
        "",
        ";",
        " ; ",
        "; python_version < '4'",
        ' ; sys_platform=="win32" and extra == "x"',
        "; bogus",
        ";os_name=='a b'",
        '; "-x" in platform_release',
    ]
)
HASHES = st.sampled_from(
    [
        " --hash=sha256:aa",
        " --hash sha512:bb",
        " --hash=md5:cc",
        " --hash=sha256",
        " --hash='sha384:dd'",
        "--hash=sha256:ee",
        " --ha=sha256:ff",
        "\t--hash=sha256:00",
    ]
)
REVISIONS = st.sampled_from(["", "@main", f"@{COMMIT}", "@v1@2", "@", "@feature/x"])
FRAGMENTS = st.sampled_from(
    [
        "",
        "#egg=foo",
        "#egg=foo&subdirectory=sub",
        "#subdirectory=sub",
        "#egg=foo[x]",
        "#egg=foo==1",
        "#sha256=aa",
        "#egg=",
        "&egg=foo",
        "?a=b#egg=f.o",
    ]
)
VCS_SCHEMES = st.sampled_from(
    [
        "git+https",
        "git+ssh",
        "git+http",
        "git+file",
        "hg+https",
        "svn+ssh",
        "bzr+lp",
        "GIT+HTTPS",
        "git",
        "git+foo",
        "ssh",
    ]
)
HOSTS = st.sampled_from(["git.example", "git@git.example", "user:pw@git.example", "git.example:8080", ""])
PATHS = st.sampled_from(["/a/b.git", "/@scope/b", "/a b", "/a.zip", ":a/b.git", ""])
LOCAL = st.sampled_from(
    [
        ".",
        "./",
        "./project",
        "project",
        "./project[x]",
        ".[a,b]",
        "./missing",
        "./empty",
        "./dist/foo-1.0-py3-none-any.whl",
        "dist/foo-1.0-py3-none-any.whl[y]",
        "./dist/bar-2.0.tar.gz",
        "archive.zip",
        "./nowhere.tar.bz2",
        "file:./project",
        "file:project/../project",
        "file:///srv/x",
        "file://localhost/srv/x",
        "file://host/srv/x",
        "./dist/bad.whl",
        "../outside.zip",
    ]
)
ARCHIVES = st.sampled_from(
    [
        "https://files.example/foo-1.0.tar.gz",
        "https://u:p@files.example/foo-1.0-py3-none-any.whl",
        "https://files.example/bad.whl",
        "http://files.example/x;y",
        "ftp://files.example/a%20b.zip",
        "https://[bad/x",
        "HTTPS://files.example/x.zip",
    ]
)
COMMENTS = st.sampled_from(["", "", " # note", "#note", " #", "\t# via x", " # a \\"])
INCLUDES = st.sampled_from(
    [
        "-r ",
        "--requirement ",
        "--requirement=",
        "-r",
        "-c ",
        "--constraint=",
        "-c",
        "--req ",
        "--requi=",
        "--con=",
        "-c=",
        "-r  ",
    ]
)
TARGETS = st.sampled_from(
    [
        "b.txt",
        "sub/c.txt",
        "./b.txt",
        "sub/../b.txt",
        "'b.txt'",
        "missing.txt",
        "file:b.txt",
        "../b.txt",
        "file://[bad/b.txt",
        "file:///b.txt",
        "a.txt",
        "c.txt",
    ]
)
OPTIONS = st.sampled_from(
    [
        "-i https://index.example/simple",
        "--index-url=https://u:p@${HOST}/simple",
        "--pypi-url https://index.example",
        "--extra-index-url https://x.example",
        "--no-index",
        "--find-links ./wheels",
        "-f https://files.example",
        "--trusted-host index.example:80",
        "--pre",
        "--prefer-binary",
        "--require-hashes",
        "--no-binary :all:",
        "-i https://a.example -i https://b.example",
        "-f ./one -f ./two",
        "--only-binary=foo,bar",
        "--no-binary -x",
        "-Z",
        "--global-option=x",
        "--index",
        "--no-",
        "--hash=sha256:aa",
        "-C a=b",
        "--config-settings a",
        "--extra https://y.example",
        "--pre --no-index -i https://z.example",
        "--pre foo",
        "-h",
        "--help",
        "--all-releases :all:",
        "-e",
        "-i",
        "--",
        "-",
    ]
)


@st.composite
def requirement(draw: DrawFn) -> str:
    return draw(NAMES) + draw(EXTRAS) + draw(SPECIFIERS) + draw(MARKERS)


@st.composite
def vcs_url(draw: DrawFn) -> str:
    return f"{draw(VCS_SCHEMES)}://{draw(HOSTS)}{draw(PATHS)}{draw(REVISIONS)}{draw(FRAGMENTS)}"


ADDRESSES = vcs_url() | LOCAL | ARCHIVES


@st.composite
def named_url(draw: DrawFn) -> str:
    at = draw(st.sampled_from([" @ ", "@", " @"]))
    return draw(NAMES) + draw(EXTRAS) + at + draw(ADDRESSES) + draw(MARKERS)


@st.composite
def editable(draw: DrawFn) -> str:
    value = draw(ADDRESSES | named_url())
    spelled = draw(st.sampled_from(["-e ", "--editable=", "--editable ", "-e", "foo -e ", "-e '"]))
    return spelled + value + ("'" if spelled.endswith("'") else "")


@st.composite
def entry(draw: DrawFn) -> str:
    body = draw(requirement() | named_url() | ADDRESSES | editable())
    extra = draw(st.lists(HASHES | OPTIONS.map(" {}".format), max_size=2))
    return body + draw(st.sampled_from(["", "  ", " \\\n   "])) + draw(st.sampled_from(["", " \\\n    "])).join(extra)


@st.composite
def line(draw: DrawFn) -> str:
    include = st.tuples(INCLUDES, TARGETS).map("".join)
    return draw(entry() | requirement() | requirement() | OPTIONS | include | st.just("")) + draw(COMMENTS)


@st.composite
def noisy(draw: DrawFn, texts: SearchStrategy[str]) -> str:
    text = draw(texts)
    for _ in range(draw(st.integers(0, 2))):
        at = draw(st.integers(0, len(text)))
        noise = draw(
            st.sampled_from([*" \\#;\"'@[]=<>!,-\t${}", "\x0c", "\u2028", "\r", "é", " #", " -", "\\\n", "--"])
        )
        text = text[:at] + noise + text[at + draw(st.integers(0, 1)) :]
    return text


def contents(lines: SearchStrategy[str], most: int) -> SearchStrategy[str]:
    ends = st.sampled_from(["\n", "\r\n"])
    return st.tuples(ends, st.lists(lines, max_size=most)).map(lambda parts: parts[0].join([*parts[1], ""]))


ENCODINGS = st.sampled_from(["utf-8", "utf-8", "utf-8", "utf-8-sig", "utf-16", "utf-32", "latin-1"])


@pytest.fixture(scope="module")
def root() -> Iterator[Path]:
    """A project with what paths in the files may name."""
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        for name in (
            "pyproject.toml",
            "project/setup.py",
            "dist/foo-1.0-py3-none-any.whl",
            "dist/bar-2.0.tar.gz",
            "archive.zip",
        ):
            (base / name).parent.mkdir(exist_ok=True)
            (base / name).write_text("")
        (base / "empty").mkdir()
        (base / "sub").mkdir()
        yield base


@pytest.mark.slow
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    top=contents(noisy(line()), 3),
    other=contents(line(), 2),
    third=contents(line(), 2),
    encoding=ENCODINGS,
    prefix=st.sampled_from(["", "", "# -*- coding: latin-1 -*-\n", "\n# coding=utf-8\n", "# coding: bogus\n"]),
)
def test_pip_and_we_read_the_same_or_both_refuse(
    pip_oracle: Oracle, root: Path, top: str, other: str, third: str, encoding: str, prefix: str
) -> None:
    path = root / "a.txt"
    path.write_bytes((prefix + top).encode(encoding, errors="replace"))
    (root / "b.txt").write_bytes(other.encode())
    (root / "sub" / "c.txt").write_bytes(third.encode())

    assert pip_oracle.disagreement(path, root, ENVIRON) == ""
