"""What may be believed of a cell's streams, and by how many clocks they were timed.

The same for every family: what they differ in, their dialect says.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

from bench_pipeline.engines.dialects.protocol import Dialect
from bench_pipeline.harness.client.counts import count_failure, miscount
from bench_pipeline.harness.client.streaming import Stream
from bench_pipeline.harness.client.waves import all_busy
from bench_pipeline.measures.formulas import CLOCKS_AGREE_WITHIN, SHARED_READS
from bench_pipeline.records.cell import Failure


@dataclass(frozen=True)
class Verdict:
    """
    clocks     `two`: the server told how long each request took to decode
    agree      both clocks, within 1 % on the median; None: there is one
    failure    why the streams give no figure
    """

    clocks: Literal["two", "one"]
    agree: bool | None = None
    failure: Failure | None = None


def judge(
    waves: Sequence[Sequence[Stream]],
    asked: int,
    dialect: Dialect,
    prompt_tokens: int | None = None,
) -> Verdict:
    """Of cold requests of `asked` tokens, each wave's sent at once.

    `prompt_tokens`: of each prompt, as it was fitted.
    """
    streams = [stream for wave in waves for stream in wave]
    wrong = [m for s in streams if (m := miscount(s, asked, prompt_tokens, dialect))]
    failure = (
        _not_cold(streams, dialect)
        or count_failure(wrong, len(streams))
        or _starved(streams)
        or _in_turn(waves)
    )
    if not dialect.own_clock:
        return Verdict("one", failure=failure)
    return Verdict("two", agree=None if failure else _agree(streams), failure=failure)


def _not_cold(streams: Sequence[Stream], dialect: Dialect) -> Failure | None:
    told = [stream.cached_tokens or 0 for stream in streams]
    if not (cached := [tokens for tokens in told if tokens > dialect.head_tokens]):
        return None
    most = f"of which {dialect.head_tokens} may be" if dialect.head_tokens else "of which none may"
    return Failure(
        kind="contaminated",
        message=f"{len(cached)} of {len(streams)} requests reused up to {max(cached)} "
        f"cached prompt tokens, {most}, so their prefill was not cold",
    )


def _starved(streams: Sequence[Stream]) -> Failure | None:
    events, shared = sum(s.events for s in streams), sum(s.shared_reads for s in streams)
    if shared >= SHARED_READS * events:
        return Failure(
            kind="unclocked",
            message=f"{shared} of {events} events with tokens were read together with others",
        )
    if whole := [s for s in streams if s.output_tokens > 1 and s.last_at <= s.first_at]:
        return Failure(
            kind="unclocked",
            message=f"{len(whole)} of {len(streams)} replies came all at once, not token by token",
        )
    return None


def _in_turn(waves: Sequence[Sequence[Stream]]) -> Failure | None:
    """Of streams that waited for each other: what each says of itself, it says of one alone."""
    for wave in waves:
        opened, closed = all_busy(wave)
        if len(wave) > 1 and closed <= opened:
            return Failure(
                kind="refused",
                message=f"{len(wave)} streams were never decoding at once: the engine answers "
                "them in turn",
            )
    return None


def _agree(streams: Sequence[Stream]) -> bool:
    """Both over the same span: a server that computes the end of a text, which it does not count,
    has that in its time, as the arrival of the finish has."""
    ours, theirs = [], []
    for stream in streams:
        if stream.server_decode_ms:
            ours.append((_until(stream) - stream.first_at) * 1000)
            theirs.append(stream.server_decode_ms)
    if not theirs:
        return False
    return abs(median(ours) / median(theirs) - 1) <= CLOCKS_AGREE_WITHIN


def _until(stream: Stream) -> float:
    if stream.event_counts or stream.finished_at is None:
        return stream.last_at
    return stream.finished_at
