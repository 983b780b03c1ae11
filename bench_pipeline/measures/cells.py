"""From one cell of a run file to the figures that the warehouse holds for it.

The unit of repetition is the wave: all streams started together. At concurrency c, a wave's
value is the median of its c requests, and n counts waves: the c requests of a wave share
the machine, so counting them singly would make the interval look narrower than it is.
"""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bench_pipeline.measures import formulas
from bench_pipeline.measures.statistics import Estimate, median_with_interval
from bench_pipeline.records.cell import Cell, Request


@dataclass(frozen=True)
class CellFigures:
    """Estimates over waves; None where the cell has no such figure."""

    n: int
    decode_tok_s: Estimate | None
    server_decode_tok_s: Estimate | None
    prefill_tok_s: Estimate | None
    aggregate_tok_s: Estimate | None
    ttft_ms: Estimate | None
    first_visible_ms: Estimate | None
    queue_ms: Estimate | None
    itl_p99_ms: Estimate | None
    joules_per_token: float | None
    clocks_agree: bool | None
    """Client's and server's decode rates within `formulas.CLOCKS_AGREE_WITHIN`."""


def by_wave(requests: list[Request], value: Callable[[Request], float | None]) -> list[float]:
    """One value a wave: the median over its streams that have one."""
    waves: dict[int, list[float]] = defaultdict(list)
    for request in requests:
        if (figure := value(request)) is not None:
            waves[request.wave].append(figure)
    return [float(np.median(waves[wave])) for wave in sorted(waves)]


def figures_of(cell: Cell) -> CellFigures:
    def over_waves(value: Callable[[Request], float | None]) -> Estimate | None:
        return median_with_interval(by_wave(cell.requests, value))

    ours, theirs = over_waves(formulas.decode_tok_s), over_waves(formulas.server_decode_tok_s)
    agree = None
    if ours and theirs:
        agree = abs(ours.median / theirs.median - 1) <= formulas.CLOCKS_AGREE_WITHIN
    totals = [t for wave in cell.waves if (t := formulas.aggregate_tok_s(wave)) is not None]
    return CellFigures(
        n=len({request.wave for request in cell.requests}),
        decode_tok_s=ours,
        server_decode_tok_s=theirs,
        prefill_tok_s=over_waves(formulas.prefill_tok_s),
        aggregate_tok_s=median_with_interval(totals),
        ttft_ms=over_waves(lambda request: request.ttft_ms),
        first_visible_ms=over_waves(lambda request: request.first_visible_ms),
        queue_ms=over_waves(formulas.queue_ms),
        itl_p99_ms=over_waves(lambda request: request.itl_p99_ms),
        joules_per_token=formulas.joules_per_token(cell),
        clocks_agree=agree,
    )
