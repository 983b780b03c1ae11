"""What a rig is, as read from the rig itself: never typed.

None always means "not known"; `gaps` says why where a probe failed. Sizes in MiB (2**20),
clocks in MHz, power in W, temperatures in degrees Celsius.
"""

from typing import Literal

from bench_pipeline.records.base import Count, NonNegative, Positive, Record, UtcTime


class Cpu(Record):
    model: str
    architecture: str | None = None
    physical_cores: int | None = None
    logical_cores: int | None = None
    max_mhz: float | None = None
    flags: list[str] = []
    """Only the instruction sets that change how an engine computes (AVX2, AMX, ...)."""
    hypervisor: str | None = None
    """Set on a virtual machine: what the machine says of its host, or `unknown`."""


class Memory(Record):
    total_mib: Positive
    available_mib: NonNegative | None = None
    swap_total_mib: NonNegative | None = None
    swap_used_mib: NonNegative | None = None


class OperatingSystem(Record):
    name: str
    kernel: str | None = None


class Gpu(Record):
    index: Count
    vendor: Literal["nvidia", "amd", "intel", "apple", "other"]
    name: str
    memory_mib: Positive | None = None
    """Dedicated VRAM; on unified memory, the carve-out."""
    unified_memory: bool = False
    shared_memory_mib: NonNegative | None = None
    """AMD: GTT, the system memory that the GPU may map."""
    driver: str | None = None
    cuda_version: str | None = None
    """Newest CUDA that the driver supports."""
    compute_capability: str | None = None
    power_cap_w: float | None = None
    power_default_w: float | None = None
    power_min_w: float | None = None
    power_max_w: float | None = None
    core_clock_mhz: float | None = None
    core_clock_max_mhz: float | None = None
    memory_clock_mhz: float | None = None
    memory_clock_max_mhz: float | None = None
    memory_bus_bits: int | None = None
    pcie_address: str | None = None
    pcie_generation: int | None = None
    pcie_generation_max: int | None = None
    pcie_width: int | None = None
    pcie_width_max: int | None = None
    ecc_enabled: bool | None = None
    temperature_c: float | None = None


class EngineDevice(Record):
    """One line of the engine's own `--list-devices`."""

    id: str
    """`CUDA0`, `Vulkan0`: what `--device` takes."""
    name: str
    total_mib: float | None = None
    free_mib: float | None = None


class Inventory(Record):
    captured_at: UtcTime | None = None
    """None only for published figures, whose page did not say."""
    cpu: Cpu
    memory: Memory
    os: OperatingSystem
    gpus: list[Gpu] = []
    engine_devices: list[EngineDevice] = []
    gaps: list[str] = []
    """One sentence for each probe that failed, e.g. "NVML: driver not loaded"."""
    as_printed: dict[str, str] = {}
    """Published figures only: the card's lines word for word, contradictions included."""
