"""AMD GPUs, by what the kernel's amdgpu driver shows in /sys.

Written against the kernel's documentation (gpu/amdgpu: driver-misc and thermal), not
against a card. It covers unified-memory APUs: little memory of their own (the carve-out),
the rest of the system's mapped through GTT.
"""

import re
from pathlib import Path

from bench_pipeline.inventory.sysfs import (
    SYSTEM,
    PciDevice,
    driver_of,
    hwmon_folder,
    pci_device,
    pci_devices,
    pcie_generation,
    read_number,
    read_text,
    scaled,
)
from bench_pipeline.records.inventory import Gpu

_VENDOR = "1002"  # ATI's; AMD's CPUs and chipsets carry 1022


def read_amd(root: Path = SYSTEM) -> tuple[list[Gpu], list[str]]:
    """Every GPU that amdgpu drives, in order of PCI address, and a sentence for each other.

    Clocks in MHz, power in W, memory in MiB. What the driver does not show is None.
    """
    devices, gaps = amdgpu_devices(root)
    gpus = [_gpu(index, device, root) for index, device in enumerate(devices)]
    gaps += [
        f"amdgpu: the card at {gpu.pcie_address} sleeps: its sensors and power cap cannot be read."
        for gpu in gpus
        if gpu.asleep and gpu.power_cap_w is None
    ]
    return gpus, gaps


def amdgpu_devices(root: Path = SYSTEM) -> tuple[list[PciDevice], list[str]]:
    """The devices that amdgpu drives, in order of PCI address, and a sentence for each other."""
    devices: list[PciDevice] = []
    gaps: list[str] = []
    for device in pci_devices(root):
        if device.vendor != _VENDOR or not device.computes:
            continue
        driver = driver_of(device)
        if driver == "amdgpu":
            devices.append(device)
        else:
            state = f"is held by {driver}" if driver else "has no driver"
            gaps.append(f"amdgpu: the AMD device at {device.address} {state}.")
    return devices, gaps


def _gpu(index: int, device: PciDevice, root: Path) -> Gpu:
    folder = device.folder
    hwmon = hwmon_folder(device)
    vram_mib, gtt_mib = (
        scaled(folder / f"mem_info_{pool}_total", 2**20) for pool in ("vram", "gtt")
    )
    core_mhz, core_max_mhz = _levels(folder / "pp_dpm_sclk")
    memory_mhz, memory_max_mhz = _levels(folder / "pp_dpm_mclk")
    unified = is_unified(device)
    # On an APU, /sys reports a link of the die's inner fabric, at which no card is plugged in.
    link = None if unified else _slot_link(device)
    return Gpu(
        index=index,
        vendor="amd",
        name=_name(device, root),
        memory_mib=vram_mib or None,
        unified_memory=unified,
        shared_memory_mib=gtt_mib,
        driver=_driver(root),
        firmware=read_text(folder / "vbios_version"),
        asleep=is_asleep(device) or None,
        power_cap_w=scaled(hwmon / "power1_cap", 1e6),
        power_default_w=scaled(hwmon / "power1_cap_default", 1e6),
        power_min_w=scaled(hwmon / "power1_cap_min", 1e6),
        power_max_w=scaled(hwmon / "power1_cap_max", 1e6),
        core_clock_mhz=core_mhz or scaled(hwmon / "freq1_input", 1e6),
        core_clock_max_mhz=core_max_mhz,
        memory_clock_mhz=memory_mhz or scaled(hwmon / "freq2_input", 1e6),
        memory_clock_max_mhz=memory_max_mhz,
        memory_bus_bits=_bus_bits(device, root),
        pcie_address=device.address,
        pcie_generation=link and pcie_generation(read_text(link / "current_link_speed")),
        pcie_generation_max=link and pcie_generation(read_text(link / "max_link_speed")),
        pcie_width=link and _lanes(link / "current_link_width"),
        pcie_width_max=link and _lanes(link / "max_link_width"),
        temperature_c=scaled(hwmon / "temp1_input", 1000),
    )


def _lanes(path: Path) -> int | None:
    """0 or 255 is the kernel's word for unknown."""
    lanes = read_number(path)
    return int(lanes) if lanes and lanes <= 32 else None


def _levels(path: Path) -> tuple[float | None, float | None]:
    """(the level in force, the highest) in MHz of lines like `1: 2482Mhz *`.

    While the card sleeps the star stands at a line `S: 19Mhz *`.
    """
    lines = re.findall(r"^\w+: *(\d+)Mhz *(\*?)", read_text(path) or "", re.M | re.I)
    now = next((float(mhz) for mhz, star in lines if star), None)
    return now, max((float(mhz) for mhz, _ in lines), default=None)


def is_asleep(device: PciDevice) -> bool:
    """Whether the kernel has suspended it, as it does with cards that nobody uses."""
    return read_text(device.folder / "power/runtime_status") in ("suspended", "suspending")


def is_unified(device: PciDevice) -> bool:
    """Whether it is an APU's GPU, which shares the system's memory.

    The documentation names a northbridge voltage for APUs only, a memory clock for cards only; a
    card asleep has the file and refuses to be read. Memory that has a maker is soldered to a card.
    Without any of these: who maps more of the system's memory than it owns is an APU."""
    hwmon = hwmon_folder(device)
    if (hwmon / "in1_input").exists():
        return True
    if (hwmon / "freq2_input").exists():
        return False
    if read_text(device.folder / "mem_info_vram_vendor") not in (None, "unknown"):
        return False
    owned, mapped = (
        read_number(device.folder / f"mem_info_{pool}_total") for pool in ("vram", "gtt")
    )
    return (owned or 0) < (mapped or 0)


def _slot_link(device: PciDevice) -> Path:
    """The end of the link that reaches the slot.

    Cards since Navi have a PCIe switch inside, whose inner link always runs at full speed;
    like the driver itself, skip bridges of the card's own vendor.
    """
    outermost = device.folder
    while (bridge := pci_device(outermost.parent)) and bridge.vendor == _VENDOR:
        outermost = bridge.folder
    return outermost


def _name(device: PciDevice, root: Path) -> str:
    """From the card's own memory (servers), else from libdrm's list, else by number."""
    if name := read_text(device.folder / "product_name"):
        return name
    revision = (read_text(device.folder / "revision") or "").removeprefix("0x").upper()
    wanted = (device.device.upper(), revision)
    for line in (read_text(root / "usr/share/libdrm/amdgpu.ids") or "").splitlines():
        words = [word.strip() for word in line.split(",", 2)]
        if len(words) == 3 and (words[0].upper(), words[1].upper()) == wanted:
            return words[2]
    return f"AMD GPU {device.vendor}:{device.device}"


def _driver(root: Path) -> str | None:
    """The module's own version where it came apart from the kernel, else the kernel's."""
    if version := read_text(root / "sys/module/amdgpu/version"):
        return f"amdgpu {version}"
    release = read_text(root / "proc/sys/kernel/osrelease")
    return f"amdgpu of Linux {release}" if release else "amdgpu"


def kfd_node(device: PciDevice, root: Path = SYSTEM) -> Path | None:
    """Its folder in the compute driver's topology (amdkfd)."""
    domain, bus, slot, function = (int(part, 16) for part in re.split("[:.]", device.address))
    location = {"domain": str(domain), "location_id": str(bus << 8 | slot << 3 | function)}
    for node in root.glob("sys/class/kfd/kfd/topology/nodes/*"):
        if location.items() <= _properties(node / "properties").items():
            return node
    return None


def _bus_bits(device: PciDevice, root: Path) -> int | None:
    """Width of the memory bus, by the compute driver's topology."""
    node = kfd_node(device, root)
    banks = sorted(node.glob("mem_banks/*/properties")) if node else []
    return max((int(_properties(bank).get("width", 0)) for bank in banks), default=0) or None


def _properties(path: Path) -> dict[str, str]:
    lines = (line.split() for line in (read_text(path) or "").splitlines())
    return {words[0]: words[1] for words in lines if len(words) == 2}
