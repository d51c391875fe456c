from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from pytest_devsecops.core.errors import PolicyError
from pytest_devsecops.core.findings import Status
from pytest_devsecops.core.verdict import Verdict
from pytest_devsecops.dependencies.checks.startup_hooks import HookPolicy, free_of_startup_hooks
from pytest_devsecops.dependencies.family import Dependencies
from pytest_devsecops.dependencies.model import Graph, ReadContext
from pytest_devsecops.dependencies.section import DependencyPolicy
from pytest_devsecops.dependencies.sources.environment import EnvironmentReader
from pytest_devsecops.testing.environments import FakeEnvironment

Decode = Callable[[str], DependencyPolicy]
Check = Callable[..., Verdict]
Rules = Callable[[Verdict], list[tuple[str, str, str]]]

#: What was put into a release of a widely used package: it runs at every start, without any import of it.
ATTACK = (
    "import os, subprocess, sys; subprocess.Popen([sys.executable, '-c', "
    "'import base64; exec(base64.b64decode(\"cHJpbnQoMSk=\"))'], stdout=subprocess.DEVNULL)\n"
)


@pytest.fixture
def check(context: ReadContext, policy: Decode) -> Check:
    """Return a function that checks the environment ``.venv`` of the project."""

    def run(text: str = "") -> Verdict:
        decided = policy(f'sources = ["environment:.venv"]\n{text}')
        readers = {"environment": EnvironmentReader()}
        return Dependencies(
            decided, readers, context, today=date(2026, 1, 1), record=lambda verdict: verdict
        ).free_of_startup_hooks()

    return run


def test_path_files_that_only_add_folders_are_met(environment: FakeEnvironment, check: Check) -> None:
    (environment.site / "ours.pth").write_text("# a comment\n\nimportant/folder\n../elsewhere\n")
    verdict = check()
    assert verdict.status is Status.MET
    assert verdict.examined["folders"] == 1
    assert verdict.evidence[".pth files"] == 1


def test_a_path_file_that_runs_code_is_violated_though_its_distribution_lists_it(
    environment: FakeEnvironment, check: Check, rules: Rules
) -> None:
    environment.install("litellm", "1.82.8", files={"litellm/__init__.py": "", "litellm_init.pth": ATTACK})
    verdict = check()
    assert rules(verdict) == [("violated", "startup-hook", "litellm_init.pth")]
    (found,) = verdict.findings
    assert found.message.startswith(
        "litellm_init.pth of litellm 1.82.8 runs at every start of Python: import os, subprocess, sys; "
    )
    assert "uninstall litellm" in found.fix
    assert found.location is not None
    assert str(found.location) == ".venv/lib/python3.11/site-packages/litellm_init.pth:1"
    assert found.detail["sha256"] == hashlib.sha256(ATTACK.encode()).hexdigest()


@pytest.mark.parametrize("line", ["import os", "import\tos", "import os; print(1)", "import os # harmless"])
def test_every_line_that_site_runs_is_seen(environment: FakeEnvironment, check: Check, line: str) -> None:
    (environment.site / "a.pth").write_text(f"some/folder\n{line}\n")
    assert check().status is Status.VIOLATED


@pytest.mark.parametrize("line", [" import os", "#import os", "importlib", "Import os", "from os import path"])
def test_a_line_that_site_does_not_run_is_no_hook(environment: FakeEnvironment, check: Check, line: str) -> None:
    (environment.site / "a.pth").write_text(f"{line}\n")
    assert check().status is Status.MET


def test_a_byte_order_mark_hides_nothing(environment: FakeEnvironment, check: Check) -> None:
    (environment.site / "a.pth").write_bytes(b"\xef\xbb\xbfimport os\n")
    assert check().status is Status.VIOLATED


def test_bytes_that_are_no_utf8_hide_nothing(environment: FakeEnvironment, check: Check) -> None:
    (environment.site / "a.pth").write_bytes(b"f\xf6lder\nimport os\n")
    assert check().status is Status.VIOLATED


@pytest.mark.parametrize(
    "name",
    [
        "sitecustomize.py",
        "usercustomize.py",
        "sitecustomize/__init__.py",
        "sitecustomize.cpython-311-x86_64-linux-gnu.so",
        "usercustomize.pyc",
    ],
)
def test_modules_that_site_imports_are_violated(environment: FakeEnvironment, check: Check, name: str) -> None:
    file = environment.site / name
    file.parent.mkdir(exist_ok=True)
    file.write_text("")
    (found,) = check().findings
    assert "is imported at every start of Python" in found.message


def test_a_customizer_in_a_folder_that_a_path_file_adds_is_violated(
    environment: FakeEnvironment, context: ReadContext, check: Check
) -> None:
    (context.root / "more").mkdir()
    (context.root / "more" / "sitecustomize.py").touch()
    (environment.site / "more.pth").write_text(f"{context.root / 'more'}\n")
    assert check().status is Status.VIOLATED


def test_a_customizer_beside_the_standard_library_of_the_base_is_violated(tmp_path: Path, check: Check) -> None:
    library = tmp_path / "usr" / "lib" / "python3.11"
    library.mkdir(parents=True)
    (library / "os.py").touch()
    FakeEnvironment(tmp_path / ".venv")
    config = tmp_path / ".venv" / "pyvenv.cfg"
    config.write_text(config.read_text().replace("/nowhere/bin", str(tmp_path / "usr" / "bin")))
    assert check().examined["folders"] == 2
    (library / "sitecustomize.py").touch()
    assert check().status is Status.VIOLATED


def test_one_content_of_a_file_can_be_accepted(environment: FakeEnvironment, check: Check, rules: Rules) -> None:
    file = environment.site / "proxy.pth"
    file.write_text("import proxy\n")
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    text = f'startup_hooks.allow = [{{file = "proxy.pth", sha256 = "{digest}", reason = "the company\'s proxy"}}]'
    verdict = check(text)
    assert verdict.status is Status.MET
    assert verdict.evidence["accepted"][0]["because"] == "the company's proxy"
    file.write_text("import proxy, os\n")
    assert rules(check(text)) == [("violated", "startup-hook", "proxy.pth")]


def test_the_unchanged_files_of_a_distribution_can_be_accepted(environment: FakeEnvironment, check: Check) -> None:
    environment.install("DDTrace", "3.1", files={"ddtrace.pth": "import ddtrace\n"})
    text = 'startup_hooks.allow = [{distribution = "ddtrace", versions = "<4", reason = "tracing"}]'
    assert check(text).status is Status.MET
    assert check(text.replace("<4", "<3")).status is Status.VIOLATED
    (environment.site / "ddtrace.pth").write_text("import ddtrace, os\n")
    verdict = check(text)
    assert verdict.status is Status.VIOLATED
    assert "no distribution lists unchanged" in verdict.summary


@pytest.mark.parametrize("name", ["distutils-precedence.pth", "_virtualenv.pth", "__editable__.a-1.pth"])
def test_a_harmless_name_accepts_nothing(environment: FakeEnvironment, check: Check, name: str) -> None:
    environment.install("setuptools", files={name: "import os; os.system('id')\n", "_distutils_hack/__init__.py": ""})
    assert check().status is Status.VIOLATED


@pytest.mark.parametrize("module", ["_virtualenv", "__editable___a_1_0_finder"])
def test_a_harmless_line_is_only_as_harmless_as_the_module_that_it_imports(
    environment: FakeEnvironment, check: Check, module: str
) -> None:
    call = "" if module == "_virtualenv" else f"; {module}.install()"
    (environment.site / "a.pth").write_text(f"import {module}{call}\n")
    (environment.site / f"{module}.py").write_text("MAPPING = {}\n\ndef install():\n    pass\n")
    assert check().status is Status.VIOLATED


@pytest.mark.usefixtures("environment")
def test_an_environment_without_any_path_file_is_met(check: Check) -> None:
    assert check().status is Status.MET


def test_an_environment_that_is_not_there_is_unverified(check: Check) -> None:
    verdict = check()
    assert verdict.status is Status.UNVERIFIED
    assert "matches nothing" in verdict.explain()


def test_no_environment_is_nothing_examined() -> None:
    verdict = free_of_startup_hooks(Graph(), [], HookPolicy(), str)
    assert verdict.status is Status.UNVERIFIED
    assert "no folders" in verdict.summary


def test_what_cannot_be_read_is_unverified(environment: FakeEnvironment, check: Check, rules: Rules) -> None:
    (environment.site / "sitecustomize.py").symlink_to(environment.site / "missing")
    assert rules(check()) == [("unverified", "startup-hook-unreadable", "sitecustomize.py")]


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ('{file = "a.pth", reason = "x"}', "sha256: is missing"),
        ('"a.pth"', "reason: is missing"),
        ('{reason = "x"}', "needs either a file"),
        ('{file = "a.pth", distribution = "a", reason = "x"}', "needs either a file"),
        ('{file = "a.pth", sha256 = "abc", reason = "x"}', "64 hexadecimal digits"),
        ('{distribution = "a"}', "reason: is missing"),
        ('{distribution = "a", versions = "4", reason = "x"}', "version range"),
    ],
)
def test_an_entry_that_accepts_too_much_or_nothing_is_refused(policy: Decode, entry: str, said: str) -> None:
    with pytest.raises(PolicyError) as caught:
        policy(f"startup_hooks.allow = [{entry}]")
    assert said in str(caught.value)
