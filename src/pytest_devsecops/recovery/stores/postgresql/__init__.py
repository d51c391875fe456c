"""PostgreSQL, with the server's own programs as they are found on the machine."""

from pytest_devsecops.recovery.stores.postgresql.store import PostgreSQLStore, postgresql

__all__ = ["PostgreSQLStore", "postgresql"]
