"""The built-in procedures for MariaDB and MySQL, by name."""

from __future__ import annotations

from pytest_devsecops.core.errors import UsageError
from pytest_devsecops.core.text import did_you_mean
from pytest_devsecops.recovery.model import Action, Kind

#: Accounts come last, because a privilege on a routine needs the routine.
#: Every database but the server's own, dropped before it is made again; accounts and what is installed
#: as statements, so that the target's version may be another one; rows of histories too.
_DUMP = """set -eu; umask 077
databases=$(mariadb --batch --skip-column-names --execute="select schema_name from information_schema.schemata
  where schema_name not in ('information_schema', 'performance_schema', 'mysql', 'sys')")
mariadb-dump --single-transaction --routines --triggers --events --hex-blob --dump-history \\
  --default-character-set=utf8mb4 --add-drop-database --max-allowed-packet=1G \\
  --databases $databases > "$BACKUP_DIR/databases.sql"
mariadb-dump --system=users,udfs,servers,plugins --insert-ignore > "$BACKUP_DIR/system.sql"
cd "$BACKUP_DIR" && sha256sum databases.sql system.sql > SHA256SUMS"""
_DUMP_RESTORE = """set -eu
cd "$BACKUP_DIR" && sha256sum --quiet --check SHA256SUMS
tail -n 1 databases.sql | grep -q "^-- Dump completed"
mariadb --max-allowed-packet=1G < databases.sql
mariadb --max-allowed-packet=1G < system.sql
mariadb --execute="flush privileges" """
_BASE = """set -eu; umask 077
mariadb-backup --backup --datadir="$MYSQL_DATA" --target-dir="$BACKUP_DIR/base" --tmpdir="$TMPDIR" 2> "$BACKUP_DIR/log" || { cat "$BACKUP_DIR/log" >&2; exit 1; }
cd "$BACKUP_DIR" && find base -type f -exec sha256sum {} + > SHA256SUMS"""
_BASE_RESTORE = """set -eu; umask 077
cd "$BACKUP_DIR" && sha256sum --quiet --check SHA256SUMS
find "$MYSQL_DATA" -mindepth 1 -delete
cp -a base/. "$MYSQL_DATA/"
mariadb-backup --prepare --target-dir="$MYSQL_DATA" --tmpdir="$TMPDIR" 2> "$TMPDIR/log" || { cat "$TMPDIR/log" >&2; exit 1; }"""
_MYSQLDUMP = """set -eu; umask 077
mysqldump --single-transaction --all-databases --routines --triggers --events --hex-blob --flush-privileges \\
  --default-character-set=utf8mb4 --set-gtid-purged=OFF > "$BACKUP_DIR/databases.sql"
cd "$BACKUP_DIR" && sha256sum databases.sql > SHA256SUMS"""
_MYSQLDUMP_RESTORE = """set -eu
cd "$BACKUP_DIR" && sha256sum --quiet --check SHA256SUMS
mysql < databases.sql"""
_BUILTIN: dict[str, dict[str, tuple[Action, Action, Kind]]] = {
    "mariadb": {
        "mariadb-dump": (_DUMP, _DUMP_RESTORE, "logical"),
        "mariadb-backup": (_BASE, _BASE_RESTORE, "physical"),
    },
    "mysql": {"mysqldump": (_MYSQLDUMP, _MYSQLDUMP_RESTORE, "logical")},
}


def find_builtin(product: str, name: str) -> tuple[Action, Action, Kind]:
    """Return the procedure called ``name``.

    Raises:
        UsageError: if there is none, with the nearest name.
    """
    known = _BUILTIN[product]
    if name not in known:
        raise UsageError(f"{product} has no built-in procedure {name!r}: {did_you_mean(name, known)}")
    return known[name]
