"""What a conversation costs: turn by turn, and from its first word to its last.

The unit of repetition is the whole conversation. A turn's prompt has a cached part, which the
server kept of the turn before, and a cold part, which it computes; both by its own counts.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from bench_pipeline.measures import formulas
from bench_pipeline.measures.cells import believed
from bench_pipeline.measures.statistics import Estimate, median_with_interval, middle
from bench_pipeline.records.cell import Request
from bench_pipeline.records.workload import Trace, TurnRequest

Verdict = Literal["cold", "reused", "short", "untold"]
"""`cold`: the first turn; `reused`: the server had all of the prompt that the turn before left it;
`short`: it computed some of that again; `untold`: it does not tell, or nobody can say what it must
have had."""


@dataclass(frozen=True)
class TurnFigures:
    """Medians over repetitions; None where there is no such figure."""

    n: int
    ttft_ms: Estimate | None
    prefill_tok_s: Estimate | None
    """Of the cold part."""
    decode_tok_s: Estimate | None
    prompt_tokens: float | None
    cached_tokens: float | None
    cold_tokens: float | None
    output_tokens: float | None
    verdict: Verdict | None
    """None of a conversation that failed."""


@dataclass(frozen=True)
class TraceFigures:
    n: int
    trace_ms: Estimate | None
    """From the first turn sent to the end of the last reply."""
    waiting_ms: Estimate | None
    """Of it before the first token of each turn."""
    sent_tokens: float | None
    """Prompts of all turns together, as they were sent."""
    cold_tokens: float | None
    """Of these, computed."""
    cached_share: float | None
    """Of these, not computed."""
    turns: tuple[TurnFigures, ...]


def trace_figures(trace: Trace) -> TraceFigures:
    """No figures of one that failed: what was cut off is not the same work."""
    requests = trace.requests if trace.status == "ok" else []
    sent = _totals(requests, lambda request: request.prompt_tokens)
    cold = _totals(requests, _cold)
    whole = middle(sent) if sent else None
    computed = middle(cold) if cold else None
    return TraceFigures(
        n=len(_played(requests)),
        trace_ms=median_with_interval(trace_ms(requests)),
        waiting_ms=median_with_interval(_totals(requests, lambda request: request.ttft_ms)),
        sent_tokens=whole,
        cold_tokens=computed,
        cached_share=1 - computed / whole if whole and computed is not None else None,
        turns=tuple(_turn_figures(trace, turn.turn, requests) for turn in trace.turns),
    )


def trace_ms(requests: Sequence[TurnRequest]) -> list[float]:
    """Of each repetition: from its first turn sent to the end of its last reply."""
    return [
        turns[-1].sent_at_ms + turns[-1].end_to_end_ms - turns[0].sent_at_ms
        for turns in _played(requests)
    ]


def _played(requests: Sequence[TurnRequest]) -> list[list[TurnRequest]]:
    found: dict[int, list[TurnRequest]] = defaultdict(list)
    for request in requests:
        found[request.wave].append(request)
    return [sorted(found[wave], key=lambda request: request.turn) for wave in sorted(found)]


def _totals(
    requests: Sequence[TurnRequest], value: Callable[[TurnRequest], float | None]
) -> list[float]:
    """One sum for each repetition all of whose turns have a value."""
    found = [[value(request) for request in turns] for turns in _played(requests)]
    whole = [[one for one in values if one is not None] for values in found]
    return [
        sum(told) for told, values in zip(whole, found, strict=True) if len(told) == len(values)
    ]


def _cold(request: Request) -> float | None:
    if request.cached_tokens is None:
        return None
    return request.prompt_tokens - request.cached_tokens


def _turn_figures(trace: Trace, number: int, requests: Sequence[TurnRequest]) -> TurnFigures:
    turn = trace.turns[number]
    of_turn: list[Request] = [request for request in requests if request.turn == number]
    cached = _known(of_turn, lambda request: request.cached_tokens)
    timed = of_turn if believed(of_turn) else []
    return TurnFigures(
        n=len(of_turn),
        ttft_ms=_estimate(of_turn, lambda request: request.ttft_ms),
        prefill_tok_s=_estimate(of_turn, formulas.prefill_tok_s),
        decode_tok_s=_estimate(timed, formulas.decode_tok_s),
        prompt_tokens=_middle(_known(of_turn, lambda request: request.prompt_tokens)),
        cached_tokens=_middle(cached),
        cold_tokens=_middle(_known(of_turn, _cold)),
        output_tokens=_middle(_known(of_turn, lambda request: request.output_tokens)),
        verdict=_verdict(number, cached, turn.shared_tokens) if of_turn else None,
    )


def _verdict(number: int, cached: Sequence[float], shared: int | None) -> Verdict:
    if not cached or shared is None:
        return "untold"
    if number == 0:
        return "cold"
    return "reused" if min(cached) >= shared else "short"


def _known(requests: Sequence[Request], value: Callable[[Request], float | None]) -> list[float]:
    return [found for request in requests if (found := value(request)) is not None]


def _middle(values: Sequence[float]) -> float | None:
    return middle(list(values)) if values else None


def _estimate(
    requests: Sequence[Request], value: Callable[[Request], float | None]
) -> Estimate | None:
    return median_with_interval(_known(requests, value))
