# A fault, on purpose: what is not yet check-pointed lies in the file beside it, and stays behind.
cp "$SQLITE_DATABASE" "$BACKUP_DIR/parcels.sqlite3"
