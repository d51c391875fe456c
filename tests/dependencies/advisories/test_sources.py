"""Every format of advisories, whole and broken."""

from __future__ import annotations

import gzip
import json
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from pytest_devsecops.core.errors import MissingExtraError
from pytest_devsecops.dependencies.advisories.collect import import_advisories
from pytest_devsecops.dependencies.advisories.index import IndexInfo, open_index
from pytest_devsecops.dependencies.advisories.model import AdvisoryError

Import = Callable[..., IndexInfo]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "advisories.db"


@pytest.fixture
def load(file: Path, now: datetime) -> Import:
    def run(*paths: Path, undated: tuple[Path, ...] = ()) -> IndexInfo:
        return import_advisories(paths, file, now=now, undated=undated)

    return run


def ranges(file: Path) -> dict[str, list[str]]:
    """What the file says: the affected ranges of each package, with the advisory's id."""
    with open_index(file) as index:
        names = ["shopkit", "order-line", "paperjam", "zope-parts", "hardspec", "otherfind"]
        found = index.entries(names)
        ids = index.advisories(entry.row for entries in found.values() for entry in entries)
        return {
            name: [f"{ids[entry.row].id} {entry.affected.ranges}" for entry in entries]
            for name, entries in found.items()
        }


DEMO = {
    "shopkit": ["DEMO-2026-1 <1.5"],
    "order-line": ["DEMO-2026-2 >=1.0,<1.4 or >=2.0,<2.3"],
    "paperjam": ["DEMO-2026-3 ==0.8.3p1 or ==1"],
}


@pytest.mark.parametrize("form", ["jsonl", "jsonl.gz", "zip", "folder"])
def test_osv_records_are_the_same_in_every_form(
    form: str, assets: Path, tmp_path: Path, file: Path, load: Import
) -> None:
    path = assets / f"demo.{form}"
    if form == "jsonl.gz":
        path = tmp_path / "demo.jsonl.gz"
        path.write_bytes(gzip.compress((assets / "demo.jsonl").read_bytes()))
    if form == "folder":
        path = tmp_path / "folder"
        (path / "below").mkdir(parents=True)
        for number, line in enumerate((assets / "demo.jsonl").read_text().splitlines()):
            (path / "below" / f"{number}.json").write_text(line)
    info = load(path)
    assert ranges(file) == DEMO
    assert (info.count, info.withdrawn, info.elsewhere, info.packages) == (3, 1, 1, 3)
    assert info.sources[0].records == 5
    assert info.sources[0].newest == "2026-06-02T12:00:00+00:00"
    assert info.unreadable == ()


def test_equal_contents_have_one_digest_whatever_they_were_read_from(assets: Path, load: Import) -> None:
    first, second = load(assets / "demo.jsonl"), load(assets / "demo.zip")
    assert first.sha256 == second.sha256
    assert first.sources[0].sha256 != second.sources[0].sha256


def test_a_tree_of_yaml_is_read_with_every_version_as_text(assets: Path, file: Path, load: Import) -> None:
    info = load(assets / "pypa-tree")
    # 1.10 is not the number 1.1, and the GIT range beside the other one is skipped alone.
    assert ranges(file) == {"shopkit": ["DEMO-2026-20 >=1.20,<1.21 or ==1.10"]}
    assert info.sources[0].newest == "2026-06-01T12:00:00+00:00"
    # What a checkout has beside its records is none of them.
    assert (info.sources[0].records, info.unreadable) == (1, ())


def test_yaml_without_its_extra_names_the_extra(
    assets: Path, load: Import, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'pytest-devsecops\[yaml\]'"):
        load(assets / "pypa-tree")
    assert not file.exists()


def test_safety_s_flat_layout_is_read_with_names_normalised_and_nothing_lost(
    assets: Path, file: Path, load: Import
) -> None:
    info = load(assets / "safety-flat")
    assert ranges(file) == {
        "shopkit": ["pyup.io-90001 <1.5", "safety:shopkit:>=2.0,<2.0.3 >=2.0,<2.0.3"],
        "zope-parts": ["pyup.io-90002 <2.0"],
        "hardspec": ["pyup.io-90003 no known version"],
    }
    assert info.sources[0].newest == "2026-06-01T00:00:00+00:00"


def test_safety_s_schema_2_is_read_with_the_ids_of_the_flat_layout_and_severities(
    assets: Path, file: Path, load: Import
) -> None:
    load(assets / "safety-schema2")
    assert ranges(file)["shopkit"] == ["pyup.io-90001 <1.5"]
    with open_index(file) as index:
        advisories = index.advisories(range(3)).values()
    assert [(one.id, one.aliases, one.severity.level, one.severity.score) for one in advisories] == [
        ("pyup.io-90001", ("CVE-2026-0001",), "high", 7.5),
        ("pyup.io-90002", (), "unknown", None),
        ("pyup.io-90004", (), "unknown", None),
    ]


@pytest.mark.parametrize("name", ["insecure.json", "insecure_full.json"])
@pytest.mark.parametrize("layout", ["safety-flat", "safety-schema2"])
def test_one_file_of_safety_s_database_is_known_by_what_is_in_it(
    name: str, layout: str, assets: Path, tmp_path: Path, file: Path, load: Import
) -> None:
    path = tmp_path / "renamed.json"
    path.write_bytes((assets / layout / name).read_bytes())
    assert load(path).sources[0].format == "safety-db"
    assert ranges(file)["zope-parts"][0].endswith("<2.0")


def test_a_specifier_that_cannot_be_compared_leaves_a_doubt(assets: Path, file: Path, load: Import) -> None:
    load(assets / "safety-flat")
    with open_index(file) as index:
        [entry] = index.entries(["hardspec"])["hardspec"]
    assert "its range '<2013.1.g3' cannot be compared" in entry.affected.doubt


def test_records_that_cannot_be_read_are_counted_and_named(assets: Path, load: Import) -> None:
    info = load(assets / "unreadable.json")
    assert info.count == 2
    assert [line.removeprefix(str(assets)) for line in info.unreadable] == [
        "/unreadable.json[1]: is not an OSV record, which is a JSON object",
        "/unreadable.json[2]: has no id",
        "/unreadable.json[3]: DEMO-2026-6: affected[0]: package.name: must be a string",
    ]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("broken-line.jsonl", r"broken-line\.jsonl:3: is not JSON: "),
        ("truncated.zip", r"truncated\.zip: cannot be read whole: File is not a zip file"),
        ("damaged-member.zip", r"damaged-member\.zip!DEMO-2026-2\.json: cannot be read whole: Bad CRC-32"),
        ("truncated.jsonl.gz", r"truncated\.jsonl\.gz: cannot be read whole: Compressed file ended"),
        ("not-gzipped.jsonl.gz", r"not-gzipped\.jsonl\.gz: cannot be read whole: Not a gzipped file"),
        ("latin-1.json", r"latin-1\.json: is not UTF-8 \(byte \d+\)"),
        ("broken-tree", r"DEMO-2026-21\.yaml:4: is not YAML: "),
        ("other.toml", r"other\.toml: is in no known format of advisories"),
        ("no-such-file.zip", r"no-such-file\.zip: there is no such file or folder"),
        ("mixed", r"mixed: has files of several formats \(osv-files and pypa-yaml\)"),
    ],
)
def test_a_damaged_source_is_an_error_with_its_place_and_an_existing_file_stays(
    name: str, message: str, assets: Path, file: Path, load: Import
) -> None:
    load(assets / "demo.jsonl")
    before = file.read_bytes()
    with pytest.raises(AdvisoryError, match=message):
        load(assets / "demo.zip", assets / name)
    assert file.read_bytes() == before
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_a_database_in_which_everything_is_withdrawn_makes_no_file(assets: Path, file: Path, load: Import) -> None:
    with pytest.raises(AdvisoryError, match=r"in force was found \(1 record in 1 source\)"):
        load(assets / "withdrawn.jsonl")
    assert not file.exists()


def test_json_that_is_nested_without_end_is_refused(tmp_path: Path, load: Import) -> None:
    path = tmp_path / "deep.json"
    path.write_text("[" * 200_000)
    with pytest.raises(AdvisoryError, match=r"deep\.json: is nested too deeply"):
        load(path)


def test_an_empty_folder_and_an_empty_file_are_no_advisories(tmp_path: Path, file: Path, load: Import) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(AdvisoryError, match="is in no known format"):
        load(tmp_path / "empty")
    (tmp_path / "empty.jsonl").write_text("")
    with pytest.raises(AdvisoryError, match=r"was found \(0 records in 1 source\), so no file was written"):
        load(tmp_path / "empty.jsonl")
    with pytest.raises(AdvisoryError, match="nothing to import"):
        load()
    assert not file.exists()


def test_of_two_records_with_one_id_the_newer_one_counts(tmp_path: Path, file: Path, load: Import) -> None:
    old, new = tmp_path / "old.json", tmp_path / "new.json"
    for path, month, version in ((old, 1, "1.0"), (new, 2, "2.0")):
        entry = {"package": {"ecosystem": "PyPI", "name": "shopkit"}, "versions": [version]}
        record = {"id": "DEMO-9", "modified": f"2026-0{month}-01T00:00:00Z", "affected": [entry]}
        path.write_text(json.dumps(record))
    info = load(new, old)
    assert info.superseded == 1
    assert ranges(file) == {"shopkit": ["DEMO-9 ==2"]}


def test_two_different_records_with_one_id_and_date_both_stay(tmp_path: Path, file: Path, load: Import) -> None:
    for name, version in (("a", "1.0"), ("b", "2.0")):
        entry = {"package": {"ecosystem": "PyPI", "name": "shopkit"}, "versions": [version]}
        (tmp_path / f"{name}.json").write_text(json.dumps({"id": "DEMO-9", "affected": [entry]}))
    load(tmp_path / "a.json", tmp_path / "b.json")
    assert ranges(file) == {"shopkit": ["DEMO-9 ==1", "DEMO-9 ==2"]}


def test_the_oldest_source_dates_the_file_and_an_undated_one_does_not(assets: Path, load: Import) -> None:
    assert str(load(assets / "demo.jsonl", assets / "pypa-tree").dated) == "2026-06-01 12:00:00+00:00"
    assert str(load(assets / "demo.jsonl", undated=(assets / "pypa-tree",)).dated) == "2026-06-02 12:00:00+00:00"
    assert load(undated=(assets / "demo.jsonl",)).dated is None


def test_a_date_in_the_future_makes_nothing_fresh(tmp_path: Path, load: Import, assets: Path) -> None:
    path = tmp_path / "future.jsonl"
    path.write_text((assets / "demo.jsonl").read_text().replace("2026-06-02", "2099-01-01"))
    assert load(path).sources[0].newest == "2026-06-01T12:00:00+00:00"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[]", "is not a safety database, which is a JSON object"),
        ('{"$meta": []}', "is in neither layout of safety's database"),
        ('{"meta": {"schema_version": "2.0.0"}, "vulnerable_packages": []}', "is in neither layout"),
    ],
)
def test_a_safety_database_of_no_known_layout_is_refused(
    content: str, message: str, tmp_path: Path, load: Import
) -> None:
    (tmp_path / "insecure.json").write_text(content)
    with pytest.raises(AdvisoryError, match=message):
        load(tmp_path)


def test_odd_entries_of_a_safety_database_are_doubts_or_unreadable_and_never_lost(
    tmp_path: Path, file: Path, load: Import
) -> None:
    content = {
        "$meta": {"timestamp": 1e300},
        "shopkit": [{"id": "pyup.io-1", "specs": "<1.5"}, {"id": "pyup.io-2", "specs": []}, 7],
        "paperjam": [{"cve": "CVE-2026-3", "specs": ["===1.0-odd"]}],
        "order.line": "<2.0",
    }
    path = tmp_path / "insecure.json"
    path.write_text(json.dumps(content))
    info = load(path)
    assert info.unreadable == (f"{path}: shopkit[2]: is neither a range nor an entry",)
    assert info.dated is None
    with open_index(file) as index:
        found = index.entries(["shopkit", "paperjam", "order-line"])
    shopkit = [(entry.affected.ranges, entry.affected.doubt) for entry in found["shopkit"]]
    assert shopkit == [("<1.5", ""), ("no known version", "it names no range")]
    assert "compares texts" in found["paperjam"][0].affected.doubt
    assert found["order-line"][0].affected.ranges == "<2.0"


@pytest.mark.parametrize("score", ["high", 11, -1, None, True])
def test_a_score_that_is_none_leaves_the_severity_unknown(
    score: object, tmp_path: Path, file: Path, load: Import
) -> None:
    entry = {"specs": ["<1.5"], "ids": [{"type": "cve", "id": "CVE-2026-1"}]}
    meta = {"schema_version": "2.0.0", "severities": {"CVE-2026-1": {"cvssv3": {"base_score": score}}}}
    path = tmp_path / "insecure_full.json"
    path.write_text(json.dumps({"meta": meta, "vulnerable_packages": {"shopkit": [entry]}}))
    load(path)
    with open_index(file) as index:
        [advisory] = index.advisories([0]).values()
    assert (advisory.id, advisory.severity.level) == ("CVE-2026-1", "unknown")
