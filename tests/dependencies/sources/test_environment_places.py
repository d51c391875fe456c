from __future__ import annotations

from pathlib import Path

import pytest

from pytest_devsecops.core.findings import Status
from pytest_devsecops.dependencies.model import Dependency, Graph, ReadContext, SourceError
from pytest_devsecops.dependencies.sources.environment import EnvironmentReader
from pytest_devsecops.testing.environments import FakeEnvironment


def read(environment: FakeEnvironment, context: ReadContext) -> Graph:
    return EnvironmentReader().read(environment.root, context)


def by_name(graph: Graph) -> dict[str, Dependency]:
    return {one.name: one for one in graph.dependencies}


def messages(graph: Graph) -> list[str]:
    assert all(problem.status is Status.UNVERIFIED for problem in graph.problems)
    return [problem.message for problem in graph.problems]


@pytest.fixture
def system(tmp_path: Path) -> FakeEnvironment:
    """An installation of Python, which has no ``pyvenv.cfg``."""
    made = FakeEnvironment(tmp_path / "usr")
    (made.root / "pyvenv.cfg").unlink()
    return made


def test_system_site_packages_come_after_the_environments_own(
    tmp_path: Path, context: ReadContext, system: FakeEnvironment
) -> None:
    system.install("only-there")
    system.install("both", "1.0")
    environment = FakeEnvironment(tmp_path / ".venv", home=system.root / "bin")
    environment.install("both", "2.0")
    graph = read(environment, context)
    assert {name: one.version for name, one in by_name(graph).items()} == {"both": "2.0", "only-there": "1.0"}
    assert messages(graph) == [
        f"both is installed twice: 2.0 is found first, and 1.0 in {system.site} was not examined"
    ]


def test_an_equal_version_that_is_shadowed_hides_nothing(
    tmp_path: Path, context: ReadContext, system: FakeEnvironment
) -> None:
    system.install("both")
    environment = FakeEnvironment(tmp_path / ".venv", home=system.root / "bin")
    environment.install("both")
    assert read(environment, context).problems == ()


def test_an_environment_without_system_packages_does_not_look_there(
    environment: FakeEnvironment, context: ReadContext, system: FakeEnvironment
) -> None:
    system.install("only-there")
    assert read(environment, context).dependencies == ()


@pytest.mark.parametrize("place", [".", "bin/python", "lib/python3.11/site-packages"])
def test_an_environment_is_found_by_its_folder_its_python_or_its_site_packages(
    environment: FakeEnvironment, context: ReadContext, place: str
) -> None:
    environment.install("a")
    graph = EnvironmentReader().read(environment.root / place, context)
    assert [one.name for one in graph.dependencies] == ["a"]


def test_an_installation_is_found_by_its_python_behind_a_link(system: FakeEnvironment, context: ReadContext) -> None:
    system.install("a")
    (system.root / "bin" / "python").rename(system.root / "bin" / "python3.11")
    (system.root / "bin" / "python3").symlink_to("python3.11")
    (system.root / "lib" / "python3.9" / "site-packages").mkdir(parents=True)
    graph = EnvironmentReader().read(system.root / "bin" / "python3", context)
    assert [one.name for one in graph.dependencies] == ["a"]


def test_a_plain_folder_of_distributions_can_be_read(environment: FakeEnvironment, context: ReadContext) -> None:
    target = context.root / "bundle"
    environment.install("a", site=target)
    assert [one.name for one in EnvironmentReader().read(target, context).dependencies] == ["a"]


@pytest.mark.parametrize(
    ("make", "said"),
    [
        ([], "there is no environment"),
        (["x/readme"], "no site-packages"),
        (["x/lib/python3.11/site-packages/a", "x/lib/python3.12/site-packages/a"], "several Pythons"),
    ],
)
def test_what_is_no_environment_is_refused_with_a_remedy(context: ReadContext, make: list[str], said: str) -> None:
    for name in make:
        (context.root / name).mkdir(parents=True)
    with pytest.raises(SourceError, match=said) as caught:
        EnvironmentReader().read(context.root / "x", context)
    assert "name" in caught.value.remedy


def test_an_environment_whose_python_moved_on_is_refused(environment: FakeEnvironment, context: ReadContext) -> None:
    (environment.root / "lib" / "python3.11").rename(environment.root / "lib" / "python3.12")
    with pytest.raises(SourceError, match="no site-packages"):
        read(environment, context)


def test_folders_that_path_files_add_are_read_too(environment: FakeEnvironment, context: ReadContext) -> None:
    environment.install("a", site=context.root / "vendored")
    (environment.site / "vendored.pth").write_text(f"# ours\n\nimport os\n{context.root / 'vendored'}\n/missing\n")
    assert [one.name for one in read(environment, context).dependencies] == ["a"]
