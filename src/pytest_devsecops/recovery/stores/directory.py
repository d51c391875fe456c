"""A directory tree: contents, modes, owners, links, attributes, empty folders."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Unpack

from pytest_devsecops.core.errors import UsageError
from pytest_devsecops.core.findings import Finding
from pytest_devsecops.core.text import did_you_mean, shown_path
from pytest_devsecops.recovery.compare import reason_to_ignore
from pytest_devsecops.recovery.model import (
    Access,
    Action,
    Behaviours,
    Instance,
    Kind,
    LedgerState,
    RecoveryError,
    Row,
    Snapshot,
    StoreOptions,
)
from pytest_devsecops.recovery.stores import trees
from pytest_devsecops.recovery.stores.options import CommonOptions, empty_finding, read_options
from pytest_devsecops.recovery.stores.populating_trees import TreeTables
from pytest_devsecops.recovery.workspace import move_away, remove

_NOTHING: Mapping[str, str] = MappingProxyType({})
#: The ledger's file of acknowledged writes, one number a line.
_ENTRIES = "entries"
_BACKUP = """
import os, tarfile
with tarfile.open(os.path.join(os.environ["BACKUP_DIR"], "tree.tar"), "w", format=tarfile.PAX_FORMAT) as archive:
    archive.add(os.environ[{variable!r}], arcname=".")
"""
_RESTORE = """
import os, tarfile
with tarfile.open(os.path.join(os.environ["BACKUP_DIR"], "tree.tar")) as archive:
    # Python 3.11.4 brought filters; before, everything was trusted.
    trust = dict(filter="fully_trusted") if hasattr(tarfile, "fully_trusted_filter") else dict()
    archive.extractall(os.environ[{variable!r}], **trust)
"""


class DirectoryInstance:
    """One tree that a drill owns.

    Args:
        folder: a folder of its own; the tree is a folder in it.
        variable: the environment variable that tells the tree's path.
        times: whether the files' times of modification count.
        ignore: the differences to ignore, with the reasons; a file among them is no row.
    """

    def __init__(self, folder: Path, variable: str, *, times: bool, ignore: Mapping[str, str] = _NOTHING) -> None:
        self.folder = folder
        self._variable = variable
        self._times = times
        self._ignore = ignore
        self.path.mkdir(exist_ok=True)

    @property
    def path(self) -> Path:
        """Where the tree is now."""
        return self.folder / "tree"

    def access(self, *, role: bool) -> Access:  # noqa: ARG002 - a tree knows no roles
        """Return the path, as a variable and as the field ``{path}``."""
        return Access(variables={self._variable: str(self.path)}, fields={"path": str(self.path)})

    def finish(self, until: Mapping[str, str]) -> None:
        """Check that there is a tree."""
        if until:
            raise RecoveryError("a directory has no point-in-time recovery", remedy="remove until= from the procedure")
        if not self.path.is_dir():
            raise RecoveryError(f"there is no folder at {self._variable}", remedy="let the restore make it again")

    def snapshot(self) -> Snapshot:
        """Return every entry with its mode, owner, link and attributes, and the files' contents."""
        return trees.snapshot(trees.Reading(self.path, f"${self._variable}", self._times, self._ignore))

    def read_rows(self, container: str) -> Iterator[Row]:  # noqa: ARG002 - a tree has one container
        """Return the files with the digests of their contents, by name."""
        found = {shown_path(path.relative_to(self.path)): path for path in trees.regular_files(self.path)}
        for name in sorted(found):
            if reason_to_ignore(f"file:{name}", self._ignore) is not None:
                continue
            yield Row((name,), {"name": name, "content": trees.digest(found[name])}, ("name",))

    def probe(self) -> None:
        """Write a file durably and read it back."""
        place = self.path / trees.PROBE
        try:
            with place.open("wb") as handle:
                handle.write(b"probe")
                handle.flush()
                os.fsync(handle.fileno())
            place.read_bytes()
            place.unlink()
        except OSError as error:
            raise RecoveryError(f"cannot be read and written: {error.strerror}") from error

    def behaviours(self) -> Behaviours:
        """A tree has none beyond what the probe tried."""
        return Behaviours(1)

    def grow(self) -> None:
        """Copy the tree once more into itself."""
        copy = self.folder / "growth"
        trees.copy_tree(self.path, copy)
        copy.rename(self.path / f"devsecops-copy-{len(list(self.path.iterdir()))}")

    def open_ledger(self, nonce: str) -> None:
        """Make the ledger's folder, with a file for the nonce and one for the entries."""
        place = self.path / trees.LEDGER
        place.mkdir()
        (place / "nonce").write_text(nonce, encoding="ascii")
        (place / _ENTRIES).touch()

    def write_ledger(self, number: int) -> None:
        """Append one line durably.

        A file of its own for each entry would change the folder all the time, and ``tar`` fails over a folder that
        changes while it is read.
        """
        with (self.path / trees.LEDGER / _ENTRIES).open("ab") as handle:
            handle.write(b"%d\n" % number)
            handle.flush()
            os.fsync(handle.fileno())

    def read_ledger(self) -> LedgerState:
        """Return the entries; none if the procedure did not bring the folder. A line without its end is none."""
        place = self.path / trees.LEDGER
        if not (place / "nonce").is_file():
            return LedgerState(None, frozenset())
        entries = place / _ENTRIES
        lines = entries.read_bytes().split(b"\n")[:-1] if entries.is_file() else []
        numbers = frozenset(int(line) for line in lines if line.isdigit())
        return LedgerState((place / "nonce").read_text(encoding="ascii", errors="replace"), numbers)

    @contextlib.contextmanager
    def open_tables(self) -> Iterator[TreeTables]:
        """Open the tree for generated entries."""
        yield TreeTables(self.path)

    def lose(self) -> None:
        """Move the tree out of reach."""
        self.folder = move_away(self.folder)

    def revive(self) -> None:
        """Nothing to do: the moved tree can be read."""

    def close(self) -> None:
        """Remove the tree."""
        remove(self.folder)
        if self.folder.exists():
            trees.make_changeable(self.folder)
            remove(self.folder)


class DirectoryStore:
    """A directory tree.

    Args:
        options: the common options.
        variable: the environment variable that tells the procedure the tree's path.
    """

    label = "directory"

    def __init__(self, options: StoreOptions, *, variable: str, times: bool) -> None:
        self._options = options
        self._variable = variable
        self._times = times

    @property
    def options(self) -> StoreOptions:
        """What every store can be told."""
        return self._options

    def template(self, room: Path) -> DirectoryInstance:
        """Return an empty tree; ``prepare`` fills it."""
        return DirectoryInstance(room, self._variable, times=self._times, ignore=self._options.ignore)

    def source(self, template: Instance, room: Path) -> DirectoryInstance:
        """Copy the prepared tree with everything that it has."""
        if not isinstance(template, DirectoryInstance):
            raise UsageError(f"a directory is copied from a directory, not from {type(template).__name__}")
        trees.copy_tree(template.path, room / "tree")
        return DirectoryInstance(room, self._variable, times=self._times, ignore=self._options.ignore)

    def target(self, room: Path, kind: Kind) -> DirectoryInstance:  # noqa: ARG002 - files are files
        """Return an empty tree."""
        return DirectoryInstance(room, self._variable, times=self._times, ignore=self._options.ignore)

    def builtin(self, name: str) -> tuple[Action, Action, Kind]:
        """Return ``archive``: a tar archive in the PAX format, which keeps modes, owners and links."""
        if name != "archive":
            raise UsageError(f"directory has no built-in procedure {name!r}: {did_you_mean(name, ['archive'])}")
        backup, restore = (text.format(variable=self._variable) for text in (_BACKUP, _RESTORE))
        return [sys.executable, "-I", "-c", backup], [sys.executable, "-I", "-c", restore], "logical"

    def tolerates(self, kind: str, key: str, before: str | None, after: str | None) -> bool:  # noqa: ARG002 - the protocol's signature
        """Nothing in a tree changes by itself; holes in sparse files are not even read."""
        return False

    def completeness(self, template: Instance) -> Iterable[Finding]:
        """Tell a tree without files."""
        if not isinstance(template, DirectoryInstance):
            raise UsageError(f"a directory's template is a directory, not {type(template).__name__}")
        if next(trees.regular_files(template.path), None) is None and "files" not in self._options.empty:
            yield empty_finding("files", "prepare= wrote no file")


def directory(
    *, variable: str = "DIRECTORY_PATH", times: bool = False, **common: Unpack[CommonOptions]
) -> DirectoryStore:
    """Describe a directory tree that must survive its loss.

    The procedure gets its path in ``variable``; ``env=`` can use ``{path}``.

    Args:
        variable: the environment variable with the tree's path.
        times: whether the files' times of modification have to come back, to the second. Most applications
            do not care, and many good procedures do not keep them.
        **common: see ``CommonOptions``.

    Raises:
        UsageError: if an argument cannot mean anything.
    """
    return DirectoryStore(read_options("directory", ("variable", "times"), **common), variable=variable, times=times)
