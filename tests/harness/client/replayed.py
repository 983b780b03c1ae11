"""Streams as engines that do not count on their events send them, to be cut and spoilt."""

import json

from bench_pipeline.engines.dialects.protocol import Dialect
from bench_pipeline.harness.client.streaming import RawStream, Stream, understand

ASKED = 8
STEP_S = 0.05
"""Between two tokens."""


def sse(document: object) -> bytes:
    return b"data: " + json.dumps(document).encode() + b"\n\n"


def role() -> bytes:
    return sse({"choices": [{"index": 0, "delta": {"role": "assistant"}}]})


def text(said: str = "word") -> bytes:
    return sse({"choices": [{"index": 0, "delta": {"content": said}}]})


def finish(reason: str = "length") -> bytes:
    return sse({"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})


def usage(output: int = ASKED, prompt: int = 40, cached: int | None = 0, **timings: float) -> bytes:
    """dasllama's last event; without times, anybody's."""
    told: dict[str, object] = {"prompt_tokens": prompt, "completion_tokens": output}
    if cached is not None:
        told["prompt_tokens_details"] = {"cached_tokens": cached}
    return sse({"choices": [], "usage": told} | ({"timings": timings} if timings else {}))


DONE = b"data: [DONE]\n\n"

Sent = list[tuple[float, bytes]]
"""Seconds after sending, and what came in that read."""


def words(count: int = ASKED, first_s: float = 0.3) -> Sent:
    """A token each, evenly, after a role that comes at once."""
    return [(0.001, role()), *((first_s + n * STEP_S, text()) for n in range(count))]


def ended(sent: Sent, *last: bytes) -> Sent:
    """`last` in the read of the last word."""
    *before, (at, data) = sent
    return [*before, (at, data + b"".join(last))]


def honest(decode_ms: float = (ASKED - 1) * STEP_S * 1000, **of_usage: int | None) -> Sent:
    """What dasllama sends of a reply without a fault."""
    times = {"ttft_ms": 290.0, "gen_ms": decode_ms}
    return ended(words(), finish(), usage(**of_usage, **times), DONE)  # type: ignore[arg-type]


def read(sent: Sent, dialect: Dialect, sent_at: float = 0.0) -> Stream:
    chunks = [(sent_at + at, data) for at, data in sent]
    return understand(RawStream(sent_at, chunks, chunks[-1][0]), dialect)
