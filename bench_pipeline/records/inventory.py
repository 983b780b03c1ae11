"""What a rig is, as read from the rig itself: never typed.

None always means "not known"; `gaps` says why where a probe failed. Sizes in MiB (2**20),
clocks in MHz, power in W, temperatures in degrees Celsius.
"""

from collections.abc import Sequence
from typing import Literal

from bench_pipeline.records.base import Count, NonNegative, Positive, Record, UtcTime


class Cpu(Record):
    """The processor."""

    model: str
    """Name as the processor gives it."""
    architecture: str | None = None
    """`x86_64`, `arm64`, ..."""
    physical_cores: int | None = None
    """Cores that this machine sees."""
    logical_cores: int | None = None
    """Hardware threads that this machine sees."""
    max_mhz: float | None = None
    """Highest clock."""
    flags: list[str] = []
    """Only the instruction sets that change how an engine computes (AVX2, AMX, ...)."""
    hypervisor: str | None = None
    """Set on a virtual machine: what the machine says of its host, or `unknown`."""


class Memory(Record):
    """System memory."""

    total_mib: Positive | None = None
    """Installed, as the kernel counts it. None only in an imported run: its file does not say."""
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


class Gpu(Record):
    """One GPU. Clocks, links and temperature are of the moment of capture."""

    index: Count
    """As its driver counts."""
    vendor: Literal["nvidia", "amd", "intel", "apple", "other"]
    """Who made the chip."""
    name: str
    """As its driver gives it."""
    memory_mib: Positive | None = None
    """Dedicated VRAM; on unified memory, the carve-out."""
    unified_memory: bool = False
    """Whether it shares the system's memory."""
    shared_memory_mib: NonNegative | None = None
    """AMD: GTT, the system memory that the GPU may map."""
    driver: str | None = None
    """Version of the driver."""
    cuda_version: str | None = None
    """Newest CUDA that the driver supports."""
    compute_capability: str | None = None
    """NVIDIA: `9.0`, ..."""
    power_cap_w: float | None = None
    """Limit in force."""
    power_default_w: float | None = None
    """Limit from the factory."""
    power_min_w: float | None = None
    """Lowest limit that can be set."""
    power_max_w: float | None = None
    """Highest limit that can be set."""
    core_clock_mhz: float | None = None
    """Of the moment."""
    core_clock_max_mhz: float | None = None
    """Highest."""
    memory_clock_mhz: float | None = None
    """Of the moment."""
    memory_clock_max_mhz: float | None = None
    """Highest."""
    memory_bus_bits: int | None = None
    """Width of the memory bus."""
    pcie_address: str | None = None
    """`domain:bus:device.function`."""
    pcie_generation: int | None = None
    """Of the moment: links slow down when idle."""
    pcie_generation_max: int | None = None
    """That card and slot manage."""
    pcie_width: int | None = None
    """Lanes in use."""
    pcie_width_max: int | None = None
    """Lanes that card and slot manage."""
    ecc_enabled: bool | None = None
    """Whether memory errors are corrected."""
    temperature_c: float | None = None
    """Of the chip."""


class EngineDevice(Record):
    """One line of the engine's own `--list-devices`."""

    id: str
    """`CUDA0`, `Vulkan0`: what `--device` takes."""
    name: str
    """As the engine prints it."""
    total_mib: float | None = None
    """Memory that the engine sees."""
    free_mib: float | None = None
    """Of it free when it looked."""


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
    gpus: list[Gpu] = []
    """Every GPU found, used or not."""
    engine_devices: list[EngineDevice] = []
    """What the engine itself could compute on."""
    gaps: list[str] = []
    """One sentence for each probe that failed, e.g. "NVML: driver not loaded"."""
    as_printed: dict[str, str] = {}
    """Published and imported figures only: the card's lines, or what the file says of the machine,
    word for word, contradictions included."""

    def gpus_behind(self, device_ids: Sequence[str]) -> list[Gpu]:
        """The GPUs that the engine knows by these names (`CUDA0`), found by the device's name.

        Of several cards of one kind the first ones: engine and driver may count differently,
        and nothing in the engine's list tells such cards apart.
        """
        used: list[Gpu] = []
        for device in self.engine_devices:
            if device.id not in device_ids:
                continue
            spare = [gpu for gpu in self.gpus if gpu not in used]
            used += [gpu for gpu in spare if gpu.name in device.name or device.name in gpu.name][:1]
        return used
