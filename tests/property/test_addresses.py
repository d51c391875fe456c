from __future__ import annotations

import json
import tempfile
from contextlib import suppress
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from pytest_devsecops.dependencies.addresses import parse_address, repository_address
from pytest_devsecops.dependencies.index_data import SCHEMA, IndexData, read_index_data
from pytest_devsecops.dependencies.model import ReadContext

LABELS = st.text("abcxyz019-", min_size=1, max_size=6)
HOSTS = st.builds(lambda labels: ".".join([*labels, "example"]), st.lists(LABELS, min_size=1, max_size=2))
SEGMENTS = st.text("abcXYZ019-_.~@:+", min_size=1, max_size=6).filter(lambda text: text not in (".", ".."))
PATHS = st.lists(SEGMENTS, max_size=3)
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=10)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(
                [
                    *("schema", "as_of", "projects", "a", "status", "reason", "releases", "1.0", "uploaded", "yanked"),
                    *("meta", "api-version", "name", "files", "filename", "upload-time", "project-status"),
                ]
            ),
            inner,
            max_size=5,
        ),
    ),
    max_leaves=20,
)


@given(st.text(max_size=30))
def test_any_text_is_an_address_or_a_value_error(text: str) -> None:
    for parse in (parse_address, repository_address):
        with suppress(ValueError):
            assert parse(text).host


@given(HOSTS, PATHS, st.sampled_from(["https", "http", "ssh"]), st.sampled_from(["", "user@", "user:p%40ss@"]))
def test_normal_forms_are_stable_and_free_of_credentials(host: str, path: list[str], scheme: str, user: str) -> None:
    address = parse_address(f"{scheme}://{user}{host}/{'/'.join(path)}")
    assert parse_address(str(address)) == address
    assert (address.scheme, address.host, address.segments) == (scheme, host, tuple(path))


@given(HOSTS, PATHS, HOSTS, PATHS)
def test_an_address_covers_only_its_own_host_and_what_lies_below_its_path(
    host: str, path: list[str], other_host: str, other_path: list[str]
) -> None:
    prefix = parse_address(f"https://{host}/{'/'.join(path)}")
    other = parse_address(f"https://{other_host}/{'/'.join(other_path)}")
    assert prefix.covers(other) is (host == other_host and other_path[: len(path)] == path)


@given(JSON)
def test_any_json_gives_index_data_or_problems(document: object) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for wrapped in (document, {"schema": SCHEMA, "as_of": "2026-11-01", "projects": document}):
            file = Path(folder) / "index.json"
            file.write_text(json.dumps(wrapped), encoding="utf-8")
            data = read_index_data(file, ReadContext(Path(folder)))
            assert isinstance(data, IndexData)
            assert data.projects or data.problems or wrapped == [] or document in ({}, [])
