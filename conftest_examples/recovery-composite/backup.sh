#!/bin/sh
# The orders first, then the files: whatever an order of the dump refers to was written before it.
set -eu
umask 077
pg_dump --file="$BACKUP_DIR/shop.sql"
tar -C "$MEDIA_ROOT" -cf "$BACKUP_DIR/media.tar" .
