"""A rig on which nothing else runs: waited for, then insisted on or written down."""

import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import ModuleType

import pynvml

from bench_pipeline.errors import RigError
from bench_pipeline.harness.telemetry.processes import OthersCpu, own_tree, programs
from bench_pipeline.harness.telemetry.reading import Source
from bench_pipeline.harness.telemetry.sources import computing_devices
from bench_pipeline.inventory.sysfs import SYSTEM
from bench_pipeline.progress import Reporter
from bench_pipeline.records.rig import Backend
from bench_pipeline.records.run import HostLoad

BUSY_ON_CPU = 0.1
"""Of all cores. The engine has all but one to itself there, and each of its threads waits for
the slowest."""

BUSY_ON_GPU = 0.5
"""Of all cores. Server and client need two of them; the model does not run there."""

LOOK_S = 1.0
"""One look at what the processors do; ticks of 10 ms tell a tenth of two cores from noise."""


def busy_limit(backend: Backend) -> float:
    """Share of all cores above which other programs disturb a run on `backend`."""
    return BUSY_ON_CPU if backend == "cpu" else BUSY_ON_GPU


def wait_until_quiet(
    backend: Backend,
    reporter: Reporter,
    *,
    names: Mapping[str, str] | None = None,
    patience_s: float = 60.0,
    look_s: float = LOOK_S,
    root: Path = SYSTEM,
    nvml: ModuleType = pynvml,
) -> HostLoad:
    """What else runs on the rig, after waiting up to `patience_s` for it to end.

    A program that computes on a GPU of the run after that is a RigError, since what it takes from a
    run can be anything; processors that others keep busy are written down as `quiet=False`. The
    run's GPUs are those of `names` (engine's name by PCI address), or, where none are named, all
    that the backend could use; programs on the others are counted and no reason to wait. GPUs do
    not matter to backend `cpu`. This process and those that it started do not count.
    """
    began = time.monotonic()
    devices, _ = computing_devices(backend, root=root, nvml=nvml)
    told = False
    try:
        while True:
            others = OthersCpu(own_tree())
            time.sleep(look_s)
            busy = others.fraction()
            strangers, elsewhere = _strangers(devices, names)
            reasons = []
            if strangers:
                reasons.append(f"{programs(strangers)} computes on the GPU")
            if busy is not None and busy > busy_limit(backend):
                reasons.append(
                    f"other programs use {busy:.0%} of the processors, above the"
                    f" {busy_limit(backend):.0%} that do not matter"
                )
            waited_s = time.monotonic() - began
            if not reasons or waited_s >= patience_s:
                break
            if not told:
                told = True
                reporter.say(f"Waiting up to {patience_s:.0f} s: {'; '.join(reasons)}.")
    finally:
        for device in devices:
            device.close()
    if strangers:
        raise RigError(
            f"{programs(strangers)} computes on the GPU",
            mend="stop it or wait until it has ended, then run this again",
        )
    if reasons:
        reporter.say(f"Measuring all the same, and marking the run: {'; '.join(reasons)}.")
    return HostLoad(
        cpu_busy_fraction=round(busy or 0.0, 3),
        foreign_gpu_processes=0,
        processes_on_other_gpus=len(elsewhere),
        waited_s=round(waited_s, 2),
        quiet=not reasons,
    )


def _strangers(
    devices: Iterable[Source], names: Mapping[str, str] | None
) -> tuple[frozenset[int], frozenset[int]]:
    """Programs on the run's GPUs, and those on others only."""
    ours: set[int] = set()
    elsewhere: set[int] = set()
    for device in devices:
        here = not names or device.key in names
        (ours if here else elsewhere).update(device.read(None).strangers)
    return frozenset(ours), frozenset(elsewhere - ours)
