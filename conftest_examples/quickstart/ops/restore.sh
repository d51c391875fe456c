cp "$BACKUP_DIR/parcels.sqlite3" "$SQLITE_DATABASE"
