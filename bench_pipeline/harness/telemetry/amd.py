"""AMD GPUs, by what the amdgpu driver shows in /sys.

Written against the kernel's documentation (gpu/amdgpu: thermal, driver-misc) and the layout of
`gpu_metrics` in its kgd_pp_interface.h, not against a card. A program that computes through
Vulkan leaves no trace in these files: strangers are those that use the compute driver (ROCm).
"""

import struct
from pathlib import Path

from bench_pipeline.harness.telemetry.processes import server_alias, strangers
from bench_pipeline.harness.telemetry.reading import MIB, Covers, Reading
from bench_pipeline.inventory.amd import amdgpu_devices, is_unified, kfd_node
from bench_pipeline.inventory.sysfs import (
    SYSTEM,
    PciDevice,
    hwmon_folder,
    read_number,
    read_text,
)

_ENERGY_AT = {(1, 4): 24, (1, 5): 88}
"""Byte of the energy counter in those revisions of `gpu_metrics` whose unit the kernel states;
older ones leave it open."""
_ENERGY_UNIT_J = 2**-16
_THROTTLE_AT = {(1, 3): 112}
"""Byte of the throttle status that means the same on every card."""
_THROTTLES = {
    "power-cap": range(0, 8),
    "current": range(16, 24),
    "thermal": range(32, 46),
    "thermal-hardware": range(46, 48),
}
"""Bits of it, by the kernel's amdgpu_smu.h."""
_UNKNOWN = 2**64 - 1
"""What a card does not report is all ones."""


class AmdGpu:
    """One GPU. On an APU power is that of the whole chip, the processor included, and memory
    that of its carve-out and of what it maps of the system's."""

    energy_range_j: float | None = None
    renewal_s: float | None = None
    interval_s: float | None = None

    def __init__(self, device: PciDevice, index: int, root: Path = SYSTEM) -> None:
        self.key, self.name = device.address, f"ROCm{index}"
        self._folder, self._hwmon = device.folder, hwmon_folder(device)
        self.unified = is_unified(device)
        self.covers: Covers = "package" if self.unified else "device"
        node = kfd_node(device, root)
        self._gpu_id = read_text(node / "gpu_id") if node else None
        self._kfd = root / "sys/class/kfd/kfd/proc"
        self.total_mib = self._memory_mib("total") or 1.0
        self._before = frozenset(self._computing())

    def read(self, server_pid: int | None) -> Reading:
        computing = self._computing()
        metrics = self._metrics()
        clock_hz = read_number(self._hwmon / "freq1_input")
        millidegrees = read_number(self._hwmon / "temp1_input")
        return Reading(
            used_mib=self._memory_mib("used"),
            ours_mib=self._ours_mib(computing, server_pid),
            power_w=self.power_w(),
            energy_j=_energy_j(metrics),
            core_clock_mhz=None if clock_hz is None else clock_hz / 1e6,
            temperature_c=None if millidegrees is None else millidegrees / 1000,
            throttle=_throttle(metrics),
            strangers=strangers(computing, server_pid, self._before),
        )

    def power_w(self) -> float | None:
        """The driver's average where it has one, else the momentary value."""
        for name in ("power1_average", "power1_input"):
            if (microwatts := read_number(self._hwmon / name)) is not None:
                return microwatts / 1e6
        return None

    def _memory_mib(self, what: str) -> float | None:
        vram, gtt = (
            read_number(self._folder / f"mem_info_{pool}_{what}") for pool in ("vram", "gtt")
        )
        if vram is None:
            return None
        return (vram + ((gtt or 0) if self.unified else 0)) / MIB

    def _computing(self) -> dict[int, float]:
        """Bytes of the card's own memory by process of the compute driver."""
        used = {}
        for folder in self._kfd.glob("[0-9]*"):
            held = read_number(folder / f"vram_{self._gpu_id}")
            if held is not None:
                used[int(folder.name)] = held
        # it lists every process that merely opened the driver, on every card
        return {pid: held for pid, held in used.items() if held}

    def _ours_mib(self, computing: dict[int, float], server_pid: int | None) -> float | None:
        if server_pid is None or self.unified:  # an APU's model lies in the system's memory
            return None
        pid = server_alias(frozenset(computing), server_pid, self._before) or server_pid
        return computing[pid] / MIB if pid in computing else None

    def _metrics(self) -> bytes:
        try:
            return (self._folder / "gpu_metrics").read_bytes()
        except OSError:
            return b""

    def close(self) -> None:
        pass


def amd_gpus(root: Path = SYSTEM) -> list[AmdGpu]:
    """Those that amdgpu drives, in order of PCI address."""
    devices, _ = amdgpu_devices(root)
    return [AmdGpu(device, index, root) for index, device in enumerate(devices)]


def _energy_j(metrics: bytes) -> float | None:
    count = _word(metrics, _ENERGY_AT)
    return None if count is None else count * _ENERGY_UNIT_J


def _throttle(metrics: bytes) -> frozenset[str] | None:
    """None where the table is of another revision: its bits mean another thing on each card."""
    status = _word(metrics, _THROTTLE_AT)
    if status is None:
        return None
    return frozenset(
        name for name, bits in _THROTTLES.items() if any(status >> bit & 1 for bit in bits)
    )


def _word(metrics: bytes, place: dict[tuple[int, int], int]) -> int | None:
    """The 64-bit word at the byte that `place` names for this revision of the table."""
    if len(metrics) < 4:
        return None
    _, *revision = struct.unpack_from("<HBB", metrics)
    at = place.get((revision[0], revision[1]))
    if at is None or len(metrics) < at + 8:
        return None
    (word,) = struct.unpack_from("<Q", metrics, at)
    return None if word == _UNKNOWN else int(word)
