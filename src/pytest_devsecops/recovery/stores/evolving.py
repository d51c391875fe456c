"""Changes of a schema as migrations make them, in SQL that every database here understands."""

from __future__ import annotations

_KINDS = 3


def migration(number: int, table: str, column: str) -> str:
    """Return the statement of the made-up migration ``number``: a new table, a new column or a new index.

    Args:
        number: counts from 0.
        table: an existing table, quoted; empty if there is none.
        column: a column of it that can be indexed, quoted; empty if there is none.
    """
    name = f"devsecops_new_{number}"
    kind = number % _KINDS
    if kind == 1 and table:
        return f"alter table {table} add column {name} varchar(20) default 'added'"
    if kind == 2 and column:  # noqa: PLR2004 - the third kind
        return f"create index {name} on {table} ({column})"
    return f"create table {name} (id integer primary key, note varchar(20) default 'new')"
