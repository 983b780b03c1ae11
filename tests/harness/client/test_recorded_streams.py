"""What vLLM and transformers really sent, read again: `make engines-test` runs them."""

import json
from pathlib import Path

import pytest

from bench_pipeline.engines.dialects.protocol import Counters, Dialect
from bench_pipeline.engines.dialects.transformers import DIALECT as TRANSFORMERS
from bench_pipeline.engines.dialects.vllm import DIALECT as VLLM
from bench_pipeline.harness.client.counts import miscount
from bench_pipeline.harness.client.streaming import Stream
from bench_pipeline.harness.client.verdict import Judging
from tests.harness.client.replayed import Sent, read

FIXTURES = Path(__file__).parent / "fixtures"
PROMPT_TOKENS = 48
VLLM_TOKENS, TRANSFORMERS_TOKENS = 64, 16


def sent(name: str) -> Sent:
    """Seconds after sending, and what came in that read, as it stands there but for a path."""
    lines = (FIXTURES / f"{name}.jsonl").read_text().splitlines()
    return [(at, said.encode()) for at, said in map(json.loads, lines)]


def stream(name: str, dialect: Dialect) -> Stream:
    return read(sent(name), dialect)


def test_vllm_tells_of_every_token_and_its_counters_of_the_time() -> None:
    found = stream("vllm-0.32.0", VLLM)
    assert (found.events, len(found.token_times)) == (VLLM_TOKENS, VLLM_TOKENS)
    assert miscount(found, VLLM_TOKENS, PROMPT_TOKENS, VLLM) is None
    assert (found.cached_tokens, found.server_decode_ms, found.shared_reads) == (None, None, 0)
    judging = Judging(VLLM)
    theirs = Counters(1, PROMPT_TOKENS, VLLM_TOKENS, 0, 0.067, 231.959, 2418.107)
    judging.hear([found], VLLM_TOKENS, PROMPT_TOKENS, told=theirs)
    verdict = judging.verdict()
    assert (verdict.clocks, verdict.agree, verdict.failure) == ("two", True, None)


def test_vllm_s_metrics_are_read_as_it_writes_them() -> None:
    told = VLLM.counters((FIXTURES / "vllm-0.32.0-metrics.txt").read_text())
    assert told[:4] == (21, 1008, 1344, 0)
    assert told[4:] == pytest.approx((0.912, 8705.210, 80328.574), abs=0.001)


def test_transformers_role_comes_a_second_early_and_nothing_says_done() -> None:
    whole = sent("transformers-5.19.0")
    assert whole[0][0] < 0.1 and b"role" in whole[0][1]
    assert not any(b"[DONE]" in said for _, said in whole)
    found = stream("transformers-5.19.0", TRANSFORMERS)
    assert found.first_at > 1.2
    assert (found.finish_reason, found.output_tokens) == ("length", TRANSFORMERS_TOKENS)
    assert miscount(found, TRANSFORMERS_TOKENS, PROMPT_TOKENS, TRANSFORMERS) is None
    judging = Judging(TRANSFORMERS)
    judging.hear([found], TRANSFORMERS_TOKENS, PROMPT_TOKENS)
    assert judging.verdict().clocks == "one" and judging.failure() is None
