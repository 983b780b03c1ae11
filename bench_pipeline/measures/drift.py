"""Whether the machine itself became faster or slower while it was measured."""

from dataclasses import dataclass

from bench_pipeline.measures import formulas
from bench_pipeline.measures.cells import by_repetition, wave_values
from bench_pipeline.measures.statistics import Ratio, ratio_of_medians
from bench_pipeline.records.cell import Cell
from bench_pipeline.records.run import Run

DRIFT_FLOOR = 0.02
"""The stop rule ends a cell when its median is known within this share: a change that is no
larger than what a run claims to know of its own figures takes nothing from them."""

LEAST_REPETITIONS = 3
"""Fewer have no interval, and without one a change may be chance."""


@dataclass(frozen=True)
class Drift:
    """Decode rate later / earlier, of the same work."""

    workload: str
    concurrency: int
    ratio: Ratio
    drifted: bool
    """The whole interval of the ratio is further than `DRIFT_FLOOR` from 1."""


def drift_of(run: Run) -> Drift | None:
    """The run's closing cell against the same cell at its start.

    None if either is missing or failed, or has fewer than `LEAST_REPETITIONS`.
    """
    closing = run.closing
    if closing is None or closing.status != "ok":
        return None
    place = (closing.workload, closing.concurrency)
    first = next((c for c in run.cells if (c.workload, c.concurrency) == place), None)
    if first is None or first.status != "ok":
        return None
    return _drift(first, _rates(first), _rates(closing))


def within_cell(cell: Cell) -> Drift | None:
    """The first third of its repetitions against the last third, the middle left out.

    None for a failed cell, or where a third has fewer than `LEAST_REPETITIONS`.
    """
    rates = _rates(cell) if cell.status == "ok" else []
    third = len(rates) // 3
    return _drift(cell, rates[:third], rates[-third:] if third else [])


def _rates(cell: Cell) -> list[float]:
    return by_repetition(cell, wave_values(cell.requests, formulas.decode_tok_s))


def _drift(cell: Cell, earlier: list[float], later: list[float]) -> Drift | None:
    if min(len(earlier), len(later)) < LEAST_REPETITIONS:
        return None
    ratio = ratio_of_medians(earlier, later)
    if ratio is None:
        return None
    return Drift(cell.workload, cell.concurrency, ratio, ratio.excludes_one(DRIFT_FLOOR))
