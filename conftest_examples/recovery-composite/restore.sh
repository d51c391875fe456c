#!/bin/sh
set -eu
psql --quiet --no-psqlrc --set=ON_ERROR_STOP=1 --file=infra/roles.sql
psql --quiet --no-psqlrc --set=ON_ERROR_STOP=1 --single-transaction --output=/dev/null --file="$BACKUP_DIR/shop.sql"
tar -C "$MEDIA_ROOT" -xpf "$BACKUP_DIR/media.tar"
