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

from bench_pipeline.engines.dialects import llama_server
from bench_pipeline.engines.dialects.protocol import Clock, Dialect, Messages, Unlike, Usage
from bench_pipeline.engines.llama_cpp.log_reading import scrub
from bench_pipeline.harness.client.http_stream import Patience, ReplyBroke, post
from bench_pipeline.harness.client.server_sent import data_of
from bench_pipeline.harness.client.stamps import Kinds, Stamps
from bench_pipeline.harness.planning.profiles import STALL_TIMEOUT_S

_SLOWEST_PROMPT_BYTES_S = 60.0
"""Some 15 tokens a second, each of about four bytes."""
_SLOWEST_TOKEN_S = 10.0
_MOST_BYTES_OF_A_TOKEN = 16 * 2**10
"""An event that carries one has about 700."""
_MOST_BYTES_BESIDE = 2**20


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
    dialect: Dialect = llama_server.DIALECT,
    cache_prompt: bool = False,
    stall_timeout_s: float = STALL_TIMEOUT_S,
) -> RawStream:
    """Sends one chat completion of `output_tokens` and collects its chunks.

    StreamFailed: `hang` if nothing but pings came for `stall_timeout_s` (longer for a long
    prompt) or the end never does, else `crash` or `oom`.
    """
    body = dialect.body(messages, output_tokens, cached=cache_prompt)
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
                      event share its time. Of an engine that does not count on its events: of
                      all tokens, or of none if they are more than its events
    server_token_ms   the server's own time at each of them, from its first; None if it sends
                      none
    reasoning_tokens  hidden, the tags included: all until the first event with visible text,
                      of whose tokens the last is visible
    prompt_tokens     as cached_tokens and output_tokens by the server's own account at the end,
                      or by `usage`, where that is its only one
    usage_tokens      output by `usage`; None if it sends none
    event_counts      the server's count on each event that carries one
    texts             how often text came: no more often than there are tokens
    events            those that hold tokens
    shared_reads      of them, how many came in one read with another that the server had not
                      made at once
    span              arrival of the first token and of the last; None: of `token_times`
    finished_at       arrival of the event that says why the reply ended
    """

    sent_at: float
    ended_at: float
    token_times: list[float]
    server_token_ms: list[float] | None
    first_visible_at: float | None
    reasoning_tokens: int
    prompt_tokens: int
    usage_prompt_tokens: int | None
    cached_tokens: int | None
    output_tokens: int
    usage_tokens: int | None
    event_counts: list[int]
    texts: int
    server_prompt_ms: float | None
    server_decode_ms: float | None
    draft_tokens: int | None
    draft_accepted: int | None
    finish_reason: str
    events: int = 0
    shared_reads: int = 0
    span: tuple[float, float] | None = None
    finished_at: float | None = None

    @property
    def first_at(self) -> float:
        return self.span[0] if self.span else self.token_times[0]

    @property
    def last_at(self) -> float:
        return self.span[1] if self.span else self.token_times[-1]


def understand(raw: RawStream, dialect: Dialect = llama_server.DIALECT) -> Stream:
    """Parses a raw stream. StreamFailed if it ended early, is garbled or holds an error event."""
    try:
        return _understand(raw, dialect)
    except Unlike as error:
        raise StreamFailed("crash", str(error)) from None


def _understand(raw: RawStream, dialect: Dialect) -> Stream:
    stamps, kinds = Stamps(), Kinds()
    finish, finished_at = "", raw.ended_at
    usage, clock = Usage(None, None, None), None
    for arrived, document in _documents(raw):
        seen = dialect.see(document)
        usage, clock = seen.usage or usage, seen.clock or clock
        if seen.finish:
            finish, finished_at = seen.finish, arrived
        if seen.visible or seen.hidden:
            kinds.hear(seen.visible, seen.hidden, arrived)
        if (count := stamps.hear(arrived, seen)) is not None:
            kinds.sort(count)
    if not finish or not stamps.events or (clock is None and dialect.own_clock):
        raise StreamFailed("crash", f"the stream ended after {stamps.count} tokens")
    told = _told(clock or Clock(None, None), usage, dialect, counted=stamps.counted)
    stamps.end(finished_at, told.output_tokens or 0, told.decode_ms, finish)
    kinds.sort(told.output_tokens or 0, last=True)
    return Stream(
        sent_at=raw.sent_at,
        ended_at=raw.ended_at,
        token_times=stamps.times,
        server_token_ms=stamps.server_ms if len(stamps.server_ms) == len(stamps.times) else None,
        first_visible_at=kinds.first_visible_at,
        reasoning_tokens=kinds.hidden,
        prompt_tokens=told.prompt_tokens or 0,
        usage_prompt_tokens=usage.prompt_tokens,
        cached_tokens=told.cached_tokens,
        output_tokens=told.output_tokens or 0,
        usage_tokens=usage.output_tokens,
        event_counts=stamps.counts,
        texts=kinds.texts,
        server_prompt_ms=told.prompt_ms,
        server_decode_ms=told.decode_ms,
        draft_tokens=told.draft_tokens,
        draft_accepted=told.draft_accepted,
        finish_reason=finish,
        events=stamps.events,
        shared_reads=stamps.shared_reads(),
        span=stamps.span,
        finished_at=finished_at,
    )


def _told(clock: Clock, usage: Usage, dialect: Dialect, *, counted: bool) -> Clock:
    """The server's account at the end. What times and counts on its events has an account of its
    own, all of which must be there; else its counts are those of `usage`."""
    if not (counted and dialect.own_clock):
        return clock._replace(
            output_tokens=usage.output_tokens,
            prompt_tokens=usage.prompt_tokens,
            cached_tokens=usage.cached_tokens,
        )
    for name in ("prompt_ms", "decode_ms", "prompt_tokens", "cached_tokens", "output_tokens"):
        if getattr(clock, name) is None:
            raise Unlike(f"the server's last timings lack its {name}")
    return clock


def _documents(raw: RawStream) -> Iterator[tuple[float, dict[str, Any]]]:
    """Each event with the arrival of its last byte, but for the one that says that all is done:
    some engines never send it, others also when they cut a reply off."""
    for arrived, data in data_of(raw.chunks):
        if data == b"[DONE]":
            continue
        try:
            document = from_json(data)  # a third of the time of json.loads
        except ValueError:
            text = data[:100].decode(errors="replace")
            raise StreamFailed("crash", f"an event is not JSON: data: {text}") from None
        if not isinstance(document, dict):
            raise Unlike(f"an event is a {type(document).__name__}, not an object")
        if document.get("error") is not None:
            error = document["error"]
            said = error.get("message", error) if isinstance(error, dict) else error
            message = scrub(str(said))[:300]
            raise StreamFailed(_kind_of(message), message)
        yield arrived, document
