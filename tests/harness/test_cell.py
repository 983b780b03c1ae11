"""When a cell stops, and what makes it fail.

The real server can neither be steady to the millisecond nor be made to cache a prompt that
asks not to be cached, so a stand-in speaks its protocol here; `test_run.py` has the real one.
"""

import asyncio
import dataclasses
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest
from aiohttp import web

from bench_pipeline.harness.cell import CellMeasurement
from bench_pipeline.harness.client.prompts import FittedPrompt, nonces
from bench_pipeline.harness.planning.profiles import PROFILES, ProfileRules
from bench_pipeline.harness.telemetry import Watch
from bench_pipeline.measures import formulas
from bench_pipeline.records.cell import Cell
from bench_pipeline.records.workload import Workload
from tests.stand_ins import answering

WORKLOAD = Workload(
    slug="chat",
    title="Chat",
    order=1,
    explanation="e",
    prompt_tokens=30,
    output_tokens=8,
    quick_output_tokens=8,
    body="b",
)


@dataclass
class StandIn:
    """Answers like llama-server; the fields say how."""

    cached: int = 0
    error: str | None = None
    status: int = 200
    prompt_ms: float = 20.0
    token_s: float = 0.002
    usage_off: int = 0
    base_url: str = ""

    def alive(self) -> bool:
        return True

    def log_tail(self, lines: int) -> list[str]:
        return ["last words"][:lines]

    async def answer(self, request: web.Request) -> web.StreamResponse:
        wanted = (await request.json())["max_tokens"]
        if self.status != 200:
            return web.Response(status=self.status, text=self.error)
        response = web.StreamResponse()
        await response.prepare(request)
        timings = {"cache_n": self.cached, "prompt_n": 30, "prompt_ms": self.prompt_ms}
        for number in range(1, wanted + 1):
            await asyncio.sleep(self.token_s)
            timings |= {"predicted_n": number, "predicted_ms": (number - 1) * 2.0}
            delta = {"choices": [{"delta": {"content": "a"}}], "timings": timings}
            await response.write(b"data: " + json.dumps(delta).encode() + b"\n\n")
            if self.error:
                document = {"error": {"code": 500, "message": self.error}}
                await response.write(b"data: " + json.dumps(document).encode() + b"\n\n")
                return response
        usage = {"completion_tokens": wanted + self.usage_off, "prompt_tokens": 30 + self.cached}
        finish = {"choices": [{"delta": {}, "finish_reason": "length"}]}
        await response.write(b"data: " + json.dumps(finish).encode() + b"\n\n")
        last = {"choices": [], "usage": usage, "timings": timings}
        await response.write(b"data: " + json.dumps(last).encode() + b"\n\n")
        await response.write(b"data: [DONE]\n\n")
        return response


@pytest.fixture
def stand_in() -> Iterator[StandIn]:
    server = StandIn()
    with answering("POST", "/v1/chat/completions", server.answer) as server.base_url:
        yield server


class NoStep:
    def advance(self, amount: float) -> None:
        assert amount >= 0

    def describe(self, what: str) -> None:
        pass


def measure(server: StandIn, rules: ProfileRules, concurrency: int = 1) -> Cell:
    measurement = CellMeasurement(
        WORKLOAD, concurrency, FittedPrompt("", "b"), 8, rules, nonces(seed=1)
    )
    with Watch(backend="cpu") as watch, asyncio.Runner() as runner:
        return measurement.make(server, watch, runner, NoStep(), 1.0)  # type: ignore[arg-type]


def test_the_quick_profile_makes_three_repetitions_after_a_warm_up(stand_in: StandIn):
    cell = measure(stand_in, PROFILES["quick"], concurrency=4)
    assert (cell.status, cell.stop_reason, len(cell.waves)) == ("ok", "repetitions", 3)
    assert len(cell.requests) == 12
    assert len(cell.warmups) == 4


def test_a_cell_ends_once_its_medians_are_known(stand_in: StandIn):
    # within any distance: how evenly a busy machine lets the stand-in answer is not the matter
    rules = dataclasses.replace(PROFILES["full"], target_half_width=1e9)
    cell = measure(stand_in, rules)
    assert (cell.stop_reason, len(cell.waves)) == ("converged", 5)


def test_a_cell_that_does_not_converge_ends_with_its_time(stand_in: StandIn):
    rules = dataclasses.replace(PROFILES["full"], target_half_width=0.0, cell_budget_s=0.0)
    cell = measure(stand_in, rules)
    assert (cell.stop_reason, len(cell.waves)) == ("budget", 5)


def test_prompt_tokens_from_the_cache_fail_the_cell_and_its_requests_are_kept(stand_in: StandIn):
    stand_in.cached = 24
    cell = measure(stand_in, PROFILES["quick"])
    assert (cell.status, cell.failure.kind) == ("failed", "contaminated")
    assert "3 of 3 requests" in cell.failure.message
    assert "up to 24 of 54" in cell.failure.message
    assert [request.cached_tokens for request in cell.requests] == [24, 24, 24]


def test_counts_that_differ_fail_the_cell_and_its_requests_are_kept(stand_in: StandIn):
    stand_in.usage_off = -1
    cell = measure(stand_in, PROFILES["quick"], concurrency=2)
    assert (cell.status, cell.failure.kind) == ("failed", "miscounted")
    assert "6 of 6 requests are miscounted" in cell.failure.message
    assert "usage says 7, its timings say 8" in cell.failure.message
    assert len(cell.requests) == 6


def test_a_server_that_falls_silent_is_a_hang_after_the_profiles_time(stand_in: StandIn):
    stand_in.token_s = 60
    cell = measure(stand_in, replace(PROFILES["quick"], stall_timeout_s=0.2), concurrency=2)
    assert (cell.failure.kind, cell.stop_reason) == ("hang", "failed")
    assert "no data for 0.2 s" in cell.failure.message
    assert "of 2" in cell.failure.message


def test_an_error_in_the_stream_fails_the_cell_with_the_server_s_words(stand_in: StandIn):
    stand_in.error = "failed to find a memory slot"
    cell = measure(stand_in, PROFILES["quick"])
    assert (cell.failure.kind, cell.stop_reason) == ("oom", "failed")
    assert "failed to find a memory slot" in cell.failure.message
    assert cell.failure.log_tail == ["last words"]


def test_a_refused_request_fails_the_cell(stand_in: StandIn):
    stand_in.status, stand_in.error = 400, "the request exceeds the context"
    cell = measure(stand_in, PROFILES["quick"])
    assert "HTTP 400: the request exceeds the context" in cell.failure.message


def test_tokens_that_were_read_in_bunches_fail_the_cell(stand_in, monkeypatch):
    """From the share on that the page names, whatever all counts say."""
    monkeypatch.setattr(formulas, "SHARED_READS_TIMED", 0.0)
    cell = measure(stand_in, PROFILES["quick"])
    assert (cell.status, cell.failure.kind) == ("failed", "unclocked")
    assert all(request.shared_reads is not None for request in cell.requests)
