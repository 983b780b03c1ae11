"""What of a machine's software and settings decides its speed, beside its drivers."""

import re
from collections import Counter
from pathlib import Path
from typing import Literal

from bench_pipeline.inventory.sysfs import SYSTEM, read_text
from bench_pipeline.records.inventory import Settings

_PARAMETERS = {
    "amdgpu.gttsize": "sys/module/amdgpu/parameters/gttsize",
    "ttm.pages_limit": "sys/module/ttm/parameters/pages_limit",
    "ttm.page_pool_size": "sys/module/ttm/parameters/page_pool_size",
}
"""They bound what an APU's GPU may map of the system's memory. -1 is the driver's own choice."""

_COMMAND_LINE = re.compile(
    r"^(?:amdgpu|ttm|amdttm|i915|xe|nouveau|nvidia|iommu|amd_iommu|intel_iommu|mitigations|isolcpus"
    r"|amd_pstate|intel_pstate|transparent_hugepage|hugepages)(?:\.\w+)?(?:=.*)?$"
)
_ROCM = ("opt/rocm/.info/version", "usr/lib/rocm/.info/version")


def read_settings(root: Path = SYSTEM) -> Settings:
    """What is not shown is None."""
    return Settings(
        governor=_most(root, "cpufreq/scaling_governor"),
        energy_preference=_most(root, "cpufreq/energy_performance_preference"),
        platform_profile=read_text(root / "sys/firmware/acpi/platform_profile"),
        power_source=_power_source(root),
        rocm_version=next(filter(None, (read_text(root / place) for place in _ROCM)), None),
        firmware=_firmware(root),
        kernel_parameters=_kernel_parameters(root),
    )


def _most(root: Path, name: str) -> str | None:
    """`performance`, or `powersave (12), performance (4)` where cores differ."""
    files = root.glob(f"sys/devices/system/cpu/cpu[0-9]*/{name}")
    counts = Counter(text for file in files if (text := read_text(file)))
    if len(counts) < 2:
        return next(iter(counts), None)
    return ", ".join(f"{text} ({count})" for text, count in counts.most_common())


def _firmware(root: Path) -> str | None:
    """A board tells its own, a processor which of its maker's corrections it runs."""
    bios = read_text(root / "sys/class/dmi/id/bios_version")
    cpuinfo = read_text(root / "proc/cpuinfo") or ""
    microcode = re.search(r"^microcode\s*:\s*(\S+)", cpuinfo, re.M)
    told = [f"BIOS {bios}"] if bios else []
    told += [f"microcode {microcode[1]}"] if microcode else []
    return ", ".join(told) or None


def _power_source(root: Path) -> Literal["mains", "battery"] | None:
    """None on a machine without a battery or a supply that tells."""
    mains, discharging, batteries = [], [], 0
    for supply in root.glob("sys/class/power_supply/*"):
        kind = read_text(supply / "type")
        if kind in ("Mains", "USB"):
            mains.append(read_text(supply / "online") == "1")
        elif kind == "Battery" and read_text(supply / "scope") != "Device":
            batteries += 1
            discharging.append(read_text(supply / "status") == "Discharging")
    if any(discharging):
        return "battery"
    if any(mains) or batteries:
        return "mains"
    return None


def _kernel_parameters(root: Path) -> dict[str, str]:
    """Of the modules as they run, and of the kernel's command line those that bear on speed."""
    words = (read_text(root / "proc/cmdline") or "").split()
    pairs = (word.partition("=") for word in words if _COMMAND_LINE.match(word))
    found = {name: value or "set" for name, _, value in pairs}
    for name, place in _PARAMETERS.items():
        value = read_text(root / place)
        if value not in (None, "-1"):
            found[name] = str(value)
    return dict(sorted(found.items()))
