"""One PostgreSQL server process that a drill owns: its own data directory, socket and port.

Nothing here ever takes an address: a server is started from a data directory below a drill's room
and only processes that descend from it are killed.
"""

from __future__ import annotations

import re
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from pytest_devsecops.core.errors import MissingExtraError
from pytest_devsecops.recovery.model import RecoveryError
from pytest_devsecops.recovery.stores.postgresql.binaries import Binaries
from pytest_devsecops.recovery.stores.serving import OwnedProcess, as_server_user, free_port, give

if TYPE_CHECKING:
    import psycopg

SUPERUSER = "postgres"
_START_SECONDS = 60.0
#: Start-up settings of every server of a drill. They are ours, so they are not compared: they keep a
#: restored copy from archiving, from subscribing and from answering anybody but the drill.
OURS = {
    # In the data directory, because a server that is killed leaves its other kinds of segments behind.
    "dynamic_shared_memory_type": "mmap",
    "fsync": "on",
    "listen_addresses": "127.0.0.1",
    "max_logical_replication_workers": "0",
    "max_prepared_transactions": "20",
    "wal_level": "logical",
    "primary_conninfo": "",
    "cron.launch_active_jobs": "off",
    "log_destination": "stderr",
    "logging_collector": "off",
}
#: Also ours, with values that only a started server knows.
_STARTED = ("port", "unix_socket_directories", "hba_file", "archive_mode", "data_directory")
#: How a restored copy reads its log: about the recovery, not about the server that comes out of it.
_RECOVERY = (
    "restore_command", "archive_cleanup_command", "recovery_end_command", "primary_slot_name", "promote_trigger_file",
    "recovery_target", "recovery_target_name", "recovery_target_time", "recovery_target_xid", "recovery_target_lsn",
    "recovery_target_inclusive", "recovery_target_timeline", "recovery_target_action",
)  # fmt: skip
OUR_NAMES = frozenset({*OURS, *_STARTED, *_RECOVERY})
_WRONG = re.compile(r"\b(FATAL|PANIC|ERROR):|unrecognized configuration parameter|invalid value for parameter")
_HBA = """\
local all all trust
local replication all trust
host all all 127.0.0.1/32 scram-sha-256
host replication all 127.0.0.1/32 scram-sha-256
"""
#: Pinned for every session that reads, so that one value has one text (facts/fingerprints), one name is written in one
#: way, and settings of a database or of our role do not stand in the way.
_PINNED = {
    "extra_float_digits": "3",
    "timezone": "UTC",
    "datestyle": "ISO,YMD",
    "intervalstyle": "postgres",
    "bytea_output": "hex",
    "xmlbinary": "base64",
    "lc_monetary": "C",
    "search_path": "",
    "row_security": "off",
    "statement_timeout": "0",
    "lock_timeout": "30s",
    "default_transaction_read_only": "off",
    "client_encoding": "UTF8",
    "session_replication_role": "origin",
    "quote_all_identifiers": "off",
    "standard_conforming_strings": "on",
    "array_nulls": "on",
    "default_tablespace": "",
    "idle_in_transaction_session_timeout": "0",
    "role": "none",
}


class Server:
    """A server over a data directory.

    Args:
        binaries: the programs.
        data: the data directory.
        sockets: a folder of its own for the Unix socket and the log.
        password: the superuser's password, for TCP.
        archive: whether the configured archiving is left on, as on the source.
        role: a role that comes in over TCP without its password, which nobody told us.
    """

    def __init__(
        self, binaries: Binaries, data: Path, sockets: Path, password: str, *, archive: bool, role: str = ""
    ) -> None:
        self.binaries = binaries
        self.data = data
        self.sockets = sockets
        self.password = password
        self.port = free_port()
        self._archive = archive
        self._role = role
        self._process: OwnedProcess | None = None

    @property
    def running(self) -> bool:
        """Whether the process is there."""
        return self._process is not None and self._process.running

    def start(
        self, extra: Mapping[str, str] | None = None, *, durable: bool = True, patience: float = _START_SECONDS
    ) -> None:
        """Start and wait until it takes connections and has recovered, for ``patience`` seconds at most.

        Raises:
            RecoveryError: if it does not, with the end of its log.
        """
        self.sockets.mkdir(exist_ok=True)
        hba = self.sockets / "pg_hba.conf"
        trusted = '"' + self._role.replace('"', '""') + '"'
        hba.write_text(f"host all,replication {trusted} 127.0.0.1/32 trust\n{_HBA}" if self._role else _HBA)
        give(self.sockets)
        settings = {**OURS, "hba_file": str(hba), "unix_socket_directories": str(self.sockets), "port": str(self.port)}
        if not durable:
            settings["fsync"] = "off"
        if not self._archive:
            settings["archive_mode"] = "off"
        # A restore may leave out the folder of those segments, which no backup holds.
        segments = self.data / "pg_dynshmem"
        if not segments.exists():
            segments.mkdir()
            give(segments)
        options = [part for name, value in {**settings, **(extra or {})}.items() for part in ("-c", f"{name}={value}")]
        argv = [self.binaries.program("postgres"), "-D", str(self.data), *options]
        self._process = OwnedProcess(argv, self.sockets / "log", [str(self.binaries.folder)])
        self._wait(patience)

    def connect(self, database: str, *, autocommit: bool = True, pinned: bool = True) -> psycopg.Connection[Any]:
        """Connect as the superuser; if ``pinned``, with everything fixed that changes how values are written.

        Raises:
            RecoveryError: if the server or the database is not there.
        """
        module = driver()
        options = " ".join(f"-c {name}={value}" for name, value in _PINNED.items()) if pinned else ""
        try:
            connection: psycopg.Connection[Any] = module.connect(
                host=str(self.sockets),
                port=self.port,
                user=SUPERUSER,
                dbname=database,
                options=options,
                autocommit=autocommit,
                application_name="pytest-devsecops",
                connect_timeout=10,
            )
        except module.Error as error:
            raise RecoveryError(f"PostgreSQL refuses the connection: {str(error).strip()}") from error
        return connection

    def stop(self) -> None:
        """Shut down cleanly."""
        if self._process is not None:
            # PostgreSQL's fast shutdown: sessions are ended, everything is written.
            self._process.end(_START_SECONDS, by=signal.SIGINT)
        self.kill()

    def kill(self) -> None:
        """Kill it and every process that descends from it, as a host that loses power would."""
        if self._process is None:
            return
        self._process.kill()
        self._process = None
        _remove_shared_memory(self.data)

    def log_tail(self) -> str:
        """Return what the server said last about an error, or what it said last."""
        log = self.sockets / "log"
        lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines() if log.is_file() else []
        # Our own knocking while it starts is no error.
        wrong = [line for line in lines if _WRONG.search(line) and "the database system is" not in line]
        return " | ".join((wrong or lines)[-4:])[-600:]

    def _wait(self, patience: float) -> None:
        module = driver()
        limit = time.monotonic() + patience
        while time.monotonic() < limit:
            if not self.running:
                message = f"the PostgreSQL server does not start: {self.log_tail()}"
                self.kill()
                raise RecoveryError(message)
            try:
                with self.connect("postgres") as connection:
                    if connection.execute("select pg_is_in_recovery()").fetchone() == (False,):
                        return
            except (RecoveryError, module.Error):
                # It refuses connections until it has started and recovered.
                pass
            time.sleep(0.02)
        message = f"the PostgreSQL server took no connection in {patience:.0f}s: {self.log_tail()}"
        self.kill()
        raise RecoveryError(message)


def driver() -> ModuleType:
    """Return the module psycopg.

    Raises:
        MissingExtraError: if it is not installed.
    """
    try:
        import psycopg
    except ImportError:
        raise MissingExtraError("the PostgreSQL store", "postgresql") from None
    return psycopg


def initdb(binaries: Binaries, data: Path, password: str, locale: str) -> None:
    """Make an empty cluster.

    Raises:
        RecoveryError: if that fails, with what ``initdb`` said.
    """
    data.mkdir(mode=0o700)
    secret = data.with_name(f"{data.name}-{secrets.token_hex(4)}")
    secret.write_text(password)
    give(data)
    give(secret)
    argv = [binaries.program("initdb"), "-D", str(data), "-U", SUPERUSER, "-E", "UTF8", f"--locale={locale}"]
    ended = subprocess.run(  # noqa: S603 - the program that was found
        [*argv, "-A", "scram-sha-256", f"--pwfile={secret}", "--no-sync"],
        cwd="/",
        env={"PATH": f"{binaries.folder}:/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        check=False,
        **as_server_user(),
    )
    secret.unlink()
    if ended.returncode != 0:
        raise RecoveryError(f"initdb failed: {(ended.stderr or ended.stdout).strip()[-400:]}")


def _remove_shared_memory(data: Path) -> None:
    """Remove the System V segment that a killed server leaves; line 7 of postmaster.pid names it."""
    lines = (data / "postmaster.pid").read_text().splitlines() if (data / "postmaster.pid").is_file() else []
    remover = shutil.which("ipcrm")
    if remover and len(lines) > 6 and len(lines[6].split()) == 2:  # noqa: PLR2004 - the file's own layout
        subprocess.run([remover, "-m", lines[6].split()[1]], capture_output=True, check=False)  # noqa: S603 - our own segment
