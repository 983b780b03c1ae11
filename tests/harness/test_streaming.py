"""Understanding a stream: whatever way the bytes were cut, the counts and times are right."""

import json

import pytest

from bench_pipeline.harness.streaming import RawStream, StreamFailed, understand

TIMINGS = {"cache_n": 0, "prompt_n": 30, "prompt_ms": 40.0, "predicted_ms": 0.0}


def event(number: int, text: str = "a", *, hidden: bool = False, **extra: object) -> bytes:
    delta = {"reasoning_content" if hidden else "content": text}
    timings = {**TIMINGS, "predicted_n": number}
    document = {"choices": [{"finish_reason": None, "delta": delta}], "timings": timings, **extra}
    return b"data: " + json.dumps(document).encode() + b"\n\n"


def ending(number: int, predicted_ms: float = 100.0, cached: int = 0) -> bytes:
    finish = {"choices": [{"finish_reason": "length", "delta": {}}]}
    timings = {**TIMINGS, "predicted_n": number, "predicted_ms": predicted_ms, "cache_n": cached}
    usage = {"choices": [], "timings": timings}
    return b"".join(
        b"data: " + (d if isinstance(d, bytes) else json.dumps(d).encode()) + b"\n\n"
        for d in (finish, usage, b"[DONE]")
    )


ROLE = b'data: {"choices":[{"finish_reason":null,"delta":{"role":"assistant","content":null}}]}\n\n'


def raw(*chunks: tuple[float, bytes]) -> RawStream:
    return RawStream(sent_at=0.0, chunks=list(chunks), ended_at=chunks[-1][0])


def test_each_token_has_the_time_at_which_its_event_arrived():
    stream = understand(raw((0.1, ROLE + event(1)), (0.2, event(2)), (0.3, event(3) + ending(3))))
    assert stream.token_times == [0.1, 0.2, 0.3]
    assert (stream.output_tokens, stream.finish_reason) == (3, "length")
    assert (stream.prompt_tokens, stream.cached_tokens) == (30, 0)
    assert (stream.server_prompt_ms, stream.server_decode_ms) == (40.0, 100.0)


def test_several_events_in_one_chunk_share_its_time():
    stream = understand(raw((0.1, event(1)), (0.25, event(2) + event(3)), (0.3, ending(3))))
    assert stream.token_times == [0.1, 0.25, 0.25]


def test_an_event_cut_over_chunks_arrives_with_its_last_byte():
    whole = event(2)
    stream = understand(raw((0.1, event(1)), (0.2, whole[:17]), (0.3, whole[17:] + ending(2))))
    assert stream.token_times == [0.1, 0.3]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 1000])
def test_the_counts_do_not_depend_on_how_the_bytes_were_cut(size: int):
    wire = ROLE + b"".join(event(n) for n in range(1, 21)) + b": ping\n\n" + ending(20)
    pieces = [wire[i : i + size] for i in range(0, len(wire), size)]
    stream = understand(raw(*((0.01 * n, piece) for n, piece in enumerate(pieces, 1))))
    assert (len(stream.token_times), stream.output_tokens) == (20, 20)


def test_an_event_that_stands_for_two_tokens_counts_as_two():
    """The server holds a token back until its character is whole."""
    stream = understand(raw((0.1, event(1)), (0.2, event(3)), (0.3, event(4) + ending(4))))
    assert stream.token_times == [0.1, 0.2, 0.2, 0.3]


def test_a_first_event_of_two_tokens_stamps_only_one():
    stream = understand(raw((0.1, event(2)), (0.2, event(3) + ending(3))))
    assert stream.token_times == [0.1, 0.2]
    assert stream.output_tokens == 3


def test_hidden_tokens_are_counted_apart_and_the_first_visible_one_is_stamped():
    stream = understand(
        raw(
            (0.1, event(1, hidden=True)),
            (0.2, event(2, hidden=True)),
            (0.3, event(3)),
            (0.4, event(4) + ending(4)),
        )
    )
    assert stream.reasoning_tokens == 2
    assert stream.first_visible_at == 0.3


def test_cached_prompt_tokens_are_seen():
    stream = understand(raw((0.1, event(1)), (0.2, event(2) + ending(2, cached=24))))
    assert (stream.cached_tokens, stream.prompt_tokens) == (24, 54)


def test_a_stream_without_its_end_is_a_failure():
    with pytest.raises(StreamFailed, match="ended after 2 tokens"):
        understand(raw((0.1, event(1)), (0.2, event(2))))


def test_an_error_event_is_a_failure_with_the_servers_words():
    error = b'data: {"error":{"code":500,"message":"failed to allocate memory"}}\n\n'
    with pytest.raises(StreamFailed, match="failed to allocate") as caught:
        understand(raw((0.1, event(1)), (0.2, error)))
    assert caught.value.kind == "oom"
