"""One streamed completion with its timestamps.

A bare connection on uvloop: a twentieth of the CPU time of httpx's line iterator per token, on
a machine where the client competes with the engine. Chunks are stamped as they arrive and
parsed only when the whole wave is over, so that parsing one stream does not delay the stamps
of another. Every request has a connection of its own: llama-server closes a streamed
connection while its headers promise to keep it.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from pydantic_core import from_json

from bench_pipeline.engines.llama_cpp.log_reading import scrub
from bench_pipeline.harness.client import events
from bench_pipeline.harness.client.events import MOST_TOKENS_OF_AN_EVENT, Unlike
from bench_pipeline.harness.client.http_stream import Patience, ReplyBroke, post
from bench_pipeline.harness.planning.profiles import STALL_TIMEOUT_S

_SLOWEST_PROMPT_BYTES_S = 60.0
"""Some 15 tokens a second, each of about four bytes."""
_SLOWEST_TOKEN_S = 10.0
_MOST_BYTES_OF_A_TOKEN = 16 * 2**10
"""An event that carries one has about 700."""
_MOST_BYTES_BESIDE = 2**20

Messages = list[dict[str, str]]
"""A chat so far: `role` and `content` of each message."""


class StreamFailed(Exception):
    """The server answered with an error, broke off, or stopped sending."""

    def __init__(self, kind: Literal["crash", "hang", "oom"], message: str) -> None:
        self.kind: Literal["crash", "hang", "oom"] = kind
        super().__init__(message)


def _kind_of(message: str) -> Literal["crash", "oom"]:
    return "oom" if "memory" in message.lower() else "crash"


@dataclass(frozen=True)
class RawStream:
    """What came over the wire. Times are seconds of time.perf_counter()."""

    sent_at: float
    chunks: list[tuple[float, bytes]]
    ended_at: float


async def stream_completion(
    url: str,
    messages: Messages,
    output_tokens: int,
    *,
    cache_prompt: bool = False,
    stall_timeout_s: float = STALL_TIMEOUT_S,
) -> RawStream:
    """Sends one chat completion of exactly `output_tokens` and collects its chunks.

    StreamFailed: `hang` if nothing but pings came for `stall_timeout_s` (longer for a long
    prompt) or the end never does, else `crash` or `oom`.
    """
    body = {
        "messages": messages,
        "max_tokens": output_tokens,
        "ignore_eos": True,  # the same work for every model
        "cache_prompt": cache_prompt,  # False: cold prefill is cold
        "temperature": 0,
        "seed": 1,
        "stream": True,
        "stream_options": {"include_usage": True},  # a second count of the tokens
        "timings_per_token": True,  # a token counter, and the server's time, on every event
    }
    text = json.dumps(body).encode()
    first_event_s = stall_timeout_s + len(text) / _SLOWEST_PROMPT_BYTES_S
    patience = Patience(
        silence_s=stall_timeout_s,
        first_event_s=first_event_s,
        whole_s=first_event_s + stall_timeout_s + output_tokens * _SLOWEST_TOKEN_S,
        most_bytes=_MOST_BYTES_BESIDE + output_tokens * _MOST_BYTES_OF_A_TOKEN,
    )
    try:
        reply = await post(url, text, patience)
    except ReplyBroke as broke:
        kind: Literal["crash", "hang"] = "hang" if broke.silent else "crash"
        raise StreamFailed(kind, str(broke)) from None
    if reply.status != 200:
        said = scrub(b"".join(data for _, data in reply.pieces).decode(errors="replace"))[:300]
        raise StreamFailed(_kind_of(said), f"HTTP {reply.status}: {said}")
    return RawStream(reply.sent_at, reply.pieces, reply.ended_at)


@dataclass(frozen=True)
class Stream:
    """A stream as understood. Times are seconds of time.perf_counter() unless they end in `_ms`.

    token_times       arrival of each token whose arrival is known, in order; the tokens of one
                      event share its time
    server_token_ms   the server's own time at each of them, from its first; None if it sends
                      none
    reasoning_tokens  hidden, the tags included: all until the first event with visible text,
                      of whose tokens the last is visible
    output_tokens     the server's count at the end, by `timings`
    usage_tokens      the same by `usage`; None if it sends none
    event_counts      the server's count on each event that carries one
    texts             how often text came: no more often than there are tokens
    """

    sent_at: float
    ended_at: float
    token_times: list[float]
    server_token_ms: list[float] | None
    first_visible_at: float | None
    reasoning_tokens: int
    prompt_tokens: int
    usage_prompt_tokens: int | None
    cached_tokens: int
    output_tokens: int
    usage_tokens: int | None
    event_counts: list[int]
    texts: int
    server_prompt_ms: float
    server_decode_ms: float
    draft_tokens: int | None
    draft_accepted: int | None
    finish_reason: str


def understand(raw: RawStream) -> Stream:
    """Parses a raw stream. StreamFailed if it ended early, is garbled or holds an error event."""
    try:
        return _understand(raw)
    except KeyError as error:
        raise StreamFailed("crash", f"the server's timings lack {error}") from None
    except Unlike as error:
        raise StreamFailed("crash", str(error)) from None


def _understand(raw: RawStream) -> Stream:
    stamps, kinds = _Stamps(), _Kinds()
    finish, finished_at, last_timings, done = "", raw.ended_at, None, False
    usage: dict[str, Any] = {}
    for arrived, document in _documents(raw):
        if document is None:
            done = True
            continue
        timings, choice = events.timings(document), events.choice(document)
        usage, last_timings = events.usage(document) or usage, timings or last_timings
        if choice is None:
            continue
        if reason := choice.finish_reason:
            finish, finished_at = reason, arrived
        kinds.hear(choice.delta, arrived)
        # The very first event holds no text but, if the first token has none to show, its
        # count: that token's arrival is known all the same.
        if timings:
            stamps.add(arrived, timings["predicted_n"], timings.get("predicted_ms"))
            kinds.sort(timings["predicted_n"])
    if not done or last_timings is None or not stamps.times:
        raise StreamFailed("crash", f"the stream ended after {len(stamps.times)} tokens")
    output_tokens, server_decode_ms = last_timings["predicted_n"], last_timings["predicted_ms"]
    # Tokens at the end may have no text to send (half a tag, half a character): the event with
    # the finish reason is sent when the last of them is made.
    stamps.add_rest(finished_at, output_tokens, server_decode_ms)
    kinds.sort(output_tokens, last=True)
    return Stream(
        sent_at=raw.sent_at,
        ended_at=raw.ended_at,
        token_times=stamps.times,
        server_token_ms=stamps.server_ms if len(stamps.server_ms) == len(stamps.times) else None,
        first_visible_at=kinds.first_visible_at,
        reasoning_tokens=kinds.hidden,
        prompt_tokens=last_timings["prompt_n"] + last_timings["cache_n"],
        usage_prompt_tokens=usage.get("prompt_tokens"),
        cached_tokens=last_timings["cache_n"],
        output_tokens=output_tokens,
        usage_tokens=usage.get("completion_tokens"),
        event_counts=stamps.counts,
        texts=kinds.texts,
        server_prompt_ms=last_timings["prompt_ms"],
        server_decode_ms=server_decode_ms,
        draft_tokens=last_timings.get("draft_n"),
        draft_accepted=last_timings.get("draft_n_accepted"),
        finish_reason=finish,
    )


def _documents(raw: RawStream) -> Iterator[tuple[float, dict[str, Any] | None]]:
    """Each event with the arrival of its last byte; None for the one that ends the stream."""
    buffer = b""
    for arrived, chunk in raw.chunks:
        buffer += chunk
        *events, buffer = buffer.split(b"\n\n")  # one chunk can hold several events, or half
        for event in events:
            if not event.startswith(b"data: "):
                continue  # comments and pings
            if event == b"data: [DONE]":
                yield arrived, None
                continue
            try:
                document = from_json(event[6:])  # a third of the time of json.loads
            except ValueError:
                text = event[:100].decode(errors="replace")
                raise StreamFailed("crash", f"an event is not JSON: {text}") from None
            if not isinstance(document, dict):
                raise Unlike(f"an event is a {type(document).__name__}, not an object")
            if "error" in document:
                error = document["error"]
                said = error.get("message") if isinstance(error, dict) else error
                message = scrub(str(said))[:300]
                raise StreamFailed(_kind_of(message), message)
            yield arrived, document


class _Stamps:
    """Arrival and server time of each token, by the counter on the events."""

    def __init__(self) -> None:
        self.times: list[float] = []
        self.server_ms: list[float] = []
        self.counts: list[int] = []
        self._seen = 0

    def add(self, arrived: float, count: int, server_ms: float | None) -> None:
        """An event with the server's count at it."""
        if server_ms is not None and self.server_ms and server_ms < self.server_ms[-1]:
            raise Unlike(f"the server's time fell from {self.server_ms[-1]} to {server_ms} ms")
        self.counts.append(count)
        self.add_rest(arrived, count, server_ms)

    def add_rest(self, arrived: float, count: int, server_ms: float | None) -> None:
        """The tokens up to `count` that were not there before."""
        # The first event may stand for several tokens: only its last has a known arrival.
        new = count - self._seen if self.times else min(1, count)
        if new <= 0:
            return
        if new > MOST_TOKENS_OF_AN_EVENT:
            raise Unlike(f"one event counts {new:,} tokens")
        self._seen = count
        self.times += [arrived] * new
        if server_ms is not None:
            self.server_ms += [server_ms] * new


class _Kinds:
    """Which tokens are reasoning and which the answer: by count, as text has no length in
    tokens."""

    def __init__(self) -> None:
        self.hidden = 0
        self.texts = 0
        self.first_visible_at: float | None = None
        self._sorted = 0  # tokens whose kind is known
        self._thinking = False  # the text before was hidden
        self._heard: set[str] = set()  # text since `_sorted`

    def hear(self, delta: dict[str, Any], arrived: float) -> None:
        """The text of an event, if it has any."""
        hidden, visible = delta.get("reasoning_content"), delta.get("content")
        self._heard |= {"hidden"} if hidden else set()
        self._heard |= {"visible"} if visible else set()
        if visible and self.first_visible_at is None:
            self.first_visible_at = arrived

    def sort(self, count: int, *, last: bool = False) -> None:
        """The tokens up to `count` are of the kind heard since the last were sorted.

        Tokens without text wait for the next that has some: what the parser swallows where the
        kind changes are the tags. Of an event that begins the answer, one token is visible.
        """
        if not self._heard and not last:
            return
        new = max(0, count - self._sorted)
        self.texts += bool(self._heard)
        if "visible" in self._heard:
            after_hidden = self._thinking or "hidden" in self._heard
            self.hidden += max(0, new - 1) if after_hidden else 0
            self._thinking = False
        elif "hidden" in self._heard or self._thinking:
            self.hidden += new
            self._thinking = True
        self._sorted = max(self._sorted, count)
        self._heard = set()
