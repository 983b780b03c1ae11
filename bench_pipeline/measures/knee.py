"""Where more stops paying: of streams for a run's aggregate speed, of watts for decode."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np

from bench_pipeline.measures.cells import believed, figures_of
from bench_pipeline.records.cell import Cell

FLAT_BELOW = 0.05
"""A step that raises the aggregate by less than this share is the end of the climb."""

KEPT_AT_KNEE = 0.95
"""Of the speed under the highest power cap."""
LEAST_CAPS = 3
"""Measured, for a knee to be looked for."""


def aggregates(cells: Sequence[Cell]) -> dict[int, dict[str, float]]:
    """Median aggregate tok/s by concurrency and workload, of the cells that can be believed."""
    found: dict[int, dict[str, float]] = {}
    for cell in cells:
        good = cell.status == "ok" and believed(cell.requests)
        estimate = figures_of(cell).aggregate_tok_s if good else None
        if estimate:
            found.setdefault(cell.concurrency, {})[cell.workload] = estimate.median
    return found


def growth(before: Mapping[str, float], after: Mapping[str, float]) -> float | None:
    """By which share the aggregate grew: median over the workloads that both have."""
    ratios = [after[workload] / before[workload] for workload in before if workload in after]
    return float(np.median(ratios)) - 1 if ratios else None


def knee_of(by_concurrency: Mapping[int, Mapping[str, float]]) -> int | None:
    """The last concurrency whose step paid, given one after it that did not; else None."""
    climbed = sorted(by_concurrency)
    for below, above in pairwise(climbed):
        step = growth(by_concurrency[below], by_concurrency[above])
        if step is not None and step < FLAT_BELOW:
            return below
    return None


def knee_of_caps(tok_s: Mapping[float, float]) -> float | None:
    """The lowest power cap that keeps KEPT_AT_KNEE of the speed under the highest.

    `tok_s`: by cap in W. None where it lies outside: the lowest keeps it too, or the highest alone.
    """
    caps_w = sorted(tok_s)
    if len(caps_w) < LEAST_CAPS:
        return None
    knee_w = min(cap for cap in caps_w if tok_s[cap] >= KEPT_AT_KNEE * tok_s[caps_w[-1]])
    return knee_w if caps_w[0] < knee_w < caps_w[-1] else None
