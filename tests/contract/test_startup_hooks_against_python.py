from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from pytest_devsecops.dependencies.environment.distributions import list_installed
from pytest_devsecops.dependencies.environment.known_hooks import recognise
from pytest_devsecops.dependencies.environment.layout import layout_at, running_layout
from pytest_devsecops.dependencies.environment.path_files import path_lines
from pytest_devsecops.dependencies.environment.startup import search

BEGINNINGS = ["import sys", "import\tsys", " import sys", "#import sys", "import  sys", "\ufeffimport sys", "import"]


@pytest.fixture
def venv(tmp_path: Path) -> Path:
    """A real virtual environment; returns its site-packages folder."""
    command = [sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "venv")]
    subprocess.run(command, check=True, cwd=tmp_path)
    (site,) = (tmp_path / "venv").glob("lib/python3*/site-packages")
    return site


def run(site: Path) -> str:
    python = site.parents[2] / "bin" / "python"
    return subprocess.run([python, "-c", ""], check=True, capture_output=True, text=True, cwd=site).stdout


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="the layout of a virtual environment differs there")
def test_a_line_is_said_to_run_if_python_runs_it(venv: Path) -> None:
    for number, beginning in enumerate(BEGINNINGS):
        (venv / f"{number}.pth").write_text(f"{beginning}; sys.stdout.write('{number} ')\n", encoding="utf-8")
    ran = {int(number) for number in run(venv).split()}
    said = {number for number in range(len(BEGINNINGS)) for line in path_lines(venv / f"{number}.pth") if line.executes}
    # Pythons before 3.13 do not skip a byte order mark, and so do not run what follows it.
    assert ran <= said <= ran | {number for number, text in enumerate(BEGINNINGS) if text.startswith("\ufeff")}
    assert 0 < len(ran) < len(BEGINNINGS)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="the layout of a virtual environment differs there")
def test_a_hook_that_really_runs_is_found(venv: Path) -> None:
    (venv / "payload.pth").write_text("import sys; sys.stdout.write('pwned')\n")
    (venv / "sitecustomize.py").write_text("import sys; sys.stdout.write('twice')\n")
    # Where lib64 is a link to lib, Python reads the file in both.
    assert run(venv) in ("pwnedtwice", "pwnedpwnedtwice")
    layout = layout_at(venv.parents[2], "environment:venv")
    startup = search(list_installed(layout).installed, layout)
    assert {hook.file.name for hook in startup.hooks if not hook.is_harmless} >= {"payload.pth", "sitecustomize.py"}


def test_the_hook_of_setuptools_is_recognised_here() -> None:
    layout = running_layout()
    installed = list_installed(layout).installed
    hooks = [one for one in search(installed, layout).hooks if one.file.name == "distutils-precedence.pth"]
    if not hooks:
        pytest.skip("needs setuptools in this environment")
    assert [hook.known for hook in hooks] == [("the hook of setuptools, unchanged",)]
    assert all(hook.is_harmless for hook in hooks)


def test_the_hook_of_setuptools_is_not_recognised_without_its_module_unchanged() -> None:
    (source,) = [
        one / "distutils-precedence.pth"
        for one in running_layout().site_dirs[:1]
        if (one / "distutils-precedence.pth").is_file()
    ] or pytest.skip("needs setuptools in this environment")
    (line,) = path_lines(source)
    assert recognise(line.text, source, lambda _: "setuptools")
    assert not recognise(line.text, source, lambda _: None)
    assert not recognise(line.text, source, lambda file: "setuptools" if file == source else "evil")
    assert not recognise(f"{line.text} import os", source, lambda _: "setuptools")


def test_an_editable_installation_by_setuptools_is_recognised(tmp_path: Path) -> None:
    if find_spec("setuptools") is None:
        pytest.skip("needs setuptools in this environment")
    script = (
        "from setuptools.command import editable_wheel as one\n"
        "make = getattr(one, '_finder_template')\n"
        "print(make('__editable__.a-1.0.finder', {'a': '/src/a'}, {'n': ['/src/n']}), end='')\n"
    )
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", script], check=True, capture_output=True, text=True)
    module = "__editable___a_1_0_finder"
    file = tmp_path / f"{module}.py"
    file.write_text(done.stdout)
    line = f"import {module}; {module}.install()"
    assert recognise(line, tmp_path / "a.pth", lambda _: None)
    assert not recognise(f"{line}; import os", tmp_path / "a.pth", lambda _: None)
    file.write_text(done.stdout.replace("'/src/a'}", "'/src/a'}; import os"))
    assert not recognise(line, tmp_path / "a.pth", lambda _: None)
    file.write_text(f"{done.stdout}\nimport os\n")
    assert not recognise(line, tmp_path / "a.pth", lambda _: None)
    file.write_text(done.stdout)
    (tmp_path / f"{module}.so").touch()
    assert not recognise(line, tmp_path / "a.pth", lambda _: None)


def test_the_namespace_packages_of_setuptools_are_recognised(tmp_path: Path) -> None:
    script = (
        "from setuptools.namespaces import Installer\n"
        "for name in ('google', 'google.cloud'):\n"
        "    print(Installer()._gen_nspkg_line(name), end='')\n"
    )
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", script], check=False, capture_output=True, text=True)
    if "ModuleNotFoundError" in done.stderr:
        pytest.skip("needs a setuptools with namespace packages in this environment")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 2
    for line in lines:
        assert recognise(line, tmp_path / "a-nspkg.pth", lambda _: None)
        assert not recognise(line.replace("importlib.machinery", "evil.machinery"), tmp_path / "a.pth", lambda _: None)
        assert not recognise(f"{line};import os", tmp_path / "a.pth", lambda _: None)
        assert not recognise(line.replace("'google'", "print(1)", 1), tmp_path / "a.pth", lambda _: None)


def test_a_known_hook_is_not_recognised_if_its_module_is_found_earlier_on_the_path(tmp_path: Path) -> None:
    site = running_layout().site_dirs[0]
    if not (site / "distutils-precedence.pth").is_file():
        pytest.skip("needs setuptools in this environment")
    (line,) = path_lines(site / "distutils-precedence.pth")
    assert recognise(line.text, site / "distutils-precedence.pth", lambda _: "setuptools", [tmp_path])
    (tmp_path / "_distutils_hack.py").touch()
    assert not recognise(line.text, site / "distutils-precedence.pth", lambda _: "setuptools", [tmp_path])
