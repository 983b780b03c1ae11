"""llama.cpp's llama-server: a count and a time on every event, the prompt counted before."""

from collections.abc import Collection
from typing import Any

from bench_pipeline.engines.dialects import fields
from bench_pipeline.engines.dialects.protocol import (
    Ask,
    Clock,
    Counters,
    Keeper,
    Messages,
    Proof,
    Seen,
    Unlike,
)
from bench_pipeline.engines.llama_cpp.asking import WrongAnswer
from bench_pipeline.records.model import Format

_COUNTS = ("predicted_n", "prompt_n", "cache_n", "draft_n", "draft_n_accepted")
_TIMES = ("predicted_ms", "prompt_ms")


class LlamaServerDialect:
    name = "llama.cpp"
    own_clock = True
    fixed_length = True
    head_tokens = 0
    tells_cached = True
    counts_events = True
    proves_slots = True
    formats: Collection[Format] = frozenset({"gguf"})
    counters_at = None
    keeper: Keeper | None = None

    def body(self, messages: Messages, tokens: int, *, cached: bool) -> dict[str, Any]:
        return {
            "messages": messages,
            "max_tokens": tokens,
            "ignore_eos": True,  # the same work for every model
            "cache_prompt": cached,  # False: cold prefill is cold
            "temperature": 0,
            "seed": 1,
            "stream": True,
            "stream_options": {"include_usage": True},  # a second count of the tokens
            "timings_per_token": True,  # a token counter, and the server's time, on every event
        }

    def see(self, event: dict[str, Any]) -> Seen:
        timings, choice = _timings(event), fields.choice(event)
        usage = fields.usage(event)
        if timings is None:
            if choice is None:
                return Seen(usage=usage)
            return Seen(choice.visible, choice.hidden, finish=choice.finish_reason, usage=usage)
        if choice is None:
            return Seen(usage=usage, clock=_clock(timings))
        # The very first event holds no text but, if the first token has none to show, its count:
        # that token's arrival is known all the same.
        return Seen(
            choice.visible,
            choice.hidden,
            True,
            timings["predicted_n"],
            timings.get("predicted_ms"),
            choice.finish_reason,
            usage,
            _clock(timings) if choice.finish_reason else None,
        )

    def counters(self, text: str) -> Counters:
        raise Unlike("it tells more with each request")

    def prove(self, ask: Ask) -> Proof:
        return Proof()  # by its `/props`, where it is started: `engines.llama_cpp.server`

    def count(self, ask: Ask, messages: Messages) -> int | None:
        return len(self.tokens(ask, messages))

    def tokens(self, ask: Ask, messages: Messages) -> list[int]:
        rendered = _held(ask, "/apply-template", {"messages": messages}, "prompt", str)
        body = {"content": rendered, "add_special": True, "parse_special": True}
        found: list[int] = _held(ask, "/tokenize", body, "tokens", list)
        return found


def _timings(event: dict[str, Any]) -> dict[str, Any] | None:
    """Checked, as they stand on the event."""
    found = fields.account(event, "timings")
    if found is not None:
        if "predicted_n" not in found:
            raise Unlike("the server's timings lack 'predicted_n'")
        fields.check(found, _COUNTS, _TIMES)
    return found


def _clock(timings: dict[str, Any]) -> Clock:
    computed, cached = timings.get("prompt_n"), timings.get("cache_n")
    return Clock(
        prompt_ms=timings.get("prompt_ms"),
        decode_ms=timings.get("predicted_ms"),
        output_tokens=timings["predicted_n"],
        prompt_tokens=None if computed is None or cached is None else computed + cached,
        cached_tokens=cached,
        draft_tokens=timings.get("draft_n"),
        draft_accepted=timings.get("draft_n_accepted"),
    )


def _held(ask: Ask, path: str, body: dict[str, Any], key: str, kind: type) -> Any:
    found = ask("POST", path, body).get(key)
    if not isinstance(found, kind) or not found:
        raise WrongAnswer(path, f"has no `{key}`")
    return found


DIALECT = LlamaServerDialect()
