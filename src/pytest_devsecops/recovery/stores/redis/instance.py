"""One Redis or Valkey server that a drill owns, with its data directory."""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_devsecops.recovery.model import Access, Behaviours, LedgerState, RecoveryError, Row, Snapshot
from pytest_devsecops.recovery.stores.redis.behaviour import try_behaviours
from pytest_devsecops.recovery.stores.redis.expiring import Expiring
from pytest_devsecops.recovery.stores.redis.populating import RedisTables
from pytest_devsecops.recovery.stores.redis.reading import (
    LEDGER,
    OWN_PREFIX,
    PROBE,
    databases,
    fingerprint,
    pages,
    read_rows,
)
from pytest_devsecops.recovery.stores.redis.server import CONFIG, Server, driver
from pytest_devsecops.recovery.stores.redis.things import things
from pytest_devsecops.recovery.stores.serving import Program, clients_beside, held_in
from pytest_devsecops.recovery.workspace import move_away, remove

if TYPE_CHECKING:
    from redis import Redis

_SAVE_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who connects.

    Attributes:
        own: the password of the drill's own user.
        password: the default user's password; empty if it has none.
        role: the user that backups run as; empty for the default user.
        role_password: its password.
    """

    own: str
    password: str
    role: str
    role_password: str


class RedisInstance:
    """A server in a folder of its own: ``data``, and ``s`` for its socket.

    Args:
        folder: the folder.
        program: the server's program.
        credentials: who connects.
        earlier: keys that expire soon, as the instance saw them that this one is compared with.
        since: when the drill began (seconds since the epoch); a time to live may be off by its length.
    """

    def __init__(
        self, folder: Path, program: Program, credentials: Credentials, earlier: Expiring, *, since: float
    ) -> None:
        self.folder = folder
        self.server = Server(program, folder / "data", folder / "s", credentials.own)
        self.seen = Expiring()
        self._credentials = credentials
        self._earlier = earlier
        self._since = since
        self._ledger: contextlib.ExitStack | None = None
        self._writer: Redis | None = None
        self._growth = 0
        self._for_reading = False

    def access(self, *, role: bool) -> Access:
        """Return address and password in the usual variables; ``redis-cli`` takes only the password from them."""
        server, own = self.server, self._credentials
        user, password = (own.role, own.role_password) if role and own.role else ("default", own.password)
        fields = {
            "host": "127.0.0.1",
            "port": str(server.port),
            "user": user,
            "password": password,
            "dbname": "0",
            "path": str(server.data),
            "socket": str(server.socket),
        }
        login = f"{user}:{password}@" if user != "default" or password else ""
        variables = {
            "REDIS_HOST": fields["host"],
            "REDIS_PORT": fields["port"],
            "REDIS_SOCKET": fields["socket"],
            "REDIS_URL": f"redis://{login}{fields['host']}:{fields['port']}",
            "REDIS_USER": user,
            "REDIS_DATA": fields["path"],
        }
        if password:
            variables |= {"REDIS_PASSWORD": password, "REDISCLI_AUTH": password}
        # redis-cli of Redis, valkey-cli of Valkey, and what checks and loads beside them.
        clients = clients_beside(
            server.program.path, self.folder / "clients", f"{server.program.path.name.split('-')[0]}-*"
        )
        return Access(variables, fields, path=(clients,), ports=(server.port,))

    def finish(self, until: Mapping[str, str]) -> None:
        """Start the server over what a physical restore has put into the data directory."""
        if until:
            raise RecoveryError("Redis has no recovery target", remedy="remove until= from the procedure")
        if not self.server.running:
            if not held_in(self.server.data) - {CONFIG}:
                message = f"the data directory has nothing but {CONFIG}, no dump and no log"
                raise RecoveryError(message, remedy="let the restore fill $REDIS_DATA")
            self.server.start()

    def snapshot(self) -> Snapshot:
        """Return users, settings, functions, and the fingerprint of each database's keys."""
        now = _milliseconds()
        self.seen = Expiring(now)
        containers = {}
        with self.server.connect() as client:
            held = things(client)
            about = _info(client)
            numbers = databases(client)
        for number in sorted({*numbers, *self._earlier.counts}):
            with self.server.connect(number) as client:
                found, seen = fingerprint(client, number, now)
            rows = self._earlier.with_expired(number, found, seen, _milliseconds())
            self.seen.take(number, seen, rows.count)
            # Where nothing came back at all, that keys have expired meanwhile says nothing good.
            if found.count or (rows.count and rows.count == self._earlier.counts.get(number)):
                containers[f"db{number}"] = rows
        facts = {"redis": about.get("valkey_version", about.get("redis_version", ""))}
        return Snapshot(held, containers, (), facts, int(about.get("used_memory_dataset", "0")))

    def read_rows(self, container: str) -> Iterator[Row]:
        """Return the keys of a database in their order."""
        with self.server.connect(int(container.removeprefix("db"))) as client:
            yield from read_rows(client, 1.5 + time.time() - self._since)

    def probe(self) -> None:
        """Write a key of our own and read it back."""
        with self.server.connect() as client:
            client.set(PROBE, "1")
            if client.get(PROBE) != b"1":
                raise RecoveryError("what was written cannot be read")
            client.delete(PROBE)

    def behaviours(self) -> Behaviours:
        """Try next ids of streams, expiry, and whether a client without a password is refused."""
        with self.server.connect() as client:
            return try_behaviours(client, self.server)

    def grow(self) -> None:
        """Copy every key once more under another name."""
        self._growth += 1
        suffix = f":devsecops-copy-{self._growth}".encode()
        with self.server.connect() as client:
            numbers = databases(client)
        for number in numbers:
            with self.server.connect(number) as client:
                for key in {one for page in pages(client) for one in page if not one.startswith(OWN_PREFIX)}:
                    client.execute_command("COPY", key, key + suffix)  # type: ignore[no-untyped-call] # redis-py leaves this one method untyped

    def open_ledger(self, nonce: str) -> None:
        """Make the ledger, with the nonce in the file rather than in memory alone, as of a server that runs for long."""
        self._ledger = contextlib.ExitStack()
        self._writer = self._ledger.enter_context(self.server.connect())
        self._writer.hset(LEDGER, "nonce", nonce)
        _save(self._writer)
        # LASTSAVE counts whole seconds: a backup that waits until it changes would wait for ever on a
        # server that has saved in this very second, which only a drill's server has.
        saved = self._writer.execute_command("LASTSAVE")  # type: ignore[no-untyped-call] # see above
        while time.time() < saved + 1:
            time.sleep(0.01)

    def write_ledger(self, number: int) -> None:
        """Write one entry; it is acknowledged when the server answers."""
        if self._writer is None:
            raise RecoveryError("the ledger is not open")
        self._writer.hset(LEDGER, str(number), "")

    def read_ledger(self) -> LedgerState:
        """Return the entries; none if the procedure did not bring the key."""
        try:
            with self.server.connect() as client:
                flat: list[Any] = client.execute_command("HGETALL", LEDGER)  # type: ignore[no-untyped-call] # see above
        except RecoveryError:
            # The server does not answer, which the snapshot tells.
            return LedgerState(None, frozenset())
        found = {flat[at]: flat[at + 1] for at in range(0, len(flat), 2)}
        nonce = found.pop(b"nonce", None)
        return LedgerState(nonce.decode() if nonce else None, frozenset(int(number) for number in found))

    def lose(self) -> None:
        """Keep its memory for ``read_rows``, kill it without warning, and move the files out of reach."""
        self._close_ledger()
        with contextlib.suppress(RecoveryError), self.server.connect() as client:
            # Redis keeps its data in memory; the file goes where no procedure was ever told.
            _save(client)
        self.server.kill()
        self.folder = move_away(self.folder)
        self.server.data, self.server.run = self.folder / "data", self.folder / "s"

    def revive(self) -> None:
        """Start it over what it left, for reading."""
        if not self.server.running:
            # The server's own user has to come in.
            self.folder.parent.chmod(0o711)
            shutil.rmtree(self.server.run, ignore_errors=True)
            self.server.start({"save": ""})
            self._for_reading = True

    def rest(self) -> None:
        """Save everything, settings and users included, and stop."""
        self._close_ledger()
        if not self.server.running:
            return
        if self._for_reading:
            # Its settings of now are ours, and its files are as they were.
            self.server.kill()
            self._for_reading = False
            return
        with self.server.connect() as client:
            client.execute_command("CONFIG", "REWRITE")  # type: ignore[no-untyped-call] # see above
            if client.execute_command("CONFIG", "GET", "aclfile")[1]:  # type: ignore[no-untyped-call] # see above
                client.execute_command("ACL", "SAVE")  # type: ignore[no-untyped-call] # see above
            _save(client)
        self.server.stop()

    def close(self) -> None:
        """Kill it and remove its files."""
        self._close_ledger()
        self.server.kill()
        remove(self.folder)

    def refuse_open_transactions(self) -> None:
        """Refuse to copy a server on which somebody is inside of MULTI.

        Raises:
            RecoveryError: with the remedy.
        """
        with self.server.connect() as client:
            clients = client.execute_command("CLIENT", "LIST").decode()  # type: ignore[no-untyped-call] # see above
        found = [line for line in clients.splitlines() if " multi=" in line and " multi=-1" not in line]
        if found:
            raise RecoveryError(
                f"a connection of the preparation is still inside MULTI: {found[0]}",
                remedy="call EXEC or DISCARD in prepare= and close the connection",
            )

    @contextlib.contextmanager
    def open_tables(self) -> Iterator[RedisTables]:
        """Open the first database for generated keys."""
        with self.server.connect() as client:
            yield RedisTables(client)

    def checkpoint(self) -> None:
        """Write what is in memory to the dump file, and to a new append-only log if there is one."""
        with self.server.connect() as client:
            _save(client)
            if _info(client).get("aof_enabled") == "1":
                _rewrite_log(client)

    def _close_ledger(self) -> None:
        if self._ledger is not None:
            self._ledger.close()
            self._ledger = self._writer = None


def _save(client: Redis) -> None:
    """Write everything to the file now, after a save that goes on already.

    Raises:
        RecoveryError: if that cannot be done.
    """
    limit = time.monotonic() + _SAVE_SECONDS
    while True:
        try:
            client.execute_command("SAVE")  # type: ignore[no-untyped-call] # redis-py leaves this one method untyped
        except driver().ResponseError as error:
            if "in progress" not in str(error) or time.monotonic() > limit:
                raise
            time.sleep(0.02)
        else:
            return


def _rewrite_log(client: Redis) -> None:
    """Begin a new append-only log with what is in memory, and wait for it.

    Raises:
        RecoveryError: if it takes too long.
    """
    client.execute_command("BGREWRITEAOF")  # type: ignore[no-untyped-call] # see above
    limit = time.monotonic() + _SAVE_SECONDS
    while "1" in (_info(client).get(f"aof_rewrite_{state}") for state in ("scheduled", "in_progress")):
        if time.monotonic() > limit:
            raise RecoveryError(f"the append-only log was not rewritten in {_SAVE_SECONDS:.0f}s")
        time.sleep(0.02)


def _info(client: Redis) -> dict[str, str]:
    text = client.execute_command("INFO").decode()  # type: ignore[no-untyped-call] # see above
    return dict(line.split(":", 1) for line in text.splitlines() if ":" in line)


def _milliseconds() -> int:
    return int(time.time() * 1000)
