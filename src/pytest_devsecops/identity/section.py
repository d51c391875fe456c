"""The policy table ``identity``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pytest_devsecops.core.decode import TableReader

#: What a persona may reach: what it owns, what its tenant owns, everything, nothing.
SCOPES = ("own", "tenant", "all", "none")
#: The caller who is not logged in; every target has it.
ANONYMOUS = "anonymous"
#: The key of a cell that nobody looks at: ``{ignore = "the reason"}``.
IGNORE = "ignore"


@dataclass(frozen=True, slots=True)
class IdentityPolicy:
    """What the policy says about identity flows.

    Attributes:
        urls: addresses beyond this machine that checks may send requests to.
        destructive_urls: those of them where checks may create, lock and delete accounts.
        access: who may do what: ``"GET /orders/{order}" -> {"customer": "own", …}``; a cell is a
            scope, or ``{"ignore": reason}``.
        ignore: operations that the matrix leaves out, with the reason; ``*`` stands for any text.
    """

    urls: tuple[str, ...] = ()
    destructive_urls: tuple[str, ...] = ()
    access: Mapping[str, Mapping[str, str | Mapping[str, str]]] = field(default_factory=dict)
    ignore: Mapping[str, str] = field(default_factory=dict)


def read_section(reader: TableReader) -> IdentityPolicy:
    """Decode ``[tool.devsecops.identity]``."""
    ignored = reader.table("ignore")
    policy = IdentityPolicy(
        urls=reader.strings("urls"),
        destructive_urls=reader.strings("destructive_urls"),
        access={
            operation: {persona: _cell(row, persona) for persona in row.keys}
            for operation, row in reader.tables("access").items()
        },
        ignore={operation: ignored.string(operation, required=True) for operation in ignored.keys},
    )
    reader.finish()
    return policy


def _cell(row: TableReader, persona: str) -> str | Mapping[str, str]:
    if not isinstance(row.raw(persona), dict):
        return row.string(persona, choices=SCOPES)
    cell = row.table(persona)
    reason = cell.string(IGNORE, required=True)
    cell.finish()
    return {IGNORE: reason}
