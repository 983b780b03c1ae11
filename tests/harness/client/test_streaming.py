"""Understanding a stream: whatever way the bytes were cut, the counts and times are right."""

import json

import pytest

from bench_pipeline.harness.client.streaming import RawStream, StreamFailed, understand

TIMINGS = {"cache_n": 0, "prompt_n": 30, "prompt_ms": 40.0, "predicted_ms": 0.0}


def sse(*documents: dict[str, object] | bytes) -> bytes:
    return b"".join(
        b"data: " + (d if isinstance(d, bytes) else json.dumps(d).encode()) + b"\n\n"
        for d in documents
    )


def event(number: int | None, text: str = "a", *, hidden: bool = False, **timings: float) -> bytes:
    """`number` None: text without a count, as the server sends before another text at once."""
    delta = {"reasoning_content" if hidden else "content": text}
    document: dict[str, object] = {"choices": [{"finish_reason": None, "delta": delta}]}
    if number is not None:
        document["timings"] = {**TIMINGS, "predicted_n": number, **timings}
    return sse(document)


def ending(number: int, predicted_ms: float = 100.0, cached: int = 0, **timings: float) -> bytes:
    finish = {"choices": [{"finish_reason": "length", "delta": {}}]}
    last = {**TIMINGS, "predicted_n": number, "predicted_ms": predicted_ms, "cache_n": cached}
    counts = {"completion_tokens": number, "prompt_tokens": 30 + cached}
    usage = {"choices": [], "usage": counts, "timings": {**last, **timings}}
    return sse(finish, usage, b"[DONE]")


def role(number: int | None = None) -> bytes:
    """What the server sends first; with the count of the first token, if that has no text."""
    delta = {"role": "assistant", "content": None}
    document: dict[str, object] = {"choices": [{"finish_reason": None, "delta": delta}]}
    if number is not None:
        document["timings"] = {**TIMINGS, "predicted_n": number}
    return sse(document)


ROLE = role()


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


def test_a_first_token_without_text_has_the_time_of_the_event_that_counts_it():
    stream = understand(raw((0.1, role(1)), (0.2, event(2)), (0.3, event(3) + ending(3))))
    assert stream.token_times == [0.1, 0.2, 0.3]
    assert stream.first_visible_at == 0.2


def test_last_tokens_without_text_have_the_time_of_the_finish_event():
    stream = understand(raw((0.1, event(1)), (0.2, event(2)), (0.4, ending(4))))
    assert stream.token_times == [0.1, 0.2, 0.4, 0.4]


def test_the_servers_time_of_each_token_is_kept_beside_ours():
    stream = understand(
        raw(
            (0.1, event(1, predicted_ms=0.0)),
            (0.2, event(3, predicted_ms=19.5)),
            (0.3, event(4, predicted_ms=30.0) + ending(5, predicted_ms=41.0)),
        )
    )
    assert stream.server_token_ms == [0.0, 19.5, 19.5, 30.0, 41.0]
    assert len(stream.server_token_ms) == len(stream.token_times)


def test_reasoning_ends_with_the_token_before_the_first_visible_one():
    """The tags between have no event of their own: they are not part of the answer."""
    stream = understand(
        raw(
            (0.1, role(1)),
            (0.2, event(2, hidden=True)),
            (0.3, event(3, hidden=True)),
            (0.8, event(8)),
            (0.9, event(9) + ending(9)),
        )
    )
    assert stream.reasoning_tokens == 7
    assert stream.output_tokens - stream.reasoning_tokens == 2
    assert stream.first_visible_at == 0.8


def test_the_end_of_the_reasoning_and_the_answers_begin_may_come_at_once():
    stream = understand(
        raw(
            (0.1, event(1, hidden=True)),
            (0.4, event(None, hidden=True) + event(4)),
            (0.5, event(5) + ending(5)),
        )
    )
    assert stream.reasoning_tokens == 3


def test_a_reply_that_never_ends_its_reasoning_has_no_visible_token():
    """The budget may also end in the midst of the tag, whose part is never sent."""
    stream = understand(raw((0.1, event(1, hidden=True)), (0.2, event(2, hidden=True) + ending(4))))
    assert (stream.reasoning_tokens, stream.output_tokens) == (4, 4)
    assert stream.first_visible_at is None


def test_reasoning_that_begins_again_is_hidden_again():
    stream = understand(
        raw(
            (0.1, event(1, hidden=True)),
            (0.2, event(3)),
            (0.3, event(6, hidden=True)),
            (0.4, event(8) + ending(8)),
        )
    )
    assert stream.reasoning_tokens == 1 + 1 + 3 + 1


def test_without_reasoning_every_token_is_visible_whatever_its_event_stands_for():
    stream = understand(raw((0.1, event(3)), (0.2, event(7) + ending(9))))
    assert stream.reasoning_tokens == 0


def test_drafted_tokens_are_those_of_the_whole_reply_and_none_without_a_draft():
    drafted = ending(2, draft_n=17, draft_n_accepted=11)
    stream = understand(raw((0.1, event(1)), (0.2, event(2) + drafted)))
    assert (stream.draft_tokens, stream.draft_accepted) == (17, 11)
    stream = understand(raw((0.1, event(1)), (0.2, event(2) + ending(2))))
    assert (stream.draft_tokens, stream.draft_accepted) == (None, None)


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


@pytest.mark.parametrize(
    ("wire", "said"),
    [
        (b"data: {half\n\n", "not JSON: data: {half"),
        (b'data: {"error":"no more slots"}\n\n', "no more slots"),
        (
            sse({"choices": [{"delta": {"content": "a"}}], "timings": {"n": 1}}),
            "lack 'predicted_n'",
        ),
    ],
)
def test_a_garbled_stream_is_a_failure_that_says_how(wire: bytes, said: str):
    with pytest.raises(StreamFailed, match=said) as caught:
        understand(raw((0.1, event(1)), (0.2, wire + ending(2))))
    assert caught.value.kind == "crash"


@pytest.mark.parametrize(("apart_ms", "shared"), [(0.4, 0), (20.0, 2)])
def test_events_in_one_read_came_late_unless_the_server_made_them_at_once(apart_ms, shared):
    """A draft model's tokens are sent together; those of a starved client only read so."""
    together = event(2, predicted_ms=20.0) + event(3, predicted_ms=20.0 + apart_ms)
    stream = understand(
        raw((0.1, event(1)), (0.3, together), (0.4, event(4, predicted_ms=60.0) + ending(4)))
    )
    assert (stream.events, stream.shared_reads) == (4, shared)
