"""Whether figures at several streams fit requests that wait for a slot, not streams at once.

Of what a source prints, medians or means, at one stream and at `c`. Source of the rule: four
clients on a llama-server with one slot decode as fast as one alone, while the first token waits for
whole replies of the others (3.3 s instead of 0.55 s on two cores, 828 ms instead of 44 on an H100)
and all together give no more than one. Where streams really run at once, the first token waits for
the others' prompts at most: in all measured runs of this checkout at 4 to 16 streams it came
0.04 of a request's time later than reading all prompts one after another takes, at most, and each
stream decoded at 0.65 of its speed alone, at most.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from bench_pipeline.records.cell import Cell, PrintedFigure

AS_FAST = 0.9
"""Of one stream's decode rate alone: from here on a stream is as fast as if nobody else ran."""
LATE = 0.5
"""Of a whole request's time alone: so much later than the prompts of all streams take, one after
another, the first token waits for replies."""
NO_MORE = 1.1
"""Times one stream's decode rate: up to here all streams together give no more than one."""
TELLING = 1.5
"""Times that: what streams at once would give at least, where their total is to tell anything."""

_STATISTICS = ("median", "mean", None)
"""Of what a figure may be, the likeliest to stand at both numbers of streams first; None: not said.
A percentile of a queue says how long the last one waits."""


@dataclass(frozen=True)
class Served:
    """What a source prints of one shape at one number of streams; None: it does not say."""

    streams: int
    decode_tok_s: float | None = None
    """Of each stream."""
    aggregate_tok_s: float | None = None
    """Output of all streams together."""
    ttft_ms: float | None = None
    latency_ms: float | None = None
    """From sending a request to the end of its reply."""
    output_tokens: float | None = None
    """Of one reply."""

    @property
    def decode_ms(self) -> float | None:
        """From a reply's first token to its last."""
        if self.latency_ms is not None and self.ttft_ms is not None:
            return self.latency_ms - self.ttft_ms
        if self.output_tokens and self.decode_tok_s:
            return (self.output_tokens - 1) / self.decode_tok_s * 1000
        return None

    @property
    def first_token_ms(self) -> float | None:
        """Printed, or what a reply's time leaves beside its decoding."""
        if self.ttft_ms is not None or self.latency_ms is None or self.decode_ms is None:
            return self.ttft_ms
        return max(0.0, self.latency_ms - self.decode_ms)


@dataclass(frozen=True)
class Queue:
    """The signs of one, each None where it cannot be told or does not hold."""

    alone: Served
    many: Served
    as_fast: float | None
    """Decode of each stream over decode alone."""
    late: float | None
    """The first token's time beyond reading all prompts, over a whole request's alone."""
    together: float | None
    """All streams together over one stream's decode alone."""


def queues(figures: Iterable[PrintedFigure], cells: Iterable[Cell] = ()) -> list[tuple[str, Queue]]:
    """Those of one configuration and one source, each with the shape that it is of: its label, or
    nothing. `cells`: published ones, whose decode rates stand beside the figures."""
    found: dict[tuple[object, ...], dict[int, _Figures]] = defaultdict(lambda: defaultdict(dict))
    for figure in figures:
        if figure.concurrency and figure.high is None and figure.statistic in _STATISTICS:
            tokens = () if figure.label else (figure.prompt_tokens, figure.output_tokens)
            shape = (figure.label or "", figure.depth_tokens or 0, figure.power_cap_w, *tokens)
            here = found[shape][figure.concurrency]
            here.setdefault(figure.what, {}).setdefault(figure.statistic, figure.value)
            if figure.output_tokens:
                here.setdefault("output_tokens", {}).setdefault(None, figure.output_tokens)
    for cell in cells:
        if cell.published:
            for shape in [key for key in found if key[0] == cell.workload]:
                here = found[shape][cell.concurrency]
                here.setdefault("decode_tok_s", {})[None] = cell.published.decode_tok_s
    return list(_told(found))


_Figures = dict[str, dict[str | None, float]]
"""By what they are of, then by statistic."""


def _told(
    found: dict[tuple[object, ...], dict[int, _Figures]],
) -> Iterator[tuple[str, Queue]]:
    for shape, by_streams in found.items():
        if 1 not in by_streams:
            continue
        for streams in sorted(by_streams.keys() - {1}):
            alone, many = by_streams[1], by_streams[streams]
            queue = queue_of(_served(1, alone, many), _served(streams, many, alone))
            if queue:
                yield str(shape[0]), queue


def _served(streams: int, own: _Figures, other: _Figures) -> Served:
    """Of each quantity the statistic that the other number of streams has too, if there is one."""

    def value(what: str) -> float | None:
        known = own.get(what, {})
        both = [name for name in _STATISTICS if name in known and name in other.get(what, {})]
        either = both or [name for name in _STATISTICS if name in known]
        return known[either[0]] if either else None

    decode, gap_ms = value("decode_tok_s"), value("itl_ms")
    return Served(
        streams=streams,
        decode_tok_s=decode or (1000 / gap_ms if gap_ms else None),
        aggregate_tok_s=value("aggregate_tok_s"),
        ttft_ms=value("ttft_ms"),
        latency_ms=value("latency_ms"),
        output_tokens=value("output_tokens"),
    )


def queue_of(alone: Served, many: Served) -> Queue | None:
    """None where the figures do not show one: that they show streams at once is not said by it.

    Late with one other sign, or both others where no time to the first token can be told; without
    that the requests may also have come too seldom to meet.
    """
    late = _late(alone, many)
    if late is not None and late < LATE:
        return None
    as_fast, together = _as_fast(alone, many), _together(alone, many)
    others = [sign for sign in (as_fast, together) if sign is not None]
    if len(others) < (1 if late is not None else 2):
        return None
    return Queue(alone, many, as_fast, late, together)


def _as_fast(alone: Served, many: Served) -> float | None:
    if not alone.decode_tok_s or not many.decode_tok_s:
        return None
    share = many.decode_tok_s / alone.decode_tok_s
    return share if share >= AS_FAST else None


def _late(alone: Served, many: Served) -> float | None:
    """Of a request's time alone, whatever it is; None where it cannot be told."""
    prompt_ms, decode_ms = alone.first_token_ms, alone.decode_ms
    first_ms = many.first_token_ms
    if first_ms is None and many.latency_ms is not None and decode_ms is not None:
        slower = _ratio(alone.decode_tok_s, many.decode_tok_s)
        first_ms = None if slower is None else many.latency_ms - decode_ms * slower
    if prompt_ms is None or decode_ms is None or first_ms is None or prompt_ms + decode_ms <= 0:
        return None
    return (first_ms - many.streams * prompt_ms) / (prompt_ms + decode_ms)


def _together(alone: Served, many: Served) -> float | None:
    """Only where streams at once would give clearly more: prompts read in turn leave little."""
    times = _ratio(many.aggregate_tok_s, alone.decode_tok_s)
    decoding = _decoding(alone)
    if times is None or decoding is None or times > NO_MORE:
        return None
    at_once = many.streams * decoding / (many.streams * (1 - decoding) + decoding)
    return times if at_once >= TELLING * NO_MORE else None


def _decoding(alone: Served) -> float | None:
    """Share of a request's time alone in which it decodes."""
    prompt_ms, decode_ms = alone.first_token_ms, alone.decode_ms
    if prompt_ms is not None and decode_ms is not None and prompt_ms + decode_ms > 0:
        return decode_ms / (prompt_ms + decode_ms)
    share = _ratio(alone.aggregate_tok_s, alone.decode_tok_s)
    return None if share is None else min(share, 1.0)


def _ratio(above: float | None, below: float | None) -> float | None:
    return above / below if above and below else None
