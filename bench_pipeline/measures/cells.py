"""From one cell of a run file to the figures that the warehouse holds for it.

The unit of repetition is the wave: all streams started together. At concurrency c, a wave's
value is the median of its c requests, and n counts waves: the c requests of a wave share
the machine, so counting them singly would make the interval look narrower than it is.

In a session a cell's waves come from many starts of the server, and there the start is what
repeats, for the same reason: its waves share what that start came out with (on a small virtual
machine up to 8 % of the speed), so the value of a start is the median over its waves, and n
counts starts. `benchmarks/judgement.py --intervals` prints how often an interval of either holds
the truth.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter

from bench_pipeline.measures import formulas
from bench_pipeline.measures.statistics import (
    Estimate,
    far_out,
    medians_with_intervals,
    middle,
)
from bench_pipeline.records.cell import Cell, Request


@dataclass(frozen=True)
class CellFigures:
    """Estimates over repetitions; None where the cell has no such figure."""

    n: int
    """Repetitions: waves, or starts of the server where the cell was measured over several."""
    decode_tok_s: Estimate | None
    server_decode_tok_s: Estimate | None
    prefill_tok_s: Estimate | None
    aggregate_tok_s: Estimate | None
    throughput_tok_s: Estimate | None
    request_throughput: Estimate | None
    ttft_ms: Estimate | None
    first_visible_ms: Estimate | None
    queue_ms: Estimate | None
    itl_p99_ms: Estimate | None
    joules_per_token: float | None
    clocks: int | None
    """By how many clocks its requests were timed: 2, ours and the server's; 1, ours alone."""
    clocks_agree: bool | None
    """Client's and server's decode rates within `formulas.CLOCKS_AGREE_WITHIN`; None of one."""
    outliers: int
    """Repetitions whose decode rate lies outside Tukey's outer fences. Only counted: they stay in
    every figure, as nothing says that they were not the engine's own doing."""
    delivered_on_time: bool | None
    """Whether at least half of the waves were, of which at least half of the streams were: one
    hiccup of the machine shows in p99 and outliers, a client that cannot follow in most waves."""
    reasoning_tokens: float | None
    """Hidden, of one request: median over repetitions."""
    draft_acceptance: float | None
    """Accepted / proposed over the whole cell: each proposed token counts once."""


def by_number(requests: list[Request]) -> dict[int, list[Request]]:
    """Each wave's, by its number, in order."""
    waves: dict[int, list[Request]] = defaultdict(list)
    for request in requests:
        waves[request.wave].append(request)
    return {wave: waves[wave] for wave in sorted(waves)}


def wave_values(
    requests: list[Request], value: Callable[[Request], float | None]
) -> dict[int, float]:
    """Of each wave, by its number: the median over its streams that have a value."""
    return _middles(by_number(requests), value)


def _middles(
    waves: Mapping[int, list[Request]], value: Callable[[Request], float | None]
) -> dict[int, float]:
    found = {}
    for wave, requests in waves.items():
        figures = list(map(value, requests))
        if None in figures:
            figures = [figure for figure in figures if figure is not None]
        if figures:
            found[wave] = middle(figures)  # type: ignore[arg-type]  # None is none of them
    return found


def by_wave(requests: list[Request], value: Callable[[Request], float | None]) -> list[float]:
    """One value a wave, in order: the median over its streams that have one."""
    return list(wave_values(requests, value).values())


def by_start(cell: Cell, waves: Mapping[int, float]) -> list[list[float]]:
    """The waves' values, start by start of the server, in order; `waves`: value by number.

    A start none of whose waves has a value is empty, so that starts keep their place. No starts
    where the waves do not say which server answered: outside a session, it was one.
    """
    if any(wave.server is None for wave in cell.waves):
        return []
    starts: dict[int, list[float]] = {}
    for wave in sorted(cell.waves, key=lambda wave: wave.wave):
        assert wave.server is not None
        start = starts.setdefault(wave.server, [])
        if wave.wave in waves:
            start.append(waves[wave.wave])
    return list(starts.values())


def by_repetition(cell: Cell, waves: Mapping[int, float]) -> list[float]:
    """One value for each time that the cell was repeated, in order; `waves`: value by number.

    The waves' own, or in a session the median over each start's waves.
    """
    if starts := by_start(cell, waves):
        return [middle(start) for start in starts if start]
    return [waves[wave] for wave in sorted(waves)]


def clocks(cell: Cell) -> int | None:
    """2 where the server timed some of its requests or waves, else 1; None where there are none."""
    if not cell.requests:
        return None
    times = [each.server_decode_ms for each in cell.requests]
    times += [each.server_decode_ms for each in cell.waves]
    return 2 if any(ms is not None for ms in times) else 1


def clocks_agree(requests: list[Request]) -> bool | None:
    """Client's and server's median decode rates within `formulas.CLOCKS_AGREE_WITHIN`."""
    ours = by_wave(requests, formulas.decode_tok_s)
    return _agree(ours, by_wave(requests, formulas.server_decode_tok_s))


def _agree(ours: list[float], theirs: list[float]) -> bool | None:
    if not ours or not theirs:
        return None
    return bool(abs(middle(ours) / middle(theirs) - 1) <= formulas.CLOCKS_AGREE_WITHIN)


def delivered_on_time(requests: list[Request]) -> bool | None:
    """Whether at least half of the waves were, of which at least half of the streams were."""
    return _on_time(by_number(requests))


def _on_time(waves: Mapping[int, list[Request]]) -> bool | None:
    found = _middles(waves, formulas.delivered_on_time)
    return bool(middle(list(found.values())) >= 0.5) if found else None


def believed(requests: list[Request]) -> bool:
    """Whether nothing speaks against the client's times: they may be shown as a figure."""
    return clocks_agree(requests) is not False and delivered_on_time(requests) is not False


_BY_FORMULA = ("decode_tok_s", "server_decode_tok_s", "prefill_tok_s", "queue_ms")
_AS_RECORDED = ("ttft_ms", "first_visible_ms", "itl_p99_ms")
"""Figures of each stream: functions of `formulas`, and fields of a request."""
_BY_COUNTERS = ("server_decode_tok_s", "prefill_tok_s", "queue_ms")
"""Of waves of which a server's counters tell, no request doing so."""
_OF_A_WAVE = ("throughput_tok_s", "request_throughput")
"""Figures of all its streams together: functions of `formulas`."""


def figures_of(cell: Cell) -> CellFigures:
    return figures_of_each([cell])[0]


def figures_of_each(cells: Sequence[Cell]) -> list[CellFigures]:
    """Of several cells at once: each costs a third less than alone."""
    found = [_values_of(cell) for cell in cells]
    repeated = [
        {name: by_repetition(cell, of_waves) for name, of_waves in values.items()}
        for cell, values in zip(cells, found, strict=True)
    ]
    estimates = iter(
        medians_with_intervals([sample for one in repeated for sample in one.values()])
    )
    return [
        _figures(cell, values, one, {name: next(estimates) for name in one})
        for cell, values, one in zip(cells, found, repeated, strict=True)
    ]


Values = dict[str, dict[int, float]]
"""Of a cell, by the figure's name and the wave's number."""


def _values_of(cell: Cell) -> Values:
    waves = by_number(cell.requests)
    values = {name: _middles(waves, getattr(formulas, name)) for name in _BY_FORMULA}
    values |= {name: _middles(waves, attrgetter(name)) for name in _AS_RECORDED}
    totals = {wave.wave: formulas.aggregate_tok_s(wave) for wave in cell.waves}
    values["aggregate_tok_s"] = {w: total for w, total in totals.items() if total is not None}
    for name in _OF_A_WAVE:
        found = {wave: getattr(formulas, name)(requests) for wave, requests in waves.items()}
        values[name] = {wave: value for wave, value in found.items() if value is not None}
    for counted in (wave for wave in cell.waves if wave.server_decode_ms is not None):
        for name in _BY_COUNTERS:
            told = getattr(formulas, f"counted_{name}")(counted, waves.get(counted.wave, ()))
            if told is not None:
                values[name][counted.wave] = told
    return values


def _beside_the_server(cell: Cell, values: Values) -> list[float]:
    """Our decode rates over what the server's are over: where it counts, all of a wave together."""
    counted = {wave.wave for wave in cell.waves if wave.server_decode_ms is not None}
    if not counted:
        return list(values["decode_tok_s"].values())
    waves = by_number(cell.requests)
    together = (formulas.decode_tok_s_together(waves[wave]) for wave in counted if wave in waves)
    return [rate for rate in together if rate is not None]


def _figures(
    cell: Cell,
    values: Values,
    repeated: Mapping[str, list[float]],
    estimates: Mapping[str, Estimate | None],
) -> CellFigures:
    waves = by_number(cell.requests)
    hidden = by_repetition(cell, _middles(waves, attrgetter("reasoning_tokens")))
    return CellFigures(
        **estimates,
        n=len(hidden),  # every request has a count
        joules_per_token=formulas.joules_per_token(cell),
        clocks=clocks(cell),
        clocks_agree=_agree(
            _beside_the_server(cell, values), list(values["server_decode_tok_s"].values())
        ),
        outliers=far_out(repeated["decode_tok_s"]),
        delivered_on_time=_on_time(waves),
        reasoning_tokens=middle(hidden) if hidden else None,
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
