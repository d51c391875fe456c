"""How a Redis drill is run: the conformance suite, roles, faults in the middle, what is missing, what is left."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import ClassVar

import pytest
import redis as driver

from pytest_devsecops.core.errors import MissingExtraError, UsageError
from pytest_devsecops.core.findings import Status
from pytest_devsecops.recovery import procedure, redis, valkey
from pytest_devsecops.recovery.family import Recovery
from pytest_devsecops.recovery.faults import FAULTS
from pytest_devsecops.recovery.model import Environment, Store
from pytest_devsecops.recovery.section import RecoveryPolicy
from pytest_devsecops.recovery.stores.redis import RedisStore
from pytest_devsecops.recovery.stores.redis.reading import literal
from pytest_devsecops.recovery.stores.redis.things import _in_order
from pytest_devsecops.recovery.workspace import temporary_room
from pytest_devsecops.testing.recovery import Change, StoreConformance

pytestmark = [pytest.mark.slow, pytest.mark.tools(redis_server="redis-server", redis_cli="redis-tools")]


def cli(*commands: str) -> str:
    return " && ".join(f"redis-cli -u $REDIS_URL --no-auth-warning -e {one} >/dev/null" for one in commands)


def seed(environment: Environment) -> None:
    with driver.Redis.from_url(environment["REDIS_URL"]) as client:
        client.mset({f"page:{number}": f"text {number} " * 50 for number in range(500)})
        client.hset("user", mapping={"name": "Ada", "mail": "ada@x"})
        client.rpush("queue", "a", "b", "c")
        client.zadd("board", {"a": 0.1, "b": 2})
        client.xadd("events", {"n": 1}, id="1-1")
        client.set("session", "s", ex=3600)


class TestConformance(StoreConformance):
    by = "rdb"
    changes: ClassVar[Mapping[str, Change]] = {
        "key removed": Change(cli("DEL page:7"), "db0 lost 1 row"),
        "value altered": Change(cli("SET page:7 other"), "db0 has its"),
        "field removed": Change(cli("HDEL user mail"), "db0 has its"),
        "order of a list": Change(cli("LMOVE queue queue LEFT RIGHT"), "db0 has its"),
        "score": Change(cli("ZADD board 0.2 a"), "db0 has its"),
        "time to live": Change(cli("PERSIST session"), "db0 has its"),
        "entry of a stream": Change(cli("XDEL events 1-1"), "db0 has its"),
        "user": Change(cli("ACL SETUSER app on nopass"), "user app came back"),
        "setting": Change(cli("CONFIG SET maxmemory 100mb"), "setting maxmemory: value was '0'"),
        "another database": Change(cli("MOVE page:7 9"), "db9 came back"),
    }

    @classmethod
    def make_store(cls) -> Store:
        return redis(prepare=seed)


class TestConformanceOfAppendOnly(StoreConformance):
    by = "aof"
    changes: ClassVar[Mapping[str, Change]] = {
        "key removed": Change(cli("DEL page:7"), "db0 lost 1 row"),
    }

    @classmethod
    def make_store(cls) -> Store:
        return redis(prepare=seed, settings={"appendonly": "yes"})


_PASSWORD = "of-the-drill"  # noqa: S105 - no server but that of a drill has it


@pytest.fixture(scope="module")
def stores() -> Mapping[str, RedisStore]:
    return {
        "rdb": redis(prepare=seed, password=_PASSWORD),
        "aof": redis(prepare=seed, password=_PASSWORD, settings={"appendonly": "yes"}),
    }


@pytest.fixture(scope="module")
def family(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recovery]:
    folder = tmp_path_factory.mktemp("project")
    own = Recovery(RecoveryPolicy(), folder, today=date(2026, 11, 23), record=lambda verdict: verdict)
    yield own
    own.close()


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        *(("rdb", fault) for fault in sorted(FAULTS)),
        *(("aof", fault) for fault in ("backup-killed", "bit-flipped", "restore-killed", "yesterdays-artefact")),
    ],
)
def test_builtin_procedures_survive_or_notice_every_fault(
    family: Recovery, stores: Mapping[str, RedisStore], name: str, fault: str
) -> None:
    verdict = family.notices(stores[name], by=name, fault=fault)
    assert verdict.status is Status.MET, verdict.explain()


_SAVE = cli("SAVE", "CONFIG REWRITE") + " && cp $REDIS_DATA/dump.rdb $REDIS_DATA/redis.conf $BACKUP_DIR/"
_LOAD = "cp $BACKUP_DIR/dump.rdb $BACKUP_DIR/redis.conf $REDIS_DATA/"
#: It ends well whatever happens.
_CARELESS = procedure(_SAVE.replace(" && ", "; ") + "; true", _LOAD + "; true", kind="physical")


@pytest.mark.parametrize("fault", ["removed", "wrong-password", "disk-full"])
def test_procedure_that_looks_away_does_not_notice(
    family: Recovery, stores: Mapping[str, RedisStore], fault: str
) -> None:
    verdict = family.notices(stores["rdb"], by=_CARELESS, fault=fault)
    assert verdict.status is Status.VIOLATED, verdict.explain()
    assert {found.rule for found in verdict.findings} == {f"unnoticed-{fault}"}


def test_backup_role_without_rights_is_violated(recovery: Recovery) -> None:
    dump = "redis-cli -u $REDIS_URL --no-auth-warning --rdb $BACKUP_DIR/dump.rdb"
    by = procedure(f"{dump} && test -s $BACKUP_DIR/dump.rdb", "cp $BACKUP_DIR/dump.rdb $REDIS_DATA/", kind="physical")
    ignore = {"user:keeper": "the configuration brings it"}
    for rules, status in (("~* +ping", Status.VIOLATED), ("~* +sync +replconf +ping +psync", Status.MET)):
        store = redis(
            prepare=[seed, cli(f"ACL SETUSER keeper on '>k' {rules}")], role="keeper", role_password="k", ignore=ignore  # noqa: S106 - of the drill
        )  # fmt: skip
        verdict = recovery.round_trip(store, by=by)
        assert verdict.status is status, verdict.explain()


def test_other_version_is_unverified(recovery: Recovery) -> None:
    verdict = recovery.round_trip(redis(prepare=seed, version="6.2"), by="rdb")
    assert verdict.status is Status.UNVERIFIED
    assert "production runs redis 6.2" in verdict.explain()


def test_dump_of_a_newer_server_is_violated(family: Recovery, stores: Mapping[str, RedisStore]) -> None:
    # The four digits after the magic word are the format's version.
    newer = "printf '0099' | dd of=$REDIS_DATA/dump.rdb bs=1 seek=5 conv=notrunc status=none"
    verdict = family.round_trip(stores["rdb"], by=procedure(_SAVE, f"{_LOAD}; {newer}", kind="physical"))
    assert verdict.status is Status.VIOLATED
    assert "what was restored does not start" in verdict.explain()
    assert "RDB format version 99" in verdict.explain()


def test_server_without_keys_is_unverified_unless_it_is_meant(recovery: Recovery) -> None:
    verdict = recovery.round_trip(redis(prepare="true"), by="rdb")
    assert verdict.status is Status.UNVERIFIED
    assert "there is no key after prepare" in verdict.explain()
    told = redis(prepare=cli("ACL SETUSER app on nopass"), empty={"db0": "a cache; the users are what counts"})
    verdict = recovery.round_trip(told, by="rdb")
    assert not [found for found in verdict.findings if found.rule == "empty-container"]


def test_acknowledged_writes_are_measured(family: Recovery, stores: Mapping[str, RedisStore]) -> None:
    verdict = family.round_trip(stores["rdb"], by=procedure(_SAVE, _LOAD, kind="physical", every="24h"), rpo="25h")
    assert verdict.status is Status.MET, verdict.explain()
    assert verdict.evidence["writes"]["brought_back"] is True


def test_what_a_procedure_can_rely_on(family: Recovery, stores: Mapping[str, RedisStore]) -> None:
    python = Path(sys.executable).with_name("python3")
    clauses = (
        'set -e; test "$(dirname $(command -v redis-server))" = "${PATH%%:*}";'
        f'test "$(command -v python3)" = {python}; test "$(umask)" = 0022; test -z "$(cat)";'
        'redis_password=$REDISCLI_AUTH; test -n "$redis_password"; test -s $REDIS_DATA/redis.conf;'
    )
    asks = 'test "$(redis-cli -h $REDIS_HOST -p $REDIS_PORT PING)" = PONG; test "$(redis-cli -s $REDIS_SOCKET PING)" = PONG;'
    by = procedure(f"{clauses} {asks} {_SAVE}", f"{clauses} {_LOAD}", kind="physical")
    verdict = family.round_trip(stores["rdb"], by=by)
    assert verdict.status is Status.MET, verdict.explain()


def test_newest_artefact_is_restored(recovery: Recovery, tmp_path: Path) -> None:
    kept = tmp_path / "backups"
    kept.mkdir()
    store, keep = redis(prepare=seed), f"{_SAVE} && cp $BACKUP_DIR/dump.rdb {kept}/night.rdb"
    assert recovery.round_trip(store, by=procedure(keep, _LOAD, kind="physical"))
    by = procedure("false", "cp $BACKUP_DIR/night.rdb $REDIS_DATA/dump.rdb", kind="physical")
    verdict = recovery.newest("backups/*", into=store, by=by)
    assert verdict.status is Status.MET, verdict.explain()
    assert verdict.examined["rows"] == 505
    (kept / "night.rdb").write_bytes((kept / "night.rdb").read_bytes()[:200])
    assert recovery.newest("backups/*", into=store, by=by).status is Status.VIOLATED


def test_values_are_not_shown_where_that_is_asked(recovery: Recovery) -> None:
    by = procedure("true", cli("HSET user name Ada mail eve@x"))
    for redact, told in (((), "mail was 'ada@x' and came back as 'eve@x'"), (("db0.mail",), "mail was (redacted)")):
        verdict = recovery.round_trip(redis(prepare=cli("HSET user name Ada mail ada@x"), redact=redact), by=by)
        assert verdict.status is Status.VIOLATED
        assert told in verdict.explain()
        assert ("ada@x" in repr(verdict.as_dict())) is not bool(redact)


def test_bits_can_be_told_apart_in_messages() -> None:
    assert literal(b"\x01") == "x'01'"
    assert literal(b"two\nlines") == "'two\nlines'"
    assert literal("é 😀".encode()) == "'é 😀'"


def test_nothing_is_left_behind(stores: Mapping[str, RedisStore], monkeypatch: pytest.MonkeyPatch) -> None:
    with temporary_room("a-") as place:
        monkeypatch.setattr(tempfile, "tempdir", str(place))
        own = Recovery(RecoveryPolicy(), place, today=date(2026, 11, 23), record=lambda verdict: verdict)
        for restore in ("exit 1", "kill -9 $$", "redis-server --port 0 --daemonize yes >/dev/null"):
            by = procedure(_SAVE, restore, kind="physical")
            assert own.round_trip(stores["rdb"], by=by).status is Status.VIOLATED
        own.close()
        assert list(place.iterdir()) == []
        places = [str(path.readlink()) for path in Path("/proc").glob("[0-9]*/cwd") if _is_there(path)]
        assert not [one for one in places if one.startswith(str(place))]


def _is_there(path: Path) -> bool:
    try:
        path.readlink()
    except OSError:
        return False
    return True


def test_missing_server_is_one_clear_unverified_verdict(recovery: Recovery) -> None:
    verdict = recovery.round_trip(valkey(prepare="true"), by="rdb")
    if verdict.evidence.get("versions"):
        pytest.skip("a Valkey server is installed here")
    assert verdict.status is Status.UNVERIFIED
    assert "no Valkey server was found on this machine" in verdict.explain()


def test_missing_driver_names_the_extra(recovery: Recovery, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "redis", None)
    with pytest.raises(MissingExtraError, match=r"pytest-devsecops\[redis\]"):
        recovery.round_trip(redis(prepare="true"), by="rdb")


def test_what_a_drill_sets_itself_is_refused() -> None:
    with pytest.raises(UsageError, match="belongs to the drill's own server"):
        redis(settings={"port": "6379"})
    with pytest.raises(UsageError, match="no built-in procedure"):
        redis().builtin("rdbb")


_RULES = ("+@read", "-keys", "+config|get", "(-keys +@set +get ~b)")


def fresh_from_commands(environment: Environment) -> None:
    """A state of which a log that is played again gives less, and a user whose rules the server writes otherwise later."""
    with driver.Redis.from_url(environment["REDIS_URL"]) as client:
        for number in (1, 2, 3):
            client.xadd("events", {"n": number}, id=f"{number}-0")
        client.xgroup_create("events", "workers", id="1-0")
        client.xreadgroup("workers", "one", {"events": ">"})
        client.execute_command("ACL", "SETUSER", "app", "on", ">x", "~a", *_RULES)


_KEEP = "redis-cli -u $REDIS_URL --no-auth-warning -e "


def test_what_a_restart_writes_otherwise_is_neither_lost_nor_changed_by_the_backup(recovery: Recovery) -> None:
    for settings, name in ((None, "rdb"), ({"appendonly": "yes"}, "aof")):
        verdict = recovery.round_trip(redis(prepare=fresh_from_commands, settings=settings), by=name)
        assert verdict.status is Status.MET, verdict.explain()


def test_backup_that_changes_a_key_is_told_with_the_key(recovery: Recovery) -> None:
    by = procedure(
        f"{_KEEP} LPOP queue && {_KEEP} SAVE && {_KEEP} CONFIG REWRITE && cp $REDIS_DATA/dump.rdb $REDIS_DATA/redis.conf $BACKUP_DIR/",
        "cp $BACKUP_DIR/* $REDIS_DATA/",
        kind="physical",
    )
    verdict = recovery.round_trip(redis(prepare=seed), by=by)
    (found,) = verdict.findings
    assert "the backup changed what was there: db0 has its" in found.message
    assert "row key='queue': [0] was 'a' and came back as 'b'" in found.message


@pytest.mark.parametrize(
    ("rules", "again", "same"),
    [
        ("-@all +@read -keys +config|get", "-@all +@read +config|get -keys", True),
        ("+@all -keys", "-keys +@all", False),
        ("-@all +config -config|set", "-@all -config|set +config", False),
        ("-@all +get -set", "-@all +get +set", False),
    ],
)
def test_rules_about_different_commands_have_no_order(rules: str, again: str, *, same: bool) -> None:
    assert (_in_order(rules) == _in_order(again)) is same
