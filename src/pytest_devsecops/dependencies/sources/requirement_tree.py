"""A requirements file and all files that it includes, as entries, options and problems."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pytest_devsecops.core.findings import Finding, Location
from pytest_devsecops.core.redaction import without_credentials
from pytest_devsecops.dependencies.model import OptionName, ReadContext, SourceError, SourceOption, unreadable
from pytest_devsecops.dependencies.sources.links import path_in, split_url
from pytest_devsecops.dependencies.sources.requirement_forms import Form, read_editable, read_requirement
from pytest_devsecops.dependencies.sources.requirement_lines import LogicalLine, decode, logical_lines
from pytest_devsecops.dependencies.sources.requirement_options import BadLineError, LineParts, split_line

_REMOTE = re.compile(r"https?:", re.IGNORECASE)
_FILE_URL = re.compile(r"file:", re.IGNORECASE)
_URLS = (OptionName.INDEX_URL, OptionName.EXTRA_INDEX_URL, OptionName.FIND_LINKS)


@dataclass(frozen=True, slots=True)
class Entry:
    """One requirement or constraint.

    Attributes:
        form: what it says.
        hashes: from its options and from its URL.
        has_hash_options: whether it has any from options.
        constraint: whether it stands in a constraints file.
        comments: the comments that belong to it.
        location: its place.
    """

    form: Form
    hashes: tuple[str, ...]
    has_hash_options: bool
    constraint: bool
    comments: tuple[str, ...]
    location: Location


@dataclass(frozen=True, slots=True)
class FileRead:
    """One file of the tree, by its path below the root."""

    name: str
    sha256: str
    included_by: str


@dataclass(slots=True)
class Tree:
    """Everything that the files say, in pip's order: an include stands where its line stands."""

    entries: list[Entry] = field(default_factory=list)
    options: list[SourceOption] = field(default_factory=list)
    problems: list[Finding] = field(default_factory=list)
    files: list[FileRead] = field(default_factory=list)


def read_tree(path: Path, context: ReadContext) -> Tree:
    """Read ``path`` and what it includes.

    Raises:
        SourceError: if pip refuses one of the files; ``place`` is the file and line, and the
            message says who included it.
    """
    tree = Tree()
    start = Path(os.path.normpath(path.absolute()))
    _TreeReader(tree, context, (context.root, start.parent)).read(start, (), constraint=False)
    return tree


@dataclass(frozen=True, slots=True)
class _Include:
    """The line that included a file."""

    file: Path
    location: Location


class _TreeReader:
    def __init__(self, tree: Tree, context: ReadContext, folders: Sequence[Path]) -> None:
        self._tree = tree
        self._context = context
        self._folders = folders

    def read(self, path: Path, chain: tuple[_Include, ...], *, constraint: bool) -> None:
        name = self._context.shown(path)
        text = self._text(path, name, chain)
        for line in logical_lines(text, self._context.environ):
            location = Location(name, line.number)
            try:
                self._line(line, path, chain, location, constraint=constraint)
            except BadLineError as error:
                raise SourceError(f"{error}{_told(chain)}", place=str(location), remedy=error.remedy) from error

    def _text(self, path: Path, name: str, chain: tuple[_Include, ...]) -> str:
        try:
            data = path.read_bytes()
        except OSError as error:
            raise SourceError(
                f"{name} cannot be read: {error.strerror}{_told(chain[:-1])}",
                place=str(chain[-1].location) if chain else name,
                remedy="correct the path; it starts at the folder of the file that includes it",
            ) from error
        includer = chain[-1].location.path if chain else ""
        if all(file.name != name for file in self._tree.files):
            self._tree.files.append(FileRead(name, hashlib.sha256(data).hexdigest(), includer))
        try:
            return decode(data)
        except (UnicodeDecodeError, LookupError) as error:
            raise SourceError(
                f"cannot be decoded: {error}{_told(chain)}",
                place=name,
                remedy="save it as UTF-8, or declare its encoding in the first line: # -*- coding: latin-1 -*-",
            ) from error

    def _line(
        self, line: LogicalLine, path: Path, chain: tuple[_Include, ...], location: Location, *, constraint: bool
    ) -> None:
        parts = split_line(line.text)
        if parts.requirement or parts.editables:
            self._entry(line, parts, location, constraint=constraint)
        elif parts.requirements or parts.constraints:
            self._include(parts, path, (*chain, _Include(path, location)))
        else:
            self._options(parts, path, location)
            if parts.hashes:
                self._ignored(["--hash without a requirement"], location)
        self._ignored([repr(word) for word in parts.stray], location)

    def _entry(self, line: LogicalLine, parts: LineParts, location: Location, *, constraint: bool) -> None:
        if parts.editables:
            # pip takes text before `-e` for the editable itself.
            form = read_editable(parts.requirement or parts.editables[0], self._folders)
            ignored = [*parts.editables[0 if parts.requirement else 1 :], *(f"--hash={one}" for one in parts.hashes)]
            options: tuple[str, ...] = ()
        else:
            form, ignored, options = read_requirement(parts.requirement, self._folders), [], parts.hashes
        if constraint:
            _check_constraint(form)
        ignored += [*parts.requirements, *parts.constraints, *(f"--{name}" for name, _ in parts.options)]
        self._ignored(ignored, location)
        hashes = tuple(dict.fromkeys((*options, *form.hashes)))
        self._tree.entries.append(Entry(form, hashes, bool(options), constraint, line.comments, location))

    def _include(self, parts: LineParts, path: Path, chain: tuple[_Include, ...]) -> None:
        here = chain[-1].location
        constraint = not parts.requirements
        target, *rest = (*parts.requirements, *parts.constraints)
        self._ignored([*rest, *(f"--{name}" for name, _ in parts.options)], here)
        if _REMOTE.match(target):
            shown = without_credentials(target)
            message = f"{shown} is included but not fetched, so what it asks for is unknown"
            fix = "keep a copy of the file in the project, and include that"
            self._tree.problems.append(unreadable(shown, message, fix=fix, location=here))
            return
        included = _included_path(target, path)
        if any(step.file == included for step in chain):
            raise BadLineError(f"{target!r} leads back to a file that is being read", "remove one of the includes")
        self.read(included, chain, constraint=constraint)

    def _options(self, parts: LineParts, path: Path, location: Location) -> None:
        # Of several on one line pip takes the last index and the first links.
        index = next((value for name, value in reversed(parts.options) if name is OptionName.INDEX_URL), None)
        links = next((value for name, value in parts.options if name is OptionName.FIND_LINKS), None)
        taken = {OptionName.INDEX_URL: index, OptionName.FIND_LINKS: links}
        for name, value in dict.fromkeys(parts.options):
            if value != taken.get(name, value):
                self._ignored([f"--{name} {value}"], location)
            elif value or name is not OptionName.INDEX_URL:
                self._tree.options.append(SourceOption(name, self._shown(name, value, path), location.path, location))

    def _shown(self, name: OptionName, value: str, path: Path) -> str:
        """Return a value as the graph has it: links from the root if the file's folder has them, no secrets."""
        if name is OptionName.FIND_LINKS and (path.parent / value).exists():
            return self._context.shown(path.parent / value)
        return without_credentials(value) if name in _URLS else value

    def _ignored(self, words: Sequence[str], location: Location) -> None:
        if words:
            message = f"pip ignores {', '.join(map(without_credentials, words))} where it stands"
            fix = "give it a line of its own, or remove it"
            self._tree.problems.append(unreadable(location.path, message, fix=fix, location=location))


def _check_constraint(form: Form) -> None:
    remedy = "move it to a requirements file"
    if form.origin.editable:
        raise BadLineError("a constraint cannot be editable", remedy)
    if not form.named_by_pip:
        raise BadLineError("a constraint needs a name", "write it as `name @ URL`")
    if form.extras:
        raise BadLineError("a constraint cannot have extras", "remove the extras")


def _included_path(target: str, includer: Path) -> Path:
    if not _FILE_URL.match(target):
        return Path(os.path.normpath(includer.parent / target))
    parts = split_url(target)
    if parts.netloc not in ("", "localhost"):
        raise BadLineError(f"{target!r} names a host, and a file URL cannot", "write file:///path")
    # To pip a `file:` URL starts at the root of the file system, however many slashes it has.
    return Path(os.path.normpath("/" + path_in(parts.path)))


def _told(chain: Sequence[_Include]) -> str:
    return f" (included by {', by '.join(str(step.location) for step in reversed(chain))})" if chain else ""
