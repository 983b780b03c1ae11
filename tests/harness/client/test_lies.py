"""A server that sends what no server should: a failure with words, in bounded memory and time."""

import httpx
import pytest

from bench_pipeline.engines.llama_cpp.asking import WrongAnswer, ask
from bench_pipeline.harness.client.http_stream import ReplyBroke
from bench_pipeline.harness.client.streaming import RawStream, StreamFailed, understand
from tests.harness.client.test_http_stream import HEAD
from tests.harness.client.test_http_stream import ask as reply_of
from tests.harness.client.test_streaming import ending, event, role

TIMINGS = '{"choices":[{"delta":{"content":"a"}}],"timings":%s}'


@pytest.mark.parametrize(
    "said",
    [
        *("5", "[1]", '"x"', "null", "true", '{"choices":"x"}', '{"choices":[null]}'),
        *('{"choices":[{"delta":null}]}', '{"choices":[{"delta":[]}]}', '{"choices":{"0":{}}}'),
        *('{"choices":[{"delta":{"content":5}}]}', '{"choices":[{"finish_reason":["x"]}]}'),
        *('{"choices":[],"usage":"x"}', '{"usage":{"prompt_tokens":"7"}}', '{"timings":[1]}'),
        *(TIMINGS % '{"predicted_n":"7"}', TIMINGS % '{"predicted_n":0.5}'),
        *(TIMINGS % '{"predicted_n":-1}', TIMINGS % '{"predicted_n":true}'),
        *(TIMINGS % '{"predicted_n":3000000000}', TIMINGS % '{"predicted_n":900000000}'),
        *(TIMINGS % '{"predicted_n":2,"predicted_ms":NaN}',),
        *(TIMINGS % '{"predicted_n":2,"predicted_ms":-5}',),
        *(TIMINGS % '{"predicted_n":2,"predicted_ms":1e300}',),
        *(TIMINGS % '{"predicted_n":2,"predicted_ms":null}',),
        *(TIMINGS % '{"predicted_n":2,"prompt_n":-30}', TIMINGS % "{}" + "}"),
        '{"a":' + "[" * 100_000 + "]" * 100_000 + "}",
    ],
    ids=lambda said: said[:60],
)
def test_an_event_that_is_none_fails_its_stream(said: str) -> None:
    wire = role() + event(1) + f"data: {said}\n\n".encode() + event(2) + ending(3)
    with pytest.raises(StreamFailed) as caught:
        understand(RawStream(0.0, [(0.1, wire)], 0.2))
    assert caught.value.kind == "crash"
    assert len(str(caught.value)) < 400


def test_what_an_error_event_says_reaches_no_terminal_as_it_is() -> None:
    wire = b'data: {"error":{"message":"\\u001b]0;OWNED\\u0007 in /home/alice/m.gguf"}}\n\n'
    with pytest.raises(StreamFailed, match=r"\\x1b\]0;OWNED\\x07 in m\.gguf"):
        understand(RawStream(0.0, [(0.1, wire)], 0.2))


@pytest.mark.parametrize("size", [b"-6", b"+5", b"0x5", b"5_0", b"", b"f" * 40])
def test_a_size_that_no_chunk_has_breaks_the_reply(size: bytes) -> None:
    with pytest.raises(ReplyBroke, match="not a chunk"):
        reply_of(HEAD, size + b"\r\nhello\r\n0\r\n\r\n")


@pytest.mark.parametrize("length", [b"-5", b"abc", b"1e3", b"9" * 30])
def test_a_length_that_is_none_breaks_the_reply(length: bytes) -> None:
    with pytest.raises(ReplyBroke, match="no length"):
        reply_of(b"HTTP/1.1 200 OK\r\nContent-Length: " + length + b"\r\n\r\nx")


@pytest.mark.parametrize("said", [b": ping", b":", b"data:", b"event: ping", b"retry: 900\nid: 1"])
def test_pings_alone_are_a_hang(said: bytes) -> None:
    """llama-server's HTTP thread sends them by itself, also when the one that computes is stuck."""
    ping = b"%x\r\n%s\n\n\r\n" % (len(said) + 2, said)
    with pytest.raises(ReplyBroke, match="nothing but pings") as caught:
        reply_of(HEAD, *[ping] * 30, pause_s=0.05, silence_s=0.6)
    assert caught.value.silent


def test_pings_between_events_are_no_hang() -> None:
    ping, said = b"8\r\n: ping\n\n\r\n", b"9\r\ndata: x\n\n\r\n"
    reply, _ = reply_of(HEAD, *[ping, said] * 8, b"0\r\n\r\n", pause_s=0.1, silence_s=1.0)
    assert len(reply.pieces) == 16


def test_a_reply_without_end_is_ended_by_its_size() -> None:
    big = b"10000\r\n" + b"x" * 2**16 + b"\r\n"
    with pytest.raises(ReplyBroke, match="it sent more than 1,048,576 bytes"):
        reply_of(HEAD, *[big] * 40, pause_s=0)


def answering(content: bytes) -> httpx.Client:
    return httpx.Client(
        base_url="http://x",
        transport=httpx.MockTransport(lambda _: httpx.Response(200, content=content)),
    )


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"<html>", "is no JSON"),
        (b"[1]", "is no object"),
        (b"", "is no JSON"),
        (b"[" * 10**6, "is no JSON"),
        (b" " * (16 * 2**20 + 1), "has more than"),
    ],
)
def test_an_answer_that_is_none_is_told(content: bytes, problem: str) -> None:
    with pytest.raises(WrongAnswer, match=problem):
        ask(answering(content), "GET", "/props")
    assert ask(answering(b'{"a": 1}'), "GET", "/props") == {"a": 1}
