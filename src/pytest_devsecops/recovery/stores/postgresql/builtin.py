"""The built-in procedures for PostgreSQL, by name."""

from __future__ import annotations

from pytest_devsecops.core.errors import UsageError
from pytest_devsecops.core.text import did_you_mean
from pytest_devsecops.recovery.model import Action, Kind

_DUMP = """set -eu; umask 077
pg_dumpall --globals-only --file="$BACKUP_DIR/globals.sql"
pg_dump --create --format=custom --file="$BACKUP_DIR/database.dump" "$PGDATABASE"
cd "$BACKUP_DIR" && sha256sum globals.sql database.dump > SHA256SUMS"""
_RESTORE = """set -eu
cd "$BACKUP_DIR" && sha256sum --quiet --check SHA256SUMS
dropdb --if-exists "$PGDATABASE"
grep -a -v -E "^CREATE ROLE \\"?$PGUSER\\"?( |;)" globals.sql | psql -X -q -v ON_ERROR_STOP=1 -d postgres
pg_restore --exit-on-error --create --dbname=postgres database.dump"""
#: Tablespaces outside of the data directory are copied beside it, and put back to their paths.
_BASE = """set -eu; umask 077
number=0
psql -XAtd postgres -c "select pg_tablespace_location(oid) from pg_tablespace where pg_tablespace_location(oid) like '/%'" > "$BACKUP_DIR/tablespaces"
while read -r place; do
  number=$((number + 1)); set -- "$@" "--tablespace-mapping=$place=$BACKUP_DIR/tablespace-$number"
done < "$BACKUP_DIR/tablespaces"
pg_basebackup --pgdata="$BACKUP_DIR/base" --checkpoint=fast --wal-method=stream "$@"
"""
_BASE_RESTORE = """set -eu
pg_verifybackup --quiet "$BACKUP_DIR/base"
cp -a "$BACKUP_DIR/base/." "$PGDATA/"
number=0
while read -r place; do
  number=$((number + 1)); cp -a "$BACKUP_DIR/tablespace-$number/." "$place/"
  for link in "$PGDATA"/pg_tblspc/*; do
    case "$(readlink "$link")" in */tablespace-$number) ln -sfn "$place" "$link";; esac
  done
done < "$BACKUP_DIR/tablespaces"
"""
_BUILTIN: dict[str, tuple[Action, Action, Kind]] = {
    "pg_dump": (_DUMP, _RESTORE, "logical"),
    "basebackup": (_BASE, _BASE_RESTORE, "physical"),
}


def find_builtin(name: str) -> tuple[Action, Action, Kind]:
    """Return the procedure called ``name``.

    Raises:
        UsageError: if there is none, with the nearest name.
    """
    if name not in _BUILTIN:
        raise UsageError(f"postgresql has no built-in procedure {name!r}: {did_you_mean(name, _BUILTIN)}")
    return _BUILTIN[name]
