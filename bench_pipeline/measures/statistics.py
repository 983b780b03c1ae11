"""Medians with their uncertainty.

Percentile bootstrap of the median (Efron & Tibshirani, An Introduction to the Bootstrap,
1993, ch. 13), by numpy with a fixed seed: the same samples always give the same interval.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

CONFIDENCE = 0.95
RESAMPLES = 4000
SEED = 20261122


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


def median_with_interval(values: Sequence[float]) -> Estimate | None:
    """None for no values."""
    if not values:
        return None
    array = np.asarray(values, dtype=float)
    median = float(np.median(array))
    if len(array) < 3:
        return Estimate(median, None, None, len(array))
    random = np.random.default_rng(SEED)
    picks = random.integers(0, len(array), size=(RESAMPLES, len(array)))
    medians = np.median(array[picks], axis=1)
    tail = (1 - CONFIDENCE) / 2
    lo, hi = np.quantile(medians, [tail, 1 - tail])
    return Estimate(median, float(lo), float(hi), len(array))
