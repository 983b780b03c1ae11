"""When enough repetitions are made: one rule for cells and for points of a curve."""

from collections.abc import Callable, Sequence

from bench_pipeline.harness.profiles import ProfileRules
from bench_pipeline.measures.statistics import Estimate
from bench_pipeline.records.cell import StopReason


def why_stop(
    rules: ProfileRules,
    repetitions: int,
    elapsed_s: float,
    leading: Callable[[], Sequence[Estimate | None]],
) -> StopReason | None:
    """None: one repetition more.

    `leading` gives the figures that a page leads with, as known so far: they must all be known
    within the profile's target.
    """
    if repetitions < rules.min_waves:
        return None
    if repetitions >= rules.max_waves:
        return "repetitions"
    if rules.target_half_width is not None and _known(leading(), rules.target_half_width):
        return "converged"
    return "budget" if elapsed_s > rules.cell_budget_s else None


def _known(estimates: Sequence[Estimate | None], target: float) -> bool:
    widths = [estimate.relative_half_width for estimate in estimates if estimate]
    return all(width is not None and width <= target for width in widths)
