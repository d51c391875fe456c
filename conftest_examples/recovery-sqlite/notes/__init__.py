"""Notes, in one SQLite file."""

import os
import sqlite3
from contextlib import closing
from datetime import UTC, datetime


def connect():
    connection = sqlite3.connect(os.environ["NOTES_FILE"], timeout=10)
    connection.execute("pragma foreign_keys = on")
    return connection


def add_note(notebook, text):
    with closing(connect()) as connection, connection:
        connection.execute(
            "insert into note(notebook, text, written_at) values (?, ?, ?)",
            (notebook, text, datetime.now(UTC).isoformat(timespec="seconds")),
        )
