"""The recipe for a SQLite file."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Unpack

from pytest_devsecops.core.errors import UsageError
from pytest_devsecops.core.findings import Finding, Status
from pytest_devsecops.core.text import did_you_mean
from pytest_devsecops.recovery.compare import reason_to_ignore
from pytest_devsecops.recovery.model import Action, Instance, Kind, RecoveryError, StoreOptions
from pytest_devsecops.recovery.stores.options import (
    CommonOptions,
    empty_finding,
    meant_empty,
    read_options,
    version_finding,
)
from pytest_devsecops.recovery.stores.sqlite.instance import OnConnect, SQLiteInstance

_PYTHON_BACKUP = """
import hashlib, os, sqlite3
place = os.path.join(os.environ["BACKUP_DIR"], "database.sqlite3")
source = sqlite3.connect(os.environ[{variable!r}])
target = sqlite3.connect(place)
with target:
    source.backup(target)
target.close()
source.close()
with open(place, "rb") as artefact, open(place + ".blake2b", "w") as seal:
    seal.write(hashlib.file_digest(artefact, "blake2b").hexdigest())
"""
_PYTHON_RESTORE = """
import hashlib, os, sqlite3
place = os.path.join(os.environ["BACKUP_DIR"], "database.sqlite3")
with open(place, "rb") as artefact, open(place + ".blake2b") as seal:
    if hashlib.file_digest(artefact, "blake2b").hexdigest() != seal.read():
        raise SystemExit("the artefact is not the one that the backup sealed")
source = sqlite3.connect(f"file:{{place}}?mode=ro", uri=True)
target = sqlite3.connect(os.environ[{variable!r}])
with target:
    source.backup(target)
target.close()
source.close()
"""

#: A last comment, with what is blank around it; it names the columns.
_COMMENT = re.compile(r"\s*/\*(?:[^*]|\*(?!/))*\*/\s*\Z")


class SQLiteStore:
    """A SQLite database in one file.

    Args:
        options: the common options.
        variable: the environment variable that tells the procedure the file's path.
        filename: the file's name.
        version: the version that production has; another one makes the verdict unverified.
        on_connect: what the application does with every connection before it uses it.
    """

    label = "sqlite"

    def __init__(
        self, options: StoreOptions, *, variable: str, filename: str, version: str, on_connect: OnConnect | None = None
    ) -> None:
        self._options = options
        self._variable = variable
        self._filename = filename
        self._version = version
        self._on_connect = on_connect

    @property
    def options(self) -> StoreOptions:
        """What every store can be told."""
        return self._options

    def template(self, room: Path) -> SQLiteInstance:
        """Return an instance without a file; ``prepare`` makes it."""
        return SQLiteInstance(room, self._filename, self._variable, self._on_connect)

    def source(self, template: Instance, room: Path) -> SQLiteInstance:
        """Copy the prepared file with its write-ahead log."""
        if not isinstance(template, SQLiteInstance):
            raise UsageError(f"a SQLite source is copied from a SQLite template, not from {type(template).__name__}")
        template.rest()
        shutil.copytree(template.folder, room, dirs_exist_ok=True)
        return SQLiteInstance(room, self._filename, self._variable, self._on_connect)

    def target(self, room: Path, kind: Kind) -> SQLiteInstance:  # noqa: ARG002 - a file is a file, however it is filled
        """Return an empty folder; the restore makes the file."""
        return SQLiteInstance(room, self._filename, self._variable, self._on_connect)

    def builtin(self, name: str) -> tuple[Action, Action, Kind]:
        """Return ``sqlite-backup``: the online backup API, sealed with a digest."""
        if name != "sqlite-backup":
            raise UsageError(f"sqlite has no built-in procedure {name!r}: {did_you_mean(name, ['sqlite-backup'])}")
        backup, restore = (text.format(variable=self._variable) for text in (_PYTHON_BACKUP, _PYTHON_RESTORE))
        return [sys.executable, "-I", "-c", backup], [sys.executable, "-I", "-c", restore], "logical"

    def tolerates(self, kind: str, key: str, before: str | None, after: str | None) -> bool:  # noqa: ARG002 - the protocol's signature
        """Tolerate the comment that ``.schema`` of the command line puts behind the definition of a view."""
        if key != "definition" or before is None or after is None:
            return False
        return _COMMENT.sub("", before) == _COMMENT.sub("", after)

    def other_version(self, instance: Instance) -> Iterable[Finding]:
        """Tell if the version is not production's."""
        return (
            version_finding("sqlite", self._version, instance.version) if isinstance(instance, SQLiteInstance) else ()
        )

    def completeness(self, template: Instance) -> Iterable[Finding]:
        """Fill empty tables; tell those that cannot be filled, and a version that differs."""
        if not isinstance(template, SQLiteInstance):
            raise UsageError(f"a SQLite template is a SQLite instance, not {type(template).__name__}")
        if not template.path.is_file():
            raise RecoveryError(
                f"prepare= made no file at {template.path}",
                remedy=f"let it create the database that {self._variable} (or {{path}} in env=) names",
            )
        template.refuse_open_transactions()
        yield from self.other_version(template)
        for table, why in template.fill_empty_tables(partial(meant_empty, self._options)):
            yield empty_finding(table, why)
        for name in template.files_beside():
            if reason_to_ignore(f"file:{name}", self._options.ignore) is None:
                yield _beside(name)


def _beside(name: str) -> Finding:
    return Finding(
        "file-beside",
        f"file:{name}",
        f"{name} lies beside the database and is not looked at, so a procedure that leaves it out would look fine",
        fix=f"give it a store of its own in composite(…), or name it: ignore={{'file:{name}': 'why'}}",
        status=Status.UNVERIFIED,
    )


def sqlite(
    *,
    variable: str = "SQLITE_DATABASE",
    filename: str = "database.sqlite3",
    version: str = "",
    on_connect: OnConnect | None = None,
    **common: Unpack[CommonOptions],
) -> SQLiteStore:
    """Describe a SQLite database that must survive its loss.

    The procedure gets its path in ``variable``; ``env=`` can use ``{path}``.

    Args:
        variable: the environment variable with the file's path.
        filename: the name of the file.
        version: the version of the library in production, such as ``"3.45"``.
        on_connect: called with every connection that the drill opens, to register the collations and functions that
            the schema needs; without them SQLite cannot read such tables or check their indexes.
        **common: see ``CommonOptions``.

    Raises:
        UsageError: if an argument cannot mean anything.
    """
    return SQLiteStore(
        read_options("sqlite", ("variable", "filename", "version", "on_connect"), **common),
        variable=variable,
        filename=filename,
        version=version,
        on_connect=on_connect,
    )
