#!/bin/sh
# Roles first: without them every grant in the dump fails, or is left out.
set -eu
psql --quiet --no-psqlrc --set=ON_ERROR_STOP=1 --dbname=postgres --file=infra/roles.sql
dropdb --if-exists "$PGDATABASE"
pg_restore --exit-on-error --create --dbname=postgres "$BACKUP_DIR/shop.dump"
