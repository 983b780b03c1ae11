"""Whether one build is faster than another: ratios of builds measured in turns, and verdicts.

In a session the builds are measured A B B A: two blocks of each make one turn, each block a start
of the server. A start shifts the speed by about 1 %, which no number of waves after it evens out,
so the turn is what repeats, not the wave. Within a turn both builds saw the same machine at the
same mean time: a steady drift leaves the turn's ratio as it is, a wandering one mostly.

The ratio is therefore the geometric mean of the turns' ratios of medians. Pooling the values of
all turns and comparing two medians lets drift back in: the spread that the drift gives both
samples moves each median by itself (simulated: 10 to 25 % more spread of the ratio).

Its interval is the paired cluster bootstrap of that mean (whole turns are resampled, for both
builds at once; Davison & Hinkley, Bootstrap Methods and their Application, 1997, ch. 3.8), both
arms stretched by t(n - 1) / z x sqrt(n / (n - 1)). As it comes, a percentile interval over n turns
is too narrow by that factor (Hesterberg, The American Statistician 69(4), 2015): it held the
truth in 79 % of simulated sessions of four turns and in 91 % of twelve; stretched, in 93 to 96 %
from three turns on. `benchmarks/judgement.py` prints how often the verdicts are right.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np

from bench_pipeline.measures import formulas
from bench_pipeline.measures.cells import by_start, wave_values
from bench_pipeline.measures.statistics import CONFIDENCE, RESAMPLES, SEED, Ratio, middle
from bench_pipeline.records.cell import Cell, Request

FLOOR = 0.01
"""A difference within this share is none: two starts of one build differ by as much."""

TARGET_HALF_WIDTH = 0.01
"""A ratio is known when half its interval is at most this share of it."""

MIN_TURNS = 3
"""Fewer have no interval: two turns' would be 13 times as wide as their distance."""

Verdict = Literal["faster", "slower", "no difference", "undecided"]

_BEYOND_DOUBT = 0.1
"""A difference that is shown needs no narrower interval than this share of it."""

# Student's 97.5 % quantiles for 2, 3, ... degrees of freedom, then the normal's: numpy has none,
# and the rig's side has no scipy. A test compares them with scipy's.
_T = (
    *(4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060, 2.2622, 2.2281, 2.2010, 2.1788),
    *(2.1604, 2.1448, 2.1314, 2.1199, 2.1098, 2.1009, 2.0930, 2.0860, 2.0796, 2.0739, 2.0687),
    *(2.0639, 2.0595, 2.0555, 2.0518, 2.0484, 2.0452, 2.0423),
)
_Z = 1.9600


@dataclass(frozen=True)
class Judged:
    """A metric by which builds are judged."""

    of: Callable[[Request], float | None]
    higher_is_better: bool


JUDGED: dict[str, Judged] = {
    "decode_tok_s": Judged(formulas.decode_tok_s, higher_is_better=True),
    "prefill_tok_s": Judged(formulas.prefill_tok_s, higher_is_better=True),
    "ttft_ms": Judged(lambda request: request.ttft_ms, higher_is_better=False),
}
"""By name, as in the warehouse's columns."""


def turns_of(cell: Cell, metric: Callable[[Request], float | None]) -> list[list[float]]:
    """One value a wave (the median over its streams), by turn: two blocks each, in order.

    A block is the waves that one start of the server answered. One that is left over, because
    the session ended within a turn, is in none. A turn without any value is empty, so that
    turns keep their place. No turns of a failed cell or of one that was not measured in turns.
    """
    if cell.status != "ok":
        return []
    blocks = by_start(cell, wave_values(cell.requests, metric))
    return [there + back for there, back in zip(blocks[::2], blocks[1::2], strict=False)]


def ratio_of_turns(
    before: Sequence[Sequence[float]], after: Sequence[Sequence[float]]
) -> Ratio | None:
    """How many times as large `after` is, from positive values by turn of the same session.

    Turns are paired by their place; those that one side lacks, or has no value of, are left out.
    None if no pair is left; `lo`, `hi` None below `MIN_TURNS` pairs. ValueError for a value that
    is not positive. `n_before`, `n_after` count the pairs. The same turns always give the same.
    """
    pairs = [(b, a) for b, a in zip(before, after, strict=False) if len(b) and len(a)]
    if not pairs:
        return None
    if min(min(values) for pair in pairs for values in pair) <= 0:
        raise ValueError("a ratio needs positive values")
    logs = np.array([np.log(middle(a) / middle(b)) for b, a in pairs])
    mean = float(logs.mean())
    lo = hi = None
    if len(logs) >= MIN_TURNS:
        tail = (1 - CONFIDENCE) / 2
        ends = np.quantile(_shares(len(logs)) @ logs, [tail, 1 - tail])
        lo, hi = (float(np.exp(mean + _stretch(len(logs)) * (end - mean))) for end in ends)
    return Ratio(float(np.exp(mean)), lo, hi, len(pairs), len(pairs))


def half_width(ratio: Ratio) -> float | None:
    """Half the interval as a share of the ratio: 0.01 reads ±1 %."""
    if ratio.lo is None or ratio.hi is None:
        return None
    return (ratio.hi - ratio.lo) / 2 / ratio.ratio


def verdict(ratio: Ratio, higher_is_better: bool) -> Verdict:
    """What a ratio after / before says.

    `faster`, `slower`: the whole interval lies beyond `FLOOR`. `no difference`: the ratio lies
    within `FLOOR` and is known to `TARGET_HALF_WIDTH`, so that twice that much is ruled out.
    `undecided`: neither is shown; measuring on would decide.
    """
    if ratio.excludes_one(FLOOR):
        return "faster" if (ratio.ratio > 1) == higher_is_better else "slower"
    width = half_width(ratio)
    if width is not None and width <= TARGET_HALF_WIDTH and abs(ratio.ratio - 1) <= FLOOR:
        return "no difference"
    return "undecided"


def known(ratio: Ratio) -> bool:
    """Whether a session need measure no longer for this ratio's sake.

    There is a verdict, and the interval is within `TARGET_HALF_WIDTH`; of a large difference it
    is enough to know a tenth of it, as 2.1 times as fast stays that in every next turn.
    """
    width = half_width(ratio)
    if width is None or verdict(ratio, higher_is_better=True) == "undecided":
        return False
    return width <= max(TARGET_HALF_WIDTH, _BEYOND_DOUBT * abs(float(np.log(ratio.ratio))))


@lru_cache(maxsize=64)
def _shares(turns: int) -> np.ndarray:
    """(RESAMPLES, turns): by how much each turn counts in each resample of so many turns.

    The same for every ratio of so many turns, and most of its cost: drawn once.
    """
    picks = np.random.default_rng(SEED).multinomial(turns, np.full(turns, 1 / turns), RESAMPLES)
    return picks / turns


def _stretch(turns: int) -> float:
    student = _T[turns - 3] if turns - 3 < len(_T) else _Z
    return student / _Z * float(np.sqrt(turns / (turns - 1)))
