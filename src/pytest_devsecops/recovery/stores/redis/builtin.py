"""The built-in procedures for Redis and Valkey, by name."""

from __future__ import annotations

from pytest_devsecops.core.errors import UsageError
from pytest_devsecops.core.text import did_you_mean
from pytest_devsecops.recovery.model import Action, Kind

#: `-u` carries the user, which redis-cli takes from no variable.
_PRELUDE = """set -eu; umask 077
ask() {{ {cli} -u "$REDIS_URL" --no-auth-warning -e "$@"; }}
state() {{ ask INFO persistence | tr -d '\\r' | sed -n "s/^$1://p"; }}
setting() {{ ask CONFIG GET "$1" | sed -n 2p; }}
"""
#: The configuration holds changed settings and, without an aclfile, the users.
_SETTINGS = """ask CONFIG REWRITE >/dev/null
cp "$REDIS_DATA/redis.conf" "$BACKUP_DIR/redis.conf"
users=$(setting aclfile)
if [ -n "$users" ]; then ask ACL SAVE >/dev/null; cp "$REDIS_DATA/$users" "$BACKUP_DIR/users.acl"; fi
"""
_SEAL = 'cd "$BACKUP_DIR" && find . -type f ! -name SHA256SUMS -exec sha256sum {{}} + > SHA256SUMS\n'
_CHECK = """set -eu; umask 077
cd "$BACKUP_DIR" && sha256sum --quiet --check SHA256SUMS
named() {{ sed -n "s/^$1 //p" redis.conf | tail -n 1 | tr -d '"'; }}
cp redis.conf "$REDIS_DATA/redis.conf"
users=$(named aclfile)
if [ -n "$users" ]; then cp users.acl "$REDIS_DATA/$users"; fi
"""
_RDB = (
    _PRELUDE
    + """until ask BGSAVE >/dev/null 2>&1; do [ "$(state rdb_bgsave_in_progress)" = 1 ]; sleep 0.05; done
while [ "$(state rdb_bgsave_in_progress)" = 1 ]; do sleep 0.02; done
[ "$(state rdb_last_bgsave_status)" = ok ]
cp "$REDIS_DATA/$(setting dbfilename)" "$BACKUP_DIR/dump.rdb"
{check} "$BACKUP_DIR/dump.rdb" >/dev/null
"""
    + _SETTINGS
    + _SEAL
)
#: An append-only server reads no dump file, so that it gets the dump as the base of its log.
_RDB_RESTORE = (
    _CHECK
    + """place=$(named dbfilename)
cp dump.rdb "$REDIS_DATA/${{place:-dump.rdb}}"
if [ "$(named appendonly)" = yes ]; then
  folder=$(named appenddirname); log=$(named appendfilename)
  folder=${{folder:-appendonlydir}}; log=${{log:-appendonly.aof}}
  mkdir "$REDIS_DATA/$folder"
  cp dump.rdb "$REDIS_DATA/$folder/$log.1.base.rdb"
  : > "$REDIS_DATA/$folder/$log.1.incr.aof"
  printf 'file %s seq 1 type b\\nfile %s seq 1 type i\\n' "$log.1.base.rdb" "$log.1.incr.aof" > "$REDIS_DATA/$folder/$log.manifest"
fi
"""
)
_AOF = (
    _PRELUDE
    + """[ "$(setting appendonly)" = yes ] || {{ echo "error: appendonly is off, so there is no log to copy" >&2; exit 1; }}
percentage=$(setting auto-aof-rewrite-percentage)
ask CONFIG SET auto-aof-rewrite-percentage 0 >/dev/null
trap 'ask CONFIG SET auto-aof-rewrite-percentage "$percentage" >/dev/null' EXIT
while [ "$(state aof_rewrite_in_progress)" = 1 ] || [ "$(state aof_rewrite_scheduled)" = 1 ]; do sleep 0.05; done
rm -rf "$BACKUP_DIR/log"
cp -a "$REDIS_DATA/$(setting appenddirname)" "$BACKUP_DIR/log"
ask CONFIG SET auto-aof-rewrite-percentage "$percentage" >/dev/null
"""
    + _SETTINGS
    + _SEAL
)
_AOF_RESTORE = (
    _CHECK
    + """folder=$(named appenddirname)
cp -a log "$REDIS_DATA/${{folder:-appendonlydir}}"
"""
)


def find_builtin(product: str, name: str) -> tuple[Action, Action, Kind]:
    """Return the procedure called ``name``, with the programs of ``product``.

    Raises:
        UsageError: if there is none, with the nearest name.
    """
    known = {"rdb": (_RDB, _RDB_RESTORE), "aof": (_AOF, _AOF_RESTORE)}
    if name not in known:
        raise UsageError(f"{product} has no built-in procedure {name!r}: {did_you_mean(name, known)}")
    backup, restore = (text.format(cli=f"{product}-cli", check=f"{product}-check-rdb") for text in known[name])
    return backup, restore, "physical"
