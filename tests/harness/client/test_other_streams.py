"""Streams of engines that do not count on their events: each habit that makes a wrong number."""

import pytest

from bench_pipeline.engines.dialects.dasllama import DIALECT as DASLLAMA
from bench_pipeline.engines.dialects.families import FAMILIES
from bench_pipeline.engines.dialects.protocol import Dialect
from bench_pipeline.engines.dialects.transformers import DIALECT as TRANSFORMERS
from bench_pipeline.engines.dialects.vllm import DIALECT as VLLM
from bench_pipeline.harness.client.counts import miscount
from bench_pipeline.harness.client.streaming import StreamFailed
from tests.harness.client.replayed import (
    ASKED,
    DONE,
    STEP_S,
    Sent,
    ended,
    finish,
    honest,
    read,
    role,
    sse,
    text,
    usage,
    words,
)

DECODE_S = (ASKED - 1) * STEP_S


def decode_s(sent: Sent, dialect: Dialect = DASLLAMA) -> float:
    stream = read(sent, dialect)
    return stream.last_at - stream.first_at


def test_an_early_role_is_no_first_token():
    """dasllama and transformers send it after 1 to 5 ms, the token after 105 to 270."""
    stream = read(honest(), DASLLAMA)
    assert stream.first_at == pytest.approx(0.3)
    assert (stream.output_tokens, stream.events) == (ASKED, ASKED)


def test_tokens_without_text_at_the_end_are_in_the_time_until_the_finish():
    """Half a character has no event; `usage` over the last text would be a rate too high."""
    shown = words(ASKED - 2)
    last = [(0.3 + DECODE_S, finish() + usage(ttft_ms=290.0, gen_ms=350.0) + DONE)]
    assert decode_s([*shown, *last]) == pytest.approx(DECODE_S)
    assert read([*shown, *last], DASLLAMA).token_times == []  # whose gaps nobody knows


def test_several_tokens_in_one_event_do_not_change_the_rate():
    """ "Write emoji": 14 tokens in 4 events. Events are not tokens."""
    sent = [(0.3, text("🦙")), (0.45, text("🌊")), (0.3 + DECODE_S, text("🎉"))]
    stream = read(ended(sent, finish(), usage(ttft_ms=290.0, gen_ms=350.0)), DASLLAMA)
    assert (stream.output_tokens, stream.events) == (ASKED, 3)
    assert stream.last_at - stream.first_at == pytest.approx(DECODE_S)
    assert miscount(stream, ASKED, dialect=DASLLAMA) is None


def test_the_end_of_text_that_is_in_no_count_is_in_no_time_either():
    """dasllama computes it, does not count it, and has it in its own time: both clocks would agree
    on a rate that is an interval too low."""
    late = [*words(ASKED - 1), (0.3 + DECODE_S, finish("stop") + usage(ASKED - 1, gen_ms=350.0))]
    assert decode_s(late) == pytest.approx(DECODE_S - STEP_S)
    assert read(late, DASLLAMA).finished_at == pytest.approx(0.3 + DECODE_S)


@pytest.mark.parametrize("done", [b"", DONE])
def test_a_reply_ends_with_its_finish_whether_or_not_it_says_done(done: bytes):
    """transformers never says it."""
    counts = {"prompt_tokens": 40, "completion_tokens": ASKED}
    last = {"choices": [{"delta": {}, "finish_reason": "length"}], "usage": counts}
    stream = read(ended(words(), sse(last), done), TRANSFORMERS)
    assert (stream.finish_reason, stream.output_tokens) == ("length", ASKED)
    assert (stream.server_decode_ms, stream.cached_tokens) == (None, None)  # nothing filled in


@pytest.mark.parametrize("dialect", FAMILIES.values(), ids=FAMILIES.keys())
def test_done_after_a_cut_is_no_end(dialect: Dialect):
    """llama-cpp-python ends a stream so when another request comes: HTTP 200, and `[DONE]`."""
    with pytest.raises(StreamFailed, match="the stream ended after"):
        read(ended(words(3), DONE), dialect)


@pytest.mark.parametrize("dialect", FAMILIES.values(), ids=FAMILIES.keys())
@pytest.mark.parametrize("error", ['"no room"', '{"message": "no room"}', '{"code": 500}'])
def test_an_error_is_one_in_whatever_form(dialect: Dialect, error: str):
    with pytest.raises(StreamFailed, match=r"no room|'code': 500"):
        read(ended(words(3), f'data: {{"error": {error}}}\n\n'.encode()), dialect)


def test_comments_and_other_line_ends_are_read_over():
    """mlx-lm tells its prompt's progress in comments."""
    wire = b"".join(data for _, data in honest()).replace(b"\n", b"\r\n")
    wire = b": keepalive 39/40\r\n\r\n" + wire.replace(b"data: ", b": keepalive 40/40\r\ndata:", 2)
    for size in (1, 2, 3, 7, 1000):
        pieces = [wire[at : at + size] for at in range(0, len(wire), size)]
        stream = read([(0.1 * n, piece) for n, piece in enumerate(pieces, 1)], DASLLAMA)
        assert (stream.output_tokens, stream.events) == (ASKED, ASKED), size


@pytest.mark.parametrize("off", [-1, 1])
def test_a_usage_that_lies_by_one_is_a_miscount(off: int):
    stream = read(honest(output=ASKED + off), DASLLAMA)
    assert "ended by its length" in str(miscount(stream, ASKED, dialect=DASLLAMA))


@pytest.mark.parametrize(("told", "said"), [(5, "text came 6 times"), (7, "only the server's")])
def test_a_reply_that_ended_by_itself_needs_a_second_witness(told: int, said: str):
    sent = ended(words(6), finish("stop"), usage(told, ttft_ms=290.0, gen_ms=250.0))
    assert said in str(miscount(read(sent, DASLLAMA), ASKED, dialect=DASLLAMA))
    sent = ended(words(6), finish("stop"), usage(6, ttft_ms=290.0, gen_ms=250.0))
    assert miscount(read(sent, DASLLAMA), ASKED, dialect=DASLLAMA) is None


def test_no_usage_is_no_count():
    stream = read(ended(words(), finish()), TRANSFORMERS)
    assert "no usage" in str(miscount(stream, ASKED, dialect=TRANSFORMERS))


def test_a_server_that_ignores_the_fixed_length_is_seen_by_its_effect():
    """An unknown field is answered with 200 by most: that it was taken proves nothing."""
    sent = ended(words(6), finish("stop"), usage(6))
    said = miscount(read(sent, TRANSFORMERS), ASKED, dialect=TRANSFORMERS)
    assert "ended after 6 of 8 tokens by 'stop'" in str(said)


def test_hidden_text_of_unknown_length_is_no_reasoning_count():
    thought = sse({"choices": [{"delta": {"reasoning": "hm"}}]})
    sent = [(0.1, role()), (0.3, thought), (0.4, thought), (0.65, text())]
    stream = read(ended(sent, finish(), usage(ttft_ms=290.0, gen_ms=350.0)), DASLLAMA)
    assert "which are hidden cannot be told" in str(miscount(stream, ASKED, dialect=DASLLAMA))


def test_a_prompt_of_another_length_than_it_was_fitted_to_is_a_miscount():
    """Some servers cut a long prompt without a word."""
    said = miscount(read(honest(prompt=32), DASLLAMA), ASKED, 40, DASLLAMA)
    assert "fitted to 40 tokens, the server's usage says 32" in str(said)


def said_by_vllm(total: int, content: str = "word", reason: str | None = None) -> bytes:
    choice = {"index": 0, "delta": {"content": content}, "finish_reason": reason}
    counts = {"prompt_tokens": 44, "total_tokens": 44 + total, "completion_tokens": total}
    return sse({"choices": [choice], "usage": counts})


def test_merged_outputs_are_counted_by_the_usage_on_each_event():
    """vLLM sends what its front end comes late for as one: 3 or 5 tokens. Some hold no text."""
    sent = [
        (0.01, said_by_vllm(0, "")),  # the role
        (0.30, said_by_vllm(1, "")),
        (0.35, said_by_vllm(2)),
        (0.50, said_by_vllm(5, "🦙")),
        (0.60, said_by_vllm(7)),
        (0.65, said_by_vllm(8, reason="length") + usage(prompt=44, cached=None) + DONE),
    ]
    stream = read(sent, VLLM)
    assert stream.token_times == [0.30, 0.35, 0.50, 0.50, 0.50, 0.60, 0.60, 0.65]
    assert (stream.last_at - stream.first_at) == pytest.approx(DECODE_S)
    assert (stream.events, stream.shared_reads, stream.server_decode_ms) == (5, 0, None)
    assert miscount(stream, ASKED, 44, VLLM) is None
    lying = [*sent[:-1], (0.65, said_by_vllm(8, reason="length") + usage(9, prompt=44))]
    assert miscount(read(lying, VLLM), ASKED, 44, VLLM) is not None


def test_a_fixed_length_that_had_no_effect_is_told_of_vllm_too():
    sent = [(0.3, said_by_vllm(1)), (0.4, said_by_vllm(2, reason="stop") + usage(4, prompt=44))]
    assert "ended after 4 of 8" in str(miscount(read(sent, VLLM), ASKED, 44, VLLM))
