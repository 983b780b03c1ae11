"""Reading /sys and /proc, where any file may be absent, empty or refuse to be read.

Probes take `root` (default `/`), so that a test can hand them a tree of its own.
"""

import re
from pathlib import Path
from typing import NamedTuple

SYSTEM = Path("/")

_GENERATION_BY_GT_S = {2.5: 1, 5.0: 2, 8.0: 3, 16.0: 4, 32.0: 5, 64.0: 6}


def read_text(path: Path) -> str | None:
    """The file's content, stripped; None where it is absent, unreadable or empty.

    Drivers answer EINVAL, EPERM or EBUSY for what a card lacks or while it sleeps.
    """
    try:
        return path.read_text(errors="replace").strip() or None
    except OSError:
        return None


def read_number(path: Path) -> float | None:
    """The file's first word as a number; None where it holds none."""
    text = read_text(path)
    try:
        return float(text.split()[0]) if text else None
    except ValueError:
        return None


class PciDevice(NamedTuple):
    """One folder of /sys/bus/pci/devices."""

    folder: Path
    """Resolved: its parents are the bridges on the way to the CPU."""
    address: str
    """`0000:01:00.0`"""
    vendor: str
    """`10de`"""
    device: str
    pci_class: str
    """`030000`"""

    @property
    def computes(self) -> bool:
        """Display controllers (03) and processing accelerators (12), not their sound cards."""
        return self.pci_class[:2] in {"03", "12"}


def pci_device(folder: Path) -> PciDevice | None:
    """The device that `folder` describes, None where it describes none."""
    words = [read_text(folder / name) for name in ("vendor", "device", "class")]
    if None in words:
        return None
    vendor, device, pci_class = (str(word).removeprefix("0x").lower() for word in words)
    folder = folder.resolve()
    return PciDevice(folder, folder.name, vendor, device, pci_class)


def pci_devices(root: Path = SYSTEM) -> list[PciDevice]:
    """Every device on the PCI bus, in order of address; none where there is no such bus."""
    folders = sorted(root.glob("sys/bus/pci/devices/*"))
    return [device for folder in folders if (device := pci_device(folder))]


def driver_of(device: PciDevice) -> str | None:
    """The kernel's driver that holds it; None: no driver does."""
    found = re.search(r"^DRIVER=(.+)$", read_text(device.folder / "uevent") or "", re.M)
    return found[1] if found else None


def hwmon_folder(device: PciDevice) -> Path:
    """Where its sensors are; it need not exist."""
    return next(iter(sorted(device.folder.glob("hwmon/hwmon*"))), device.folder / "hwmon")


def scaled(path: Path, unit: float) -> float | None:
    """The file's number in units of `unit` of its own."""
    number = read_number(path)
    return None if number is None else round(number / unit, 1)


def pcie_generation(link_speed: str | None) -> int | None:
    """4 of `16.0 GT/s PCIe`; None of `Unknown`."""
    found = re.match(r"([\d.]+) GT/s", link_speed or "")
    return _GENERATION_BY_GT_S.get(float(found[1])) if found else None
