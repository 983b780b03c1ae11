"""What is said of a device over exactly one measured window, and when nothing is."""

import os
import time
from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import numpy as np

from bench_pipeline.harness.telemetry.device import Device
from bench_pipeline.harness.telemetry.processes import OthersCpu
from bench_pipeline.harness.telemetry.reading import MEASURED, Sample
from bench_pipeline.records.cell import Telemetry

LEAST_RENEWALS = 10
"""A counter and a power value are up to one renewal old at each edge of the window, so energy
over fewer than ten of them could be wrong by more than a tenth: then none is given."""

IMPLAUSIBLE_W = 10_000
"""No device draws this: a counter that rises faster has been reset or misread."""


class Window:
    """Opened by `Watch.window()`, read once by `close()`.

    After that: `others_cpu_fraction`, share of all cores that programs other than the server
    and this process used meanwhile, 0 to 1 (None: the kernel does not tell); and
    `foreign_gpu_processes`, the pids that others computed with on a GPU at any sample.
    """

    def __init__(self, devices: Sequence[Device], server_pid: int | None) -> None:
        self._devices, self._server_pid = devices, server_pid
        self.others_cpu_fraction: float | None = None
        self.foreign_gpu_processes: list[int] = []
        self._others = OthersCpu([os.getpid(), *([server_pid] if server_pid else [])])
        self._opening = [device.look(server_pid) for device in devices]
        self._intervals_s = [device.interval_s for device in devices]
        self.opened_at = time.perf_counter()

    def close(self) -> list[Telemetry]:
        """One record for each device that computes and tells power or energy."""
        closed_at = time.perf_counter()
        telemetry: list[Telemetry] = []
        strangers: set[int] = set()
        for device, opening, interval_s in zip(
            self._devices, self._opening, self._intervals_s, strict=True
        ):
            closing = device.look(self._server_pid)
            within = [s for s in list(device.samples) if self.opened_at < s.at < closed_at]
            samples = [Sample(self.opened_at, opening), *within, Sample(closed_at, closing)]
            strangers.update(*(sample.reading.strangers for sample in samples))
            if device.tells & {"power_w", "energy_j"}:
                # what is found out meanwhile must not make the samples before it a gap
                telemetry.append(summary(device, samples, max(interval_s, device.interval_s)))
        others = self._others.fraction()
        self.others_cpu_fraction = None if others is None else round(others, 4)
        self.foreign_gpu_processes = sorted(strangers)
        return telemetry


def summary(device: Device, samples: Sequence[Sample], interval_s: float) -> Telemetry:
    """`samples` from the window's opening to its closing, both edges included.

    It is complete if the thread sampled within, no two samples lie further apart than twice
    the interval, everything that the device tells was read each time, and its energy counter
    only rose (or began again where it is known to). Energy is the counter's difference, else
    power integrated by trapezoids; none unless complete.
    """
    at = [sample.at for sample in samples]
    seconds = at[-1] - at[0]
    read = {
        name: [v for s in samples if (v := getattr(s.reading, name)) is not None]
        for name in MEASURED
    }
    counted = _counted_j(samples, device.energy_range_j) if "energy_j" in device.tells else None
    complete = (
        len(samples) > 2
        and max(b - a for a, b in pairwise(at)) <= 2 * interval_s
        and all(len(read[name]) == len(samples) for name in device.tells)
        and ("energy_j" not in device.tells or counted is not None)
    )
    powers = read["power_w"]
    if "power_w" not in device.tells and counted is not None:
        # only the thread's samples are a full interval apart: the edges may be microseconds
        steps = zip(pairwise(at), counted, strict=True)
        powers = [joules / (b - a) for (a, b), joules in steps if b - a >= interval_s / 2]
    energy_j: float | None = None
    source: Literal["counter", "integrated-power"] | None = None
    if complete and seconds >= LEAST_RENEWALS * (device.renewal_s or interval_s):
        # a counter that stood still while time went by is broken
        if counted is not None and sum(counted) > 0:
            energy_j, source = sum(counted), "counter"
        elif "power_w" in device.tells:
            energy_j, source = float(np.trapezoid(powers, at)), "integrated-power"
    mean_w = float(np.mean(powers)) if powers else None
    if "power_w" not in device.tells and energy_j is not None:
        mean_w = energy_j / seconds
    clocks, degrees = read["core_clock_mhz"], read["temperature_c"]
    return Telemetry(
        device=device.name,
        energy_j=_round(energy_j, 3),
        energy_from=source,
        power_mean_w=_round(mean_w),
        power_max_w=_round(max(powers, default=None)),
        core_clock_min_mhz=min(clocks, default=None),
        core_clock_median_mhz=float(np.median(clocks)) if clocks else None,
        temperature_max_c=max(degrees, default=None),
        throttle_reasons=_reasons(samples),
        covers="package" if device.source.covers == "package" else None,
        samples=len(samples),
        interval_ms=round(interval_s * 1000, 3),
        complete=complete,
    )


def _counted_j(samples: Sequence[Sample], range_j: float | None) -> list[float] | None:
    """Joules from each sample to the next; None if one is missing or the counter was reset."""
    steps = []
    for before, after in pairwise(samples):
        if before.reading.energy_j is None or after.reading.energy_j is None:
            return None
        joules = after.reading.energy_j - before.reading.energy_j
        if joules < 0 and range_j is not None:
            joules += range_j
        # one second more: a single renewal may fall between two samples close together
        if not 0 <= joules <= IMPLAUSIBLE_W * (after.at - before.at + 1):
            return None
        steps.append(joules)
    return steps


def _reasons(samples: Sequence[Sample]) -> list[str] | None:
    told = [s.reading.throttle for s in samples if s.reading.throttle is not None]
    return sorted(frozenset().union(*told)) if told else None


def _round(value: float | None, digits: int = 1) -> float | None:
    return None if value is None else round(value, digits)
