"""One streamed completion with its timestamps.

aiohttp on uvloop: a tenth of the CPU time of httpx's line iterator per token, on a machine
where the client competes with the engine. Chunks are stamped as they arrive and parsed only
when the whole wave is over, so that parsing one stream does not delay the stamps of another.
Every request has a connection of its own: llama-server closes a streamed connection while
its headers promise to keep it.
"""

import json
import time
from dataclasses import dataclass

import aiohttp

STALL_TIMEOUT_S = 300
"""No byte for so long is a hang; prefill of a long prompt on a slow rig takes minutes."""


class StreamFailed(Exception):
    """The server answered with an error, broke off, or stopped sending."""

    def __init__(self, kind: str, message: str) -> None:
        self.kind = kind  # `crash`, `hang` or `oom`: a records.run.FailureKind
        super().__init__(message)


@dataclass(frozen=True)
class RawStream:
    """What came over the wire. Times are seconds of time.perf_counter()."""

    sent_at: float
    chunks: list[tuple[float, bytes]]
    ended_at: float


async def stream_completion(
    session: aiohttp.ClientSession,
    url: str,
    messages: list[dict[str, str]],
    output_tokens: int,
    *,
    cache_prompt: bool = False,
) -> RawStream:
    """Sends one chat completion of exactly `output_tokens` and collects its chunks."""
    body = {
        "messages": messages,
        "max_tokens": output_tokens,
        "ignore_eos": True,  # the same work for every model
        "cache_prompt": cache_prompt,  # False: cold prefill is cold
        "temperature": 0,
        "seed": 1,
        "stream": True,
        "stream_options": {"include_usage": True},
        "timings_per_token": True,  # a token counter on every event
    }
    payload = json.dumps(body).encode()
    headers = {"Content-Type": "application/json", "Connection": "close"}
    chunks: list[tuple[float, bytes]] = []
    clock = time.perf_counter
    sent_at = clock()
    try:
        async with session.post(url, data=payload, headers=headers) as response:
            if response.status != 200:
                text = (await response.text())[:300]
                raise StreamFailed("crash", f"HTTP {response.status}: {text}")
            read = response.content.readany
            while chunk := await read():
                chunks.append((clock(), chunk))
    except TimeoutError:
        raise StreamFailed("hang", f"no data for {STALL_TIMEOUT_S} s") from None
    except aiohttp.ClientError as error:
        raise StreamFailed("crash", f"connection broke: {error!r}") from None
    return RawStream(sent_at, chunks, clock())


@dataclass(frozen=True)
class Stream:
    """A stream as understood. Times are seconds of time.perf_counter().

    token_times   arrival of each token that the client saw, in order; the tokens of one
                  event share its time
    """

    sent_at: float
    ended_at: float
    token_times: list[float]
    first_visible_at: float | None
    reasoning_tokens: int
    prompt_tokens: int
    cached_tokens: int
    output_tokens: int
    server_prompt_ms: float
    server_decode_ms: float
    finish_reason: str


def understand(raw: RawStream) -> Stream:
    """Parses a raw stream. StreamFailed if it ended early or holds an error event."""
    token_times: list[float] = []
    first_visible_at: float | None = None
    seen = reasoning = 0
    finish, last_timings, done = "", None, False
    buffer = b""
    for arrived, chunk in raw.chunks:
        buffer += chunk
        *events, buffer = buffer.split(b"\n\n")  # one chunk can hold several events, or half
        for event in events:
            if not event.startswith(b"data: "):
                continue  # comments and pings
            if event == b"data: [DONE]":
                done = True
                continue
            document = json.loads(event[6:])
            if "error" in document:
                message = str(document["error"].get("message", document["error"]))[:300]
                raise StreamFailed("oom" if "memory" in message.lower() else "crash", message)
            last_timings = document.get("timings", last_timings)
            choices = document.get("choices")
            if not choices:
                continue
            finish = choices[0].get("finish_reason") or finish
            delta = choices[0].get("delta", {})
            hidden, visible = delta.get("reasoning_content"), delta.get("content")
            if "timings" not in document or not (hidden or visible):
                continue
            number = document["timings"]["predicted_n"]
            # The first event may stand for two tokens (a character split over both): only
            # tokens from it onwards have a known arrival.
            new = number - seen if token_times else 1
            token_times.extend([arrived] * new)
            if hidden and not visible:
                reasoning += number - seen
            elif first_visible_at is None:
                first_visible_at = arrived
            seen = number
    if not done or last_timings is None or not token_times:
        raise StreamFailed("crash", f"the stream ended after {len(token_times)} tokens")
    return Stream(
        sent_at=raw.sent_at,
        ended_at=raw.ended_at,
        token_times=token_times,
        first_visible_at=first_visible_at,
        reasoning_tokens=reasoning,
        prompt_tokens=last_timings["prompt_n"] + last_timings["cache_n"],
        cached_tokens=last_timings["cache_n"],
        output_tokens=last_timings["predicted_n"],
        server_prompt_ms=last_timings["prompt_ms"],
        server_decode_ms=last_timings["predicted_ms"],
        finish_reason=finish,
    )
