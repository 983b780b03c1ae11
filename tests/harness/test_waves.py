"""What is derived from the timestamps of streams that ran together."""

import pytest

from bench_pipeline.harness.streaming import Stream
from bench_pipeline.harness.waves import as_requests, as_wave


def stream(sent_at: float, token_times: list[float]) -> Stream:
    return Stream(
        sent_at=sent_at,
        ended_at=token_times[-1] + 0.001,
        token_times=token_times,
        first_visible_at=token_times[0],
        reasoning_tokens=0,
        prompt_tokens=30,
        cached_tokens=0,
        output_tokens=len(token_times),
        server_prompt_ms=40.0,
        server_decode_ms=100.0,
        finish_reason="length",
    )


def test_the_all_busy_window_runs_from_the_last_first_token_to_the_first_last_token():
    early = stream(0.0, [1.0, 2.0, 3.0, 4.0])
    late = stream(0.0, [2.5, 3.5, 4.5, 5.5])
    wave = as_wave([early, late], 0)
    assert wave.all_busy_ms == pytest.approx(1500)  # 2.5 to 4.0
    assert wave.all_busy_tokens == 3  # 3.0 and 4.0 of the one, 3.5 of the other


def test_streams_that_never_decoded_together_have_no_aggregate():
    """One slot under two clients looks like this: queued, not concurrent."""
    wave = as_wave([stream(0.0, [1.0, 2.0]), stream(0.0, [3.0, 4.0])], 0)
    assert (wave.all_busy_ms, wave.all_busy_tokens) == (0.0, 0)


def test_alone_the_aggregate_window_is_the_decode_window():
    wave = as_wave([stream(0.0, [1.0, 1.5, 2.0])], 0)
    assert (wave.all_busy_ms, wave.all_busy_tokens) == (1000.0, 2)


def test_a_request_counts_from_its_own_sending_and_is_placed_in_the_cells_window():
    (request,) = as_requests([stream(10.0, [10.5, 10.75, 11.5])], wave=3, window_start=4.0)
    assert request.sent_at_ms == 6000
    assert request.ttft_ms == 500
    assert request.decode_ms == 1000
    assert request.end_to_end_ms == pytest.approx(1501)
    assert (request.itl_p50_ms, request.itl_max_ms) == (500, 750)
    assert (request.wave, request.stream) == (3, 0)
