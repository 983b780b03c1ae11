"""Which steps of a trend are worth a reader's eye."""

from collections.abc import Sequence

import numpy as np

from bench_pipeline.measures.comparison import FLOOR
from bench_pipeline.measures.statistics import Ratio

LEAST_HISTORY = 8
"""Earlier ratios without which a series' own spread says nothing."""

REACH = 3
"""Quartile ranges above the third quartile: Tukey's outer fence."""


def flagged(ratios: Sequence[Ratio | None]) -> list[bool]:
    """For each build of a series, its ratio to the build before: whether it is a step.

    It is one where the whole interval lies beyond `FLOOR` and the change is large for this
    series: |log ratio| above Q3 + 3 IQR of the |log ratio|s before it, once there are
    `LEAST_HISTORY`. A series that moves at every build has a wide fence, a steady one a narrow
    one: a difference is judged against that series' own past (as rustc-perf does). None, or a
    ratio without interval, was not judged: it is no step and no history.
    """
    history: list[float] = []
    found = []
    for ratio in ratios:
        if ratio is None or ratio.lo is None:
            found.append(False)
            continue
        change = abs(float(np.log(ratio.ratio)))
        found.append(ratio.excludes_one(FLOOR) and change > _fence(history))
        history.append(change)
    return found


def _fence(history: Sequence[float]) -> float:
    if len(history) < LEAST_HISTORY:
        return 0.0
    first, third = np.quantile(history, [0.25, 0.75])
    return float(third + REACH * (third - first))
