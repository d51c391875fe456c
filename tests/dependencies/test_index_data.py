from __future__ import annotations

import hashlib
import json
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from pytest_devsecops.core.findings import Status
from pytest_devsecops.dependencies.index_data import IndexFile, IndexProject, index_evidence, read_index_data
from pytest_devsecops.dependencies.model import ReadContext

ASSETS = Path(__file__).parents[1] / "assets" / "index_data"
CONTEXT = ReadContext(ASSETS)


def test_our_own_format_gives_status_times_and_yanks_by_normalised_name_and_version() -> None:
    data = read_index_data(ASSETS / "own.json", CONTEXT)
    assert data.problems == ()
    assert data.as_of == date(2026, 11, 1)
    assert data.projects["django"].status == "active"
    assert data.release("django", "4.2") == (IndexFile("", datetime(2023, 4, 3, 8, 36, 16, tzinfo=UTC), yanked=False),)
    assert data.release("django", "4.2.1") == (
        IndexFile("", datetime(2023, 5, 3, 10, 58, 43, tzinfo=UTC), "broken wheel"),
    )
    assert data.release("django", "5.0") == (IndexFile("", None, None),)
    assert data.projects["gone"] == IndexProject("archived", "merged into django", {})
    digest = hashlib.sha256((ASSETS / "own.json").read_bytes()).hexdigest()
    assert index_evidence(data) == {
        "index_data": {"files": [{"path": "own.json", "sha256": digest}], "projects": 2, "as_of": "2026-11-01"}
    }


def test_a_folder_of_project_pages_gives_files_statuses_and_reasons() -> None:
    data = read_index_data(ASSETS / "pages", CONTEXT)
    assert data.problems == ()
    assert data.as_of is None
    assert data.projects["flask"] == IndexProject(
        "active",  # since version 1.4 of the API a page without a status means an active project
        "",
        {
            "3.0.0": (
                IndexFile("flask-3.0.0-py3-none-any.whl", datetime(2023, 9, 30, 14, 36, 10, 961000, UTC), yanked=False),
                IndexFile("flask-3.0.0.tar.gz", datetime(2023, 9, 30, 14, 36, 12, tzinfo=UTC), "bad sdist"),
            )
        },
    )
    assert data.projects["old-api"].status is None
    assert data.release("old-api", "1.0") == (IndexFile("old_api-1.0.zip", None, yanked=False),)
    assert data.projects["evil"] == IndexProject("quarantined", "malware", {})


@pytest.mark.parametrize(
    ("file", "messages"),
    [
        (
            "broken.json",
            [
                "projects.b: must be a table, not a string",
                "projects.a.releases.1.uploaded: Invalid isoformat string: 'yesterday'",
                "projects.a.releases.1.yanked: must be true, false or a reason",
                "projects.a.releases.1.yankd: unknown key; did you mean 'yanked'?",
                "projects.a.status: must be a string, not a whole number",
                "as_of: is missing",
            ],
        ),
        ("other.json", ["is neither a project page (PEP 691) nor of the schema 'pytest-devsecops/index/1'"]),
        (
            "not-pages.json",
            [
                "[0] is neither a project page (PEP 691) nor of the schema 'pytest-devsecops/index/1'",
                "[1] is neither a project page (PEP 691) nor of the schema 'pytest-devsecops/index/1'",
                "[2].files[0].filename: is missing",
            ],
        ),
        ("truncated.json", ["is not JSON: Expecting value: line 2 column 1 (char 15)"]),
        ("nowhere.json", ["does not exist"]),
    ],
)
def test_what_cannot_be_read_is_told_and_unverified(file: str, messages: list[str]) -> None:
    data = read_index_data(ASSETS / file, CONTEXT)
    assert [found.message for found in data.problems] == [f"the index data {file}: {text}" for text in messages]
    assert {found.status for found in data.problems} == {Status.UNVERIFIED}


def test_a_folder_without_files_is_told(tmp_path: Path) -> None:
    data = read_index_data(tmp_path, ReadContext(tmp_path))
    assert [found.message for found in data.problems] == ["the index data .: has no .json file"]


def test_two_files_that_disagree_about_a_project_are_told(tmp_path: Path) -> None:
    for name, status in (("a", "active"), ("b", "archived")):
        document = {"schema": "pytest-devsecops/index/1", "as_of": "2026-11-01", "projects": {"x": {"status": status}}}
        (tmp_path / f"{name}.json").write_text(json.dumps(document), encoding="utf-8")
    data = read_index_data(tmp_path, ReadContext(tmp_path))
    assert [found.message for found in data.problems] == [
        "the index data b.json: x is in another file already, with other data"
    ]


def test_the_oldest_date_counts_and_only_if_every_file_has_one(tmp_path: Path) -> None:
    for day in ("2026-11-01", "2026-10-01"):
        text = f'{{"schema": "pytest-devsecops/index/1", "as_of": "{day}", "projects": {{}}}}'
        (tmp_path / f"{day}.json").write_text(text, encoding="utf-8")
    assert read_index_data(tmp_path, ReadContext(tmp_path)).as_of == date(2026, 10, 1)
    (tmp_path / "page.json").write_text('{"name": "x", "files": []}', encoding="utf-8")
    assert read_index_data(tmp_path, ReadContext(tmp_path)).as_of is None
