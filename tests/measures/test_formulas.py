"""Each formula against figures worked out by hand."""

from typing import Any

import pytest

from bench_pipeline.measures import formulas
from bench_pipeline.records.cell import Cell, Request, Telemetry, Wave


def request(**changes: Any) -> Request:
    """101 tokens in 1000 ms after a prompt of 200 in 400 ms; the server a little faster."""
    fields = {
        "wave": 0,
        "stream": 0,
        "sent_at_ms": 0.0,
        "prompt_tokens": 200,
        "cached_tokens": 0,
        "output_tokens": 101,
        "received_tokens": 101,
        "ttft_ms": 450.0,
        "decode_ms": 1000.0,
        "end_to_end_ms": 1450.0,
        "server_prompt_ms": 400.0,
        "server_decode_ms": 995.0,
        "itl_p50_ms": 10.0,
        "itl_p95_ms": 11.0,
        "itl_p99_ms": 12.0,
        "itl_max_ms": 15.0,
        "finish_reason": "length",
    }
    return Request.model_validate(fields | changes)


def telemetry(**changes: Any) -> Telemetry:
    fields = {"device": "CUDA0", "energy_j": 60.0, "samples": 100, "complete": True}
    return Telemetry.model_validate(fields | changes)


def cell(*devices: Telemetry, requests: int = 2) -> Cell:
    return Cell(
        workload="chat",
        concurrency=1,
        requests=[request() for _ in range(requests)],
        telemetry=list(devices),
    )


def test_throughput_counts_all_tokens_over_the_whole_time_of_a_wave() -> None:
    wave = [request(stream=0, sent_at_ms=50.0), request(stream=1, sent_at_ms=600.0)]
    assert formulas.throughput_tok_s(wave) == 101.0  # 202 tokens from 50 to 2050 ms
    assert formulas.request_throughput(wave) == 1.0
    assert formulas.throughput_tok_s([]) is formulas.request_throughput([]) is None
    assert formulas.throughput_tok_s([request(output_tokens=0, received_tokens=0)]) is None


def test_decode_leaves_the_first_token_to_prefill() -> None:
    assert formulas.decode_tok_s(request()) == 100.0


def test_decode_counts_what_the_client_stamped() -> None:
    # one token came within another's event and was stamped with it
    assert formulas.decode_tok_s(request(received_tokens=51)) == 50.0


def test_the_server_s_rate_uses_its_own_count_and_clock() -> None:
    assert formulas.server_decode_tok_s(request(received_tokens=51)) == pytest.approx(100.502513)


@pytest.mark.parametrize("changes", [{"received_tokens": 1}, {"received_tokens": 0}])
def test_one_token_has_no_rate(changes: dict[str, int]) -> None:
    assert formulas.decode_tok_s(request(**changes)) is None


@pytest.mark.parametrize("changes", [{"output_tokens": 1}, {"server_decode_ms": 0.0}])
def test_one_token_of_the_server_has_no_rate(changes: dict[str, float]) -> None:
    assert formulas.server_decode_tok_s(request(**changes)) is None


def test_no_time_is_no_rate() -> None:
    assert formulas.decode_tok_s(request(decode_ms=0.0)) is None
    assert formulas.prefill_tok_s(request(server_prompt_ms=0.0)) is None
    assert formulas.aggregate_tok_s(Wave(wave=0, all_busy_ms=0, all_busy_tokens=5)) is None


def test_prefill_counts_only_what_was_computed() -> None:
    assert formulas.prefill_tok_s(request()) == 500.0
    assert formulas.prefill_tok_s(request(cached_tokens=100)) == 250.0
    assert formulas.prefill_tok_s(request(cached_tokens=200)) is None


def test_prefill_is_the_server_s_time_not_the_queue() -> None:
    assert formulas.prefill_tok_s(request(ttft_ms=3300.0)) == 500.0


def test_queue_is_what_the_prompt_does_not_explain() -> None:
    assert formulas.queue_ms(request()) == 50.0
    assert formulas.queue_ms(request(ttft_ms=399.0)) == 0.0


def test_aggregate_is_all_tokens_over_the_busy_window() -> None:
    wave = Wave(wave=0, all_busy_ms=2500.0, all_busy_tokens=400)
    assert formulas.aggregate_tok_s(wave) == 160.0
    assert formulas.aggregate_tok_s(Wave(wave=0, all_busy_ms=10.0, all_busy_tokens=0)) is None


def test_energy_is_of_all_devices_per_output_token() -> None:
    assert formulas.joules_per_token(cell(telemetry())) == 60 / 202
    both = cell(telemetry(), telemetry(device="CUDA1", energy_j=41.0))
    assert formulas.joules_per_token(both) == 0.5


@pytest.mark.parametrize(
    "devices",
    [
        [],
        [telemetry(complete=False)],
        [telemetry(energy_j=None)],
        [telemetry(), telemetry(device="CUDA1", complete=False)],
        [telemetry(), telemetry(device="CUDA1", energy_j=None)],
    ],
)
def test_energy_with_a_gap_is_no_energy(devices: list[Telemetry]) -> None:
    assert formulas.joules_per_token(cell(*devices)) is None


def test_energy_of_no_tokens_is_no_figure() -> None:
    assert formulas.joules_per_token(cell(telemetry(), requests=0)) is None


@pytest.mark.parametrize(
    ("ours_ms", "server_ms", "on_time"),
    [
        (12.9, 10.0, True),  # 10 x 1.1 + 2 = 13
        (13.1, 10.0, False),
        (3.5, 1.4, True),  # a fast stream lives by the floor: 1.4 x 1.1 + 2 = 3.54
        (3.6, 1.4, False),
        (5.0, 50.0, True),  # earlier than the server says is not late
        (113.0, 100.0, False),  # 112: a slow one by the share
    ],
)
def test_late_is_a_tenth_and_two_milliseconds_more_than_the_server(
    ours_ms: float, server_ms: float, on_time: bool
) -> None:
    told = request(itl_p99_ms=ours_ms, server_itl_p99_ms=server_ms)
    assert formulas.delivered_on_time(told) is on_time


def test_without_the_server_s_times_nobody_knows_whether_it_was_late() -> None:
    assert formulas.delivered_on_time(request(server_itl_p99_ms=None)) is None


def test_acceptance_is_accepted_over_proposed() -> None:
    assert formulas.draft_acceptance(request(draft_tokens=80, draft_accepted=60)) == 0.75
    assert formulas.draft_acceptance(request(draft_tokens=80, draft_accepted=0)) == 0
    assert formulas.draft_acceptance(request(draft_tokens=0, draft_accepted=0)) is None
    assert formulas.draft_acceptance(request()) is None
