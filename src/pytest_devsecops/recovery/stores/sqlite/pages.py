"""A SQLite file as pages: which of them two files share, and which belong to which table.

Format: https://sqlite.org/fileformat2.html, whose sections the functions name. Nothing here is written.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

_HEADER, _WAL_HEADER, _FRAME_HEADER = 100, 32, 24
_INTERIOR_TABLE, _LEAF_TABLE = 5, 13
_CHUNK_PAGES = 256
#: Bytes of the header that must agree before pages mean the same: page size to payload fractions,
#: schema format, auto-vacuum and encoding (section 1.3).
_FORMAT = ((16, 18), (20, 24), (44, 48), (52, 60), (64, 68))
_AUTO_VACUUM = slice(52, 56)


class PageError(Exception):
    """The file's structure is not what these functions know; nothing is told about it."""


class PageFile:
    """One database file and its write-ahead log.

    Args:
        path: the file; nobody writes to it.

    Raises:
        PageError: if it is no database or keeps pointer maps, which move with every page.
    """

    def __init__(self, path: Path) -> None:
        self._main = path
        with path.open("rb") as handle:
            header = handle.read(_HEADER)
        if len(header) < _HEADER or any(header[_AUTO_VACUUM]):
            raise PageError
        size = int.from_bytes(header[16:18])
        self.size = 65536 if size == 1 else size
        self.format = tuple(header[start:end] for start, end in _FORMAT)
        self._usable = self.size - header[20]
        self._log = path.with_name(path.name + "-wal")
        self._frames = self._read_log()
        self.logged = frozenset(self._frames)
        self.count = max([path.stat().st_size // self.size, *self._frames])

    def page(self, number: int) -> bytes:
        """Return the newest content of a page; pages are numbered from 1.

        Raises:
            PageError: if there is none.
        """
        place = self._frames.get(number)
        with (self._main if place is None else self._log).open("rb", buffering=0) as handle:
            handle.seek((number - 1) * self.size if place is None else place)
            content = handle.read(self.size)
        if number < 1 or len(content) < self.size:
            raise PageError
        return content

    def tree(self, root: int) -> set[int]:
        """Return the pages of a table's b-tree with its overflow pages (sections 1.6 and 1.7).

        Raises:
            PageError: if it is no b-tree of a table with row ids.
        """
        found: set[int] = set()
        open_ = [root]
        while open_:
            number = open_.pop()
            if number in found:
                raise PageError
            found.add(number)
            content = self.page(number)
            start = _HEADER if number == 1 else 0
            cells = struct.unpack_from(">H", content, start + 3)[0]
            interior = content[start] == _INTERIOR_TABLE
            if not interior and content[start] != _LEAF_TABLE:
                raise PageError
            pointers = struct.unpack_from(f">{cells}H", content, start + (12 if interior else 8))
            if interior:
                open_ += [struct.unpack_from(">I", content, place)[0] for place in (start + 8, *pointers)]
            else:
                for place in pointers:
                    found.update(self._overflow(content, place))
        return found

    def free(self) -> set[int]:
        """Return the pages of the free list (section 1.5)."""
        found: set[int] = set()
        trunk = struct.unpack_from(">I", self.page(1), 32)[0]
        while trunk:
            content = self.page(trunk)
            following, leaves = struct.unpack_from(">II", content)
            if trunk in found or leaves > self.size // 4:
                raise PageError
            found.add(trunk)
            found.update(struct.unpack_from(f">{leaves}I", content, 8))
            trunk = following
        return found

    def _overflow(self, content: bytes, place: int) -> Iterator[int]:
        """Return the overflow pages of the cell at ``place`` of a leaf (section 1.6, "B-tree Cell Format")."""
        payload, place = _varint(content, place)
        _, place = _varint(content, place)
        local = self._usable - 35
        if payload <= local:
            return
        smallest = (self._usable - 12) * 32 // 255 - 23
        kept = smallest + (payload - smallest) % (self._usable - 4)
        number = struct.unpack_from(">I", content, place + (kept if kept <= local else smallest))[0]
        for _ in range(payload // (self._usable - 4) + 1):
            if not number:
                return
            yield number
            number = struct.unpack_from(">I", self.page(number))[0]

    def _read_log(self) -> dict[int, int]:
        """Return where the log holds the newest content of a page (section 4.1); stale frames count too.

        Stale ones only make a page look newer than it is, and a page that is logged is never taken as equal.
        """
        if not self._log.is_file():
            return {}
        frames: dict[int, int] = {}
        with self._log.open("rb") as handle:
            salts = handle.read(_WAL_HEADER)[16:24]
            place = _WAL_HEADER
            while len(header := handle.read(_FRAME_HEADER)) == _FRAME_HEADER:
                number = int.from_bytes(header[:4])
                if header[8:16] == salts or number not in frames:
                    frames[number] = place + _FRAME_HEADER
                place += _FRAME_HEADER + self.size
                handle.seek(place)
        return frames


def different_pages(first: PageFile, second: PageFile, first_path: Path, second_path: Path) -> set[int]:
    """Return the numbers of pages that differ, exist in one file only, or stand in a log."""
    differing = set(first.logged | second.logged)
    shared = min(first.count, second.count)
    differing.update(range(shared + 1, max(first.count, second.count) + 1))
    with first_path.open("rb", buffering=0) as one, second_path.open("rb", buffering=0) as other:
        for start in range(0, shared, _CHUNK_PAGES):
            mine, theirs = one.read(_CHUNK_PAGES * first.size), other.read(_CHUNK_PAGES * first.size)
            if mine != theirs:
                differing.update(_different(start, mine, theirs, first.size, shared))
    return differing


def _different(start: int, mine: bytes, theirs: bytes, size: int, shared: int) -> Iterator[int]:
    for index in range(min(_CHUNK_PAGES, shared - start)):
        part = slice(index * size, (index + 1) * size)
        if mine[part] != theirs[part]:
            yield start + index + 1


def _varint(content: bytes, place: int) -> tuple[int, int]:
    """Return the number at ``place`` and the place after it (section 1.6, "varint")."""
    value = 0
    for index in range(9):
        byte = content[place + index]
        if index == 8:  # noqa: PLR2004 - the ninth byte counts whole
            return value << 8 | byte, place + 9
        value = value << 7 | byte & 0x7F
        if byte < 0x80:  # noqa: PLR2004 - the last byte has no high bit
            return value, place + index + 1
    raise PageError
