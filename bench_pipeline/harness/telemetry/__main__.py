"""Shows what telemetry a benchmark on this machine would have.

    python -m bench_pipeline.harness.telemetry --backend cuda --seconds 10

Watches for so long and prints for each device what was found. Run it while something computes:
an idle card may report the same power all the while, and then its rate cannot be told.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import get_args

import pynvml

from bench_pipeline.harness.telemetry.device import Device
from bench_pipeline.harness.telemetry.processes import programs
from bench_pipeline.harness.telemetry.renewal import POLL_S, RenewalSearch
from bench_pipeline.harness.telemetry.sources import computing_devices
from bench_pipeline.harness.telemetry.watch import Watch
from bench_pipeline.inventory.sysfs import SYSTEM
from bench_pipeline.records.cell import Telemetry
from bench_pipeline.records.rig import Backend


def main(
    arguments: Sequence[str] | None = None, *, root: Path = SYSTEM, nvml: ModuleType = pynvml
) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m bench_pipeline.harness.telemetry", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--backend", choices=get_args(Backend), required=True)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--server-pid", type=int, help="a server that already runs")
    options = parser.parse_args(arguments)
    counters = counter_renewals(options.backend, root, nvml)
    with Watch(backend=options.backend, root=root, nvml=nvml) as watch:
        watch.server_pid = options.server_pid
        window = watch.window()
        time.sleep(options.seconds)
        telemetry = window.close()
        for line in watch.gaps:
            print(line)
        for device in watch.computing:
            print(*rates(device, counters.get(device.name)), sep="\n")
        for record in telemetry:
            print(*figures(record), sep="\n")
        for memory in watch.memory():
            print(f"{memory.device}: {memory.used_loaded_mib:,.0f} MiB in use")
        print(f"sampling costs {watch.cpu_fraction:.2%} of one core")
    if not telemetry:
        print(f"no device of backend {options.backend} tells power or energy here")
    others = window.others_cpu_fraction
    print("other programs' CPU:", "unknown" if others is None else f"{others:.1%} of all cores")
    if options.backend != "cpu":
        print("other programs on the GPU:", programs(window.foreign_gpu_processes) or "none seen")
    return 0


def counter_renewals(backend: Backend, root: Path, nvml: ModuleType) -> dict[str, float | None]:
    """Seconds between two steps of each device's energy counter, for those that have one."""
    devices, _ = computing_devices(backend, root=root, nvml=nvml)
    found = {}
    for device in devices:
        if device.read(None).energy_j is not None:
            search = RenewalSearch(time.perf_counter())
            while not search.over:
                search.look(time.perf_counter(), device.read(None).energy_j)
                time.sleep(POLL_S)
            found[device.name] = search.renewal_s
        device.close()
    return found


def rates(device: Device, counter_s: float | None) -> list[str]:
    known = f"every {device.renewal_s * 1000:.0f} ms" if device.renewal_s else "at an unknown rate"
    lines = [
        f"{device.name} ({device.source.key}): values renewed {known},"
        f" sampled every {device.interval_s * 1000:.0f} ms"
    ]
    if counter_s is not None:
        lines += [f"  energy counter seen to step every {counter_s * 1000:.0f} ms"]
    return [*lines, f"  it tells: {', '.join(sorted(device.tells)) or 'nothing'}"]


def figures(record: Telemetry) -> list[str]:
    def show(value: float | None, unit: str) -> str:
        return "-" if value is None else f"{value:,.1f} {unit}"

    return [
        f"{record.device}: {record.samples} samples,"
        f" {'complete' if record.complete else 'NOT complete'}",
        f"  energy {show(record.energy_j, 'J')} by {record.energy_from or 'nothing'}",
        f"  power mean {show(record.power_mean_w, 'W')}, max {show(record.power_max_w, 'W')}",
        f"  core clock min {show(record.core_clock_min_mhz, 'MHz')},"
        f" median {show(record.core_clock_median_mhz, 'MHz')}",
        f"  temperature max {show(record.temperature_max_c, '°C')}",
        f"  held back by: {held_back(record)}",
    ]


def held_back(record: Telemetry) -> str:
    if record.throttle_reasons is None:
        return "unknown"
    return ", ".join(record.throttle_reasons) or "nothing"


if __name__ == "__main__":
    sys.exit(main())
