"""dasllama: times of each request beside its `usage`, no count on the events between.

The role comes at once, long before the first token; a token without text has no event. It has no
way to write on past an end of text.
"""

from typing import Any

from bench_pipeline.engines.dialects import fields
from bench_pipeline.engines.dialects.protocol import Ask, Clock, Messages, Seen


class DasllamaDialect:
    name = "dasllama"
    own_clock = True
    fixed_length = False
    head_tokens = 0  # started with --flat

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
        seen = fields.seen(event)
        if (timings := fields.account(event, "timings")) is None:
            return seen
        fields.check(timings, (), ("ttft_ms", "gen_ms"))
        return seen._replace(clock=Clock(timings.get("ttft_ms"), timings.get("gen_ms")))

    def count(self, ask: Ask, messages: Messages) -> int | None:
        return None


DIALECT = DasllamaDialect()
