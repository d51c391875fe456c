from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from pytest_devsecops.core.findings import Status
from pytest_devsecops.core.verdict import Verdict
from pytest_devsecops.dependencies.family import Dependencies
from pytest_devsecops.dependencies.model import ReadContext
from pytest_devsecops.dependencies.section import DependencyPolicy
from pytest_devsecops.dependencies.sources.environment import EnvironmentReader
from pytest_devsecops.testing.environments import FakeEnvironment, record_line

Check = Callable[[], Verdict]
Rules = Callable[[Verdict], list[tuple[str, str, str]]]

READERS = {"environment": EnvironmentReader()}


@pytest.fixture
def untampered(context: ReadContext) -> Check:
    """Return a function that checks the environment ``.venv`` of the project."""
    policy = DependencyPolicy(sources=("environment:.venv",), groups=("main",))
    return lambda: Dependencies(
        policy, READERS, context, today=date(2026, 1, 1), record=lambda verdict: verdict
    ).untampered()


def rewrite_record(info: Path, old: str, new: str) -> None:
    record = info / "RECORD"
    text = record.read_text()
    assert old in text
    record.write_text(text.replace(old, new))


def test_files_as_installed_are_met_and_counted(environment: FakeEnvironment, untampered: Check) -> None:
    environment.install("a", files={"a/__init__.py": "", "a/data.json": "{}", "a/sub/deep.py": "x = 1\n"})
    environment.install("b", requested=True)
    verdict = untampered()
    assert verdict.status is Status.MET
    assert verdict.examined == {"distributions": 2, "files": 9, "from": "environment:.venv"}
    assert verdict.summary == "9 files of 2 distributions in environment:.venv are unchanged"


@pytest.mark.parametrize("algorithm", ["sha384", "sha512", "sha3_256", "blake2b"])
def test_every_strong_hash_is_compared(environment: FakeEnvironment, untampered: Check, algorithm: str) -> None:
    info = environment.install("a", files={"a.py": "x = 1\n"})
    rewrite_record(info, record_line("a.py", b"x = 1\n"), record_line("a.py", b"x = 1\n", algorithm=algorithm))
    assert untampered().status is Status.MET
    (environment.site / "a.py").write_text("x = 2\n")
    assert untampered().status is Status.VIOLATED


def test_a_changed_file_is_violated(environment: FakeEnvironment, untampered: Check, rules: Rules) -> None:
    environment.install("a", files={"a/__init__.py": "", "a/b.py": "x = 1\n"})
    (environment.site / "a" / "b.py").write_text("x = 2\n")
    verdict = untampered()
    assert rules(verdict) == [("violated", "file-changed", "a 1.0")]
    assert verdict.summary == "a 1.0: a/b.py was changed after its installation"


def test_a_changed_file_of_its_metadata_is_violated(
    environment: FakeEnvironment, untampered: Check, rules: Rules
) -> None:
    info = environment.install("a")
    with (info / "METADATA").open("a") as file:
        file.write("more")
    assert rules(untampered()) == [("violated", "file-changed", "a 1.0")]


def test_many_files_of_one_distribution_are_one_finding(environment: FakeEnvironment, untampered: Check) -> None:
    environment.install("a", files={f"a/m{number}.py": "" for number in range(5)})
    shutil.rmtree(environment.site / "a")
    (found,) = untampered().findings
    assert found.message == "a 1.0: 5 files are missing (a/m0.py, a/m1.py, a/m2.py, …)"
    assert len(found.detail["files"]) == 5


def test_a_file_that_another_distribution_overwrote_names_both(
    environment: FakeEnvironment, untampered: Check, rules: Rules
) -> None:
    environment.install("a", files={"shared/x.py": "x = 1\n"})
    environment.install("b", files={"shared/x.py": "x = 2\n"})
    verdict = untampered()
    assert rules(verdict) == [("violated", "file-overwritten", "a 1.0")]
    assert verdict.summary == "a 1.0: shared/x.py was overwritten by b 1.0"


def test_two_distributions_may_share_a_folder_and_equal_files(environment: FakeEnvironment, untampered: Check) -> None:
    environment.install("a", files={"google/__init__.py": "", "google/a.py": ""})
    environment.install("b", files={"google/__init__.py": "", "google/b/__init__.py": ""})
    assert untampered().status is Status.MET


@pytest.mark.parametrize(
    "name", ["a/evil.py", "a/evil.pyc", "a/evil.cpython-311-x86_64-linux-gnu.so", "a/new/__init__.py", "a/libx.so.1"]
)
def test_code_that_nobody_lists_in_a_distributions_folder_is_violated(
    environment: FakeEnvironment, untampered: Check, rules: Rules, name: str
) -> None:
    environment.install("a", files={"a/__init__.py": ""})
    file = environment.site / name
    file.parent.mkdir(exist_ok=True)
    file.touch()
    verdict = untampered()
    assert rules(verdict) == [("violated", "unlisted-file", "a 1.0")]
    assert name in verdict.summary


def test_what_runs_nothing_may_lie_in_a_distributions_folder(environment: FakeEnvironment, untampered: Check) -> None:
    environment.install("a", files={"a/__init__.py": ""})
    (environment.site / "a" / "__pycache__").mkdir()
    (environment.site / "a" / "__pycache__" / "__init__.cpython-311.pyc").touch()
    (environment.site / "a" / "cache.json").touch()
    assert untampered().status is Status.MET


@pytest.mark.parametrize("name", ["a.cpython-311-x86_64-linux-gnu.so", "a.pyc", "a/__init__.py"])
def test_code_that_is_imported_in_place_of_a_module_is_violated(
    environment: FakeEnvironment, untampered: Check, rules: Rules, name: str
) -> None:
    environment.install("a", files={"a.py": ""})
    file = environment.site / name
    file.parent.mkdir(exist_ok=True)
    file.touch()
    assert rules(untampered()) == [("violated", "shadowing-file", "a 1.0")]


def test_what_belongs_to_no_distribution_is_in_the_evidence(environment: FakeEnvironment, untampered: Check) -> None:
    environment.install("a")
    (environment.site / "copied.py").touch()
    verdict = untampered()
    assert verdict.status is Status.MET
    assert verdict.evidence["in no distribution"] == ["copied.py"]


@pytest.mark.parametrize("algorithm", ["md5", "sha1"])
def test_a_hash_that_can_be_forged_is_violated(
    environment: FakeEnvironment, untampered: Check, rules: Rules, algorithm: str
) -> None:
    info = environment.install("a", files={"a.py": "x"})
    rewrite_record(info, record_line("a.py", b"x"), record_line("a.py", b"x", algorithm=algorithm))
    assert rules(untampered()) == [("violated", "weak-hash", "a 1.0")]


@pytest.mark.parametrize(
    ("line", "rule"), [("a.py,,", "file-without-hash"), ("a.py,crc32=AAAA,1", "unknown-hash"), ("a.py", "no-record")]
)
def test_a_file_that_cannot_be_compared_is_unverified(
    environment: FakeEnvironment, untampered: Check, rules: Rules, line: str, rule: str
) -> None:
    info = environment.install("a", files={"a.py": "x"})
    rewrite_record(info, record_line("a.py", b"x"), line)
    assert ("unverified", rule, "a 1.0") in rules(untampered())


def test_compiled_files_and_the_installers_notes_need_no_hash(environment: FakeEnvironment, untampered: Check) -> None:
    info = environment.install("a")
    lines = ["__pycache__/a.cpython-311.pyc,,", f"{info.name}/direct_url.json,,", f"{info.name}/REQUESTED,,"]
    with (info / "RECORD").open("a") as file:
        file.write("\n".join(lines) + "\n")
    verdict = untampered()
    assert verdict.status is Status.MET
    assert verdict.evidence["compiled files without a hash"] == 1


@pytest.mark.parametrize("record", [None, ""])
def test_a_distribution_without_a_list_is_unverified(
    environment: FakeEnvironment, untampered: Check, rules: Rules, record: str | None
) -> None:
    environment.install("a")
    file = environment.install("b", files={"b/__init__.py": ""}) / "RECORD"
    file.unlink()
    if record is not None:
        file.write_text(record)
    assert rules(untampered()) == [("unverified", "no-record", "b 1.0")]


def test_an_egg_is_unverified_and_its_own_files_are_not_called_unlisted(
    environment: FakeEnvironment, untampered: Check, rules: Rules
) -> None:
    environment.install("a", files={"shared/a.py": ""})
    (environment.site / "shared" / "old.py").touch()
    egg = environment.site / "old-0.1.egg-info"
    egg.mkdir()
    (egg / "PKG-INFO").write_text("Name: old\nVersion: 0.1\n")
    (egg / "top_level.txt").write_text("shared\n")
    assert rules(untampered()) == [("unverified", "no-record", "old 0.1")]


@pytest.mark.parametrize("name", ["../../../../../secret.txt", "/etc/hostname"])
def test_a_list_that_leads_outside_of_the_environment_is_violated_and_not_followed(
    environment: FakeEnvironment, untampered: Check, rules: Rules, name: str
) -> None:
    info = environment.install("a")
    with (info / "RECORD").open("a") as file:
        file.write(f"{name},sha256=AAAA,1\n")
    verdict = untampered()
    assert rules(verdict) == [("violated", "file-outside", "a 1.0")]
    assert verdict.examined["files"] == 3


def test_scripts_beside_the_site_folder_are_inside(environment: FakeEnvironment, untampered: Check) -> None:
    environment.install("a", files={"../../../bin/tool": "#!/bin/sh\n"})
    assert untampered().status is Status.MET
    (environment.root / "bin" / "tool").write_text("#!/bin/sh\ncurl\n")
    assert untampered().status is Status.VIOLATED


def test_the_sources_of_an_editable_installation_are_listed_as_not_compared(
    environment: FakeEnvironment, untampered: Check
) -> None:
    editable = {"url": "file:///src/mine", "dir_info": {"editable": True}}
    environment.install("mine", files={"mine.pth": "/src/mine\n"}, direct_url=editable)
    verdict = untampered()
    assert verdict.status is Status.MET
    assert verdict.evidence["editable, so with sources that have no hashes"] == ["mine 1.0"]


def test_a_distribution_that_calls_itself_editable_is_compared_all_the_same(
    environment: FakeEnvironment, untampered: Check, rules: Rules
) -> None:
    environment.install("mine", direct_url={"url": "file:///src/mine", "dir_info": {"editable": True}})
    (environment.site / "mine.py").write_text("changed\n")
    assert rules(untampered()) == [("violated", "file-changed", "mine 1.0")]


def test_a_development_link_of_old_has_nothing_to_compare(
    environment: FakeEnvironment, untampered: Check, tmp_path: Path
) -> None:
    environment.install("a")
    (tmp_path / "old" / "old.egg-info").mkdir(parents=True)
    (tmp_path / "old" / "old.egg-info" / "PKG-INFO").write_text("Name: old\nVersion: 0.1\n")
    (environment.site / "old.egg-link").write_text(f"{tmp_path / 'old'}\n.")
    verdict = untampered()
    assert verdict.status is Status.MET
    assert verdict.evidence["editable, so with sources that have no hashes"] == ["old 0.1"]


@pytest.mark.usefixtures("environment")
def test_an_empty_environment_is_nothing_examined(untampered: Check) -> None:
    verdict = untampered()
    assert verdict.status is Status.UNVERIFIED
    assert "no distributions and no files" in verdict.summary


def test_an_environment_that_is_not_there_is_unverified(untampered: Check) -> None:
    verdict = untampered()
    assert verdict.status is Status.UNVERIFIED
    assert "matches nothing" in verdict.explain()


def test_a_broken_distribution_keeps_the_verdict_from_being_met(
    environment: FakeEnvironment, untampered: Check, rules: Rules
) -> None:
    environment.install("a")
    (environment.install("b") / "METADATA").unlink()
    assert [status for status, _, _ in rules(untampered())] == ["unverified"]


@pytest.mark.slow
def test_the_running_environment_raises_no_false_alarm(tmp_path: Path) -> None:
    dependencies = Dependencies(
        DependencyPolicy(), READERS, ReadContext(tmp_path), today=date(2026, 1, 1), record=lambda verdict: verdict
    )
    verdict = dependencies.untampered()
    assert verdict.status is Status.MET, verdict.explain()
    assert int(str(verdict.examined["files"])) > 500
