"""Streams of engines that are only described here: what each has beyond the protocol, or lacks."""

import pytest

from bench_pipeline.engines.dialects.families import FAMILIES
from bench_pipeline.engines.dialects.llama_cpp_python import DIALECT as LLAMA_CPP_PYTHON
from bench_pipeline.engines.dialects.mistral_rs import DIALECT as MISTRAL_RS
from bench_pipeline.engines.dialects.protocol import Dialect, Proof, Unlike
from bench_pipeline.engines.dialects.sglang import DIALECT as SGLANG
from bench_pipeline.engines.dialects.vllm import DIALECT as VLLM
from bench_pipeline.engines.dialects.xllamacpp import DIALECT as XLLAMACPP
from bench_pipeline.harness.client.counts import miscount
from bench_pipeline.harness.client.streaming import RawStream, StreamFailed, understand
from bench_pipeline.harness.client.verdict import judge
from tests.harness.client.replayed import (
    ASKED,
    DONE,
    STEP_S,
    ended,
    finish,
    read,
    sse,
    usage,
    words,
)
from tests.harness.client.test_other_streams import said_by_vllm
from tests.harness.client.test_streaming import ending, event, role


def test_an_engine_that_sends_no_usage_has_no_count_though_it_ends_by_its_length() -> None:
    """llama-cpp-python never sends one, and its tokens have fewer events than there are."""
    stream = read(ended(words(7), finish()), LLAMA_CPP_PYTHON)
    assert "no usage" in str(miscount(stream, ASKED, dialect=LLAMA_CPP_PYTHON))


def test_times_within_usage_are_a_second_clock() -> None:
    """mistral.rs: whole milliseconds, as seconds."""
    counts = {"prompt_tokens": 40, "completion_tokens": ASKED, "total_tokens": 48}
    times = {"total_prompt_time_sec": 0.29, "total_completion_time_sec": 0.35}
    last = {"choices": [{"delta": {}, "finish_reason": "length"}], "usage": counts | times}
    stream = read(ended(words(), sse(last), DONE), MISTRAL_RS)
    assert (stream.server_prompt_ms, stream.server_decode_ms) == pytest.approx((290, 350))
    assert miscount(stream, ASKED, 40, MISTRAL_RS) is None
    verdict = judge([[stream]], ASKED, MISTRAL_RS)
    assert (verdict.clocks, verdict.agree) == ("two", True)
    with pytest.raises(Unlike):
        MISTRAL_RS.see({**last, "usage": counts | {"total_completion_time_sec": "0.35"}})


def test_text_of_which_the_server_counts_no_token_is_a_failed_reply() -> None:
    with pytest.raises(StreamFailed, match="text came 8 times, but the server counts no token"):
        read(ended(words(), said_by_vllm(0, reason="length"), usage(0)), SGLANG)


def test_sglang_counts_on_its_events_and_has_one_clock() -> None:
    sent = [(0.3 + n * STEP_S, said_by_vllm(n + 1)) for n in range(ASKED - 1)]
    last = said_by_vllm(ASKED, reason="length") + usage(prompt=44)
    stream = read([*sent, (0.3 + (ASKED - 1) * STEP_S, last)], SGLANG)
    assert len(stream.token_times) == ASKED and miscount(stream, ASKED, 44, SGLANG) is None
    assert judge([[stream]], ASKED, SGLANG).clocks == "one"


def test_a_llama_server_within_another_program_is_read_as_one() -> None:
    """xllamacpp: counts and times on each event, and all four counts must be the same."""
    wire = role() + b"".join(event(n) for n in range(1, 5)) + ending(5)
    stream = understand(RawStream(0.0, [(0.1, wire)], 0.2), XLLAMACPP)
    assert stream.event_counts and stream.server_token_ms
    assert miscount(stream, 5, dialect=XLLAMACPP) is None
    assert "6 tokens were asked for" in str(miscount(stream, 6, dialect=XLLAMACPP))


def test_what_it_says_of_itself_is_read_but_for_its_build() -> None:
    props = {
        "total_slots": 4,
        "model_path": "/home/jo/m.gguf",
        "build_info": "b0-unknown",
        "default_generation_settings": {"n_ctx": 512},
    }
    assert XLLAMACPP.prove(lambda *_: props) == Proof(None, "m.gguf", 4, 512)
    with pytest.raises(Unlike):
        XLLAMACPP.prove(lambda *_: {**props, "total_slots": "4"})


@pytest.mark.parametrize("dialect", FAMILIES.values(), ids=FAMILIES.keys())
@pytest.mark.parametrize("wire", [b"", b": ping\n\n", DONE], ids=["empty", "pings", "done"])
def test_a_reply_without_an_event_is_none_though_it_ended_in_order(
    dialect: Dialect, wire: bytes
) -> None:
    """llama-cpp-python's default build dies of the first prompt after HTTP 200 and its headers."""
    with pytest.raises(StreamFailed, match="ended after 0 tokens"):
        read([(0.1, wire)], dialect)


def test_packs_that_were_asked_for_are_counted_as_what_they_hold() -> None:
    """vLLM's `stream_interval`: 1, 4, 4, 2 tokens an event."""
    told = [(0.3, 1), (0.5, 5), (0.6, 7)]
    sent = [(at, said_by_vllm(total)) for at, total in told]
    last = said_by_vllm(ASKED, reason="length") + usage(prompt=44)
    stream = read([*sent, (0.65, last)], VLLM)
    assert (len(stream.token_times), stream.events) == (ASKED, 4)
    assert stream.last_at - stream.first_at == pytest.approx(0.35)
    assert miscount(stream, ASKED, 44, VLLM) is None
