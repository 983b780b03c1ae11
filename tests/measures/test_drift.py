"""Drift: the machine's change, told apart from its scatter."""

from typing import Any

import pytest

from bench_pipeline.harness.planning.profiles import PROFILES
from bench_pipeline.measures.drift import DRIFT_FLOOR, drift_of, within_cell
from bench_pipeline.records.cell import Cell
from bench_pipeline.records.run import Run
from tests.factories import failed_cell, measured_run
from tests.measures.test_cells import cell, of_starts

STEADY = [100.0, 101.0, 99.0, 100.5, 99.5]


def one_stream(rates: list[float], **changes: Any) -> Cell:
    return cell([[rate] for rate in rates], **({"server": 0} | changes))


def run(first: Cell, closing: Cell | None) -> Run:
    other = one_stream([50.0] * 5, workload="rag")
    return measured_run(cells=[first, other], closing=closing)


def test_a_slower_end_is_drift() -> None:
    drift = drift_of(run(one_stream(STEADY), one_stream([rate * 0.9 for rate in STEADY])))
    assert drift is not None and drift.drifted
    assert (drift.workload, drift.concurrency) == ("chat", 1)
    assert drift.ratio.ratio == pytest.approx(0.9)
    assert drift.ratio.hi is not None and drift.ratio.hi < 0.98


def test_a_faster_end_is_drift_too() -> None:
    drift = drift_of(run(one_stream(STEADY), one_stream([rate * 1.1 for rate in STEADY])))
    assert drift is not None and drift.drifted


def test_scatter_around_the_same_rate_is_none() -> None:
    drift = drift_of(run(one_stream(STEADY), one_stream([100.2, 98.9, 100.9, 99.6, 101.1])))
    assert drift is not None and not drift.drifted


def test_a_sure_change_within_the_stop_rule_s_own_width_is_none() -> None:
    drift = drift_of(run(one_stream([100.0] * 5), one_stream([101.5] * 5)))
    assert drift is not None and not drift.drifted
    assert drift.ratio.lo is not None and drift.ratio.lo > 1  # sure, and too small to matter


def test_a_large_change_that_may_be_chance_is_none() -> None:
    drift = drift_of(run(one_stream([80.0, 100.0, 120.0]), one_stream([90.0, 110.0, 130.0])))
    assert drift is not None and not drift.drifted
    assert drift.ratio.ratio == pytest.approx(1.1)


def test_the_floor_is_the_width_at_which_a_full_run_stops() -> None:
    assert PROFILES["full"].target_half_width == DRIFT_FLOOR


@pytest.mark.parametrize(
    "closing",
    [
        None,
        failed_cell("chat", 1),
        one_stream([100.0, 101.0]),  # no interval
        one_stream(STEADY, workload="codegen"),  # nothing at the start to compare with
    ],
)
def test_without_two_measurements_of_the_same_there_is_no_verdict(closing: Cell | None) -> None:
    assert drift_of(run(one_stream(STEADY), closing)) is None


def test_a_failed_first_cell_is_no_yardstick() -> None:
    assert drift_of(run(failed_cell("chat", 1), one_stream(STEADY))) is None


def test_within_a_cell_the_first_third_stands_against_the_last() -> None:
    falling = within_cell(one_stream([100.0, 101.0, 99.0, 50.0, 60.0, 70.0, 80.0, 81.0, 79.0]))
    assert falling is not None and falling.drifted
    assert falling.ratio.ratio == pytest.approx(0.8)  # 80 / 100, the middle left out
    assert (falling.ratio.n_before, falling.ratio.n_after) == (3, 3)


def test_within_a_session_s_cell_thirds_are_of_starts_as_waves_of_one_start_are_alike() -> None:
    starts = [100.0, 108.0, 104.0] * 2 + [96.0, 100.0, 104.0]
    made = of_starts([[rate, rate + 0.1, rate - 0.1] for rate in starts])
    drift = within_cell(made)
    assert drift is not None and not drift.drifted
    assert (drift.ratio.n_before, drift.ratio.n_after) == (3, 3)
    singly = within_cell(made.model_copy(update={"waves": []}))
    assert singly is not None and (singly.ratio.n_before, singly.ratio.n_after) == (9, 9)
    assert within_cell(of_starts([[rate] * 4 for rate in starts[:8]])) is None


def test_the_order_of_waves_decides_not_that_of_the_file() -> None:
    rising = one_stream([100.0 + 10 * n for n in range(9)])
    shuffled = rising.model_copy(update={"requests": rising.requests[::-1]})
    assert within_cell(rising) == within_cell(shuffled)
    assert within_cell(rising).drifted  # type: ignore[union-attr]


def test_fewer_than_nine_waves_tell_nothing_of_drift_within() -> None:
    assert within_cell(one_stream([100.0] * 4 + [50.0] * 4)) is None
    assert within_cell(failed_cell("chat", 1)) is None
