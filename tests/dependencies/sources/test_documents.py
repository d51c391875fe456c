from __future__ import annotations

import codecs
import hashlib
from pathlib import Path

import pytest

from pytest_devsecops.dependencies.model import ReadContext, SourceError
from pytest_devsecops.dependencies.sources.documents import Document, read_json, read_toml


def toml(folder: Path, content: bytes) -> Document:
    path = folder / "some.lock"
    path.write_bytes(content)
    return read_toml(path, ReadContext(folder))


def json(folder: Path, content: bytes) -> Document:
    path = folder / "some.json"
    path.write_bytes(content)
    return read_json(path, ReadContext(folder))


def test_a_document_knows_its_name_and_digest(tmp_path: Path) -> None:
    document = toml(tmp_path, b"a = 1\r\n")

    assert (document.name, document.data) == ("some.lock", {"a": 1})
    assert document.sha256 == hashlib.sha256(b"a = 1\r\n").hexdigest()


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    assert toml(tmp_path, codecs.BOM_UTF8 + b"a = 1").data == {"a": 1}
    assert json(tmp_path, codecs.BOM_UTF8 + b'{"a": 1}').data == {"a": 1}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a = 1".encode("utf-16"), r"^some.lock:1: is not UTF-8 but UTF-16 or UTF-32 \(save it as UTF-8\)$"),
        (b"a = 1\nb = '\xe9'\n", r"^some.lock:2: is not UTF-8 \(byte 0xe9\) \(save it as UTF-8\)$"),
        (b"a = 1\nb =\n", r"^some.lock:2: is not valid TOML: Invalid value"),
        (b'a = 1\n[[package]]\nname = "cut of', r"^some.lock:3: is not valid TOML: "),
        (b"a = 1\na = 2\n", r"^some.lock:2: is not valid TOML: Cannot overwrite a value"),
        (b"a = " + b"[" * 100_000, r"^some.lock: is nested too deeply for TOML"),
        (b"a = " + b"9" * 5_000, r"^some.lock: is not valid TOML: Exceeds the limit"),
    ],
)
def test_what_is_no_toml_names_file_line_and_remedy(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(SourceError, match=message):
        toml(tmp_path, content)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{\n"a": 1,\n', r"^some.json:3: is not valid JSON: Expecting property name"),
        (b"[1]", r"^some.json: holds list where an object is expected"),
        (b'{"a": 1, "a": 2}', r"^some.json: is not valid JSON: the key 'a' occurs twice in one object"),
        (b'{"a": "\\ud800"}', r"^some.json: is not valid JSON: a string holds half a character"),
        (b'{"a": ["\\ud800"]}', r"^some.json: is not valid JSON: a string holds half a character"),
        (b"[" * 100_000, r"^some.json: is nested too deeply for JSON"),
    ],
)
def test_what_is_no_json_object_names_file_line_and_remedy(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(SourceError, match=message):
        json(tmp_path, content)


def test_a_file_that_is_not_there_or_a_folder_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"^absent.lock: there is no such file"):
        read_toml(tmp_path / "absent.lock", ReadContext(tmp_path))
    (tmp_path / "folder.lock").mkdir()
    with pytest.raises(SourceError, match=r"^folder.lock: cannot be read: "):
        read_toml(tmp_path / "folder.lock", ReadContext(tmp_path))


def test_lines_of_an_array_of_tables(tmp_path: Path) -> None:
    document = toml(tmp_path, b'a = 1\r\n[[package]]\r\nb = 1\r\n [[ "package" ]] # x\r\n[[package.files]]\r\n')

    assert document.array_lines("package", 2) == [2, 4]


def test_no_line_is_better_than_a_wrong_one(tmp_path: Path) -> None:
    document = toml(tmp_path, b'[[package]]\ntext = """\n[[package]]\n"""\n')

    assert document.array_lines("package", 1) == [None]


def test_lines_of_members_of_a_json_document(tmp_path: Path) -> None:
    content = b'{\n "a": {\n  "x": {"y": "{"},\n  "q\\"": ["s"\n],\n  "z": 1},\n "b": {"x":\n 2}}'

    assert json(tmp_path, content).member_lines() == {("a", "x"): 3, ("a", 'q"'): 4, ("a", "z"): 6, ("b", "x"): 7}
