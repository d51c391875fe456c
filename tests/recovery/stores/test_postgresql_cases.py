"""The reference cases: every faulty procedure is violated with the lost thing named, every repaired twin is met."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pytest_devsecops.core.findings import Status
from pytest_devsecops.recovery import postgresql, procedure
from pytest_devsecops.recovery.family import Recovery
from pytest_devsecops.recovery.stores.postgresql import PostgreSQLStore

pytestmark = pytest.mark.slow

#: What each case loses, as the message has to name it.
LOST = {
    "csv-sequences": "sequence public.account_id_seq: next value was '501' and came back as '1'",
    "database-settings": "settings every role in database app is lost",
    "large-objects-schema-filter": "large objects lost 20 rows",
    "no-on-error-stop": "aaa lost 10 rows",
    "no-owner-no-acl": "default privileges postgres in public for r is lost",
    "pipe-swallows-exit": "public.wide lost 1,000 rows",
    "restore-half": "public.tx",
    "roles-missing": "role app_owner is lost",
    "stale-latest": "public.account lost 1 row",
    "truncated-plain": "public.tx",
}


def cases() -> Path:
    reference = os.environ.get("DEVSECOPS_REFERENCE")
    if not reference:
        if os.environ.get("CI"):
            pytest.fail("DEVSECOPS_REFERENCE is not set: the reference cases were not tried")
        pytest.skip("set DEVSECOPS_REFERENCE to the folder with the reference data")
    return Path(reference) / "recovery-cases" / "postgresql"


def store(case: str) -> PostgreSQLStore:
    run = "psql -X -q -v ON_ERROR_STOP=1 -f"
    return postgresql(prepare=[f"{run} {cases() / 'BASE.sql'}", f"{run} {cases() / case / 'seed.sql'}"])


@pytest.mark.parametrize("case", LOST)
def test_faulty_procedure_is_violated_with_the_lost_thing_named(recovery: Recovery, case: str) -> None:
    folder = cases() / case
    verdict = recovery.round_trip(store(case), by=procedure(str(folder / "backup.sh"), str(folder / "restore.sh")))
    assert verdict.status is Status.VIOLATED
    assert LOST[case] in "\n".join(found.message for found in verdict.findings)


@pytest.mark.parametrize("case", LOST)
def test_repaired_twin_is_met(recovery: Recovery, case: str) -> None:
    folder = cases() / case
    by = procedure(str(folder / "good_backup.sh"), str(folder / "good_restore.sh"))
    verdict = recovery.round_trip(store(case), by=by)
    assert verdict.status is Status.MET, verdict.explain()


def test_every_reference_case_is_tried() -> None:
    assert {path.name for path in cases().iterdir() if path.is_dir()} == set(LOST)
