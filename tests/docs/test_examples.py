"""Every code block of the README and the documentation does what it says.

Every fenced block follows an HTML comment that declares what it is::

    <!-- example: file=tests/test_x.py -->                   a file of the page's own project
    <!-- example: file=tests/test_x.py outcome=failed -->    the same, then run by pytest alone
    <!-- example: file=devsecops.toml outcome=valid -->      a policy, then `policy check`
    <!-- example: run exit=1 -->                             shell commands in that project
    <!-- example: output -->                                 what the last run printed (… skips lines)
    <!-- example: from=conftest_examples/quickstart -->      (with any of these) a new project, copied
    <!-- example: parsed -->                                 data for another tool: must parse
    <!-- example: run-by-ci -->                              needs the network: .ci/run executes it

Blocks of the languages ``text`` and ``console`` need no declaration.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml
from markdown_it import MarkdownIt

REPOSITORY = Path(__file__).parents[2]
PAGES = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").rglob("*.md"))]

_DECLARATION = re.compile(r"<!--\s*example:(.*?)-->", re.DOTALL)
_PROSE_LANGUAGES = ("text", "console")
_PYTEST_EXITS = {"passed": 0, "failed": 1, "collection-error": 2, "usage-error": 4, "nothing-collected": 5}
_POLICY_EXITS = {"valid": 0, "invalid": 4}
#: What differs from run to run: durations, digests, versions, the folder.
_VOLATILE = (
    (re.compile(r"\b\d+(\.\d+)? ?(s|ms)\b"), "<time>"),
    (re.compile(r"\b[0-9a-f]{12,64}\b"), "<digest>"),
    (re.compile(r"\b\d{4}-\d\d-\d\d(T[0-9:.]+(Z|\+00:00)?)?"), "<date>"),
    (re.compile(r"={3,}"), "==="),
    (re.compile(r"_{3,}"), "___"),
    (re.compile(r"-{3,}"), "---"),
)


@dataclass(frozen=True)
class Block:
    """One fenced block and what is declared about it."""

    place: str
    language: str
    text: str
    declared: dict[str, str] | None

    @property
    def needs_declaration(self) -> bool:
        return self.language not in _PROSE_LANGUAGES and not self.language.startswith("{")


def blocks_of(page: Path) -> list[Block]:
    """Return every fenced block of a page, in order."""
    found = []
    declared: dict[str, str] | None = None
    for token in MarkdownIt().parse(page.read_text(encoding="utf-8")):
        if token.type == "html_block":
            match = _DECLARATION.search(token.content)
            declared = _declared(match[1]) if match else None
        elif token.type == "fence":
            line = (token.map or [0])[0] + 1
            place = f"{page.name}:{line}"
            found.append(Block(place, token.info.split()[0] if token.info else "", token.content, declared))
            declared = None
        elif token.nesting >= 0:
            declared = None
    return found


def _declared(text: str) -> dict[str, str]:
    return {key: value for key, _, value in (part.partition("=") for part in shlex.split(text))}


@dataclass
class Project:
    """A folder that the blocks of one page build up and run in."""

    root: Path
    output: str = ""
    environ: dict[str, str] = field(default_factory=dict)

    def start_from(self, folder: str) -> None:
        shutil.rmtree(self.root)
        left_behind = shutil.ignore_patterns("devsecops-report", ".devsecops", "__pycache__", ".*_cache")
        shutil.copytree(REPOSITORY / folder, self.root, ignore=left_behind)

    def write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def run(self, *command: str) -> int:
        environ = {**os.environ, **self.environ, "COLUMNS": "80", "PATH": self._path()}
        done = subprocess.run(
            command,
            cwd=self.root,
            env=environ,
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
        )
        self.output = done.stdout.replace(f"{self.root}/", "")
        return done.returncode

    def _path(self) -> str:
        # Not resolved: the link in a virtual environment stands beside its own scripts.
        return f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"


@pytest.fixture
def example_project(tmp_path: Path) -> Project:
    root = tmp_path / "project"
    root.mkdir()
    # Only this plugin is loaded unless a block asks for others: the host's plugins cost start-up
    # time and would print their own lines.
    return Project(root, environ={"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": "-p devsecops"})


def execute(block: Block, project: Project) -> None:
    """Do what the block declares, and assert that it came out as declared."""
    declared = dict(block.declared or {})
    if "from" in declared:
        project.start_from(declared["from"])
    if "file" in declared:
        project.write(declared["file"], block.text)
        if "outcome" in declared:
            _check_file(block, declared, project)
    elif "run" in declared:
        plugins = "".join(f" -p {name}" for name in declared.get("plugins", "").split(",") if name)
        project.environ["PYTEST_ADDOPTS"] = f"-p devsecops{plugins}"
        code = project.run("bash", "-euo", "pipefail", "-c", block.text)
        _expect(block, project, code, int(declared.get("exit", "0")))
    elif "output" in declared:
        _check_output(block, project)
    elif "parsed" in declared:
        _parse(block)
    else:
        assert "run-by-ci" in declared, f"{block.place}: the declaration {declared} says nothing that can be done"


def _check_file(block: Block, declared: dict[str, str], project: Project) -> None:
    outcome = declared["outcome"]
    if outcome in _POLICY_EXITS:
        code = project.run("pytest-devsecops", "policy", "check", "--file", declared["file"])
        _expect(block, project, code, _POLICY_EXITS[outcome])
        return
    code = project.run("pytest", *shlex.split(declared.get("args", "")), declared["file"])
    _expect(block, project, code, _PYTEST_EXITS[outcome])


def _expect(block: Block, project: Project, code: int, expected: int) -> None:
    assert code == expected, f"{block.place}: exit code {code}, declared {expected}\n{project.output}"


def _check_output(block: Block, project: Project) -> None:
    """Assert that the block's lines are what the last run printed; a line ``…`` stands for any number."""
    printed = [_normal(line) for line in project.output.splitlines()]
    position, skipping = 0, True
    for line in block.text.splitlines():
        if line.strip() == "…":
            skipping = True
            continue
        wanted = _normal(line)
        rest = printed[position:]
        reach = rest if skipping else rest[:1]
        assert wanted in reach, f"{block.place}: shows {line!r}, which the run did not print there\n{project.output}"
        position += reach.index(wanted) + 1
        skipping = False


def _normal(line: str) -> str:
    for pattern, word in _VOLATILE:
        line = pattern.sub(word, line)
    return line.rstrip()


def _parse(block: Block) -> None:
    parsers: dict[str, Callable[[str], object]] = {
        "json": json.loads,
        "toml": tomllib.loads,
        "yaml": yaml.safe_load,
    }
    assert block.language in parsers, f"{block.place}: nothing here parses {block.language!r}"
    parsed: object = parsers[block.language](block.text)
    assert parsed, f"{block.place}: parses to nothing"


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(REPOSITORY).as_posix())
def test_every_block_of_the_page_does_what_it_declares(page: Path, example_project: Project) -> None:
    undeclared = []
    for block in blocks_of(page):
        if block.declared is not None:
            execute(block, example_project)
        elif block.needs_declaration:
            undeclared.append(block.place)
    assert not undeclared, "code blocks that declare no outcome (see the top of this file)"


@pytest.mark.parametrize(
    ("text", "declared"),
    [
        ("<!-- example: run exit=1 -->\n\n```sh\nfalse\n```\n", {"run": "", "exit": "1"}),
        ("<!-- example: run -->\n\nprose between\n\n```sh\ntrue\n```\n", None),
        ("```sh\ntrue\n```\n", None),
        ("- item\n\n  <!-- example: run -->\n  ```sh\n  true\n  ```\n", {"run": ""}),
    ],
)
def test_a_declaration_counts_for_the_block_right_after_it(
    tmp_path: Path, text: str, declared: dict[str, str] | None
) -> None:
    page = tmp_path / "page.md"
    page.write_text(text)
    (block,) = blocks_of(page)
    assert block.declared == declared


def test_a_wrong_exit_code_is_noticed(example_project: Project) -> None:
    with pytest.raises(AssertionError, match="exit code 0, declared 1"):
        execute(Block("page.md:1", "sh", "true", {"run": "", "exit": "1"}), example_project)


def test_output_that_was_not_printed_is_noticed(example_project: Project) -> None:
    execute(Block("page.md:1", "sh", "printf 'one\\ntwo in 0.3s\\nthree\\n'", {"run": ""}), example_project)
    execute(Block("page.md:2", "text", "one\n…\nthree\n", {"output": ""}), example_project)
    execute(Block("page.md:2", "text", "two in 0.7s\nthree\n", {"output": ""}), example_project)
    for wrong in ("one\nthree\n", "three\n…\none\n", "four\n"):
        with pytest.raises(AssertionError, match="did not print there"):
            execute(Block("page.md:3", "text", wrong, {"output": ""}), example_project)
