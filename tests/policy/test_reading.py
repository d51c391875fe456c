from __future__ import annotations

from pathlib import Path

import pytest

from pytest_devsecops.builtin import SECTIONS
from pytest_devsecops.core.decode import TableReader
from pytest_devsecops.core.errors import PolicyError
from pytest_devsecops.policy.reading import read_policy

POLICIES = Path(__file__).parents[1] / "assets" / "policies"


def test_without_a_file_every_section_has_its_defaults(tmp_path: Path) -> None:
    policy = read_policy(tmp_path, SECTIONS)
    assert not policy.exists
    assert policy.as_dict() is None
    assert policy.requirements == {}
    assert set(policy.sections) == set(SECTIONS)


def test_a_whole_policy_is_read(tmp_path: Path) -> None:
    text = """
    [tool.devsecops]
    require_verdicts = true
    redact_environment = ["TOKEN"]
    [tool.devsecops.requirements.DEP-1]
    title = "Only allowed dependencies ship"
    severity = "high"
    refs = ["asvs:v5.0.0-15.1.1"]
    [tool.devsecops.requirements."REC.1"]
    title = "Orders survive"
    rto = "30m"
    [tool.devsecops.dependencies]
    allow = ["django"]
    """
    (tmp_path / "pyproject.toml").write_text(text, encoding="utf-8")
    policy = read_policy(tmp_path, SECTIONS)
    assert policy.require_verdicts
    assert policy.redact_environment == ("TOKEN",)
    first, second = policy.requirements["DEP-1"], policy.requirements["REC.1"]
    assert (first.title, first.family, first.severity) == ("Only allowed dependencies ship", "security", "high")
    assert first.declared
    assert first.declared_at == "pyproject.toml: tool.devsecops.requirements.DEP-1"
    assert (second.family, dict(second.limits)) == ("recovery", {"rto": 1800.0})
    assert second.declared_at == 'pyproject.toml: tool.devsecops.requirements."REC.1"'
    assert policy.sections["dependencies"].allow.allow[0].name == "django"
    told = policy.as_dict()
    assert told is not None
    assert told["path"] == "pyproject.toml"


def test_every_mistake_is_told_at_once_with_its_key_path_and_the_nearest_name() -> None:
    with pytest.raises(PolicyError) as caught:
        read_policy(POLICIES, SECTIONS, file=POLICIES / "every-mistake.toml")
    assert caught.value.document == "every-mistake.toml"
    assert sorted(caught.value.problems) == sorted(
        [
            "requirments: unknown key; did you mean 'requirements'?",
            "require_verdicts: must be true or false, not a string",
            "requirements.DEP-1.title: must not be empty",
            "requirements.DEP-1.severity: 'hihg' is not one of critical, high, medium, low; did you mean 'high'?",
            "requirements.DEP-1.owner: must be a string, not a whole number",
            "requirements.DEP-1.refs: must be a list, not a string",
            "requirements.DEP-1.rot: unknown key; did you mean 'rto'?",
            'requirements."DEP 2": a requirement\'s id has letters, digits, dots, dashes and underscores only',
            "requirements.\"DEP 2\".rto: 'soon' is not a duration; write for example '30m', '25h' or '7d'",
            "dependencies.sourcs: unknown key; did you mean 'sources'?",
            "dependencies.groups: must be a list, not a string",
            "dependencies.allow[0].name: is missing",
            "dependencies.allow[0].nam: unknown key; did you mean 'name'?",
            "dependencies.allow[1].versions: Invalid specifier: '>>3'; write a version range such as '>=4.2,<5'",
            "dependencies.cooldown.days: must be at least 1, not -1",
        ]
    )


def test_in_the_projects_file_key_paths_begin_with_its_table(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.devsecops.dependencies]\nalow = []", encoding="utf-8")
    with pytest.raises(PolicyError) as caught:
        read_policy(tmp_path, SECTIONS)
    assert caught.value.problems == ("tool.devsecops.dependencies.alow: unknown key; did you mean 'allow'?",)


def test_the_files_that_took_part_are_told_with_their_digests() -> None:
    policy = read_policy(POLICIES, SECTIONS, file=POLICIES / "team.toml")
    told = policy.as_dict()
    assert told is not None
    assert told["path"] == "team.toml"
    assert [base["path"] for base in told["extends"]] == ["organisation.toml"]
    assert len(told["extends"][0]["sha256"]) == 64
    assert told["replaced"] == [f"{POLICIES / 'team.toml'}: dependencies.cooldown.days: 14 became 7"]
    assert policy.sections["dependencies"].cooldown.days == 7


def test_a_mistake_in_an_extended_policy_names_the_files(tmp_path: Path) -> None:
    (tmp_path / "base.toml").write_text("alow = 1", encoding="utf-8")
    (tmp_path / "devsecops.toml").write_text('extends = ["base.toml"]', encoding="utf-8")
    with pytest.raises(PolicyError) as caught:
        read_policy(tmp_path, SECTIONS)
    assert caught.value.document == "devsecops.toml (with base.toml)"


def test_a_section_of_an_extension_is_decoded_by_its_own_decoder(tmp_path: Path) -> None:
    (tmp_path / "devsecops.toml").write_text("[acme]\ncolour = 'red'", encoding="utf-8")

    def decode(reader: TableReader) -> str:
        colour = reader.string("colour")
        reader.finish()
        return colour

    assert read_policy(tmp_path, {"acme": decode}).sections == {"acme": "red"}
    with pytest.raises(PolicyError, match="acme: unknown key"):
        read_policy(tmp_path, SECTIONS)
