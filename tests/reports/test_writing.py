from __future__ import annotations

from pathlib import Path

import pytest

from pytest_devsecops.core.errors import DevSecOpsError
from pytest_devsecops.reports.writing import write_whole


def test_a_report_replaces_the_last_one_and_leaves_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "report.html"
    write_whole(path, "first")
    write_whole(path, "zweite ✓\n")
    assert path.read_bytes() == "zweite ✓\n".encode()
    assert list(path.parent.iterdir()) == [path]


def test_what_cannot_be_written_is_told_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / "folder"
    path.mkdir()
    with pytest.raises(DevSecOpsError, match="folder: the report cannot be written") as caught:
        write_whole(path, "text")
    assert caught.value.place == str(path)
    assert list(tmp_path.iterdir()) == [path]


def test_a_text_that_cannot_be_encoded_leaves_the_last_report(tmp_path: Path) -> None:
    path = tmp_path / "report.txt"
    write_whole(path, "good")
    with pytest.raises(UnicodeEncodeError):
        write_whole(path, "\ud800")
    assert path.read_text(encoding="utf-8") == "good"
    assert list(tmp_path.iterdir()) == [path]
