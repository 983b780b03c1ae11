"""Which concurrency comes next, and why there is none after it."""

from collections.abc import Sequence
from typing import Literal

from bench_pipeline.harness.planning.profiles import Concurrencies
from bench_pipeline.measures.knee import FLAT_BELOW, aggregates, growth
from bench_pipeline.records.cell import Cell

Ended = Literal["asked", "flat", "failed", "limit"]

STEPS = (1, 4, 8, 16, 32, 64)
"""Climbed until the aggregate hardly grows: more streams than 64 are no home rig's load."""


def planned(wanted: Concurrencies) -> tuple[int, ...]:
    """At most these, in this order."""
    return STEPS if wanted == "knee" else wanted


def next_step(wanted: Concurrencies, cells: Sequence[Cell]) -> int | Ended:
    """The next concurrency to measure after `cells`, or why the climb is over."""
    steps = planned(wanted)
    done = list(dict.fromkeys(cell.concurrency for cell in cells))
    if wanted == "knee" and done:
        if any(cell.status != "ok" for cell in cells if cell.concurrency == done[-1]):
            return "failed"
        if len(done) > 1:
            by_concurrency = aggregates(cells)
            gained = growth(by_concurrency.get(done[-2], {}), by_concurrency.get(done[-1], {}))
            if gained is None:
                return "failed"
            if gained < FLAT_BELOW:
                return "flat"
    if len(done) == len(steps):
        return "limit" if wanted == "knee" else "asked"
    return steps[len(done)]
