"""Installed files compared with the hashes that they were installed with."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from pytest_devsecops.dependencies.environment.distributions import Installed
from pytest_devsecops.dependencies.environment.layout import Layout
from pytest_devsecops.dependencies.environment.records import Entry, Record, read_record, top_level_names

#: "sha256 or better" ("Recording installed projects"): these are guaranteed by hashlib and not weaker.
_STRONG = frozenset({"sha256", "sha384", "sha512", "sha3_256", "sha3_384", "sha3_512", "blake2b", "blake2s"})
_WEAK = frozenset({"md5", "sha1", "sha224", "sha3_224"})

#: What Python imports or a loader maps; a file of data that nobody listed runs nothing.
_CODE = (".py", ".pyc", ".pyo", ".so", ".pyd", ".dll", ".dylib")
_READ_WHOLE = 1 << 24


class Deviation(StrEnum):
    """How a file differs from its distribution's list."""

    CHANGED = "changed"
    OVERWRITTEN = "overwritten"
    MISSING = "missing"
    UNREADABLE = "unreadable"
    NO_HASH = "no-hash"
    WEAK_HASH = "weak-hash"
    UNKNOWN_HASH = "unknown-hash"
    OUTSIDE = "outside"
    UNLISTED = "unlisted"
    SHADOWING = "shadowing"
    NO_LIST = "no-list"


@dataclass(frozen=True, slots=True)
class FileFact:
    """One file that is not as it should be.

    Attributes:
        deviation: how it differs.
        subject: the distribution, as ``name version``; for an unlisted file, those that share its folder.
        file: its name in the list, or its path below its site folder; empty if the list is at fault.
        note: more words: the hash that was used, the distribution that overwrote it, why it is unreadable.
        place: the file or the folder of the metadata.
    """

    deviation: Deviation
    subject: str
    file: str
    note: str
    place: Path


@dataclass(frozen=True, slots=True)
class Integrity:
    """What was compared in one environment, and what differs.

    Attributes:
        compared: how many distributions have a list that was compared.
        hashed: how many files were hashed.
        editable: subjects that are installed from their sources. What their list has is compared like
            any other (a wheel could call itself editable); of the sources nobody keeps hashes.
        bytecode: how many compiled files have no recorded hash, and were not compared.
        unowned: top-level names in the site folders that no distribution lists.
        facts: the deviations.
    """

    compared: int
    hashed: int
    editable: tuple[str, ...]
    bytecode: int
    unowned: tuple[str, ...]
    facts: tuple[FileFact, ...]


def compare(installed: Sequence[Installed], layout: Layout) -> Integrity:
    """Hash every listed file of ``installed``, and look for code beside them that nobody lists."""
    editable = [one for one in installed if one.project is not None]
    records = [read_record(one) for one in installed]
    # What setup.py develop leaves has no list at all.
    judged = [one for one in records if not (one.installed.is_legacy and one.installed.project is not None)]
    facts = [fact for record in judged for fact in _list_facts(record)]
    # Hashing releases the interpreter's lock, and reading waits for the disk.
    with ThreadPoolExecutor(max_workers=min(8, (os.cpu_count() or 1) + 2)) as pool:
        found = list(pool.map(_file_facts, judged))
    facts += _with_culprits([fact for some in found for fact in some], judged)
    listed = {entry.path: _subject(record.installed) for record in records for entry in record.entries}
    unlisted, unowned = _unlisted(layout, records, listed)
    entries = [entry for record in judged for entry in record.entries]
    return Integrity(
        compared=sum(not record.installed.is_legacy and bool(record.entries) for record in judged),
        hashed=sum(entry.algorithm in _STRONG for entry in entries),
        editable=tuple(_subject(one) for one in editable),
        bytecode=sum(not entry.digest and entry.name.endswith((".pyc", ".pyo")) for entry in entries),
        unowned=tuple(unowned),
        facts=(*facts, *unlisted),
    )


def _subject(installed: Installed) -> str:
    return f"{installed.name} {installed.version}"


def _list_facts(record: Record) -> Iterator[FileFact]:
    installed = record.installed
    for problem in record.problems:
        yield FileFact(Deviation.NO_LIST, _subject(installed), "", problem, installed.folder)
    for name in record.outside:
        yield FileFact(Deviation.OUTSIDE, _subject(installed), name, "", installed.folder)


def _file_facts(record: Record) -> list[FileFact]:
    if record.installed.is_legacy:
        return []
    facts = []
    for entry in record.entries:
        found = _compare(entry)
        if found is not None:
            facts.append(FileFact(found[0], _subject(record.installed), entry.name, found[1], Path(entry.path)))
    return facts


def _compare(entry: Entry) -> tuple[Deviation, str] | None:
    if not entry.digest:
        if entry.needs_no_hash:
            return None
        return (Deviation.NO_HASH, "") if os.path.lexists(entry.path) else (Deviation.MISSING, "")
    if entry.algorithm not in _STRONG:
        return Deviation.WEAK_HASH if entry.algorithm in _WEAK else Deviation.UNKNOWN_HASH, entry.algorithm
    try:
        digest = _hash(entry.path, entry.algorithm)
    except FileNotFoundError:
        return Deviation.MISSING, ""
    except OSError as error:
        return Deviation.UNREADABLE, error.strerror or str(error)
    return None if digest == entry.digest else (Deviation.CHANGED, "")


def is_intact(entry: Entry) -> bool:
    """Tell whether a listed file is there with the content that its hash, a strong one, says."""
    return bool(entry.digest) and _compare(entry) is None


def _hash(path: str, algorithm: str) -> str:
    with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - pathlib costs a third of the time here
        size = os.fstat(file.fileno()).st_size
        hashed = hashlib.new(algorithm, file.readall()) if size < _READ_WHOLE else hashlib.file_digest(file, algorithm)
    return base64.urlsafe_b64encode(hashed.digest()).rstrip(b"=").decode("ascii")


def _with_culprits(facts: list[FileFact], records: Iterable[Record]) -> list[FileFact]:
    """Tell a file that another distribution brought from one that nobody owns up to."""
    changed = {str(fact.place) for fact in facts if fact.deviation is Deviation.CHANGED}
    if not changed:
        return facts
    good = {
        entry.path: _subject(record.installed)
        for record in records
        for entry in record.entries
        if entry.path in changed and is_intact(entry)
    }
    return [
        FileFact(Deviation.OVERWRITTEN, fact.subject, fact.file, good[str(fact.place)], fact.place)
        if fact.deviation is Deviation.CHANGED and str(fact.place) in good
        else fact
        for fact in facts
    ]


def _unlisted(layout: Layout, records: Sequence[Record], listed: dict[str, str]) -> tuple[list[FileFact], list[str]]:
    """Return code in distributions' own folders that no list has, and top-level names that nobody owns."""
    facts: list[FileFact] = []
    unowned: list[str] = []
    for site in dict.fromkeys([*layout.site_dirs, *(record.installed.directory for record in records)]):
        folder = os.path.normpath(site)
        owners = _owners(f"{folder}{os.sep}", listed)
        if not owners:
            continue
        unknown = {name for one in records if not one.entries for name in top_level_names(one.installed)}
        modules = {_module(name): sorted(names) for name, names in owners.items()}
        for entry in sorted(os.scandir(folder), key=lambda one: one.name):
            if entry.name in owners:
                if entry.is_dir() and entry.name not in unknown:
                    facts.extend(_unlisted_below(entry.path, folder, listed, sorted(owners[entry.name])))
            elif not _is_metadata(entry.name) and _module(entry.name) not in unknown:
                if _module(entry.name) in modules and (entry.is_dir() or entry.name.endswith(_CODE)):
                    who = ", ".join(modules[_module(entry.name)])
                    facts.append(FileFact(Deviation.SHADOWING, who, entry.name, "", Path(entry.path)))
                else:
                    unowned.append(entry.name)
    return facts, unowned


def _owners(folder: str, listed: dict[str, str]) -> dict[str, set[str]]:
    """Return who has files under each top-level name of a site folder."""
    owners: dict[str, set[str]] = {}
    for path, subject in listed.items():
        if path.startswith(folder):
            owners.setdefault(path[len(folder) :].split(os.sep, 1)[0], set()).add(subject)
    return owners


def _unlisted_below(top: str, site: str, listed: dict[str, str], owners: list[str]) -> Iterator[FileFact]:
    for folder, folders, files in os.walk(top):
        # What Python compiled lies beside its source there, and imports nothing without it.
        folders[:] = [name for name in folders if name != "__pycache__"]
        for name in files:
            path = os.path.join(folder, name)  # noqa: PTH118 - as above
            if path not in listed and (name.endswith(_CODE) or ".so." in name):
                shown = path[len(site) + 1 :].replace(os.sep, "/")
                yield FileFact(Deviation.UNLISTED, ", ".join(owners), shown, "", Path(path))


def _is_metadata(name: str) -> bool:
    return name == "__pycache__" or name.endswith((".dist-info", ".egg-info", ".egg-link", ".pth", ".virtualenv"))


def _module(name: str) -> str:
    """Return the module that a top-level name of a site folder is imported as."""
    return name.split(".", 1)[0] if name.endswith(_CODE) else name
