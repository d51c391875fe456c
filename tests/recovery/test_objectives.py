"""RTO and RPO from what was measured: sizes, projections, and what they leave open."""

from __future__ import annotations

import pytest

from pytest_devsecops.core.errors import UsageError
from pytest_devsecops.recovery.ledger import Acknowledged, LedgerResult, Phase, judge_ledger
from pytest_devsecops.recovery.model import LedgerState
from pytest_devsecops.recovery.objectives import (
    SAME_SIZE,
    Timing,
    decided,
    parse_size,
    project,
    recovery_point,
    spoken,
)

MB, GB = 10**6, 10**9


def timings(*pairs: tuple[float, float]) -> list[Timing]:
    """Return timings from megabytes and seconds."""
    return [Timing(int(size * MB), seconds) for size, seconds in pairs]


@pytest.mark.parametrize(
    ("text", "size"), [("40GB", 40 * GB), ("512 MiB", 512 * 2**20), ("1.5tb", 1_500 * GB), ("same", SAME_SIZE)]
)
def test_size_is_read(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["40", "GB", "many", "40 XB", "", "-"])
def test_what_is_no_size_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(UsageError, match="is not a size; write for example '40GB'"):
        parse_size(text)


def test_fixed_cost_and_cost_per_byte_are_told_apart() -> None:
    found = project(timings((10, 2.0), (110, 4.0)), 10 * GB)
    assert found is not None
    assert found.per_byte * GB == pytest.approx(20.0)
    assert found.fixed == pytest.approx(1.8)
    assert found.seconds == pytest.approx(201.8)


def test_uncertainty_grows_with_the_distance_and_with_the_spread() -> None:
    near = project(timings((10, 2.0), (110, 4.0)), 200 * MB)
    far = project(timings((10, 2.0), (110, 4.0)), 20 * GB)
    spread = project(timings((10, 2.0), (110, 3.0), (110, 5.0)), 20 * GB)
    assert near is not None
    assert far is not None
    assert spread is not None
    assert near.uncertainty < far.uncertainty < spread.uncertainty
    assert spread.seconds == pytest.approx(far.seconds)


def test_one_size_tells_nothing_of_another() -> None:
    assert project(timings((10, 2.0), (10, 2.1)), GB) is None


def test_data_of_productions_size_is_judged_by_the_worst_run() -> None:
    found = project(timings((10, 2.0), (10, 9.0)), SAME_SIZE)
    assert found is not None
    assert (found.seconds, found.uncertainty) == (9.0, 0.0)


def test_a_cost_per_byte_that_is_clear_exceeds_the_limit() -> None:
    found = project(timings((1, 1.0), (2, 2.0), (1, 1.05), (2, 2.1)), GB)
    assert found is not None
    assert decided(found, 60.0)
    assert found.least > 60.0


@pytest.mark.parametrize(
    "measured",
    [
        pytest.param(((23, 3.96), (23.4, 4.25)), id="within the noise"),
        pytest.param(((23, 1.0), (23.4, 4.0), (23, 3.5), (23.4, 4.1)), id="busier at one size, then at both"),
        pytest.param(((23, 1.0), (23.4, 4.0), (23, 1.1), (23.4, 1.0)), id="busy once"),
    ],
)
def test_a_busy_machine_does_not_make_a_slow_restore(measured: tuple[tuple[float, float], ...]) -> None:
    found = project(timings(*measured), 2 * GB)
    assert found is not None
    assert not decided(found, 1800.0)


def test_a_restore_that_was_measured_above_the_limit_is_above_it() -> None:
    found = project(timings((1, 5.0), (2, 5.1)), GB)
    assert found is not None
    assert found.least > 4.0


def test_a_restore_of_less_than_was_measured_is_not_judged_by_the_larger_ones() -> None:
    found = project(timings((10, 1.0), (1000, 100.0)), 20 * MB)
    assert found is not None
    assert found.least < 2.0


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4234, "0.423s"), (59, "59s"), (725, "12m 5s"), (86_580, "24h 3m"), (40 * 86_400 + 7_200, "40d 2h"), (60, "1m")],
)
def test_durations_are_spoken(seconds: float, text: str) -> None:
    assert spoken(seconds) == text


WRITES = tuple(
    Acknowledged(number, float(number), phase)
    for number, phase in enumerate([*[Phase.BEFORE] * 2, *[Phase.DURING] * 2, *[Phase.AFTER] * 3])
)


def judged(*numbers: int, nonce: str | None = "run") -> LedgerResult:
    """Return what became of the writes if ``numbers`` came back; the loss is at 10 seconds."""
    return judge_ledger(WRITES, "run", LedgerState(nonce, frozenset(numbers)), 10.0)


def test_writes_from_after_the_backup_make_a_procedure_continuous() -> None:
    found = judged(0, 1, 2, 3, 4)
    assert (found.continuous, found.missing, found.lost_seconds, found.contiguous) == (True, 2, 5.0, True)
    point = recovery_point(found, 3600.0, 30.0)
    assert point.seconds == 5.0
    assert "2 of 7 acknowledged writes did not come back" in point.reason


def test_a_hole_among_the_writes_that_came_back_is_not_contiguous() -> None:
    found = judged(0, 1, 2, 3, 5, 6)
    assert (found.continuous, found.missing, found.lost_seconds, found.contiguous) == (True, 1, 6.0, False)


def test_writes_that_nobody_acknowledged_are_stray_and_make_nothing_better() -> None:
    found = judged(0, 1, 2, 3, 99)
    assert (found.stray, found.missing, found.continuous) == (1, 3, False)


def test_everything_back_costs_nothing() -> None:
    found = judged(*range(7))
    assert (found.missing, found.lost_seconds, found.contiguous, found.findings) == (0, 0.0, True, ())


def test_a_procedure_that_is_not_continuous_costs_its_interval_and_its_duration() -> None:
    assert recovery_point(judged(0, 1, 2), 3600.0, 30.0).seconds == 3630.0
    assert recovery_point(None, 3600.0, 30.0).seconds == 3630.0


@pytest.mark.parametrize("ledger", [judged(0, 1, 2), judged(nonce=None), None])
def test_without_the_interval_it_is_not_known(ledger: LedgerResult | None) -> None:
    point = recovery_point(ledger, None, 30.0)
    assert point.seconds is None
    assert "does not say every=" in point.reason


def test_a_write_from_before_the_backup_must_come_back() -> None:
    (found,) = judged(1, 2, 3).findings
    assert found.rule == "acknowledged-write-lost"
    assert judged(0, 1).findings == ()


def test_the_ledger_of_another_run_is_a_stale_artefact() -> None:
    (found,) = judged(0, 1, nonce="yesterday").findings
    assert found.rule == "stale-artefact"
