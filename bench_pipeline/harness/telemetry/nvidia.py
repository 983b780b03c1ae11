"""NVIDIA GPUs, by the driver's own library (NVML)."""

from collections.abc import Callable
from contextlib import suppress
from types import ModuleType
from typing import Any

import psutil
import pynvml

from bench_pipeline.harness.telemetry.processes import server_alias, strangers
from bench_pipeline.harness.telemetry.reading import MIB, Covers, Reading
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
    covers: Covers = "device"

    def __init__(self, nvml: ModuleType, index: int) -> None:
        """NVMLError if the GPU cannot be reached at all."""
        self._nvml = nvml
        self._handle = nvml.nvmlDeviceGetHandleByIndex(index)
        nvml.nvmlInit()  # NVML counts its users: it stays open until `close`
        pci = self._ask(nvml.nvmlDeviceGetPciInfo)
        self.key = (pci_address(pci.busId) if pci else None) or f"nvml-{index}"
        self.name = f"CUDA{index}"
        self._slice, self._sliced = self._find_slice()
        memory = self._memory()
        self._counts_memory = memory is not None or self._sliced
        # without memory of its own it has the system's
        self.total_mib = (memory or psutil.virtual_memory()).total / MIB
        self._before = frozenset(self._computing())
        self._momentary = self._momentary_w() is not None

    def _ask(self, call: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return call(self._handle, *arguments)
        except self._nvml.NVMLError:  # not supported, or lost from the bus meanwhile
            return None

    def read(self, server_pid: int | None) -> Reading:
        nvml = self._nvml
        memory = self._memory()
        energy_mj = self._whole(nvml.nvmlDeviceGetTotalEnergyConsumption)
        computing = self._computing()
        return Reading(
            used_mib=memory.used / MIB if memory else self._held_mib(computing),
            ours_mib=self._ours_mib(computing, server_pid),
            power_w=self.power_w(),
            energy_j=energy_mj / 1000 if energy_mj is not None else None,
            core_clock_mhz=self._ask(nvml.nvmlDeviceGetClockInfo, nvml.NVML_CLOCK_SM),
            temperature_c=self._ask(nvml.nvmlDeviceGetTemperature, nvml.NVML_TEMPERATURE_GPU),
            throttle=self._throttle(),
            strangers=self._strangers(computing, server_pid),
        )

    def power_w(self) -> float | None:
        if self._momentary:
            return self._momentary_w()
        power_mw = self._whole(self._nvml.nvmlDeviceGetPowerUsage)
        return None if power_mw is None else power_mw / 1000

    def _momentary_w(self) -> float | None:
        field = self._nvml.NVML_FI_DEV_POWER_INSTANT
        values = self._whole(self._nvml.nvmlDeviceGetFieldValues, [field])
        if values is None or values[0].nvmlReturn != self._nvml.NVML_SUCCESS:
            return None
        return float(values[0].value.uiVal) / 1000

    def _find_slice(self) -> tuple[Any, bool]:
        """(the slice that MIG made of this card, whether it made any): what the engine sees of a
        card that is divided is one slice; of several, which one nobody tells."""
        nvml = self._nvml
        mode = self._ask(nvml.nvmlDeviceGetMigMode)
        if not mode or mode[0] != nvml.NVML_DEVICE_MIG_ENABLE:
            return None, False
        found = []
        for number in range(self._ask(nvml.nvmlDeviceGetMaxMigDeviceCount) or 0):
            found.append(self._ask(nvml.nvmlDeviceGetMigDeviceHandleByIndex, number))
        slices = [handle for handle in found if handle is not None]
        return (slices[0] if len(slices) == 1 else None), True

    def _memory(self) -> Any:
        """Of the card, or of its slice; None also where the driver counts none (0 bytes)."""
        nvml = self._nvml
        if not self._sliced:
            memory = self._ask(nvml.nvmlDeviceGetMemoryInfo)
        elif self._slice is not None:
            try:
                memory = nvml.nvmlDeviceGetMemoryInfo(self._slice)
            except nvml.NVMLError:
                memory = None
        else:
            memory = None
        return memory if memory and memory.total else None

    def _whole(self, call: Callable[..., Any], *arguments: Any) -> Any:
        """What is said of the whole card says nothing of a slice."""
        return None if self._sliced else self._ask(call, *arguments)

    def _throttle(self) -> frozenset[str] | None:
        """Drivers before 535 know the older call, which answers the same bits."""
        nvml = self._nvml
        bits = self._ask(nvml.nvmlDeviceGetCurrentClocksEventReasons)
        if bits is None:
            bits = self._ask(nvml.nvmlDeviceGetCurrentClocksThrottleReasons)
        return None if bits is None else _reasons(bits)

    def _computing(self) -> dict[int, int | None]:
        """Bytes (None: not told) by process."""
        processes = self._ask(self._nvml.nvmlDeviceGetComputeRunningProcesses) or []
        return {process.pid: process.usedGpuMemory for process in processes}

    def _drawing(self) -> dict[int, int | None]:
        processes = self._ask(self._nvml.nvmlDeviceGetGraphicsRunningProcesses) or []
        return {process.pid: process.usedGpuMemory for process in processes}

    def _held_mib(self, computing: dict[int, int | None]) -> float | None:
        """By all programs together, where the driver counts no memory of the card's own."""
        if self._counts_memory:
            return None
        return sum(used for used in computing.values() if used is not None) / MIB

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


def _reasons(bits: int) -> frozenset[str]:
    return frozenset(name for reason, name in _THROTTLES.items() if bits & reason)
