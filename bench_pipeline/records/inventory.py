"""What a rig is, as read from the rig itself: never typed.

None always means "not known"; `gaps` says why where a probe failed. Sizes in MiB (2**20),
clocks in MHz, power in W, temperatures in degrees Celsius.
"""

from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from bench_pipeline.records.base import (
    MOST_ITEMS,
    Count,
    Finite,
    NonNegative,
    Positive,
    Record,
    UtcTime,
)
from bench_pipeline.records.devices import EngineDevice as EngineDevice
from bench_pipeline.records.devices import Gpu as Gpu
from bench_pipeline.records.matching import as_used, matched, named, why_unmatched


class Cpu(Record):
    """The processor."""

    model: str
    """Name as the processor gives it."""
    architecture: str | None = None
    """`x86_64`, `arm64`, ..."""
    physical_cores: Count | None = None
    """Cores that this machine sees."""
    logical_cores: Count | None = None
    """Hardware threads that this machine sees."""
    performance_cores: Count | None = None
    """Of the physical cores the fast ones, where there are two sorts."""
    usable_cores: Positive | None = None
    """Cores' worth that a container's quota, its cpuset or the affinity leaves, where less."""
    max_mhz: Finite | None = None
    """Highest clock."""
    flags: list[str] = Field(default=[], max_length=MOST_ITEMS)
    """Only the instruction sets that change how an engine computes (AVX2, AMX, ...)."""
    hypervisor: str | None = None
    """Set on a virtual machine: what the machine says of its host, or `unknown`."""


class Memory(Record):
    """System memory."""

    total_mib: Positive | None = None
    """Installed, as the kernel counts it; in a container, what its limit leaves. None only in an
    imported run: its file does not say."""
    machine_total_mib: Positive | None = None
    """Installed in the machine, where a container's limit leaves less."""
    available_mib: NonNegative | None = None
    """Free for programs when this was captured."""
    swap_total_mib: NonNegative | None = None
    """Size of all swap."""
    swap_used_mib: NonNegative | None = None
    """Of it in use when this was captured."""


class OperatingSystem(Record):
    """The operating system."""

    name: str
    """Name and version."""
    kernel: str | None = None
    """Release of the kernel."""


class Settings(Record):
    """What of the system's software and settings decides its speed."""

    governor: str | None = None
    """Of the processor's clock."""
    energy_preference: str | None = None
    """What the processor is told to prefer: `performance`, `balance_power`, ..."""
    platform_profile: str | None = None
    """The firmware's: `performance`, `balanced`, `low-power`, ..."""
    power_source: Literal["mains", "battery"] | None = None
    """None on a machine without a battery, as a rule."""
    rocm_version: str | None = None
    """Of the ROCm that is installed."""
    firmware: str | None = None
    """Of board and processor: `BIOS F31, microcode 0xa20102b`."""
    kernel_parameters: dict[str, str] | None = None
    """Those that bear on memory of GPUs, clocks and mitigations. None: nobody looked."""


class Inventory(Record):
    """The whole machine at one moment."""

    captured_at: UtcTime | None = None
    """None only for published figures, whose page did not say."""
    cpu: Cpu
    """The processor."""
    memory: Memory
    """System memory."""
    os: OperatingSystem
    """The operating system."""
    settings: Settings | None = None
    """Governor, power source and the like."""
    gpus: list[Gpu] = Field(default=[], max_length=MOST_ITEMS)
    """Every GPU found, used or not."""
    engine_devices: list[EngineDevice] = Field(default=[], max_length=MOST_ITEMS)
    """What the engine itself could compute on."""
    gaps: list[str] = Field(default=[], max_length=MOST_ITEMS)
    """One sentence for each probe that failed, e.g. "NVML: driver not loaded"."""
    as_printed: dict[str, str] = {}
    """Published and imported figures only: the card's lines, or what the file says of the machine,
    word for word, contradictions included."""

    def gpus_behind(self, device_ids: Sequence[str]) -> list[Gpu]:
        """The cards that the engine knows by these names (`CUDA0`), in the same order; one whose
        card cannot be told is left out. A slice of a card (MIG) is a GPU of its own, of which
        neither cap nor bandwidth is known."""
        found = matched(self.engine_devices, self.gpus)
        devices = {device.id: device for device in self.engine_devices}
        return [as_used(devices[name], found[name]) for name in device_ids if name in found]

    def named_gpus(self) -> list[Gpu]:
        """`gpus`, by the engine's names for those that their drivers only number."""
        return named(self.engine_devices, self.gpus)

    def why_unknown(self, device_ids: Sequence[str]) -> str | None:
        """A sentence where the card behind one of these names cannot be told, else None."""
        return why_unmatched(self.engine_devices, self.gpus, device_ids)
