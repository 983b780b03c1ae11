"""mistral.rs: `usage` in the last event whether asked for or not, with its own times, in whole
milliseconds. It caches no prompt when started with `--prefix-cache-n 0`."""

from typing import Any

from bench_pipeline.engines.dialects import fields
from bench_pipeline.engines.dialects.plain import PlainDialect
from bench_pipeline.engines.dialects.protocol import Clock, Messages, Seen

_PROMPT_S, _DECODE_S = "total_prompt_time_sec", "total_completion_time_sec"


class MistralRsDialect(PlainDialect):
    name = "mistral.rs"
    own_clock = True
    fixed_length = True
    formats = frozenset({"gguf", "safetensors"})

    def body(self, messages: Messages, tokens: int, *, cached: bool) -> dict[str, Any]:
        plain = super().body(messages, tokens, cached=cached)
        plain.pop("stream_options")
        return {**plain, "ignore_eos": True}

    def see(self, event: dict[str, Any]) -> Seen:
        seen = fields.seen(event)
        if (used := fields.account(event, "usage")) is None or _DECODE_S not in used:
            return seen
        fields.check(used, (), (_PROMPT_S, _DECODE_S))
        prompt_s = used.get(_PROMPT_S)
        prompt_ms = None if prompt_s is None else prompt_s * 1000
        return seen._replace(clock=Clock(prompt_ms, used[_DECODE_S] * 1000))


DIALECT = MistralRsDialect()
