"""Power, clocks, temperature and memory while a benchmark runs.

One thread reads every source at a fixed interval for the whole life of the server; a cell's
telemetry is cut from it by time. GPUs are read by NVML, the host's memory and the server's
resident set by psutil.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import psutil
import pynvml

from bench_pipeline.records.cell import Telemetry
from bench_pipeline.records.server import DeviceMemory

INTERVAL_S = 0.1
"""NVML's power value changes about every 100 ms on the cards measured; faster reads repeat."""

MIB = 2**20

_THROTTLES = {
    pynvml.nvmlClocksEventReasonSwPowerCap: "power-cap",
    pynvml.nvmlClocksEventReasonSwThermalSlowdown: "thermal",
    pynvml.nvmlClocksEventReasonHwThermalSlowdown: "thermal-hardware",
    pynvml.nvmlClocksEventReasonHwPowerBrakeSlowdown: "power-brake",
    pynvml.nvmlClocksEventReasonHwSlowdown: "hardware-slowdown",
}
"""NVML's other reasons (idle, fixed application clocks) do not slow what is asked."""


@dataclass(frozen=True)
class Sample:
    """One reading of one device; None where it could not be read."""

    at: float
    used_mib: float | None
    ours_mib: float | None
    power_w: float | None = None
    core_clock_mhz: float | None = None
    temperature_c: float | None = None
    throttle: frozenset[str] = frozenset()


@dataclass
class Device:
    """A watched device: `read(at)` takes a sample, `energy_mj` its counter where it has one."""

    name: str
    total_mib: float
    read: Callable[[float], Sample]
    energy_mj: Callable[[], int | None]
    has_power: bool
    used_before_mib: float = 0.0
    samples: list[Sample] = field(default_factory=list)


class Watch:
    """Samples all devices from `start` to `stop`; used as a context manager.

    `server_pid` may be set later, when the server is up: memory before it is the reference.
    """

    def __init__(self, *, gpus: bool) -> None:
        self.server_pid: int | None = None
        self._swap_before_mib = psutil.swap_memory().used / MIB
        self.devices = [self._host(), *(self._nvidia() if gpus else [])]
        for device in self.devices:
            device.used_before_mib = device.read(time.perf_counter()).used_mib or 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="telemetry", daemon=True)

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        due = time.perf_counter()
        while not self._stop.wait(max(0.0, due - time.perf_counter())):
            now = time.perf_counter()
            for device in self.devices:
                device.samples.append(device.read(now))
            due = max(due + INTERVAL_S, now)

    def memory(self) -> list[DeviceMemory]:
        """Every device's memory so far; loaded is now, peak the highest sample."""
        readings = []
        for device in self.devices:
            now = device.read(time.perf_counter())
            used = [s.used_mib for s in device.samples if s.used_mib is not None]
            ours = [s.ours_mib for s in device.samples if s.ours_mib is not None]
            if now.used_mib is None:
                continue
            readings.append(
                DeviceMemory(
                    device=device.name,
                    total_mib=round(device.total_mib, 1),
                    used_before_mib=round(device.used_before_mib, 1),
                    used_loaded_mib=round(now.used_mib, 1),
                    used_peak_mib=round(max([now.used_mib, *used]), 1),
                    ours_loaded_mib=_round(now.ours_mib),
                    ours_peak_mib=_round(max(ours, default=now.ours_mib)),
                )
            )
        return readings

    def swap_grown_mib(self) -> float:
        """Since the watch was made; negative if it shrank."""
        return psutil.swap_memory().used / MIB - self._swap_before_mib

    def window(self) -> "Window":
        """Opens a measured window now."""
        return Window(self)

    def _host(self) -> Device:
        processes: dict[int, psutil.Process] = {}

        def resident_mib() -> float | None:
            pid = self.server_pid
            if pid is None:
                return None
            try:
                return processes.setdefault(pid, psutil.Process(pid)).memory_info().rss / MIB
            except psutil.Error:
                return None  # the server died; the harness finds that out by itself

        def read(at: float) -> Sample:
            memory = psutil.virtual_memory()
            return Sample(at, (memory.total - memory.available) / MIB, resident_mib())

        total = psutil.virtual_memory().total / MIB
        return Device("host", total, read, energy_mj=lambda: None, has_power=False)

    def _nvidia(self) -> list[Device]:
        try:
            pynvml.nvmlInit()
            count = pynvml.nvmlDeviceGetCount()
        except pynvml.NVMLError:
            return []
        return [self._nvidia_device(index) for index in range(count)]

    def _nvidia_device(self, index: int) -> Device:
        handle = pynvml.nvmlDeviceGetHandleByIndex(index)

        def ask(call: Callable[..., Any], *arguments: Any) -> Any:
            try:
                return call(handle, *arguments)
            except pynvml.NVMLError:
                return None

        def ours_mib() -> float | None:
            processes = ask(pynvml.nvmlDeviceGetComputeRunningProcesses) or []
            mine = [p.usedGpuMemory for p in processes if p.pid == self.server_pid]
            return mine[0] / MIB if mine and mine[0] is not None else None

        def read(at: float) -> Sample:
            memory = ask(pynvml.nvmlDeviceGetMemoryInfo)
            power_mw = ask(pynvml.nvmlDeviceGetPowerUsage)
            return Sample(
                at,
                memory.used / MIB if memory else None,
                ours_mib(),
                power_w=power_mw / 1000 if power_mw is not None else None,
                core_clock_mhz=ask(pynvml.nvmlDeviceGetClockInfo, pynvml.NVML_CLOCK_SM),
                temperature_c=ask(pynvml.nvmlDeviceGetTemperature, pynvml.NVML_TEMPERATURE_GPU),
                throttle=_throttle_reasons(ask(pynvml.nvmlDeviceGetCurrentClocksEventReasons)),
            )

        memory = ask(pynvml.nvmlDeviceGetMemoryInfo)
        return Device(
            name=f"CUDA{index}",
            total_mib=memory.total / MIB if memory else 1.0,
            read=read,
            energy_mj=lambda: ask(pynvml.nvmlDeviceGetTotalEnergyConsumption),
            has_power=True,
        )


class Window:
    """A measured window on a Watch: opened by `Watch.window()`, read once by `close()`."""

    def __init__(self, watch: Watch) -> None:
        self._devices = [device for device in watch.devices if device.has_power]
        self.opened_at = time.perf_counter()
        self._energy_mj = [device.energy_mj() for device in self._devices]

    def close(self) -> list[Telemetry]:
        """One record a device with power readings; empty on a machine without such."""
        energy_mj = [device.energy_mj() for device in self._devices]
        closed_at = time.perf_counter()
        return [
            _telemetry(device, self.opened_at, closed_at, before, after)
            for device, before, after in zip(self._devices, self._energy_mj, energy_mj, strict=True)
        ]


def _telemetry(
    device: Device, opened_at: float, closed_at: float, before_mj: int | None, after_mj: int | None
) -> Telemetry:
    samples = [s for s in device.samples if opened_at <= s.at <= closed_at]
    power = [s.power_w for s in samples if s.power_w is not None]
    clocks = [s.core_clock_mhz for s in samples if s.core_clock_mhz is not None]
    degrees = [s.temperature_c for s in samples if s.temperature_c is not None]
    times = [opened_at, *(s.at for s in samples), closed_at]
    gapless = float(np.diff(times).max()) <= 2 * INTERVAL_S
    complete = gapless and bool(samples) and len(power) == len(clocks) == len(samples)
    energy_j: float | None = None
    source: Any = None
    if before_mj is not None and after_mj is not None:
        energy_j, source = (after_mj - before_mj) / 1000, "counter"
    elif complete:
        at = [s.at for s in samples if s.power_w is not None]
        # the first and last sample stand for the edges of the window
        energy_j = float(np.trapezoid([power[0], *power, power[-1]], [opened_at, *at, closed_at]))
        source = "integrated-power"
    return Telemetry(
        device=device.name,
        energy_j=_round(energy_j, 3),
        energy_from=source,
        power_mean_w=_round(float(np.mean(power)) if power else None),
        power_max_w=_round(max(power, default=None)),
        core_clock_min_mhz=min(clocks, default=None),
        core_clock_median_mhz=float(np.median(clocks)) if clocks else None,
        temperature_max_c=max(degrees, default=None),
        throttle_reasons=sorted(set().union(*(s.throttle for s in samples))),
        samples=len(samples),
        complete=complete,
    )


def _throttle_reasons(bits: int | None) -> frozenset[str]:
    return frozenset(name for reason, name in _THROTTLES.items() if (bits or 0) & reason)


def _round(value: float | None, digits: int = 1) -> float | None:
    return None if value is None else round(value, digits)


def cpu_busy_fraction(seconds: float = 1.0) -> float:
    """Share of all cores that was busy over the next `seconds`."""
    return min(1.0, psutil.cpu_percent(interval=seconds) / 100)


def foreign_gpu_processes() -> int:
    """Compute processes on any NVIDIA GPU; 0 where NVML is absent."""
    try:
        pynvml.nvmlInit()
        handles = [pynvml.nvmlDeviceGetHandleByIndex(i) for i in range(pynvml.nvmlDeviceGetCount())]
        return sum(len(pynvml.nvmlDeviceGetComputeRunningProcesses(h)) for h in handles)
    except pynvml.NVMLError:
        return 0
