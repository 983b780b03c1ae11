"""Which configurations cannot be told from the fastest.

Two medians whose 95 % intervals overlap may differ in truth, but these samples do not show it.
Overlap is a careful rule: it calls some pairs tied that a test of their difference would tell
apart (Schenker & Gentleman, The American Statistician 55(3), 2001). Builds that were measured in
turns have such a test, the verdict of measures/comparison.py: where there is one, it decides.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from bench_pipeline.measures.comparison import Verdict

RULE = (
    "Configurations of one model on one machine tie for a workload and a concurrency where their "
    "95 % intervals overlap that of the highest median: which of them is the fastest cannot be "
    "told. Builds that one session measured in turns tie where its verdict is neither faster nor "
    "slower, whatever their intervals. Provisional figures and those taken from elsewhere are not "
    "judged."
)

Standing = Literal["fastest", "tied", "slower", "unjudged"]


@dataclass(frozen=True)
class Known:
    """A median with its 95 % interval, in one unit; `lo`, `hi` None where there is none."""

    median: float
    lo: float | None
    hi: float | None
    run_id: str = ""


def standings(
    figures: Sequence[Known | None], in_turns: Mapping[tuple[str, str], Verdict]
) -> list[Standing]:
    """Each figure against the best one, in the order given.

    The best has the highest median, unless a session judged another one faster than it. None and
    figures without an interval are `unjudged`, as is one that has no rival. Where another one
    cannot be told from the best, both are `tied` and none is `fastest`. `in_turns`: for two runs
    of one session, in either order, the verdict on the second against the first.
    """
    judged = [f for f in figures if f is not None and f.lo is not None and f.hi is not None]
    if len(judged) < 2:
        return ["unjudged" for _ in figures]
    best = max(judged, key=lambda figure: figure.median)

    def against(best: Known, figure: Known) -> Verdict | None:
        return in_turns.get((best.run_id, figure.run_id))

    best = next((figure for figure in judged if against(best, figure) == "faster"), best)

    def separable(figure: Known) -> bool:
        verdict = against(best, figure)
        return not _overlap(figure, best) if verdict is None else verdict in ("faster", "slower")

    tied = [figure for figure in judged if figure is best or not separable(figure)]

    def standing(figure: Known | None) -> Standing:
        if figure is None or figure.lo is None or figure.hi is None:
            return "unjudged"
        if figure is not best and separable(figure):
            return "slower"
        return "fastest" if len(tied) == 1 else "tied"

    return [standing(figure) for figure in figures]


def _overlap(one: Known, other: Known) -> bool:
    assert one.lo is not None and one.hi is not None
    assert other.lo is not None and other.hi is not None
    return one.lo <= other.hi and other.lo <= one.hi
