"""What may be believed of a cell's streams, and by how many clocks they were timed.

The same for every family: what they differ in, their dialect says.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

from bench_pipeline.engines.dialects import llama_server
from bench_pipeline.engines.dialects.protocol import Counters, Dialect
from bench_pipeline.harness.client.counts import count_failure, miscount
from bench_pipeline.harness.client.streaming import Stream
from bench_pipeline.harness.client.waves import all_busy
from bench_pipeline.measures import formulas
from bench_pipeline.records.cell import Failure


@dataclass(frozen=True)
class Verdict:
    """
    clocks     `two`: the server told how long each request, or those of each wave together, took to
               decode
    agree      both clocks, within 1 % on the median; None: there is one
    failure    why the streams give no figure
    """

    clocks: Literal["two", "one"]
    agree: bool | None = None
    failure: Failure | None = None


class Judging:
    """Of the streams of a cell, or of a point of a curve, wave by wave as they end; it keeps a few
    numbers of each."""

    def __init__(
        self, dialect: Dialect = llama_server.DIALECT, least_cold_ms: float | None = None
    ) -> None:
        """`least_cold_ms`: of a server that keeps prompts and does not say when it used one, until
        the first token of one that it really computes."""
        self._dialect, self._least_cold_ms = dialect, least_cold_ms
        self._too_soon: list[float] = []
        self._requests = 0
        self._cold: list[tuple[int, int]] = []
        """Of each that was to be cold: tokens cached, and of the prompt."""
        self._wrong: list[str] = []
        self._events = self._shared = self._at_once = 0
        self._timed = True
        """The server puts its own times on its events."""
        self._in_turn: Failure | None = None
        self._spans: list[tuple[float, float]] = []
        """Of each request (where the server counts, each wave) with two: ours and the server's,
        ms."""

    def hear(
        self,
        wave: Sequence[Stream],
        asked: int,
        prompt_tokens: int | None = None,
        *,
        cold: bool = True,
        told: Counters | None = None,
    ) -> None:
        """Requests of `asked` tokens, sent at once; `prompt_tokens`: of each prompt, as it was
        fitted. `cold`: nothing of them may come from a cache. `told`: what the server's counters
        say of them together."""
        self._requests += len(wave)
        if told is not None:
            self._hear_counters(wave, told, cold=cold)
        for stream in wave:
            if cold:
                self._cold.append((stream.cached_tokens or 0, stream.prompt_tokens))
                ttft_ms = (stream.first_at - stream.sent_at) * 1000
                if self._least_cold_ms and ttft_ms < self._least_cold_ms:
                    self._too_soon.append(ttft_ms)
            if wrong := miscount(stream, asked, prompt_tokens, self._dialect):
                self._wrong.append(wrong)
            self._events += stream.events
            self._shared += stream.shared_reads
            self._at_once += stream.output_tokens > 1 and stream.last_at <= stream.first_at
            self._timed &= bool(stream.server_token_ms)
            if stream.server_decode_ms:
                ours_ms = (_until(stream) - stream.first_at) * 1000
                self._spans.append((ours_ms, stream.server_decode_ms))
        if not self._dialect.proves_slots:
            self._in_turn = self._in_turn or _in_turn(wave)

    def _hear_counters(self, wave: Sequence[Stream], told: Counters, *, cold: bool) -> None:
        counts = (
            ("requests", told.requests, len(wave)),
            ("tokens", told.output_tokens, sum(stream.output_tokens for stream in wave)),
            ("prompt tokens", told.prompt_tokens, sum(stream.prompt_tokens for stream in wave)),
        )
        for what, theirs, ours in counts:
            if theirs != ours:
                self._wrong.append(f"its counters tell of {theirs:,} {what}, there were {ours:,}")
                return
        if cold:
            self._cold.append((told.cached_tokens, told.prompt_tokens))
        ours_ms = sum(_until(stream) - stream.first_at for stream in wave) * 1000
        if told.decode_ms:
            self._spans.append((ours_ms / len(wave), told.decode_ms / len(wave)))

    def failure(self) -> Failure | None:
        """Why what was heard so far gives no figure."""
        return (
            self._not_cold()
            or count_failure(self._wrong, self._requests)
            or self._starved()
            or self._in_turn
        )

    @property
    def in_vain(self) -> bool:
        """The engine answers in turn: more waves would take as long, and fail as well."""
        return self._in_turn is not None

    def verdict(self) -> Verdict:
        failure = self.failure()
        if not (self._dialect.own_clock or self._dialect.counters_at):
            return Verdict("one", failure=failure)
        return Verdict("two", agree=None if failure else self._agree(), failure=failure)

    def _not_cold(self) -> Failure | None:
        if self._too_soon:
            return Failure(
                kind="contaminated",
                message=f"{len(self._too_soon)} of {self._requests} requests had their first token "
                f"within {min(self._too_soon):.0f} ms or little more, where a new prompt takes at "
                f"least {self._least_cold_ms:.0f}: the engine keeps prompts and does not say so",
            )
        head = self._dialect.head_tokens
        if not (cached := [tokens for tokens, _ in self._cold if tokens > head]):
            return None
        most = f"of which {head} may be" if head else "of which none may be"
        longest = max(tokens for _, tokens in self._cold)
        return Failure(
            kind="contaminated",
            message=f"{len(cached)} of {len(self._cold)} requests reused cached prompt tokens, up "
            f"to {max(cached)} of {longest}, {most}, so their prefill was not cold",
        )

    def _starved(self) -> Failure | None:
        limit = formulas.SHARED_READS_TIMED if self._timed else formulas.SHARED_READS
        if self._events and self._shared >= limit * self._events:
            return Failure(
                kind="unclocked",
                message=f"{self._shared} of {self._events} events with tokens were read together "
                "with others that were made apart, so that the client's times are not theirs; the "
                "machine was too busy for it",
            )
        if self._at_once and not self._timed:
            return Failure(
                kind="unclocked",
                message=f"{self._at_once} of {self._requests} replies came all at once, not token "
                "by token",
            )
        return None

    def _agree(self) -> bool:
        """Both over the same span: a server that computes the end of a text, which it does not
        count, has that in its time, as the arrival of the finish has."""
        if not self._spans:
            return False
        ours, theirs = (median(column) for column in zip(*self._spans, strict=True))
        return abs(ours / theirs - 1) <= formulas.CLOCKS_AGREE_WITHIN


def judge(
    waves: Sequence[Sequence[Stream]],
    asked: int,
    dialect: Dialect,
    prompt_tokens: int | None = None,
) -> Verdict:
    """Of all waves of a cell whose prompts are cold."""
    judging = Judging(dialect)
    for wave in waves:
        judging.hear(wave, asked, prompt_tokens)
    return judging.verdict()


def _in_turn(wave: Sequence[Stream]) -> Failure | None:
    """Of streams that waited for each other: what each says of itself, it says of one alone."""
    opened, closed = all_busy(wave)
    if len(wave) < 2 or closed > opened:
        return None
    return Failure(
        kind="refused",
        message=f"{len(wave)} streams were never decoding at once: the engine answers them in turn",
    )


def _until(stream: Stream) -> float:
    if stream.event_counts or stream.finished_at is None:
        return stream.last_at
    return stream.finished_at
