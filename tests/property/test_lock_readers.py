"""Whatever a lock file holds: it is read or refused, and no package of it is dropped in silence."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_devsecops.core.findings import Status
from pytest_devsecops.dependencies.model import Graph, ReadContext, SourceError, SourceReader
from pytest_devsecops.dependencies.sources.entries import normalised
from pytest_devsecops.dependencies.sources.pdm_lock import PdmLockReader
from pytest_devsecops.dependencies.sources.pipfile_lock import PipfileLockReader
from pytest_devsecops.dependencies.sources.poetry_lock import PoetryLockReader
from pytest_devsecops.dependencies.sources.pylock import PylockReader
from pytest_devsecops.dependencies.sources.uv_lock import UvLockReader

LOCKS = Path(__file__).parents[1] / "assets" / "locks"
ADDRESS = "https://reader:s3cret@host.example/simple?rev=v1#0123456789abcdef0123456789abcdef01234567"

texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=8)
scalars = st.one_of(
    texts,
    st.integers(-9, 9),
    st.booleans(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.dates(date(1, 1, 1), date(9999, 12, 31)),
    st.datetimes(timezones=st.sampled_from([None, UTC])),
)
junk = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3), max_leaves=6
)


def maybe(good: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """What a field should hold, mostly; anything else, often enough."""
    return st.one_of(good, good, good, junk)


names = st.sampled_from(["anchor", "Bellows", "cap.stan", "der_rick", "", "-", "a b"])
versions = st.sampled_from(["1.0", "2.0+cpu", "1.0.dev0", "not a version"])
addresses = st.sampled_from([ADDRESS, "libs/x", "file:///x", "https://[broken", "git@host.example:x"])
markers = st.sampled_from(
    ["os_name == 'nt'", "extra == 'x'", "'x' in extras", "((", "python_version > '3' or os_name=='x'"]
)
hashes = st.sampled_from(["sha256:" + "a" * 64, "sha256", ""])
times = st.sampled_from(["2026-01-02T03:04:05Z", "9999-12-31T23:59:59-10:00", "soon"]) | st.datetimes()


def table(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """A table that may lack any of its fields, which may hold anything."""
    return st.fixed_dictionaries({}, optional={key.replace("_", "-"): maybe(one) for key, one in fields.items()})


def whole(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """A table that has all of its fields, which may hold anything."""
    return st.fixed_dictionaries({key.replace("_", "-"): maybe(one) for key, one in fields.items()})


def lists(item: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(maybe(item), max_size=3)


files = table(
    url=addresses, path=addresses, file=texts, filename=texts, name=texts, hash=hashes, upload_time=times
) | table(
    url=addresses, hashes=st.dictionaries(st.sampled_from(["sha256", "md5"]), maybe(st.just("ab"))), upload_time=times
)
edges = table(name=names, version=versions, marker=markers, extra=lists(names), source=table(registry=addresses))
named_lists = st.dictionaries(names, maybe(lists(edges)), max_size=2)

uv_packages = table(
    name=names,
    version=versions,
    source=st.one_of([table(**{key: addresses}) for key in ("registry", "git", "url", "path", "editable", "odd")]),
    dependencies=lists(edges),
    optional_dependencies=named_lists,
    dev_dependencies=named_lists,
    resolution_markers=lists(markers),
    sdist=files,
    wheels=lists(files),
)
poetry_packages = table(
    name=names,
    version=versions,
    optional=st.booleans(),
    category=texts,
    groups=lists(st.sampled_from(["main", "dev"])),
    markers=markers | st.dictionaries(st.sampled_from(["main", "dev"]), maybe(markers)),
    files=lists(files),
    dependencies=st.dictionaries(
        names, maybe(versions | table(version=versions, markers=markers, optional=st.booleans()))
    ),
    extras=st.dictionaries(names, maybe(lists(names))),
    source=table(
        type=st.sampled_from(["git", "legacy", "odd"]), url=addresses, reference=texts, resolved_reference=texts
    ),
)
pdm_packages = table(
    name=names,
    version=versions,
    extras=lists(names),
    groups=lists(names),
    marker=markers,
    dependencies=lists(names),
    files=lists(files),
    git=addresses,
    revision=texts,
    path=addresses,
    url=addresses,
    editable=st.booleans(),
)
pylock_packages = table(
    name=names,
    version=versions,
    marker=markers,
    index=addresses,
    dependencies=lists(edges),
    vcs=table(type=texts, url=addresses, commit_id=texts),
    directory=table(path=addresses, editable=st.booleans()),
    archive=files,
    sdist=files,
    wheels=lists(files),
)
pipenv_packages = table(
    version=st.sampled_from(["==1.0", "*", ">=1"]),
    hashes=lists(hashes),
    markers=markers,
    index=st.sampled_from(["public", "odd"]),
    extras=lists(names),
    git=addresses,
    ref=texts,
    path=addresses,
    file=addresses,
    editable=st.booleans(),
)

TOML_CASES: Mapping[str, tuple[SourceReader, str, st.SearchStrategy[dict[str, Any]], st.SearchStrategy[Any]]] = {
    "uv": (
        UvLockReader(),
        "package",
        whole(version=st.just(1), manifest=table(requirements=lists(edges))),
        uv_packages,
    ),
    "poetry": (
        PoetryLockReader(),
        "package",
        whole(metadata=table(lock_version=versions, files=named_lists, hashes=named_lists), extras=named_lists),
        poetry_packages,
    ),
    "pdm": (
        PdmLockReader(),
        "package",
        whole(
            metadata=st.fixed_dictionaries({}, optional={"lock_version": maybe(versions), "files": maybe(named_lists)})
        ),
        pdm_packages,
    ),
    "pylock": (
        PylockReader(),
        "packages",
        whole(lock_version=st.just("1.0"), default_groups=lists(names)),
        pylock_packages,
    ),
}


def as_toml(value: object) -> str:
    """Return a value in TOML's inline form."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {as_toml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(as_toml, value)) + "]"
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, float):
        return f"{value:.6f}"
    return json.dumps(value)


def read(reader: SourceReader, folder: Path, text: str) -> Graph | None:
    path = folder / reader.patterns[0]
    path.write_text(text, encoding="utf-8")
    try:
        return reader.read(path, ReadContext(folder))
    except SourceError as error:
        tells_place_and_remedy(error, path)
        return None


def tells_place_and_remedy(error: SourceError, path: Path) -> None:
    assert error.place.startswith(path.name)
    assert error.remedy
    assert "s3cret" not in str(error)


def check_whole(graph: Graph, written: list[object]) -> None:
    """Every package is a dependency under its name, or told; nothing told is good news; nothing secret shows."""
    known = [name for name in map(usable_name, written) if name]
    assert {one.name for one in graph.dependencies} == set(known)
    assert len(graph.problems) >= len(written) - len(known)
    assert all(problem.status is Status.UNVERIFIED and problem.fix for problem in graph.problems)
    assert graph.sources[0].count == len(graph.dependencies)
    assert len(set(graph.dependencies)) <= len(graph.dependencies)
    assert "s3cret" not in repr(graph)
    json.dumps([problem.message for problem in graph.problems])


def usable_name(package: object) -> str | None:
    name = package.get("name") if isinstance(package, dict) else None
    return normalised(name) if isinstance(name, str) else None


@pytest.mark.slow
@pytest.mark.parametrize("case", TOML_CASES)
@given(data=st.data())
@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_toml_locks_with_anything_in_any_field(tmp_path: Path, case: str, data: st.DataObject) -> None:
    reader, array, tops, packages = TOML_CASES[case]
    top = data.draw(tops)
    written = data.draw(st.lists(maybe(packages), max_size=4))
    top[array] = written
    text = "".join(f"{json.dumps(key)} = {as_toml(value)}\n" for key, value in top.items())

    graph = read(reader, tmp_path, text)

    if graph is not None:
        check_whole(graph, written)
        if case != "pdm":  # whose entries with extras are one dependency with the entry without
            assert len(graph.dependencies) == len([name for name in map(usable_name, written) if name])


@pytest.mark.slow
@given(
    meta=maybe(table(pipfile_spec=st.just(6), sources=lists(table(name=st.just("public"), url=addresses)))),
    categories=st.dictionaries(
        st.sampled_from(["default", "develop", "docs"]), st.dictionaries(names, maybe(pipenv_packages))
    ),
)
@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_pipfile_lock_with_anything_in_any_field(
    tmp_path: Path, meta: object, categories: dict[str, dict[str, object]]
) -> None:
    text = json.dumps({"_meta": meta, **categories}, default=str)

    graph = read(PipfileLockReader(), tmp_path, text)

    if graph is not None:
        written: list[object] = [
            {"name": name} if isinstance(one, dict) else one
            for members in categories.values()
            for name, one in members.items()
        ]
        check_whole(graph, written)


@pytest.mark.parametrize(
    ("reader", "asset"),
    [
        (UvLockReader(), "uv/uv.lock"),
        (PoetryLockReader(), "poetry/poetry.lock"),
        (PoetryLockReader(), "poetry/version-1.poetry.lock"),
        (PdmLockReader(), "pdm/pdm.lock"),
        (PipfileLockReader(), "pipenv/Pipfile.lock"),
        (PylockReader(), "pylock/pylock.toml"),
    ],
)
@given(data=st.data())
@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_lock_that_is_cut_off_or_overwritten_somewhere(
    tmp_path: Path, reader: SourceReader, asset: str, data: st.DataObject
) -> None:
    content = (LOCKS / asset).read_bytes()
    start = data.draw(st.integers(0, len(content)))
    end = data.draw(st.sampled_from([start + 1, start + 20, len(content)]))
    path = tmp_path / reader.patterns[0]
    path.write_bytes(content[:start] + data.draw(st.binary(max_size=3)) + content[end:])

    try:
        graph = reader.read(path, ReadContext(tmp_path))
    except SourceError as error:
        tells_place_and_remedy(error, path)
    else:
        assert graph.sources[0].count == len(graph.dependencies)
