from __future__ import annotations

from pytest_devsecops.core.errors import DevSecOpsError, MissingExtraError, PolicyError


def test_an_error_names_place_cause_and_remedy() -> None:
    assert str(DevSecOpsError("is wrong", place="a.txt:3", remedy="mend it")) == "a.txt:3: is wrong (mend it)"
    assert str(DevSecOpsError("is wrong")) == "is wrong"


def test_a_missing_extra_names_the_command() -> None:
    error = MissingExtraError("reading YAML", "yaml")
    assert str(error) == "reading YAML needs a package that is not installed (pip install 'pytest-devsecops[yaml]')"


def test_problems_are_told_all_at_once() -> None:
    assert str(PolicyError("pyproject.toml", ["a: x", "b: y"])) == "pyproject.toml: 2 problems\n  a: x\n  b: y"
    assert str(PolicyError("pyproject.toml", ["a: x"])) == "pyproject.toml: 1 problem\n  a: x"
