"""The truth that clients are measured against: complete, never early, and understood by ours."""

import asyncio
import http.client
import json
import socket
from collections.abc import Iterator

import pytest

from bench_pipeline.harness.client.streaming import Stream
from bench_pipeline.harness.client.waves import run_wave
from benchmarks.token_source import Sent, TokenSource

INTERVAL_MS, FIRST_TOKEN_MS, TOKENS = 4, 30, 25


@pytest.fixture(params=[True, False], ids=["together", "each-on-its-own"])
def source(request: pytest.FixtureRequest) -> Iterator[TokenSource]:
    with TokenSource() as source:
        source.set_pace(INTERVAL_MS, first_token_ms=FIRST_TOKEN_MS, together=request.param)
        yield source


def stream(source: TokenSource, streams: int) -> list[tuple[Stream, Sent]]:
    """What our client understood and what was sent, stream by stream."""
    names = [f"{number:08}" for number in range(streams)]
    prompts = [[{"role": "system", "content": name}] for name in names]
    streams_seen = asyncio.run(run_wave(source.base_url, prompts, TOKENS))
    sent = {true.label: true for true in source.sent()}
    return [(seen, sent[name]) for seen, name in zip(streams_seen, names, strict=True)]


def test_our_client_sees_each_token_after_it_was_sent(source: TokenSource) -> None:
    for seen, true in stream(source, 8):
        assert len(seen.token_times) == len(true.sent_at) == seen.output_tokens == TOKENS
        assert seen.sent_at < true.received_at
        pairs = zip(true.sent_at, seen.token_times, strict=True)
        assert all(sent < arrived for sent, arrived in pairs)


def test_no_token_is_sent_before_its_time(source: TokenSource) -> None:
    for _, true in stream(source, 8):
        for number, sent in enumerate(true.sent_at):
            due = true.received_at + (FIRST_TOKEN_MS + number * INTERVAL_MS) / 1000
            assert sent > due - 1e-6


def test_it_says_of_itself_what_it_did(source: TokenSource) -> None:
    for seen, true in stream(source, 2):
        decode_ms = (true.sent_at[-1] - true.sent_at[0]) * 1000
        prompt_ms = (true.sent_at[0] - true.received_at) * 1000
        assert seen.server_decode_ms == pytest.approx(decode_ms, abs=0.002)
        assert seen.server_prompt_ms == pytest.approx(prompt_ms, abs=0.002)
        assert (seen.cached_tokens, seen.finish_reason) == (0, "length")


def test_streams_in_step_send_at_the_same_moments() -> None:
    with TokenSource() as source:
        source.set_pace(1000, first_token_ms=1, together=True)
        first_tokens = [true.sent_at[0] % 1 for _, true in _one_token_each(source)]
    assert max(first_tokens) - min(first_tokens) < 0.5  # else spread over the whole second


def _one_token_each(source: TokenSource) -> list[tuple[Stream, Sent]]:
    prompts = [[{"role": "system", "content": str(number)}] for number in range(4)]
    seen = asyncio.run(run_wave(source.base_url, prompts, 1))
    return list(zip(seen, source.sent(), strict=True))


def test_a_connection_can_be_kept_and_plain_clients_get_plain_events(source: TokenSource) -> None:
    body = {"messages": [{"role": "user", "content": "Hello"}], "max_completion_tokens": 3}
    connection = http.client.HTTPConnection(source.base_url.removeprefix("http://"))
    for _ in range(2):
        connection.request("POST", "/v1/chat/completions", json.dumps({**body, "stream": True}))
        events = connection.getresponse().read().decode().split("\n\n")
        documents = [json.loads(e.removeprefix("data: ")) for e in events[:-2]]
        assert events[-2:] == ["data: [DONE]", ""]
        assert ["timings" in document for document in documents] == [False] * 4 + [True]
        assert documents[-1]["usage"]["completion_tokens"] == 3
    connection.close()


def test_a_client_that_leaves_disturbs_nobody(source: TokenSource) -> None:
    body = json.dumps({"messages": [{"content": "gone"}], "max_tokens": 1000, "stream": True})
    port = int(source.base_url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port)) as leaving:
        head = f"POST /v1/chat/completions HTTP/1.1\r\nContent-Length: {len(body)}\r\n\r\n"
        leaving.sendall((head + body).encode())
        leaving.recv(10)
    prompts = [[{"role": "system", "content": "stays"}]]
    (seen,) = asyncio.run(run_wave(source.base_url, prompts, TOKENS))
    assert seen.output_tokens == TOKENS
    gone, stays = source.sent()
    assert len(gone.sent_at) < 1000
    assert len(stays.sent_at) == TOKENS
