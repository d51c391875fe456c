"""Real ways to lose data of a Redis server: each is violated with the lost thing named, its repaired twin is met."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date

import pytest
import redis as driver

from pytest_devsecops.core.findings import Status
from pytest_devsecops.recovery import procedure, redis
from pytest_devsecops.recovery.family import Recovery
from pytest_devsecops.recovery.model import Action, Environment
from pytest_devsecops.recovery.section import RecoveryPolicy
from pytest_devsecops.recovery.stores.redis import RedisStore

pytestmark = [pytest.mark.slow, pytest.mark.tools(redis_server="redis-server", redis_cli="redis-tools")]

_CLI = 'set -e; cli="redis-cli -u $REDIS_URL"; '
#: The documented way: ask for a save, wait until it is done, copy file and configuration.
_SAVE = (
    "$cli CONFIG REWRITE; last=$($cli LASTSAVE); $cli BGSAVE; "
    "while [ $($cli LASTSAVE) -eq $last ]; do sleep 0.02; done; cp $REDIS_DATA/dump.rdb $REDIS_DATA/redis.conf $BACKUP_DIR/"
)
_LOAD = "cp $BACKUP_DIR/* $REDIS_DATA/"
_LOG = "$cli CONFIG REWRITE; cp -a $REDIS_DATA/appendonlydir $REDIS_DATA/redis.conf $BACKUP_DIR/"
_LOAD_LOG = "cp -a $BACKUP_DIR/* $REDIS_DATA/"
#: A script in Python over the client's own commands, as many projects have one.
_PRELUDE = """
import pickle, redis
place, url = environment["BACKUP_DIR"] + "/dump", environment["REDIS_URL"]
def database(number):
    return redis.Redis.from_url(url, db=number)
def numbers():
    return sorted(int(name[2:]) for name in database(0).info("keyspace"))
def save(found):
    with open(place, "wb") as handle:
        pickle.dump(found, handle)
def load():
    with open(place, "rb") as handle:
        return pickle.load(handle)
def settings(client):
    return {name: value for name, value in client.config_get("*").items() if name in ("maxmemory", "maxmemory-policy", "notify-keyspace-events")}
def users(client):
    return [line for line in client.acl_list() if not line.startswith("user devsecops")]
def rest(client):
    return settings(client), users(client), client.function_dump()
def put_rest(client, found):
    for name, value in found[0].items():
        client.config_set(name, value)
    for line in found[1]:
        client.execute_command("ACL", "SETUSER", line.split()[1], "reset", *line.split()[2:])
    client.function_restore(found[2])
"""
_DUMPED = "save(([(n, key, database(n).dump(key), database(n).pexpiretime(key)) for n in numbers() for key in database(n).scan_iter()], rest(database(0))))"
_PUT = """
keys, other = load()
for n, key, payload, at in keys:
    database(n).restore(key, max(at, 0), payload, absttl=at > 0)
put_rest(database(0), other)
"""


def seed(environment: Environment) -> None:
    client = driver.Redis.from_url(environment["REDIS_URL"])
    client.mset({f"page:{number}": "x" * 200 for number in range(300)})
    client.set("picture", bytes(range(256)))
    client.hset("user:1", mapping={"name": "Ada", "mail": "ada@x"})
    client.rpush("queue", *range(150))
    client.sadd("tags", "a", "b", "c")
    client.zadd("board", {"a": 0.1 + 0.2, "b": float("inf"), "c": -0.0})
    client.set("session:1", "s", ex=3600)
    client.set("flash", "gone before long", px=900)
    for number in range(5):
        client.xadd("events", {"n": number}, id=f"{number + 1}-1")
    client.xdel("events", "5-1")
    client.xgroup_create("events", "workers", id="0")
    client.xreadgroup("workers", "w1", {"events": ">"}, count=2)
    driver.Redis.from_url(environment["REDIS_URL"], db=3).set("other", "1")
    client.execute_command("ACL", "SETUSER", "app", "on", ">secret", "~page:*", "+get")  # type: ignore[no-untyped-call] # redis-py leaves this one method untyped
    client.config_set("maxmemory", "200mb")
    client.config_set("maxmemory-policy", "volatile-lru")
    client.config_set("notify-keyspace-events", "Ex")
    client.function_load("#!lua name=lib\nredis.register_function('one', function(keys, args) return 1 end)")
    client.close()


@pytest.fixture(scope="module")
def family(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recovery]:
    folder = tmp_path_factory.mktemp("project")
    own = Recovery(RecoveryPolicy(), folder, today=date(2026, 11, 23), record=lambda verdict: verdict)
    yield own
    own.close()


@pytest.fixture(scope="module")
def plain() -> RedisStore:
    return redis(prepare=seed)


@pytest.fixture(scope="module")
def logged() -> RedisStore:
    return redis(prepare=seed, settings={"appendonly": "yes"})


@dataclass(frozen=True)
class Case:
    """One fault: backup, restore, a part of the message, and the repaired twin."""

    backup: str
    restore: str
    lost: str
    good_backup: str = _SAVE
    good_restore: str = _LOAD
    good_kind: str = "physical"
    kind: str = "physical"
    log: bool = False
    python: bool = False


def logical(backup: str, restore: str, lost: str, good_backup: str = _DUMPED, good_restore: str = _PUT) -> Case:
    return Case(backup, restore, lost, good_backup, good_restore, "logical", "logical", python=True)


CASES = {
    "dump.rdb copied without a save": Case(
        "cp $REDIS_DATA/dump.rdb $REDIS_DATA/redis.conf $BACKUP_DIR/",
        _LOAD,
        "writes that the store acknowledged before the backup began did not come back",
    ),
    "dump.rdb copied before BGSAVE has ended": Case(
        # The file of the last save is there all the time, so nothing fails.
        "$cli CONFIG SET rdb-key-save-delay 3000; $cli CONFIG REWRITE; $cli BGSAVE; cp $REDIS_DATA/dump.rdb $REDIS_DATA/redis.conf $BACKUP_DIR/",
        _LOAD,
        "writes that the store acknowledged before the backup began did not come back",
    ),
    "dump.rdb put into an append-only server": Case(
        "$cli CONFIG REWRITE; $cli SAVE; cp $REDIS_DATA/dump.rdb $REDIS_DATA/redis.conf $BACKUP_DIR/",
        _LOAD,
        "db0 is lost with",
        _LOG,
        _LOAD_LOG,
        log=True,
    ),
    "truncated log that the server accepts": Case(
        _LOG + "; truncate -s -1000 $BACKUP_DIR/appendonlydir/*.incr.aof",
        _LOAD_LOG,
        "lost",
        _LOG,
        _LOAD_LOG,
        log=True,
    ),
    "only the log's increments": Case(
        "$cli BGREWRITEAOF; sleep 0.3; " + _LOG + "; rm $BACKUP_DIR/appendonlydir/*.base.*; sed -i /base/d $BACKUP_DIR/appendonlydir/*.manifest",
        _LOAD_LOG,
        "db0",
        _LOG + "; $cli BGREWRITEAOF",
        _LOAD_LOG,
        log=True,
    ),
    "users and settings only in memory": Case(
        "$cli CONFIG SET maxmemory 100mb; $cli SAVE; cp $REDIS_DATA/dump.rdb $REDIS_DATA/redis.conf $BACKUP_DIR/",
        _LOAD,
        "setting maxmemory: value was '104857600' and came back as '209715200'",
        _SAVE,
        _LOAD,
    ),
    "configuration is not in the backup": Case(
        "$cli SAVE; cp $REDIS_DATA/dump.rdb $BACKUP_DIR/", _LOAD, "user app is lost"
    ),
    "flush in the backup script": Case(
        _SAVE + "; $cli -n 3 FLUSHDB", _LOAD, "the backup changed what was there: db3 is lost with 1 row"
    ),
    "backup that empties the queue it reads": Case(
        _SAVE + "; $cli LPOP queue", _LOAD, "db0 has its", _SAVE + "; $cli LRANGE queue 0 0", _LOAD
    ),
    "replica's file of another server": Case(
        "redis-server --port 0 --unixsocket $BACKUP_DIR/s --dir $BACKUP_DIR --save '' --daemonize yes >/dev/null; sleep 0.1; "
        "redis-cli -s $BACKUP_DIR/s SET page:1 other; redis-cli -s $BACKUP_DIR/s SAVE; redis-cli -s $BACKUP_DIR/s SHUTDOWN NOSAVE; cp $REDIS_DATA/redis.conf $BACKUP_DIR/",
        "cp $BACKUP_DIR/dump.rdb $BACKUP_DIR/redis.conf $REDIS_DATA/",
        "db0 lost",
        "redis-cli -h $REDIS_HOST -p $REDIS_PORT --rdb $BACKUP_DIR/dump.rdb; $cli CONFIG REWRITE; cp $REDIS_DATA/redis.conf $BACKUP_DIR/",
        "cp $BACKUP_DIR/dump.rdb $BACKUP_DIR/redis.conf $REDIS_DATA/",
    ),
    "error message saved as the dump": Case(
        "redis-cli -h $REDIS_HOST -p 1 --rdb - 2>&1 > $BACKUP_DIR/dump.rdb || true; cp $REDIS_DATA/redis.conf $BACKUP_DIR/",
        _LOAD,
        "what was restored does not start",
    ),
    "restored under another file name": Case(
        _SAVE, "cp $BACKUP_DIR/redis.conf $REDIS_DATA/; cp $BACKUP_DIR/dump.rdb $REDIS_DATA/backup.rdb", "db0 is lost with"
    ),
    "keys dumped without their time to live": logical(
        _DUMPED,
        _PUT.replace("max(at, 0), payload, absttl=at > 0", "0, payload"),
        "expires was",
        _DUMPED.replace("pexpiretime(key)", "pttl(key)"),
        _PUT.replace("absttl=at > 0", "absttl=False"),
    ),
    "only database 0": logical(_DUMPED.replace("for n in numbers()", "for n in [0]"), _PUT, "db3 is lost with 1 row"),
    "only keys of a pattern": logical(_DUMPED.replace("scan_iter()", "scan_iter('page:*')"), _PUT, "db0 lost"),
    "first page of the scan alone": logical(
        _DUMPED.replace("scan_iter()", "scan(0, count=100)[1]"), _PUT, "db0 lost"
    ),
    "everything read as strings": logical(
        "save(([(n, key, database(n).get(key), -1) for n in numbers() for key in database(n).scan_iter(_type='string')], rest(database(0))))",
        "keys, other = load()\nfor n, key, value, at in keys: database(n).set(key, value)\nput_rest(database(0), other)",
        "row key='board' is lost",
    ),
    "values that went through text": logical(
        _DUMPED.replace("database(n).dump(key)", "database(n).get(key).decode('utf-8', 'replace') if database(n).type(key) == b'string' else database(n).dump(key)"),
        _PUT.replace("    database(n).restore(", "    database(n).set(key, payload) if isinstance(payload, str) else database(n).restore("),
        "row key='picture': value was x'0001",
    ),
    "scores rounded": logical(
        _DUMPED,
        _PUT + "\nfor member, score in database(0).zrange('board', 0, -1, withscores=True): database(0).zadd('board', {member: float('%.6g' % score)})",
        "row key='board': a was '0.30000000000000004' and came back as '0.29999999999999999'",
    ),
    "list restored in reverse": logical(
        _DUMPED,
        _PUT + "\nitems = database(0).lrange('queue', 0, -1)\ndatabase(0).delete('queue')\ndatabase(0).lpush('queue', *items)",
        "row key='queue': [0] was '0' and came back as '149'",
    ),
    "stream without its groups": logical(
        _DUMPED, _PUT + "\ndatabase(0).xgroup_destroy('events', 'workers')", "row key='events': group workers"
    ),
    "stream written again entry by entry": logical(
        _DUMPED,
        _PUT
        + "\nc = database(0)\nentries = c.xrange('events')\nc.delete('events')\nfor i, f in entries: c.xadd('events', f, id=i)"
        + "\nc.xgroup_create('events', 'workers', id='0')\nc.xreadgroup('workers', 'w1', {'events': '>'}, count=2)",
        "row key='events': last-generated-id was '5-1' and came back as '4-1'",
    ),
    "functions are not dumped": logical(
        _DUMPED, _PUT.replace("put_rest", "other = (*other[:2], database(0).function_dump()); put_rest"), "function library lib is lost"
    ),
    "user restored with more rights": logical(
        _DUMPED, _PUT + "\ndatabase(0).execute_command('ACL', 'SETUSER', 'app', 'allkeys', '+@all')", "user app: commands was"
    ),
}  # fmt: skip


def run(text: str) -> Callable[[Environment], object]:
    """A script as a callable, which spares it the start of a Python of its own."""
    return lambda environment: exec(_PRELUDE + text, {"environment": environment})  # noqa: S102 - the test's own script


def action(case: Case, text: str) -> Action:
    return run(text) if case.python else f"{_CLI}{text}"


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_fault_is_violated_with_the_lost_thing_named(
    family: Recovery, plain: RedisStore, logged: RedisStore, case: Case
) -> None:
    by = procedure(action(case, case.backup), action(case, case.restore), kind=case.kind)
    verdict = family.round_trip(logged if case.log else plain, by=by)
    assert verdict.status is Status.VIOLATED, verdict.explain()
    assert case.lost in verdict.explain()


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_repaired_twin_is_met(family: Recovery, plain: RedisStore, logged: RedisStore, case: Case) -> None:
    by = procedure(action(case, case.good_backup), action(case, case.good_restore), kind=case.good_kind)
    verdict = family.round_trip(logged if case.log else plain, by=by)
    assert verdict.status is Status.MET, verdict.explain()
