"""Medians and their ratios, with their uncertainty.

Percentile bootstrap of the median, and of the ratio of two independent samples' medians (Efron
& Tibshirani, An Introduction to the Bootstrap, 1993, ch. 13 and ch. 8.3), by numpy with a fixed
seed: the same samples always give the same interval.

Below six values no interval within their range can hold the true median 95 % of the time:
three hold it 75 %, five 94 %. That is one reason why a `quick` run is provisional.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

CONFIDENCE = 0.95
RESAMPLES = 4000
SEED = 20261122

LEAST_VALUES = 3
"""Fewer have no interval."""

FENCE_REACH = 3
"""Tukey's outer fences stand so many quartile distances outside the quartiles."""


@dataclass(frozen=True)
class Estimate:
    """Median of `n` values with its bootstrap interval; `lo`, `hi` None for n < 3."""

    median: float
    lo: float | None
    hi: float | None
    n: int

    @property
    def relative_half_width(self) -> float | None:
        """Half the interval as a share of the median: 0.02 reads ±2 %."""
        if self.lo is None or self.hi is None or self.median == 0:
            return None
        return (self.hi - self.lo) / 2 / abs(self.median)


@dataclass(frozen=True)
class Ratio:
    """Median of one sample over the median of another, with its bootstrap interval.

    `lo`, `hi` None where either sample has fewer than 3 values.
    """

    ratio: float
    lo: float | None
    hi: float | None
    n_before: int
    n_after: int

    def excludes_one(self, floor: float = 0.0) -> bool:
        """Whether the whole interval lies further from 1 than `floor`; without one: no."""
        if self.lo is None or self.hi is None:
            return False
        return self.lo > 1 + floor or self.hi < 1 - floor


def middle(values: Sequence[float]) -> float:
    """Median of one value or more: numpy's to the last digit, a hundred times quicker for a few."""
    if len(values) == 1:
        return float(values[0])
    ordered = sorted(values)
    half = len(ordered) // 2
    return float(ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2)


@lru_cache(maxsize=64)
def _median_ranks(n: int, seed: int = SEED) -> tuple[np.ndarray, np.ndarray]:
    """The ranks of the two middle values (one value, if n is odd) in each resample of n.

    The same for every sample of n values, as the seed is fixed; drawing them is most of an
    estimate's cost, so they are drawn once.
    """
    picks = np.random.default_rng(seed).integers(0, n, size=(RESAMPLES, n))
    picks.sort(axis=1)
    return picks[:, (n - 1) // 2].copy(), picks[:, n // 2].copy()


@lru_cache(maxsize=64)
def _counted_ranks(n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The same without repeating what repeats: the pairs of ranks, and how often each came."""
    pairs, counts = np.unique(np.stack(_median_ranks(n)), axis=1, return_counts=True)
    return pairs[0], pairs[1], counts


def median_with_interval(values: Sequence[float]) -> Estimate | None:
    """None for no values. The order of the values makes no difference."""
    return medians_with_intervals([values])[0]


def medians_with_intervals(samples: Sequence[Sequence[float]]) -> list[Estimate | None]:
    """`median_with_interval` of each: of samples of one size, several cost little more than one."""
    found: list[Estimate | None] = [None] * len(samples)
    by_size: dict[int, list[int]] = {}
    for place, sample in enumerate(samples):
        by_size.setdefault(len(sample), []).append(place)
    for size, places in by_size.items():
        if not size:
            continue
        ordered = np.sort(np.asarray([samples[place] for place in places], dtype=float), axis=1)
        medians = [middle(row) for row in ordered.tolist()]
        ends: Sequence[tuple[float | None, float | None]] = [(None, None)] * len(places)
        if size >= LEAST_VALUES:
            below, above, counts = _counted_ranks(size)
            ends = _counted_intervals((ordered[:, below] + ordered[:, above]) / 2, counts)
        for place, median, (lo, hi) in zip(places, medians, ends, strict=True):
            found[place] = Estimate(median, lo, hi, size)
    return found


def ratio_of_medians(before: Sequence[float], after: Sequence[float]) -> Ratio | None:
    """median(after) / median(before) of two independent samples of positive values.

    Each is resampled by itself, as they were drawn. Of two samples of the same (normal, by
    simulation) the interval excludes 1 in 3 to 4 % of pairs from five values each on, in 10 % with
    three: give it a floor, or five. None if either is empty; ValueError for a
    value that is not positive, which has no ratio. The order of the values makes no difference.
    """
    if not len(before) or not len(after):
        return None
    below, above = (np.sort(np.asarray(values, dtype=float)) for values in (before, after))
    if below[0] <= 0 or above[0] <= 0:
        raise ValueError("a ratio of medians needs positive values")
    ratio = middle(above.tolist()) / middle(below.tolist())
    lo = hi = None
    if min(len(below), len(above)) >= LEAST_VALUES:
        # a seed of its own, or samples of the same size would be resampled in step
        medians = _resampled_medians(below), _resampled_medians(above, SEED + 1)
        lo, hi = _interval(medians[1] / medians[0])
    return Ratio(ratio, lo, hi, len(below), len(above))


def far_out(values: Sequence[float]) -> int:
    """How many lie outside Tukey's outer fences, Q1 - 3 IQR to Q3 + 3 IQR.

    Tukey, Exploratory Data Analysis, 1977, ch. 2D; quartiles by linear interpolation (numpy's
    default). Of fewer than five values none ever does.
    """
    if not len(values):
        return 0
    ordered = sorted(map(float, values))
    first, third = (_quantile(ordered, share) for share in (0.25, 0.75))
    reach = FENCE_REACH * (third - first)
    return sum(value < first - reach or value > third + reach for value in ordered)


def _resampled_medians(ordered: np.ndarray, seed: int = SEED) -> np.ndarray:
    below, above = _median_ranks(len(ordered), seed)
    return (ordered[below] + ordered[above]) / 2


def _counted_intervals(values: np.ndarray, counts: np.ndarray) -> list[tuple[float, float]]:
    """`_interval` of RESAMPLES values in each row, each given once with its count: a few hundred
    at most."""
    order = np.argsort(values, axis=1)
    values = np.take_along_axis(values, order, axis=1)
    ends = np.cumsum(counts[order], axis=1)
    tail = (1 - CONFIDENCE) / 2
    found = []
    for share in (tail, 1 - tail):
        place = share * (RESAMPLES - 1)
        rank = int(place)
        at = np.stack([(ends <= rank).sum(axis=1), (ends <= rank + 1).sum(axis=1)], axis=1)
        neighbours = np.take_along_axis(values, at, axis=1).tolist()
        found.append([_between(low, high, place - rank) for low, high in neighbours])
    return list(zip(*found, strict=True))


def _quantile(ordered: Sequence[float], share: float) -> float:
    """By linear interpolation, of a few values thirty times quicker than numpy's own."""
    place = share * (len(ordered) - 1)
    rank = int(place)
    return _between(ordered[rank], ordered[min(rank + 1, len(ordered) - 1)], place - rank)


def _between(low: float, high: float, weight: float) -> float:
    """From the nearer end, as numpy does: the same digits."""
    step = high - low
    return low + step * weight if weight < 0.5 else high - step * (1 - weight)


def _interval(values: np.ndarray) -> tuple[float, float]:
    tail = (1 - CONFIDENCE) / 2
    lo, hi = np.quantile(values, [tail, 1 - tail])
    return float(lo), float(hi)
