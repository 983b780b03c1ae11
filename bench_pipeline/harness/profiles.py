"""How much repetition is enough: the one home of these thresholds."""

from dataclasses import dataclass

from bench_pipeline.records.campaign import Profile
from bench_pipeline.records.workload import Workload


@dataclass(frozen=True)
class ProfileRules:
    """A cell ends when its median is known well enough, or its time is used up.

    target_half_width   half the 95 % interval of the median, as a share of it; None: not used
    cell_budget_s       no new wave is begun after this, once `min_waves` are done
    """

    warmup_waves: int
    min_waves: int
    max_waves: int
    target_half_width: float | None
    cell_budget_s: float


PROFILES: dict[Profile, ProfileRules] = {
    "quick": ProfileRules(
        warmup_waves=1, min_waves=3, max_waves=3, target_half_width=None, cell_budget_s=60
    ),
    "full": ProfileRules(
        warmup_waves=1, min_waves=5, max_waves=30, target_half_width=0.02, cell_budget_s=90
    ),
}


def output_tokens(workload: Workload, profile: Profile) -> int:
    return workload.quick_output_tokens if profile == "quick" else workload.output_tokens
