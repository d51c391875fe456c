"""From what was lost and what came back to findings."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import islice

from pytest_devsecops.core.findings import Finding, Status
from pytest_devsecops.core.text import counted
from pytest_devsecops.recovery.compare import Comparison, compare
from pytest_devsecops.recovery.likeness import row_differences
from pytest_devsecops.recovery.loss import Loss
from pytest_devsecops.recovery.model import Difference, Instance, RecoveryError, Row, Snapshot
from pytest_devsecops.recovery.moving import moved
from pytest_devsecops.recovery.rowdiff import RowDifference, describe
from pytest_devsecops.recovery.templates import Template

_CONTAINERS, _ROWS = 20, 5
_TOUCHED = 100_000
_FIX = "make the procedure bring it back, or name it in ignore={…} with the reason"
#: Kinds of differences that bringing something back does not mend.
_FIXES = {
    "data directory": "use the server's own program for physical backups and prepare what it wrote, or name an atomic "
    "snapshot of the disk: ignore={'KIND:*': 'ZFS snapshot'}"
}


def judge_content(
    template: Template, loss: Loss, target: Instance, after: Snapshot
) -> tuple[list[Finding], Comparison]:
    """Compare the target, which holds ``after``, with the source when it was lost; each difference is a finding."""
    store, options = template.store, template.store.options
    comparison = compare(loss.baseline, after, store.tolerates, options.ignore)
    if options.writes:
        kept = tuple(one for one in comparison.differences if not moved(one, template.snapshot, loss.baseline, after))
        comparison = replace(comparison, differences=kept)
    touched = {one.name for one in loss.changed if one.kind == "rows"} if options.writes else set()
    rows = [one for one in comparison.differences if one.kind == "rows"]
    if rows:
        with contextlib.suppress(RecoveryError):
            # What cannot be read again is told without its rows.
            loss.source.revive()
    findings = [
        Finding("damaged", "target", f"what was restored is damaged: {problem}", fix="restore from an intact artefact")
        for problem in after.problems
        if problem not in loss.baseline.problems
    ]
    for number, one in enumerate(comparison.differences):
        if one.kind != "rows":
            findings.append(_finding(one, ""))
        elif one.name in touched and one.change == "altered":
            findings.extend(_untouched_rows(one, template, loss.source, target))
        else:
            findings.extend(_differing_rows(one, loss, target, options.redact, explain=number < _CONTAINERS))
    findings.extend(_unread(loss.baseline, after))
    return findings, comparison


def _unread(before: Snapshot, after: Snapshot) -> Iterator[Finding]:
    """Tell what could not be read: of the source it is not known, of the target it did not come back."""
    for line in before.unread:
        yield Finding("not-read", "snapshot", f"could not be compared: {line}", status=Status.UNVERIFIED)
    for line in after.unread:
        if line not in before.unread:
            fix = "make the procedure bring every file of it, as of one moment"
            yield Finding("unreadable", "target", f"what was restored cannot be read: {line}", fix=fix)


def _finding(one: Difference, more: str) -> Finding:
    message = f"{one.message}: {more}" if more else one.message
    # The kinds of a member of a composite have its name before them.
    fix = next((text.replace("KIND", one.kind) for kind, text in _FIXES.items() if one.kind.endswith(kind)), _FIX)
    return Finding(f"{one.change}-{one.kind.replace(' ', '-')}", one.subject, message, fix=fix, detail=dict(one.detail))


def _differing_rows(
    one: Difference, loss: Loss, target: Instance, redact: tuple[str, ...], *, explain: bool
) -> list[Finding]:
    if not explain or one.change != "altered":
        return [_finding(one, "")]
    try:
        found = list(islice(row_differences(one.name, loss.source, target), _ROWS))
    except RecoveryError as error:
        return [_finding(one, f"the rows cannot be compared one by one: {error.message}")]
    if not found and one.detail["was"] == one.detail["is"]:
        # The same rows in another order: a table without a key keeps none.
        return []
    return [_finding(one, "; ".join(describe(one.name, row, redact) for row in found))]


def _untouched_rows(one: Difference, template: Template, source: Instance, target: Instance) -> list[Finding]:
    """Judge the rows of a container that the user's own writes changed.

    A row that the writes touched (it is not the same before them and at the loss) is the ledger's
    business; every other row must be back as it was.
    """
    differing = list(islice(row_differences(one.name, source, target), _TOUCHED + 1))
    if len(differing) > _TOUCHED:
        message = f"{one.message}; more than {_TOUCHED:,} rows differ, too many to tell those that writes touched"
        return [Finding("too-many-rows", one.subject, message, fix=_FIX)]
    wanted = {row.key for row in differing}
    template.instance.revive()
    quiet: dict[tuple[str, ...], Row] = {
        row.key: row for row in template.instance.read_rows(one.name) if row.key in wanted
    }
    wrong = [row for row in differing if not _touched(row, quiet)]
    if not wrong:
        return []
    examples = "; ".join(describe(one.name, row, template.store.options.redact) for row in wrong[:_ROWS])
    message = f"{one.name}: {counted(len(wrong), 'row')} that no write touched came back different: {examples}"
    return [Finding("altered-rows", one.subject, message, fix=_FIX)]


def _touched(row: RowDifference, quiet: Mapping[tuple[str, ...], Row]) -> bool:
    before = quiet.get(row.key)
    if row.before is None:
        # It came back although it was gone at the loss: fine if the writes deleted it.
        return before is not None and row.after is not None and before.values == row.after.values
    return before is None or before.values != row.before.values
