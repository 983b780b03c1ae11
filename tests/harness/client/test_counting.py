"""A server that tells its times only as sums: what they are of a wave, and what they give away."""

from dataclasses import replace

import pytest
from aiohttp import web

from bench_pipeline.engines.dialects.protocol import Counters, Unlike
from bench_pipeline.engines.dialects.transformers import DIALECT as TRANSFORMERS
from bench_pipeline.engines.dialects.vllm import DIALECT as VLLM
from bench_pipeline.harness.client import counting
from bench_pipeline.harness.client.counting import Counting
from bench_pipeline.harness.client.streaming import Stream, StreamFailed
from bench_pipeline.harness.client.verdict import Judging, Verdict
from bench_pipeline.harness.client.waves import as_wave
from tests.harness.client.replayed import ASKED, STEP_S, read
from tests.harness.client.test_other_streams import said_by_vllm
from tests.stand_ins import answering

DECODE_MS = (ASKED - 1) * STEP_S * 1000


def metrics(requests: int = 0, decode_s: float = 0.0, hits: int = 0, tokens: int = 0) -> str:
    """As vLLM 0.32 writes them, shortened; two engines of one server add up."""
    lines = ["# HELP vllm:request_decode_time_seconds Histogram of time spent in DECODE phase."]
    for engine in (0, 1):
        of = f'{{engine="{engine}",model_name="a {{}} c"}}'
        lines += [
            f'vllm:request_decode_time_seconds_bucket{{engine="{engine}",le="0.3"}} 7.0',
            f"vllm:request_decode_time_seconds_count{of} {requests / 2}",
            f"vllm:request_decode_time_seconds_sum{of} {decode_s / 2}",
            f"vllm:request_prefill_time_seconds_sum{of} {requests * 0.28 / 2}",
            f"vllm:request_queue_time_seconds_sum{of} {requests * 0.002 / 2:e}",
            f"vllm:prompt_tokens_total{of} {requests * 44 / 2}",
            f"vllm:generation_tokens_total{of} {(tokens or requests * ASKED) / 2}",
            f"vllm:prefix_cache_hits_total{of} {hits / 2}",
        ]
    return "\n".join(lines)


def test_sums_are_read_over_all_series_and_in_milliseconds() -> None:
    told = VLLM.counters(metrics(requests=4, decode_s=1.4, hits=2))
    assert told == pytest.approx(Counters(4, 176, 32, 2, 8.0, 1120.0, 1400.0))


@pytest.mark.parametrize(
    "text", ["", "<html>", metrics().replace("decode_time", "other"), metrics(hits=-2)]
)
def test_counters_that_are_not_there_are_told(text: str) -> None:
    with pytest.raises(Unlike, match="its counters lack"):
        VLLM.counters(text)


def answers(*texts: str):
    """A server that answers these, then the last for good."""
    left = list(texts)

    async def reply(request: web.Request) -> web.Response:
        return web.Response(text=left.pop(0) if len(left) > 1 else left[0])

    return answering("GET", "/metrics", reply)


def test_a_wave_s_sums_are_waited_for() -> None:
    """vLLM adds up a moment after the reply has ended."""
    with answers(metrics(2), metrics(2), metrics(5), metrics(6, decode_s=1.4)) as base_url:
        asking = Counting(base_url, VLLM)
        told = asking.since(asking.look(), 4)
    assert told is not None and (told.requests, told.decode_ms) == (4, pytest.approx(1400))


def test_sums_that_never_come_are_as_far_as_they_came(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "LATE_S", 0.1)
    with answers(metrics(2), metrics(3)) as base_url:
        asking = Counting(base_url, VLLM)
        told = asking.since(asking.look(), 4)
    assert told is not None and told.requests == 1


def test_a_family_without_counters_is_asked_for_none() -> None:
    asking = Counting("http://127.0.0.1:9", TRANSFORMERS)
    assert asking.look() is None and asking.since(None, 4) is None


def test_counters_that_cannot_be_read_fail_what_was_to_be_measured() -> None:
    with answers("nothing of the kind") as base_url, pytest.raises(StreamFailed, match="lack"):
        Counting(base_url, VLLM).look()


def streams(count: int = 2) -> list[Stream]:
    said = [(0.3 + n * STEP_S, said_by_vllm(n + 1)) for n in range(ASKED - 1)]
    sent = [*said, (0.3 + DECODE_MS / 1000, said_by_vllm(ASKED, reason="length"))]
    return [read(sent, VLLM) for _ in range(count)]


def told_of(count: int = 2, **changes: float) -> Counters:
    right = Counters(count, 44 * count, ASKED * count, 0, 4.0, 560.0, DECODE_MS * count)
    return right._replace(**changes)  # type: ignore[arg-type]


def judged(told: Counters, wave: list[Stream] | None = None) -> Verdict:
    judging = Judging(VLLM)
    judging.hear(wave or streams(), ASKED, 44, told=told)
    return judging.verdict()


@pytest.mark.parametrize(("off", "agree"), [(1.005, True), (0.985, False), (1.015, False)])
def test_the_mean_of_a_wave_is_a_second_clock(off: float, agree: bool) -> None:
    verdict = judged(told_of(decode_ms=DECODE_MS * 2 * off))
    assert (verdict.clocks, verdict.agree, verdict.failure) == ("two", agree, None)


def test_means_are_held_against_means() -> None:
    """One of two streams twice as long: no median of theirs is the server's mean."""
    one, other = streams()
    times = [other.sent_at + 0.3 + 2 * (at - 0.3) for at in other.token_times]
    slow = replace(other, token_times=times, span=(times[0], times[-1]))
    assert judged(told_of(decode_ms=DECODE_MS * 3), [one, slow]).agree is True


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"cached_tokens": 16}, "contaminated"),
        ({"requests": 3}, "miscounted"),
        ({"requests": 1}, "miscounted"),
        ({"output_tokens": ASKED * 2 + 1}, "miscounted"),
        ({"prompt_tokens": 87}, "miscounted"),
    ],
    ids=str,
)
def test_counters_that_tell_of_more_or_less_than_was_sent_fail_the_cell(
    changes: dict[str, float], kind: str
) -> None:
    """A cache that nobody reports, another client at the server, tokens that never came."""
    failure = judged(told_of(**changes)).failure
    assert failure is not None and failure.kind == kind


def test_a_wave_keeps_the_server_s_means() -> None:
    wave = as_wave(streams(), 0, told_of())
    means = (wave.server_queue_ms, wave.server_prompt_ms, wave.server_decode_ms)
    assert means == pytest.approx((2.0, 280.0, DECODE_MS))
    assert as_wave(streams(), 0).server_decode_ms is None
