"""What is derived from the timestamps of streams that ran together."""

import pytest

from bench_pipeline.harness.client.streaming import Stream
from bench_pipeline.harness.client.waves import as_requests, as_wave


def stream(
    sent_at: float, token_times: list[float], server_token_ms: list[float] | None = None
) -> Stream:
    return Stream(
        sent_at=sent_at,
        ended_at=token_times[-1] + 0.001,
        token_times=token_times,
        server_token_ms=server_token_ms,
        first_visible_at=token_times[0],
        reasoning_tokens=0,
        prompt_tokens=30,
        usage_prompt_tokens=30,
        cached_tokens=0,
        output_tokens=len(token_times),
        usage_tokens=len(token_times),
        event_counts=list(range(1, len(token_times) + 1)),
        texts=len(token_times),
        server_prompt_ms=40.0,
        server_decode_ms=100.0,
        draft_tokens=None,
        draft_accepted=None,
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


def test_the_servers_gaps_are_computed_as_the_clients_are():
    """Both in one bunch by our clock, evenly spaced by the server's: they came late."""
    bunched = stream(10.0, [10.5, 10.5, 10.8], [0.0, 100.0, 200.0])
    even = stream(10.0, [10.5, 10.6, 10.7], [0.0, 100.0, 200.0])
    late, fine = as_requests([bunched, even], wave=0, window_start=0.0)
    assert (late.itl_p99_ms, late.server_itl_p99_ms) == (pytest.approx(297), 100)
    assert (fine.itl_p99_ms, fine.server_itl_p99_ms) == (pytest.approx(100), 100)


def test_a_server_that_puts_no_times_on_its_events_has_no_gaps():
    (request,) = as_requests([stream(10.0, [10.5, 10.6])], wave=0, window_start=0.0)
    assert request.server_itl_p99_ms is None
