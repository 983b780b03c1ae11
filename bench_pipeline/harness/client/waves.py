"""All streams of a cell together, and what is derived from their timestamps."""

import asyncio
from collections.abc import Sequence

import numpy as np

from bench_pipeline.engines.dialects import llama_server
from bench_pipeline.engines.dialects.protocol import COMPLETIONS, Counters, Dialect, Messages
from bench_pipeline.harness.client.streaming import (
    RawStream,
    Stream,
    StreamFailed,
    stream_completion,
    understand,
)
from bench_pipeline.harness.planning.profiles import STALL_TIMEOUT_S
from bench_pipeline.records.cell import Request, Wave


async def run_wave(
    base_url: str,
    prompts: Sequence[Messages],
    output_tokens: int,
    *,
    dialect: Dialect = llama_server.DIALECT,
    cache_prompt: bool = False,
    stall_timeout_s: float = STALL_TIMEOUT_S,
) -> list[Stream]:
    """Sends every prompt at once, each on its own connection, and waits for all.

    StreamFailed of the first stream that fails; the others are cancelled.
    """
    url = f"{base_url}{COMPLETIONS}"

    async def send(number: int, prompt: Messages) -> RawStream:
        try:
            return await stream_completion(
                url,
                prompt,
                output_tokens,
                dialect=dialect,
                cache_prompt=cache_prompt,
                stall_timeout_s=stall_timeout_s,
            )
        except StreamFailed as error:
            raise _of_stream(number, len(prompts), error) from None

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(send(n, prompt)) for n, prompt in enumerate(prompts)]
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None
    return [_understood(n, len(tasks), task.result(), dialect) for n, task in enumerate(tasks)]


def _understood(number: int, streams: int, raw: RawStream, dialect: Dialect) -> Stream:
    try:
        return understand(raw, dialect)
    except StreamFailed as error:
        raise _of_stream(number, streams, error) from None


def _of_stream(number: int, streams: int, error: StreamFailed) -> StreamFailed:
    """Says which stream it was, where there are several."""
    return (
        StreamFailed(error.kind, f"stream {number} of {streams}: {error}") if streams > 1 else error
    )


def as_requests(streams: Sequence[Stream], wave: int, window_start: float) -> list[Request]:
    """Records of one wave; `window_start` is the cell's time zero (perf_counter seconds)."""
    return [
        _as_request(stream, wave, number, window_start) for number, stream in enumerate(streams)
    ]


def _as_request(stream: Stream, wave: int, number: int, window_start: float) -> Request:
    times = np.asarray(stream.token_times)
    gaps = _gaps_ms(times)
    server_p99 = None
    if stream.server_token_ms and len(times) > 1:
        server_p99 = round(float(np.percentile(np.diff(stream.server_token_ms), 99)), 3)

    def since_sent_ms(moment: float) -> float:
        return round((moment - stream.sent_at) * 1000, 3)

    return Request(
        wave=wave,
        stream=number,
        sent_at_ms=round((stream.sent_at - window_start) * 1000, 3),
        prompt_tokens=stream.prompt_tokens,
        cached_tokens=stream.cached_tokens,
        output_tokens=stream.output_tokens,
        received_tokens=len(times) or stream.output_tokens,
        reasoning_tokens=stream.reasoning_tokens,
        ttft_ms=since_sent_ms(stream.first_at),
        first_visible_ms=(
            None if stream.first_visible_at is None else since_sent_ms(stream.first_visible_at)
        ),
        decode_ms=round((stream.last_at - stream.first_at) * 1000, 3),
        end_to_end_ms=since_sent_ms(stream.ended_at),
        server_prompt_ms=_rounded(stream.server_prompt_ms),
        server_decode_ms=_rounded(stream.server_decode_ms),
        **gaps,
        shared_reads=stream.shared_reads,
        server_itl_p99_ms=server_p99,
        draft_tokens=stream.draft_tokens,
        draft_accepted=stream.draft_accepted,
        finish_reason=stream.finish_reason,
    )


def _gaps_ms(times: np.ndarray) -> dict[str, float]:
    """Percentiles of the time from token to token; none where nobody knows when each came."""
    if not len(times):
        return {}
    gaps_ms = np.diff(times) * 1000 if len(times) > 1 else np.zeros(1)
    shares = np.percentile(gaps_ms, [50, 95, 99, 100])
    names = ("itl_p50_ms", "itl_p95_ms", "itl_p99_ms", "itl_max_ms")
    return {name: round(float(ms), 3) for name, ms in zip(names, shares, strict=True)}


def _rounded(ms: float | None) -> float | None:
    return None if ms is None else round(ms, 3)


def all_busy(streams: Sequence[Stream]) -> tuple[float, float]:
    """When the last of them had its first token, and when the first had its last: while all were
    decoding, unless that is before the other."""
    return max(stream.first_at for stream in streams), min(stream.last_at for stream in streams)


def as_wave(streams: Sequence[Stream], wave: int, told: Counters | None = None) -> Wave:
    """The window in which every stream was decoding, and the tokens that arrived in it. `told`:
    what the server's counters say of them together."""
    opened, closed = all_busy(streams)
    arrived = None
    if all(stream.token_times for stream in streams):
        arrived = sum(opened < moment <= closed for s in streams for moment in s.token_times)
    return Wave(
        wave=wave,
        all_busy_ms=round(max(0.0, closed - opened) * 1000, 3),
        all_busy_tokens=arrived if arrived is None or closed > opened else 0,
        **_means(told),
    )


def _means(told: Counters | None) -> dict[str, float]:
    if told is None or not told.requests:
        return {}
    times = {"queue": told.queue_ms, "prompt": told.prompt_ms, "decode": told.decode_ms}
    return {f"server_{name}_ms": round(ms / told.requests, 3) for name, ms in times.items()}
