"""safety itself, in an environment of its own, because installing it downgrades other packages.

``DEVSECOPS_SAFETY_PYTHON`` names that environment's Python, which has safety, this package and pytest.
"""

from __future__ import annotations

import json
import os
import subprocess
import textwrap
from pathlib import Path
from typing import Any, cast

import pytest

ASSETS = Path(__file__).parents[1] / "assets" / "advisories"
SOURCES = Path(__file__).parents[2] / "src"

_SCRIPT = textwrap.dedent(
    """
    import json, socket, sys
    from datetime import UTC, date, datetime
    from pathlib import Path
    from pytest_devsecops.dependencies.advisories.collect import import_advisories
    from pytest_devsecops.dependencies.advisories.lookup import look_up
    from pytest_devsecops.dependencies.advisories.second_opinion import ask_safety
    from pytest_devsecops.dependencies.checks.vulnerability_free import VulnerabilityPolicy, vulnerability_free
    from pytest_devsecops.dependencies.model import Dependency, Graph, SourceKind, SourceRead

    sockets = []
    sys.addaudithook(lambda event, arguments: sockets.append(event) if event.startswith("socket.") else None)
    request = json.loads(sys.stdin.read())
    graph = Graph(
        tuple(Dependency(name, version) for name, version in request["pins"]),
        (SourceRead("uv.lock", "uv.lock", SourceKind.LOCK),),
    )
    file = Path(request["file"])
    import_advisories([Path(request["ours"])], file, now=datetime(2026, 6, 10, tzinfo=UTC))
    lookup = look_up(graph, file)
    second = ask_safety(graph, Path(request["theirs"]), lookup)
    verdict = vulnerability_free(graph, VulnerabilityPolicy(), lookup, today=date(2026, 6, 5), second=second)
    found = [[one.rule, one.subject, one.message] for one in verdict.findings]
    print("ANSWER", json.dumps({
        "findings": found,
        "status": str(verdict.status),
        "opinion": verdict.evidence["second opinion"],
        "sockets": sockets,
    }))
    """
)


@pytest.fixture(scope="module")
def python() -> str:
    named = os.environ.get("DEVSECOPS_SAFETY_PYTHON")
    if not named:
        assert "CI" not in os.environ, "DEVSECOPS_SAFETY_PYTHON is not set, and this run must not do without safety"
        pytest.skip("needs an environment with safety: set DEVSECOPS_SAFETY_PYTHON to its Python")
    return named


def ask(python: str, tmp_path: Path, pins: list[tuple[str, str]], ours: str, theirs: str) -> dict[str, Any]:
    request = {"pins": pins, "file": str(tmp_path / "a.db"), "ours": str(ASSETS / ours), "theirs": str(ASSETS / theirs)}
    done = subprocess.run(
        [python, "-W", "error", "-c", _SCRIPT],
        input=json.dumps(request),
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(SOURCES)},
    )
    assert done.returncode == 0, done.stderr
    [answer] = [line.removeprefix("ANSWER ") for line in done.stdout.splitlines() if line.startswith("ANSWER ")]
    return cast("dict[str, Any]", json.loads(answer))


@pytest.mark.slow
def test_the_real_engine_answers_offline_and_its_own_findings_are_added(python: str, tmp_path: Path) -> None:
    pins = [("shopkit", "1.4"), ("otherfind", "2.0"), ("order-line", "1.2"), ("clean", "1.0")]
    answer = ask(python, tmp_path, pins, "demo.jsonl", "safety-schema2")
    assert answer["status"] == "violated"
    assert [finding[:2] for finding in answer["findings"]] == [
        ["found-by-safety", "otherfind 2.0"],
        ["vulnerable", "shopkit 1.4"],
        ["vulnerable", "order-line 1.2"],
    ]
    assert answer["opinion"]["not reported by safety"] == ["order-line 1.2: DEMO-2026-2"]
    assert answer["opinion"]["asked"] == 4
    assert answer["sockets"] == []


@pytest.mark.slow
def test_its_known_mistakes_are_not_ours(python: str, tmp_path: Path) -> None:
    """With one database on both sides: what safety misses is found by us and noted in the evidence."""
    pins = [("shopkit", "1.5rc1"), ("zope-parts", "1.0")]
    answer = ask(python, tmp_path, pins, "safety-schema2", "safety-schema2")
    assert {tuple(finding[:2]) for finding in answer["findings"]} == {
        ("vulnerable", "shopkit 1.5rc1"),
        ("vulnerable", "zope-parts 1.0"),
    }
    assert answer["opinion"]["not reported by safety"] == [
        "shopkit 1.5rc1: pyup.io-90001",
        "zope-parts 1.0: pyup.io-90002",
    ]


@pytest.mark.slow
def test_a_specifier_on_which_it_raises_spoils_its_own_package_only(python: str, tmp_path: Path) -> None:
    pins = [("shopkit", "1.4"), ("hardspec", "1.0"), ("clean", "1.0")]
    answer = ask(python, tmp_path, pins, "demo.jsonl", "safety-bad-spec")
    assert [finding[:2] for finding in answer["findings"]] == [
        ["vulnerable", "shopkit 1.4"],
        ["second-opinion-missing", "hardspec 1.0"],
    ]
    assert "2013.1.g3" in answer["findings"][1][2]


@pytest.mark.slow
def test_the_flat_layout_which_it_refuses_is_unverified(python: str, tmp_path: Path) -> None:
    answer = ask(python, tmp_path, [("clean", "1.0")], "demo.jsonl", "safety-flat")
    assert answer["status"] == "unverified"
    [[rule, _, message]] = answer["findings"]
    assert rule == "second-opinion-missing"
    assert "safety cannot use safety-flat" in message
