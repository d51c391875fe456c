from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_devsecops.core.errors import PolicyError
from pytest_devsecops.policy.documents import find_policy, read_merged

POLICIES = Path(__file__).parents[1] / "assets" / "policies"

Write = Callable[[str, str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(name: str, text: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    return write


def problems_of(path: Path) -> tuple[str, ...]:
    with pytest.raises(PolicyError) as caught:
        read_merged(path)
    return caught.value.problems


def test_the_policy_is_found_in_its_own_file_or_in_the_projects(write: Write, tmp_path: Path) -> None:
    assert find_policy(tmp_path) is None
    project = write("pyproject.toml", "[tool.devsecops]\n")
    assert find_policy(tmp_path) == project
    write("pyproject.toml", '[project]\nname = "about-devsecops"\n')
    assert find_policy(tmp_path) is None
    own = write("devsecops.toml", "")
    assert find_policy(tmp_path) == own


def test_two_policies_are_an_error(write: Write, tmp_path: Path) -> None:
    write("pyproject.toml", "[tool.devsecops]\n")
    write("devsecops.toml", "")
    with pytest.raises(PolicyError, match=r"devsecops.toml and \[tool.devsecops\] in pyproject.toml both exist"):
        find_policy(tmp_path)


@pytest.mark.parametrize("text", ["tool = 3 # devsecops", "tool = 'devsecops'", "tool = ['devsecops']"])
def test_a_tool_key_that_is_no_table_is_no_policy(write: Write, tmp_path: Path, text: str) -> None:
    path = write("pyproject.toml", text)
    assert find_policy(tmp_path) is None
    assert read_merged(path).table == {}


def test_a_broken_project_file_that_may_have_a_policy_is_an_error(write: Write, tmp_path: Path) -> None:
    write("pyproject.toml", "[tool.devsecops\n")
    with pytest.raises(PolicyError, match="is not valid TOML"):
        find_policy(tmp_path)


def test_the_table_and_its_digest_are_read(write: Write) -> None:
    path = write("pyproject.toml", '[tool.devsecops.dependencies]\nallow = ["django"]\n')
    merged = read_merged(path)
    assert merged.table == {"dependencies": {"allow": ["django"]}}
    assert merged.prefix == "tool.devsecops."
    assert [one.sha256 for one in merged.documents] == [hashlib.sha256(path.read_bytes()).hexdigest()]


def test_an_extending_policy_joins_lists_and_replaces_values() -> None:
    merged = read_merged(POLICIES / "team.toml")
    assert merged.table["dependencies"] == {
        "deny": [{"name": "pycrypto", "reason": "unmaintained"}],
        "allow": ["django"],
        "cooldown": {"days": 7},
    }
    assert [one.path.name for one in merged.documents] == ["organisation.toml", "team.toml"]
    assert merged.replaced == (f"{POLICIES / 'team.toml'}: dependencies.cooldown.days: 14 became 7",)


def test_a_base_that_is_reached_twice_counts_once() -> None:
    merged = read_merged(POLICIES / "diamond.toml")
    assert [one.path.name for one in merged.documents] == [
        "organisation.toml",
        "team.toml",
        "other-team.toml",
        "diamond.toml",
    ]
    assert merged.table["dependencies"]["allow"] == ["django", "flask", "own"]
    assert len(merged.table["dependencies"]["deny"]) == 1
    assert merged.table["dependencies"]["cooldown"]["days"] == 7


def test_merging_never_writes_into_a_document() -> None:
    merged = read_merged(POLICIES / "team.toml")
    assert merged.documents[0].table["dependencies"]["cooldown"] == {"days": 14}


def test_what_is_final_cannot_be_changed_and_all_changes_are_told() -> None:
    base = POLICIES / "organisation.toml"
    assert problems_of(POLICIES / "breaks-final.toml") == (
        f"dependencies.deny: is final in {base} and cannot be changed here",
        f'requirements."DEP-1.1".severity: is final in {base} and cannot be changed here',
    )


def test_a_change_of_what_is_final_is_told_with_the_file_that_changes_it() -> None:
    place = POLICIES / "breaks-final.toml"
    assert problems_of(POLICIES / "breaks-final-below.toml")[0].startswith(f"{place}: dependencies.deny: is final in ")


def test_final_keys_that_keep_nothing_are_an_error() -> None:
    assert problems_of(POLICIES / "final-keeps-nothing.toml") == (
        "final: 'dependencies.denny' names nothing that this policy sets",
    )


@pytest.mark.parametrize("key", ["", "a b", "a = 1\nb", "a.", "[a]"])
def test_what_is_no_key_keeps_nothing(write: Write, key: str) -> None:
    path = write("devsecops.toml", f"final = [{key!r}]\n[a]\nb = 1\n".replace("'", '"'))
    assert len(problems_of(path)) == 1


def test_a_whole_table_can_be_final(write: Write) -> None:
    write("base.toml", 'final = ["dependencies"]\n[dependencies]\nallow = ["a"]\n')
    path = write("devsecops.toml", 'extends = ["base.toml"]\n[dependencies.cooldown]\ndays = 1\n')
    (problem,) = problems_of(path)
    assert problem.startswith("dependencies: is final in ")


@pytest.mark.parametrize(
    ("file", "problem"),
    [
        ("not-toml.toml", "is not valid TOML: "),
        ("latin-1.toml", "is not UTF-8 (byte 12); save it as UTF-8"),
        ("nowhere.toml", "there is no such file; check the path that names it"),
        ("extends-nothing.toml", "there is no such file; check the path that names it"),
        (".", "cannot be read: Is a directory"),
        (
            "circle-a.toml",
            "extends: the policies extend each other in a circle: circle-a.toml -> circle-b.toml -> circle-a.toml",
        ),
        (
            "extends-missing-package.toml",
            "extends: the package 'acme_policy_that_is_not_installed' of ",
        ),
    ],
)
def test_a_document_that_cannot_be_used_is_one_problem(file: str, problem: str) -> None:
    (told,) = problems_of(POLICIES / file)
    assert told.startswith(problem)


def test_wrong_kinds_of_extends_and_final_are_both_told() -> None:
    assert problems_of(POLICIES / "extends-no-list.toml") == (
        "extends: must be a list of strings",
        "final: must be a list of strings",
    )


def test_a_document_that_is_nested_too_deeply_is_a_problem(write: Write) -> None:
    path = write("devsecops.toml", "a = " + "[" * 100_000)
    (told,) = problems_of(path)
    assert told.startswith(("is nested too deeply", "is not valid TOML"))


def test_a_circle_of_links_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "a.toml").symlink_to(tmp_path / "b.toml")
    (tmp_path / "b.toml").symlink_to(tmp_path / "a.toml")
    (told,) = problems_of(tmp_path / "a.toml")
    assert told.startswith("cannot be read: ")


def test_a_path_with_a_null_is_a_problem(write: Write) -> None:
    assert problems_of(write("devsecops.toml", 'extends = ["a\\u0000b"]')) == ("extends: must be a list of strings",)


@pytest.fixture
def package(write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A policy package on the import path, without any importable code."""
    monkeypatch.syspath_prepend(tmp_path / "site")
    write("site/acme_policy/devsecops.toml", '[dependencies]\nallow = ["acme"]\n')
    write("site/acme_policy/strict.toml", '[dependencies]\nallow = ["strict"]\n')
    return tmp_path


@pytest.mark.parametrize(
    ("base", "allowed"), [("package:acme_policy", ["acme"]), ("package:acme_policy/strict.toml", ["strict"])]
)
def test_an_installed_package_can_be_extended(package: Path, write: Write, base: str, allowed: list[str]) -> None:
    merged = read_merged(write("devsecops.toml", f'extends = ["{base}"]'))
    assert merged.table["dependencies"]["allow"] == allowed
    assert merged.documents[0].path.is_relative_to(package / "site")


def test_a_package_without_the_file_is_a_problem(package: Path, write: Write) -> None:
    path = write("devsecops.toml", 'extends = ["package:acme_policy/none.toml"]')
    assert problems_of(path) == ("there is no such file; check the path that names it",)
    assert package.is_dir()


def test_a_package_whose_parent_fails_to_import_is_a_problem(package: Path, write: Write) -> None:
    write("site/acme_broken/__init__.py", "raise RuntimeError('no licence')\n")
    path = write("devsecops.toml", 'extends = ["package:acme_broken.policy"]')
    (told,) = problems_of(path)
    assert (
        told == "extends: the package 'acme_broken.policy' of 'package:acme_broken.policy' cannot be found: no licence"
    )
    assert package.is_dir()


@pytest.mark.parametrize("name", ["", "..", "a..b"])
def test_what_is_no_package_name_is_a_problem(write: Write, name: str) -> None:
    path = write("devsecops.toml", f'extends = ["package:{name}"]')
    assert "is not installed" in problems_of(path)[0]


def test_policies_can_lie_below_the_projects_own(write: Write) -> None:
    base, own = (
        write("base.toml", "[dependencies]\nallow = ['a']"),
        write("devsecops.toml", "[dependencies]\nallow = ['b']"),
    )
    assert read_merged(own, [base]).table["dependencies"]["allow"] == ["a", "b"]
    assert read_merged(None, [base]).table["dependencies"]["allow"] == ["a"]
    assert read_merged(None).table == {}
