"""The restore for ``dump.py``."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

with closing(sqlite3.connect(os.environ["NOTES_FILE"])) as target:
    target.executescript(Path(os.environ["BACKUP_DIR"], "notes.sql").read_text(encoding="utf-8"))
    target.execute("pragma journal_mode = wal")
