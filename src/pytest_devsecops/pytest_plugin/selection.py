"""Whether a run was whole: meant to run every test that claims a requirement, and did."""

from __future__ import annotations

from collections.abc import Collection

import pytest

from pytest_devsecops.core.records import Inventory, Selection
from pytest_devsecops.core.text import counted

_OPTIONS = {
    "lf": "--last-failed",
    "stepwise": "--stepwise",
    "ignore": "--ignore",
    "ignore_glob": "--ignore-glob",
    "collectonly": "--collect-only",
    "setuponly": "--setup-only or --setup-plan",
}


def describe(
    session: pytest.Session,
    inventory: Inventory | None,
    finished: Collection[str],
    *,
    failed_collectors: Collection[str],
    lost_workers: int,
) -> Selection:
    """Return the selection with every reason why the run was not whole.

    Args:
        session: the session at its end.
        inventory: what was collected; None if no xdist worker lived to tell.
        finished: node ids of the tests that left a record.
        failed_collectors: what could not be collected.
        lost_workers: how many xdist workers crashed.
    """
    config = session.config
    args = tuple(str(argument) for argument in config.invocation_params.args)
    reasons = [flag for name, flag in _OPTIONS.items() if config.getoption(name, default=None)]
    reasons.extend(f"the argument {argument}" for argument in config.args if "::" in argument)
    stopped = session.shouldstop or session.shouldfail
    if stopped:
        reasons.append(f"an early stop: {stopped}" if isinstance(stopped, str) else "an early stop")
    if failed_collectors:
        reasons.append(f"{counted(len(failed_collectors), 'collection error')}")
    if lost_workers:
        reasons.append(f"{counted(lost_workers, 'crashed worker')}")
    if inventory is None:
        return Selection(args, (*reasons, "no worker told what it collected"))
    if inventory.dropped:
        reasons.append(f"{counted(len(inventory.dropped), 'test')} with a requirement deselected")
    claiming = {claim.nodeid for claim in inventory.claims}
    missing = claiming - inventory.dropped - set(finished)
    if missing:
        reasons.append(f"{counted(len(missing), 'test')} with a requirement never ran")
    return Selection(args, tuple(reasons), len(inventory.dropped))
