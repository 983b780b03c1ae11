"""Which configurations cannot be told from the fastest.

Two medians whose 95 % intervals overlap may differ in truth, but these samples do not show it.
Overlap is a careful rule: it calls some pairs tied that a test of their difference would tell
apart (Schenker & Gentleman, The American Statistician 55(3), 2001). A verdict on two builds is
made of samples taken in turns, by measures/comparison.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

RULE = (
    "Configurations of one model on one machine tie for a workload and a concurrency where their "
    "95 % intervals overlap that of the highest median: which of them is the fastest cannot be "
    "told. Provisional figures and those taken from elsewhere are not judged."
)

Standing = Literal["fastest", "tied", "slower", "unjudged"]


@dataclass(frozen=True)
class Known:
    """A median with its 95 % interval, in one unit; `lo`, `hi` None where there is none."""

    median: float
    lo: float | None
    hi: float | None


def standings(figures: Sequence[Known | None]) -> list[Standing]:
    """Each figure against the one with the highest median, in the order given.

    None and figures without an interval are `unjudged`, as is one that has no rival. Where
    another one's interval overlaps that of the highest median, both are `tied` and none is
    `fastest`.
    """
    judged = [f for f in figures if f is not None and f.lo is not None and f.hi is not None]
    if len(judged) < 2:
        return ["unjudged" for _ in figures]
    best = max(judged, key=lambda figure: figure.median)
    tied = [figure for figure in judged if _overlap(figure, best)]

    def standing(figure: Known | None) -> Standing:
        if figure is None or figure.lo is None or figure.hi is None:
            return "unjudged"
        if not _overlap(figure, best):
            return "slower"
        return "fastest" if len(tied) == 1 else "tied"

    return [standing(figure) for figure in figures]


def _overlap(one: Known, other: Known) -> bool:
    assert one.lo is not None and one.hi is not None
    assert other.lo is not None and other.hi is not None
    return one.lo <= other.hi and other.lo <= one.hi
