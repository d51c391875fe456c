from __future__ import annotations

import pytest

from pytest_devsecops.core.errors import UsageError
from pytest_devsecops.core.registry import Registry


def test_a_registry_is_a_mapping_in_order() -> None:
    registry = Registry("report format", {"json": 1})
    registry.add("html", 2, provider="us")
    assert dict(registry) == {"json": 1, "html": 2}
    assert list(registry) == ["json", "html"]
    assert len(registry) == 2
    assert registry.find("html") == 2


def test_a_name_cannot_be_taken_twice() -> None:
    registry = Registry("report format", {"json": 1})
    with pytest.raises(UsageError, match="acme registers the report format 'json', which exists already"):
        registry.add("json", 2, provider="acme")
    assert registry["json"] == 1


def test_an_unknown_name_is_told_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="unknown report format 'jsn': did you mean 'json'"):
        Registry("report format", {"json": 1}).find("jsn")


def test_the_table_that_it_was_made_from_does_not_change() -> None:
    table = {"json": 1}
    Registry("report format", table).add("html", 2, provider="us")
    assert table == {"json": 1}
