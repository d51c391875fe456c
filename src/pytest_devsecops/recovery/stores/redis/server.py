"""One Redis or Valkey server that a drill owns: its own data directory, socket and port.

The data directory holds ``redis.conf``, as ``CONFIG REWRITE`` keeps it. What belongs to this one
server (port, socket, folders) is given on the command line, and taken out of the file at each start,
because a restore may bring the file of another server.
"""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from pytest_devsecops.core.errors import MissingExtraError
from pytest_devsecops.recovery.model import RecoveryError
from pytest_devsecops.recovery.stores.serving import OwnedProcess, Program, Wanted, free_port, give

if TYPE_CHECKING:
    from redis import Redis

#: The drill's own user; no snapshot tells it.
OWN_USER = "devsecops"
CONFIG = "redis.conf"
#: Settings of this one server, given when it starts: they are ours, so they are not compared.
OURS = frozenset(
    {
        "bind",
        "cluster-announce-bus-port",
        "daemonize",
        "dir",
        "logfile",
        "masterauth",
        "masteruser",
        "pidfile",
        "port",
        "proc-title-template",
        "replicaof",
        "repl-diskless-sync-delay",
        "slaveof",
        "supervised",
        "unixsocket",
        "unixsocketperm",
    }
)
_START_SECONDS, _STOP_SECONDS = 60.0, 60.0
_PLACES = ("/usr/bin", "/usr/local/bin", "/opt/redis*/bin", "/opt/valkey*/bin", "/opt/homebrew/bin")
_VERSION = r"{}.*?v=(\d+(?:\.\d+)*)"
WANTED = {
    "redis": Wanted(
        "Redis",
        ("redis-server",),
        _PLACES,
        "apt-get install redis-server",
        re.compile(_VERSION.format("Redis"), re.DOTALL),
    ),
    "valkey": Wanted(
        "Valkey",
        ("valkey-server",),
        _PLACES,
        "apt-get install valkey-server",
        re.compile(_VERSION.format("(?:Valkey|Server)"), re.DOTALL),
    ),
}


class Server:
    """A server over a data directory.

    Args:
        program: the server's program.
        data: the data directory.
        run: a folder of its own for socket and log.
        secret: the password of the drill's own user.
    """

    def __init__(self, program: Program, data: Path, run: Path, secret: str) -> None:
        self.program = program
        self.data = data
        self.run = run
        self.port = free_port()
        self._secret = secret
        self._process: OwnedProcess | None = None

    @property
    def running(self) -> bool:
        """Whether the process is there."""
        return self._process is not None and self._process.running

    @property
    def socket(self) -> Path:
        """The Unix socket."""
        return self.run / "redis.sock"

    def start(self, extra: Mapping[str, str] | None = None) -> None:
        """Start over what is in the data directory, and wait until it is loaded.

        Args:
            extra: settings for this start alone.

        Raises:
            RecoveryError: if it does not start, with the end of its log.
        """
        # Without its driver a server would be started that nobody can talk to.
        driver()
        self.run.mkdir(exist_ok=True)
        self._make_ours()
        give(self.run)
        give(self.data)
        own = {
            "port": str(self.port),
            "bind": "127.0.0.1",
            "unixsocket": str(self.socket),
            "unixsocketperm": "700",
            "dir": str(self.data),
            "daemonize": "no",
            "logfile": "",
            "pidfile": "",
            # A restored copy never asks production for anything.
            "replicaof": "no one",
            # Without other replicas to wait for, a `--rdb` need not wait for them.
            "repl-diskless-sync-delay": "0",
            **(extra or {}),
        }
        arguments = [
            part for name, value in own.items() for part in (f"--{name}", *(value.split(" ") if value else [""]))
        ]
        argv = [str(self.program.path), str(self.data / CONFIG), *arguments]
        self._process = OwnedProcess(argv, self.run / "log")
        self._wait()

    @contextlib.contextmanager
    def connect(self, database: int = 0) -> Iterator[Redis]:
        """Connect as the drill's own user; answers come as the server sends them.

        Raises:
            RecoveryError: if the server is not there, or refuses a command.
        """
        module = driver()
        client = module.Redis(
            unix_socket_path=str(self.socket),
            username=OWN_USER,
            password=self._secret,
            db=database,
            protocol=2,
            socket_timeout=None,
        )
        # One shape for every answer, whatever the version of the driver makes of it.
        client.response_callbacks.clear()
        try:
            yield client
        except module.RedisError as error:
            raise RecoveryError(f"the server refuses: {error}") from error
        finally:
            client.close()

    def stop(self) -> None:
        """Shut down cleanly; the caller has saved what must stay."""
        if self._process is not None:
            self._process.end(_STOP_SECONDS)
            self._process = None

    def kill(self) -> None:
        """Kill it without warning."""
        if self._process is not None:
            self._process.kill()
            self._process = None

    def _make_ours(self) -> None:
        """Take the settings of one server out of the file, and put the drill's own user in."""
        config = self.data / CONFIG
        lines = config.read_text("utf-8", "surrogateescape").splitlines() if config.is_file() else []
        kept = [line for line in lines if not _names(line, OURS) and not _is_own_user(line)]
        own = f"user {OWN_USER} on >{self._secret} ~* &* +@all"
        users = next((line.split(maxsplit=1)[1].strip("\"'") for line in kept if _names(line, {"aclfile"})), "")
        if users:
            place = self.data / users
            named = place.read_text("utf-8").splitlines() if place.is_file() else []
            place.write_text("\n".join([*(one for one in named if not _is_own_user(one)), own, ""]), "utf-8")
        else:
            kept.append(own)
        config.write_text("\n".join([*kept, ""]), "utf-8", "surrogateescape")

    def _wait(self) -> None:
        process = self._process
        limit = time.monotonic() + _START_SECONDS
        while process is not None and process.running and time.monotonic() < limit:
            try:
                with self.connect() as client:
                    client.execute_command("PING")  # type: ignore[no-untyped-call] # redis-py leaves this one method untyped
            except RecoveryError as error:
                if "NOPERM" in error.message or "WRONGPASS" in error.message:
                    break
                # It refuses connections until its data is loaded.
                time.sleep(0.01)
            else:
                return
        message = f"the server does not start: {process.log_tail() if process else ''}"
        self.kill()
        raise RecoveryError(message)


def driver() -> ModuleType:
    """Return the module redis.

    Raises:
        MissingExtraError: if it is not installed.
    """
    try:
        import redis
    except ImportError:
        raise MissingExtraError("the Redis store", "redis") from None
    return redis


def _names(line: str, settings: frozenset[str] | set[str]) -> bool:
    words = line.split(maxsplit=1)
    return bool(words) and words[0].lower() in settings and len(words) > 1


def _is_own_user(line: str) -> bool:
    return line.split()[:2] == ["user", OWN_USER]
