"""Virtual tables: whose rows are read through them, and whether their index still fits.

A full-text or spatial index keeps its data in ordinary tables (its shadows), whose pages differ after
a harmless rebuild. So a table that can be read is compared by what a query returns, and its index is
asked to check itself; what cannot be read (no content of its own, a module that is not loaded) is
compared by what its shadows hold.
"""

from __future__ import annotations

import re
import sqlite3
from dataclasses import dataclass

#: Modules that come with SQLite and keep rows of the user, with the shadows that follow from those rows.
#: https://sqlite.org/fts5.html, section 7; https://sqlite.org/fts3.html, section 9; https://sqlite.org/rtree.html
_MODULES = {
    "fts5": ("content", "data", "idx", "docsize"),
    "fts4": ("content", "segments", "segdir", "docsize", "stat"),
    "fts3": ("content", "segments", "segdir"),
    "rtree": ("node", "parent", "rowid"),
    "rtree_i32": ("node", "parent", "rowid"),
    "geopoly": ("node", "parent", "rowid"),
}
_MODULE = re.compile(r"\busing\s+[\"'`\[]?(\w+)", re.IGNORECASE)
_WITHOUT_CONTENT = re.compile(r"""\bcontent\s*=\s*(''|"")""", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Virtual:
    """One virtual table.

    Attributes:
        name: its name.
        module: what it is made with, in lower case.
        readable: whether a query returns all that the user put in.
    """

    name: str
    module: str
    readable: bool


def virtual_tables(connection: sqlite3.Connection) -> list[Virtual]:
    """Return the virtual tables of the file that keep rows."""
    found = connection.execute("select name, sql from sqlite_schema where type = 'table' and rootpage = 0")
    return [_virtual(connection, str(name), str(sql)) for name, sql in found.fetchall()]


def is_shadow_of(table: str, virtual: Virtual) -> bool:
    """Tell whether what ``table`` holds follows from the rows of ``virtual``."""
    return any(table == f"{virtual.name}_{suffix}" for suffix in _MODULES.get(virtual.module, ()))


def index_damage(connection: sqlite3.Connection) -> list[str]:
    """Let full-text indexes check themselves against their content; ``integrity_check`` looks only at pages."""
    damage = []
    for one in virtual_tables(connection):
        if not (one.module.startswith("fts") and one.readable):
            continue
        name = _quoted(one.name)
        # Rank 1 compares with the content, also where that is another table's.
        extra, value = (", rank", ", 1") if one.module == "fts5" else ("", "")
        try:
            connection.execute(f"insert into {name}({name}{extra}) values ('integrity-check'{value})")
        except sqlite3.DatabaseError as error:
            if "CORRUPT" not in error.sqlite_errorname:
                raise
            damage.append(f"the full-text index {one.name} does not fit its content")
        finally:
            connection.rollback()
    return damage


def _virtual(connection: sqlite3.Connection, name: str, sql: str) -> Virtual:
    found = _MODULE.search(sql)
    module = found[1].lower() if found else ""
    readable = module in _MODULES and not _WITHOUT_CONTENT.search(sql)
    if readable:
        try:
            connection.execute(f"select * from {_quoted(name)} limit 1").fetchone()
        except sqlite3.OperationalError:
            # This build has no such module, or the table that the content is in is gone.
            readable = False
    return Virtual(name, module, readable)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
