"""NVIDIA GPUs, by the driver's own library (NVML)."""

import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pynvml

from bench_pipeline.inventory.sysfs import SYSTEM, driver_of, pci_devices, read_text
from bench_pipeline.records.inventory import Gpu

_VENDOR = "10de"
OPEN = ("nouveau", "nova_core", "nova-core", "vfio-pci")
"""Drivers of such cards without NVML: Mesa's NVK computes over the first ones, a virtual machine
owns what the last one holds."""

_INTEGRATED = re.compile(r"\b(?:GB10|N1X?|Thor|Orin|Xavier|Tegra|Jetson)\b|nvgpu", re.IGNORECASE)
_INTEGRATED_CHIPS = {"5.3", "6.2", "7.2", "8.7", "10.1", "11.0", "12.1"}
"""Compute capabilities that only boards without memory of their own have: Tegra, Orin, Thor,
GB10."""
_CARD_CHIPS = {
    *("5.0", "5.2", "6.0", "6.1", "7.0", "7.5", "8.0", "8.6", "8.9", "9.0"),
    *("10.0", "10.3", "12.0"),
}
"""Those that only cards have, with memory of their own: 32 GiB of it beside 32 GiB of the machine's
are no sign that both are the same."""
_SAME_TOTAL = 0.03
"""By which the driver's count of the machine's memory may differ from the kernel's."""


def read_nvidia(nvml: ModuleType = pynvml, root: Path = SYSTEM) -> tuple[list[Gpu], list[str]]:
    """Every NVIDIA GPU in NVML's order, and a sentence for each thing that failed.

    What a card or its driver does not support is None and no failure, and what fails of one card
    costs no other. A machine without NVML has no GPUs; that is a failure only if the PCI bus shows
    an NVIDIA device that no other driver (nouveau) holds.
    """
    try:
        nvml.nvmlInit()
    except nvml.NVMLError as error:
        seen = [
            device.address
            for device in pci_devices(root)
            if device.vendor == _VENDOR and device.computes and driver_of(device) not in OPEN
        ]
        if not seen:
            return [], []
        return [], [
            f"NVML: {_reason(error)}, though the PCI bus has an NVIDIA device at {', '.join(seen)}."
        ]
    try:
        return _gpus(nvml, root)
    finally:
        nvml.nvmlShutdown()


def _gpus(nvml: ModuleType, root: Path) -> tuple[list[Gpu], list[str]]:
    gpus: list[Gpu] = []
    gaps: list[str] = []
    for index in range(nvml.nvmlDeviceGetCount()):
        try:
            handle = nvml.nvmlDeviceGetHandleByIndex(index)
            gpus.append(_gpu(nvml, index, handle, gaps, _host_mib(root)))
        except Exception as error:  # fell off the bus, or answers what nobody can make sense of
            gaps.append(f"NVML: GPU {index} cannot be read: {_reason(error)}.")
    return gpus, gaps


def _host_mib(root: Path) -> float | None:
    """The machine's memory; None where the kernel does not say."""
    found = re.search(r"^MemTotal:\s+(\d+) kB", read_text(root / "proc/meminfo") or "", re.M)
    return int(found[1]) / 1024 if found else None


def _shares_memory(
    name: str, capability: str | None, total_mib: float | None, host_mib: float | None
) -> bool:
    """Whether the GPU has none of its own; `total_mib`: what the driver counts, None where it
    supports no such question.

    On such boards one driver refuses the question, another answers 0, a third the machine's total,
    which tells only of chips that are not known here.
    """
    if not total_mib or _INTEGRATED.search(name) or capability in _INTEGRATED_CHIPS:
        return True
    if capability in _CARD_CHIPS:
        return False
    return host_mib is not None and abs(total_mib / host_mib - 1) < _SAME_TOTAL


def _gpu(nvml: ModuleType, index: int, handle: Any, gaps: list[str], host_mib: float | None) -> Gpu:
    absent = (
        nvml.NVMLError_NotSupported,  # by the card
        nvml.NVMLError_FunctionNotFound,  # by an older driver
    )

    def ask(function: Callable[..., Any], *arguments: object) -> Any:
        try:
            return function(*arguments)
        except absent:
            return None
        except Exception as error:  # also bytes that are no text
            gaps.append(f"NVML: {function.__name__} of GPU {index} failed: {_reason(error)}.")
            return None

    failed_before = len(gaps)
    memory = ask(nvml.nvmlDeviceGetMemoryInfo, handle)
    refused = memory is None and len(gaps) > failed_before
    total_mib = round(memory.total / 2**20, 1) if memory else None
    # What the owner set; where only the driver sets limits (laptops), what it enforces.
    cap = ask(nvml.nvmlDeviceGetPowerManagementLimit, handle)
    cap = ask(nvml.nvmlDeviceGetEnforcedPowerLimit, handle) if cap is None else cap
    limits = ask(nvml.nvmlDeviceGetPowerManagementLimitConstraints, handle) or (None, None)
    capability = ask(nvml.nvmlDeviceGetCudaComputeCapability, handle)
    ecc = ask(nvml.nvmlDeviceGetEccMode, handle)
    pci = ask(nvml.nvmlDeviceGetPciInfo, handle)
    try:
        name = _text(nvml.nvmlDeviceGetName(handle))
    except (*absent, UnicodeDecodeError) as error:
        gaps.append(f"NVML: GPU {index} does not tell its name: {_reason(error)}.")
        name = _by_number(pci)
    compute = "{}.{}".format(*capability) if capability else None
    unified = not refused and _shares_memory(name, compute, total_mib, host_mib)
    return Gpu(
        index=index,
        vendor="nvidia",
        name=name,
        memory_mib=None if unified else total_mib or None,
        unified_memory=unified,
        shared_memory_mib=(total_mib or None) if unified else None,
        driver=_text(ask(nvml.nvmlSystemGetDriverVersion)),
        firmware=_text(ask(nvml.nvmlDeviceGetVbiosVersion, handle)),
        cuda_version=_cuda(ask(nvml.nvmlSystemGetCudaDriverVersion_v2)),
        compute_capability=compute,
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


def _by_number(pci: Any) -> str:
    """As other lists write it: the device's number, then the maker's, in one."""
    number = getattr(pci, "pciDeviceId", None)
    return f"NVIDIA GPU {_VENDOR}:{number >> 16:04x}" if isinstance(number, int) else "NVIDIA GPU"


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
