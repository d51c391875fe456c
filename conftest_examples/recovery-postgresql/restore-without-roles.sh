#!/bin/sh
# A fault, on purpose: it ends well, because whatever needs a role is left out.
set -eu
dropdb --if-exists "$PGDATABASE"
pg_restore --exit-on-error --create --no-owner --no-privileges --dbname=postgres "$BACKUP_DIR/shop.dump"
