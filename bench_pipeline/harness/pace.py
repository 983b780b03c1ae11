"""How far a whole run is, and how long the rest of it will take: stages alone do not tell."""

import time
from collections.abc import Callable, Sequence

from bench_pipeline.measures.cells import figures_of
from bench_pipeline.measures.conversations import trace_figures
from bench_pipeline.records.cell import Cell
from bench_pipeline.records.workload import Trace


class Pace:
    """amounts    of work that each part is expected to be, in any unit, in order; of a run that
    climbs until it stops paying, those that it has at most
    at_most    whether it may end before
    """

    def __init__(
        self,
        amounts: Sequence[float],
        *,
        at_most: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._amounts, self._at_most, self._clock = list(amounts), at_most, clock
        self._done, self._done_amount = 0, 0.0
        self._begun = clock()

    def after(self, what: str, amount: float) -> str:
        """The line to say once a part of that amount is done: `what (3 of 9, about 2 min left)`."""
        self._done += 1
        self._done_amount += amount
        of = "of at most" if self._at_most else "of"
        left_s = self._left_s()
        left = f", about {in_words(left_s)} left" if left_s >= 1 else ""
        return f"{what} ({self._done} {of} {max(len(self._amounts), self._done)}{left})"

    def _left_s(self) -> float:
        left = sum(self._amounts) - self._done_amount
        return max(left, 0) * (self._clock() - self._begun) / self._done_amount


def in_words(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def told_of(trace: Trace) -> str:
    """`Mending a test, 8 turns: 11.9 s`, or how it failed."""
    what = f"{trace.title}, {len(trace.turns)} turns"
    if trace.failure is not None:
        return f"{what}: failed ({trace.failure.kind})"
    whole = trace_figures(trace).trace_ms
    return f"{what}: {whole.median / 1000:,.1f} s" if whole else f"{what}: measured"


def told(cell: Cell) -> str:
    """`chat, 4 streams: 52.1 tok/s`, or how it failed."""
    streams = "1 stream" if cell.concurrency == 1 else f"{cell.concurrency} streams"
    if cell.failure is not None:
        return f"{cell.workload}, {streams}: failed ({cell.failure.kind})"
    decode = figures_of(cell).decode_tok_s
    each = " each" if cell.concurrency > 1 else ""
    speed = f"{decode.median:,.1f} tok/s{each}" if decode else "measured"
    return f"{cell.workload}, {streams}: {speed}"
