"""The recipe for a Redis or Valkey server."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal, Unpack

from pytest_devsecops.core.errors import UsageError
from pytest_devsecops.core.findings import Finding, Status
from pytest_devsecops.recovery.compare import reason_to_ignore
from pytest_devsecops.recovery.model import Action, Instance, Kind, StoreOptions
from pytest_devsecops.recovery.stores.options import CommonOptions, read_options, version_finding
from pytest_devsecops.recovery.stores.redis.builtin import find_builtin
from pytest_devsecops.recovery.stores.redis.expiring import Expiring
from pytest_devsecops.recovery.stores.redis.instance import Credentials, RedisInstance
from pytest_devsecops.recovery.stores.redis.server import CONFIG, OURS, WANTED
from pytest_devsecops.recovery.stores.serving import find_program, give
from pytest_devsecops.recovery.workspace import copy_data

Product = Literal["redis", "valkey"]


class RedisStore:
    """A Redis or Valkey server with all its databases, users, settings and functions.

    Args:
        options: the common options.
        product: ``redis`` or ``valkey``.
        version: production's version; empty if nobody said.
        settings: lines for ``redis.conf`` of source and target.
        credentials: who connects.
    """

    def __init__(
        self,
        options: StoreOptions,
        *,
        product: Product,
        version: str,
        settings: Mapping[str, str],
        credentials: Credentials,
    ) -> None:
        self.label = product
        self._options = options
        self._product: Product = product
        self._version = version
        self._settings = dict(settings)
        self._credentials = credentials
        self._template: RedisInstance | None = None
        self._source: RedisInstance | None = None
        self._since = time.time()

    @property
    def options(self) -> StoreOptions:
        """What every store can be told."""
        return self._options

    def template(self, room: Path) -> RedisInstance:
        """Start an empty server."""
        self._template = self._fresh(room, Expiring())
        self._template.server.start()
        return self._template

    def source(self, template: Instance, room: Path) -> RedisInstance:
        """Start a copy of the prepared server."""
        if not isinstance(template, RedisInstance):
            raise UsageError(f"a Redis source is copied from a Redis template, not from {type(template).__name__}")
        template.rest()
        copy_data(template.server.data, room / "data", "--sparse=always")
        self._since = time.time()
        instance = self._source = self._instance(room, template.seen)
        return _started(instance)

    def target(self, room: Path, kind: Kind) -> RedisInstance:
        """Start an empty server, or make a data directory with nothing but the configuration."""
        instance = self._fresh(room, self._source.seen if self._source else Expiring())
        return instance if kind == "physical" else _started(instance)

    def builtin(self, name: str) -> tuple[Action, Action, Kind]:
        """Return ``rdb`` or ``aof``."""
        return find_builtin(self._product, name)

    def tolerates(self, kind: str, key: str, before: str | None, after: str | None) -> bool:  # noqa: ARG002 - the protocol's signature
        """Nothing beside keys changes by itself; keys that expire are told apart in the fingerprint."""
        return False

    def other_version(self, instance: Instance) -> Iterable[Finding]:
        """Tell if the version is not production's."""
        return (
            version_finding(self._product, self._version, instance.server.program.version)
            if isinstance(instance, RedisInstance)
            else ()
        )

    def completeness(self, template: Instance) -> Iterable[Finding]:
        """Tell a version that differs, and a server without keys."""
        if not isinstance(template, RedisInstance):
            raise UsageError(f"a Redis template is a Redis instance, not {type(template).__name__}")
        template.refuse_open_transactions()
        yield from self.other_version(template)
        if not template.snapshot().rows and reason_to_ignore("db0", self._options.empty) is None:
            message = "there is no key after prepare, so that a procedure that brings none would look fine"
            yield Finding(
                "empty-container",
                "rows:db0",
                message,
                fix="let prepare= write some, or name it: empty={'db0': 'why'}",
                status=Status.UNVERIFIED,
            )

    def _instance(self, room: Path, earlier: Expiring) -> RedisInstance:
        program = find_program(WANTED[self._product], self._version)
        return RedisInstance(room, program, self._credentials, earlier, since=self._since)

    def _fresh(self, room: Path, earlier: Expiring) -> RedisInstance:
        instance = self._instance(room, earlier)
        instance.server.data.mkdir()
        lines = [f"{name} {_quoted(value)}" for name, value in self._settings.items()]
        if self._credentials.password:
            lines.append(f"requirepass {_quoted(self._credentials.password)}")
        (instance.server.data / CONFIG).write_text("\n".join([*lines, ""]), "utf-8")
        give(instance.server.data)
        return instance


def _started(instance: RedisInstance) -> RedisInstance:
    try:
        instance.server.start()
    except BaseException:
        instance.close()
        raise
    return instance


def _quoted(value: str) -> str:
    """Return a value for ``redis.conf``; several words stay several words."""
    return (
        value if value and not set(value) & set("\"'#") else '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    )


def redis(
    *,
    version: str = "",
    role: str = "",
    role_password: str = "",
    password: str = "",
    settings: Mapping[str, str] | None = None,
    **common: Unpack[CommonOptions],
) -> RedisStore:
    """Describe a Redis server that must survive its loss.

    The server is one of this machine, started by the drill and never shared. Needs the extra ``redis``
    and Redis 7 or newer. Procedures get ``REDIS_URL``, ``REDIS_HOST``, ``REDIS_PORT``, ``REDIS_SOCKET``,
    ``REDIS_USER``, ``REDIS_DATA`` (the data directory, with ``redis.conf`` in it) and, where there is a
    password, ``REDISCLI_AUTH``; ``env=`` can use ``{host}``, ``{port}``, ``{user}``, ``{password}``,
    ``{dbname}``, ``{socket}`` and ``{path}``.

    Args:
        version: production's version, such as ``"7.2"``; another one makes the verdict unverified.
        role: the user that backups run as in production; ``prepare=`` makes it.
        role_password: its password.
        password: the default user's password (``requirepass``).
        settings: settings of production's configuration, which is not part of the backup.
        **common: see ``CommonOptions``.

    Raises:
        UsageError: if an argument cannot mean anything.
    """
    return _store("redis", version, settings, (password, role, role_password), common)


def valkey(
    *,
    version: str = "",
    role: str = "",
    role_password: str = "",
    password: str = "",
    settings: Mapping[str, str] | None = None,
    **common: Unpack[CommonOptions],
) -> RedisStore:
    """Describe a Valkey server that must survive its loss; everything else is as for ``redis()``.

    Args:
        version: production's version, such as ``"8.1"``; another one makes the verdict unverified.
        role: the user that backups run as in production; ``prepare=`` makes it.
        role_password: its password.
        password: the default user's password (``requirepass``).
        settings: settings of production's configuration, which is not part of the backup.
        **common: see ``CommonOptions``.

    Raises:
        UsageError: if an argument cannot mean anything.
    """
    return _store("valkey", version, settings, (password, role, role_password), common)


def _store(
    product: Product,
    version: str,
    settings: Mapping[str, str] | None,
    login: tuple[str, str, str],
    common: CommonOptions,
) -> RedisStore:
    ours = sorted(OURS.intersection(settings or ()))
    if ours:
        raise UsageError(
            f"{product}(settings={{{ours[0]!r}: …}}) belongs to the drill's own server",
            remedy="leave it out: it is not part of what is compared",
        )
    return RedisStore(
        read_options(product, ("version", "role", "role_password", "password", "settings"), **common),
        product=product,
        version=version,
        settings=settings or {},
        credentials=Credentials(secrets.token_hex(12), *login),
    )
