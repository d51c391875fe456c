from __future__ import annotations

import pytest

from pytest_devsecops.dependencies.names import NameTable, normalised_pattern


@pytest.mark.parametrize(
    ("text", "pattern"),
    [("Django", "django"), (" zope.interface ", "zope-interface"), ("acme_*", "acme-*"), ("acme.[ab]*", "acme-[ab]*")],
)
def test_names_and_globs_are_normalised(text: str, pattern: str) -> None:
    assert normalised_pattern(text) == pattern


def test_values_are_found_by_name_and_glob_in_the_order_of_the_table() -> None:
    table = NameTable([("acme-*", 1), ("acme-auth", 2), ("*", 3), ("acme-auth", 4), ("flask", 5)])
    assert table.find("acme-auth") == [1, 2, 3, 4]
    assert table.find("flask") == [3, 5]
    assert table.find("acme") == [3]


def test_a_name_is_not_a_prefix() -> None:
    table = NameTable([("django", 1), ("acme-?", 2)])
    assert table.find("django-debug-toolbar") == []
    assert table.find("acme-ab") == []
    assert table.find("acme-a") == [2]
