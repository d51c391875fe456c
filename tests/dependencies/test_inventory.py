from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from pytest_devsecops.builtin import SOURCE_READERS
from pytest_devsecops.core.findings import Status
from pytest_devsecops.dependencies.inventory import Inventory
from pytest_devsecops.dependencies.model import (
    Dependency,
    Graph,
    ReadContext,
    SourceError,
    SourceKind,
    SourceRead,
    SourceReader,
)

EVERY = tuple(SourceKind)


@dataclass(frozen=True)
class NameReader:
    """Reads files whose lines are names of dependencies.

    ``-r FILE`` includes another file, ``-c FILE`` uses its limits, and ``!`` cannot be read.
    """

    name: str
    patterns: tuple[str, ...]
    kind: SourceKind = SourceKind.LOCK
    reads: list[str] = field(default_factory=list, compare=False)

    def read(self, path: Path, context: ReadContext) -> Graph:
        self.reads.append(context.shown(path))
        return self._graph(path, context, "")

    def _graph(self, path: Path, context: ReadContext, included_by: str) -> Graph:
        shown = context.shown(path)
        lines = path.read_text(encoding="utf-8").split("\n") if path.is_file() else ["installed"]
        if "!" in lines:
            raise SourceError("is no good", place=f"{shown}:1", remedy="make it good")
        names = [line for line in lines if line and not line.startswith(("-r ", "-c "))]
        read = SourceRead(shown, self.name, self.kind, count=len(names), included_by=included_by)
        graph = Graph(tuple(Dependency(name, "1", source=shown) for name in names), (read,))
        for line in lines:
            if line.startswith("-c "):
                constraints = context.shown(path.parent / line.removeprefix("-c "))
                graph += Graph(sources=(SourceRead(constraints, self.name, self.kind, included_by=shown),))
            if line.startswith("-r ") and not included_by:
                graph += self._graph(path.parent / line.removeprefix("-r "), context, shown)
        return graph


def readers_of(*readers: NameReader) -> Mapping[str, SourceReader]:
    return {reader.name: reader for reader in readers}


LOCK_A, LOCK_B = NameReader("a.lock", ("a.lock",)), NameReader("b.lock", ("b.lock", "b.*.lock"))
LISTS = NameReader("lists", ("list*.txt", "lists/*.txt"), SourceKind.DECLARATION)
PROJECT = NameReader("project", ("project.toml", "*.script"), SourceKind.DECLARATION)
ENVIRONMENT = NameReader("environment", (), SourceKind.ENVIRONMENT)


@pytest.fixture
def files(tmp_path: Path) -> Callable[..., None]:
    def write(**contents: str) -> None:
        for name, content in contents.items():
            path = tmp_path / name.replace("__", "/").replace("_", ".")
            path.parent.mkdir(exist_ok=True, parents=True)
            path.write_text(content, encoding="utf-8")

    return write


@pytest.fixture
def inventory(context: ReadContext) -> Inventory:
    return Inventory(readers_of(ENVIRONMENT, LOCK_A, LOCK_B, LISTS, PROJECT), context)


def names(graph: Graph) -> list[str]:
    return [one.name for one in graph.dependencies]


def messages(graph: Graph) -> list[str]:
    assert {found.status for found in graph.problems} <= {Status.UNVERIFIED}
    return [found.message for found in graph.problems]


Files = Callable[..., None]


def test_all_lock_files_are_preferred_and_read_together(inventory: Inventory, files: Files) -> None:
    files(a_lock="one", b_lock="two", b_x_lock="three", list_txt="four", project_toml="five")
    graph = inventory.chosen((), EVERY, ())
    assert names(graph) == ["one", "two", "three"]
    assert graph.place == "a.lock, b.lock, b.x.lock"


def test_without_a_lock_file_the_first_format_of_declarations_is_read(inventory: Inventory, files: Files) -> None:
    files(list_txt="one", lists__more_txt="two", project_toml="three")
    assert names(inventory.chosen((), EVERY, ())) == ["one", "two"]


def test_then_the_next_format_and_last_the_running_environment(inventory: Inventory, files: Files) -> None:
    assert inventory.chosen((), EVERY, ()).place != ""
    assert names(Inventory(readers_of(ENVIRONMENT), inventory._context).chosen((), EVERY, ())) == ["installed"]  # noqa: SLF001 - the same root
    files(project_toml="three")
    fresh = Inventory(readers_of(ENVIRONMENT, LISTS, PROJECT), inventory._context)  # noqa: SLF001 - the same root
    assert names(fresh.chosen((), EVERY, ())) == ["three"]


def test_a_pattern_for_a_kind_of_file_is_not_detected_but_can_be_named(inventory: Inventory, files: Files) -> None:
    files(tool_script="one")
    assert names(inventory.chosen((), EVERY, ())) == ["installed"]
    assert names(inventory.chosen(("tool.script",), EVERY, ())) == ["one"]


def test_a_source_that_another_one_includes_is_counted_once(inventory: Inventory, files: Files) -> None:
    files(lists__base_txt="base", lists__dev_txt="dev\n-r base.txt")
    graph = inventory.chosen(("lists/*.txt",), EVERY, ())
    assert sorted(names(graph)) == ["base", "dev"]


def test_a_file_of_limits_is_no_source_of_its_own(inventory: Inventory, files: Files) -> None:
    files(lists__limits_txt="never-asked-for", lists__prod_txt="prod\n-c limits.txt")
    graph = inventory.chosen((), EVERY, ())
    assert names(graph) == ["prod"]
    assert graph.place == "lists/prod.txt, lists/limits.txt"


def test_what_two_sources_include_stands_once(inventory: Inventory, files: Files) -> None:
    files(list1_txt="one\n-r base.txt", list2_txt="two\n-r base.txt", base_txt="base")
    graph = inventory.chosen((), EVERY, ())
    assert sorted(names(graph)) == ["base", "one", "two"]
    assert sorted(source.name for source in graph.sources) == ["base.txt", "list1.txt", "list2.txt"]


def test_of_two_sources_that_include_each_other_one_stays(inventory: Inventory, files: Files) -> None:
    files(list1_txt="one\n-r list2.txt", list2_txt="two\n-r list1.txt")
    assert sorted(names(inventory.chosen((), EVERY, ()))) == ["one", "two"]


def test_sources_are_named_by_path_glob_folder_and_format(inventory: Inventory, files: Files) -> None:
    files(deploy__a_lock="one", deploy__list1_txt="two", deploy__list2_txt="three", deploy__prod="four")
    assert names(inventory.chosen(("deploy/a.lock",), EVERY, ())) == ["one"]
    assert names(inventory.chosen(("deploy/list*.txt",), EVERY, ())) == ["two", "three"]
    assert names(inventory.chosen(("**/list1.txt",), EVERY, ())) == ["two"]
    assert names(inventory.chosen(("deploy",), EVERY, ())) == ["one"]
    assert names(inventory.chosen(("lists:deploy/prod",), EVERY, ())) == ["four"]
    assert names(inventory.chosen(("deploy/a.lock", "deploy/*.lock"), EVERY, ())) == ["one"]


def test_environments_are_named_by_word_and_by_path(inventory: Inventory, files: Files, tmp_path: Path) -> None:
    files(venv__pyvenv_cfg="home = /usr/bin")
    assert names(inventory.chosen(("environment",), EVERY, ())) == ["installed"]
    assert inventory.chosen(("environment:venv",), EVERY, ()).place == "venv"
    assert inventory.chosen(("venv",), EVERY, ()).place == "venv"
    assert inventory.chosen((f"environment:{tmp_path}/venv",), EVERY, ()).place == "venv"


def test_an_entry_that_matches_nothing_is_a_problem_beside_the_others(
    inventory: Inventory, files: Files, tmp_path: Path
) -> None:
    files(a_lock="one")
    graph = inventory.chosen(("a.lock", "a.lok", "*.none", "environment:nowhere", "lists:nowhere"), EVERY, ())
    assert names(graph) == ["one"]
    assert messages(graph) == [
        f"the source {entry!r} matches nothing below {tmp_path}"
        for entry in ("a.lok", "*.none", "environment:nowhere", "lists:nowhere")
    ]
    assert graph.problems[0].fix.startswith("correct `sources` in [tool.devsecops.dependencies]")


def test_a_missing_environment_is_never_replaced_by_the_running_one(inventory: Inventory) -> None:
    graph = inventory.chosen(("environment:nowhere",), (SourceKind.ENVIRONMENT,), ())
    assert names(graph) == []
    assert len(graph.problems) == 1


def test_a_file_of_an_unknown_format_is_a_problem_that_names_the_formats(inventory: Inventory, files: Files) -> None:
    files(prod_in="one")
    graph = inventory.chosen(("prod.in",), EVERY, ())
    assert messages(graph) == ["the source 'prod.in': nothing tells the format of prod.in"]
    assert graph.problems[0].fix == (
        "name it as FORMAT:prod.in; known formats: environment, a.lock, b.lock, lists, project"
    )


def test_a_source_that_cannot_be_read_is_a_problem(inventory: Inventory, files: Files) -> None:
    files(a_lock="!", b_lock="two")
    graph = inventory.chosen((), EVERY, ())
    assert names(graph) == ["two"]
    assert messages(graph) == ["a.lock:1: is no good"]
    assert graph.problems[0].fix == "make it good"


def test_an_operating_system_error_is_a_problem(files: Files, context: ReadContext) -> None:
    class Refusing(NameReader):
        def read(self, path: Path, context: ReadContext) -> Graph:
            raise PermissionError(13, "Permission denied", str(path), context.shown(path))

    files(a_lock="one")
    graph = Inventory(readers_of(Refusing("a.lock", ("a.lock",))), context).chosen((), EVERY, ())
    assert messages(graph) == ["a.lock: cannot be read: Permission denied"]


def test_a_reader_that_tells_nothing_about_itself_does_not_make_the_source_vanish(
    files: Files, context: ReadContext
) -> None:
    class Silent(NameReader):
        def read(self, path: Path, context: ReadContext) -> Graph:
            return replace(super().read(path, context), sources=())

    files(a_lock="one")
    graph = Inventory(readers_of(Silent("a.lock", ("a.lock",))), context).chosen((), EVERY, ())
    assert graph.sources == (SourceRead("a.lock", "a.lock", SourceKind.LOCK, count=1),)


def test_each_source_is_read_once_for_all_checks(files: Files, context: ReadContext) -> None:
    reader = NameReader("a.lock", ("a.lock",))
    files(a_lock="one")
    inventory = Inventory(readers_of(reader), context)
    for _ in range(2):
        inventory.chosen((), EVERY, ())
        inventory.chosen(("a.lock",), EVERY, ("main",))
        inventory.named(("*.lock",), (SourceKind.LOCK,), ())
    assert reader.reads == ["a.lock"]


def test_a_check_gets_only_the_kind_of_source_that_it_can_use(inventory: Inventory, files: Files) -> None:
    files(a_lock="one", list_txt="two")
    both = ("a.lock", "list.txt")
    assert names(inventory.chosen(both, (SourceKind.DECLARATION,), ())) == ["two"]
    assert names(inventory.chosen((), (SourceKind.DECLARATION,), ())) == ["two"]
    # The policy lists files only, so what is installed is looked up.
    assert names(inventory.chosen(both, (SourceKind.ENVIRONMENT,), ())) == ["installed"]


def test_sources_named_on_purpose_are_not_replaced_by_others(inventory: Inventory, files: Files) -> None:
    files(a_lock="one")
    graph = inventory.named(("a.lock",), (SourceKind.ENVIRONMENT,), ())
    assert names(graph) == []
    assert messages(graph) == ["this check needs a source of the kind environment, and a.lock is none"]


def test_nothing_found_says_what_was_looked_for(files: Files, context: ReadContext, tmp_path: Path) -> None:
    files(README_md="")
    graph = Inventory(readers_of(LOCK_A, LISTS), context).chosen((), EVERY, ())
    assert messages(graph) == [
        f"no source of dependencies was found in {tmp_path}; looked for a.lock, list*.txt, lists/*.txt"
    ]
    assert graph.problems[0].fix == "name one with `sources` in [tool.devsecops.dependencies]"


def test_a_folder_of_a_source_name_is_not_taken_for_the_file(inventory: Inventory, tmp_path: Path) -> None:
    (tmp_path / "a.lock").mkdir()
    assert names(inventory.chosen((), EVERY, ())) == ["installed"]


def test_lock_files_are_read_before_requirements_and_these_before_declarations(files: Files, tmp_path: Path) -> None:
    """The built-in table is in the order that detection promises."""
    inventory = Inventory(SOURCE_READERS, ReadContext(tmp_path))
    looked_for = inventory.file_names(EVERY)
    locks = {"uv.lock", "poetry.lock", "pdm.lock", "Pipfile.lock", "pylock.toml", "pylock.*.toml"}
    assert locks <= set(looked_for)
    assert looked_for.index("requirements/*.txt") > max(looked_for.index(name) for name in locks)
    assert looked_for.index("pyproject.toml") > looked_for.index("requirements/*.txt")
    files(
        requirements_txt="django==4.2\n-r base.txt\n",
        base_txt="flask==3.0\n",
        requirements__dev_txt="-r ../requirements.txt\npytest==9.0\n",
        pyproject_toml='[project]\nname = "x"\nversion = "1"\ndependencies = ["a"]',
    )
    graph = inventory.chosen((), EVERY, ())
    assert graph.problems == ()
    assert sorted(names(graph)) == ["django", "flask", "pytest"]
