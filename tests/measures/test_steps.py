"""Steps of a trend: beyond the floor, and beyond what that series does anyway."""

import numpy as np
import pytest

from bench_pipeline.measures.statistics import Ratio
from bench_pipeline.measures.steps import LEAST_HISTORY, flagged


def ratio(change: float, half_width: float = 0.004) -> Ratio:
    """1 + change, known this well."""
    return Ratio(1 + change, 1 + change - half_width, 1 + change + half_width, 24, 24)


QUIET = [ratio(change) for change in (0.001, -0.002, 0.0, 0.003, -0.001, 0.002, 0.0, -0.003)]
RESTLESS = [ratio(c) for c in (0.04, -0.05, 0.06, -0.03, 0.05, -0.06, 0.04, -0.04)]


@pytest.mark.parametrize(
    ("change", "is_step"),
    [(0.02, True), (-0.02, True), (1.1, True), (0.012, False), (0.0, False)],
)
def test_without_a_history_the_floor_alone_decides(change: float, is_step: bool) -> None:
    assert flagged([ratio(change)]) == [is_step]


def test_an_interval_that_reaches_into_the_floor_is_no_step() -> None:
    assert flagged([ratio(0.05, half_width=0.045)]) == [False]


def test_a_change_that_is_usual_for_its_series_is_no_step() -> None:
    assert flagged([*QUIET, ratio(-0.06)])[-1]
    assert not flagged([*RESTLESS, ratio(-0.06)])[-1]
    assert flagged([*RESTLESS, ratio(-0.20)])[-1]


def test_the_fence_stands_from_the_eighth_ratio_on() -> None:
    assert len(RESTLESS) == LEAST_HISTORY
    assert flagged([*RESTLESS[1:], ratio(-0.06)])[-1]
    assert not flagged([*RESTLESS, ratio(-0.06)])[-1]


def test_the_fence_against_one_written_out() -> None:
    history = sorted(abs(np.log(r.ratio)) for r in RESTLESS)
    first, third = np.quantile(history, [0.25, 0.75])
    fence = float(np.exp(third + 3 * (third - first)) - 1)
    assert not flagged([*RESTLESS, ratio(fence - 0.001)])[-1]
    assert flagged([*RESTLESS, ratio(fence + 0.001)])[-1]


def test_a_build_that_was_not_judged_is_no_step_and_no_history() -> None:
    unjudged = [None, Ratio(2.0, None, None, 5, 5)] * LEAST_HISTORY
    assert flagged(unjudged) == [False] * len(unjudged)
    assert flagged([*unjudged, ratio(0.02)])[-1]


def test_later_builds_change_nothing_about_earlier_ones() -> None:
    series = [*QUIET, ratio(0.05), *RESTLESS, ratio(-0.06)]
    for length in range(len(series)):
        assert flagged(series[:length]) == flagged(series)[:length]


def test_a_series_own_noise_flags_hardly_a_step_where_the_floor_would_flag_a_quarter() -> None:
    random = np.random.default_rng(8)
    series = [ratio(change, 0.001) for change in random.normal(0, 0.01, 2000)]
    assert sum(r.excludes_one(0.01) for r in series) > 400
    assert sum(flagged(series)) < 20
