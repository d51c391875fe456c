"""``access_matches``: who may do what is what the matrix says, and every operation is in it.

ASVS 5.0 V8.1.1, V8.2.1 to V8.2.3, V8.3.2, V8.4.1; WSTG-ATHZ-02 to 04.
"""

from __future__ import annotations

from collections.abc import Mapping

from pytest_devsecops.identity.checks.access.fields import examine_fields
from pytest_devsecops.identity.checks.access.functions import FunctionAccess, ListAccess
from pytest_devsecops.identity.checks.access.ledger import Ledger
from pytest_devsecops.identity.checks.access.matrix import NAME, Comparison, Matrix, Row, compare, no_inventory
from pytest_devsecops.identity.checks.access.objects import ObjectAccess
from pytest_devsecops.identity.checks.access.people import People
from pytest_devsecops.identity.checks.access.roles import examine_roles
from pytest_devsecops.identity.checks.access.spellings import examine_spellings
from pytest_devsecops.identity.errors import IdentityError
from pytest_devsecops.identity.examination import Examination
from pytest_devsecops.identity.live import Live, unverified


def access_matches(live: Live, seen: Examination, matrix: Matrix, ignore: Mapping[str, str]) -> None:
    """Compare the matrix with the application's operations, then with what it lets people do.

    Args:
        live: the open target.
        seen: filled in.
        matrix: cells by operation and kind of persona.
        ignore: operations that are left out, with the reason.
    """
    if not matrix:
        fix = "declare it in [tool.devsecops.identity.access], or pass it: access_matches({...})"
        seen.findings.append(unverified(NAME, "no-matrix", "no matrix says who may do what", fix))
        return
    inventory = live.target.inventory() if live.target.inventory is not None else None
    if inventory is None:
        seen.findings.append(no_inventory())
        return
    compared = compare(matrix, ignore, inventory, live.target.personas, live.target.payloads)
    seen.findings.extend(compared.findings)
    people, ledger = People(live, compared.rows), Ledger()
    for row in compared.rows:
        _examine(people, ledger, row)
    examine_fields(people, ledger)
    examine_roles(people, ledger)
    spellings, silent = examine_spellings(people, ledger, inventory)
    seen.evidence.update(spellings=spellings, spellings_not_judged=silent)
    seen.findings.extend(ledger.findings)
    _report(seen, compared, ledger, len(inventory))


def _examine(people: People, ledger: Ledger, row: Row) -> None:
    """Examine one operation; what keeps it from being examined is noted, and the others go on."""
    if not row.granted():
        why = "nobody may use it, so nothing shows that a call would work"
        ledger.unknown(row, "no-known-good", why, "add a persona who may use it, or ignore it with the reason")
        return
    try:
        if people.parameters(row):
            ObjectAccess(people, ledger, row).examine()
        elif row.writes:
            FunctionAccess(people, ledger, row).examine()
        else:
            ListAccess(people, ledger, row).examine()
    except IdentityError as error:
        ledger.unknown(row, "control-failed", str(error), error.remedy)


def _report(seen: Examination, compared: Comparison, ledger: Ledger, operations: int) -> None:
    seen.examined.update(operations=len(compared.rows), cells=ledger.cells, attempts=ledger.attempts)
    seen.evidence.update(
        inventory=operations,
        judged_by=ledger.oracles,
        ignored_operations=compared.ignored,
        ignored_cells={
            f"{row.operation} for {kind}": why for row in compared.rows for kind, why in row.skipped.items()
        },
        provided_by_framework=compared.provided,
    )
    seen.exercised.update(ledger.exercised)
    seen.exercised.add("asvs:v5.0.0-8.1.1")
    seen.summary = (
        f"{len(compared.rows)} operations let people do what the matrix says, and nothing else: "
        f"{ledger.attempts} attempts, known-good cases before and after"
    )
