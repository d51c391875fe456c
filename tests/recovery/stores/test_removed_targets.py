"""A physical restore that clears its target first and then fails, as many scripts do: told in one finding."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pytest_devsecops.core.findings import Status
from pytest_devsecops.recovery import directory, mariadb, postgresql, procedure, redis, sqlite
from pytest_devsecops.recovery.family import Recovery
from pytest_devsecops.recovery.model import Store

pytestmark = [
    pytest.mark.slow,
    pytest.mark.tools(
        mariadbd="mariadb-server", redis_server="redis-server", redis_cli="redis-tools", sqlite3="sqlite3"
    ),
]

_ROWS = "create table item (id int primary key); insert into item values (1)"
#: The variable that has the target, and the store.
_STORES: dict[str, Callable[[], Store]] = {
    "PGDATA": lambda: postgresql(prepare=f'psql -Xqc "{_ROWS}"'),
    "MYSQL_DATA": lambda: mariadb(prepare=f'mariadb $MYSQL_DATABASE -e "{_ROWS}"'),
    "REDIS_DATA": lambda: redis(prepare="redis-cli -u $REDIS_URL SET item 1"),
    "SQLITE_DATABASE": lambda: sqlite(prepare=f'sqlite3 $SQLITE_DATABASE "{_ROWS}"'),
    "DIRECTORY_PATH": lambda: directory(prepare="date > $DIRECTORY_PATH/item"),
}


@pytest.mark.parametrize("left", ["gone", "a file", "an empty folder in it"])
@pytest.mark.parametrize("variable", _STORES)
def test_a_target_that_the_restore_removed_is_violated(recovery: Recovery, variable: str, left: str) -> None:
    then = {"gone": "true", "a file": f"echo x > ${variable}", "an empty folder in it": f"mkdir -p ${variable}/x"}

    verdict = recovery.round_trip(
        _STORES[variable](), by=procedure("true", f"rm -rf ${variable}; {then[left]}", kind="physical")
    )

    assert verdict.status is Status.VIOLATED, verdict.explain()
    assert len(verdict.findings) <= 3, verdict.explain()
