"""Whether client and server agree on how many tokens there were.

Four counts of one llama-server reply must be the same: the tokens asked for (end-of-text is
ignored, so the server has no choice), the server's `usage`, its `timings`, and what came over the
wire, by the counter on the events.

An engine that does not count on its events has `usage`, and a second witness beside it: the tokens
asked for, where the reply ended by its length, or as many events.
"""

from collections.abc import Sequence
from itertools import pairwise

from bench_pipeline.engines.dialects import llama_server
from bench_pipeline.engines.dialects.protocol import Dialect
from bench_pipeline.harness.client.streaming import Stream
from bench_pipeline.records.cell import Failure

PROMPT_WITHIN = 2
"""Tokens by which the prompt's two counts may differ: one more or less at its begin and end."""

SILENT_AT_MOST = 16
"""Tokens in a row without an event of their own.

A character of several tokens (up to 4) or a swallowed tag with its white space (5 seen, 6 in
the longest known format) is sent late or not at all. More than that was lost, or never made.
"""


def miscount(
    stream: Stream,
    asked: int,
    prompt_tokens: int | None = None,
    dialect: Dialect = llama_server.DIALECT,
) -> str | None:
    """Why the counts of a reply of `asked` tokens cannot be believed, with the figures.

    `prompt_tokens`: what the server's own template and tokenizer make of the prompt.
    """
    if dialect.counts_events and dialect.own_clock:
        return _miscount_by_events(stream, asked, prompt_tokens)
    return _miscount_by_usage(stream, asked, prompt_tokens, dialect)


def _miscount_by_usage(
    stream: Stream, asked: int, prompt_tokens: int | None, dialect: Dialect
) -> str | None:
    made = stream.usage_tokens
    if made is None:
        return "the server sent no usage, which is its only count"
    if stream.finish_reason == "length" and made != asked:
        return f"the reply of {asked} tokens ended by its length, the server's usage says {made}"
    if made > asked:
        return f"{asked} tokens were asked for, the server's usage says {made}"
    if dialect.fixed_length and made != asked:
        return (
            f"the reply ended after {made} of {asked} tokens by {stream.finish_reason!r}: the "
            "server does not know, or ignored, that its length was fixed"
        )
    if stream.events > made:
        return f"text came {stream.events} times, but the server counts {made} tokens"
    counted = stream.events if not stream.event_counts else stream.event_counts[-1]
    if made != asked and counted != made:
        return (
            f"only the server's usage says that there were {made} tokens; {counted} came in "
            "events of their own"
        )
    if stream.reasoning_tokens and counted != made:
        return f"{made} tokens came in {stream.events} events: which are hidden cannot be told"
    if prompt_tokens is not None and abs(stream.prompt_tokens - prompt_tokens) > PROMPT_WITHIN:
        return (
            f"the prompt was fitted to {prompt_tokens} tokens, the server's usage says "
            f"{stream.prompt_tokens}"
        )
    return None


def _miscount_by_events(stream: Stream, asked: int, prompt_tokens: int | None) -> str | None:
    made, cached = stream.output_tokens, stream.cached_tokens or 0
    if stream.usage_tokens is None:
        return "the server sent no usage to check its count against"
    if not asked == stream.usage_tokens == made:
        return (
            f"{asked} tokens were asked for, the server's usage says {stream.usage_tokens}, its "
            f"timings say {made}"
        )
    if stream.usage_prompt_tokens != stream.prompt_tokens:
        return (
            f"the server's usage says {stream.usage_prompt_tokens} prompt tokens, its timings say "
            f"{stream.prompt_tokens - cached} and {cached} cached"
        )
    if prompt_tokens is not None and abs(stream.prompt_tokens - prompt_tokens) > PROMPT_WITHIN:
        return (
            f"the server's tokenizer makes {prompt_tokens} tokens of the prompt, its timings say "
            f"{stream.prompt_tokens}"
        )
    if stream.texts > made:
        return f"text came {stream.texts} times, but the server counts {made} tokens"
    counts = [0, *stream.event_counts, made]
    for before, after in pairwise(counts):
        if after < before:
            return f"the server's count fell from {before} to {after} within one reply"
        if after - before > SILENT_AT_MOST:
            return f"of {made} tokens, numbers {before + 1} to {after} came in one event or none"
    return None


def count_failure(miscounts: Sequence[str], requests: int) -> Failure | None:
    """`miscounts`: what `miscount` says of those of `requests` that it finds wrong."""
    if not miscounts:
        return None
    first = miscounts[0]
    return Failure(
        kind="miscounted",
        message=f"{len(miscounts)} of {requests} requests are miscounted; the first: {first}",
    )
