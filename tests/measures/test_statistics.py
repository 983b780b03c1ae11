"""The median's interval: what it must always be, and how often it holds the truth."""

import os
import subprocess
import sys

import numpy as np
import pytest

from bench_pipeline.measures.statistics import (
    CONFIDENCE,
    RESAMPLES,
    SEED,
    Estimate,
    Ratio,
    far_out,
    median_with_interval,
    medians_with_intervals,
    middle,
    ratio_of_medians,
)


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(7)


def test_no_values_are_no_estimate() -> None:
    assert median_with_interval([]) is None


@pytest.mark.parametrize(("values", "median"), [([5.0], 5.0), ([1.0, 4.0], 2.5)])
def test_fewer_than_three_values_have_a_median_and_no_interval(
    values: list[float], median: float
) -> None:
    assert median_with_interval(values) == Estimate(median, None, None, len(values))


def test_three_values_span_their_whole_range() -> None:
    # the median of a resample is the smallest with probability 7/27, far over 2.5 %
    assert median_with_interval([3.0, 1.0, 2.0]) == Estimate(2.0, 1.0, 3.0, 3)


def test_against_a_bootstrap_written_out() -> None:
    values = [101.0, 99.5, 103.2, 98.1, 100.4, 102.7, 97.0]
    random = np.random.default_rng(1)
    medians = np.median(random.choice(values, (20_000, len(values))), axis=1)
    estimate = median_with_interval(values)
    assert estimate is not None
    assert estimate.median == 100.4
    # both draw among the same seven values, so the quantiles agree exactly
    assert [estimate.lo, estimate.hi] == list(np.quantile(medians, [0.025, 0.975]))


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 6, 12, 29, 30, 47])
def test_median_and_interval_are_numpy_s_to_the_last_digit(
    n: int, random: np.random.Generator
) -> None:
    """Counting equal resamples and taking the middle by hand are short cuts, nothing else."""
    for values in (random.normal(100, 1, n), random.lognormal(0, 9, n), random.integers(0, 4, n)):
        assert middle(values.tolist()) == np.median(values)
        found = median_with_interval(values.tolist())
        assert [found, found] == medians_with_intervals([values.tolist()] * 2)
        assert found is not None and found.median == np.median(values)
        if n >= 3:
            draws = np.random.default_rng(SEED).integers(0, n, size=(RESAMPLES, n))
            medians = np.median(np.sort(values)[draws], axis=1)
            assert [found.lo, found.hi] == np.quantile(medians, [0.025, 0.975]).tolist()


@pytest.mark.parametrize("n", [3, 4, 5, 8, 13, 40])
def test_the_interval_holds_the_median_and_stays_within_the_values(
    n: int, random: np.random.Generator
) -> None:
    for _ in range(50):
        values = random.lognormal(4, 0.5, n)
        estimate = median_with_interval(list(values))
        assert estimate is not None and estimate.lo is not None and estimate.hi is not None
        assert estimate.median == np.median(values)
        assert values.min() <= estimate.lo <= estimate.median <= estimate.hi <= values.max()
        assert estimate.n == n


def test_the_order_of_the_values_makes_no_difference(random: np.random.Generator) -> None:
    values = list(random.normal(100, 5, 9))
    shuffled = list(random.permutation(values))
    assert median_with_interval(values) == median_with_interval(shuffled)


def test_the_same_values_give_the_same_interval_in_another_process() -> None:
    code = (
        "from bench_pipeline.measures.statistics import median_with_interval\n"
        "print(median_with_interval([101.3, 99.1, 104.9, 98.0, 100.6, 97.7]))"
    )
    told = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONHASHSEED": "5"},
    )
    expected = median_with_interval([101.3, 99.1, 104.9, 98.0, 100.6, 97.7])
    assert told.stdout.strip() == str(expected)


@pytest.mark.parametrize(("scale", "shift"), [(10.0, 0.0), (0.001, 0.0), (1.0, 50.0)])
def test_the_interval_follows_the_unit(
    scale: float, shift: float, random: np.random.Generator
) -> None:
    values = random.normal(100, 5, 8)
    one = median_with_interval(list(values))
    other = median_with_interval(list(values * scale + shift))
    assert one and other
    for name in ("median", "lo", "hi"):
        assert getattr(other, name) == pytest.approx(getattr(one, name) * scale + shift)


def test_equal_values_have_no_width() -> None:
    estimate = median_with_interval([100.0] * 6)
    assert estimate == Estimate(100.0, 100.0, 100.0, 6)
    assert estimate.relative_half_width == 0


def test_more_values_make_it_narrower(random: np.random.Generator) -> None:
    def typical(n: int) -> float:
        widths = [
            median_with_interval(list(random.normal(100, 5, n))).relative_half_width  # type: ignore[union-attr]
            for _ in range(100)
        ]
        return float(np.median(np.asarray(widths, dtype=float)))

    assert typical(40) < typical(10) < typical(5)


def test_one_outlier_among_many_moves_neither_median_nor_interval_far() -> None:
    steady = [100.0, 100.1, 99.9, 100.2, 99.8, 100.3, 99.7, 100.0, 100.1, 99.9, 100.0]
    estimate = median_with_interval([*steady, 20.0])
    assert estimate and estimate.lo is not None
    assert estimate.lo > 99.5


def test_relative_half_width_reads_as_plus_or_minus() -> None:
    assert Estimate(100.0, 98.0, 102.0, 5).relative_half_width == 0.02
    assert Estimate(100.0, None, None, 2).relative_half_width is None
    assert Estimate(0.0, -1.0, 1.0, 5).relative_half_width is None


@pytest.mark.parametrize(
    ("n", "at_least", "at_most"),
    [
        (3, 0.72, 0.78),  # its whole range; no interval of three values can cover more
        (5, 0.92, 0.955),  # likewise: 1 - 2 / 2**5
        (10, 0.92, 0.98),
        (25, 0.92, 0.98),
    ],
)
def test_how_often_it_holds_the_true_median(
    n: int, at_least: float, at_most: float, random: np.random.Generator
) -> None:
    assert CONFIDENCE == 0.95
    truth, rounds, hits = 100.0, 3000, 0
    for estimate in medians_with_intervals(random.normal(truth, 4, (rounds, n)).tolist()):
        assert estimate and estimate.lo is not None and estimate.hi is not None
        hits += estimate.lo <= truth <= estimate.hi
    assert at_least <= hits / rounds <= at_most


def test_a_ratio_of_medians_against_a_bootstrap_written_out() -> None:
    before = [101.0, 99.5, 103.2, 98.1, 100.4, 102.7, 97.0]
    after = [110.0, 112.5, 108.9, 111.1, 109.0, 113.0]
    random = np.random.default_rng(1)
    medians = [
        np.median(random.choice(values, (20_000, len(values))), axis=1)
        for values in (before, after)
    ]
    ratio = ratio_of_medians(before, after)
    assert ratio is not None
    assert ratio.ratio == 110.55 / 100.4
    assert (ratio.n_before, ratio.n_after) == (7, 6)
    assert [ratio.lo, ratio.hi] == pytest.approx(
        list(np.quantile(medians[1] / medians[0], [0.025, 0.975])), rel=5e-3
    )


def test_the_two_samples_are_resampled_apart() -> None:
    # in step, a sample against itself would always give 1
    values = [90.0, 95.0, 100.0, 105.0, 110.0]
    ratio = ratio_of_medians(values, values)
    assert ratio is not None and ratio.lo is not None and ratio.hi is not None
    assert ratio.ratio == 1
    assert ratio.lo < 0.9 and ratio.hi > 1.1


def test_turned_round_a_ratio_is_its_inverse() -> None:
    before, after = [98.0, 99.0, 100.0, 101.0, 103.0], [88.0, 89.0, 90.0, 91.0, 93.0]
    there, back = ratio_of_medians(before, after), ratio_of_medians(after, before)
    assert there and back and there.lo and there.hi
    assert back.ratio == pytest.approx(1 / there.ratio)
    assert [back.lo, back.hi] == pytest.approx([1 / there.hi, 1 / there.lo], rel=1e-2)


def test_a_ratio_does_not_know_the_order_of_values() -> None:
    before, after = [98.0, 103.0, 99.0, 101.0], [88.0, 93.0, 89.0]
    assert ratio_of_medians(before, after) == ratio_of_medians(before[::-1], after[::-1])


def test_a_ratio_without_values_or_with_few() -> None:
    assert ratio_of_medians([], [1.0]) is None
    assert ratio_of_medians([1.0], []) is None
    few = ratio_of_medians([100.0, 102.0], [90.0, 91.0, 92.0])
    assert few == Ratio(91 / 101, None, None, 2, 3)
    assert not few.excludes_one()


@pytest.mark.parametrize("values", [[0.0, 1.0, 2.0], [-1.0, 1.0, 2.0]])
def test_a_ratio_is_of_positive_values(values: list[float]) -> None:
    with pytest.raises(ValueError, match="positive"):
        ratio_of_medians(values, [1.0])
    with pytest.raises(ValueError, match="positive"):
        ratio_of_medians([1.0], values)


@pytest.mark.parametrize(
    ("lo", "hi", "floor", "excluded"),
    [
        (1.01, 1.05, 0.0, True),
        (1.01, 1.05, 0.02, False),
        (1.021, 1.05, 0.02, True),
        (0.9, 0.97, 0.02, True),
        (0.9, 0.985, 0.02, False),
        (0.99, 1.2, 0.0, False),
    ],
)
def test_an_interval_excludes_one_as_a_whole_or_not(
    lo: float, hi: float, floor: float, excluded: bool
) -> None:
    assert Ratio(1.0, lo, hi, 5, 5).excludes_one(floor) is excluded


@pytest.mark.parametrize("n", [5, 10])
def test_two_samples_of_the_same_seldom_differ(n: int, random: np.random.Generator) -> None:
    """At most 1 in 20, and those that do differ show that it is a test at all."""
    rounds = 2000
    apart = 0
    for before, after in random.normal(100, 2, (rounds, 2, n)):
        ratio = ratio_of_medians(list(before), list(after))
        assert ratio is not None
        apart += ratio.excludes_one()
    assert 0 < apart / rounds <= 0.05


def test_five_percent_slower_is_found(random: np.random.Generator) -> None:
    found = 0
    for _ in range(200):
        before, after = random.normal(100, 2, 8), random.normal(95, 2, 8)
        ratio = ratio_of_medians(list(before), list(after))
        assert ratio is not None
        found += ratio.excludes_one() and ratio.ratio < 1
    assert found >= 190


def test_far_out_are_those_beyond_the_outer_fences() -> None:
    steady = [99.8, 99.9, 100.0, 100.1, 100.2]
    assert far_out(steady) == 0
    quartiles = np.quantile([*steady, 100.6, 99.4], [0.25, 0.75])
    assert list(quartiles) == pytest.approx([99.85, 100.15])  # fences at 98.95 and 101.05
    assert far_out([*steady, 100.6, 99.4]) == 0
    assert far_out([*steady, 102.0, 99.4]) == 1
    assert far_out([*steady, 102.0, 20.0]) == 2


def test_one_far_out_among_equals_is_seen_from_five_values_on() -> None:
    assert [far_out([*([100.0] * n), 50.0]) for n in range(6)] == [0, 0, 0, 0, 1, 1]
    assert far_out([]) == 0
