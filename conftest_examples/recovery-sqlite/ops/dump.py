"""A fault, on purpose: a dump as text has every row, but not what the migrations go by, ``user_version``."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

os.umask(0o077)
with closing(sqlite3.connect(os.environ["NOTES_FILE"])) as source:
    Path(os.environ["BACKUP_DIR"], "notes.sql").write_text("\n".join(source.iterdump()), encoding="utf-8")
