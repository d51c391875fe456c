"""Histories of a store, drawn with hypothesis (the machine itself is ``lives``) and then made smaller."""

from __future__ import annotations

import functools
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence

from pytest_devsecops.core.errors import DevSecOpsError, MissingExtraError
from pytest_devsecops.pytest_plugin import hostile
from pytest_devsecops.recovery.exploring import Extent, Watch
from pytest_devsecops.recovery.living import Move
from pytest_devsecops.recovery.populating import Column, Table
from pytest_devsecops.recovery.shrinking import shrink

_MIGRATIONS = 3


def search(watch: Watch, extent: Extent) -> None:
    """Draw lives until one loses something, and then make that one smaller; see ``recovery.exploring.Search``.

    Raises:
        MissingExtraError: if hypothesis is not installed.
    """
    limit = time.monotonic() + extent.seconds

    def loses(moves: Sequence[Move]) -> bool:
        # Out of time: nothing is smaller than what there is.
        watch.late = watch.late or time.monotonic() > limit
        return not watch.late and watch.play(moves)

    if loses([]) or watch.late:
        return
    tables = watch.tables()
    if not any(loses(moves) for moves in _usual(tables)):
        _draw(watch, extent, limit)
    if watch.smallest is not None:
        columns = {(table.name, column.name): column for table in tables for column in table.columns}
        shrink(watch.smallest.moves, loses, functools.partial(_simpler, columns))


def _simpler(columns: Mapping[tuple[str, str], Column], table: str, column: str, value: object) -> Iterable[object]:
    known = columns.get((table, column))
    return hostile.simpler(known, value) if known else ()


def _usual(tables: Sequence[Table]) -> Iterator[list[Move]]:
    """Return the lives that show most faults, so that no luck is needed to see them."""
    yield [Move("use")]
    yield [Move("write", table.name, row) for table in tables for row in hostile.generate(table.columns, 0, 0)]
    yield [Move("migrate") for _ in range(_MIGRATIONS)]
    yield [Move("back_up"), Move("lose")] * 2


def _draw(watch: Watch, extent: Extent, limit: float) -> None:
    try:
        import hypothesis
        from hypothesis import stateful
    except ImportError:
        raise MissingExtraError("recovery.explore()", "hypothesis") from None
    # Only here: it is made of hypothesis.
    from pytest_devsecops.pytest_plugin.lives import Machine

    settings = hypothesis.settings(
        max_examples=extent.examples,
        stateful_step_count=extent.steps,
        database=None,
        deadline=None,
        verbosity=hypothesis.Verbosity.quiet,
        # It would spend hundreds of lives to shrink one, and each costs a backup and a restore.
        phases=[hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
        report_multiple_bugs=False,
        print_blob=False,
    )
    trouble: list[DevSecOpsError] = []
    machine = type("Lives", (Machine,), {"watch": watch, "limit": limit, "trouble": trouble})
    try:
        stateful.run_state_machine_as_test(hypothesis.seed(extent.seed)(machine), settings=settings)
    except Exception:
        # What was lost is noted by the watch, also by a procedure that loses only now and then, which
        # hypothesis calls flaky.
        if trouble:
            raise trouble[0] from None
        if watch.smallest is None and not watch.late:
            raise
