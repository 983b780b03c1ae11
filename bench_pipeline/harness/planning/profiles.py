"""How much repetition is enough: the one home of these thresholds."""

from dataclasses import dataclass
from typing import Literal

from bench_pipeline.records.campaign import Profile
from bench_pipeline.records.workload import Workload

Concurrencies = tuple[int, ...] | Literal["knee"]
"""Streams at once; `knee`: as `harness.ladder` climbs."""

STALL_TIMEOUT_S = 300.0
"""Prefill of a long prompt on a slow rig takes minutes, and sends nothing."""


DEEP_DEPTHS = (512, 2048, 8192, 16384, 32768, 65536, 131072)
"""Prompt lengths of a deep curve; the longest that the model was trained for comes after them."""


@dataclass(frozen=True)
class ProfileRules:
    """A cell ends when its median is known well enough, or its time is used up.

    target_half_width   half the 95 % interval of the median, as a share of it; None: not used
    cell_budget_s       no new wave is begun after this, once `min_waves` are done
    concurrencies       where nobody names any
    quiet_patience_s    how long to wait for a busy rig to become quiet
    curve_depths        prompt lengths of the curves, as far as the model's context allows
    curve_output_tokens of each reply there; as `llama-bench -n` for the same figure
    deep_budget_s       a deep curve begins no length that it thinks to end later
    stall_timeout_s     no byte for so long is a hang
    """

    warmup_waves: int
    min_waves: int
    max_waves: int
    target_half_width: float | None
    cell_budget_s: float
    concurrencies: Concurrencies
    quiet_patience_s: float
    curve_depths: tuple[int, ...]
    curve_output_tokens: int
    deep_budget_s: float
    stall_timeout_s: float = STALL_TIMEOUT_S


PROFILES: dict[Profile, ProfileRules] = {
    "quick": ProfileRules(
        warmup_waves=1,
        min_waves=3,
        max_waves=3,
        target_half_width=None,
        cell_budget_s=60,
        concurrencies=(1, 4),
        quiet_patience_s=3,
        curve_depths=(128, 512),
        curve_output_tokens=32,
        deep_budget_s=300,
    ),
    "full": ProfileRules(
        warmup_waves=1,
        min_waves=5,
        max_waves=30,
        target_half_width=0.02,
        cell_budget_s=90,
        concurrencies="knee",
        quiet_patience_s=60,
        curve_depths=(128, 512, 2048, 4096, 8192),
        curve_output_tokens=128,
        deep_budget_s=1800,
    ),
}


def output_tokens(workload: Workload, profile: Profile) -> int:
    return workload.quick_output_tokens if profile == "quick" else workload.output_tokens
