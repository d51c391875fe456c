#!/bin/sh
# The nightly job. It runs as shop_backup, which reads everything and writes nothing.
set -eu
umask 077
pg_dump --format=custom --create --file="$BACKUP_DIR/shop.dump"
