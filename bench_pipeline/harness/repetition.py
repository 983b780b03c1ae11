"""One measured window: warm-up, repetitions until enough is known, and what went wrong.

The same for a cell, whose repetition is a wave of streams, and for a point of a curve, whose
repetition is a prompt sent twice.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench_pipeline.engines.guarded import GuardedServer
from bench_pipeline.harness.client.streaming import StreamFailed
from bench_pipeline.harness.planning.profiles import ProfileRules
from bench_pipeline.harness.telemetry import Watch, Window
from bench_pipeline.harness.telemetry.processes import programs
from bench_pipeline.measures.statistics import Estimate
from bench_pipeline.records.cell import Failure, FailureKind, Request, StopReason, Telemetry


@dataclass(frozen=True)
class Repeated:
    """What the window was like; the requests measured in it are the caller's."""

    warmups: list[Request]
    stop_reason: StopReason
    failure: Failure | None
    window_ms: float | None = None
    telemetry: Sequence[Telemetry] = ()
    others_cpu_fraction: float | None = None


def repeat(
    rules: ProfileRules,
    server: GuardedServer,
    watch: Watch,
    *,
    warm_up: Callable[[int, float], list[Request]],
    measure: Callable[[float], int],
    leading: Callable[[], Sequence[Estimate | None]],
    in_vain: Callable[[], bool] = lambda: False,
) -> Repeated:
    """Warms up, then measures until `why_stop` says so or a stream fails.

    warm_up   given its number and the start of warming up (perf_counter), its requests
    measure   given the window's start, makes one repetition; returns how many there are now
    leading   the figures that a page leads with, as known so far
    in_vain   no more repetitions would make a figure of them
    """
    warmups: list[Request] = []
    start = time.perf_counter()
    try:
        for number in range(rules.warmup_waves):
            warmups += warm_up(number, start)
    except StreamFailed as error:
        return Repeated(warmups, "failed", stream_failure(error, server))
    window = watch.window()
    stop_reason: StopReason | None = None
    failure: Failure | None = None
    try:
        while stop_reason is None:
            done = measure(window.opened_at)
            elapsed_s = time.perf_counter() - window.opened_at
            stop_reason = "failed" if in_vain() else why_stop(rules, done, elapsed_s, leading)
    except StreamFailed as error:
        failure = stream_failure(error, server)
    telemetry = window.close()
    return Repeated(
        warmups,
        stop_reason or "failed",
        failure or foreign_failure(window),
        window_ms=round((time.perf_counter() - window.opened_at) * 1000, 3),
        telemetry=telemetry,
        others_cpu_fraction=window.others_cpu_fraction,
    )


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


def foreign_failure(window: Window) -> Failure | None:
    """Of a closed window in which another program computed on the GPU."""
    if not (strangers := window.foreign_gpu_processes):
        return None
    return Failure(
        kind="contaminated",
        message=f"{programs(strangers)} computed on the GPU while this was measured",
    )


def stream_failure(error: StreamFailed, server: GuardedServer) -> Failure:
    """What a stream's failure was, by its own words, the server's log and whether it lives."""
    kind: FailureKind = error.kind
    if kind == "crash" and any("out of memory" in line for line in server.log_tail(15)):
        kind = "oom"
    # A killed server closes its sockets a moment before it can be seen to be dead.
    for _ in range(20):
        if not server.alive():
            break
        time.sleep(0.05)
    died = "" if server.alive() else "the server died during a request; "
    return Failure(kind=kind, message=f"{died}{error}", log_tail=server.log_tail(15))
