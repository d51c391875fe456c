"""MariaDB and MySQL, with the server's own programs as they are found on the machine."""

from pytest_devsecops.recovery.stores.mariadb.store import MariaDBStore, mariadb, mysql

__all__ = ["MariaDBStore", "mariadb", "mysql"]
