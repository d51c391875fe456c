from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

Command = Callable[..., tuple[int, str, str]]

POLICY = """
[requirements.DEP-1]
title = "Only allowed dependencies ship"
owner = "security"
severity = "high"

[requirements.REC-1]
title = "Orders survive"
rto = "30m"
"""


def test_a_good_policy_is_told_with_digest_and_requirements(command: Command, project: Path) -> None:
    (project / "devsecops.toml").write_text(POLICY)
    code, out, err = command("policy", "check")
    assert (code, err) == (0, "")
    assert f"devsecops.toml  sha256:{sha256(POLICY.encode()).hexdigest()}" in out
    assert "  DEP-1  security  high      security  Only allowed dependencies ship" in out.splitlines()
    assert "  REC-1  recovery  -         -         Orders survive" in out.splitlines()


def test_every_error_is_told_at_once_with_its_key_path(command: Command, project: Path) -> None:
    (project / "pyproject.toml").write_text(
        '[tool.devsecops]\nrequierments = {}\n[tool.devsecops.dependencies]\nallow = [3]\ngroups = "main"\n'
    )
    code, out, err = command("policy", "check")
    assert (code, out) == (4, "")
    assert "tool.devsecops.requierments: unknown key; did you mean 'requirements'?" in err
    assert "tool.devsecops.dependencies.allow: item 0 must be a string or a table" in err
    assert "tool.devsecops.dependencies.groups: must be a list, not a string" in err


def test_what_replaced_what_is_told(command: Command, project: Path) -> None:
    (project / "base.toml").write_text('[requirements.A]\ntitle = "Old"\n')
    (project / "devsecops.toml").write_text('extends = ["base.toml"]\n[requirements.A]\ntitle = "New"\n')
    code, out, _ = command("policy", "check")
    assert code == 0
    assert "devsecops.toml: requirements.A.title: 'Old' became 'New'" in out
    assert out.index("base.toml") < out.index("devsecops.toml")


def test_another_file_can_be_named(command: Command, project: Path) -> None:
    (project / "other.toml").write_text("require_verdicts = true\n")
    code, out, _ = command("policy", "check", "--file", "other.toml")
    assert code == 0
    assert "other.toml" in out
    assert "none declared" in out


def test_no_policy_is_not_a_good_policy(command: Command) -> None:
    code, out, err = command("policy", "check")
    assert (code, out) == (1, "")
    assert "pytest-devsecops init" in err


def test_a_missing_named_file_is_a_bad_policy(command: Command) -> None:
    code, _, err = command("policy", "check", "--file", "absent.toml")
    assert code == 4
    assert "absent.toml" in err
    assert "no such file" in err


def test_two_policies_are_one_too_many(command: Command, project: Path) -> None:
    (project / "devsecops.toml").write_text("")
    (project / "pyproject.toml").write_text("[tool.devsecops]\n")
    code, _, err = command("policy", "check")
    assert code == 4
    assert "keep one of them" in err
