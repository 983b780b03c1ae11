"""NVIDIA GPUs, by the driver's own library (NVML)."""

from collections.abc import Callable
from contextlib import suppress
from types import ModuleType
from typing import Any

import pynvml

from bench_pipeline.harness.telemetry.processes import server_alias, strangers
from bench_pipeline.harness.telemetry.reading import MIB, Reading
from bench_pipeline.inventory.nvidia import pci_address

_THROTTLES = {
    pynvml.nvmlClocksEventReasonSwPowerCap: "power-cap",
    pynvml.nvmlClocksEventReasonSwThermalSlowdown: "thermal",
    pynvml.nvmlClocksEventReasonHwThermalSlowdown: "thermal-hardware",
    pynvml.nvmlClocksEventReasonHwPowerBrakeSlowdown: "power-brake",
    pynvml.nvmlClocksEventReasonHwSlowdown: "hardware-slowdown",
}
"""NVML's other reasons (idle, fixed application clocks) do not slow what is asked."""


class NvidiaGpu:
    """One GPU. Joules of its counter since the driver was loaded.

    Power is the momentary value where the driver has it: `nvmlDeviceGetPowerUsage` averages
    over a second on recent cards, and so over what was before a window too.
    """

    energy_range_j: float | None = None
    renewal_s: float | None = None
    interval_s: float | None = None

    def __init__(self, nvml: ModuleType, index: int) -> None:
        """NVMLError if the GPU cannot be reached at all."""
        self._nvml = nvml
        self._handle = nvml.nvmlDeviceGetHandleByIndex(index)
        nvml.nvmlInit()  # NVML counts its users: it stays open until `close`
        pci = self._ask(nvml.nvmlDeviceGetPciInfo)
        self.key = (pci_address(pci.busId) if pci else None) or f"nvml-{index}"
        self.name = f"CUDA{index}"
        memory = self._ask(nvml.nvmlDeviceGetMemoryInfo)
        self.total_mib = memory.total / MIB if memory else 1.0
        self._before = frozenset(self._computing())
        self._momentary = self._momentary_w() is not None

    def _ask(self, call: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return call(self._handle, *arguments)
        except self._nvml.NVMLError:  # not supported, or lost from the bus meanwhile
            return None

    def read(self, server_pid: int | None) -> Reading:
        nvml = self._nvml
        memory = self._ask(nvml.nvmlDeviceGetMemoryInfo)
        energy_mj = self._ask(nvml.nvmlDeviceGetTotalEnergyConsumption)
        computing = self._computing()
        return Reading(
            used_mib=memory.used / MIB if memory else None,
            ours_mib=self._ours_mib(computing, server_pid),
            power_w=self.power_w(),
            energy_j=energy_mj / 1000 if energy_mj is not None else None,
            core_clock_mhz=self._ask(nvml.nvmlDeviceGetClockInfo, nvml.NVML_CLOCK_SM),
            temperature_c=self._ask(nvml.nvmlDeviceGetTemperature, nvml.NVML_TEMPERATURE_GPU),
            throttle=_reasons(self._ask(nvml.nvmlDeviceGetCurrentClocksEventReasons)),
            strangers=self._strangers(computing, server_pid),
        )

    def power_w(self) -> float | None:
        if self._momentary:
            return self._momentary_w()
        power_mw = self._ask(self._nvml.nvmlDeviceGetPowerUsage)
        return None if power_mw is None else power_mw / 1000

    def _momentary_w(self) -> float | None:
        field = self._nvml.NVML_FI_DEV_POWER_INSTANT
        values = self._ask(self._nvml.nvmlDeviceGetFieldValues, [field])
        if values is None or values[0].nvmlReturn != self._nvml.NVML_SUCCESS:
            return None
        return float(values[0].value.uiVal) / 1000

    def _computing(self) -> dict[int, int | None]:
        """Bytes (None: not told) by process."""
        processes = self._ask(self._nvml.nvmlDeviceGetComputeRunningProcesses) or []
        return {process.pid: process.usedGpuMemory for process in processes}

    def _drawing(self) -> dict[int, int | None]:
        processes = self._ask(self._nvml.nvmlDeviceGetGraphicsRunningProcesses) or []
        return {process.pid: process.usedGpuMemory for process in processes}

    def _ours_mib(self, computing: dict[int, int | None], server_pid: int | None) -> float | None:
        if server_pid is None:
            return None
        pid = server_alias(frozenset(computing), server_pid, self._before) or server_pid
        # a Vulkan engine may stand among those that draw
        used = computing[pid] if pid in computing else self._drawing().get(pid)
        return None if used is None else used / MIB

    def _strangers(
        self, computing: dict[int, int | None], server_pid: int | None
    ) -> frozenset[int]:
        """A program that draws too is a desktop's (on Windows all are), and no reason to wait."""
        found = strangers(computing, server_pid, self._before)
        return found - frozenset(self._drawing()) if found else found

    def close(self) -> None:
        with suppress(self._nvml.NVMLError):  # the driver has gone
            self._nvml.nvmlShutdown()


def nvidia_gpus(nvml: ModuleType = pynvml) -> list[NvidiaGpu]:
    """Those that NVML reaches, in its order; none without NVML. What is amiss with a GPU that
    cannot be reached, the inventory says."""
    try:
        nvml.nvmlInit()
    except nvml.NVMLError:
        return []
    gpus = []
    try:
        for index in range(nvml.nvmlDeviceGetCount()):
            with suppress(nvml.NVMLError):
                gpus.append(NvidiaGpu(nvml, index))
    finally:
        nvml.nvmlShutdown()
    return gpus


def _reasons(bits: int | None) -> frozenset[str]:
    return frozenset(name for reason, name in _THROTTLES.items() if (bits or 0) & reason)
