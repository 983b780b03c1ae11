"""The formula of each metric, from the raw counts and times of a run file.

All rates are tokens per second, all times milliseconds.
"""

from collections.abc import Sequence

from bench_pipeline.records.cell import Cell, Request, Wave

CLOCKS_AGREE_WITHIN = 0.01
"""Client's and server's decode rate may differ by this fraction; more flags the cell."""

SHARED_READS = 0.05
"""Share of the events with tokens that came in one read with another, from which on the client
was starved and its times are not believed. In honest runs of five engines it was 0 to 0.025; at
0.2 two clocks were up to 4 % apart."""

SHARED_READS_TIMED = 0.5
"""The same where the server puts its own times on its events. Below that these tell it finer:
whether tokens came on time, and whether the clocks agree, which keep a cell out of every range."""

LATE_SHARE = 0.10
LATE_FLOOR_MS = 2.0
"""The client's p99 gap may exceed the server's by this share of it plus this much.

A good client of a real server was measured at 0.997 to 1.086 times the server's own p99, hence
a tenth. The floor is for fast streams: at 700 tok/s a gap is 1.4 ms, and one switch of process
on the client's side is more than a tenth of that.
"""


def decode_tok_s(request: Request) -> float | None:
    """(received tokens - 1) / time from first to last of them, by the client's clock.

    The first token belongs to prefill. None for fewer than two tokens.
    """
    if request.received_tokens < 2 or request.decode_ms <= 0:
        return None
    return (request.received_tokens - 1) / request.decode_ms * 1000


def server_decode_tok_s(request: Request) -> float | None:
    """The same by the server's raw count and time.

    llama.cpp's own `predicted_per_second` is not used: it is n/t in older builds, (n-1)/t in newer.
    Of a text that ended by itself the end is one token more, computed and not counted. None for an
    engine without a clock of its own.
    """
    if request.output_tokens < 2 or not request.server_decode_ms:
        return None
    steps = request.output_tokens - (request.finish_reason != "stop")
    return steps / request.server_decode_ms * 1000


def prefill_tok_s(request: Request) -> float | None:
    """Prompt tokens that were really computed / the server's prompt time (no queueing).

    None for an engine that does not tell both.
    """
    if request.cached_tokens is None or not request.server_prompt_ms:
        return None
    computed = request.prompt_tokens - request.cached_tokens
    return computed / request.server_prompt_ms * 1000 if computed > 0 else None


def queue_ms(request: Request) -> float | None:
    """Time to first token that prompt processing does not explain: queue, HTTP, tokenizing.

    None for an engine without a clock of its own.
    """
    if request.server_prompt_ms is None:
        return None
    return max(0.0, request.ttft_ms - request.server_prompt_ms)


def decode_tok_s_together(wave: Sequence[Request]) -> float | None:
    """Tokens after the first of each request of a wave / the time from first to last of each, all
    added up."""
    decode_ms = sum(request.decode_ms for request in wave)
    return _steps(wave) / decode_ms * 1000 if decode_ms > 0 else None


def _steps(wave: Sequence[Request]) -> int:
    return sum(request.output_tokens - 1 for request in wave)


def counted_server_decode_tok_s(told: Wave, wave: Sequence[Request]) -> float | None:
    """The same by the counters of a server that adds up (vLLM, `request_decode_time_seconds`)."""
    if not wave or not told.server_decode_ms:
        return None
    return _steps(wave) / (told.server_decode_ms * len(wave)) * 1000


def counted_prefill_tok_s(told: Wave, wave: Sequence[Request]) -> float | None:
    """Prompt tokens of a wave / the time from begin to first token of each (vLLM,
    `request_prefill_time_seconds`); its counters show that none came from a cache."""
    if not wave or not told.server_prompt_ms:
        return None
    return sum(r.prompt_tokens for r in wave) / (told.server_prompt_ms * len(wave)) * 1000


def counted_queue_ms(told: Wave, wave: Sequence[Request]) -> float | None:
    """Mean time to first token of a wave that prompt processing does not explain."""
    if not wave or told.server_prompt_ms is None:
        return None
    return max(0.0, sum(r.ttft_ms for r in wave) / len(wave) - told.server_prompt_ms)


def aggregate_tok_s(wave: Wave) -> float | None:
    """Tokens of all streams / the window in which all of them were decoding.

    None where there is none, or nobody knows when each token came.
    """
    if wave.all_busy_ms <= 0 or not wave.all_busy_tokens:
        return None
    return wave.all_busy_tokens / wave.all_busy_ms * 1000


def throughput_tok_s(wave: Sequence[Request]) -> float | None:
    """Output tokens of all requests of a wave / its wall time: what others call output throughput.

    vLLM, benchmarks/serve.py: `output_throughput`, there over a whole benchmark. The wall time is
    from the first request sent to the end of the last reply, so that waiting, prefill and the ends
    at which not all streams are busy count. None where there is no time.
    """
    wall_ms = _wall_ms(wave)
    tokens = sum(request.output_tokens for request in wave)
    return tokens / wall_ms * 1000 if tokens and wall_ms > 0 else None


def request_throughput(wave: Sequence[Request]) -> float | None:
    """Requests of a wave / its wall time, a second (vLLM, benchmarks/serve.py)."""
    wall_ms = _wall_ms(wave)
    return len(wave) / wall_ms * 1000 if wall_ms > 0 else None


def _wall_ms(wave: Sequence[Request]) -> float:
    if not wave:
        return 0.0
    ended_ms = max([request.sent_at_ms + request.end_to_end_ms for request in wave])
    return ended_ms - min([request.sent_at_ms for request in wave])


def joules_per_token(cell: Cell) -> float | None:
    """Energy of all devices over the measured window / output tokens in it.

    None unless every device's telemetry is complete: a gap would flatter.
    """
    energies = [t.energy_j for t in cell.telemetry if t.complete]
    tokens = sum(request.output_tokens for request in cell.requests)
    if not energies or len(energies) < len(cell.telemetry) or None in energies or not tokens:
        return None
    return sum(e for e in energies if e is not None) / tokens


def delivered_on_time(request: Request) -> bool | None:
    """Whether the tokens reached the client about as evenly as the server made them.

    Client's p99 gap <= server's p99 gap x (1 + LATE_SHARE) + LATE_FLOOR_MS. By p99, as a client
    that is overloaded reads tokens in bunches and leaves the mean gap as it was. None where the
    server put no times on its events (older builds, imported runs).
    """
    if request.server_itl_p99_ms is None or request.itl_p99_ms is None:
        return None
    limit_ms = request.server_itl_p99_ms * (1 + LATE_SHARE) + LATE_FLOOR_MS
    return request.itl_p99_ms <= limit_ms


def draft_acceptance(request: Request) -> float | None:
    """Speculative decoding: tokens that the model accepted / tokens that were proposed to it.

    Leviathan, Kalman & Matias, Fast Inference from Transformers via Speculative Decoding, 2023,
    from the server's own counts (`draft_n_accepted`, `draft_n`). None where nothing was proposed.
    """
    if not request.draft_tokens or request.draft_accepted is None:
        return None
    return request.draft_accepted / request.draft_tokens
