"""Servers that no Debian package brings here: Valkey, and a PostgreSQL of another major version from its wheel.

``.ci/run`` installs both from the package index and tells where in two environment variables.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pytest_devsecops.core.findings import Status
from pytest_devsecops.recovery import postgresql, procedure, valkey
from pytest_devsecops.recovery.family import Recovery

pytestmark = [pytest.mark.slow, pytest.mark.tools(redis_cli="redis-tools")]

_VALKEY, _WHEEL = "DEVSECOPS_VALKEY", "DEVSECOPS_POSTGRESQL_WHEEL"
_KEYS = "for i in $(seq 200); do echo SET key:$i value-$i; done | valkey-cli -u $REDIS_URL >/dev/null; valkey-cli -u $REDIS_URL SET session s EX 3600"
_TABLES = (
    'psql -X -q -c "create role clerk; create table item (id int generated always as identity primary key, note text);'
    " insert into item (note) select 'note ' || i from generate_series(1, 300) i; grant select on item to clerk\""
)
_DUMP, _RESTORE = 'pg_dump -Fc -f "$BACKUP_DIR/app" app', 'pg_restore --exit-on-error -d app "$BACKUP_DIR/app"'


def _folder(variable: str) -> Path:
    place = os.environ.get(variable)
    if not place:
        message = f"{variable} names no folder; .ci/run makes it"
        if os.environ.get("CI"):
            pytest.fail(message, pytrace=False)
        pytest.skip(message)
    return Path(place)


@pytest.fixture
def _valkey(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{_folder(_VALKEY)}:{os.environ['PATH']}")


@pytest.fixture
def _wheel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(_folder(_WHEEL)))


@pytest.mark.usefixtures("_valkey")
@pytest.mark.parametrize(("by", "settings"), [("rdb", {}), ("aof", {"appendonly": "yes"})])
def test_valkey_comes_back_by_its_built_in_procedures(recovery: Recovery, by: str, settings: dict[str, str]) -> None:
    verdict = recovery.round_trip(valkey(prepare=_KEYS, settings=settings), by=by)

    assert verdict.status is Status.MET, verdict.explain()
    assert verdict.evidence["versions"]["redis"].startswith("9."), verdict.evidence


@pytest.mark.usefixtures("_valkey")
def test_a_copy_of_valkey_s_keys_alone_loses_when_they_end(recovery: Recovery) -> None:
    each = 'while read key; do echo "SET $key $(valkey-cli -u $REDIS_URL GET $key)"; done'
    copies = procedure(
        f"valkey-cli -u $REDIS_URL --scan | {each} > $BACKUP_DIR/keys",
        "valkey-cli -u $REDIS_URL < $BACKUP_DIR/keys > /dev/null",
    )

    verdict = recovery.round_trip(valkey(prepare=_KEYS), by=copies)

    assert verdict.status is Status.VIOLATED
    assert "session" in verdict.explain()


@pytest.mark.usefixtures("_wheel")
@pytest.mark.parametrize("by", ["pg_dump", "basebackup"])
def test_the_wheel_s_postgresql_comes_back_by_its_built_in_procedures(recovery: Recovery, by: str) -> None:
    verdict = recovery.round_trip(postgresql(version="18", prepare=_TABLES), by=by)

    assert verdict.status is Status.MET, verdict.explain()
    assert verdict.evidence["versions"]["postgresql"].startswith("18"), verdict.evidence


@pytest.mark.usefixtures("_wheel")
def test_a_role_that_a_dump_leaves_out_is_named_with_the_wheel_as_well(recovery: Recovery) -> None:
    verdict = recovery.round_trip(
        postgresql(version="18", prepare=_TABLES), by=procedure(_DUMP, f"{_RESTORE} --no-privileges")
    )

    assert verdict.status is Status.VIOLATED
    assert {"role:clerk", "table:public.item"} <= {one.subject for one in verdict.findings}, verdict.explain()


@pytest.mark.usefixtures("_wheel")
def test_an_archive_of_a_newer_major_version_is_refused_with_the_reason(recovery: Recovery, tmp_path: Path) -> None:
    kept = tmp_path / "app"
    recovery.round_trip(
        postgresql(version="18", prepare=_TABLES), by=procedure(f"{_DUMP}; cp $BACKUP_DIR/app {kept}", _RESTORE)
    )

    verdict = recovery.newest(str(kept), into=postgresql(version="15"), by=procedure(_DUMP, _RESTORE))

    assert verdict.status is Status.VIOLATED, verdict.explain()
    assert "unsupported version" in verdict.explain()
