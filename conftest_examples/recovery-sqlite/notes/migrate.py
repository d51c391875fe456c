"""Bring the file to the newest schema: ``user_version`` tells which migrations it has had."""

from contextlib import closing
from pathlib import Path

from notes import connect

MIGRATIONS = sorted((Path(__file__).parent / "migrations").glob("*.sql"))


def migrate():
    with closing(connect()) as connection:
        connection.execute("pragma journal_mode = wal")
        (done,) = connection.execute("pragma user_version").fetchone()
        for number, migration in enumerate(MIGRATIONS[done:], start=done + 1):
            connection.executescript(f"begin; {migration.read_text()}; pragma user_version = {number}; commit;")


if __name__ == "__main__":
    migrate()
