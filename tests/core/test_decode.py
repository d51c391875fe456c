from __future__ import annotations

import tomllib
from datetime import date
from typing import Any

import pytest

from pytest_devsecops.core.decode import TableReader


def reader_of(text: str, path: str = "tool.x") -> tuple[TableReader, list[str]]:
    problems: list[str] = []
    return TableReader(tomllib.loads(text), path, problems), problems


def test_good_values_are_given_as_they_are() -> None:
    text = """
    word = "a"
    flag = true
    number = 7
    time = "7d"
    day = 2026-12-31
    written = "2026-12-31"
    words = ["a", "b"]
    [table]
    key = "x"
    """
    reader, problems = reader_of(text)
    assert reader.string("word") == "a"
    assert reader.boolean("flag", default=False)
    assert reader.integer("number") == 7
    assert reader.duration("time") == 604800
    assert reader.day("day") == reader.day("written") == date(2026, 12, 31)
    assert reader.strings("words") == ("a", "b")
    assert reader.table("table").string("key") == "x"
    reader.finish()
    assert problems == []


def test_absent_values_are_defaults() -> None:
    reader, problems = reader_of("")
    assert reader.string("a", "x") == "x"
    assert reader.optional_string("a") is None
    assert reader.boolean("a", default=True)
    assert reader.integer("a") is None
    assert reader.duration("a", 5.0) == 5.0
    assert reader.day("a") is None
    assert reader.strings("a", ("x",)) == ("x",)
    assert reader.table("a").keys == []
    assert reader.tables("a") == {}
    assert reader.entries("a", "name") == []
    assert reader.parsed("a", int, 3) == 3
    assert problems == []


@pytest.mark.parametrize(
    ("method", "arguments", "text", "problem"),
    [
        ("string", {}, "a = 3", "tool.x.a: must be a string, not a whole number"),
        ("string", {"required": True}, "", "tool.x.a: is missing"),
        ("string", {"required": True}, 'a = "  "', "tool.x.a: must not be empty"),
        (
            "string",
            {"choices": ["low", "high"]},
            'a = "hihg"',
            "tool.x.a: 'hihg' is not one of low, high; did you mean 'high'?",
        ),
        ("boolean", {"default": True}, "a = 1", "tool.x.a: must be true or false, not a whole number"),
        ("integer", {}, "a = true", "tool.x.a: must be a whole number, not true or false"),
        ("integer", {}, "a = 1.0", "tool.x.a: must be a whole number, not a number"),
        ("integer", {"minimum": 2}, "a = 1", "tool.x.a: must be at least 2, not 1"),
        ("duration", {}, 'a = "soon"', "tool.x.a: 'soon' is not a duration; write for example '30m', '25h' or '7d'"),
        ("duration", {}, "a = 30", "tool.x.a: must be a string, not a whole number"),
        ("day", {}, 'a = "31.12.2026"', "tool.x.a: Invalid isoformat string: '31.12.2026'"),
        ("day", {}, "a = 2026-12-31T00:00:00", "tool.x.a: must be a date such as 2026-12-31, not a date and time"),
        ("strings", {}, 'a = "x"', "tool.x.a: must be a list, not a string"),
        ("strings", {}, 'a = ["x", 1, 2]', "tool.x.a: must be a list of strings; item 1, 2 is not"),
        ("table", {}, "a = []", "tool.x.a: must be a table, not a list"),
        ("tables", {}, "a = {b = 1}", "tool.x.a.b: must be a table, not a whole number"),
        ("entries", {"shorthand": "n"}, "a = [1]", "tool.x.a: item 0 must be a string or a table, not a whole number"),
    ],
)
def test_a_wrong_value_is_a_problem_with_its_key_path(
    method: str, arguments: dict[str, Any], text: str, problem: str
) -> None:
    reader, problems = reader_of(text)
    getattr(reader, method)("a", **arguments)
    assert problems == [problem]


def test_all_problems_of_a_document_come_at_once() -> None:
    reader, problems = reader_of("a = 1\n[b]\nc = 2\nd = 3\n[[e]]\nf = 4")
    reader.string("a")
    inner = reader.table("b")
    inner.string("c")
    inner.finish()
    for entry in reader.entries("e", "name"):
        entry.string("f")
        entry.finish()
    reader.finish()
    assert problems == [
        "tool.x.a: must be a string, not a whole number",
        "tool.x.b.c: must be a string, not a whole number",
        "tool.x.b.d: unknown key; known: c",
        "tool.x.e[0].f: must be a string, not a whole number",
    ]


def test_a_string_in_a_list_of_tables_is_the_shorthand() -> None:
    reader, problems = reader_of('a = ["x", {name = "y"}]')
    assert [entry.string("name") for entry in reader.entries("a", "name")] == ["x", "y"]
    assert problems == []


def test_an_unknown_key_is_refused_with_the_nearest_one() -> None:
    reader, problems = reader_of("alow = []")
    reader.strings("allow")
    reader.strings("deny")
    reader.finish()
    assert problems == ["tool.x.alow: unknown key; did you mean 'allow'?"]


def test_a_parser_that_refuses_is_a_problem() -> None:
    reader, problems = reader_of('a = "x"')

    def refuse(text: str) -> int:
        raise ValueError(f"{text} is no number")

    assert reader.parsed("a", refuse, 3) == 3
    assert problems == ["tool.x.a: x is no number"]


@pytest.mark.parametrize(
    ("key", "path"),
    [
        ("plain-key_1", "tool.x.plain-key_1"),
        ("with.dot", 'tool.x."with.dot"'),
        ('quo"te', r'tool.x."quo\"te"'),
        ("new\nline", r'tool.x."new\nline"'),
        ("ümlaut", 'tool.x."ümlaut"'),
        ("", 'tool.x.""'),
    ],
)
def test_key_paths_are_written_as_toml_writes_them(key: str, path: str) -> None:
    assert TableReader({}, "tool.x", []).key_path(key) == path


def test_at_the_root_a_key_is_its_own_path() -> None:
    reader, problems = reader_of("a = 1", path="")
    reader.problem("", "the whole is wrong")
    reader.problem("a", "is wrong")
    assert problems == ["the whole is wrong", "a: is wrong"]
