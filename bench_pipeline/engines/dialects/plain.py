"""What OpenAI's protocol alone gives: text on the events, `usage` at the end if it is asked for."""

from collections.abc import Collection
from typing import Any

from bench_pipeline.engines.dialects import fields
from bench_pipeline.engines.dialects.protocol import (
    Ask,
    Counters,
    Keeper,
    Messages,
    Proof,
    Seen,
    Unlike,
)
from bench_pipeline.records.model import Format


class PlainDialect:
    """For families to build on: each says in what it differs."""

    own_clock = False
    fixed_length = False
    head_tokens = 0
    tells_cached = False
    counts_events = False
    proves_slots = False
    formats: Collection[Format] = frozenset({"gguf"})
    counters_at: str | None = None
    keeper: Keeper | None = None

    def body(self, messages: Messages, tokens: int, *, cached: bool) -> dict[str, Any]:
        return {
            "messages": messages,
            "max_tokens": tokens,
            "temperature": 0,
            "seed": 1,
            "stream": True,
            "stream_options": {"include_usage": True},
        }

    def see(self, event: dict[str, Any]) -> Seen:
        return fields.seen(event)

    def counters(self, text: str) -> Counters:
        raise Unlike("it has no counters")

    def prove(self, ask: Ask) -> Proof:
        return Proof()

    def count(self, ask: Ask, messages: Messages) -> int | None:
        return None

    def tokens(self, ask: Ask, messages: Messages) -> list[int] | None:
        return None
