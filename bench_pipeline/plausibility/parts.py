"""Rules about one part of a run beside another: what was changed in one place stands out.

They ask a person to look and mark nothing: a machine may have been another one an hour later,
which drift and its flag tell of already.
"""

from collections.abc import Iterator
from itertools import combinations
from statistics import fmean, median, pstdev

from bench_pipeline.measures.formulas import decode_tok_s
from bench_pipeline.plausibility.rule import Facts, RunRule, first, median_rate
from bench_pipeline.records.run import Run

FASTER_TIMES = 1.5
"""A server is no faster than its engine alone, and not twice as fast as an hour before."""
COPIED_SPREAD = 2e-4
"""Relative: ratios of two series that were really measured scatter by a thousandth and more."""
LEAST_COPIED = 5


def _alone(run: Run) -> dict[str, float]:
    """Median decode rate by workload, at one stream."""
    return {
        cell.workload: rate
        for cell in run.cells
        if cell.concurrency == 1
        and cell.status == "ok"
        and (rate := median_rate(cell, decode_tok_s))
    }


def served_beside_bare(run: Run, _: Facts | None) -> str | None:
    bare = [
        test.output_tokens / (median(test.times_ms) / 1000)
        for test in (run.bare_engine.tests if run.bare_engine else [])
        if test.times_ms and test.output_tokens and not test.prompt_tokens
    ]
    return first(
        f"{workload} decodes {rate:,.0f} tok/s, its engine alone {max(bare):,.0f}"
        for workload, rate in _alone(run).items()
        if bare and run.draft is None and rate > FASTER_TIMES * max(bare)
    )


def served_beside_curve(run: Run, _: Facts | None) -> str | None:
    points = [
        rate
        for point in run.curves
        for request in (*point.cold, *point.cached)
        if (rate := decode_tok_s(request))
    ]
    return first(
        f"{workload} decodes {rate:,.0f} tok/s, the curve at most {max(points):,.0f}"
        for workload, rate in _alone(run).items()
        if points and rate > FASTER_TIMES * max(points)
    )


def begun_as_ended(run: Run, _: Facts | None) -> str | None:
    closing = run.closing
    if closing is None:
        return None
    place = closing.workload, closing.concurrency
    first_of_all = next((c for c in run.cells if (c.workload, c.concurrency) == place), None)
    began = median_rate(first_of_all, decode_tok_s) if first_of_all else None
    ended = median_rate(closing, decode_tok_s)
    if not began or not ended or 1 / FASTER_TIMES < began / ended < FASTER_TIMES:
        return None
    return f"{place[0]} decodes {began:,.0f} tok/s first and {ended:,.0f} at the end"


def more_streams_are_slower(run: Run, _: Facts | None) -> str | None:
    alone = _alone(run)
    return first(
        f"{cell.workload} decodes {rate:,.0f} tok/s in each of {cell.concurrency} streams, "
        f"{alone[cell.workload]:,.0f} alone"
        for cell in run.cells
        if cell.concurrency > 1
        and cell.workload in alone
        and (rate := median_rate(cell, decode_tok_s))
        if rate > FASTER_TIMES * alone[cell.workload]
    )


def _series(run: Run) -> Iterator[tuple[str, list[float]]]:
    for cell in run.cells:
        times_ms = [r.decode_ms for r in cell.requests if r.decode_ms]
        if len(times_ms) >= LEAST_COPIED:
            yield f"{cell.workload} at {cell.concurrency}", times_ms


def no_cell_is_another_scaled(run: Run, _: Facts | None) -> str | None:
    for (one, first_ms), (other, second_ms) in combinations(_series(run), 2):
        count = min(len(first_ms), len(second_ms))
        ratios = [b / a for a, b in zip(first_ms[:count], second_ms[:count], strict=True)]
        spread = pstdev(first_ms[:count]) / fmean(first_ms[:count])
        if pstdev(ratios) / fmean(ratios) < COPIED_SPREAD < spread:
            return f"the requests of {other} are those of {one}, times {fmean(ratios):.3g}"
    return None


_SAME = "one engine, one machine, one model"

PARTS_RULES = (
    RunRule(
        "bare",
        f"decode ≤ {FASTER_TIMES:g} × the engine's without a server",
        _SAME,
        served_beside_bare,
        "asked",
    ),
    RunRule(
        "curve",
        f"decode ≤ {FASTER_TIMES:g} × the fastest of the curve",
        _SAME,
        served_beside_curve,
        "asked",
    ),
    RunRule(
        "closing",
        f"first and closing cell within {FASTER_TIMES:g} ×",
        "0.97 to 1.03 in all runs of this checkout",
        begun_as_ended,
        "asked",
    ),
    RunRule(
        "alone",
        f"a stream among others ≤ {FASTER_TIMES:g} × one alone",
        _SAME,
        more_streams_are_slower,
        "asked",
    ),
    RunRule(
        "scaled",
        f"decode times of two cells in no fixed ratio, to {COPIED_SPREAD:g}",
        "microseconds differ",
        no_cell_is_another_scaled,
        "asked",
    ),
)
