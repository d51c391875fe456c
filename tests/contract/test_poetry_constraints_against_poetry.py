"""Poetry's constraints, translated by us and judged by Poetry: the same versions are allowed, or both refuse."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import cast

import pytest
from packaging import __version__ as packaging_version
from packaging.version import Version

from pytest_devsecops.dependencies.sources.poetry_constraints import translate_constraint

ORACLE = Path(__file__).parent.parent / "assets" / "requirements" / "poetry_oracle.py"

OPERATORS = ["", "=", "==", "!=", "<>", ">", ">=", "<", "<=", "^", "~", "~=", "===", "^ ", ">= "]
NUMBERS = ["0", "1", "0.0", "0.2", "1.2", "0.0.0", "0.0.3", "0.2.3", "1.2.3", "1.2.3.4", "0.0.0.4", "1.0rc1", "2.0.0a1"]
MORE_NUMBERS = ["1.0.post1", "v1.2", "1!2.0", "1.2.3+local", "1.*", "1.2.*", "1.*.*", "*", "x", "dev", "1.x", "foo", ""]
JOINED = [
    ">=1 <2",
    ">= 1.0 , < 2.0",
    ">=1,<2,!=1.5",
    "^1.0 || ^2.0",
    "^1.0 | 3.*",
    ">=1.0 || <0.5 , >0.1",
    "^1.2,",
    ">=1.0,,<2",
    "1.2.*,!=1.2.3",
    "1.0 - 2.0",
    " ^1.2 ",
    "> =1",
    "*,>1",
    "^1.2 foo",
]
VERSIONS = """
    0 0.0.0.4 0.0.0.5 0.0.1 0.0.3 0.0.4 0.1 0.2 0.2.3 0.2.4 0.3 0.5 0.9.9 1.0.dev0 1.0a1 1.0rc1 1.0 1.0.post1
    1.0.1 1.1 1.2.dev1 1.2rc1 1.2 1.2.1 1.2.3 1.2.3+local 1.2.3.4 1.2.3.5 1.2.4 1.2.9 1.3 1.4 1.5 1.9.9
    2.0.dev0 2.0.0a0 2.0.0a1 2.0rc1 2.0 2.0.1 2.9 3.0.dev0 3.0 3.1 3.9 4 1!0 1!2.0 1!2.5 1!3.0
""".split()  # noqa: SIM905 - one line each would hide the order

#: Before 26, packaging left the post-releases of a version out of ranges that end at its release candidate.
LEFT_TO_PACKAGING = {">1.0rc1", "<1.0.post1"} if Version(packaging_version) < Version("26") else set[str]()


@pytest.mark.slow
def test_poetry_allows_the_versions_that_our_translation_allows(tmp_path: Path) -> None:
    constraints = ["".join(pair) for pair in itertools.product(OPERATORS, [*NUMBERS, *MORE_NUMBERS])] + JOINED

    answers = ask_poetry(constraints, tmp_path)

    different: dict[str, str] = {
        constraint: f"Poetry allows {theirs}, we {ours}"
        for constraint, theirs in zip(constraints, answers, strict=True)
        if (ours := allowed(constraint)) != theirs and not (ours is None and "+local" in constraint)
    }
    different = {constraint: how for constraint, how in different.items() if constraint not in LEFT_TO_PACKAGING}
    assert sum(answer is not None for answer in answers) > 200
    assert not different, "\n".join(f"{constraint}: {how}" for constraint, how in different.items())


def allowed(constraint: str) -> list[str] | None:
    try:
        alternatives = translate_constraint(constraint)
    except ValueError:
        return None
    return [text for text in VERSIONS if any(one.contains(Version(text), prereleases=True) for one in alternatives)]


def ask_poetry(constraints: list[str], site: Path) -> list[list[str] | None]:
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(site), "poetry-core>=2"]
    done = subprocess.run(install, capture_output=True, text=True, check=False)
    if done.returncode:
        message = f"poetry-core cannot be installed here: {done.stderr}"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    answer = subprocess.run(
        [sys.executable, str(ORACLE)],
        input=json.dumps({"constraints": constraints, "versions": VERSIONS}),
        env={**os.environ, "PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        check=True,
    )
    return cast("list[list[str] | None]", json.loads(answer.stdout))
