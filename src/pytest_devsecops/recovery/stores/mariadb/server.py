"""One MariaDB or MySQL server that a drill owns: its own data directory, socket and port."""

from __future__ import annotations

import contextlib
import re
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from pytest_devsecops.recovery.model import RecoveryError
from pytest_devsecops.recovery.stores.mariadb.session import Session, driver, number_of, open_connection
from pytest_devsecops.recovery.stores.serving import (
    OwnedProcess,
    Program,
    Wanted,
    as_server_user,
    free_port,
    give,
)

#: The drill's own account; no snapshot tells it.
OWN_USER = "devsecops"
#: Settings of this one server: start-up settings of ours that keep a restored copy from running jobs
#: and from asking production for anything, so they are not compared.
OURS = frozenset(
    {
        "basedir",
        "bind_address",
        "datadir",
        "event_scheduler",
        "init_file",
        "log_error",
        "pid_file",
        "port",
        "skip_networking",
        "skip_slave_start",
        "socket",
        "tmpdir",
    }
)
_START_SECONDS, _STOP_SECONDS = 90.0, 90.0
#: What the server says to an account without rights.
DENIED = frozenset({1044, 1045, 1142, 1227, 1698})
_PLACES = ("/usr/sbin", "/usr/bin", "/usr/local/bin", "/usr/libexec", "/usr/local/*/bin", "/opt/homebrew/bin")
WANTED = {
    "mariadb": Wanted(
        "MariaDB",
        ("mariadbd", "mysqld"),
        _PLACES,
        "apt-get install mariadb-server",
        re.compile(r"Ver (\d+(?:\.\d+)+)-MariaDB"),
    ),
    "mysql": Wanted(
        "MySQL",
        ("mysqld",),
        _PLACES,
        "the package mysql-community-server of MySQL's own apt repository",
        re.compile(r"Ver (\d+(?:\.\d+)+)(?![^\n]*MariaDB)"),
    ),
}


class Server:
    """A server over a data directory.

    Args:
        program: the server's program.
        product: ``mariadb`` or ``mysql``.
        data: the data directory.
        run: a folder of its own for socket, temporary files and log.
        secret: the password of the drill's own account.
        settings: production's configuration, which is not part of the backup.
    """

    def __init__(
        self, program: Program, product: str, data: Path, run: Path, secret: str, settings: Mapping[str, str]
    ) -> None:
        self.program = program
        self.product = product
        self.data = data
        self.run = run
        self.port = free_port()
        self._secret = secret
        self._settings = settings
        self._process: OwnedProcess | None = None

    @property
    def running(self) -> bool:
        """Whether the process is there."""
        return self._process is not None and self._process.running

    @property
    def has_recovered(self) -> bool:
        """Whether InnoDB began its last start as after a crash, from its log."""
        log = (self.run / "log").read_text(encoding="utf-8", errors="replace")
        return "Starting crash recovery" in log

    @property
    def socket(self) -> Path:
        """The Unix socket."""
        return self.run / "s"

    def start(self, statements: tuple[str, ...] = (), *, durable: bool = True) -> None:
        """Start and wait until it takes connections.

        Args:
            statements: what it runs first, such as what makes our own account.
            durable: whether a commit waits for the disk.

        Raises:
            RecoveryError: if it does not start, with the end of its log.
        """
        # Without its driver a server would be started that nobody can talk to.
        driver()
        self.run.mkdir(exist_ok=True)
        (self.run / "first.sql").write_text("".join(f"{one};\n" for one in statements), "utf-8")
        give(self.run)
        own = {
            "datadir": str(self.data),
            "socket": str(self.socket),
            "port": str(self.port),
            "bind-address": "127.0.0.1",
            "pid-file": str(self.run / "pid"),
            "tmpdir": str(self.run),
            "event-scheduler": "OFF",
            "innodb-flush-log-at-trx-commit": "1" if durable else "0",
        }
        if statements:
            own["init-file"] = str(self.run / "first.sql")
        options = [f"--{name}={value}" for name, value in {**self.defaults(), **own}.items()]
        argv = [str(self.program.path), "--no-defaults", *options, "--skip-slave-start"]
        self._process = OwnedProcess(argv, self.run / "log", [str(self.program.folder)])
        self._wait()

    @contextlib.contextmanager
    def connect(self, database: str | None = None) -> Iterator[Session]:
        """Connect as the drill's own account.

        Raises:
            RecoveryError: if the server does not let us in.
        """
        connection = open_connection(self.socket, OWN_USER, self._secret, database)
        try:
            yield Session(connection)
        finally:
            connection.close()

    def own_account(self) -> tuple[str, ...]:
        """Return the statements that make our own account, whatever a restore has brought."""
        name = f"'{OWN_USER}'@'localhost'"
        return (
            "set session sql_log_bin = 0",
            f"create user if not exists {name} identified by '{self._secret}'",
            f"alter user {name} identified by '{self._secret}'",
            f"grant all on *.* to {name} with grant option",
        )

    def initialise(self, root_password: str, database: str) -> None:
        """Make an empty data directory with an account ``root@localhost``, ours, and an empty database.

        Raises:
            RecoveryError: if that fails, with what the program said.
        """
        for folder in (self.data, self.run):
            folder.mkdir(mode=0o700, exist_ok=True)
            give(folder)
        # A server that starts removes what looks like its own from the folder for temporary files.
        defaults = [f"--{name}={value}" for name, value in {**self.defaults(), "tmpdir": self.run}.items()]
        if self.product == "mysql":
            argv = [
                str(self.program.path),
                "--no-defaults",
                f"--datadir={self.data}",
                "--initialize-insecure",
                *defaults,
            ]
        else:
            argv = [
                self._installer(),
                "--no-defaults",
                "--auth-root-authentication-method=normal",
                "--skip-test-db",
                f"--datadir={self.data}",
                # Every drill copies this directory: small steps keep it small.
                "--innodb-autoextend-increment=1",
                *defaults,
            ]
        ended = subprocess.run(  # noqa: S603 - the program that was found
            argv,
            cwd="/",
            env={"PATH": f"{self.program.folder}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "LC_ALL": "C.UTF-8"},
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
            **as_server_user(),
        )
        if ended.returncode != 0:
            raise RecoveryError(f"no data directory could be made: {(ended.stderr or ended.stdout).strip()[-400:]}")
        self.start((*self.own_account(), f"alter user root@localhost identified by '{root_password}'"), durable=False)
        with self.connect() as session:
            for host, user in session.rows(
                "select host, user from mysql.user where user in ('root', '') and host <> 'localhost'"
            ):
                session.rows(f"drop user {literal_name(user)}@{literal_name(host)}")
            session.rows(f"create database `{database.replace('`', '``')}`")

    def defaults(self) -> dict[str, str]:
        """Return production's configuration over sizes that suit a drill."""
        own = {"character-set-server": "utf8mb4", "innodb-buffer-pool-size": "64M", "innodb-log-file-size": "8M"}
        if self.product == "mysql":
            own.pop("innodb-log-file-size")
        return {**own, **{name.replace("_", "-"): value for name, value in self._settings.items()}}

    def stop(self) -> None:
        """Shut down cleanly."""
        if self._process is not None:
            self._process.end(_STOP_SECONDS)
            self._process = None

    def kill(self) -> None:
        """Kill it without warning."""
        if self._process is not None:
            self._process.kill()
            self._process = None

    def _installer(self) -> str:
        names = ("mariadb-install-db", "mysql_install_db")
        places = [self.program.folder, self.program.folder.parent / "bin", self.program.folder.parent / "scripts"]
        found = [str(place / name) for place in places for name in names if (place / name).is_file()]
        on_path = next((path for name in names if (path := shutil.which(name))), None)
        if not found and on_path is None:
            raise RecoveryError(
                f"no mariadb-install-db was found beside {self.program.path}",
                remedy=f"install it (apt-get install mariadb-server); looked in {', '.join(map(str, places))}, PATH",
            )
        return found[0] if found else str(on_path)

    def _wait(self) -> None:
        process = self._process
        limit = time.monotonic() + _START_SECONDS
        reason = ""
        while process is not None and process.running and time.monotonic() < limit:
            try:
                with self.connect():
                    return
            except RecoveryError as error:
                reason = error.message
                if number_of(error) in DENIED:
                    break
                # It takes no connection until it has started and recovered.
                time.sleep(0.02)
        message = f"the server does not start: {process.log_tail() if process else ''} ({reason})"
        self.kill()
        raise RecoveryError(message)


def literal_name(name: str) -> str:
    """Return a part of an account's name, quoted for a statement about accounts."""
    return "'" + name.replace("\\", "\\\\").replace("'", "''") + "'"
