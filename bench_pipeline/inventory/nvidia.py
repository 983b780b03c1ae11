"""NVIDIA GPUs, by the driver's own library (NVML)."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pynvml

from bench_pipeline.inventory.sysfs import SYSTEM, pci_devices
from bench_pipeline.records.inventory import Gpu

_VENDOR = "10de"


def read_nvidia(nvml: ModuleType = pynvml, root: Path = SYSTEM) -> tuple[list[Gpu], list[str]]:
    """Every NVIDIA GPU in NVML's order, and a sentence for each thing that failed.

    What a card or its driver does not support is None and no failure. A machine without
    NVML has no GPUs; that is a failure only if the PCI bus shows an NVIDIA device.
    """
    try:
        nvml.nvmlInit()
    except nvml.NVMLError as error:
        seen = [d.address for d in pci_devices(root) if d.vendor == _VENDOR and d.computes]
        if not seen:
            return [], []
        return [], [
            f"NVML: {_reason(error)}, though the PCI bus has an NVIDIA device at {', '.join(seen)}."
        ]
    try:
        return _gpus(nvml)
    finally:
        nvml.nvmlShutdown()


def _gpus(nvml: ModuleType) -> tuple[list[Gpu], list[str]]:
    gpus: list[Gpu] = []
    gaps: list[str] = []
    for index in range(nvml.nvmlDeviceGetCount()):
        try:
            handle = nvml.nvmlDeviceGetHandleByIndex(index)
            gpus.append(_gpu(nvml, index, handle, gaps))
        except nvml.NVMLError as error:  # fell off the bus, or belongs to somebody else
            gaps.append(f"NVML: GPU {index} cannot be read: {_reason(error)}.")
    return gpus, gaps


def _gpu(nvml: ModuleType, index: int, handle: Any, gaps: list[str]) -> Gpu:
    absent = (
        nvml.NVMLError_NotSupported,  # by the card
        nvml.NVMLError_FunctionNotFound,  # by an older driver
    )

    def ask(function: Callable[..., Any], *arguments: object) -> Any:
        try:
            return function(*arguments)
        except absent:
            return None
        except nvml.NVMLError as error:
            gaps.append(f"NVML: {function.__name__} of GPU {index} failed: {_reason(error)}.")
            return None

    failed_before = len(gaps)
    memory = ask(nvml.nvmlDeviceGetMemoryInfo, handle)
    # A GPU that supports no such question has no memory of its own (Grace and Jetson boards).
    unified = memory is None and len(gaps) == failed_before
    # What the owner set; where only the driver sets limits (laptops), what it enforces.
    cap = ask(nvml.nvmlDeviceGetPowerManagementLimit, handle)
    cap = ask(nvml.nvmlDeviceGetEnforcedPowerLimit, handle) if cap is None else cap
    limits = ask(nvml.nvmlDeviceGetPowerManagementLimitConstraints, handle) or (None, None)
    capability = ask(nvml.nvmlDeviceGetCudaComputeCapability, handle)
    ecc = ask(nvml.nvmlDeviceGetEccMode, handle)
    pci = ask(nvml.nvmlDeviceGetPciInfo, handle)
    return Gpu(
        index=index,
        vendor="nvidia",
        name=_text(nvml.nvmlDeviceGetName(handle)),
        memory_mib=round(memory.total / 2**20, 1) if memory else None,
        unified_memory=unified,
        driver=_text(ask(nvml.nvmlSystemGetDriverVersion)),
        cuda_version=_cuda(ask(nvml.nvmlSystemGetCudaDriverVersion_v2)),
        compute_capability="{}.{}".format(*capability) if capability else None,
        power_cap_w=_watts(cap),
        power_default_w=_watts(ask(nvml.nvmlDeviceGetPowerManagementDefaultLimit, handle)),
        power_min_w=_watts(limits[0]),
        power_max_w=_watts(limits[1]),
        core_clock_mhz=ask(nvml.nvmlDeviceGetClockInfo, handle, nvml.NVML_CLOCK_GRAPHICS),
        core_clock_max_mhz=ask(nvml.nvmlDeviceGetMaxClockInfo, handle, nvml.NVML_CLOCK_GRAPHICS),
        memory_clock_mhz=ask(nvml.nvmlDeviceGetClockInfo, handle, nvml.NVML_CLOCK_MEM),
        memory_clock_max_mhz=ask(nvml.nvmlDeviceGetMaxClockInfo, handle, nvml.NVML_CLOCK_MEM),
        memory_bus_bits=ask(nvml.nvmlDeviceGetMemoryBusWidth, handle),
        pcie_address=pci_address(pci.busId) if pci else None,
        pcie_generation=ask(nvml.nvmlDeviceGetCurrPcieLinkGeneration, handle),
        pcie_generation_max=ask(nvml.nvmlDeviceGetMaxPcieLinkGeneration, handle),
        pcie_width=ask(nvml.nvmlDeviceGetCurrPcieLinkWidth, handle),
        pcie_width_max=ask(nvml.nvmlDeviceGetMaxPcieLinkWidth, handle),
        ecc_enabled=bool(ecc[0]) if ecc else None,
        temperature_c=ask(nvml.nvmlDeviceGetTemperature, handle, nvml.NVML_TEMPERATURE_GPU),
    )


def _reason(error: Exception) -> str:
    return str(error).rstrip(".")


def _text(answer: Any) -> Any:
    """Some releases of the binding answer in bytes."""
    return answer.decode(errors="replace") if isinstance(answer, bytes) else answer


def _watts(milliwatts: int | None) -> float | None:
    return None if milliwatts is None else milliwatts / 1000


def _cuda(number: int | None) -> str | None:
    """`13.0` of 13000."""
    return None if number is None else f"{number // 1000}.{number % 1000 // 10}"


def pci_address(bus_id: str | bytes) -> str | None:
    """`0000:0a:00.0` of NVML's `00000000:0A:00.0`: it writes the domain with eight digits, Linux
    and everything else with four."""
    return str(_text(bus_id)).lower().removeprefix("0000") or None
