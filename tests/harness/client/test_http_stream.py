"""Replies over a bare connection: stamped, whole, or an error."""

import asyncio
import struct
import time
from collections.abc import Sequence
from contextlib import suppress
from socket import SO_LINGER, SOL_SOCKET

import pytest

from bench_pipeline.harness.client.http_stream import Patience, Reply, ReplyBroke, post

HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nKeep-Alive: timeout=5\r\n\r\n"
BODY = b'{"n": 1}'


def patience(silence_s: float, most_bytes: int = 2**20) -> Patience:
    return Patience(silence_s, first_event_s=silence_s, whole_s=60, most_bytes=most_bytes)


def ask(
    *parts: bytes, pause_s: float = 0.02, silence_s: float = 20, reset: bool = False
) -> tuple[Reply, bytes]:
    """The reply that comes in these parts, with a pause after each, and the request for it.

    Both ends share one event loop, which reads what has arrived before it goes on after a pause:
    however busy the machine is, the client has each part before the next is sent. `reset`: the
    connection ends as that of a server that died.
    """
    return asyncio.run(_ask(parts, pause_s, silence_s, reset))


async def _ask(
    parts: Sequence[bytes], pause_s: float, silence_s: float, reset: bool
) -> tuple[Reply, bytes]:
    seen: list[bytes] = []
    served = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.readuntil(BODY))
        for part in parts:
            writer.write(part)
            await asyncio.sleep(pause_s)
        if reset:
            at_once = struct.pack("ii", 1, 0)
            writer.get_extra_info("socket").setsockopt(SOL_SOCKET, SO_LINGER, at_once)
        writer.close()
        with suppress(OSError):  # the client may be the first to go
            await writer.wait_closed()
        served.set()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        try:
            reply = await post(f"http://127.0.0.1:{port}/v1/x", BODY, patience(silence_s))
        finally:
            await served.wait()
    return reply, seen[0]


def test_the_request_names_its_path_and_asks_for_a_connection_of_its_own() -> None:
    _, request = ask(HEAD, b"0\r\n\r\n")
    assert request.startswith(b"POST /v1/x HTTP/1.1\r\nHost: 127.0.0.1:")
    assert b"\r\nConnection: close\r\n" in request
    assert request.endswith(b'Content-Length: 8\r\n\r\n{"n": 1}')


def test_each_chunk_has_its_own_arrival() -> None:
    before = time.perf_counter()
    reply, _ = ask(HEAD, b"3\r\nabc\r\n", b"4\r\ndefg\r\n", b"0\r\n\r\n")
    assert (reply.status, [data for _, data in reply.pieces]) == (200, [b"abc", b"defg"])
    first, second = (arrived for arrived, _ in reply.pieces)
    assert before < reply.sent_at < first < second < reply.ended_at


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_a_reply_cut_anywhere_reads_the_same(size: int) -> None:
    whole = HEAD + b"3\r\nabc\r\n" + b"A;x=1\r\n0123456789\r\n" + b"0\r\n\r\n"
    parts = [whole[at : at + size] for at in range(0, len(whole), size)]
    reply, _ = ask(*parts, pause_s=0.001)
    assert b"".join(data for _, data in reply.pieces) == b"abc0123456789"


UNTIL_IT_CLOSES = b"HTTP/1.0 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
"""As mlx-lm answers."""


def test_a_reply_may_end_with_its_connection() -> None:
    """Nor is a comment that looks like the end of chunks its end."""
    parts = [b": keepalive 40/50\r\n\r\n", b"data: a\r\n\r\n", b": keepalive 50/50\n\n", b"b"]
    reply, _ = ask(UNTIL_IT_CLOSES, *parts)
    assert b"".join(data for _, data in reply.pieces) == b"".join(parts)


def test_a_reply_that_ends_with_its_connection_does_not_end_with_a_broken_one() -> None:
    with pytest.raises(ReplyBroke, match="broke off within"):
        ask(UNTIL_IT_CLOSES, b"data: a\n\n", reset=True)


def test_an_error_s_text_is_kept() -> None:
    reply, _ = ask(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 7\r\n\r\nloading")
    assert (reply.status, reply.pieces[0][1]) == (503, b"loading")


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ([], "before any reply"),
        ([HEAD, b"3\r\nabc\r\n"], "within the reply"),
        ([HEAD, b"3\r\nab"], "within the reply"),
        ([b"HTTP/1.1 500 Oops\r\nContent-Length: 9\r\n\r\nshort"], "within the reply"),
        ([HEAD, b"what is this\r\n"], "not a chunk"),
        ([b"SSH-2.0-OpenSSH\r\n\r\n"], "not an HTTP reply"),
    ],
)
def test_half_a_reply_is_none(parts: list[bytes], said: str) -> None:
    with pytest.raises(ReplyBroke, match=said) as caught:
        ask(*parts)
    assert not caught.value.silent


def test_silence_is_told_from_a_broken_connection() -> None:
    with pytest.raises(ReplyBroke, match=r"no data for 0\.1 s") as caught:
        ask(HEAD, b"3\r\nabc\r\n", pause_s=0.5, silence_s=0.1)
    assert caught.value.silent


def test_slow_is_not_silent() -> None:
    """Though the whole takes longer than the silence that is borne."""
    parts = [HEAD, *[b"1\r\nx\r\n"] * 40, b"0\r\n\r\n"]
    reply, _ = ask(*parts, pause_s=0.05, silence_s=1.5)
    assert len(reply.pieces) == 40


def test_a_refused_connection_is_named() -> None:
    with pytest.raises(ReplyBroke, match="no connection"):
        asyncio.run(post("http://127.0.0.1:1/v1/x", b"{}", patience(1)))
