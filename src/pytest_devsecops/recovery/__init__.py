"""Recovery requirements: prove that what was backed up comes back.

The public names for a ``conftest.py``: the stores and ``procedure``.
"""

from pytest_devsecops.recovery.procedures import procedure
from pytest_devsecops.recovery.stores.composite import composite
from pytest_devsecops.recovery.stores.directory import directory
from pytest_devsecops.recovery.stores.mariadb import mariadb, mysql
from pytest_devsecops.recovery.stores.postgresql import postgresql
from pytest_devsecops.recovery.stores.redis import redis, valkey
from pytest_devsecops.recovery.stores.sqlite import sqlite

__all__ = ["composite", "directory", "mariadb", "mysql", "postgresql", "procedure", "redis", "sqlite", "valkey"]
