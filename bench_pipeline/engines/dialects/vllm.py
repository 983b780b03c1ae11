"""vLLM: `usage` on every event, which counts its tokens also where it sends several as one.

A token without text has an event. It caches no prompt when started with
`--no-enable-prefix-caching`. Its own clock are counters, sums over requests: exact for one at a
time, else known of a wave as a whole.
"""

from typing import Any

from bench_pipeline.engines.dialects import fields
from bench_pipeline.engines.dialects.plain import PlainDialect
from bench_pipeline.engines.dialects.protocol import Ask, Counters, Messages, Proof, Seen, Unlike

_COUNTS = (
    "vllm:request_decode_time_seconds_count",
    "vllm:prompt_tokens_total",
    "vllm:generation_tokens_total",
    "vllm:prefix_cache_hits_total",
)
_TIMES = (
    "vllm:request_queue_time_seconds_sum",
    "vllm:request_prefill_time_seconds_sum",
    "vllm:request_decode_time_seconds_sum",
)
"""In the order of `Counters`."""


class UsageOnEvents(PlainDialect):
    """A family that can be asked for `usage` on every event."""

    fixed_length = True
    counts_events = True
    formats = frozenset({"safetensors"})

    def body(self, messages: Messages, tokens: int, *, cached: bool) -> dict[str, Any]:
        options = {"include_usage": True, "continuous_usage_stats": True}
        plain = super().body(messages, tokens, cached=cached)
        return {**plain, "ignore_eos": True, "stream_options": options}

    def see(self, event: dict[str, Any]) -> Seen:
        seen = fields.seen(event)
        if not event.get("choices") or seen.usage is None:
            return seen
        return seen._replace(total=seen.usage.output_tokens)


class VllmDialect(UsageOnEvents):
    name = "vllm"
    counters_at = "/metrics"

    def counters(self, text: str) -> Counters:
        found = fields.sums(text, (*_COUNTS, *_TIMES))
        counts = [round(found[name]) for name in _COUNTS]
        return Counters(*counts, *(found[name] * 1000 for name in _TIMES))

    def prove(self, ask: Ask) -> Proof:
        version = ask("GET", "/version", None).get("version")
        if not isinstance(version, str):
            raise Unlike("`/version` names none")
        return Proof(version=version)

    def count(self, ask: Ask, messages: Messages) -> int | None:
        found = ask("POST", "/tokenize", {"messages": messages})
        fields.check(found, ("count",))
        return found.get("count")


DIALECT = VllmDialect()
