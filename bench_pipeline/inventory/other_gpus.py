"""GPUs that neither NVML nor amdgpu knows: Intel's (i915, xe), NVIDIA's under Mesa's NVK (nouveau,
nova), Apple's.

Written against the kernel's documentation and drivers' reports, not against cards.
"""

import platform
import re
from collections.abc import Callable
from pathlib import Path

from bench_pipeline.inventory.cpu import sysctl
from bench_pipeline.inventory.nvidia import OPEN
from bench_pipeline.inventory.sysfs import (
    SYSTEM,
    PciDevice,
    driver_of,
    hwmon_folder,
    pci_devices,
    pcie_generation,
    read_number,
    read_text,
    scaled,
)
from bench_pipeline.records.inventory import Gpu

_INTEL, _NVIDIA = "8086", "10de"
_INTEL_DRIVERS = ("i915", "xe")
_NAMES = ("usr/share/hwdata/pci.ids", "usr/share/misc/pci.ids", "usr/share/pci.ids")
_MIB = 2**20


def read_others(root: Path = SYSTEM) -> tuple[list[Gpu], list[str]]:
    """Each with what its driver shows, and a sentence for each Intel GPU without a driver."""
    gpus: list[Gpu] = []
    gaps: list[str] = []
    for device in pci_devices(root):
        driver = driver_of(device)
        if not device.computes:
            continue
        if device.vendor == _INTEL and driver in _INTEL_DRIVERS:
            gpus.append(_intel(len(gpus), device, str(driver), root))
        elif device.vendor == _NVIDIA and driver in OPEN and driver != "vfio-pci":
            gpus.append(_under_nouveau(len(gpus), device, str(driver), root))
        elif device.vendor == _INTEL:
            state = f"is held by {driver}" if driver else "has no driver"
            gaps.append(f"i915, xe: the Intel GPU at {device.address} {state}.")
    if platform.system() == "Darwin" and root == SYSTEM:
        gpus += apple_gpus()
    return gpus, gaps


def _intel(index: int, device: PciDevice, driver: str, root: Path) -> Gpu:
    folder, hwmon = device.folder, hwmon_folder(device)
    # Integrated GPUs have sat at 00:02.0 ever since; a card is behind a bridge.
    unified = device.address.endswith(":00:02.0")
    sizes = [
        read_number(path)
        for pattern in ("tile*/physical_vram_size_bytes", "tile*/memory/physical_vram_size_bytes")
        for path in folder.glob(pattern)
    ] or [read_number(path) for path in folder.glob("drm/card*/lmem_total_bytes")]
    own_mib = sum(size for size in sizes if size) / _MIB
    return Gpu(
        index=index,
        vendor="intel",
        name=_name(device, "Intel", root),
        memory_mib=None if unified else round(own_mib, 1) or None,
        unified_memory=unified,
        driver=_driver(driver, root),
        asleep=read_text(folder / "power/runtime_status") == "suspended" or None,
        power_cap_w=scaled(hwmon / "power1_max", 1e6) or None,
        power_default_w=scaled(hwmon / "power1_rated_max", 1e6) or None,
        core_clock_mhz=_first(folder, "drm/card*/gt_act_freq_mhz", "tile0/gt0/freq0/act_freq"),
        core_clock_max_mhz=_first(folder, "drm/card*/gt_max_freq_mhz", "tile0/gt0/freq0/max_freq"),
        pcie_address=device.address,
        **_link(device, unified),
    )


def _under_nouveau(index: int, device: PciDevice, driver: str, root: Path) -> Gpu:
    hwmon = hwmon_folder(device)
    return Gpu(
        index=index,
        vendor="nvidia",
        name=_name(device, "NVIDIA", root),
        driver=_driver(driver, root),
        power_cap_w=scaled(hwmon / "power1_max", 1e6) or None,
        temperature_c=scaled(hwmon / "temp1_input", 1000),
        pcie_address=device.address,
        **_link(device, False),
    )


def _first(folder: Path, *patterns: str) -> float | None:
    found = (read_number(path) for pattern in patterns for path in sorted(folder.glob(pattern)))
    return next((number for number in found if number), None)


def _link(device: PciDevice, unified: bool) -> dict[str, int | None]:
    """An integrated GPU is plugged in nowhere."""
    if unified:
        return {}
    lanes = {name: read_number(device.folder / f"{name}_link_width") for name in ("current", "max")}
    return {
        "pcie_generation": pcie_generation(read_text(device.folder / "current_link_speed")),
        "pcie_generation_max": pcie_generation(read_text(device.folder / "max_link_speed")),
        "pcie_width": int(lanes["current"] or 0) or None,
        "pcie_width_max": int(lanes["max"] or 0) or None,
    }


def _name(device: PciDevice, maker: str, root: Path) -> str:
    """From the list of PCI devices, where the system has one: the product in brackets, else all;
    else by number."""
    inside = False
    for place in _NAMES:
        for line in (read_text(root / place) or "").splitlines():
            if re.match(r"[0-9a-f]{4}\s", line):
                inside = line.startswith(device.vendor)
            elif inside and line.startswith(f"\t{device.device} "):
                name = line.strip().split(None, 1)[1]
                product = re.search(r"\[(.+)\]", name)
                name = product[1] if product else name
                return name if name.startswith(f"{maker} ") else f"{maker} {name}"
    return f"{maker} GPU {device.vendor}:{device.device}"


def _driver(driver: str, root: Path) -> str:
    """They come with the kernel."""
    release = read_text(root / "proc/sys/kernel/osrelease")
    return f"{driver} of Linux {release}" if release else driver


def apple_gpus(ask: Callable[[str], str | None] = sysctl) -> list[Gpu]:
    """The one in an Apple chip, which has the processor's name; none in an Intel Mac."""
    name, wired = ask("machdep.cpu.brand_string") or "", ask("iogpu.wired_limit_mb") or ""
    if not name.startswith("Apple"):
        return []
    return [
        Gpu(
            index=0,
            vendor="apple",
            name=name,
            unified_memory=True,
            # 0, as it is unless set: about three quarters of the memory, by the system's own rule
            shared_memory_mib=float(wired) if wired.isdecimal() and int(wired) else None,
        )
    ]
