from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

import pytest


class Outcome(Protocol):
    """What the fixture ``command`` gives."""

    code: int
    out: str
    err: str


ASSETS = Path(__file__).parents[1] / "assets" / "advisories"

Command = Callable[..., Outcome]


@pytest.fixture
def fresh(tmp_path: Path) -> Path:
    """A database whose newest record is of yesterday."""
    path = tmp_path / "fresh.jsonl"
    yesterday = datetime.now(UTC) - timedelta(days=1)
    entry = {"package": {"ecosystem": "PyPI", "name": "shopkit"}, "versions": ["1.0"]}
    path.write_text(json.dumps({"id": "DEMO-1", "modified": yesterday.isoformat(), "affected": [entry]}))
    return path


def test_import_writes_the_policy_s_file_and_info_describes_it(project: Path, command: Command, fresh: Path) -> None:
    (project / "devsecops.toml").write_text('[dependencies.vulnerabilities]\nadvisories = "security/known.db"\n')
    written = command("advisories", "import", str(fresh))
    assert written.code == 0
    assert (project / "security" / "known.db").is_file()
    told = command("advisories", "info")
    assert told.code == 0
    assert "count     1 advisory on 1 package" in told.out
    assert "source    fresh.jsonl (osv-files, 1 record, newest " in told.out
    assert "age       1 day, fresh enough: at most 1w is allowed" in told.out
    assert written.out.splitlines()[1:] == told.out.splitlines()[1:-1]


def test_info_says_that_advisories_are_too_old_and_ends_with_1(project: Path, command: Command, tmp_path: Path) -> None:
    target = str(tmp_path / "old.db")
    assert command("advisories", "import", str(ASSETS / "safety-flat"), "--to", target).code == 0
    (project / "devsecops.toml").write_text('[dependencies.vulnerabilities]\nmax_age = "1h"\n')
    told = command("advisories", "info", target)
    assert told.code == 1
    assert "too old: at most 1h is allowed" in told.out


def test_unread_records_are_named_and_info_ends_with_1(project: Path, command: Command, fresh: Path) -> None:
    outcome = command("advisories", "import", str(fresh), "--undated", str(ASSETS / "unreadable.json"))
    assert outcome.code == 0
    assert "3 not readable" in outcome.out
    assert len(outcome.err.splitlines()) == 3
    assert outcome.err.startswith("not read: ")
    assert "has no id" in outcome.err
    assert command("advisories", "info").code == 1
    assert (project / ".devsecops" / "advisories.db").is_file()


def test_a_damaged_source_is_one_message_and_nothing_is_written(project: Path, command: Command) -> None:
    outcome = command("advisories", "import", str(ASSETS / "truncated.zip"))
    assert outcome.code == 1
    assert outcome.out == ""
    assert outcome.err.startswith("error: ")
    assert "truncated.zip: cannot be read whole" in outcome.err
    assert list(project.iterdir()) == []


def test_import_of_nothing_and_info_on_nothing_say_what_to_do(command: Command) -> None:
    nothing = command("advisories", "import")
    assert (nothing.code, nothing.err) == (
        1,
        "error: nothing to import (name at least one advisory database)\n",
    )
    missing = command("advisories", "info")
    assert missing.code == 1
    assert "there is no advisory file (make it with 'pytest-devsecops advisories import SOURCE… --to " in missing.err


def test_a_bad_policy_ends_with_4(project: Path, command: Command) -> None:
    (project / "devsecops.toml").write_text('[dependencies.vulnerabilities]\nmax_age = "old"\n')
    assert command("advisories", "info").code == 4
