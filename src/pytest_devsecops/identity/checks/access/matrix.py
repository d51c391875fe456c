"""Who may do what, as declared, and how that compares with the operations that the application has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase

from pytest_devsecops.core.errors import UsageError
from pytest_devsecops.core.findings import Finding
from pytest_devsecops.core.text import did_you_mean
from pytest_devsecops.identity.inventory.paths import ANY, shape
from pytest_devsecops.identity.live import unverified
from pytest_devsecops.identity.payload import NO_PAYLOAD, Payload
from pytest_devsecops.identity.section import ANONYMOUS, IGNORE, SCOPES
from pytest_devsecops.identity.target import Operation

NAME = "identity.access_matches"

#: A cell: a scope, or ``{"ignore": reason}``.
Cell = str | Mapping[str, str]
Matrix = Mapping[str, Mapping[str, Cell]]

_DOCUMENTED = ("asvs:v5.0.0-8.1.1",)


@dataclass(frozen=True, slots=True)
class Row:
    """One operation of the matrix.

    Attributes:
        operation: as declared; its path is the inventory's where only a final slash differs.
        cells: scopes by kind of persona; an anonymous caller may do nothing unless its cell says so.
        skipped: kinds whose cells are ignored, with the reason.
        payload: what is sent with it.
    """

    operation: Operation
    cells: Mapping[str, str]
    skipped: Mapping[str, str] = field(default_factory=dict)
    payload: Payload = NO_PAYLOAD

    def granted(self) -> list[str]:
        """Return the kinds that may use the operation on something."""
        return [kind for kind, scope in self.cells.items() if scope != "none"]

    @property
    def writes(self) -> bool:
        """Whether it may change something (RFC 9110, section 9.2.1)."""
        return self.operation.method not in ("GET", "HEAD", "OPTIONS", "QUERY")


@dataclass(slots=True)
class Comparison:
    """The matrix beside the inventory.

    Attributes:
        rows: what is declared, complete and there.
        findings: where the two differ.
        ignored: operations that are left out, with the reason.
        provided: operations that the framework brings along and nobody declared.
    """

    rows: list[Row] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    ignored: dict[str, str] = field(default_factory=dict)
    provided: list[str] = field(default_factory=list)


def compare(
    matrix: Matrix,
    ignore: Mapping[str, str],
    inventory: Sequence[Operation],
    kinds: Iterable[str],
    payloads: Mapping[str, Payload],
) -> Comparison:
    """Compare the matrix with the inventory.

    Args:
        matrix: cells by operation and kind of persona.
        ignore: reasons by operation; ``*`` in it stands for any text.
        inventory: every operation that the application has.
        kinds: the kinds of persona that the target has.
        payloads: what the test suite says is sent with operations.

    Raises:
        UsageError: if the matrix cannot be read, or ``ignore`` has no reason.
    """
    seen = Comparison()
    known = set(kinds) | {ANONYMOUS}
    known_payloads = {_key(Operation.parse(text)): payload for text, payload in payloads.items()}
    declared = {_key(Operation.parse(text)): text for text in matrix}
    for text, cells in matrix.items():
        found = _find(Operation.parse(text), inventory)
        if found is None:
            near = did_you_mean(text, [str(one) for one in inventory])
            message = f"the matrix declares {text}, and the application has no such operation; {near}"
            seen.findings.append(Finding("declared-but-absent", text, message, "correct or remove it", _DOCUMENTED))
            continue
        # Where the framework does not say the method, only what is declared does.
        given = known_payloads.get(_key(Operation.parse(text)))
        row = _row(text, cells, known, given or found.payload or NO_PAYLOAD, found)
        seen.findings.extend(_gaps(row, text, known))
        seen.rows.append(row)
    _add_undeclared(seen, declared, ignore, inventory)
    return seen


def _row(text: str, cells: Mapping[str, Cell], known: set[str], payload: Payload, found: Operation) -> Row:
    strangers = [kind for kind in cells if kind not in known]
    if strangers:
        hint = did_you_mean(strangers[0], known)
        raise UsageError(f"{text}: the target has no persona {strangers[0]!r}", remedy=hint)
    skipped = {kind: _reason(f"{text}, {kind}", cell) for kind, cell in cells.items() if not isinstance(cell, str)}
    scopes = {kind: cell for kind, cell in cells.items() if isinstance(cell, str)}
    wrong = next((scope for scope in scopes.values() if scope not in SCOPES), None)
    if wrong is not None:
        raise UsageError(f"{text}: {wrong!r} is no scope", remedy=f"use one of {', '.join(SCOPES)}")
    if scopes.get(ANONYMOUS) in ("own", "tenant"):
        raise UsageError(f"{text}: an anonymous caller owns nothing", remedy="use all or none")
    if ANONYMOUS not in skipped:
        scopes.setdefault(ANONYMOUS, "none")
    operation = Operation.parse(text)
    bare = operation.path.rstrip("/")
    path = f"{bare}/" if found.path.endswith("/") else bare or "/"
    return Row(replace(operation, path=path), scopes, skipped, payload)


def _reason(place: str, cell: Mapping[str, str]) -> str:
    reason = cell.get(IGNORE, "")
    if not reason.strip() or len(cell) != 1:
        raise UsageError(f"{place}: this is no scope", remedy=f"use {', '.join(SCOPES)} or {{ignore = 'the reason'}}")
    return reason


def _gaps(row: Row, text: str, known: set[str]) -> list[Finding]:
    return [
        Finding(
            "missing-cell",
            f"{text} for {kind}",
            f"nobody declared what {kind} may do at {text}",
            f"add {kind} = {' | '.join(SCOPES)} to it",
            _DOCUMENTED,
        )
        for kind in sorted(known - row.cells.keys() - row.skipped.keys())
    ]


def _add_undeclared(
    seen: Comparison, declared: Mapping[tuple[str, str], str], ignore: Mapping[str, str], inventory: Sequence[Operation]
) -> None:
    empty = next((text for text, reason in ignore.items() if not reason.strip()), None)
    if empty is not None:
        raise UsageError(f"ignore {empty}: it has no reason", remedy="say why nobody needs to look at it")
    used: set[str] = set()
    for operation in inventory:
        text = str(operation)
        pattern = next((one for one in ignore if _matches(operation, one)), None)
        if _is_declared(operation, declared):
            continue
        if pattern is not None:
            used.add(pattern)
            seen.ignored[text] = ignore[pattern]
        elif operation.provided:
            seen.provided.append(text)
        else:
            message = f"the application has {text}, and nobody declared who may use it"
            fix = "add it to [tool.devsecops.identity.access], or to identity.ignore with the reason"
            seen.findings.append(Finding("undeclared-operation", text, message, fix, _DOCUMENTED))
    seen.findings.extend(
        Finding("ignores-nothing", one, f"ignore {one}: no operation of the application matches", "remove it")
        for one in ignore
        if one not in used
    )


def no_inventory() -> Finding:
    """Return the finding for a target whose operations cannot be known."""
    return unverified(
        NAME,
        "no-inventory",
        "nothing tells which operations the application has, so an undeclared one would go unnoticed",
        "pass inventory=lambda: operations_of_openapi('openapi.json') or another list of operations to the target",
    )


def _key(operation: Operation) -> tuple[str, str]:
    return operation.method, shape(operation.path)


def _find(operation: Operation, inventory: Sequence[Operation]) -> Operation | None:
    wanted = _key(operation)
    exact = next((one for one in inventory if _key(one) == wanted), None)
    return exact or next((one for one in inventory if _key(one) == (ANY, wanted[1])), None)


def _is_declared(operation: Operation, declared: Mapping[tuple[str, str], str]) -> bool:
    if operation.method == ANY:
        return any(path == shape(operation.path) for _, path in declared)
    return _key(operation) in declared


def _matches(operation: Operation, pattern: str) -> bool:
    method, path = parts_of(pattern)
    return fnmatchcase(operation.method, method) and (
        fnmatchcase(operation.path, path) or shape(operation.path) == shape(path)
    )


def parts_of(pattern: str) -> tuple[str, str]:
    """Return the patterns of method and path; a path alone is a GET, and ``*`` alone is everything."""
    method, _, path = pattern.strip().rpartition(" ")
    return method.strip().upper() or ("GET" if path.startswith("/") else ANY), path
