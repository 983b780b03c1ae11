"""Builds measured in turns: the ratio, its interval, and what may be said of it."""

from math import gamma, pi, sqrt
from statistics import NormalDist

import numpy as np
import pytest

from bench_pipeline.measures import comparison
from bench_pipeline.measures.cells import by_wave
from bench_pipeline.measures.comparison import (
    JUDGED,
    MIN_TURNS,
    half_width,
    known,
    ratio_of_turns,
    turns_of,
    verdict,
)
from bench_pipeline.measures.statistics import CONFIDENCE, Ratio
from bench_pipeline.records.cell import Cell, Wave
from tests.factories import failed_cell, measured_cell


def session(
    random: np.random.Generator, turns: int, slower_by: float = 0.0, waves: int = 4
) -> tuple[list[list[float]], list[list[float]]]:
    """Two builds A B B A on a machine that slows down by 5 %, each start 1 % off, 2.5 % noise,
    every fiftieth wave disturbed by up to 40 %."""
    logs = random.normal(0, 0.025, (turns, 4, waves)) + random.normal(0, 0.01, (turns, 4, 1))
    logs -= (random.random(logs.shape) < 0.02) * random.uniform(0.1, 0.4, logs.shape)
    logs += np.log(np.linspace(1, 0.95, logs.size)).reshape(logs.shape)
    rates = 115 * np.exp(logs)
    rates[:, 1:3] *= 1 - slower_by
    return (
        rates[:, [0, 3]].reshape(turns, -1).tolist(),
        rates[:, [1, 2]].reshape(turns, -1).tolist(),
    )


def measured_until_known(random: np.random.Generator, slower_by: float) -> Ratio:
    before, after = session(random, 40, slower_by)
    for turns in range(MIN_TURNS, 40):
        ratio = ratio_of_turns(before[:turns], after[:turns])
        assert ratio is not None
        if known(ratio):
            return ratio
    raise AssertionError("not known after 40 turns")


def test_two_equal_builds_are_no_different_in_19_of_20_sessions() -> None:
    random = np.random.default_rng(3)
    said = [verdict(measured_until_known(random, 0.0), True) for _ in range(150)]
    assert said.count("no difference") >= 0.95 * len(said)


def test_a_build_slower_by_5_percent_is_slower_in_19_of_20_sessions() -> None:
    random = np.random.default_rng(4)
    said = [verdict(measured_until_known(random, 0.05), True) for _ in range(150)]
    assert said.count("slower") >= 0.95 * len(said)


@pytest.mark.parametrize("turns", [3, 5, 8, 12])
def test_how_often_the_interval_holds_the_true_ratio(turns: int) -> None:
    random, rounds, hits = np.random.default_rng(turns), 1000, 0
    for _ in range(rounds):
        ratio = ratio_of_turns(*session(random, turns, slower_by=0.05))
        assert ratio and ratio.lo and ratio.hi
        hits += ratio.lo <= 0.95 <= ratio.hi
    assert hits / rounds == pytest.approx(CONFIDENCE, abs=0.02)


def student_below(quantile: float, freedom: int) -> float:
    """Student's distribution function by its definition, integrated."""
    steps = np.linspace(0, quantile, 20_001)
    scale = gamma((freedom + 1) / 2) / (sqrt(freedom * pi) * gamma(freedom / 2))
    density = (1 + steps**2 / freedom) ** (-(freedom + 1) / 2)
    return 0.5 + scale * float(np.trapezoid(density, steps))


def test_the_stretch_is_student_s() -> None:
    below = 0.5 + CONFIDENCE / 2
    assert NormalDist().cdf(comparison._Z) == pytest.approx(below, abs=1e-5)
    for freedom, quantile in enumerate(comparison._T, start=2):
        assert student_below(quantile, freedom) == pytest.approx(below, abs=1e-5), freedom


def test_a_change_of_the_machine_between_turns_leaves_the_ratio_alone() -> None:
    before = [[100.0, 102.0], [50.0, 51.0], [80.0, 81.6]]
    after = [[110.0, 112.2], [55.0, 56.1], [88.0, 89.76]]
    ratio = ratio_of_turns(before, after)
    assert ratio is not None
    assert (ratio.ratio, ratio.lo, ratio.hi) == pytest.approx((1.1, 1.1, 1.1))
    assert (ratio.n_before, ratio.n_after) == (3, 3)  # turns: they are what repeats


def test_the_other_way_round_is_the_inverse() -> None:
    before, after = session(np.random.default_rng(5), 6)
    there, back = ratio_of_turns(before, after), ratio_of_turns(after, before)
    assert there and back and back.lo and back.hi
    found = (there.ratio, there.lo, there.hi)
    assert found == pytest.approx((1 / back.ratio, 1 / back.hi, 1 / back.lo))


def test_below_three_turns_there_is_a_ratio_and_no_verdict() -> None:
    ratio = ratio_of_turns([[100.0], [100.0]], [[210.0], [210.0]])
    assert ratio is not None
    assert ratio.ratio == pytest.approx(2.1)
    assert (ratio.lo, ratio.hi) == (None, None)
    assert verdict(ratio, True) == "undecided"
    assert not known(ratio)
    assert half_width(ratio) is None


def test_turns_are_paired_by_their_place() -> None:
    assert ratio_of_turns([], [[1.0]]) is None
    assert ratio_of_turns([[], [2.0]], [[5.0], [4.0], [9.0]]) == Ratio(2.0, None, None, 1, 1)
    with pytest.raises(ValueError, match="positive"):
        ratio_of_turns([[1.0]], [[0.0]])


@pytest.mark.parametrize(
    ("ratio", "lo", "hi", "said", "is_known"),
    [
        (1.05, 1.011, 1.09, "faster", False),
        (1.05, 1.041, 1.059, "faster", True),
        (0.95, 0.94, 0.96, "slower", False),
        (0.95, 0.943, 0.957, "slower", True),
        (2.10, 2.00, 2.20, "faster", True),
        (1.003, 0.994, 1.012, "no difference", True),
        (1.003, 0.98, 1.025, "undecided", False),
        (1.015, 1.006, 1.024, "undecided", False),
        (1.03, None, None, "undecided", False),
    ],
)
def test_verdicts(
    ratio: float, lo: float | None, hi: float | None, said: str, is_known: bool
) -> None:
    found = Ratio(ratio, lo, hi, 24, 24)
    assert verdict(found, higher_is_better=True) == said
    assert known(found) == is_known
    swapped = {"faster": "slower", "slower": "faster"}.get(said, said)
    assert verdict(found, higher_is_better=False) == swapped


def in_blocks(cell: Cell, servers: list[int]) -> Cell:
    """The same cell, its waves answered by these servers."""
    waves = [
        Wave(**{**dict(wave), "server": server})
        for wave, server in zip(cell.waves, servers, strict=True)
    ]
    return cell.model_copy(update={"waves": waves})


def test_two_blocks_are_a_turn_and_a_block_left_over_is_in_none() -> None:
    cell = measured_cell("chat", 4, decode_tok_s=100.0, repetitions=10)
    waves = by_wave(cell.requests, JUDGED["ttft_ms"].of)
    turns = turns_of(in_blocks(cell, [0, 0, 3, 3, 4, 4, 7, 7, 8, 8]), JUDGED["ttft_ms"].of)
    assert turns == [waves[:4], waves[4:8]]


def test_a_cell_without_blocks_or_figures_has_no_turns() -> None:
    plain = measured_cell("chat", 1, decode_tok_s=100.0)
    assert turns_of(plain, JUDGED["decode_tok_s"].of) == []
    assert turns_of(failed_cell("chat", 1), JUDGED["decode_tok_s"].of) == []
    assert turns_of(in_blocks(plain, [0, 0, 1, 2, 3]), lambda request: None) == [[], []]


def test_a_session_can_ask_after_every_turn() -> None:
    """Nearly all of a ratio's cost is its resamples, drawn once for each number of turns."""
    comparison._shares.cache_clear()
    for seed in range(20):
        ratio_of_turns(*session(np.random.default_rng(seed), 12))
    assert comparison._shares.cache_info().misses == 1
