"""Make ``backups/`` as it looks in the morning; a copy of this project has no production that would do it."""

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

place = Path("backups", f"{datetime.now(UTC):%Y-%m-%d}")
place.mkdir(parents=True, mode=0o700)
production = place / "production.sqlite3"
os.environ.update(NOTES_FILE=str(production), BACKUP_DIR=str(place))
for command in ("-m notes.migrate", "-m notes.seed", "ops/backup.py"):
    subprocess.run([sys.executable, *command.split()], check=True)
for left in place.glob(f"{production.name}*"):
    left.unlink()
