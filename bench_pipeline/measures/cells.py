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
from bench_pipeline.measures.statistics import Estimate, far_out, median_with_interval
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
    outliers: int
    """Waves of the decode figure outside Tukey's outer fences. Only counted: they stay in every
    figure, as nothing says that they were not the engine's own doing."""
    delivered_on_time: bool | None
    """Whether at least half of the waves were, of which at least half of the streams were: one
    hiccup of the machine shows in p99 and outliers, a client that cannot follow in most waves."""
    reasoning_tokens: float | None
    """Hidden, of one request: median over waves."""
    draft_acceptance: float | None
    """Accepted / proposed over the whole cell: each proposed token counts once."""


def by_wave(requests: list[Request], value: Callable[[Request], float | None]) -> list[float]:
    """One value a wave: the median over its streams that have one."""
    waves: dict[int, list[float]] = defaultdict(list)
    for request in requests:
        if (figure := value(request)) is not None:
            waves[request.wave].append(figure)
    return [float(np.median(waves[wave])) for wave in sorted(waves)]


def clocks_agree(requests: list[Request]) -> bool | None:
    """Client's and server's median decode rates within `formulas.CLOCKS_AGREE_WITHIN`."""
    ours = by_wave(requests, formulas.decode_tok_s)
    theirs = by_wave(requests, formulas.server_decode_tok_s)
    if not ours or not theirs:
        return None
    return bool(abs(np.median(ours) / np.median(theirs) - 1) <= formulas.CLOCKS_AGREE_WITHIN)


def delivered_on_time(requests: list[Request]) -> bool | None:
    """Whether at least half of the waves were, of which at least half of the streams were."""
    waves = by_wave(requests, formulas.delivered_on_time)
    return bool(np.median(waves) >= 0.5) if waves else None


def believed(requests: list[Request]) -> bool:
    """Whether nothing speaks against the client's times: they may be shown as a figure."""
    return clocks_agree(requests) is not False and delivered_on_time(requests) is not False


def figures_of(cell: Cell) -> CellFigures:
    def over_waves(value: Callable[[Request], float | None]) -> Estimate | None:
        return median_with_interval(by_wave(cell.requests, value))

    totals = [t for wave in cell.waves if (t := formulas.aggregate_tok_s(wave)) is not None]
    rates = by_wave(cell.requests, formulas.decode_tok_s)
    hidden = by_wave(cell.requests, lambda request: request.reasoning_tokens)
    return CellFigures(
        n=len({request.wave for request in cell.requests}),
        decode_tok_s=median_with_interval(rates),
        server_decode_tok_s=over_waves(formulas.server_decode_tok_s),
        prefill_tok_s=over_waves(formulas.prefill_tok_s),
        aggregate_tok_s=median_with_interval(totals),
        ttft_ms=over_waves(lambda request: request.ttft_ms),
        first_visible_ms=over_waves(lambda request: request.first_visible_ms),
        queue_ms=over_waves(formulas.queue_ms),
        itl_p99_ms=over_waves(lambda request: request.itl_p99_ms),
        joules_per_token=formulas.joules_per_token(cell),
        clocks_agree=clocks_agree(cell.requests),
        outliers=far_out(rates),
        delivered_on_time=delivered_on_time(cell.requests),
        reasoning_tokens=float(np.median(hidden)) if hidden else None,
        draft_acceptance=_draft_acceptance(cell.requests),
    )


def _draft_acceptance(requests: list[Request]) -> float | None:
    counts = [
        (request.draft_accepted, request.draft_tokens)
        for request in requests
        if request.draft_tokens is not None and request.draft_accepted is not None
    ]
    proposed = sum(count for _, count in counts)
    return sum(count for count, _ in counts) / proposed if proposed else None
