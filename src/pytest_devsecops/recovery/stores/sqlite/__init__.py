"""SQLite: the embedded default, which needs no extra."""

from pytest_devsecops.recovery.stores.sqlite.store import SQLiteStore, sqlite

__all__ = ["SQLiteStore", "sqlite"]
